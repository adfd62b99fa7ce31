"""Explanations as tables and sentences: the blocks that moved most, and how much of the change they are."""

import math
from collections.abc import Callable, Iterator, Sequence

from mnv2bench.explanations.explanation import LEAST_EXPLAINED, MOST_EXPLAINED, Explanation, MovedBlock
from mnv2bench.report.cells import escape, plain, scaled, table
from mnv2bench.texts import counted

COLUMNS = ("block", "old ms", "new ms", "change ms", "of the change")
UNSURE = " (within its spread)"
HOW_TO_READ = """\
- Profiles of fresh processes, old and new back to back, by each runtime's own profiler. A block's time is the median
  over processes; no time in this table is a latency. "Of the change" is over what the case itself changed by, which
  the pairs measured without a profiler. "Within its spread": some process of the slower side was as fast as one of the
  other.
"""
Inert = Callable[[str], str]


def explanation_section(explanation: Explanation) -> str:
    """An explanation as a section of a Markdown page; every text of an environment is escaped."""
    heading = f"### {escape(explanation.case.id)}"
    sentences = "\n".join(f"- {sentence}" for sentence in explanation_sentences(explanation, escape))
    if not explanation.blocks:
        return f"{heading}\n\n{sentences}\n"
    rows = [[escape(name), *numbers] for name, *numbers in block_rows(explanation)]
    return f"{heading}\n\n{table(COLUMNS, rows)}\n\n{sentences}\n"


def explanations_section(explanations: Sequence[Explanation]) -> str:
    """All explanations under a heading of their own, "" without one."""
    if not explanations:
        return ""
    sections = [explanation_section(explanation) for explanation in explanations]
    return "\n".join(["## Blocks that moved most\n", *sections, HOW_TO_READ])


def block_rows(explanation: Explanation) -> list[list[str]]:
    """The blocks that moved most, and all others together, under COLUMNS."""
    named = explanation.most_moved
    rows = [_row(explanation, block.name + ("" if block.is_apart else UNSURE), [block]) for block in named]
    others = explanation.blocks[len(named) :]
    return [*rows, _row(explanation, counted(len(others), "other"), others)] if others else rows


def _row(explanation: Explanation, name: str, blocks: Sequence[MovedBlock]) -> list[str]:
    old_ms, new_ms = (1e3 * math.fsum(times) for times in zip(*((b.old_s, b.new_s) for b in blocks), strict=True))
    return [name, scaled(old_ms), scaled(new_ms), _signed(new_ms - old_ms), f"{explanation.share(blocks):+.0%}"]


def _signed(change_ms: float) -> str:
    """A change with its sign: +0.0913."""
    return f"{'-' if change_ms < 0 else '+'}{scaled(abs(change_ms))}"


def explanation_sentences(explanation: Explanation, inert: Inert = plain) -> Iterator[str]:
    """What the table explains, and what to doubt of it; or why there is none."""
    if explanation.reason:
        yield f"not explained: {inert(explanation.reason)}"
        return
    yield (
        f"the case went from {scaled(1e3 * explanation.old_s)} to {scaled(1e3 * explanation.new_s)} ms, and its blocks "
        f"explain {explained_text(explanation)}"
    )
    profilers = dict.fromkeys(map(inert, explanation.profilers))
    yield f"{explanation.processes} processes of each side, under {' and '.join(profilers)}"
    yield from map(inert, explanation.doubts)


def explained_text(explanation: Explanation) -> str:
    """The part of the change that the blocks add up to, and what it means where that is not most of it."""
    part = explanation.explained
    if math.isnan(part):
        return "nothing: its own median did not change"
    if part < 0:
        return f"nothing of it ({part:.0%}): they moved the other way, so the change is there only without a profiler"
    if part < LEAST_EXPLAINED:
        rest = "the rest passes between the operators, or is there only without a profiler"
        return f"only {part:.0%} of that change: {rest}"
    if part > MOST_EXPLAINED:
        return f"{part:.0%} of that change: the profiler slows the two sides differently, so doubt these shares"
    return f"{part:.0%} of that change"
