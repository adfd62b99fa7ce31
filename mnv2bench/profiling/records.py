"""Profile and Probes: where the time of a case went and how fast the machine is, one process each, as kept on disk."""

from dataclasses import asdict, dataclass, field
from typing import Any

from mnv2bench.cases import Case
from mnv2bench.records.encoding import (
    durations_from_text,
    durations_to_text,
    require_numbers,
    require_status,
    round_from_json,
    round_to_json,
)
from mnv2bench.records.rounds import Round

# What an operator is; a fused one is several of them joined by "+", in the order in which it computes them. A conv may
# be of any kernel, depthwise too, where its runtime does not tell them apart; a matmul is a 1x1 conv or a linear layer.
KINDS = ("conv", "depthwise", "matmul", "linear", "add", "pool", "norm", "activation", "layout", "other")


@dataclass(frozen=True)
class Operator:
    """One operator that a runtime executed, once in each profiled call.

    `name` is the runtime's, unique within a profile. `kind` is of KINDS, joined by "+" where fused. `origins` are the
    network's modules that it computes, as the file that the runtime opened names them: "features.3.conv.1.0"; "" for
    the network itself, which pools; empty where the runtime does not say.
    """

    name: str
    kind: str
    durations_ns: tuple[int, ...]
    origins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.kind or any(part not in KINDS for part in self.kind.split("+")):
            raise ValueError(f"operator {self.name!r} is of the kind {self.kind!r}, not of {', '.join(KINDS)}")


@dataclass(frozen=True)
class Profile:
    """What a runtime's own profiler said of one fresh process of a case; nothing of it is a latency.

    `operators` in the order in which they first ran. `calls_ns`: the same calls as a whole by the host's clock, with
    the profiler on. `arena_bytes`: memory that the runtime says it planned for activations, `arena` in what words; None
    where it does not tell. `notes`: what this profiler cannot see. `error` over eager's largest logit, as in a record.
    """

    case: Case
    number: int
    status: str
    reason: str
    wall_s: float
    profiler: str = ""
    operators: tuple[Operator, ...] = ()
    calls_ns: tuple[int, ...] = ()
    arena_bytes: int | None = None
    arena: str = ""
    notes: tuple[str, ...] = ()
    error: float | None = None


@dataclass(frozen=True)
class Probe:
    """A library's kernel run for its speed alone: `work` is FLOP or bytes moved of one call, as `unit` says.

    `level` is the cache that its `bytes` fit in, "L2" or "L3", or "memory"; "" for a matrix product.
    """

    name: str
    library: str
    unit: str
    work: int
    bytes: int
    level: str
    rounds: tuple[Round, ...]


@dataclass(frozen=True)
class Probes:
    """One fresh process of probes at a number of threads; `caches` are bytes by level, as the system says."""

    threads: int
    number: int
    status: str
    reason: str
    wall_s: float
    probes: tuple[Probe, ...] = ()
    caches: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def profile_to_json(profile: Profile) -> dict[str, Any]:
    operators = [asdict(o) | {"durations_ns": durations_to_text(o.durations_ns)} for o in profile.operators]
    packed = {"operators": operators, "calls_ns": durations_to_text(profile.calls_ns)}
    return asdict(profile) | {"case": profile.case.id, **packed}


def profile_from_json(fields: dict[str, Any]) -> Profile:
    """Raises ValueError, KeyError or TypeError for what is no profile."""
    _require_head(fields)
    require_numbers(fields, ("wall_s", "arena_bytes", "error"))
    calls = durations_from_text(fields.get("calls_ns", ""))
    operators = tuple(map(_operator, fields.get("operators", ())))
    if any(len(o.durations_ns) != len(calls) for o in operators):
        raise ValueError("an operator that did not run in each profiled call")
    if len({o.name for o in operators}) < len(operators):
        raise ValueError("two operators of one name")
    texts = {"notes": tuple(map(str, fields.get("notes", ()))), "profiler": str(fields.get("profiler", ""))}
    return Profile(**{**fields, **texts, "case": Case.parse(fields["case"]), "operators": operators, "calls_ns": calls})


def _operator(fields: dict[str, Any]) -> Operator:
    durations = durations_from_text(fields["durations_ns"])
    return Operator(str(fields["name"]), str(fields["kind"]), durations, tuple(map(str, fields.get("origins", ()))))


def probes_to_json(probes: Probes) -> dict[str, Any]:
    packed = [asdict(p) | {"rounds": [round_to_json(r) for r in p.rounds]} for p in probes.probes]
    return asdict(probes) | {"probes": packed}


def probes_from_json(fields: dict[str, Any]) -> Probes:
    """Raises ValueError, KeyError or TypeError for what is none."""
    _require_head(fields)
    require_numbers(fields, ("wall_s",))
    caches = {str(level): int(size) for level, size in fields.get("caches", {}).items()}
    found = tuple(map(_probe, fields.get("probes", ())))
    notes = tuple(map(str, fields.get("notes", ())))
    return Probes(**{**fields, "probes": found, "caches": caches, "notes": notes})


def _probe(fields: dict[str, Any]) -> Probe:
    if fields["unit"] not in ("flop", "byte") or not int(fields["work"]) > 0:
        raise ValueError("a probe without work")
    return Probe(**{**fields, "rounds": tuple(map(round_from_json, fields["rounds"]))})


def _require_head(fields: dict[str, Any]) -> None:
    require_status(fields)
    if not isinstance(fields["number"], int) or not isinstance(fields["reason"], str):
        raise ValueError("a process without a number or a reason")
