"""The verb `history`: what was measured over many nights."""

import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.case import Case, Kind
from mnv2bench.cli.app import console, show, verb
from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Product, Sort, printable, require_writable, write
from mnv2bench.machine import this_machine
from mnv2bench.matching import matching_name
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    import pandas as pd

    from mnv2bench.regression.history import Epoch, Unread, Verdict
    from mnv2bench.regression.history.points import Point

    Verdicts = dict[str, dict[str, Verdict]]

FIRST_NIGHT = "pytest suites --benchmark-save=nightly makes one"
EXTRA = "pip install 'mnv2bench[{}]'"
COMMIT = re.compile(r"([0-9a-f]{7,64})(\+?)")
CSV_ADDED = (  # columns of the history behind those of the report's CSV
    "night", "series", "libraries", "plan", "level", "process_sd", "noisy", "drifting", "doubt", "counts",
    "facts",
)  # fmt: skip
SPARE = ("eligible", "doubtful", "since", "commit", "changed")  # columns that a narrow terminal does without


@verb("history")
def history(
    case: Annotated[
        str, typer.Argument(help="A case id, or a part of one that no other id has. Default: all cases.")
    ] = "",
    results: Annotated[Path, typer.Option(help="The folder where `pytest suites` saves.")] = Path("results"),
    fingerprint: Annotated[str, typer.Option(help="The machine of the history. Default: this machine.")] = "",
    series: Annotated[
        str, typer.Option(help="The NAME of --benchmark-save=NAME. Default: the series of the newest night.")
    ] = "",
    csv: Annotated[Path | None, typer.Option(help="Where to write every night of every case as CSV.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write a picture of the CASE.")] = None,
    baseline: Annotated[
        bool, typer.Option("--baseline", help="Print only the commit of the baseline environment.")
    ] = False,
) -> None:
    """Show the nights of this machine: every case as it stands, or one case night by night with its plot."""
    from mnv2bench.comparison.reports import reports_of
    from mnv2bench.regression.history import date_notes, lineage, nights
    from mnv2bench.regression.pages.picture import PICTURE

    if svg and not case:
        raise ValueError("--svg draws one case: name the CASE too")
    machine = fingerprint or _machine_of(results)
    loaded = lineage(results, machine)
    for file in loaded.unread:
        print(f"skipped: {one_line(file.reason)}", file=sys.stderr)
    frame = _nights_of_series(loaded.frame, series, results / machine)
    own_nights = [night for night in nights(frame) if "/" not in night.night]
    for line in date_notes(own_nights, datetime.now(UTC)):
        print(one_line(line), file=sys.stderr)
    accepted, past_verdicts = loaded.epochs, loaded.verdicts
    if baseline:
        typer.echo(_baseline_commit(frame, accepted, loaded.unread))
        return
    picture = Product(svg, PICTURE) if svg else None
    table = Product(csv, _table()) if csv else None
    saved = [results / machine / source for source in frame["source"].unique().tolist()]
    require_writable([product for product in (picture, table) if product], inputs=saved)
    matching = matching_name(case, frame["case"].unique().tolist(), "no night has a case") if case else ""
    if table:
        write({table: _csv_parts(frame, results / machine)}, inputs=saved)
    if matching:
        _show_case(frame, matching, accepted, past_verdicts, picture)
    else:
        title = one_line(f"{machine}, {frame['series'].iloc[-1]}")
        _show_all(frame, accepted, past_verdicts, title)
    if csv:
        console().print(f"CSV: {printable(csv)}", markup=False)
    for report in reports_of(results / machine / str(frame["source"].iloc[-1])):
        console().print(f"report of the newest night: {printable(report)}", markup=False)
    shown = frame[frame["case"] == matching] if matching else frame
    unmeasured = not (shown["status"] == "ok").any()
    if unmeasured:
        print("no night has a number of it: mnv2bench report says why, for a file", file=sys.stderr)
    raise typer.Exit(ExitCode.BAD if loaded.unread or unmeasured else ExitCode.DONE)


def _show_all(frame: "pd.DataFrame", accepted: "Sequence[Epoch]", past_verdicts: "Verdicts", title: str) -> None:
    """Print a table of the cases that are timed, and a table of those that are counted."""
    from mnv2bench.regression.history.standings import counted_standings, timed_standings
    from mnv2bench.regression.pages import history as pages

    timed = [pages.timed_row(standing) for standing in timed_standings(frame, accepted, past_verdicts)]
    counted = [pages.counted_row(standing) for standing in counted_standings(frame, accepted, past_verdicts)]
    if timed:
        show(pages.TIMED_COLUMNS, timed, title, pages.TIMED_CAPTION, SPARE)
    if counted:
        show(pages.COUNTED_COLUMNS, counted, title, pages.COUNTED_CAPTION, SPARE)


