"""Strict JSON: what `json` reads leniently and no program of ours writes is refused."""

import json
import re
from collections import Counter
from typing import Any, NoReturn

MAX_STRUCTURE = 8_000_000  # bytes of one line without the digits and spaces of its numbers
DIGITS_AND_SPACES = b"0123456789 \t\r\n"
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # a half of a pair is no text


def parsed(text: bytes) -> Any:
    """The value of a JSON text. ValueError for what is none, and for a text that would take too much memory.

    Refused besides: a field that stands twice in an object, NaN and infinite numbers, and half a surrogate pair.
    """
    if len(text) > MAX_STRUCTURE and len(text.translate(None, DIGITS_AND_SPACES)) > MAX_STRUCTURE:
        raise ValueError(
            f"it is longer than any line of ours: over {MAX_STRUCTURE // 1_000_000} MB without its numbers"
        )
    value = json.loads(
        text.decode(), object_pairs_hook=_unique_fields, parse_constant=_not_finite, parse_float=_finite
    )  # fmt: skip
    if SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value


def dumps(value: object) -> str:
    """One line of strict JSON: NaN and infinity raise ValueError."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _unique_fields(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"the field {name!r} stands twice in one object")
    return fields


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is more than a number can be")
    return number
