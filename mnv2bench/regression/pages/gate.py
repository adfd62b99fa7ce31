"""A judgement as Markdown and as JUnit XML."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import unquote
from xml.etree import ElementTree as xml

from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Sort
from mnv2bench.regression.history import Verdict
from mnv2bench.regression.judging.judgement import (
    BROKEN,
    LEARNING,
    NOISY,
    NOT_GATED,
    NOT_JUDGED,
    NOT_MEASURED,
    ORDER,
    UNCHANGED,
    CellVerdict,
    Judgement,
)
from mnv2bench.regression.judging.pairs import IMPROVEMENT, REGRESSION
from mnv2bench.regression.pages.counts import whole_number
from mnv2bench.remote.counts import FELL, ROSE
from mnv2bench.report.cells import NONE, escape, plain, scaled, table

PAGE = Sort("summary of the gate", earlier="\n- All cells together: ")
JUNIT = Sort("JUnit file of the gate", earlier='name="mnv2bench gate ')
QUIET = (UNCHANGED, LEARNING, NOT_MEASURED)
SKIPPED = (LEARNING, NOT_GATED, NOT_MEASURED)
WITHOUT_BASELINE = "not gated: nothing can fail without --baseline"
TIMES_WITHOUT_BASELINE = "times are not gated: without --baseline only a count can fail"
HOW_TO_READ = """\
- REGRESSION, IMPROVEMENT: pairs of fresh processes, tonight's environment and the baseline's back to back, differ by
  more than 1.5 % at a risk of 1 % for the whole night. cleared: they are within 2 %. inconclusive: neither by 30 pairs.
- tonight: against the last 20 baseline-eligible nights of this machine, less what all cells share. p is one-sided; q
  after Benjamini-Hochberg. Neither is a verdict: they only choose what is measured again.
- finds: the smallest slowdown that this cell would show in 19 of 20 nights. Above 10 % it is not gated.
"""
TAILS = """\
- Tails are a second, coarser series: p90 over p50 within a round, which the first one cannot see. They are screened and
  confirmed alike. REGRESSION: p90/p50 grew by more than 10 %, at a tenth of the night's risk of 1 %. cleared: within
  15 %. Where a cell would only show more than 50 %, its tail is not gated.
"""
COUNTS = """\
- Instructions are of one call, counted under an emulator: no time, and no statistics. REGRESSION: at least 0.1 % more
  than in the last earlier night that stands. A smaller rise, and any fall, is shown and fails nothing.
"""


def part_text(value: float | None) -> str:
    """A fraction as a percentage with its sign: 0.03 is "+3.0%"."""
    return NONE if value is None else f"{value:+.1%}"


def ratio_text(row: CellVerdict) -> str:
    """`1.031 (1.024–1.038)`, new over old."""
    if row.ratio is None or row.low is None or row.high is None:
        return NONE
    return f"{row.ratio:.3f} ({row.low:.3f}–{row.high:.3f})"


def probability_text(value: float | None) -> str:
    """A probability with three digits."""
    if value is None:
        return NONE
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


COLUMNS = ("case", "verdict", "ms", "tonight", "p", "q", "new / old", "pairs", "finds", "nights", "why")
TAIL_COLUMNS = ("case", "verdict", "p90/p50", "tonight", "p", "q", "new / old", "pairs", "finds", "nights", "why")
COUNT_COLUMNS = ("case", "verdict", "instructions", "before", "nights", "why")


def counted_row(row: CellVerdict) -> list[str]:
    """The texts of a counted case under COUNT_COLUMNS."""
    after = whole_number(row.count.after) if row.count else NONE
    before = whole_number(row.count.before) if row.count else NONE
    return [row.case, row.verdict, after, before, str(row.nights), plain(row.reason)]


def timed_row(row: CellVerdict) -> list[str]:
    """The texts of a timed case under COLUMNS."""
    finds = NONE if row.detectable is None else f"{row.detectable:.1%}"
    probabilities = [probability_text(row.p), probability_text(row.q)]
    numbers = [part_text(row.deviation), *probabilities, ratio_text(row), str(row.pairs or NONE), finds]
    return [row.case, row.verdict, scaled(row.latency_ms), *numbers, str(row.nights), plain(row.reason)]


def tail_row(row: CellVerdict) -> list[str]:
    """The texts of a case's tail under TAIL_COLUMNS."""
    texts = timed_row(row)
    texts[TAIL_COLUMNS.index("p90/p50")] = NONE if row.tail is None else f"{row.tail:.3f}"
    return texts


def tally(rows: Iterable[CellVerdict | Verdict]) -> str:
    """`1 REGRESSION, 2 cleared, 151 unchanged`."""
    verdicts = Counter(row.verdict for row in rows)
    return ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in ORDER if verdicts[verdict])


def needs_attention(row: CellVerdict) -> bool:
    """Whether a tail is more than unchanged, learning, or not judged for the reason that its case's time is not."""
    return row.verdict not in (*QUIET, NOT_GATED, NOISY, BROKEN, NOT_JUDGED)


def headline(judgement: Judgement) -> str:
    """The night and its result, on one line."""
    return f"{plain(judgement.night)}: {_result(judgement)}"


def summary(judgement: Judgement) -> str:
    """The headline, how many cases have which verdict, and how many tails where they need somebody."""
    tails = [row for row in judgement.tails if needs_attention(row)]
    counted = "; ".join(filter(None, [tally(judgement.rows), f"tails: {tally(tails)}" if tails else ""]))
    return f"{headline(judgement)} ({counted})" if counted else headline(judgement)


