"""How long the processes of a campaign ran, and for what."""

from collections.abc import Iterable
from dataclasses import dataclass

from mnv2bench.records import Process, Record
from mnv2bench.records.rounds import Round

ALL = "all"


@dataclass(frozen=True)
class TimeSpent:
    """Seconds of all processes of a case or of a backend, from their start to their end.

    `opening_s` is the import of the runtime and the opening of the model, `warmup_s` the warm-up and `timed_s` what is
    inside rounds. The rest is the start of Python, images, and the check of the outputs.
    """

    backend: str
    processes: int = 0
    wall_s: float = 0.0
    opening_s: float = 0.0
    warmup_s: float = 0.0
    timed_s: float = 0.0

    @property
    def timed_share(self) -> float:
        return self.timed_s / self.wall_s if self.wall_s else 0.0


def time_spent(records: Iterable[Record]) -> tuple[TimeSpent, ...]:
    """A row for each backend, then a row for all of them, named "all"."""
    rows: dict[str, TimeSpent] = {}
    for record in records:
        for name in (record.case.backend, ALL):
            rows[name] = _with_processes(rows.get(name, TimeSpent(name)), record.processes)
    names = sorted(rows, key=lambda name: (name == ALL, name))
    return tuple(rows[name] for name in names)


def record_time(record: Record) -> TimeSpent:
    """What the processes of one case ran for."""
    return _with_processes(TimeSpent(record.case.backend), record.processes)


def _with_processes(spent: TimeSpent, processes: Iterable[Process]) -> TimeSpent:
    """What was spent before, and what these processes ran for."""
    for process in processes:
        samples = process.samples
        spent = TimeSpent(
            spent.backend,
            spent.processes + 1,
            spent.wall_s + process.wall_s,
            spent.opening_s + (samples.import_s or 0.0) + (samples.open_s or 0.0),
            spent.warmup_s + _seconds(samples.warmup),
            spent.timed_s + _seconds(samples.rounds),
        )
    return spent


def _seconds(rounds: Iterable[Round]) -> float:
    """The wall time of rounds, on a GPU with the passes by its other clocks."""
    return sum([r.wall_ns + (r.gpu.wall_ns if r.gpu else 0) for r in rounds]) / 1e9
