"""The words of a recommendation, as plain texts: every page, terminal and table shows these.

Some are texts of files: whoever puts them into Markdown or HTML escapes them.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from decimal import ROUND_CEILING, Context
from functools import partial

from mnv2bench.case import Case
from mnv2bench.gpu.verified import UNVERIFIED, verified_on
from mnv2bench.networks import Size, network
from mnv2bench.precisions import FP32
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import PUBLISHED, Candidate, Setting
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ladder import BudgetRow, headline_row
from mnv2bench.recommendation.throughput import (
    arrangement,
    other_arrangements,
    rate_text,
    request_text,
    rival,
)
from mnv2bench.recommendation.ties import least_confidence, rivals_of, separation
from mnv2bench.report.cells import NONE, interval, one_decimal, plain, scaled
from mnv2bench.report.layout import parallelism
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
BUDGET_DIGITS = Context(prec=4, rounding=ROUND_CEILING)
SOURCES_DIFFER = (
    "The authors of each network published its top-1 and trained it in their own way: a small difference between two "
    "networks says little."
)
SHRUNK = "Intervals are Student's t, shrunk towards the spread of other cases."
OVER, UNDER = 0.99, 0.5  # of a confidence: beyond, its number says too much
MOST_NAMED = 5  # ties in a sentence
HEADER = (
    "budget",
    "variant",
    "runtime",
    "precision",
    "batch",
    "streams x threads",
    "images/s (95 %)",
    "p50 ms",
    "ms (95 %)",
    "p90 ms",
    "p99 ms",
    "p99.9 ms",
    "images/s",
    "CPU ms/image",
    "top-1 %",
    "kept of fp32 %",
    "peak MB",
    "mJ/image",
    "file",
    "tie",
)
SPARE = ("p99 ms", "images/s", "CPU ms/image")  # columns that a narrow page leaves out, the last of them first


def cells(row: BudgetRow) -> tuple[str, ...]:
    """The texts of a row, in the order of HEADER; a dash where there is no number, or its goal needs none."""
    candidate = row.candidate
    return (
        NONE if row.goal.is_for_throughput else budget_text(row.budget, row.goal),
        candidate.variant,
        candidate.case.backend,
        candidate.case.precision,
        *(_rates if row.goal.is_for_throughput else _times)(candidate, row.goal),
        one_decimal(candidate.accuracy),
        one_decimal(candidate.fp32_agreement),
        one_decimal(candidate.peak_mb),
        scaled(candidate.mj_per_image),
        plain(candidate.file) or NONE,
        ties_text(row) or NONE,
    )


def _rates(candidate: Candidate, goal: Goal) -> tuple[str, ...]:
    """The cells from the batch to the CPU time, of an answer for throughput."""
    case = candidate.case
    setting = (str(case.batch), f"{case.streams} x {case.threads}")
    times = (rate_text(candidate), scaled(candidate.median_ms), NONE, *_percentiles(candidate, goal))
    return (*setting, *times, NONE, scaled(candidate.cpu_ms_per_image))


def _times(candidate: Candidate, goal: Goal) -> tuple[str, ...]:
    """The same cells of an answer for one setting."""
    times = (latency_text(candidate), *_percentiles(candidate, goal), scaled(candidate.images_per_s))
    return (NONE, NONE, NONE, NONE, *times, NONE)


def _percentiles(candidate: Candidate, goal: Goal) -> tuple[str, ...]:
    """The bounds of p90, p99 and p99.9; but for p99 only that of the goal's budget."""
    return tuple(
        scaled(candidate.percentile_ms(percentile)) if percentile in (99, goal.percentile) else NONE
        for percentile in (90, 99, 99.9)
    )


def row_name(row: BudgetRow) -> str:
    """What names a row of a table beside it: its budget, and of an answer for throughput its variant."""
    return row.candidate.variant if row.goal.is_for_throughput else budget_text(row.budget, row.goal)


