"""A judgement as Markdown and as JUnit XML."""

from collections import Counter
from collections.abc import Iterable
from xml.etree import ElementTree as xml

from mnv2bench.regression.judging.judgement import (
    BROKEN,
    LEARNING,
    NOT_GATED,
    NOT_JUDGED,
    NOT_MEASURED,
    ORDER,
    UNCHANGED,
    CellVerdict,
    Judgement,
)
from mnv2bench.regression.judging.pairs import IMPROVEMENT, REGRESSION
from mnv2bench.regression.pages.counts import whole
from mnv2bench.remote.counts import FELL, ROSE
from mnv2bench.report.cells import NONE, escape, plain, scaled, table

QUIET = (UNCHANGED, LEARNING, NOT_MEASURED)
SKIPPED = (LEARNING, NOT_GATED, NOT_MEASURED)
HEADLINES = {
    0: "nothing confirmed",
    1: "a confirmed regression",
    3: "cannot be judged",
}
HOW_TO_READ = """\
- REGRESSION, IMPROVEMENT: pairs of fresh processes, tonight's environment and the baseline's back to back, differ by
  more than 1.5 % at a risk of 1 % for the whole night. cleared: they are within 2 %. inconclusive: neither by 30 pairs.
- tonight: against the last 20 accepted nights of this machine, less what all cells share. p is one-sided; q after
  Benjamini-Hochberg. Neither is a verdict: they only choose what is measured again.
- finds: the smallest slowdown that this cell would show in 19 of 20 nights. Above 10 % it is not gated.
"""
COUNTS = """\
- Instructions are of one call, counted under an emulator: no time, and no statistics. REGRESSION: at least 0.1 % more
  than in the last earlier night that stands. A smaller rise, and any fall, is told and fails nothing.
"""


def part(value: float | None) -> str:
    """A part of one as a percentage with its sign."""
    return NONE if value is None else f"{value:+.1%}"


def ratio(row: CellVerdict) -> str:
    """`1.031 (1.024–1.038)`, new over old."""
    if row.ratio is None or row.low is None or row.high is None:
        return NONE
    return f"{row.ratio:.3f} ({row.low:.3f}–{row.high:.3f})"


def chance(value: float | None) -> str:
    return NONE if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


COLUMNS = ("case", "verdict", "ms", "tonight", "p", "q", "new / old", "pairs", "finds", "nights", "why")


COUNT_COLUMNS = ("case", "verdict", "instructions", "before", "nights", "why")


def count_cells(row: CellVerdict) -> list[str]:
    """Of a counted case, one line of a table of its own, as plain text."""
    after, before = (whole(row.count.after), whole(row.count.before)) if row.count else (NONE, NONE)
    return [row.case, row.verdict, after, before, str(row.nights), plain(row.reason)]


def cells(row: CellVerdict) -> list[str]:
    """One line of the table, as plain text."""
    finds = NONE if row.detectable is None else f"{row.detectable:.1%}"
    numbers = [part(row.deviation), chance(row.p), chance(row.q), ratio(row), str(row.pairs or NONE), finds]
    return [row.case, row.verdict, scaled(row.latency_ms), *numbers, str(row.nights), plain(row.reason)]


def counts(judgement: Judgement) -> str:
    """`1 REGRESSION, 2 cleared, 151 unchanged`."""
    found = Counter(row.verdict for row in judgement.rows)
    return ", ".join(f"{found[verdict]} {verdict}" for verdict in ORDER if found[verdict])


def headline(judgement: Judgement) -> str:
    return f"{plain(judgement.night)}: {HEADLINES[judgement.code]}"


def gate_markdown(judgement: Judgement) -> str:
    """The summary: what needs somebody first, every other cell folded away below it."""
    shown = [row for row in judgement.ordered() if row.verdict not in QUIET]
    rest = [row for row in judgement.ordered() if row.verdict in QUIET]
    facts = [
        f"- Machine: {escape(judgement.fingerprint)}; saved {escape(judgement.saved_at)}",
        f"- Baseline environment: {escape(judgement.baseline) or 'none: suspects are not confirmed and fail nothing'}",
        f"- All cells together: {judgement.shift:+.1%} against their usual night",
        f"- {counts(judgement)}",
        *(f"- {escape(note)}" for note in judgement.notes),
    ]
    page = [f"# {escape(headline(judgement))}\n", "\n".join(facts) + "\n"]
    page += [_tables(shown) + "\n"] if shown else []
    if rest:
        page.append(f"<details><summary>{len(rest)} more</summary>\n\n{_tables(rest)}\n\n</details>\n")
    return "\n".join([*page, HOW_TO_READ + COUNTS * any(row.counted for row in judgement.rows)])


def split(rows: Iterable[CellVerdict]) -> tuple[list[CellVerdict], list[CellVerdict]]:
    """The timed ones, then those that are counted: they share no table."""
    every = list(rows)
    return [row for row in every if not row.counted], [row for row in every if row.counted]


def _tables(rows: Iterable[CellVerdict]) -> str:
    timed, counted = split(rows)
    drawn = [table(COLUMNS, [_escaped(cells(row)) for row in timed], texts=2)] if timed else []
    drawn += [table(COUNT_COLUMNS, [_escaped(count_cells(row)) for row in counted], texts=2)] if counted else []
    return "\n\n".join(drawn)


def _escaped(texts: Iterable[str]) -> list[str]:
    return [escape(text) if text != NONE else NONE for text in texts]


def junit(judgement: Judgement) -> str:
    """A test case a cell: a regression is a failure, what broke or was not judged an error, no verdict is skipped."""
    suite = xml.Element("testsuite", name=f"mnv2bench gate {plain(judgement.night)}", tests=str(len(judgement.rows)))
    found = dict.fromkeys(("failures", "errors", "skipped"), 0)
    for row in judgement.rows:
        case = xml.SubElement(suite, "testcase", classname="mnv2bench.gate", name=plain(row.case))
        message = plain(f"{row.verdict}: {'' if row.counted else ratio(row)} {row.reason}")
        if row.verdict == REGRESSION:
            kind, element = "failures", "failure"
        elif row.verdict in (BROKEN, NOT_JUDGED):
            kind, element = "errors", "error"
        elif row.verdict in SKIPPED:
            kind, element = "skipped", "skipped"
        else:
            if row.verdict in (IMPROVEMENT, ROSE, FELL):
                xml.SubElement(case, "system-out").text = message
            continue
        found[kind] += 1
        xml.SubElement(case, element, message=message)
    for kind, count in found.items():
        suite.set(kind, str(count))
    xml.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(suite, encoding="unicode") + "\n"
