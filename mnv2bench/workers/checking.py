"""The checks of a process after it was timed: its outputs, where the work was done, and how fast it was."""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from mnv2bench.backends import Images
from mnv2bench.case import Case
from mnv2bench.precisions import named
from mnv2bench.records import Checks, WeightsKind
from mnv2bench.records.rounds import Round
from mnv2bench.workers import plausibility
from mnv2bench.workers.outputs import Comparison, Reference, compare_timed, worst
from mnv2bench.workers.peak import LONGER_S, Peak
from mnv2bench.workers.rotation import CHECKED, kept, of_stream


def madds_of(case: Case) -> int:
    """The multiply-adds of one inference, which is of a whole batch."""
    return case.count.madds * case.batch


def _comparison(
    case: Case,
    weights: WeightsKind,
    logits: Sequence[Images],
    numbers: Sequence[int],
    seeds: Sequence[int],
    reference: Reference,
) -> Comparison:
    """The logits of the batches of these numbers, held against the reference."""
    expected, checked = reference.of([seeds[number] for number in numbers]), reference.of(seeds[:CHECKED])
    return compare_timed(logits, expected, case.precision, weights, list(checked))


def _parts(logits: Sequence[Images], streams: int) -> list[Sequence[Images]]:
    """The logits of each stream."""
    size = len(logits) // streams
    return [logits[size * stream : size * (stream + 1)] for stream in range(streams)]


def after_rounds(
    case: Case,
    weights: WeightsKind,
    rounds: Sequence[Round],
    logits: Sequence[Images],
    seeds: Sequence[int],
    checks: Checks,
    reference: Reference,
    peak: Callable[[float | None], Peak],
) -> tuple[Checks, str]:
    """The checks, completed, and why the process is wrong: "" where it is not.

    `logits` are those that `rotation.kept` names, of batches with these `seeds`, of one stream after the other, whose
    orders of the seeds `rotation.of_stream` gives. `peak` measures for so many seconds,
    or for as long as it usually does; what seems beyond it is held against a longer measurement.
    """
    numbers = kept(len(rounds), len(seeds))
    comparison = worst(
        [
            _comparison(case, weights, part, numbers, of_stream(seeds, stream), reference)
            for stream, part in enumerate(_parts(logits, case.streams))
        ]
    )
    precision, limit = named(case.precision), peak(None)
    rate = madds_of(case) / plausibility.fast_call_ns(rounds) * 1e9
    if limit.madds_per_s and rate > plausibility.limit(limit.madds_per_s, precision):
        limit = max(limit, peak(LONGER_S))
    checks = replace(
        checks,
        batches=case.streams * (CHECKED + len(numbers)),
        error=comparison.error,
        madds_per_s=rate,
        peak_madds_per_s=limit.madds_per_s,
        peak=limit.source if limit.madds_per_s else "",
    )
    wrong = (
        comparison.wrong
        or plausibility.work_elsewhere(rounds, checks)
        or plausibility.cached_results(rounds, len(seeds), checks, case.total_threads)
        or plausibility.beyond_peak(checks, precision)
    )
    return checks, wrong


def after_counting(
    case: Case,
    weights: WeightsKind,
    logits: Sequence[Images],
    seeds: Sequence[int],
    reference: Reference,
    instructions: int,
) -> tuple[Checks, str]:
    """The same of a process whose instructions were counted; `instructions` are those of its shortest inference."""
    numbers = kept(0, len(seeds))
    comparison = _comparison(case, weights, logits, numbers, seeds, reference)
    checks = Checks(batches=CHECKED + len(numbers), error=comparison.error)
    return checks, comparison.wrong or plausibility.too_few_instructions(instructions, madds_of(case))
