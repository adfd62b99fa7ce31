"""What a bisection concluded, in sentences that need no table beside them."""

from mnv2bench.bisection.answers import CaseAnswer, skipped_between
from mnv2bench.bisection.search import LEAST_ERROR, Direction, Ended, Outcome
from mnv2bench.bisection.subject import Subject
from mnv2bench.report.cells import plain

OTHER = {Direction.SLOWER: Direction.FASTER, Direction.FASTER: Direction.SLOWER}


def answer_sentence(answer: CaseAnswer, subject: Subject, direction: Direction) -> str:
    """The conclusion of a case in one sentence, on one line and not yet escaped."""
    ended = answer.ended
    good, bad = subject.releases[0].name, subject.releases[-1].name
    if ended.first is not None:
        return _change(answer, subject, direction)
    if ended.outcome == Outcome.STEPS:
        return (
            f"{subject.name} {bad} is {direction} than {good} by several changes, of which none is told apart as the "
            f"first: {_ratio(ended)}, {_probability(ended)}{_among(ended, subject)}"
        )
    if ended.outcome == Outcome.NO_CHANGE:
        return (
            f"{subject.name} {bad} is not {direction} than {good}: {_ratio(ended)}, {_probability(ended)}"
            f"{_smallest(ended)}"
        )
    if ended.outcome == Outcome.OPPOSITE:
        other = OTHER[direction]
        return (
            f"{subject.name} {bad} is {other} than {good} and not {direction}: {_ratio(ended)}, {_probability(ended)}; "
            f"--{other} looks for the first that is"
        )
    so_far = "" if ended.ratio is None else f"; so far {_ratio(ended)}"
    reason = plain(ended.reason)
    return f"{subject.name}: undecided between {good} and {bad}: {reason}{so_far}{_among(ended, subject)}"


def _change(answer: CaseAnswer, subject: Subject, direction: Direction) -> str:
    """The sentence that names the first changed release, or the two that it lies between."""
    ended = answer.ended
    assert ended.first is not None and ended.before is not None
    first, before = subject.releases[ended.first], subject.releases[ended.before].name
    title = f" ({plain(first.title)})" if first.title else ""
    more = ", and later ones change it too" if ended.outcome == Outcome.STEPS else ""
    skipped = skipped_between(answer)
    relation = f"is {direction} than {before}" if skipped else f"is the first that is {direction}"
    over = "" if skipped else f" over {before}"
    phrases = [f"{subject.releases[number].name} {reason.partition(': ')[0]}" for number, reason in skipped.items()]
    between = f"; between them, {', '.join(phrases)}" if skipped else ""
    return (
        f"{subject.label(ended.first)}{title} {relation}{more}: {_ratio(ended)}{over}, {_probability(ended)}{between}"
    )


def _ratio(ended: Ended) -> str:
    """`1.082 (1.063 to 1.101)`."""
    if ended.ratio is None or ended.low is None or ended.high is None:
        return "no ratio"
    return f"{ended.ratio:.3f} ({ended.low:.3f} to {ended.high:.3f})"


def _probability(ended: Ended) -> str:
    least = ended.error_probability <= LEAST_ERROR
    return f"probability of error {'at most ' if least else ''}{100 * ended.error_probability:.2g} %"


def _among(ended: Ended, subject: Subject) -> str:
    """Where the first change is, as far as it is known."""
    if ended.among is None or ended.among == (1, len(subject.releases) - 1):
        return ""
    first, last = (subject.releases[number].name for number in ended.among)
    return f"; the first change, if there is one, is {first}" + ("" if first == last else f" to {last}")


def _smallest(ended: Ended) -> str:
    """Which change would have been seen where there is none."""
    return "" if ended.smallest is None else f"; a change of {100 * (ended.smallest - 1):.2g} % would have been seen"
