"""Two saved files side by side as an HTML page, with tables that a reader filters and sorts."""

from collections.abc import Sequence

from mnv2bench.case import Case
from mnv2bench.files import Sort
from mnv2bench.regression.judging.change import Change
from mnv2bench.regression.pages import compare, counts
from mnv2bench.regression.pages.compare import Comparison
from mnv2bench.remote.counts import CountChange
from mnv2bench.report.cells import plain
from mnv2bench.report.web.document import from_markdown, html
from mnv2bench.report.web.table import MOST_ROWS, Cell, Heading, Table

WEB_PAGE = Sort("comparison in HTML")
OF_CASE = (Heading("case"), Heading("runtime", is_filter=True), Heading("precision", is_filter=True))
OF_CHANGE = (
    *OF_CASE,
    Heading("verdict", is_filter=True),
    Heading("A ms", is_number=True),
    Heading("B ms", is_number=True),
    Heading("B/A", is_number=True),
    Heading("95 % of B/A", is_number=True),
)
OF_COUNTS = (
    *OF_CASE,
    Heading("verdict", is_filter=True),
    Heading("A instructions", is_number=True),
    Heading("B instructions", is_number=True),
    Heading("change", is_number=True),
    Heading("changed"),
)


def web_page(compared: Comparison, csv: str = "") -> str:
    """The page of a comparison; `csv` is the address of its table, from the page's folder, "" where there is none."""
    changed, counted = compared.changes, compared.counts
    timed = Table("changes", "", OF_CHANGE, list(map(_change, changed[:MOST_ROWS])), len(changed))
    instructions = Table("instructions", "", OF_COUNTS, list(map(_count, counted[:MOST_ROWS])), len(counted))
    return html(
        "compare.html",
        a=plain(compared.a),
        b=plain(compared.b),
        differ=list(map(plain, compared.differ)),
        notes=list(map(plain, compared.notes)),
        libraries=[[plain(text) for text in row] for row in compared.libraries],
        timed=timed,
        instructions=instructions,
        how_to_read=from_markdown(f"{compare.HOW_TO_READ}\n{compare.CAPTION}"),
        how_to_read_counts=from_markdown(counts.HOW_TO_READ),
        csv=csv,
    )


def _change(change: Change) -> Sequence[Cell]:
    """The cells of a case that takes time."""
    shown = compare.table_row(change)
    numbers = (change.median_a_s, change.median_b_s, change.ratio, change.low)
    return [
        *_case(change.case),
        Cell(change.verdict, change.verdict, plain(change.reason)),
        *(Cell(text, number) for text, number in zip(shown[2:], numbers, strict=True)),
    ]


def _count(change: CountChange) -> Sequence[Cell]:
    """The cells of a case whose instructions were counted."""
    *_, before, after, size, changed = counts.table_row(change)
    return [
        *_case(change.case),
        Cell(change.verdict, change.verdict, plain(change.reason)),
        Cell(before, change.before),
        Cell(after, change.after),
        Cell(size, change.ratio),
        Cell(plain(changed), plain(changed)),
    ]


def _case(id: str) -> Sequence[Cell]:
    case = Case.parse(id)
    return [Cell(text, text) for text in (id, case.backend, case.precision)]
