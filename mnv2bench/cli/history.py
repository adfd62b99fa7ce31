"""Verbs of what was measured over many nights: history."""

import difflib
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.cases import Case, Kind
from mnv2bench.cli.app import app, console, show
from mnv2bench.machine import this_machine
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    import pandas as pd

    from mnv2bench.regression.history import Epoch, Verdict

NONE_YET = "pytest suites --benchmark-save=nightly makes one"
EXTRA = "pip install 'mnv2bench[{}]'"
COMMIT = re.compile(r"([0-9a-f]{7,64})(\+?)")
NEAR = 5
CSV_ADDED = (  # columns of the history behind those of the report's CSV
    "night", "series", "saved_at", "libraries", "plan", "level", "process_sd", "noisy", "drifting", "doubt", "counts",
    "facts",
)  # fmt: skip
SPARE = ("eligible", "doubtful", "since", "commit", "changed")  # columns that a narrow terminal does without


@app.command()
def history(
    case: Annotated[str, typer.Argument(help="A case id, or a part that only one has; all of them.")] = "",
    results: Annotated[Path, typer.Option(help="Where pytest suites saves.")] = Path("results"),
    fingerprint: Annotated[str, typer.Option(help="Another machine's folder; this machine.")] = "",
    series: Annotated[str, typer.Option(help="NAME of --benchmark-save=NAME; the one that was saved last.")] = "",
    csv: Annotated[Path | None, typer.Option(help="Where to write every night of every case as CSV.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to draw the CASE.")] = None,
    baseline: Annotated[bool, typer.Option("--baseline", help="Print the baseline's commit and nothing else.")] = False,
) -> None:
    """The nights of this machine: every case as it stands, or one case night by night with its plot."""
    from mnv2bench.regression.history import epochs, load, verdicts

    if svg and not case:
        raise ValueError("--svg draws one case: name the CASE too")
    machine = fingerprint or _machine(results)
    loaded = load(results, machine)
    for line in loaded.skipped:
        print(f"skipped: {one_line(line)}", file=sys.stderr)
    frame = _series(loaded.frame, series, results / machine)
    accepted = epochs.read(results / machine / "epochs.toml")
    if baseline:
        typer.echo(_baseline(frame, accepted))
        return
    said = verdicts.read(results / machine / "verdicts.jsonl")
    if case:
        chosen = _case(case, frame["case"].unique().tolist())
        _one(frame, chosen, accepted, said, svg)
    else:
        title = one_line(f"{machine}, {frame['series'].iloc[-1]}")
        _all(frame, accepted, said, title)
    if csv:
        _write_csv(frame, results / machine, csv)
        console().print(f"CSV: {csv}", markup=False)
    raise typer.Exit(bool(loaded.skipped))


def _all(frame: "pd.DataFrame", accepted: "Sequence[Epoch]", said: "dict[str, dict[str, Verdict]]", title: str) -> None:
    """A table of the cases that take time, and one of those that are counted."""
    from mnv2bench.regression.history.standings import counted_standings, timed_standings
    from mnv2bench.regression.pages import history as pages

    timed = [pages.timed_row(standing) for standing in timed_standings(frame, accepted, said)]
    counted = [pages.counted_row(standing) for standing in counted_standings(frame, accepted, said)]
    if timed:
        show(pages.TIMED_COLUMNS, timed, title, pages.TIMED_CAPTION, SPARE)
    if counted:
        show(pages.COUNTED_COLUMNS, counted, title, pages.COUNTED_CAPTION, SPARE)


