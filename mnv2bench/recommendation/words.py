"""The headline of a recommendation and what stands around it, as plain texts.

Some are texts of files: whoever puts them into Markdown or HTML escapes them.
"""

from collections.abc import Iterable, Iterator, Sequence

from mnv2bench.case import Case
from mnv2bench.networks import Size, network
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import PUBLISHED, Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ladder import headline_row
from mnv2bench.recommendation.phrases import (
    bound_name,
    for_throughput,
    joined,
    latency_text,
    name,
    setting_text,
    within,
)
from mnv2bench.recommendation.throughput import (
    arrangement,
    rate_text,
    request_text,
)
from mnv2bench.report.cells import one_decimal, plain, scaled
from mnv2bench.statistics.latency import Method
from mnv2bench.texts import short_name

ADVISED_GRID, SMALLEST_GRID = "published", "brief"
REASONS = {  # why a row cannot be chosen by, of the flags whose name alone does not say it
    "threads": "on other threads than requested",
    "precision": "of a doubtful precision",
    "accuracy": "with accuracy lost or untested",
    "subnormal": "slowed by subnormal weights",
}
ADVICE = {  # what to do about the reason that most rows have
    "noisy": "Measure again while nothing else runs: --wait waits for that.",
    "throttled": "Measure again on a cooler machine.",
    "oversubscribed": "Measure with as many --threads as there are cores.",
}
NO_ENERGY = "Energy needs a processor whose counter may be read, often by root only, and 2 --processes or more."
MORE_PROCESSES = "Measure with more --processes, 3 at least, or more --rounds."
SHRUNK = "Intervals are Student's t, shrunk towards the spread of other cases."


def answer_title(answer: Answer) -> str:
    """What tells the answers of a machine apart: the setting, and that no accuracy is known."""
    return setting_text(answer.setting) + ("" if answer.has_accuracy else ", networks of which no top-1 is known")


def usability_text(answer: Answer, conditions: Iterable[str] = ()) -> str:
    """How usable the numbers are: `19 of 22 rows steady.`, or `DO NOT USE: 48 of 48 rows noisy, busy: load 12.0.`."""
    usability = answer.usability
    if answer.is_usable:
        left_out = joined([f"{count} {_reason(name)}" for name, count in usability.left_out.items()])
        behind = f"; left out: {left_out}" if left_out else ""
        return f"{usability.steady} of {usability.cases} rows steady{behind}."
    reasons = [f"{count} of {usability.cases} rows {_reason(name)}" for name, count in usability.left_out.items()]
    return f"DO NOT USE: {joined([*reasons, *conditions])}."


def advice(answer: Answer) -> str:
    """What to do where nothing can be chosen by, for the reason that most rows have; "" where something can."""
    if answer.is_usable:
        return ""
    reason = next(iter(answer.usability.left_out))
    if answer.goal.cost == Cost.ENERGY and reason not in ADVICE:
        return NO_ENERGY
    return ADVICE.get(reason, MORE_PROCESSES)


def coverage_text(answer: Answer) -> str:
    """`22 variants x 11 runtimes x 3 precisions, one thread, batch 1.`, and what a small grid cannot answer."""
    cases = [candidate.case for candidate in answer.timed]
    counts = (
        _number({case.variant for case in cases}, "variant"),
        _number({case.backend for case in cases}, "runtime"),
        _number({case.precision for case in cases}, "precision"),
    )
    return " ".join([f"{' x '.join(counts)}, {setting_text(answer.setting)}.", *_missing_variants(cases)])


def headline(answer: Answer, conditions: Sequence[str] = ()) -> str:
    """The answer in plain sentences; where its numbers are not to be used, that they are not, and why.

    Without a budget it is about the row in the middle of the ladder of budgets.
    """
    if not answer.is_usable:
        return usability_text(answer, conditions)
    row = headline_row(answer)
    if row is None:
        return _nothing_fits(answer)
    shipped = _shipped(row.candidate, answer.goal)
    if answer.goal.is_for_throughput:
        chooses = answer.goal.accuracy is not None or len(answer.front) == 1
        verb = ", ship" if chooses else ": the most images a second has"
        return f"{for_throughput(answer.goal)}{verb} {shipped}."
    if not answer.has_accuracy:
        return f"{_without_accuracy(answer)} has {shipped}."
    return f"{within(answer.goal, row.budget)}, ship {shipped}."


def _without_accuracy(answer: Answer) -> str:
    """The beginning of a headline where no accuracy says which variant is the best."""
    cost = answer.goal.cost_name
    if len(networks(answer)) > 1:
        return f"No top-1 is known of these networks. The table has the least {cost} of each variant; the least of all"
    return f"No top-1 is known of these networks. The least {cost}"