def _result(judgement: Judgement) -> str:
    if judgement.code == ExitCode.NOT_JUDGED:
        return "cannot be judged"
    if judgement.code == ExitCode.BAD:
        regression = any(row.verdict == REGRESSION for row in judgement.rows)
        if not regression and judgement.has(REGRESSION):
            return "a confirmed regression of a tail"
        return "a confirmed regression" if regression else "a suspect, and --strict"
    timed, counted = split(judgement.rows)
    results = [] if judgement.compared else ["nothing was compared"]
    if timed and not judgement.gated:
        results.append(TIMES_WITHOUT_BASELINE if counted else WITHOUT_BASELINE)
    return "; ".join(results) or ("nothing suspect" if judgement.strict else "nothing confirmed")


def gate_markdown(judgement: Judgement, reports: Sequence[str] = (), section: str = "") -> str:
    """The summary: what needs somebody first, every other cell folded away below it.

    `reports` are the addresses of the night's own report, from the folder of the page. `section` stands behind the
    tables.
    """
    shown = [row for row in judgement.ordered() if row.verdict not in QUIET]
    rest = [row for row in judgement.ordered() if row.verdict in QUIET]
    facts = [
        f"- Machine: {escape(judgement.fingerprint)}; saved {escape(judgement.saved_at)}",
        f"- Baseline environment: {escape(judgement.baseline) or 'none: suspects are not confirmed and fail nothing'}",
        f"- All cells together: {judgement.shift:+.1%} against their usual night",
        *([f"- {tally(judgement.rows)}"] if judgement.rows else []),
        *([f"- Tails: {tally(judgement.tails)}"] if judgement.tails else []),
        *(f"- Report of the night: [{escape(unquote(address))}]({address})" for address in reports if address),
        *(f"- {escape(note)}" for note in judgement.notes),
    ]
    page = [f"# {escape(headline(judgement))}\n", "\n".join(facts) + "\n"]
    page += [_tables(shown) + "\n"] if shown else []
    if rest:
        page.append(f"<details><summary>{len(rest)} more</summary>\n\n{_tables(rest)}\n\n</details>\n")
    page += _tail_section(judgement.ordered_tails())
    notes = HOW_TO_READ
    notes += TAILS if judgement.tails else ""
    notes += COUNTS if any(row.counted for row in judgement.rows) else ""
    return "\n".join([*page, *([section] if section else []), notes])


def _tail_section(rows: Sequence[CellVerdict]) -> list[str]:
    """The tails that need somebody, and the others folded away."""
    if not rows:
        return []
    shown = [row for row in rows if needs_attention(row)]
    rest = [row for row in rows if not needs_attention(row)]
    section = ["## Tails\n"]
    section += [_tail_table(shown) + "\n"] if shown else []
    if rest:
        section.append(f"<details><summary>{len(rest)} tails</summary>\n\n{_tail_table(rest)}\n\n</details>\n")
    return section


def _tail_table(rows: Sequence[CellVerdict]) -> str:
    return table(TAIL_COLUMNS, [_escaped(tail_row(row)) for row in rows], texts=2)


def split(rows: Iterable[CellVerdict]) -> tuple[list[CellVerdict], list[CellVerdict]]:
    """The timed rows and the counted ones: they share no table."""
    timed: list[CellVerdict] = []
    counted: list[CellVerdict] = []
    for row in rows:
        (counted if row.counted else timed).append(row)
    return timed, counted


def _tables(rows: Iterable[CellVerdict]) -> str:
    timed, counted = split(rows)
    tables = []
    if timed:
        tables.append(table(COLUMNS, [_escaped(timed_row(row)) for row in timed], texts=2))
    if counted:
        tables.append(table(COUNT_COLUMNS, [_escaped(counted_row(row)) for row in counted], texts=2))
    return "\n\n".join(tables)


def _escaped(texts: Iterable[str]) -> list[str]:
    return [escape(text) if text != NONE else NONE for text in texts]


def junit(judgement: Judgement) -> str:
    """A test case a cell: a regression is a failure, what broke or was not judged an error, no verdict is skipped."""
    tails = [replace(row, case=f"tail of {row.case}") for row in judgement.tails if needs_attention(row)]
    rows = [*judgement.rows, *tails]
    suite = xml.Element("testsuite", name=f"mnv2bench gate {plain(judgement.night)}", tests=str(len(rows) or 1))
    totals = dict.fromkeys(("failures", "errors", "skipped"), 0)
    if not rows:
        case = xml.SubElement(suite, "testcase", classname="mnv2bench.gate", name="the night")
        xml.SubElement(case, "error", message=plain("; ".join(judgement.notes)))
        totals["errors"] += 1
    for row in rows:
        case = xml.SubElement(suite, "testcase", classname="mnv2bench.gate", name=plain(row.case))
        message = plain(f"{row.verdict}: {'' if row.counted else ratio_text(row)} {row.reason}")
        if row.verdict == REGRESSION:
            total, element = "failures", "failure"
        elif row.verdict in (BROKEN, NOT_JUDGED):
            total, element = "errors", "error"
        elif row.verdict in SKIPPED:
            total, element = "skipped", "skipped"
        else:
            if row.verdict in (IMPROVEMENT, ROSE, FELL):
                xml.SubElement(case, "system-out").text = message
            continue
        totals[total] += 1
        xml.SubElement(case, element, message=message)
    for name, total_of_rows in totals.items():
        suite.set(name, str(total_of_rows))
    xml.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + xml.tostring(suite, encoding="unicode") + "\n"
