"""The host's side of the contract: the arguments of a runner, its answer, and the counts between its marks."""

import json
import statistics
from dataclasses import dataclass
from typing import Any, NoReturn

from mnv2bench.cases import Case
from mnv2bench.records import Plan
from mnv2bench.records.encoding import samples_from_json
from mnv2bench.remote.runners.contract import CONTRACT, FIRST_EMPTY, FIRST_RUN
from mnv2bench.texts import one_line

MAX_PRINTED = 200  # characters of what a runner printed in place of an answer
MAX_MARKS = 10_000


@dataclass(frozen=True)
class Marks:
    """How many pairs of marks a runner made: with nothing between them, and around its runs."""

    empty: int
    runs: int


@dataclass(frozen=True)
class Answer:
    """A runner's answer; `samples` is the JSON of records.Samples, without times where there are `marks`."""

    runner: str
    samples: dict[str, Any]
    marks: Marks | None = None


def arguments(
    case: Case, plan: Plan, *, counting: bool, limit_s: float, model: str, inputs: str, outputs: str
) -> list[str]:
    """The argument list of a runner; when counting, `plan.rounds` is how many runs are counted."""
    files = {"--model": model, "--inputs": inputs, "--outputs": outputs}
    shape = f"{case.batch},3,{case.resolution},{case.resolution}"
    words = files | {"--shape": shape, "--threads": case.threads, "--limit-s": f"{limit_s:.3f}"}
    if counting:
        words |= {"--mode": "count", "--runs": plan.rounds, "--warmup-runs": plan.warmup_runs}
    else:
        words |= {
            "--mode": "time",
            "--rounds": plan.rounds,
            "--round-s": plan.round_s,
            "--warmup-s": plan.warmup_s,
            "--warmup-runs": plan.warmup_runs,
            "--warmup-cap-s": plan.warmup_cap_s,
            "--warmup-cap-rounds": plan.warmup_cap_rounds,
            "--steady-slope": plan.steady_slope,
        }
    return [str(word) for pair in words.items() for word in pair]


def parse(out: str) -> Answer:
    """The answer in a runner's output. ValueError, which shows the output, where there is none."""
    lines = out.strip().splitlines()
    last = lines[-1] if lines else ""
    try:
        fields = json.loads(last, parse_constant=_refuse)
        contract, answer = fields["contract"], _answer(fields)
        samples_from_json(answer.samples)  # raises where they are none
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        printed = repr(one_line(last)[:MAX_PRINTED]) if last else "nothing"
        raise ValueError(f"the runner gave no result ({one_line(str(error))}), it printed {printed}") from error
    if contract != CONTRACT:
        raise ValueError(f"the runner speaks contract {contract!r}, not {CONTRACT}: build it again from this mnv2bench")
    return answer


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _answer(fields: dict[str, Any]) -> Answer:
    samples = dict(fields["samples"])
    samples["settings"] = {one_line(str(k)): one_line(str(v)) for k, v in dict(samples.get("settings", {})).items()}
    marks = Marks(_count(fields["marks"]["empty"]), _count(fields["marks"]["runs"])) if "marks" in fields else None
    if marks is None and not samples.get("rounds"):
        raise ValueError("no rounds")
    return Answer(one_line(str(fields["runner"])), samples, marks)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_MARKS:
        raise ValueError(f"{value!r} marks")
    return value


def counts(text: str, marks: Marks | None) -> tuple[tuple[int, ...], int, dict[str, int]]:
    """Instructions between the marks of each run, the median of the empty pairs, and the classes of the last run.

    `text` is the output of icount.c. ValueError where it is not whole, or where other threads ran, since the plugin's
    counters are not atomic.
    """
    if marks is None:
        raise ValueError("the runner set no marks, so nothing was counted")
    try:
        lines = {line["label"]: line for line in map(json.loads, text.splitlines())}
        empty = [_between(lines, FIRST_EMPTY + 2 * i)["instructions"] for i in range(marks.empty)]
        runs = [_between(lines, FIRST_RUN + 2 * i) for i in range(marks.runs)]
    except KeyError as error:
        raise ValueError(f"the counts have no mark {error}: the run was cut short") from error
    except TypeError as error:
        raise ValueError(f"the counts are not those of icount.c: {one_line(text)[:MAX_PRINTED]!r}") from error
    classes = {name: n for name, n in runs[-1].items() if name != "instructions"}
    return tuple(run["instructions"] for run in runs), int(statistics.median(empty)), classes


def _between(lines: dict[int, dict[str, int]], label: int) -> dict[str, int]:
    before, after = lines[label], lines[label + 1]
    if (before["threads"], after["threads"]) != (1, 1):
        raise ValueError(f"{after['threads']} threads ran while instructions were counted, so the count is not exact")
    return {name: after[name] - before[name] for name in before if name not in ("label", "threads")}
