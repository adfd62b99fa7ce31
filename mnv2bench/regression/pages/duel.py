"""A duel as rows of a table and as Markdown: two environments, what differs between them, a verdict for each case."""

from collections.abc import Sequence

from mnv2bench.files import Sort
from mnv2bench.regression.duels.confirm import DuelRow
from mnv2bench.report.cells import NONE, escape, plain, scaled, table

PAGE = Sort("duel page", earlier="# Duel\n")
COLUMNS = ("case", "verdict", "new / old (95 %)", "old ms", "new ms", "pairs", "why")
HOW_TO_READ = """\
- Pairs of fresh processes, old and new back to back, alternating which comes first. The ratio is of the statistic that
  finds changes (the fast quarter of the rounds), its 20 % trimmed mean over pairs; the ms are medians of processes.
- REGRESSION, IMPROVEMENT: beyond 1.5 %, at a risk of 1 % over all cases and looks. cleared: within 2 % either way.
  inconclusive: neither by 30 pairs, or the pairs ended before that.
"""


def table_row(row: DuelRow) -> list[str]:
    """The texts of a case under COLUMNS."""
    judged = row.judged
    ratio = NONE
    if judged.ratio is not None and judged.low is not None and judged.high is not None:
        ratio = f"{judged.ratio:.4f} ({judged.low:.4f}–{judged.high:.4f})"
    return [
        row.case, judged.verdict, ratio, scaled(row.old_ms), scaled(row.new_ms), str(judged.pairs), plain(row.reason)
    ]  # fmt: skip


def duel_markdown(pythons: tuple[str, str], rows: Sequence[DuelRow], notes: Sequence[str], machine: str) -> str:
    """The page; every text of an environment is escaped."""
    facts = {"old": pythons[0], "new": pythons[1], "machine": machine}
    lines = [[escape(text) if text != NONE else NONE for text in table_row(row)] for row in rows]
    page = ["# Duel\n", *(f"- {name}: {escape(fact)}" for name, fact in facts.items()), ""]
    page += [table(COLUMNS, lines, texts=2) + "\n", *(f"- {escape(note)}" for note in notes), "", HOW_TO_READ]
    return "\n".join(page)