def _show_case(
    frame: "pd.DataFrame", case: str, accepted: "Sequence[Epoch]", past_verdicts: "Verdicts", picture: Product | None
) -> None:
    """Write a case's picture where that is a file, and print its table and plot."""
    from mnv2bench.regression.history.points import points
    from mnv2bench.regression.pages import history as pages
    from mnv2bench.regression.pages.picture import svg

    nights = points(frame, case, accepted, past_verdicts)
    hints, notes = _change_points(nights)
    try:
        plot = pages.plot(case, nights, hints)
    except ModuleNotFoundError as error:
        plot = ""
        notes.append(f"no plot: {error.name} is not installed: {EXTRA.format('plots')}")
    if picture:
        write({picture: svg(case, nights, hints)})
    is_counted = Case.parse(case).kind == Kind.COUNTED
    rows = [pages.night_row(night, night.night in hints, is_counted) for night in nights]
    columns, caption = pages.TIMED_NIGHT_COLUMNS, pages.TIMED_NIGHT_CAPTION
    if is_counted:
        columns, caption = pages.COUNTED_NIGHT_COLUMNS, pages.COUNTED_NIGHT_CAPTION
    show(columns, rows, one_line(case), caption, SPARE)
    for text in (plot, *notes):
        console().print(text, markup=False)
    if picture:
        console().print(f"SVG: {printable(picture.path)}", markup=False)


def _change_points(nights: "Sequence[Point]") -> tuple[list[str], list[str]]:
    """Names of the nights at which the level seems to change, and notes on what is not installed."""
    from mnv2bench.regression.judging.changepoints import change_points

    eligible = [(night.night, night.level) for night in nights if night.eligible and night.level is not None]
    try:
        return [eligible[index][0] for index in change_points([level for _, level in eligible])], []
    except ModuleNotFoundError as error:
        return [], [f"no change points: {error.name} is not installed: {EXTRA.format('changepoints')}"]


def _table() -> Sort:
    """The table of every night of every case: the columns of the report's CSV, then those of the history."""
    from mnv2bench.comparison.tidy import TABLE

    return Sort("history table", columns=(*TABLE.columns, *(name for name in CSV_ADDED if name not in TABLE.columns)))


def _csv_parts(frame: "pd.DataFrame", folder: Path) -> Iterator[str]:
    """The text of that table, night by night."""
    from mnv2bench.comparison.tidy import tidy
    from mnv2bench.records.journal import load
    from mnv2bench.report.csv import as_csv

    for number, source in enumerate(frame["source"].unique().tolist()):
        of_night = frame["source"] == source
        saved_at = frame.loc[of_night, "saved_at"].iloc[0].to_pydatetime()
        table = tidy([(source, load(folder / source))], {source: saved_at})
        added = [name for name in CSV_ADDED if name not in table]
        night = frame.loc[of_night, ["case", *added]]
        text = as_csv(table.merge(night, on="case", validate="one_to_one"))
        yield text.partition("\n")[2] if number else text


def _has_nights(folder: Path) -> bool:
    return any(folder.glob("*/[0-9]*_*.json"))


def _machine_of(results: Path) -> str:
    """The fingerprint of this machine; where it has no nights, that of the only machine that has some."""
    this = this_machine().fingerprint
    machines = sorted(folder.name for folder in results.glob("*") if _has_nights(folder))
    if this in machines or len(machines) != 1:
        return this
    print(f"no nights of this machine ({this}): these are of {one_line(machines[0])}", file=sys.stderr)
    return machines[0]


def _nights_of_series(frame: "pd.DataFrame", name: str, folder: Path) -> "pd.DataFrame":
    """The rows of one series: of that name, or of the series that was saved last."""
    if frame.empty:
        raise ValueError(f"no nights under {folder}: {FIRST_NIGHT}")
    series = name or str(frame["series"].iloc[-1])
    rows = frame[frame["series"] == series]
    if rows.empty:
        known = one_line(", ".join(sorted(frame["series"].unique())))
        raise ValueError(f"no nights of series {series!r} under {folder}: name one of {known}")
    return rows


def _baseline_commit(frame: "pd.DataFrame", accepted: "Sequence[Epoch]", unread: "Sequence[Unread]") -> str:
    """The commit of the baseline environment: of the last epoch's night, or else of the first night.

    ValueError where the first night does not read: another night is not taken in its place.
    """
    from mnv2bench.regression.history import epochs, nights
    from mnv2bench.regression.history.night import night_number

    first, series = nights(frame)[0], str(frame["series"].iloc[0])
    pinned = epochs.pinned(accepted) or first
    for file in unread:
        if pinned is first and file.series == series and night_number(file.night) <= night_number(first.night):
            raise ValueError(one_line(f"the first night does not read, and its commit is the baseline: {file.reason}"))
    match = COMMIT.fullmatch(pinned.commit or "")
    if not match:
        raise ValueError(
            f"night {one_line(pinned.night)} does not say its commit: mnv2bench accept a night of a git checkout"
        )
    if match[2]:
        print(f"night {one_line(pinned.night)} was measured with local changes to that commit", file=sys.stderr)
    return match[1]
