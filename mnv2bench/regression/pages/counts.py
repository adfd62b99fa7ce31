"""Changes of instruction counts as cells of tables: exact numbers, and what changed around them."""

import math
from collections.abc import Iterable

from mnv2bench.remote.counts import CountChange
from mnv2bench.report.cells import NONE, escape, plain, table

HEADER = ("case", "verdict", "A instructions", "B instructions", "change", "changed")
HOW_TO_READ = """\
- Instructions are of one call, counted under an emulator, and no time. Every difference is a change, except within what
  the processes of a side differ by among themselves. `changed` is what differs around them: libraries, compiler, qemu.
"""


def cells(change: CountChange) -> tuple[str, ...]:
    """Under HEADER: texts that nobody has escaped yet."""
    return (
        change.case,
        f"{change.verdict}: {change.reason}" if change.reason else change.verdict,
        whole(change.before),
        whole(change.after),
        moved(change),
        changed(change),
    )


def count_table(changes: Iterable[CountChange]) -> str:
    lines = [[escape(text) if text != NONE else NONE for text in cells(change)] for change in changes]
    return table(HEADER, lines, texts=2)


def whole(instructions: int | None) -> str:
    return NONE if instructions is None else f"{instructions:,}"


def moved(change: CountChange) -> str:
    """`+7,356 (+0.12%)`."""
    if change.ratio is None:
        return NONE
    return f"{change.moved:+,} ({percent(change.ratio - 1)})" if change.moved else "0"


def changed(change: CountChange) -> str:
    """`libc glibc 2.36 → glibc 2.37; ...`, on one line."""
    said = "; ".join(f"{name} {before} → {after}" for name, before, after in change.differs)
    return plain(said) or NONE


def percent(part: float) -> str:
    """A part of one with its sign and two digits at least, however small: +5.00%, +0.12%, +0.000095%."""
    digits = 2 if part == 0 else max(2, 1 - math.floor(math.log10(100 * abs(part))))
    return f"{part:+.{digits}%}"
