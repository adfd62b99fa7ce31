"""What a reader must know beside the headline of a recommendation: ties, runner-up, doubts, what is not known."""

from collections.abc import Iterator, Sequence

from mnv2bench.gpu.verified import UNVERIFIED, verified_on
from mnv2bench.precisions import FP32
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.candidates import PUBLISHED, Candidate
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ladder import BudgetRow, headline_row
from mnv2bench.recommendation.phrases import MOST_NAMED, confidence_text, latency_text, name, place, with_more
from mnv2bench.recommendation.throughput import (
    arrangement,
    other_arrangements,
    rate_text,
    rival,
)
from mnv2bench.recommendation.ties import least_confidence, rivals_of, separation
from mnv2bench.recommendation.words import advice, networks
from mnv2bench.report.cells import plain

SOURCES_DIFFER = (
    "The authors of each network published its top-1 and trained it in their own way: a small difference between two "
    "networks says little."
)


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
    if answer.setting.top1_of == PUBLISHED and len(networks(answer)) > 1:
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
        yield f"It cannot be told from {with_more(list(map(_with_rate, row.ties[:MOST_NAMED])), len(row.ties))}."
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
    return with_more(names, len(ties))


def _confidence(answer: Answer, row: BudgetRow) -> str:
    """`with a confidence of 97 % it is the fastest`, among those that are as accurate; "" where nothing says so."""
    confidence = least_confidence(row.candidate, answer.allowed, answer.goal)
    return "" if confidence is None else f"with {confidence_text(confidence)} it is {_superlative(answer.goal)}"


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
