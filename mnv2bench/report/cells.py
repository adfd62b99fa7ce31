"""Numbers and texts as cells of a Markdown table."""

import re
from collections.abc import Iterable, Sequence

from mnv2bench.report.evaluation import Evaluation
from mnv2bench.texts import one_line

NONE = "–"
WHOLE_FROM = 100  # images a second
MARKS = {  # the mark of each flag, by the name that the flag begins with
    "noisy": "†",
    "unsteady": "‡",
    "throttled": "‖",
    "threads": "§",
    "oversubscribed": "⁑",
    "kernel": "⁂",
    "warm-up": "¶",
    "shared": "¤",
    "unwatched": "?",
    "enqueue-bound": "◊",
    "precision": "≟",
    "layers": "◐",
    "accuracy": "▼",
    "subnormal": "≈",
}
MEANINGS = {  # what rows with a flag did, by the same names
    "noisy": "had most rounds of a process disturbed by other programs",
    "unsteady": "drifted within a process",
    "throttled": "ran on a device that throttled",
    "threads": "used another number of threads than requested",
    "oversubscribed": "have more threads than there are cores for them",
    "kernel": "spent over 2 % of the CPU time in the kernel",
    "warm-up": "were still not level when the warm-up reached its cap",
    "shared": "ran while other processes used the GPU",
    "unwatched": "ran on a GPU that does not say which other processes use it",
    "enqueue-bound": "show the host's pace and not that of the GPU",
    "precision": "have too small an error for their precision",
    "layers": "ran some of their layers in another precision",
    "accuracy": "got over a point fewer labelled images right than eager fp32, or were not tested",
    "subnormal": "have weights with subnormal values, with which processors are slow",
}
# An underscore inside a word means nothing to GitHub: case ids stay readable in the source.
SPECIAL = re.compile(r"[\\`*\[\]<>|~&#$!]|(?<![^\W_])_|_(?![^\W_])")


def plain(text: str) -> str:
    """The text on one line, without anything unprintable."""
    if text.isprintable():  # as nearly every text is
        return " ".join(text.split())
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def escape(text: object) -> str:
    """Any text from a file as plain words: no markup, no HTML, no new cell."""
    return SPECIAL.sub(r"\\\g<0>", one_line(str(text)))


def table(header: Sequence[str], lines: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A Markdown table; the first `texts` columns are text and align left, the rest are numbers and align right."""
    import pandas as pd

    align = ["left"] * texts + ["right"] * (len(header) - texts)
    frame = pd.DataFrame(list(lines), columns=list(header), dtype=object)
    markdown: str = frame.to_markdown(index=False, colalign=align, disable_numparse=True)
    return markdown


def number(value: float | None, decimals: int = 2) -> str:
    """A number with thousands separators and so many decimals; a dash for None."""
    return NONE if value is None else f"{value:,.{decimals}f}"


def one_decimal(value: float | None) -> str:
    """A number with one decimal; a dash for None."""
    return number(value, 1)


def decimals(value: float) -> int:
    """How many decimals show about four digits."""
    if value < 0.1:
        return 4
    if value < 1:
        return 3
    return 2 if value < 100 else 1


def scaled(value: float | None) -> str:
    """A number of any size in about four digits; a dash for None."""
    return NONE if value is None else number(value, decimals(value))


def percent(share: float | None) -> str:
    """A share as whole per cents; a dash for None."""
    return NONE if share is None else f"{share:.0%}"


def scientific(value: float | None) -> str:
    """A number as one digit and a power of ten, `2e-06`; a dash for None."""
    return NONE if value is None else f"{value:.0e}"


def text_or_dash(text: str | None) -> str:
    """A text of a file, escaped; a dash where there is none."""
    return escape(text) if text else NONE


def latency(evaluation: Evaluation, fastest: bool) -> str:
    """`**6.13** (6.10–6.17) †`; a wrong one struck out; the status where there is no number."""
    times = evaluation.latency
    if evaluation.record.status != "ok" or times is None:
        return result(evaluation, scaled(None if times is None else 1e3 * times.median_s))
    low_ms = None if times.low_s is None else 1e3 * times.low_s
    high_ms = None if times.high_s is None else 1e3 * times.high_s
    shown = interval(1e3 * times.median_s, low_ms, high_ms, fastest)
    marked = "".join(marks(evaluation.flags))
    return f"{shown} {marked}" if marked else shown


def interval(median: float, low: float | None, high: float | None, fastest: bool = False) -> str:
    """`6.13 (6.10–6.17)`, bold where it is the fastest; without an interval where there is none."""
    places = decimals(median)
    shown = number(median, places)
    within = "" if low is None else f" ({number(low, places)}–{number(high, places)})"
    return (f"**{shown}**" if fastest else shown) + within


def rate_interval(rate: float | None, within: tuple[float, float] | None, fastest: bool = False) -> str:
    """`812 (790–835)`, images a second: whole numbers from 100 on; a dash for none."""
    if rate is None:
        return NONE
    places = 0 if rate >= WHOLE_FROM else decimals(rate)
    shown = number(rate, places)
    bounds = f" ({number(within[0], places)}–{number(within[1], places)})" if within else ""
    return (f"**{shown}**" if fastest else shown) + bounds


def result(evaluation: Evaluation, text: str) -> str:
    """The text of a right result; struck out, that of a wrong one; the status of a case that has none."""
    status = evaluation.record.status
    if status == "ok":
        return text
    return f"~~{text}~~ wrong" if status == "wrong" and text != NONE else status


def marks(flags: Sequence[str]) -> list[str]:
    """The marks of the flags, in the order of MARKS."""
    return [MARKS[name] for name in flag_names(flags)]


def flag_names(flags: Sequence[str]) -> list[str]:
    """The names that these flags begin with, each once, in the order of MARKS."""
    return [name for name in MARKS if any(flag.startswith(name) for flag in flags)]


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds; None for None."""
    return None if seconds is None else 1e3 * seconds


def megabytes(size: int | None) -> float | None:
    """Bytes as megabytes of 1e6 bytes; None for None."""
    return None if size is None else size / 1e6
