"""The verb `compare`: how far each case moved between two saved files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.cli.app import console, show, verb
from mnv2bench.cli.options import Floors
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Content, Product, address, require_writable, write
from mnv2bench.machine import differences
from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable, load
from mnv2bench.statistics.kept_checks import machine_floor
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    from mnv2bench.regression.pages.compare import Comparison


@verb("compare")
def compare(
    a: Annotated[Path, typer.Argument(help="A saved file or journal: the earlier measurement.")],
    b: Annotated[Path, typer.Argument(help="Another one of the same machine and plan: the later measurement.")],
    force: Annotated[
        bool, typer.Option("--force", help="Show numbers that are not comparable, without a verdict.")
    ] = False,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page.")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Where to write the page in HTML: tables to filter and sort.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Where to write the table as CSV.")] = None,
    results: Floors = Path("results"),
) -> None:
    """Compare two saved files: how far each case moved. `mnv2bench duel` sees much smaller changes."""
    from mnv2bench.regression.judging.change import changes, incomparable, plan_differences, weights_differences
    from mnv2bench.regression.pages import compare as pages
    from mnv2bench.regression.pages import compare_web
    from mnv2bench.remote.counts import count_changes
    from mnv2bench.report.floor import floor_text

    page = Product(markdown, pages.PAGE, (a, b)) if markdown else None
    table = Product(csv, pages.TABLE, (a, b)) if csv else None
    web_page = Product(html, compare_web.WEB_PAGE, (a, b)) if html else None
    require_writable([product for product in (page, table, web_page) if product])
    earlier, later = _records(a), _records(b)
    machines = earlier[0].machine, later[0].machine
    floor = machine_floor(results, machines[0])
    timed = changes(earlier, later, floor)
    counted = count_changes(earlier, later)
    machine_differences = differences(*machines)
    differing = plan_differences(earlier[0].plan, later[0].plan)
    if timed:  # counts compare across machines
        differing = (*machine_differences, *differing, *weights_differences(earlier, later))
    if differing and not force:
        raise ValueError(
            f"A and B are not comparable ({_joined(differing)}): --force shows the numbers, without a verdict"
        )
    notes = [floor_text(floor)] if timed else []
    if counted and machine_differences:
        notes.append(pages.TWO_MACHINES.format(facts=_joined(machine_differences)))
    judged = incomparable(timed) if differing else timed
    comparison = pages.comparison(str(a), str(b), judged, list(differing), *machines, counted, notes)
    contents: dict[Product, Content] = {}
    if page:
        contents[page] = pages.markdown(comparison)
    if table:
        contents[table] = pages.csv(comparison)
    if web_page:
        contents[web_page] = compare_web.web_page(comparison, address(table.path, web_page.path) if table else "")
    write(contents)
    _print(comparison)
    ratios = [change.ratio for change in timed] + [change.ratio for change in counted]
    if all(ratio is None for ratio in ratios):
        console().print(f"0 of {len(ratios)} cases compared: no case has a number in both files", markup=False)
        raise typer.Exit(ExitCode.BAD)


def _records(path: Path) -> tuple[Record, ...]:
    records = load(path)
    if not records:
        raise Unusable(f"{path} names no case: measure again")
    return records


def _joined(facts: Sequence[str]) -> str:
    """The facts on one line, whatever a file holds."""
    return one_line("; ".join(facts))


def _print(comparison: "Comparison") -> None:
    from mnv2bench.regression.pages import counts
    from mnv2bench.regression.pages.compare import CAPTION, HEADER, table_row

    out = console()
    for fact in comparison.differ:
        out.print(f"incomparable: {one_line(fact)}", markup=False)
    for name, earlier, later in comparison.libraries:
        out.print(one_line(f"{name}: {earlier} in A, {later} in B"), markup=False)
    if comparison.changes:
        show(HEADER, [[one_line(cell) for cell in table_row(change)] for change in comparison.changes], caption=CAPTION)
    if comparison.counts:
        show(counts.HEADER, [[one_line(cell) for cell in counts.table_row(change)] for change in comparison.counts])
    for note in comparison.notes:
        out.print(one_line(note), markup=False)
