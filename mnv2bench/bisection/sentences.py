"""What a bisection concluded, in sentences that need no table beside them."""

from mnv2bench.bisection.answers import CaseAnswer, skipped_between
from mnv2bench.bisection.search import Direction, Ended, Outcome
from mnv2bench.bisection.subject import Subject
from mnv2bench.report.cells import plain

OTHER = {Direction.SLOWER: Direction.FASTER, Direction.FASTER: Direction.SLOWER}
LEAST_PROBABILITY = 1e-4  # a smaller one is not worth more digits


def answer_sentence(answer: CaseAnswer, subject: Subject, direction: Direction) -> str:
    """The conclusion of a case in one sentence, on one line and not yet escaped."""
    ended = answer.ended
    good, bad = subject.releases[0].name, subject.releases[-1].name
    if ended.outcome == Outcome.STEP:
        return _step(answer, subject, direction)
    if ended.outcome == Outcome.STEPS:
        return (
            f"{subject.name}: no single {subject.noun} is the first that is {direction}: it grows over several from "
            f"{good} to {bad}, {_ratio(ended)}, {_probability(ended)}"
        )
    if ended.outcome == Outcome.NO_CHANGE:
        return f"{subject.name} {bad} is not {direction} than {good}: {_ratio(ended)}{_smallest(ended)}"
    if ended.outcome == Outcome.OPPOSITE:
        other = OTHER[direction]
        return (
            f"{subject.name} {bad} is {other} than {good} and not {direction}: {_ratio(ended)}, {_probability(ended)}; "
            f"--{other} looks for the first that is"
        )
    return f"{subject.name}: undecided between {good} and {bad}: {plain(ended.reason)}{_so_far(ended)}"


def _step(answer: CaseAnswer, subject: Subject, direction: Direction) -> str:
    ended = answer.ended
    assert ended.first is not None and ended.before is not None
    first, before = subject.releases[ended.first], subject.releases[ended.before].name
    title = f" ({plain(first.title)})" if first.title else ""
    label = f"{subject.label(ended.first)}{title}"
    skipped = skipped_between(answer)
    if not skipped:
        return f"{label} is the first that is {direction}: {_ratio(ended)} over {before}, {_probability(ended)}"
    phrases = {number: reason.partition(": ")[0] for number, reason in skipped.items()}
    names = ", ".join(f"{subject.releases[number].name} {phrase}" for number, phrase in phrases.items())
    return f"{label} is {direction} than {before}: {_ratio(ended)}, {_probability(ended)}; between them, {names}"


def _ratio(ended: Ended) -> str:
    """`1.082 (1.063 to 1.101)`."""
    if ended.ratio is None or ended.low is None or ended.high is None:
        return "no ratio"
    return f"{ended.ratio:.3f} ({ended.low:.3f} to {ended.high:.3f})"


def _so_far(ended: Ended) -> str:
    return "" if ended.ratio is None else f"; so far {_ratio(ended)}"


def _probability(ended: Ended) -> str:
    if ended.error_probability < LEAST_PROBABILITY:
        return f"probability of error below {LEAST_PROBABILITY * 100:g} %"
    return f"probability of error {ended.error_probability * 100:.2g} %"


def _smallest(ended: Ended) -> str:
    if ended.smallest is None:
        return ""
    return f"; a change of {100 * (ended.smallest - 1):.2g} % would have been seen"
