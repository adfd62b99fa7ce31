"""Record: what was measured, as it is kept on disk. Derived numbers are functions in `analysis`, never fields."""

import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mnv2bench.cases import Case

SCHEMA = 1  # 1 (2026-11): the first one. A reader takes every number up to its own; see docs/records.md.
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
class Process:
    """One fresh worker process of a case: where it stood in the realised order, how it ended, what it measured."""

    case: Case
    number: int
    position: int
    seed: int
    status: str
    reason: str
    wall_s: float
    samples: Samples


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


def _packed(value: Any) -> Any:
    """Durations as one string a round: a saved file stays readable and one line long per round when indented."""
    if isinstance(value, dict):
        return {k: " ".join(map(str, v)) if k == "durations_ns" else _packed(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(v) for v in value]
    return value


def _round(fields: dict[str, Any]) -> Round:
    durations = tuple(map(int, fields["durations_ns"].split()))
    if not durations or min(durations) <= 0 or fields["wall_ns"] < sum(durations):
        raise ValueError("a round without durations, or longer than its wall time")
    return Round(**{**fields, "durations_ns": durations})


def samples_to_json(samples: Samples) -> dict[str, Any]:
    packed: dict[str, Any] = _packed(asdict(samples))
    return packed


def samples_from_json(fields: dict[str, Any]) -> Samples:
    memory = fields.get("memory")
    for name in ("import_s", "open_s", "cold_open_s", "first_s", "error", "separation"):
        if not isinstance(fields.get(name), int | float | None):
            raise ValueError(f"{name} is no number")
    return Samples(
        **{
            **fields,
            "warmup": tuple(map(_round, fields.get("warmup", ()))),
            "rounds": tuple(map(_round, fields.get("rounds", ()))),
            "memory": Memory(**memory) if memory else None,
        }
    )


def process_to_json(process: Process) -> dict[str, Any]:
    packed: dict[str, Any] = _packed(asdict(process))
    return {**packed, "case": process.case.id}


def process_from_json(fields: dict[str, Any]) -> Process:
    if fields["status"] not in STATUSES:
        raise ValueError(f"status {fields['status']!r} is not one of {', '.join(STATUSES)}")
    return Process(**{**fields, "case": Case.parse(fields["case"]), "samples": samples_from_json(fields["samples"])})


def dumps(value: Any) -> str:
    """One line of strict JSON: no NaN, no surprises for other readers."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
