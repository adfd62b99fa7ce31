"""Records as JSON and back: one line a process, decoded and checked in one step.

On disk a case is its id, and the durations of a round are one string "1 2 3": a file that is indented has one line for
each round, and stays readable.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Meta, Struct, UnsetType

from mnv2bench.case import MAX_PARSED, Case, Kind
from mnv2bench.records.consistency import require_consistent, require_consistent_accuracy
from mnv2bench.records.json_text import dumps, parsed
from mnv2bench.records.ranges import PACKED
from mnv2bench.records.record import Accuracy, Artifact, Process, Samples
from mnv2bench.records.target import Target, target_from_json, target_to_json

T = TypeVar("T")

__all__ = ["dumps", "parsed"]
MAX_ID = 300  # characters of the id of a case
WHOLE_SINCE = 5  # the first schema whose lines must have every field
SINCE = {  # fields that were added when the lines of files had to have every field already, by the name of their Struct
    "Samples": {"layers": 6},
    "Counts": {"layers": 6},
    "Weights": {"digits": 6, "images": 6, "images_content": 6},
    "Plan": {"budget_s": 7},
    "HeadLine": {"began": 7, "networks": 8},
}
LEFT_OUT = ("gpu", "counts", "told", "target", "samples")  # fields that stand in no line where they hold nothing
NUMBERS = re.compile(r"[0-9 -]+")
INTEGERS = msgspec.json.Decoder(list[int])


@lru_cache(maxsize=MAX_PARSED)
def parse_case(id: str) -> Case:
    """The case of an id in a file. ValueError for a text that is none, and for another spelling of an id."""
    if len(id) > MAX_ID:
        raise ValueError(f"a text of {len(id)} characters is no case id: {id[:MAX_ID]!r}...")
    case = Case.parse(id)
    if case.id != id:
        raise ValueError(f"{id!r} is not how the case {case.id} is written")
    return case


class ProcessLine(Process, tag_field="line", tag="process", kw_only=True, frozen=True):
    """A Process as a line of a journal: its case by id, with the kind of that case since schema 2."""

    case: str  # type: ignore[assignment]
    target: Any = None  # a device may answer anything: `target_from_json` takes what it knows
    kind: Kind | None = None

    def process(self, schema: int = 0) -> Process:
        """The process that the line tells of. ValueError for a line that contradicts itself.

        Since schema 5 its target has to have every field, and no other.
        """
        case = parse_case(self.case)
        if self.kind not in (None, case.kind):
            raise ValueError(f"a process of {case.id} is {case.kind}, and the line says {self.kind}")
        whole = schema >= WHOLE_SINCE and self.target
        target = built(self.target, Target, schema) if whole else target_from_json(self.target)
        process = Process(
            case,
            self.number,
            self.position,
            self.seed,
            self.status,
            self.reason,
            self.wall_s,
            self.samples,
            self.counts,
            self.external_result,
            target,
        )
        require_consistent(process)
        return process


class ArtifactLine(Artifact, tag_field="line", tag="artifact", kw_only=True, frozen=True):
    """An Artifact as a line of a journal: with the id of the case that opens it."""

    case: str

    def artifact(self) -> Artifact:
        """The artifact that the line tells of."""
        return Artifact(**{name: getattr(self, name) for name in Artifact.__struct_fields__})


class AccuracyLine(Accuracy, tag_field="line", tag="accuracy", kw_only=True, frozen=True):
    """An Accuracy as a line of a journal: with the id of the case whose artifact was tested."""

    case: str

    def accuracy(self) -> Accuracy:
        """The accuracy that the line tells of. ValueError for one that contradicts itself."""
        accuracy = Accuracy(**{name: getattr(self, name) for name in Accuracy.__struct_fields__})
        require_consistent_accuracy(accuracy)
        return accuracy


@dataclass(frozen=True)
class Shape:
    """How a Struct stands on disk: its fields, those that are `packed`, and those that hold other Structs.

    `required` fields stand in every line that is written since the schema that stands beside their names.
    """

    known: frozenset[str]
    required: Mapping[str, int]
    packed: tuple[str, ...]
    nested: Mapping[str, type[Struct]]


@cache
def shape(kind: type[Struct]) -> Shape:
    """The Shape of a Struct, from its declaration."""
    fields = msgspec.structs.fields(kind)
    parts = {field.encode_name: list(_parts(field.type)) for field in fields}
    optional = {name for name, types in parts.items() if UnsetType in types} | {*LEFT_OUT}
    return Shape(
        known=frozenset({*parts, "line"}),
        required={name: SINCE.get(kind.__name__, {}).get(name, WHOLE_SINCE) for name in parts.keys() - optional},
        packed=tuple(name for name, types in parts.items() if PACKED in types),
        nested={name: part for name, types in parts.items() for part in types if is_struct(part)},
    )


def _parts(annotation: Any) -> Iterable[Any]:
    """The types that an annotation is made of, and PACKED where it says so. What is in a dict stays as it is."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        if is_packed(annotation):
            yield PACKED
        yield from _parts(arguments[0])
    elif origin in (Union, UnionType, tuple):
        for argument in arguments:
            yield from _parts(argument)
    else:
        yield annotation