def _one(
    frame: "pd.DataFrame",
    case: str,
    accepted: "Sequence[Epoch]",
    said: "dict[str, dict[str, Verdict]]",
    svg: Path | None,
) -> None:
    """A case's table, its plot, and its picture where one is asked for."""
    from mnv2bench.regression.history.points import points
    from mnv2bench.regression.judging.changepoints import change_points
    from mnv2bench.regression.pages import history as pages
    from mnv2bench.regression.pages import picture

    nights, notes, hints, plot = points(frame, case, accepted, said), [], [], ""
    eligible = [(night.night, night.level) for night in nights if night.eligible and night.level is not None]
    try:
        hints = [eligible[index][0] for index in change_points([level for _, level in eligible])]
    except ModuleNotFoundError as error:
        notes.append(f"no change points: {error.name} is not installed: {EXTRA.format('changepoints')}")
    try:
        plot = pages.plot(case, nights, hints)
    except ModuleNotFoundError as error:
        notes.append(f"no plot: {error.name} is not installed: {EXTRA.format('plots')}")
    try:
        drawn = picture.svg(case, nights, hints) if svg else ""
    except ModuleNotFoundError as error:
        raise ValueError(f"no picture: {error.name} is not installed: {EXTRA.format('plots')}") from error
    untimed = Case.parse(case).kind == Kind.COUNTED
    rows = [pages.night_row(night, night.night in hints, untimed) for night in nights]
    columns, caption = pages.TIMED_NIGHT_COLUMNS, pages.TIMED_NIGHT_CAPTION
    if untimed:
        columns, caption = pages.COUNTED_NIGHT_COLUMNS, pages.COUNTED_NIGHT_CAPTION
    show(columns, rows, one_line(case), caption, SPARE)
    for text in (plot, *notes):
        console().print(text, markup=False)
    if svg:
        svg.write_text(drawn, encoding="utf-8")
        console().print(f"SVG: {svg}", markup=False)


def _write_csv(frame: "pd.DataFrame", folder: Path, out: Path) -> None:
    """Every night of every case: the columns of the report's CSV, read from the files, then those of the history."""
    from mnv2bench.comparison.tidy import tidy
    from mnv2bench.records.journal import load
    from mnv2bench.report.csv import as_csv

    with out.open("w", encoding="utf-8") as file:
        for source in frame["source"].unique().tolist():
            table = tidy([(source, load(folder / source))])
            added = [name for name in CSV_ADDED if name not in table]
            night = frame.loc[frame["source"] == source, ["case", *added]]
            text = as_csv(table.merge(night, on="case", validate="one_to_one"))
            file.write(text if file.tell() == 0 else text.partition("\n")[2])


def _saved(folder: Path) -> bool:
    return any(folder.glob("*/[0-9]*_*.json"))


def _machine(results: Path) -> str:
    """This machine's folder; where it has no nights, the only one that has some."""
    ours = this_machine().fingerprint
    others = sorted(folder.name for folder in results.glob("*") if _saved(folder))
    if ours in others or len(others) != 1:
        return ours
    print(f"no nights of this machine ({ours}): these are of {one_line(others[0])}", file=sys.stderr)
    return others[0]


def _series(frame: "pd.DataFrame", name: str, folder: Path) -> "pd.DataFrame":
    """The nights of one series."""
    if frame.empty:
        raise ValueError(f"no nights under {folder}: {NONE_YET}")
    chosen = name or str(frame["series"].iloc[-1])
    mine = frame[frame["series"] == chosen]
    if mine.empty:
        known = one_line(", ".join(sorted(frame["series"].unique())))
        raise ValueError(f"no nights of series {chosen!r} under {folder}: name one of {known}")
    return mine


def _case(asked: str, known: Sequence[str]) -> str:
    """The case of that id, or the only one with that part in its id."""
    found = [asked] if asked in known else [id for id in known if asked in id]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(found[:NEAR]) + (f" and {len(found) - NEAR} more" if len(found) > NEAR else "")
        raise ValueError(one_line(f"{asked!r} is part of {len(found)} cases: name one of {some}"))
    near = difflib.get_close_matches(asked, known, NEAR, cutoff=0.0)
    raise ValueError(one_line(f"no night has a case {asked!r}: name one, such as {', '.join(near)}"))


def _baseline(frame: "pd.DataFrame", accepted: "Sequence[Epoch]") -> str:
    """The commit of the night that is the baseline environment: of the last epoch, else the first one."""
    from mnv2bench.regression.history import epochs, nights

    first, pinned = nights(frame)[0], epochs.pinned(accepted)
    night, commit = (pinned.night, pinned.commit) if pinned else (first.night, first.commit)
    found = COMMIT.fullmatch(commit or "")
    if not found:
        raise ValueError(f"night {one_line(night)} does not say its commit: mnv2bench accept a night of a git checkout")
    if found[2]:
        print(f"night {one_line(night)} was measured with local changes to that commit", file=sys.stderr)
    return found[1]
