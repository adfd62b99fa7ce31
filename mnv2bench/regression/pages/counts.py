"""Changes of instruction counts as tables: exact numbers, and what changed around them."""

from collections.abc import Iterable

from mnv2bench.regression.judging.count_texts import differences_text, size_text
from mnv2bench.remote.counts import CountChange
from mnv2bench.report.cells import NONE, escape, table

HEADER = ("case", "verdict", "A instructions", "B instructions", "change", "changed")
HOW_TO_READ = """\
- Instructions are of one call, counted under an emulator, and no time. Every difference is a change, except within what
  the processes of a side differ by among themselves. `changed` is what differs around them: libraries, compiler, qemu.
"""


def table_row(change: CountChange) -> tuple[str, ...]:
    """Texts under HEADER, not yet escaped."""
    return (
        change.case,
        f"{change.verdict}: {change.reason}" if change.reason else change.verdict,
        whole_number(change.before),
        whole_number(change.after),
        size_text(change),
        differences_text(change),
    )


def count_table(changes: Iterable[CountChange]) -> str:
    """A Markdown table of changes of counts."""
    lines = [[escape(text) if text != NONE else NONE for text in table_row(change)] for change in changes]
    return table(HEADER, lines, texts=2)


def whole_number(instructions: int | None) -> str:
    """A number of instructions with commas between thousands."""
    return NONE if instructions is None else f"{instructions:,}"
