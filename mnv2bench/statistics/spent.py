"""Where a campaign's time went."""

from collections.abc import Iterable
from dataclasses import dataclass

from mnv2bench.records import Record


@dataclass(frozen=True)
class Spent:
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


def spent(records: Iterable[Record]) -> tuple[Spent, ...]:
    """One row a backend, then one of them all named "all"."""
    rows: dict[str, Spent] = {}
    for record in records:
        for name in (record.case.backend, "all"):
            row = rows.get(name, Spent(name, 0, 0.0, 0.0, 0.0, 0.0))
            for process in record.processes:
                s = process.samples
                row = Spent(
                    name,
                    row.processes + 1,
                    row.wall_s + process.wall_s,
                    row.opening_s + (s.import_s or 0.0) + (s.open_s or 0.0),
                    row.warmup_s + sum(r.wall_ns for r in s.warmup) / 1e9,
                    row.timed_s + sum(r.wall_ns for r in s.rounds) / 1e9,
                )
            rows[name] = row
    together = rows.pop("all", None)
    return (*(rows[name] for name in sorted(rows)), *([together] if together else []))
