"""Texts from anywhere, made fit for one line of a table or a terminal; durations and counts as texts, and back."""

import math
import re
import sys
from collections.abc import Mapping

MAX_REASON = 500
BEGINNING = 160  # characters that are kept of the beginning of a long text; the rest of the line is its end
SCANNED = 20_000  # characters of each end of an endless text that are looked at
CUT = " … "
MOST_OF_A_NAME, END_OF_A_NAME = 40, 22  # characters of a network's name in a table, and those of its end
QUANTITY = re.compile(r"((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?)\s*(\S*)", re.IGNORECASE)
UNITS_S = {"s": 1, "": 60, "m": 60, "min": 60, "h": 3600}
MAX_DURATION_S = 31_536_000  # a year


def one_line(text: str) -> str:
    """The text without control characters, on one line, of a length that fits a table.

    A long text keeps its beginning and its end: a compiler says last what was wrong.
    """
    if len(text) > 2 * SCANNED:
        text = f"{text[:SCANNED]}{CUT}{text[-SCANNED:]}"
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) <= MAX_REASON:
        return line
    return f"{line[:BEGINNING].rstrip()}{CUT}{line[BEGINNING + len(CUT) - MAX_REASON :].lstrip()}"


def short_name(name: str) -> str:
    """A name that fits a table: of a long one its beginning and its end, which tells two files of one name apart."""
    if len(name) <= MOST_OF_A_NAME:
        return name
    return f"{name[: MOST_OF_A_NAME - END_OF_A_NAME - 1]}…{name[-END_OF_A_NAME:]}"


def duration_text(seconds: float) -> str:
    """A duration such as 45 s, 2.5 min, 12 min or 1 h 20 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 600:
        return f"{seconds / 60:.2g} min"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def quantity(option: str, text: str, units: Mapping[str, float], example: str, most: float = math.inf) -> float:
    """The number of a text such as 15ms, by the sizes of the units that it may have; "" is that of a number alone.

    ValueError, which names the option and ends in the example, for anything else, for 0, and for more than `most`.
    """
    match = QUANTITY.fullmatch(text.strip())
    unit = match[2].lower() if match else ""
    if not match or unit not in units:
        known = ", ".join(filter(None, units))
        raise ValueError(f"{option} {text!r} is no number with one of the units {known}: write {example}")
    value = float(match[1]) * units[unit]
    if not 0 < value <= min(most, sys.float_info.max):
        limit = f" and at most {most:.0f}{_plain_unit(units)}" if math.isfinite(most) else ""
        raise ValueError(f"{option} must be a number above 0{limit}, not {text!r}: write {example}")
    return value


def _plain_unit(units: Mapping[str, float]) -> str:
    """The unit that the values are in."""
    return next(unit for unit, size in units.items() if unit and size == 1)


def duration_s(option: str, text: str) -> float:
    """The seconds of a text such as 90s, 10m, 1.5h, or 10, which is in minutes. ValueError as of `quantity`."""
    return quantity(option, text, UNITS_S, "90s, 10m or 1h", MAX_DURATION_S)


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun, such as 1 case or 30 cases."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"