def networks(answer: Answer) -> set[str]:
    """The names of the networks that an answer chooses from."""
    return {candidate.case.network for candidate in answer.candidates}


def intervals_text(answer: Answer) -> str:
    """How the intervals are made, where that is not Student's t over the processes of each case alone; else ""."""
    shrunk = any(candidate.method == Method.SHRUNK for candidate in answer.candidates)
    return SHRUNK if shrunk and not answer.goal.is_for_throughput else ""


def _shipped(candidate: Candidate, goal: Goal) -> str:
    """A candidate with its numbers, as the headline has them; with those that the goal's budgets are held against."""
    if goal.is_for_throughput:
        rate = f"{arrangement(candidate)}: {rate_text(candidate)} images/s"
        parts = [f"{name(candidate)}, {rate}; {request_text(candidate)}"]
    else:
        parts = [f"{name(candidate)}: {latency_text(candidate)} ms"]
    if goal.percentile is not None and not (goal.is_for_throughput and goal.percentile == 99):
        parts.append(f"p{goal.percentile:g} {scaled(candidate.percentile_ms(goal.percentile))} ms at most")
    if goal.memory_mb is not None or goal.cost == Cost.MEMORY:
        parts.append(f"peak {one_decimal(candidate.largest_peak_mb)} MB at most")
    if goal.cost == Cost.ENERGY:
        parts.append(f"{scaled(candidate.cost(goal))} mJ an image at most")
    if candidate.accuracy is not None:
        parts.append(f"top-1 {candidate.accuracy:.1f} % ({_source(candidate)})")
    tested = candidate.tested
    if tested and candidate.top1_of == PUBLISHED:
        parts.append(f"{tested.agreement:.1f} % of {plain(tested.images)} as in fp32")
    return ", ".join(parts)


def _source(candidate: Candidate) -> str:
    of_user = candidate.top1_of != PUBLISHED
    return f"measured on {plain(candidate.accuracy_source)}" if of_user else PUBLISHED


def _nothing_fits(answer: Answer) -> str:
    if answer.nearest is None:
        return "Nothing fits: no case can be chosen by."
    needs = joined(_needs(answer.nearest, answer.goal))
    return f"Nothing fits. The nearest is {_shipped(answer.nearest, answer.goal)}. Missed: {needs}."


def _needs(candidate: Candidate, goal: Goal) -> Iterator[str]:
    """What a candidate has of each budget that it misses."""
    latency, memory = candidate.latency_ms(goal), candidate.largest_peak_mb
    if goal.latency_ms is not None and (latency is None or latency > goal.latency_ms):
        yield f"{scaled(latency)} ms{bound_name(goal)} for a budget of {goal.latency_ms:g} ms"
    if goal.memory_mb is not None and (memory is None or memory > goal.memory_mb):
        yield f"{one_decimal(memory)} MB for a budget of {goal.memory_mb:g} MB"
    if goal.accuracy is not None and (candidate.accuracy is None or candidate.accuracy < goal.accuracy):
        yield f"top-1 {one_decimal(candidate.accuracy)} % where {goal.accuracy:g} % are the least"


def _reason(name: str) -> str:
    return REASONS.get(name, name)


def _missing_variants(cases: Sequence[Case]) -> Iterator[str]:
    """What grids that are smaller than the published ones cannot answer."""
    usual = [case for case in cases if not case.unusual_shape]
    names = sorted({case.network for case in usual})
    if len(names) > 1:
        some = [name for name in names if _of_grid(name, usual)]
        shares = [f"{share} of {short_name(name)}" for name in some if (share := _share_of_grid(name, usual))]
        if shares:
            yield f"Of the published grids: {', '.join(shares)}."
    elif names and (share := _share_of_grid(names[0], usual)):
        small = len(_of_grid(names[0], usual)) <= len(network(names[0]).grids.get(SMALLEST_GRID, ()))
        works = ": it works here; to choose, run make published" if small else " of the published grid"
        yield f"{share} variants{works}."


def _share_of_grid(name: str, cases: Sequence[Case]) -> str:
    """`5 of 22`: how much of a network's published grid was measured; "" where all of it was."""
    every, measured = len(set(network(name).grids.get(ADVISED_GRID, ()))), len(_of_grid(name, cases))
    return f"{measured} of {every}" if measured < every else ""


def _of_grid(name: str, cases: Sequence[Case]) -> set[Size]:
    """The widths and resolutions of a network's published grid that were measured."""
    grid = network(name).grids.get(ADVISED_GRID, ())
    return {(case.width, case.resolution) for case in cases if case.network == name}.intersection(grid)


def _number(values: set[str], noun: str) -> str:
    return f"{len(values)} {noun}" if len(values) == 1 else f"{len(values)} {noun}s"
