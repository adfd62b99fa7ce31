"""Verdicts: the gate's, a line a night, and which confirmed changes are still open."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.night import night_number
from mnv2bench.regression.judging.pairs import BOTH, CLEARED
from mnv2bench.texts import one_line

SCHEMA = 1
SETTLING = (*BOTH, CLEARED)  # verdicts of pairs of processes: no other verdict opens or closes a change


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The verdict of one case in one night.

    `ratio` is tonight over baseline, `low` and `high` its interval; None where no pairs were measured. `detectable` is
    the smallest slowdown that would be detected, as a part: 0.03 is 3 %.
    """

    case: str
    verdict: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int = 0
    detectable: float | None = None
    reason: str = ""


class NightLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the file: the verdicts of one night, and when they were given.

    `continues`: the other fingerprints whose nights counted as nights of this machine.
    """

    schema: int
    night: str
    when: str
    verdicts: tuple[Verdict, ...]
    continues: tuple[str, ...] = ()


class _AnyLine(msgspec.Struct):
    """What a line of any schema has."""

    schema: int


def append(path: Path, night: str, when: str, verdicts: Sequence[Verdict], continues: Sequence[str] = ()) -> None:
    """Add a night's line, on disk when this returns; a number that is not finite is written as null.

    A half-written last line, which a kill leaves, is cut off. ValueError for a file that does not read.
    """
    read(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = msgspec.json.encode(
        NightLine(SCHEMA, night, when, tuple(verdicts), tuple(continues))
    )  # not finite numbers become null
    with path.open("ab") as file:
        whole, last = _split(path.read_bytes())
        file.truncate(len(whole) + len(last))
        file.write((b"\n" if last else b"") + line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> dict[str, dict[str, Verdict]]:
    """Night -> case id -> Verdict, in the order of the file; a later line of the same night wins.

    {} where there is no file; a half-written last line is left out. ValueError, naming the file, for other damage.
    """
    try:
        whole, last = _split(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): name another --results") from error
    verdicts: dict[str, dict[str, Verdict]] = {}
    for number, line in enumerate((whole + last).splitlines(), 1):
        try:
            newer = msgspec.json.decode(line, type=_AnyLine).schema > SCHEMA
            if not newer:
                decoded = msgspec.json.decode(line, type=NightLine)
                verdicts[decoded.night] = {verdict.case: verdict for verdict in decoded.verdicts}
        except (ValueError, RecursionError) as error:
            damage = one_line(f"line {number}: {type(error).__name__}: {error}")
            raise ValueError(f"{path} is damaged ({damage}): correct it, or restore it with git") from error
        if newer:
            raise ValueError(f"{path} is of a newer schema than {SCHEMA}: pip install --upgrade mnv2bench")
    return verdicts


def open_changes(
    verdicts: dict[str, dict[str, Verdict]], epochs: Sequence[Epoch], nights: Sequence[str]
) -> dict[str, Verdict]:
    """Confirmed changes that are neither accepted nor gone, by case id; `nights` are in order.

    A case is open from a confirmed change until pairs clear it or a person accepts it. A change that was confirmed in
    the epoch's first night, or before it, is accepted. A night that is not in `nights` is ignored.
    """
    places = {night: place for place, night in enumerate(nights)}
    starts = {case: start(epochs, case) for of_night in verdicts.values() for case in of_night}
    latest: dict[str, Verdict] = {}
    for night in nights:
        for case, verdict in verdicts.get(night, {}).items():
            if verdict.verdict in SETTLING and _after(night, starts[case], places):
                latest[case] = verdict
    return {case: verdict for case, verdict in sorted(latest.items()) if verdict.verdict in BOTH}


def _after(night: str, epoch_start: str | None, places: dict[str, int]) -> bool:
    if epoch_start is None:
        return True
    if epoch_start not in places:  # of another series, or its file is gone: pytest-benchmark numbers the files
        return night_number(night) > night_number(epoch_start)
    return places[night] > places[epoch_start]


def _split(content: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and a last line without its line break where that is whole too, as an editor may leave it."""
    end = content.rfind(b"\n") + 1
    try:
        json.loads(content[end:])
    except (ValueError, RecursionError):
        return content[:end], b""
    return content[:end], content[end:]
