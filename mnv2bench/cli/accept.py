"""The verb `accept`: a person states that a change of speed is intended."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.machine import differences, this_machine
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    import pandas as pd

    from mnv2bench.regression.history import Epoch, Lineage, Verdict

NIGHTLY = "nightly"
FILE = "epochs.toml"


@verb("accept")
def accept(
    cases: Annotated[
        list[str] | None, typer.Argument(help="Ids of the cases whose change is intended, or parts that one id has.")
    ] = None,
    why: Annotated[str, typer.Option(help="What changed: one line for those who read it later.")] = "",
    every: Annotated[bool, typer.Option("--all", help="Every case: the whole history begins anew.")] = False,
    night: Annotated[
        str, typer.Option(help="The first night that is normal, such as 0012_nightly. Default: the newest.")
    ] = "",
    who: Annotated[str, typer.Option(help="The person who accepts. Default: git's user.")] = "",
    series: Annotated[str, typer.Option(help="The --benchmark-save name whose newest night is taken.")] = NIGHTLY,
    results: Annotated[Path, typer.Option(help="The folder with the nights.")] = Path("results"),
    fingerprint: Annotated[str, typer.Option(help="The machine of the history. Default: this machine.")] = "",
    continue_from: Annotated[
        str,
        typer.Option(
            help="An earlier fingerprint of this machine, before its system was updated: its nights count here."
        ),
    ] = "",
) -> None:
    """Accept a change of speed: history begins anew with that night, and its commit is the pinned baseline.

    With --continue-from: accept that this machine has a new fingerprint, and go on from its earlier nights.
    """
    from mnv2bench.regression.history import epochs, lineage, nights

    case_ids = tuple(dict.fromkeys(cases or ()))
    if continue_from:
        if case_ids or every or night:
            raise ValueError("--continue-from accepts a fingerprint, and no case and no night: name it alone")
        machine = fingerprint or this_machine().fingerprint
        _continue(results, machine, continue_from, _line("--why", why), _line("--who", who or _git_user()))
        return
    if bool(case_ids) == every:
        raise ValueError("name the cases whose change is accepted, or --all of them")
    reason = _line("--why", why)
    person = _line("--who", who or _git_user())
    folder = _machine_folder(results, fingerprint or this_machine().fingerprint)
    loaded = lineage(results, folder.name)
    frame, name = loaded.frame, night or _newest_night(loaded, series)
    known_nights = {known.night: known for known in nights(frame)}
    if name not in known_nights:
        raise ValueError(f"no night {name!r} in {folder}: name one of {_joined(list(known_nights)[::-1])}")
    case_ids = _known_ids(case_ids, frame[frame["night"] == name], name)
    _require_measured(case_ids, frame[frame["night"] == name], name)
    if not every:
        _require_no_other_open(case_ids, _open_changes(loaded, loaded.epochs, list(known_nights)))
    epoch = epochs.Epoch(
        night=name,
        cases=epochs.ALL if every else case_ids,
        who=person,
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        why=reason,
        commit=known_nights[name].commit,
        libraries=known_nights[name].libraries,
    )
    epochs.append(folder / "epochs.toml", epoch)
    console().print(f"written to {folder / 'epochs.toml'}:\n\n{epochs.block(epoch)}", markup=False)
    _print_notes(epoch, _open_changes(loaded, (*loaded.epochs, epoch), list(known_nights)))


def _open_changes(loaded: "Lineage", accepted: "Sequence[Epoch]", nights: Sequence[str]) -> "dict[str, Verdict]":
    """The confirmed changes of times and of tails that are neither accepted nor gone, by case id."""
    from mnv2bench.regression.history.verdicts import open_changes

    return open_changes(loaded.tail_verdicts, accepted, nights) | open_changes(loaded.verdicts, accepted, nights)


def _continue(results: Path, fingerprint: str, earlier: str, reason: str, person: str) -> None:
    """Write that the nights of an earlier fingerprint count as nights of this one, up to the newest of them.

    ValueError where the two are not one machine before and after an update of its system.
    """
    from mnv2bench.regression.history import epochs, lineage, nights
    from mnv2bench.regression.history.lineage import machine_of, same_hardware

    folder, before = results / fingerprint, _machine_folder(results, earlier)
    here = machine_of(folder) if folder.is_dir() else None
    if here is None and fingerprint == this_machine().fingerprint:
        here = this_machine()
    there = machine_of(before)
    if here is None or there is None:
        unread = folder if here is None else before
        raise ValueError(f"no night under {unread} reads, so nobody knows what differs: measure a night there first")
    if before.name == fingerprint or before.name in {
        entry.fingerprint for entry in epochs.continuations(folder / FILE)
    }:
        raise ValueError(f"the nights of {before.name} count here already: there is nothing to accept")
    differs = differences(here, there)
    if not same_hardware(here, there):
        raise ValueError(
            one_line(f"{before.name} is another machine ({'; '.join(differs)}): its nights say nothing here")
        )
    known = [known.night for known in nights(lineage(results, before.name, later=(fingerprint,)).frame)]
    when = datetime.now(UTC).isoformat(timespec="seconds")
    entry = epochs.Continuation(before.name, known[-1], person, when, reason, tuple(differs))
    epochs.append(folder / FILE, entry)
    console().print(f"written to {folder / FILE}:\n\n{epochs.continuation_block(entry)}", markup=False)
    console().print(f"{len(known)} nights of {before.name} count here from now on", markup=False)


def _require_no_other_open(case_ids: Sequence[str], open_changes: "dict[str, Verdict]") -> None:
    """Raise ValueError where a confirmed change of another case is open."""
    others = [case for case in open_changes if case not in case_ids]
    if others:
        raise ValueError(
            "a new epoch moves the baseline environment of every case, and would hide what is confirmed and open "
            f"({_joined(others)}): accept that too, or fix it first"
        )


def _print_notes(epoch: "Epoch", still_open: "dict[str, Verdict]") -> None:
    out = console()
    for case, verdict in still_open.items():
        out.print(f"still open, since a later night: {one_line(case)}: {one_line(verdict.verdict)}", markup=False)
    if epoch.commit is None or epoch.commit.endswith("+"):
        out.print("that night ran from files that no commit holds: its environment cannot be built again exactly")


def _line(option: str, text: str) -> str:
    """The text of an option; ValueError where it is empty or not one plain line."""
    if not text.strip() or text != one_line(text):
        raise ValueError(f"{option} takes one line of plain text: write it without line breaks and control characters")
    return text


def _git_user() -> str:
    """The user as commits name him or her, such as Ada <ada@example.org>; $USER without git.

    Raises ValueError where neither names anybody.
    """
    name = _git_config("user.name")
    email = _git_config("user.email")
    parts = [name] if name is not None else []
    if email is not None:
        parts.append(f"<{email}>")
    user = " ".join(parts) or os.environ.get("USER", "")
    if not user:
        raise ValueError("nobody to name: give --who, or git config user.name")
    return user


def _git_config(key: str) -> str | None:
    """The value on one line; None without git or without the key."""
    with suppress(OSError, subprocess.SubprocessError):
        answer = subprocess.run(
            ["git", "config", key], capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=10
        )
        return one_line(answer.stdout.strip())
    return None


def _machine_folder(results: Path, fingerprint: str) -> Path:
    """The folder of a machine, chosen among those that exist, so that no text leads to another place."""
    machines = {path.name: path for path in sorted(results.iterdir()) if path.is_dir()} if results.is_dir() else {}
    if fingerprint not in machines:
        known = _joined(list(machines)) or "none"
        raise ValueError(f"no machine {one_line(fingerprint)!r} in {results} (there: {known}): name --fingerprint")
    return machines[fingerprint]


def _newest_night(history: "Lineage", series: str) -> str:
    """The night of the series with the highest number; ValueError where there is none, or where it does not read."""
    from mnv2bench.regression.history.night import night_number

    frame = history.frame
    nights_of_series = frame.loc[frame["series"] == series, "night"]
    if nights_of_series.empty:
        others = _joined(sorted(map(str, frame["series"].unique()))) or "none"
        raise ValueError(f"no night of the series {one_line(series)!r} (there: {others}): name --series or --night")
    newest = str(nights_of_series.iloc[-1])
    for file in history.unread:
        if file.series == series and night_number(file.night) >= night_number(newest):
            raise ValueError(one_line(f"the newest night does not read: {file.reason}; or name another --night"))
    return newest


def _known_ids(texts: Sequence[str], frame: "pd.DataFrame", night: str) -> tuple[str, ...]:
    """The ids of the night that these texts are, or are parts of, each once. ValueError for a part of several."""
    known = frame["case"].astype(str).unique().tolist()
    ids = (matching_name(text, known) if matching_names(text, known) else text for text in texts)
    return tuple(dict.fromkeys(ids))


def _require_measured(case_ids: Sequence[str], frame: "pd.DataFrame", night: str) -> None:
    """Raise ValueError for a case that has no number in the night, and for a night in which no case has one."""
    status = dict(zip(frame["case"].astype(str), frame["status"].astype(str), strict=True))
    if "ok" not in status.values():
        raise ValueError(f"no case was measured in {night}, so there is nothing to accept: name another --night")
    for case in case_ids:
        if case not in status:
            raise ValueError(f"{one_line(case)!r} is no case of {night}: `mnv2bench history` lists them")
        if status[case] != "ok":
            raise ValueError(f"{case} is {status[case]} in {night}, so there is no speed to accept: fix it first")


def _joined(texts: Sequence[str]) -> str:
    """The texts on one line, whatever a file holds."""
    return one_line("; ".join(texts))
