"""Lines of the current schema decoded straight into their types, several times faster than by way of dicts.

What is unusual about a text is left to `encoding.built`, which says what is wrong with it: `Direct.value` then returns
None. The types that a text is decoded into follow from the declared ones: see `encoding.shape`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Generic, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, UnsetType

from mnv2bench.records.encoding import is_packed, is_struct, shape
from mnv2bench.records.json_text import MAX_STRUCTURE

S = TypeVar("S", bound=Struct)
Step = Callable[[Any], tuple[Any, int]]  # the value of a field, and the colons within its JSON


class Unusual(ValueError):
    """A text that has to be decoded by the long way."""


@dataclass(frozen=True)
class Direct(Generic[S]):
    """How lines of one type are decoded: `decoder` takes the text, and `step` makes the value of what it returns."""

    decoder: msgspec.json.Decoder[Any]
    step: Step

    def value(self, text: bytes) -> S | None:
        """The value of a line. None for a text that is damaged, that spells a field twice, or is otherwise unusual.

        A text has a colon for each of its fields and those within its strings, so that a field which stands twice
        makes more colons than the value needs.
        """
        if len(text) > MAX_STRUCTURE or b"\\" in text:
            return None
        try:
            value, colons = self.step(self.decoder.decode(text))
        except (msgspec.MsgspecError, ValueError):
            return None
        result: S = value
        return result if text.count(b":") == colons else None


@cache
def direct(kind: type[S]) -> Direct[S]:
    """How lines of a type are decoded whose fields stand in it, with its name, since the current schema."""
    return Direct(msgspec.json.Decoder(_type_on_disk(kind)), _struct_step(kind))


@cache
def _type_on_disk(kind: type[Struct]) -> type[Struct]:
    """The Struct as it stands on disk: each field is required, UNSET where it may be left out, or a text of numbers."""
    required = shape(kind).required
    fields: list[Any] = []
    for field in msgspec.structs.fields(kind):
        on_disk = _on_disk(field.type)
        optional = (field.encode_name, Union[on_disk, UnsetType], UNSET)  # noqa: UP007  it is a value here
        fields.append((field.encode_name, on_disk) if field.encode_name in required else optional)
    config = kind.__struct_config__
    return msgspec.defstruct(
        f"{kind.__name__}OnDisk",
        fields,
        forbid_unknown_fields=True,
        gc=False,
        kw_only=True,
        tag_field=config.tag_field,
        tag=config.tag,
    )


def _on_disk(annotation: Any) -> Any:
    if is_packed(annotation):
        return str
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return tuple[tuple(_on_disk(argument) for argument in arguments)]  # type: ignore[misc]
    if origin in (Union, UnionType):
        return Union[tuple(map(_on_disk, arguments))]  # noqa: UP007  their number is not known here
    return _type_on_disk(annotation) if is_struct(annotation) else annotation


def _struct_step(kind: type[Struct]) -> Step:
    """How a Struct is made of its type on disk."""
    fields = msgspec.structs.fields(kind)
    required = shape(kind).required
    steps = [(place, step) for place, field in enumerate(fields) if (step := _step(field.type))]
    defaults = [(place, field.default) for place, field in enumerate(fields) if field.encode_name not in required]
    is_line = kind.__struct_config__.tag_field is not None  # it has the field `line`, and keywords only
    own_fields = len(fields) + is_line
    make = _by_keyword(kind) if is_line else kind

    def made(value: Struct) -> tuple[Struct, int]:
        values: list[Any] = list(msgspec.structs.astuple(value))
        colons = own_fields
        for place, step in steps:
            if values[place] is not None and values[place] is not UNSET:
                values[place], within = step(values[place])
                colons += within
        for place, default in defaults:
            if values[place] is UNSET:
                colons -= 1
                values[place] = default
        return make(*values), colons

    return made


def _by_keyword(kind: type[Struct]) -> Callable[..., Struct]:
    names = [field.name for field in msgspec.structs.fields(kind)]
    return lambda *values: kind(**dict(zip(names, values, strict=True)))


def _step(annotation: Any) -> Step | None:
    """What is to be done with a field of this type; None where its value is the one that was decoded."""
    if is_packed(annotation):
        return _packed_step(annotation)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _step(arguments[0])
    if origin is tuple:
        item = _step(arguments[0])
        return _items_step(item) if item else None
    if origin in (Union, UnionType):
        return next(filter(None, map(_step, arguments)), None)
    if origin is dict or annotation is str:
        return _text_step
    if annotation is Any:
        return _refuse
    return _struct_step(annotation) if is_struct(annotation) else None


def _packed_step(annotation: Any) -> Step:
    decode = msgspec.json.Decoder(annotation).decode

    def numbers(text: str) -> tuple[Any, int]:
        if not (text.isascii() and text.replace(" ", "").isdigit()):
            raise Unusual
        return decode(f"[{text.replace(' ', ',')}]"), 0

    return numbers


def _items_step(item: Step) -> Step:
    def items(values: tuple[Any, ...]) -> tuple[Any, int]:
        pairs = [item(value) for value in values]
        return tuple([value for value, _ in pairs]), sum([within for _, within in pairs])

    return items


def _text_step(value: str | dict[str, Any]) -> tuple[Any, int]:
    return value, str(value).count(":") if value else 0


def _refuse(value: Any) -> tuple[Any, int]:
    """A value of a field of any type may hold objects."""
    raise Unusual
