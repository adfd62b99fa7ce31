"""An answer for throughput: in which batch, threads and streams a case runs, and how it does in others."""

from collections.abc import Iterable

from mnv2bench.case import Case
from mnv2bench.recommendation.answer import Answer, answers
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.report.cells import rate_interval, scaled
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import is_swept, threads

FOR_THROUGHPUT = Goal(cost=Cost.THROUGHPUT)


def parallelism(case: Case) -> str:
    """`2 streams x 1 thread`; also of one stream, beside others of several."""
    streams = "1 stream" if case.streams == 1 else f"{case.streams} streams"
    return f"{streams} x {threads(case.threads)}"


def arrangement(candidate: Candidate) -> str:
    """`2 streams x 1 thread, batch 8`."""
    return f"{parallelism(candidate.case)}, batch {candidate.case.batch}"


def rate_text(candidate: Candidate) -> str:
    """`812 (790–835)`, in images a second; a dash for none."""
    return rate_interval(candidate.images_per_s, candidate.images_per_s_interval)


def request_text(candidate: Candidate) -> str:
    """How long a request takes meanwhile: `a request takes 9.80 ms (p50), 12.10 ms at most (p99)`."""
    p99 = candidate.percentile_ms(99)
    tail = "" if p99 is None else f", {scaled(p99)} ms at most (p99)"
    return f"a request takes {scaled(candidate.median_ms)} ms (p50){tail}"


def other_arrangements(answer: Answer, chosen: Candidate) -> tuple[Candidate, ...]:
    """The chosen variant, runtime and precision in other batches, threads and streams, the most images a second first.

    Those that miss a budget of the goal are among them.
    """
    same = [each for each in answer.candidates if each is not chosen and _is_same_program(each, chosen)]
    return tuple(sorted(same, key=_rate, reverse=True))


def rival(answer: Answer, chosen: Candidate) -> Candidate | None:
    """The best of the chosen variant in another runtime or precision, of those that fit and are no tie; else None."""
    others = [
        each
        for each in answer.allowed
        if each.case.variant == chosen.case.variant and not _is_same_program(each, chosen) and each not in answer.ties
    ]
    return max(others, key=_rate, default=None)


def throughput_answers(evaluations: Iterable[Evaluation]) -> tuple[Answer, ...]:
    """The answers for throughput of the devices on which a variant ran in several batches, threads or streams."""
    return tuple(
        answer for answer in answers(evaluations, FOR_THROUGHPUT) if is_swept(each.case for each in answer.timed)
    )


def _is_same_program(candidate: Candidate, chosen: Candidate) -> bool:
    ours, theirs = candidate.case, chosen.case
    return (ours.variant, ours.backend, ours.precision) == (theirs.variant, theirs.backend, theirs.precision)


def _rate(candidate: Candidate) -> float:
    return candidate.images_per_s or 0.0
