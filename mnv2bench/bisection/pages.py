"""A bisection as rows of a table and as Markdown: the answer first, then every release."""

from collections.abc import Sequence

from mnv2bench.bisection.answers import CaseAnswer, ReleaseRow, compared_pair
from mnv2bench.bisection.search import Direction
from mnv2bench.bisection.sentences import answer_sentence
from mnv2bench.bisection.subject import Subject
from mnv2bench.files import Sort
from mnv2bench.report.cells import NONE, escape, plain, scaled, table

PAGE = Sort("bisection page")
COLUMNS = ("verdict", "why", "ratio to good (95 %)", "ms", "pairs")  # behind the release
NUMBERS = 3  # columns at the end
DATE = "date"  # a second column, of commits alone
FASTER, SLOWER, LIKE_GOOD, SKIPPED, UNMEASURED = "faster", "slower", "not told apart", "skipped", "not measured"
HOW_TO_READ = """\
- The ratio is that of pairs of fresh processes, the release and the good one back to back: of the statistic that finds
  changes (the fast quarter of the rounds), its 20 % trimmed mean over pairs. slower, faster: the 95 % interval lies on
  one side of 1. The ms are the median of the processes.
- The first sentence rests on a duel of its own, between the two releases that it names.
- The probability of error is that of the sentence being wrong, and not that of a row.
"""


def columns(subject: Subject) -> tuple[str, ...]:
    """The headings of a case's table."""
    return (subject.noun, *COLUMNS) if subject.package else (subject.noun, DATE, *COLUMNS)


def table_row(row: ReleaseRow, answer: CaseAnswer, subject: Subject) -> list[str]:
    """The texts of a release under `columns`."""
    release = subject.releases[row.number]
    date = [] if subject.package else [release.date]
    reason = "; ".join(filter(None, (plain(row.skipped), plain(release.title))))
    pairs = str(row.pairs) if row.pairs else NONE
    return [release.name, *date, verdict(row, answer), reason, _ratio(row), scaled(row.ms), pairs]


def verdict(row: ReleaseRow, answer: CaseAnswer) -> str:
    """What the table says of a release: where the change is, else how it differs from the good one."""
    if row.number == 0:
        return "good"
    if row.skipped:
        return SKIPPED
    against_good = _against_good(row)
    return f"{against_good}, the first" if row.number == answer.ended.first else against_good


def _against_good(row: ReleaseRow) -> str:
    if row.low is None or row.high is None:
        return UNMEASURED
    if row.low > 1:
        return SLOWER
    return FASTER if row.high < 1 else LIKE_GOOD


def _ratio(row: ReleaseRow) -> str:
    if row.ratio is None:
        return NONE
    return f"{row.ratio:.3f} ({row.low:.3f}–{row.high:.3f})"


def notes(answers: Sequence[CaseAnswer], subject: Subject) -> list[str]:
    """Sentences on what differs besides the release, and on releases that were left out; not yet escaped."""
    lines = dict.fromkeys(line for answer in answers for line in _differences(answer, subject))
    left_out = subject.left_out.items()
    return [*lines, *(f"{subject.name} {name} is left out: {plain(reason)}." for name, reason in left_out)]


def _differences(answer: CaseAnswer, subject: Subject) -> list[str]:
    """What else differs between the environments of the two releases that an answer compares."""
    from packaging.utils import canonicalize_name

    old, new = (subject.releases[number].name for number in compared_pair(answer.ended, len(answer.rows)))
    own_name = canonicalize_name(subject.package)
    others = [change for change in answer.changes if canonicalize_name(change[0]) != own_name]
    if not others:
        return [f"Between {old} and {new}, nothing else differs."] if answer.changes else []
    return [f"Between {old} and {new}, {name} differs too: {before} and {after}." for name, before, after in others]


def bisection_markdown(
    subject: Subject, direction: Direction, answers: Sequence[CaseAnswer], machine: str, picture: str = ""
) -> str:
    """The page; every text of an index, a commit or an environment is escaped. `picture` is the address of the SVG."""
    good, bad = subject.releases[0].name, subject.releases[-1].name
    page = [f"# The first {direction} {subject.noun} of {escape(subject.name)}\n"]
    for answer in answers:
        sentence = escape(answer_sentence(answer, subject, direction))
        page.append(f"**{sentence}.**\n" if len(answers) == 1 else f"- {escape(answer.case)}: **{sentence}.**")
    if picture:
        page += ["", f"![The ratio of each {subject.noun} to the good one]({picture})", ""]
    headings = columns(subject)
    for answer in answers:
        lines = [[escape(text) if text != NONE else NONE for text in line] for line in _lines(answer, subject)]
        page += [f"\n## {escape(answer.case)}\n", table(headings, lines, len(headings) - NUMBERS) + "\n"]
    page += [f"- from {escape(good)} to {escape(bad)} on {escape(machine)}"]
    page += [f"- {escape(note)}" for note in notes(answers, subject)]
    return "\n".join([*page, "", HOW_TO_READ])


def _lines(answer: CaseAnswer, subject: Subject) -> list[list[str]]:
    return [table_row(row, answer, subject) for row in answer.rows]
