"""Durations: what earlier processes on this machine took, kept in the cache so that a campaign's time can be estimated.

They decide nothing but an estimate: no result is made from them, and a file that is damaged or missing is an empty one.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean
from typing import TypeVar

import msgspec
from msgspec import Struct

from mnv2bench import artifacts
from mnv2bench.case import Case
from mnv2bench.files import write_whole
from mnv2bench.networks import described
from mnv2bench.records import ENDED, Accuracy, Process

MOST_NAMES = 20_000  # in the file; the oldest go first
V = TypeVar("V")


class ProcessTime(Struct, frozen=True):
    """What a process of a case took, on average over those of its newest campaign, in seconds.

    `base_s` is everything but the rounds: start, import, opening, checks. `call_s` is one call, and `warmup_rounds` and
    `tried_share` are how many rounds there were, the second over those of the plan. `compiling_s` is what opening took
    longer where nothing of it was cached.
    """

    base_s: float
    call_s: float = 0.0
    warmup_rounds: float = 0.0
    tried_share: float = 0.0
    compiling_s: float = 0.0


class Durations(Struct, frozen=True):
    """What this machine's processes took: those of cases by their ids, other items' by theirs, and accuracies."""

    cases: dict[str, ProcessTime] = {}
    items: dict[str, float] = {}
    accuracies: dict[str, float] = {}


def path(fingerprint: str) -> Path:
    """The file of a machine in the cache."""
    return artifacts.root() / "durations" / f"{fingerprint}.json"


def read(fingerprint: str) -> Durations:
    """What is known of a machine; nothing where there is no file that reads."""
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return msgspec.json.decode(path(fingerprint).read_bytes(), type=Durations)
    return Durations()


def of_backend(ids: Iterable[str], backend: str) -> list[Case]:
    """The cases of a backend among these ids; those of networks that are not known now are passed over."""
    cases = []
    for id in ids:
        with suppress(ValueError):
            cases.append(Case.parse(id))
    return [case for case in cases if case.backend == backend and described.is_known(case.spec)]


def keep(
    fingerprint: str,
    processes: Iterable[Process],
    accuracies: Mapping[Case, Accuracy],
    items: Mapping[str, Sequence[float]],
    planned_rounds: int,
) -> None:
    """Add what a campaign's processes took, those of other items in seconds by their ids.

    A cache that cannot be written is left as it is.
    """
    before = read(fingerprint)
    by_case: dict[str, list[Process]] = {}
    for process in processes:
        if process.status in ENDED:
            by_case.setdefault(process.case.id, []).append(process)
    cases = {id: process_time(of_case, planned_rounds) for id, of_case in by_case.items()}
    tested = {case.id: accuracy.wall_s for case, accuracy in accuracies.items() if accuracy.status in ENDED}
    means = {id: fmean(seconds) for id, seconds in items.items()}
    after = Durations(_newest(before.cases, cases), _newest(before.items, means), _newest(before.accuracies, tested))
    if after == before:
        return
    place = path(fingerprint)
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
        write_whole(place, msgspec.json.encode(after))


def process_time(processes: list[Process], planned_rounds: int) -> ProcessTime:
    """The average of these processes of one case, which all ended; one that compiled counts only where all did.

    Then the opening is all counted as compiling, as nobody knows yet what it takes without.
    """
    warm = [process for process in processes if not process.samples.cold]
    opening_s = 0.0
    if not warm:
        warm = processes
        opening_s = sum(process.samples.open_s or 0.0 for process in warm)
    rounds = [round for process in warm for round in process.samples.rounds]
    warmup = [round for process in warm for round in process.samples.warmup]
    timed_s = sum(round.wall_ns for round in rounds) / 1e9
    calls = sum(len(round.durations_ns) / round.streams for round in rounds)
    in_rounds_s = timed_s + sum(round.wall_ns for round in warmup) / 1e9
    compiling_s = opening_s or sum(
        max(0.0, (process.samples.cold_open_s or 0.0) - (process.samples.open_s or 0.0)) for process in warm
    )
    number = len(warm)
    return ProcessTime(
        base_s=max(0.0, sum(process.wall_s for process in warm) - in_rounds_s - opening_s) / number,
        call_s=timed_s / calls if calls else 0.0,
        warmup_rounds=len(warmup) / number,
        tried_share=len(rounds) / number / planned_rounds,
        compiling_s=compiling_s / number,
    )


def _newest(before: Mapping[str, V], after: Mapping[str, V]) -> dict[str, V]:
    """Both, the newer ones last, and no more than the file holds."""
    merged = {name: value for name, value in before.items() if name not in after} | dict(after)
    return dict(list(merged.items())[-MOST_NAMES:])
