"""Verdicts: the gate's, a line a night, and which confirmed changes are still open."""

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from mnv2bench.records.contents import contents
from mnv2bench.records.encoding import decoded
from mnv2bench.records.lines import MAX_CASES
from mnv2bench.records.ranges import MAX_ENTRIES, NotNegative, Text, Whole
from mnv2bench.regression.history.epochs import Epoch, start
from mnv2bench.regression.history.night import night_number
from mnv2bench.regression.judging.pairs import BOTH, CLEARED
from mnv2bench.texts import one_line

SCHEMA = 2  # 2 added the verdicts of tails: a night of an older line has none
MAX_BYTES = 50_000_000  # of the file: twenty years of nights
SETTLING = (*BOTH, CLEARED)  # verdicts of pairs of processes: no other verdict opens or closes a change


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The verdict of one case in one night.

    `ratio` is tonight over baseline, `low` and `high` its interval; None where no pairs were measured. `detectable` is
    the smallest slowdown that would be detected, as a part: 0.03 is 3 %.
    """

    case: Text
    verdict: Text
    ratio: NotNegative | None = None
    low: NotNegative | None = None
    high: NotNegative | None = None
    pairs: Whole = 0
    detectable: NotNegative | None = None
    reason: Text = ""

    def __post_init__(self) -> None:
        bounds = (self.low, self.ratio, self.high)
        if None not in bounds and list(bounds) != sorted(filter(None, bounds)):
            raise ValueError(f"the ratio of {self.case} is not between low and high")


class NightLine(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line of the file: the verdicts of one night, and when they were given.

    `continues`: the other fingerprints whose nights counted as nights of this machine. `tails`: of the lengths of
    tails, whose ratios and detectable changes are of p90 over p50.
    """

    schema: int
    night: Text
    when: Text
    verdicts: Annotated[tuple[Verdict, ...], Meta(max_length=MAX_CASES)]
    continues: Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)] = ()
    tails: Annotated[tuple[Verdict, ...], Meta(max_length=MAX_CASES)] = ()


class _AnyLine(msgspec.Struct):
    """What a line of any schema has."""

    schema: int


def append(
    path: Path,
    night: str,
    when: str,
    verdicts: Sequence[Verdict],
    continues: Sequence[str] = (),
    tails: Sequence[Verdict] = (),
) -> None:
    """Add a night's line, on disk when this returns; a number that is not finite is written as null.

    A half-written last line, which a kill leaves, is cut off. ValueError for a file that does not read.
    """
    nights(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    line = msgspec.json.encode(
        NightLine(SCHEMA, night, when, tuple(verdicts), tuple(continues), tuple(tails))
    )  # not finite numbers become null
    with path.open("ab") as file:
        whole, last = _split(path.read_bytes())
        file.truncate(len(whole) + len(last))
        file.write((b"\n" if last else b"") + line + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> dict[str, dict[str, Verdict]]:
    """Night -> case id -> Verdict of its time. Raises as `nights` does."""
    return {name: _by_case(night.verdicts) for name, night in nights(path).items()}


def read_tails(path: Path) -> dict[str, dict[str, Verdict]]:
    """Night -> case id -> Verdict of its tail. Raises as `nights` does."""
    return {name: _by_case(night.tails) for name, night in nights(path).items()}


def _by_case(verdicts: Sequence[Verdict]) -> dict[str, Verdict]:
    return {verdict.case: verdict for verdict in verdicts}


def nights(path: Path) -> dict[str, NightLine]:
    """The line of each night, in the order of the file; a later line of the same night wins.

    {} where there is no file; a half-written last line is left out. ValueError, naming the file, for other damage.
    """
    try:
        whole, last = _split(contents(path, MAX_BYTES))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): name another --results") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}): correct it, or restore it with git") from error
    lines: dict[str, NightLine] = {}
    for number, line in enumerate((whole + last).splitlines(), 1):
        try:
            newer = msgspec.json.decode(line, type=_AnyLine).schema > SCHEMA
            if not newer:
                night = decoded(line, NightLine)
                lines[night.night] = night
                _require_possible(night)
        except (ValueError, RecursionError, msgspec.MsgspecError) as error:
            damage = one_line(f"line {number}: {type(error).__name__}: {error}")
            raise ValueError(f"{path} is damaged ({damage}): correct it, or restore it with git") from error
        if newer:
            raise ValueError(f"{path} is of a newer schema than {SCHEMA}: pip install --upgrade mnv2bench")
    return lines


def _require_possible(night: NightLine) -> None:
    """ValueError for a night without a name or a date, and for one that judges a case twice."""
    if not night.night:
        raise ValueError("a night without a name")
    datetime.fromisoformat(night.when)
    for verdicts in (night.verdicts, night.tails):
        if len({verdict.case for verdict in verdicts}) < len(verdicts):
            raise ValueError(f"two verdicts of one case in {night.night}")


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
