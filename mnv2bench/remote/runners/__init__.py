"""What runs on a device elsewhere: one contract, an argument list in and one JSON line out, and who speaks it.

RUNNER --model FILE --inputs FILE --outputs FILE --shape B,3,R,R --threads N --limit-s S --mode time|count
       time:  --rounds N --round-s S --warmup-s S --warmup-runs N --warmup-cap-s S --warmup-cap-rounds N
              --steady-slope S
       count: --runs N --warmup-runs N

`inputs` holds three batches of float32 images, NCHW. A runner runs the first two once each, writes their logits to
`outputs`, then measures with the third, as measure/worker.py does. It ends itself with TOO_LATE after `--limit-s`. Its
last line is {"contract": 1, "runner": name, "samples": what record_json.samples_to_json gives}; in mode count also
"marks": {"empty": 3, "runs": N}, and samples hold no times. A mark is getpgid(0x6d760000 + label), which is no process
on a real kernel, and a snapshot of the counters under the plugin icount.c: three pairs with nothing between them
(labels 10 to 15), then a pair around each run (100 + 2 i and 101 + 2 i).
"""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mnv2bench.texts import one_line

if TYPE_CHECKING:  # they import numpy, which starts threads before the session could tell it how many
    from mnv2bench.cases import Case
    from mnv2bench.records import Plan

CONTRACT = 1
TOO_LATE = 124  # exit codes of a runner, beside 0 and 1
UNSUPPORTED, UNAVAILABLE = 64, 69
MARK = 0x6D760000
EMPTY_PAIRS, FIRST_EMPTY, FIRST_RUN = 3, 10, 100
COUNTED = ("litert", "executorch", "ncnn")  # the backends that run on one thread alone
MAX_PRINTED = 200


@dataclass(frozen=True)
class Bundle:
    """What is pushed to a device, the argv that starts it there, in the folder it was pushed to, and its versions."""

    paths: tuple[Path, ...]
    start: tuple[str, ...]
    facts: dict[str, str]


@dataclass(frozen=True)
class Marks:
    """How many pairs of marks a runner made: with nothing between them, and around its runs."""

    empty: int
    runs: int


@dataclass(frozen=True)
class Said:
    """What a runner answered; `samples` are fields of records.Samples, without times where there are `marks`."""

    runner: str
    samples: dict[str, Any]
    marks: Marks | None = None


def is_python(runner: str) -> bool:
    """Whether a --runner is an interpreter on the device, which then runs the backend itself."""
    return Path(runner).name.startswith("python")


def bundle(backend: str, target: str, interpreter: str = "") -> Bundle:
    """What runs a backend on a target, built where it is not cached.

    Unavailable where something to build it with is missing, Unsupported where nothing of ours runs this there.
    """
    from mnv2bench.remote.runners import build, hosted  # compilers and downloads, only where something is built

    if interpreter:
        return hosted.installed(backend, interpreter)
    return build.native(backend, target) if backend in build.NATIVE else hosted.bundle(backend, target)


def arguments(
    case: "Case", plan: "Plan", *, counting: bool, limit_s: float, model: str, inputs: str, outputs: str
) -> list[str]:
    """The contract's argument list; when counting, `plan.rounds` is how many runs are counted."""
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


def parse(out: str) -> Said:
    """A runner's answer from what it printed. ValueError, with what it printed instead, where that is none."""
    from mnv2bench.records.encoding import samples_from_json  # with numpy, see above

    lines = out.strip().splitlines()
    last = lines[-1] if lines else ""
    try:
        fields = json.loads(last, parse_constant=_refuse)
        contract, said = fields["contract"], _said(fields)
        samples_from_json(said.samples)  # raises where they are none
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        printed = repr(one_line(last)[:MAX_PRINTED]) if last else "nothing"
        raise ValueError(f"the runner gave no result ({one_line(str(error))}), it printed {printed}") from error
    if contract != CONTRACT:
        raise ValueError(f"the runner speaks contract {contract!r}, not {CONTRACT}: build it again from this mnv2bench")
    return said


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _said(fields: dict[str, Any]) -> Said:
    samples = dict(fields["samples"])
    samples["settings"] = {one_line(str(k)): one_line(str(v)) for k, v in dict(samples.get("settings", {})).items()}
    marks = Marks(_count(fields["marks"]["empty"]), _count(fields["marks"]["runs"])) if "marks" in fields else None
    if marks is None and not samples.get("rounds"):
        raise ValueError("no rounds")
    return Said(one_line(str(fields["runner"])), samples, marks)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 10_000:
        raise ValueError(f"{value!r} marks")
    return value


def counts(text: str, marks: Marks | None) -> tuple[tuple[int, ...], int, dict[str, int]]:
    """Instructions between the marks of each run, the median of the empty pairs, and the classes of the last run.

    From what icount.c wrote. ValueError where it is not whole, or other threads ran: its counters are not atomic.
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