def table(rows: Sequence[BudgetRow]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The header and the rows; a column without any value is left out."""
    texts = [cells(row) for row in rows]
    kept = [column for column in range(len(HEADER)) if any(line[column] != NONE for line in texts)]
    return tuple(HEADER[column] for column in kept), [tuple(line[column] for column in kept) for line in texts]


def budget_text(budget: float, goal: Goal) -> str:
    """`5 ms`, `0.2 ms`, `100 MB`; of more than four digits it is rounded up, so that what fits still does."""
    rounded = BUDGET_DIGITS.create_decimal(repr(budget))
    return f"{float(rounded):,g} {goal.unit}"


def latency_text(candidate: Candidate) -> str:
    """`2.60 (2.50–2.70)`, in milliseconds."""
    low, high = candidate.interval_ms or (None, None)
    return interval(candidate.median_ms, low, high)


def place(candidate: Candidate) -> str:
    """Where a candidate runs: `openvino bf16`."""
    return f"{candidate.case.backend} {candidate.case.precision}"


def ties_text(row: BudgetRow) -> str:
    """Where the ties of a row run, the first few of them; "" without any."""
    in_goal = partial(_place_for, row.goal)
    return _with_more(list(map(in_goal, row.ties[:MOST_NAMED])), len(row.ties))


def _place_for(goal: Goal, candidate: Candidate) -> str:
    """Where a candidate runs, with its batch, threads and streams where an answer is over all of them."""
    return f"{place(candidate)}, {arrangement(candidate)}" if goal.is_for_throughput else place(candidate)


def setting_text(setting: Setting) -> str:
    """`one thread, batch 1`, or `2 streams x 1 thread, batch 8`; another device than the processor comes first."""
    device = "" if setting.device == Case().device else f"{setting.device}, "
    if setting.threads is None or setting.streams is None:
        return f"{device}throughput, whatever the batch, threads and streams"
    alone = setting.streams == 1 and setting.threads == 1
    return f"{device}{'one thread' if alone else parallelism(setting.threads, setting.streams)}, batch {setting.batch}"


def answer_title(answer: Answer) -> str:
    """What tells the answers of a machine apart: the setting, and that no accuracy is known."""
    return setting_text(answer.setting) + ("" if answer.has_accuracy else ", networks of which no top-1 is known")


def usability_text(answer: Answer, conditions: Iterable[str] = ()) -> str:
    """How usable the numbers are: `19 of 22 rows steady.`, or `DO NOT USE: 48 of 48 rows noisy, busy: load 12.0.`."""
    usability = answer.usability
    if answer.is_usable:
        left_out = _joined([f"{count} {_reason(name)}" for name, count in usability.left_out.items()])
        behind = f"; left out: {left_out}" if left_out else ""
        return f"{usability.steady} of {usability.cases} rows steady{behind}."
    reasons = [f"{count} of {usability.cases} rows {_reason(name)}" for name, count in usability.left_out.items()]
    return f"DO NOT USE: {_joined([*reasons, *conditions])}."


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
        return f"{_for_throughput(answer.goal)}{verb} {shipped}."
    if not answer.has_accuracy:
        return f"{_without_accuracy(answer)} has {shipped}."
    return f"{_within(answer.goal, row.budget)}, ship {shipped}."


def _without_accuracy(answer: Answer) -> str:
    """The beginning of a headline where no accuracy says which variant is the best."""
    cost = answer.goal.cost_name
    if len(_networks(answer)) > 1:
        return f"No top-1 is known of these networks. The table has the least {cost} of each variant; the least of all"
    return f"No top-1 is known of these networks. The least {cost}"


def _networks(answer: Answer) -> set[str]:
    """The names of the networks that an answer chooses from."""
    return {candidate.case.network for candidate in answer.candidates}


def remarks(answer: Answer) -> tuple[str, ...]:
    """What a reader must know beside the headline, a sentence each: ties, runner-up, doubts, what is not known."""
    if not answer.is_usable:
        return (advice(answer),)
    row = headline_row(answer)
    return tuple(_remarks(answer, row)) if row else ()


def _remarks(answer: Answer, row: BudgetRow) -> Iterator[str]:
    chosen, goal = row.candidate, answer.goal
    yield from _rivals_for_throughput(answer, row) if goal.is_for_throughput else _rivals(answer, row)
    if verified_on(chosen.evaluation.record) == UNVERIFIED:
        yield f"{chosen.case.backend} on {chosen.case.device} is {UNVERIFIED}: this project never checked it on a GPU."
    if chosen.evaluation.flags:
        yield f"Doubts about it: {'; '.join(map(plain, chosen.evaluation.flags))}."
    if answer.has_accuracy and chosen.case.precision != FP32.name and chosen.tested is None:
        yield f"What {chosen.case.precision} keeps of the accuracy of fp32 was not tested."
    if answer.setting.top1_of == PUBLISHED and len(_networks(answer)) > 1:
        yield SOURCES_DIFFER
    if answer.usability.repeated:
        yield (
            f"Left out as other files have the case too: {answer.usability.repeated} measurements. The "
            f"{'least' if goal.is_for_throughput else 'largest'} {goal.cost_name} of each case counts."
        )


def _rivals(answer: Answer, row: BudgetRow) -> Iterator[str]:
    """The candidates beside the one of the headline."""
    chosen, goal = row.candidate, answer.goal
    if row.ties:
        yield _tied(answer, row)
    elif confidence := _confidence(answer, row):
        rivals = len(rivals_of(chosen, answer.allowed))
        alike = "cases that are as accurate" if answer.has_accuracy else "cases of its variant"
        yield f"{confidence[0].upper()}{confidence[1:]} of {rivals + 1} {alike}."
    if goal.has_budget and answer.runner_up:
        yield f"Runner-up: {_compared(answer.runner_up, chosen)}."
    if goal.has_budget and answer.next_up and answer.next_up is not answer.runner_up:
        yield f"More accurate: {_compared(answer.next_up, chosen)}."
    if not goal.has_budget and answer.has_accuracy:
        yield f"No budget was named: the headline is for the middle one of 1, 2, 5, ... {goal.unit}."


def _rivals_for_throughput(answer: Answer, row: BudgetRow) -> Iterator[str]:
    """The candidates beside the one of a headline for throughput, first those of the same runtime and precision."""
    chosen = row.candidate
    if row.ties:
        yield f"It cannot be told from {_with_more(list(map(_with_rate, row.ties[:MOST_NAMED])), len(row.ties))}."
    if others := other_arrangements(answer, chosen):
        rates = [f"{arrangement(each)}: {rate_text(each)}" for each in others[:MOST_NAMED]]
        yield f"The same in other settings, images/s: {'; '.join(rates)}{_more(len(others))}."
    if other := rival(answer, chosen):
        yield f"The best of another runtime or precision: {_with_rate(other)}."
    if answer.next_up:
        more = f", {(answer.next_up.accuracy or 0.0) - (chosen.accuracy or 0.0):+.1f} points of top-1"
        yield f"More accurate: {name(answer.next_up)}, {_rate(answer.next_up)}{more}."
    if answer.goal.accuracy is None and len(answer.front) > 1:
        yield "No accuracy was named: the network with the most images a second is the least accurate of the table."


def _with_rate(candidate: Candidate) -> str:
    """`openvino int8, 2 streams x 1 thread, batch 8, 812.0 (790.0–835.0) images/s`."""
    return f"{place(candidate)}, {_rate(candidate)}"


def _rate(candidate: Candidate) -> str:
    return f"{arrangement(candidate)}, {rate_text(candidate)} images/s"


def _more(total: int) -> str:
    return f"; and {total - MOST_NAMED} more" if total > MOST_NAMED else ""


def intervals_text(answer: Answer) -> str:
    """How the intervals are made, where that is not Student's t over the processes of each case alone; else ""."""
    shrunk = any(candidate.method == Method.SHRUNK for candidate in answer.candidates)
    return SHRUNK if shrunk and not answer.goal.is_for_throughput else ""


def name(candidate: Candidate) -> str:
    """`mobilenet_v2_1.0_224 on openvino in bf16`, with its file where there are several."""
    case = candidate.case
    file = f" ({plain(candidate.file)})" if candidate.file else ""
    return f"{case.shown_variant} on {case.backend} in {case.precision}{file}"


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


def goal_text(goal: Goal) -> str:
    """The budgets of a goal that has any, such as `Within 5 ms, for a top-1 of 70 % at least`."""
    return _for_throughput(goal) if goal.is_for_throughput else _within(goal, goal.budget or math.inf)


def _for_throughput(goal: Goal) -> str:
    """`For throughput within 15 ms of p99 and 100 MB, for a top-1 of 70 % at least`."""
    limits = [f"{goal.latency_ms:g} ms{_bound_name(goal)}"] if goal.latency_ms is not None else []
    limits += [f"{goal.memory_mb:g} MB"] if goal.memory_mb is not None else []
    within = f" within {' and '.join(limits)}" if limits else ""
    least = f" and a top-1 of {goal.accuracy:g} % at least" if goal.accuracy is not None else ""
    return f"For throughput{within}{least}"


def _within(goal: Goal, budget: float) -> str:
    """`Within 5 ms and 100 MB`; without any budget the step of the ladder stands for one."""
    limits = []
    if goal.budget is not None or not goal.has_budget:
        limits.append(f"{budget_text(budget, goal)}{_bound_name(goal) if goal.cost == Cost.LATENCY else ''}")
    if goal.cost != Cost.MEMORY and goal.memory_mb is not None:
        limits.append(f"{goal.memory_mb:g} MB")
    if goal.cost != Cost.LATENCY and goal.latency_ms is not None:
        limits.append(f"{goal.latency_ms:g} ms{_bound_name(goal)}")
    within = [f"within {' and '.join(limits)}"] if limits else []
    least = [f"for a top-1 of {goal.accuracy:g} % at least"] if goal.accuracy is not None else []
    text = ", ".join([*within, *least])
    return text[0].upper() + text[1:]


def _bound_name(goal: Goal) -> str:
    return f" of p{goal.percentile:g}" if goal.percentile else ""


def _nothing_fits(answer: Answer) -> str:
    if answer.nearest is None:
        return "Nothing fits: no case can be chosen by."
    needs = _joined(_needs(answer.nearest, answer.goal))
    return f"Nothing fits. The nearest is {_shipped(answer.nearest, answer.goal)}. Missed: {needs}."


def _needs(candidate: Candidate, goal: Goal) -> Iterator[str]:
    """What a candidate has of each budget that it misses."""
    latency, memory = candidate.latency_ms(goal), candidate.largest_peak_mb
    if goal.latency_ms is not None and (latency is None or latency > goal.latency_ms):
        yield f"{scaled(latency)} ms{_bound_name(goal)} for a budget of {goal.latency_ms:g} ms"
    if goal.memory_mb is not None and (memory is None or memory > goal.memory_mb):
        yield f"{one_decimal(memory)} MB for a budget of {goal.memory_mb:g} MB"
    if goal.accuracy is not None and (candidate.accuracy is None or candidate.accuracy < goal.accuracy):
        yield f"top-1 {one_decimal(candidate.accuracy)} % where {goal.accuracy:g} % are the least"


def _compared(candidate: Candidate, chosen: Candidate) -> str:
    """A candidate, and what it costs against the chosen one."""
    change_ms = candidate.median_ms - chosen.median_ms
    parts = [f"{name(candidate)}, {latency_text(candidate)} ms: {change_ms:+.3g} ms"]
    if candidate.accuracy is not None and chosen.accuracy is not None:
        points = candidate.accuracy - chosen.accuracy
        parts.append("the same top-1" if not points else f"{points:+.1f} points of top-1")
    if candidate.peak_mb is not None and chosen.peak_mb is not None:
        parts.append(f"{candidate.peak_mb - chosen.peak_mb:+.1f} MB")
    return ", ".join(parts)


def _named(ties: Sequence[Candidate], chosen: Candidate) -> str:
    """The first ties, with their latencies, and how many there are."""
    names = [
        f"{place(tie) if tie.variant == chosen.variant else name(tie)}, {latency_text(tie)} ms"
        for tie in ties[:MOST_NAMED]
    ]
    return _with_more(names, len(ties))


def _with_more(names: Sequence[str], total: int) -> str:
    """The names, and how many more there are in all."""
    return _joined([*names, f"and {total - len(names)} more"] if total > len(names) else names)


def _confidence(answer: Answer, row: BudgetRow) -> str:
    """`with a confidence of 97 % it is the fastest`, among those that are as accurate; "" where nothing says so."""
    confidence = least_confidence(row.candidate, answer.allowed, answer.goal)
    return "" if confidence is None else f"with {confidence_text(confidence)} it is {_superlative(answer.goal)}"


def confidence_text(confidence: float) -> str:
    """`a confidence of 97 %`; near the ends of the scale which side it is on."""
    share = confidence_share(confidence)
    return f"a confidence {share}" if share.startswith(("over", "under")) else f"a confidence of {share}"


def confidence_share(confidence: float) -> str:
    """`97 %`, rounded down; `over 99 %` and `under 50 %` beyond these."""
    if confidence >= OVER:
        return f"over {100 * OVER:.0f} %"
    return f"under {100 * UNDER:.0f} %" if confidence < UNDER else f"{math.floor(100 * confidence)} %"


def _superlative(goal: Goal) -> str:
    return "the fastest" if goal.cost_name == Cost.LATENCY else f"the one with the least {goal.cost_name}"


def _tied(answer: Answer, row: BudgetRow) -> str:
    """The ties of a row, with which confidence it is none, and what would tell them apart."""
    needed = separation(row.ties, row.candidate, answer.allowed, answer.goal)
    named = _named(row.ties, row.candidate)
    processes = sorted(number for number in needed.processes if number)
    if not processes:
        nearer = f": they are nearer than {100 * needed.within:.1f} %" if needed.within else ""
        return f"It cannot be told from {named}. More processes would not separate them{nearer}."
    number = f"{processes[0]}" if processes[0] == processes[-1] else f"{processes[0]} to {processes[-1]}"
    of_them = "them" if len(processes) == len(row.ties) else f"{len(processes)} of the {len(row.ties)}"
    budget = " of --budget" if answer.goal.cost_name == Cost.LATENCY else ""
    confidence = _confidence(answer, row)
    return (
        f"It cannot be told from {named}{f': {confidence}' if confidence else ''}. About {_minutes(needed.minutes)} "
        f"more{budget}, {number} processes of each, would separate {of_them}."
    )


def _minutes(minutes: float) -> str:
    return "1 minute" if minutes < 1.5 else f"{minutes:,.0f} minutes"


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


def _joined(phrases: Iterable[str]) -> str:
    return ", ".join(plain(phrase) for phrase in phrases)
