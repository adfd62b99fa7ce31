"""Numbers and texts as cells of a Markdown table."""

import re
from collections.abc import Iterable, Sequence

from mnv2bench.report.rows import Row

NONE = "–"
LONGEST = 500
MARKS = {"noisy": "†", "unsteady": "‡", "throttled": "‖", "threads": "§", "warm-up": "¶"}
MARKS |= {"shared": "¤", "unwatched": "?", "enqueue-bound": "◊", "precision": "≟"}  # of GPUs
# An underscore inside a word means nothing to GitHub: case ids stay readable in the source.
SPECIAL = re.compile(r"[\\`*\[\]<>|~&#$!]|(?<![^\W_])_|_(?![^\W_])")


def plain(text: str) -> str:
    """On one line, without anything unprintable."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def escape(text: object) -> str:
    """Any text from a file as plain words: no markup, no HTML, no new cell."""
    line = plain(str(text))
    shown = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return SPECIAL.sub(r"\\\g<0>", shown)


def table(header: Sequence[str], body: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A Markdown table; the first `texts` columns are text and align left, the rest are numbers and align right."""
    import pandas as pd

    align = ["left"] * texts + ["right"] * (len(header) - texts)
    frame = pd.DataFrame(list(body), columns=list(header), dtype=object)
    drawn: str = frame.to_markdown(index=False, colalign=align, disable_numparse=True)
    return drawn


def number(value: float | None, decimals: int = 2) -> str:
    return NONE if value is None else f"{value:,.{decimals}f}"


def decimals(value: float) -> int:
    """So that about four digits are told."""
    return 4 if value < 0.1 else 3 if value < 1 else 2 if value < 100 else 1


def scaled(value: float | None) -> str:
    """A number of whatever size, in about four digits."""
    return NONE if value is None else number(value, decimals(value))


def latency(row: Row, fastest: bool) -> str:
    """`**6.13** (6.10–6.17) †`; a wrong one struck out; the status where there is no number."""
    if row.status != "ok" or row.latency_ms is None:
        return struck(row, row.latency_ms)
    shown = interval(row.latency_ms, row.latency_low_ms, row.latency_high_ms, fastest)
    return " ".join([shown] + ["".join(marks(row))] * bool(marks(row)))


def interval(median: float, low: float | None, high: float | None, fastest: bool = False) -> str:
    """`6.13 (6.10–6.17)`, bold where it is the fastest; without an interval where there is none."""
    places = decimals(median)
    shown = number(median, places)
    within = "" if low is None else f" ({number(low, places)}–{number(high, places)})"
    return (f"**{shown}**" if fastest else shown) + within


def derived(row: Row, value: float | None) -> str:
    """A number that follows from the latency or stands beside it."""
    return scaled(value) if row.status == "ok" else struck(row, value)


def struck(row: Row, value: float | None) -> str:
    """The status instead of a number, with the number struck out where it is of a wrong result."""
    if row.status == "ok":
        return NONE
    return f"~~{scaled(value)}~~ wrong" if row.status == "wrong" and value is not None else row.status


def marks(row: Row) -> list[str]:
    return [mark for kind, mark in MARKS.items() if any(flag.startswith(kind) for flag in row.flags)]
