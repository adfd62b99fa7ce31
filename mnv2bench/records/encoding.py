"""Records as JSON and back: one line a process, decoded and checked by msgspec in one step.

On disk a case is its id, and the durations of a round are one string "1 2 3": a file that is indented has one line for
each round, and stays readable.
"""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from mnv2bench.cases import Case, Kind
from mnv2bench.records.record import STATUSES, Artifact, Counts, Process, Samples
from mnv2bench.records.rounds import GpuRound, Round
from mnv2bench.records.target import target_from_json, target_to_json

T = TypeVar("T")

PACKED = ("durations_ns", "gpu_ns", "enqueue_ns", "end_to_end_ns", "calls_ns")
# A quote inside a text is escaped, so that this matches names of fields and never parts of texts.
PACKED_FIELD = re.compile(rb'"(%s)":\s*(?:"([0-9 -]*)"|\[)' % "|".join(PACKED).encode())

parse_case = lru_cache(maxsize=4096)(Case.parse)


class ProcessLine(Process, tag_field="line", tag="process", kw_only=True, frozen=True):
    """A Process as a line of a journal: its case by id, with the kind of that case since schema 2."""

    case: str  # type: ignore[assignment]
    target: Any = None  # a device may answer anything: `target_from_json` takes what it knows
    kind: Kind | None = None

    def process(self) -> Process:
        """The process that the line tells of. ValueError for a line that contradicts itself."""
        case = parse_case(self.case)
        if self.status not in STATUSES:
            raise ValueError(f"status {self.status!r} is not one of {', '.join(STATUSES)}")
        if self.kind not in (None, case.kind):
            raise ValueError(f"a process of {case.id} is {case.kind}, and the line says {self.kind}")
        require_consistent_samples(self.samples)
        if self.counts:
            require_consistent_counts(self.counts)
        fields = {name: getattr(self, name) for name in Process.__struct_fields__}
        return Process(**fields | {"case": case, "target": target_from_json(self.target)})


class ArtifactLine(Artifact, tag_field="line", tag="artifact", kw_only=True, frozen=True):
    """An Artifact as a line of a journal: with the id of the case that opens it."""

    case: str

    def artifact(self) -> Artifact:
        """The artifact that the line tells of."""
        return Artifact(**{name: getattr(self, name) for name in Artifact.__struct_fields__})


def decoded(text: bytes, kind: type[T]) -> T:
    """A value of this type from its JSON on disk. ValueError for unknown fields, wrong types and wrong ranges."""
    try:
        return msgspec.json.decode(PACKED_FIELD.sub(_as_list, text), type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error


def _as_list(field: re.Match[bytes]) -> bytes:
    name, numbers = field.groups()
    if numbers is None:
        raise ValueError(f"{name.decode()} is a list, not one text of whole numbers")
    return b'"%b":[%b]' % (name, b",".join(numbers.split()))


def from_json(fields: dict[str, object], kind: type[T]) -> T:
    """The same of JSON that was parsed before."""
    return decoded(msgspec.json.encode(fields), kind)


def to_json(value: Struct) -> dict[str, object]:
    """The JSON of a value on disk: durations as texts, and `gpu` left out where there is none."""
    fields: dict[str, object] = _packed(msgspec.to_builtins(value))
    return fields


def _packed(value: Any) -> Any:
    if isinstance(value, dict):
        fields = {name: field for name, field in value.items() if name != "gpu" or field is not None}
        return {name: as_text(field) if name in PACKED else _packed(field) for name, field in fields.items()}
    if isinstance(value, list | tuple):
        return [_packed(item) for item in value]
    return value


def as_text(durations: Iterable[int]) -> str:
    """Durations as they stand on disk."""
    return " ".join(map(str, durations))


def samples_to_json(samples: Samples) -> dict[str, object]:
    """Samples as JSON, with durations as texts."""
    return to_json(samples)


def process_to_json(process: Process) -> dict[str, object]:
    """The line of a process. It has only what its kind has: no field of a count could be taken for a latency."""
    fields = to_json(process) | {"case": process.case.id, "kind": process.case.kind}
    unused = [name for name in ("counts", "told", "target") if not fields[name]]
    if process.counts or process.external_result or process.case.kind == Kind.COUNTED:
        unused.append("samples")
    if process.target:
        fields["target"] = target_to_json(process.target)
    return {name: value for name, value in fields.items() if name not in unused}


def process_from_json(fields: dict[str, object]) -> Process:
    """The process of a line that was parsed before. ValueError for what is none."""
    return from_json({"line": "process"} | fields, ProcessLine).process()


def require_consistent_samples(samples: Samples) -> None:
    """Raises ValueError for rounds whose calls took longer than the rounds themselves."""
    for round in (*samples.warmup, *samples.rounds):
        require_consistent_round(round)


def require_consistent_round(round: Round) -> None:
    """Raise ValueError for a round whose calls took longer than the round itself."""
    if round.wall_ns < sum(round.durations_ns):
        raise ValueError("a round longer than its wall time")
    if round.gpu:
        _require_consistent_passes(round.gpu)


def _require_consistent_passes(passes: GpuRound) -> None:
    if passes.wall_ns < passes.in_flight_ns + sum(passes.enqueue_ns) + sum(passes.end_to_end_ns):
        raise ValueError("passes longer than their wall time")


def require_consistent_counts(counts: Counts) -> None:
    """Raises ValueError for inferences that executed no more instructions than the marks around them."""
    if min(counts.instructions) <= counts.empty:
        raise ValueError("an inference with no more instructions than its marks")


def dumps(value: object) -> str:
    """One line of strict JSON: NaN and infinity raise ValueError."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
