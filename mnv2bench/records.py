"""Record: what was measured, as it is kept on disk. Derived numbers are functions in `analysis`, never fields."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mnv2bench.cases import KINDS, Case

SCHEMA = 2  # 2 (2026-11): kind, target, counts, told. A reader takes every number up to its own: docs/records.md.
STATUSES = ("ok", "wrong", "failed", "timeout", "unavailable", "unsupported")
MAX_STEAL = 0.01
MAX_RUN_QUEUE = 0.01
MIN_CPU_ONE_THREAD = 0.97
MIN_CPU_OF_USUAL = 0.95


@dataclass(frozen=True)
class Plan:
    """How long and how often. Seconds throughout; `rounds` is how many kept rounds a process is asked for."""

    processes: int = 5
    rounds: int = 15
    round_s: float = 0.15
    warmup_s: float = 0.5
    warmup_runs: int = 3
    warmup_cap_s: float = 3.0
    warmup_cap_rounds: int = 20
    steady_slope: float = 0.005
    timeout_s: float = 300.0

    def __post_init__(self) -> None:
        for name in ("processes", "rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.timeout_s < float("inf"):
            raise ValueError(f"timeout_s must be a number of seconds above 0, not {self.timeout_s}")


QUICK = Plan(processes=3, rounds=5)


@dataclass(frozen=True)
class Round:
    """About 150 ms of back-to-back inferences and what else the machine did meanwhile. Integer nanoseconds."""

    durations_ns: tuple[int, ...]
    wall_ns: int
    cpu_ns: int
    run_queue_ns: int | None = None
    steal_ns: int | None = None
    throttled_ns: int | None = None
    involuntary_switches: int = 0
    major_faults: int = 0

    @property
    def cpu_share(self) -> float:
        """CPU time over wall time: the threads really used."""
        return self.cpu_ns / self.wall_ns if self.wall_ns else 0.0

    def contention(self, threads: int, usual_cpu_share: float) -> tuple[str, ...]:
        """Why this round does not count, from what the machine did and never from its timing.

        Source: shared measuring notes, section 8; limits are the MAX_ and MIN_ names above.
        """
        floor = MIN_CPU_ONE_THREAD if threads == 1 else MIN_CPU_OF_USUAL * usual_cpu_share
        signs = (
            "cpu" if self.cpu_share < floor else "",
            "run queue" if (self.run_queue_ns or 0) > MAX_RUN_QUEUE * self.wall_ns else "",
            "steal" if (self.steal_ns or 0) > MAX_STEAL * self.wall_ns else "",
            "throttled" if self.throttled_ns else "",
            "major faults" if self.major_faults > 0 else "",
        )
        return tuple(filter(None, signs))


def kept(rounds: Sequence[Round], threads: int) -> tuple[Round, ...]:
    """The rounds in which nothing contended with the worker."""
    usual = statistics.median(r.cpu_share for r in rounds) if rounds else 0.0
    return tuple(r for r in rounds if not r.contention(threads, usual))


@dataclass(frozen=True)
class Memory:
    """Resident memory of one clean worker process, bytes; `peak` is its high-water mark (VmHWM)."""

    interpreter: int
    floor: int
    loaded: int
    peak: int


@dataclass(frozen=True)
class Samples:
    """What one process measured: warm-up apart, every duration in order, never trimmed.

    `cold_open_s` is what `open` took when nothing of it was cached, then or in this process (`cold`); None for a
    backend that keeps no compile cache. `error` and `separation` are over the reference's largest logit.
    """

    warmup: tuple[Round, ...] = ()
    rounds: tuple[Round, ...] = ()
    import_s: float | None = None
    open_s: float | None = None
    cold_open_s: float | None = None
    cold: bool = False
    first_s: float | None = None
    memory: Memory | None = None
    error: float | None = None
    separation: float | None = None
    settings: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Counts:
    """What one process executed under an emulator: guest instructions of each inference, one thread, and no time.

    `instructions` are raw, between two marks; `empty` is what the two marks count with nothing between them.
    `classes` are those of the last inference.
    """

    instructions: tuple[int, ...]
    empty: int = 0
    classes: dict[str, int] = field(default_factory=dict)
    error: float | None = None
    separation: float | None = None
    settings: dict[str, str] = field(default_factory=dict)

    @property
    def net(self) -> tuple[int, ...]:
        """Of the inferences alone, without their marks."""
        return tuple(n - self.empty for n in self.instructions)


@dataclass(frozen=True)
class Told:
    """What another tool printed of its own measurement: no outputs were checked, and what it counts is its own affair.

    `durations_ms` only where the tool prints each run. `notes` say what is not ours: its network, its precision.
    """

    tool: str
    count: int
    min_ms: float
    max_ms: float
    mean_ms: float
    median_ms: float | None = None
    std_ms: float | None = None
    durations_ms: tuple[float, ...] = ()
    init_ms: float | None = None
    peak_mb: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Process:
    """One fresh worker process of a case: where it stood in the realised order, how it ended, what it measured.

    `counts` in place of `samples` under an emulator, `told` in place of them by a tool that is not ours. `target` says
    what a device elsewhere is and how it was: "facts" that make numbers comparable, "mask", "before", "after",
    "cooling"; empty here.
    """

    case: Case
    number: int
    position: int
    seed: int
    status: str
    reason: str
    wall_s: float
    samples: Samples = field(default_factory=Samples)
    counts: Counts | None = None
    told: Told | None = None
    target: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Artifact:
    """A file that a backend reads: how large, and how long it took to make when it was made."""

    format: str
    key: str
    bytes: int
    export_s: float


@dataclass(frozen=True)
class Record:
    """A case, how it was measured, where, and how it ended. A refusal and a crash are Records too."""

    case: Case
    plan: Plan
    environment: dict[str, Any]
    status: str
    reason: str
    processes: tuple[Process, ...]
    artifact: Artifact | None = None
    seed: int = 0

    @property
    def samples(self) -> tuple[Samples, ...]:
        """Of the processes that ended well."""
        return tuple(p.samples for p in self.processes if p.status == "ok")

    @property
    def counts(self) -> tuple[Counts, ...]:
        """Of the processes that ended well under an emulator; one that is wrong counts for nothing."""
        return tuple(p.counts for p in self.processes if p.status == "ok" and p.counts)

    @property
    def told(self) -> tuple[Told, ...]:
        return tuple(p.told for p in self.processes if p.status == "ok" and p.told)

    @property
    def timed(self) -> bool:
        """Whether it belongs among latencies, with a number or a reason for none: counts and hearsay do not."""
        return self.case.kind != KINDS[2] and not any(p.told for p in self.processes)


def record(
    case: Case,
    plan: Plan,
    environment: dict[str, Any],
    processes: Iterable[Process],
    artifact: Artifact | None = None,
    seed: int = 0,
) -> Record:
    """Fold the processes of a case into its Record: `ok` only where every one of them is."""
    mine = tuple(processes)
    bad = [p for p in mine if p.status != "ok"]
    status, reason = (bad[0].status, bad[0].reason) if bad else ("ok", "")
    if not mine:
        status, reason = "failed", "not measured: the campaign was interrupted before this case (use --resume)"
    return Record(case, plan, environment, status, reason, mine, artifact, seed)
