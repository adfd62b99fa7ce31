"""How long the processes of a campaign ran, and for what."""

from collections.abc import Iterable
from dataclasses import dataclass

from mnv2bench.records import Record


@dataclass(frozen=True)
class TimeSpent:
    """Seconds of all processes of a backend; `timed_s` is inside rounds, the rest is start, import, open, warm-up."""

    backend: str
    processes: int
    wall_s: float
    opening_s: float
    warmup_s: float
    timed_s: float

    @property
    def timed_share(self) -> float:
        return self.timed_s / self.wall_s if self.wall_s else 0.0


def time_spent(records: Iterable[Record]) -> tuple[TimeSpent, ...]:
    """A row for each backend, then a row for all of them, named "all"."""
    rows: dict[str, TimeSpent] = {}
    for record in records:
        for name in (record.case.backend, "all"):
            row = rows.get(name, TimeSpent(name, 0, 0.0, 0.0, 0.0, 0.0))
            for process in record.processes:
                samples = process.samples
                row = TimeSpent(
                    name,
                    row.processes + 1,
                    row.wall_s + process.wall_s,
                    row.opening_s + (samples.import_s or 0.0) + (samples.open_s or 0.0),
                    row.warmup_s + sum(r.wall_ns for r in samples.warmup) / 1e9,
                    row.timed_s + sum(r.wall_ns for r in samples.rounds) / 1e9,
                )
            rows[name] = row
    names = sorted(rows, key=lambda name: (name == "all", name))
    return tuple(rows[name] for name in names)
