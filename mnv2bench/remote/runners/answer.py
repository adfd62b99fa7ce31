"""The host's side of the contract: the arguments of a runner, its answer, and the counts between its marks."""

import statistics
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, Struct, structs

from mnv2bench.case import Case
from mnv2bench.records import Plan, Samples
from mnv2bench.records.consistency import require_consistent_samples
from mnv2bench.records.encoding import decoded
from mnv2bench.remote.runners.contract import CONTRACT, COUNT, FIRST_EMPTY, FIRST_RUN, TIME
from mnv2bench.texts import one_line

MAX_PRINTED = 200  # characters of what a runner printed in place of an answer
MAX_MARKS = 10_000
Batches = Annotated[int, Meta(ge=1, le=1_000_000)]
SNAPSHOTS = msgspec.json.Decoder(dict[str, int])  # a line of icount.c: counters by name, and the label of the mark


class Marks(Struct, frozen=True):
    """How many pairs of marks a runner made: with nothing between them, and around its runs."""

    empty: Annotated[int, Meta(ge=1, le=MAX_MARKS)]
    runs: Annotated[int, Meta(ge=1, le=MAX_MARKS)]


class _Contract(Struct):
    contract: int


class _Line(Struct):
    """The last line of a runner's output."""

    runner: str
    samples: Raw
    marks: Marks | None = None
    batches: Batches | None = None


@dataclass(frozen=True)
class Answer:
    """A runner's answer; with `marks` it is of a count, and with `batches` of so many batches that each ran once.

    In both `samples` hold only the settings and the layers.
    """

    runner: str
    samples: Samples
    marks: Marks | None = None
    batches: int | None = None


@dataclass(frozen=True)
class CountedRuns:
    """Instructions between the marks of each run, those of a pair of marks alone, and the classes of the last run."""

    instructions: tuple[int, ...]
    empty: int
    classes: dict[str, int]


def arguments(case: Case, plan: Plan, *, mode: str, limit_s: float, model: str, inputs: str, outputs: str) -> list[str]:
    """The argument list of a runner in one of `contract.MODES`; in mode count `plan.rounds` is how many runs count."""
    words: dict[str, object] = {
        "--model": model,
        "--inputs": inputs,
        "--outputs": outputs,
        "--shape": ",".join(map(str, case.input_shape)),
        "--threads": case.threads,
        "--precision": case.precision,
        "--limit-s": f"{limit_s:.3f}",
        "--mode": mode,
    }
    if mode == COUNT:
        words |= {"--runs": plan.rounds, "--warmup-runs": plan.warmup_runs}
    if mode == TIME:
        words |= {
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
        contract = msgspec.json.decode(last, type=_Contract).contract
        answer = _answer(msgspec.json.decode(last, type=_Line))
    except ValueError as error:
        printed = repr(one_line(last)[:MAX_PRINTED]) if last else "nothing"
        raise ValueError(f"the runner gave no result ({one_line(str(error))}), it printed {printed}") from error
    if contract != CONTRACT:
        raise ValueError(f"the runner speaks contract {contract!r}, not {CONTRACT}: build it again from this mnv2bench")
    return answer


def _answer(line: _Line) -> Answer:
    samples = decoded(bytes(line.samples), Samples)
    require_consistent_samples(samples)
    if line.marks is None and line.batches is None and not samples.rounds:
        raise ValueError("no rounds")
    settings = {one_line(name): one_line(text) for name, text in samples.settings.items()}
    return Answer(one_line(line.runner), structs.replace(samples, settings=settings), line.marks, line.batches)


def counts(text: str, marks: Marks | None) -> CountedRuns:
    """The counts in the output of icount.c.

    ValueError where it is not whole, or where other threads ran, since the plugin's counters are not atomic.
    """
    if marks is None:
        raise ValueError("the runner set no marks, so nothing was counted")
    try:
        snapshots = {line["label"]: line for line in SNAPSHOTS.decode_lines(text)}
        empty = [_between(snapshots, FIRST_EMPTY + 2 * i)["instructions"] for i in range(marks.empty)]
        runs = [_between(snapshots, FIRST_RUN + 2 * i) for i in range(marks.runs)]
    except KeyError as error:
        raise ValueError(f"the counts have no mark {error}: the run was cut short") from error
    except msgspec.ValidationError as error:
        raise ValueError(f"the counts are not those of icount.c: {one_line(text)[:MAX_PRINTED]!r}") from error
    classes = {name: count for name, count in runs[-1].items() if name != "instructions"}
    return CountedRuns(tuple(run["instructions"] for run in runs), int(statistics.median(empty)), classes)


def _between(snapshots: dict[int, dict[str, int]], label: int) -> dict[str, int]:
    before, after = snapshots[label], snapshots[label + 1]
    if (before["threads"], after["threads"]) != (1, 1):
        raise ValueError(f"{after['threads']} threads ran while instructions were counted, so the count is not exact")
    return {name: after[name] - before[name] for name in before if name not in ("label", "threads")}
