"""Texts from anywhere, made fit for one line of a table or a terminal; durations and counts as texts, and back."""

import re

MAX_REASON = 500
BEGINNING = 160  # characters that are kept of the beginning of a long text; the rest of the line is its end
SCANNED = 20_000  # characters of each end of an endless text that are looked at
CUT = " … "
MOST_OF_A_NAME, END_OF_A_NAME = 40, 22  # characters of a network's name in a table, and those of its end
DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?(s|m|min|h|)", re.ASCII)
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


def duration_s(option: str, text: str) -> float:
    """The seconds of a text such as 90s, 10m, 1.5h, or 10, which is in minutes.

    ValueError, which names the option, for anything else, for 0, and for more than a year.
    """
    parts = DURATION.fullmatch(text.strip())
    seconds = float(parts[1]) * UNITS_S[parts[2]] if parts else 0.0
    if not 0 < seconds <= MAX_DURATION_S:
        raise ValueError(f"{option} is a time such as 90s, 10m or 1h; a number alone is minutes. It is not {text!r}")
    return seconds


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number with its noun, such as 1 case or 30 cases."""
    return f"{number} {singular if number == 1 else plural or f'{singular}s'}"
