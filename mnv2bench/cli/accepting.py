"""Verbs of two files and of a person's word: compare, accept."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mnv2bench.cli.app import app, console, show
from mnv2bench.machine import differences, this_machine
from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable, load
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    import pandas as pd

NIGHTLY = "nightly"


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="A saved file or journal: what was.")],
    b: Annotated[Path, typer.Argument(help="Another one of the same machine and plan: what is.")],
    force: Annotated[bool, typer.Option("--force", help="Show numbers that cannot be compared, unjudged.")] = False,
    markdown: Annotated[Path | None, typer.Option(help="Where to write the page.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Where to write the table as CSV.")] = None,
) -> None:
    """Two saved files: how far each case moved. `mnv2bench duel` tells two versions apart much better."""
    from mnv2bench.regression.judging.change import changes, incomparable, plan_differences
    from mnv2bench.regression.pages import compare as pages
    from mnv2bench.remote.counts import count_changes

    ours, theirs = _records(a), _records(b)
    facts = ours[0].machine, theirs[0].machine
    found, counts = changes(ours, theirs), count_changes(ours, theirs)
    machines = differences(*facts)
    differ = [*(machines if found else ()), *plan_differences(ours[0].plan, theirs[0].plan)]
    if differ and not force:
        raise ValueError(f"A and B are not comparable ({_said(differ)}): --force shows the numbers, unjudged")
    notes = [pages.TWO_MACHINES.format(facts=_said(machines))] if counts and machines else []
    judged = incomparable(found) if differ else found
    shown = pages.comparison(str(a), str(b), judged, differ, *facts, counts, notes)
    for path, page in ((markdown, pages.markdown), (csv, pages.csv)):
        if path:
            path.write_text(page(shown), encoding="utf-8")
    _print(shown)
    raise typer.Exit(all(ratio is None for ratio in [*(c.ratio for c in found), *(c.ratio for c in counts)]))


def _records(path: Path) -> tuple[Record, ...]:
    records = load(path)
    if not records:
        raise Unusable(f"{path} names no case: measure again")
    return records


def _said(facts: Sequence[str]) -> str:
    """On one line; a file may hold anything."""
    return one_line("; ".join(facts))


def _print(shown: Any) -> None:
    from mnv2bench.regression.pages import counts
    from mnv2bench.regression.pages.compare import CAPTION, HEADER, table_row

    out = console()
    for fact in shown.differ:
        out.print(f"incomparable: {one_line(fact)}", markup=False)
    for name, ours, theirs in shown.libraries:
        out.print(one_line(f"{name}: {ours} in A, {theirs} in B"), markup=False)
    if shown.changes:
        show(HEADER, [[one_line(cell) for cell in table_row(change)] for change in shown.changes], caption=CAPTION)
    if shown.counts:
        show(counts.HEADER, [[one_line(cell) for cell in counts.table_row(change)] for change in shown.counts])
    for note in shown.notes:
        out.print(one_line(note), markup=False)


@app.command()
def accept(
    cases: Annotated[list[str] | None, typer.Argument(help="Ids of the cases whose change is meant.")] = None,
    why: Annotated[str, typer.Option(help="What changed: one line for those who come after.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every case: the whole history begins anew.")] = False,
    night: Annotated[str, typer.Option(help="What is normal from now on, such as 0012_nightly; the newest.")] = "",
    who: Annotated[str, typer.Option(help="Who accepts; git's user where not given.")] = "",
    series: Annotated[str, typer.Option(help="The --benchmark-save name of the newest night.")] = NIGHTLY,
    results: Annotated[Path, typer.Option(help="Where the nights are.")] = Path("results"),
    fingerprint: Annotated[str, typer.Option(help="Of which machine; this one where not given.")] = "",
) -> None:
    """Accept a change of speed: from that night on history begins anew, and its commit is the pinned baseline."""
    from mnv2bench.regression.history import epochs, load, nights, verdicts

    named = tuple(dict.fromkeys(cases or ()))
    if bool(named) == every:
        raise ValueError("name the cases whose change is accepted, or --all of them")
    why, who = _line("--why", why), _line("--who", who or _git_user())
    folder = _folder(results, fingerprint or this_machine().fingerprint)
    frame = load(results, folder.name).frame
    night = night or _newest(frame, series)
    known = {found.night: found for found in nights(frame)}
    if night not in known:
        raise ValueError(f"no night {night!r} in {folder}: name one of {_said(list(known)[::-1])}")
    _check(named, frame[frame["night"] == night], night)
    before, said = epochs.read(folder / "epochs.toml"), verdicts.read(folder / "verdicts.jsonl")
    others = [case for case in verdicts.open_changes(said, before, list(known)) if case not in named]
    if others and not every:
        raise ValueError(
            "a new epoch moves the baseline environment of every case, and would hide what is confirmed and open "
            f"({_said(others)}): accept that too, or mend it first"
        )
    accepted = epochs.Epoch(
        night=night,
        cases=epochs.ALL if every else named,
        who=who,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        why=why,
        commit=known[night].commit,
        libraries=known[night].libraries,
    )
    epochs.append(folder / "epochs.toml", accepted)
    out = console()
    out.print(f"written to {folder / 'epochs.toml'}:\n\n{epochs.block(accepted)}", markup=False)
    for case, verdict in verdicts.open_changes(said, (*before, accepted), list(known)).items():
        out.print(f"still open, since a later night: {one_line(case)}: {one_line(verdict.verdict)}", markup=False)
    if (accepted.commit or "+").endswith("+"):
        out.print("that night ran from files that no commit holds: its environment cannot be built again exactly")


def _line(option: str, text: str) -> str:
    if not text.strip() or text != one_line(text):
        raise ValueError(f"{option} takes one line of plain text: say it in other words")
    return text


def _git_user() -> str:
    """As commits name it: Ada <ada@example.org>; $USER without git. ValueError for nobody."""
    said = []
    for key in ("user.name", "user.email"):
        with suppress(OSError, subprocess.SubprocessError):
            asked = subprocess.run(["git", "config", key], capture_output=True, text=True, check=True, timeout=10)
            said.append(one_line(asked.stdout if key == "user.name" else f"<{asked.stdout.strip()}>"))
    who = " ".join(said) or os.environ.get("USER", "")
    if not who:
        raise ValueError("nobody to name: give --who, or git config user.name")
    return who


def _folder(results: Path, fingerprint: str) -> Path:
    """Of a machine; found by looking, so that no word leads elsewhere."""
    machines = {path.name: path for path in sorted(results.iterdir()) if path.is_dir()} if results.is_dir() else {}
    if fingerprint not in machines:
        there = _said(list(machines)) or "none"
        raise ValueError(f"no machine {one_line(fingerprint)!r} in {results} (there: {there}): name --fingerprint")
    return machines[fingerprint]


def _newest(frame: "pd.DataFrame", series: str) -> str:
    mine = frame.loc[frame["series"] == series, "night"]
    if mine.empty:
        others = _said(sorted(map(str, frame["series"].unique()))) or "none"
        raise ValueError(f"no night of the series {one_line(series)!r} (there: {others}): name --series or --night")
    return str(mine.iloc[-1])


def _check(named: Sequence[str], frame: "pd.DataFrame", night: str) -> None:
    """ValueError for a case that has no number in the night."""
    status = dict(zip(frame["case"].astype(str), frame["status"].astype(str), strict=True))
    for case in named:
        if case not in status:
            raise ValueError(f"{one_line(case)!r} is no case of {night}: `mnv2bench history` lists them")
        if status[case] != "ok":
            raise ValueError(f"{case} is {status[case]} in {night}, so there is no speed to accept: mend it first")