def is_packed(annotation: Any) -> bool:
    """Whether the numbers of a field of this type are one text on disk."""
    notes = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    return any(isinstance(note, Meta) and (note.extra or {}).get(PACKED) for note in notes)


def is_struct(part: Any) -> bool:
    """Whether a type is a Struct."""
    return isinstance(part, type) and issubclass(part, Struct)


def decoded(text: bytes, kind: type[T], schema: int = 0) -> T:
    """A value of this type from its JSON on disk: see `built`."""
    return built(parsed(text), kind, schema)


def built(fields: object, kind: type[T], schema: int = 0) -> T:
    """A value of this type from parsed JSON. ValueError for unknown fields, wrong types and wrong ranges.

    Since schema 5 no field that the schema has may be missing, and none may be unknown.
    """
    try:
        return msgspec.convert(_unpacked(fields, kind, schema), type=kind)
    except msgspec.MsgspecError as error:
        raise ValueError(str(error)) from error


def _unpacked(value: Any, kind: Any, schema: int) -> Any:
    """The same with texts of durations as lists. What is of another type is left for the conversion to refuse."""
    if isinstance(value, list):
        return [_unpacked(item, kind, schema) for item in value]
    if not isinstance(value, dict) or not is_struct(kind):
        return value
    form, fields = shape(kind), dict(value)
    missing = [name for name, since in form.required.items() if since <= schema and name not in fields]
    if schema >= WHOLE_SINCE and missing:
        raise ValueError(f"a {kind.__name__} without the field {min(missing)!r}")
    unknown = fields.keys() - {name for name in form.known if form.required.get(name, 0) <= schema}
    if schema >= WHOLE_SINCE and unknown:
        raise ValueError(f"a {kind.__name__} with the unknown field {min(unknown)!r}")
    for name in form.packed:
        if fields.get(name) is not None:
            fields[name] = _integers(name, fields[name])
    for name, part in form.nested.items():
        if name in fields:
            fields[name] = _unpacked(fields[name], part, schema)
    return fields


def _integers(name: str, text: object) -> object:
    if isinstance(text, list):
        raise ValueError(f"{name} is a list, not one text of whole numbers")
    if text == "":
        return []
    if not isinstance(text, str) or not NUMBERS.fullmatch(text):
        return text
    try:
        return INTEGERS.decode(f"[{text.replace(' ', ',')}]")
    except msgspec.MsgspecError:
        return text


def from_json(fields: dict[str, object], kind: type[T]) -> T:
    """The same of JSON that was parsed before."""
    return built(fields, kind)


def to_json(value: Struct) -> dict[str, object]:
    """The JSON of a value on disk: durations as texts, and `gpu` left out where there is none."""
    fields: dict[str, object] = _packed(msgspec.to_builtins(value), type(value))
    return fields


def _packed(value: Any, kind: type[Struct]) -> Any:
    if isinstance(value, list | tuple):
        return [_packed(item, kind) for item in value]
    if not isinstance(value, dict):
        return value
    form = shape(kind)
    fields = {name: field for name, field in value.items() if name != "gpu" or field is not None}
    for name in form.packed:
        fields[name] = as_text(fields[name])
    for name, part in form.nested.items():
        if name in fields:
            fields[name] = _packed(fields[name], part)
    return fields


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


def process_from_json(fields: dict[str, object], schema: int = 0) -> Process:
    """The process of a line that was parsed before. ValueError for what is none."""
    return built({"line": "process"} | fields, ProcessLine, schema).process(schema)
