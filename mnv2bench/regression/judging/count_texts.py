"""The size of a change of instructions, and what changed around it, as texts: for reasons and for tables."""

import math

from mnv2bench.remote.counts import CountChange
from mnv2bench.report.cells import NONE, plain


def size_text(change: CountChange) -> str:
    """`+7,356 (+0.12%)`."""
    if change.ratio is None:
        return NONE
    return f"{change.moved:+,} ({percent_text(change.ratio - 1)})" if change.moved else "0"


def differences_text(change: CountChange) -> str:
    """`libc glibc 2.36 → glibc 2.37; ...`, on one line."""
    differences = [f"{name} {before} → {after}" for name, before, after in change.differs]
    return plain("; ".join(differences)) or NONE


def percent_text(part: float) -> str:
    """A part of one with its sign and two digits at least, however small: +5.00%, +0.12%, +0.000095%."""
    digits = 2 if part == 0 else max(2, 1 - math.floor(math.log10(100 * abs(part))))
    return f"{part:+.{digits}%}"
