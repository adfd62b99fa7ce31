"""Profile and Probes: where the time of a case went and how fast the machine is, from one process each."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from mnv2bench.case import Case
from mnv2bench.records.consistency import CLOCKS, CLOCKS_S, require_consistent_round, require_status
from mnv2bench.records.encoding import built, parse_case, to_json
from mnv2bench.records.ranges import MAX_ENTRIES, Bytes, Integer, NotNegative, ProfiledDurations, Text, Whole
from mnv2bench.records.rounds import Round

# The type of a fused operator is several of these joined by "+", in the order in which it computes them. A conv may be
# of any kernel, depthwise too, where its runtime does not tell them apart; a matmul is a 1x1 conv or a linear layer.
OPERATOR_TYPES = ("conv", "depthwise", "matmul", "linear", "add", "pool", "norm", "activation", "layout", "other")

Notes = Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)]
Threads = Annotated[int, Meta(ge=1, le=4096)]


class Operator(Struct, frozen=True, forbid_unknown_fields=True, rename={"type": "kind"}):
    """One operator that a runtime executed, once in each profiled call.

    `name` is the runtime's, unique within a profile. `type` is of OPERATOR_TYPES, joined by "+" where fused; files call
    it "kind". `origins` are the network's modules that it computes, as the file that the runtime opened names them:
    "features.3.conv.1.0"; "" for the network itself, which pools; empty where the runtime does not report any.
    """

    name: Text
    type: Text
    durations_ns: ProfiledDurations
    origins: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        if not self.type or any(part not in OPERATOR_TYPES for part in self.type.split("+")):
            known = ", ".join(OPERATOR_TYPES)
            raise ValueError(f"operator {self.name!r} is of the type {self.type!r}, not of {known}")


class Profile(Struct, frozen=True, forbid_unknown_fields=True):
    """What a runtime's own profiler reported of one fresh process of a case; nothing of it is a latency.

    `operators` are in the order in which they first ran. `calls_ns` are the same calls as a whole by the host's clock,
    with the profiler on. `arena_bytes` is the memory that the runtime reports for activations, None where it reports
    none, and `arena` says what that number is. `notes` say what the profiler cannot see. `error` is relative to eager's
    largest logit, as in a record.
    """

    case: Case
    number: Whole
    status: Text
    reason: Text
    wall_s: NotNegative
    profiler: Text = ""
    operators: tuple[Operator, ...] = ()
    calls_ns: ProfiledDurations = ()
    arena_bytes: Bytes | None = None
    arena: Text = ""
    notes: Notes = ()
    error: NotNegative | None = None


class Probe(Struct, frozen=True, forbid_unknown_fields=True):
    """A library's kernel run for its speed alone: `work` is FLOP or bytes moved of one call, as `unit` says.

    `bytes` are those that it works on. `access` says how a kernel that only moves bytes does so; "" for a matrix
    product. Before schema 5 it was always "", and `level` was the cache that the bytes of a copy fit in: "L2", "L3" or
    "memory".
    """

    name: Text
    library: Text
    unit: Literal["flop", "byte"]
    work: Integer
    bytes: Bytes
    level: Text
    rounds: tuple[Round, ...]
    access: Literal["", "copy", "read"] = ""

    def __post_init__(self) -> None:
        if self.work <= 0:
            raise ValueError("a probe without work")


class Probes(Struct, frozen=True, forbid_unknown_fields=True):
    """One fresh process of probes at a number of threads; `caches` are bytes by level, as the system says.

    Each probe had its turn, of one round, in each of `passes`. Before schema 5 they were 0, as all rounds of a probe
    followed one another.
    """

    threads: Threads
    number: Whole
    status: Text
    reason: Text
    wall_s: NotNegative
    probes: tuple[Probe, ...] = ()
    caches: Annotated[dict[Text, Bytes], Meta(max_length=MAX_ENTRIES)] = {}
    notes: Notes = ()
    passes: Whole = 0


class ProfileLine(Profile, kw_only=True, frozen=True):
    """A Profile as a line of a journal: its case by id."""

    case: str  # type: ignore[assignment]

    def profile(self) -> Profile:
        """The profile that the line tells of. ValueError for a line that contradicts itself."""
        require_status(self.status, self.reason)
        _require_time_enough(sum(self.calls_ns) / 1e9, self.wall_s)
        if any(len(operator.durations_ns) != len(self.calls_ns) for operator in self.operators):
            raise ValueError("an operator that did not run in each profiled call")
        if len({operator.name for operator in self.operators}) < len(self.operators):
            raise ValueError("two operators of one name")
        fields = {name: getattr(self, name) for name in Profile.__struct_fields__}
        return Profile(**fields | {"case": parse_case(self.case)})


def profile_to_json(profile: Profile) -> dict[str, object]:
    """A profile as JSON, with its case by id."""
    return to_json(profile) | {"case": profile.case.id}


def profile_from_json(fields: dict[str, object], schema: int = 0) -> Profile:
    """Raises ValueError for what is no profile. Since schema 5 every field must be there."""
    return built(fields, ProfileLine, schema).profile()


def probes_to_json(probes: Probes) -> dict[str, object]:
    """Probes as JSON."""
    return to_json(probes)


def probes_from_json(fields: dict[str, object], schema: int = 0) -> Probes:
    """Raises ValueError for what is none. Since schema 5 every field must be there."""
    probes = built(fields, Probes, schema)
    require_status(probes.status, probes.reason)
    for probe in probes.probes:
        for round in probe.rounds:
            require_consistent_round(round)
    seconds = sum(round.wall_ns for probe in probes.probes for round in probe.rounds) / 1e9
    _require_time_enough(seconds, probes.wall_s)
    return probes


def _require_time_enough(seconds: float, wall_s: float) -> None:
    """ValueError for a process of `wall_s` in which calls of so many seconds ran one after the other."""
    if seconds > CLOCKS * wall_s + CLOCKS_S:
        raise ValueError(f"a process of {wall_s:g} s that measured for {seconds:g} s")
