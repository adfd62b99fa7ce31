"""A duel as rows of a table and as Markdown: two environments, what differs between them, a verdict for each case."""

from collections.abc import Sequence

from mnv2bench.files import Sort
from mnv2bench.regression.duels.confirm import DuelRow
from mnv2bench.regression.judging.pairs import BOTH, Judged
from mnv2bench.report.cells import NONE, escape, plain, scaled, table

PAGE = Sort("duel page", earlier="# Duel\n")
COLUMNS = ("case", "verdict", "new / old (95 %)", "old ms", "new ms", "tail (95 %)", "pairs", "why")
HOW_TO_READ = """\
- Pairs of fresh processes, old and new back to back, alternating which comes first. The ratio is of the statistic that
  finds changes (the fast quarter of the rounds), its 20 % trimmed mean over pairs; the ms are medians of processes.
- REGRESSION, IMPROVEMENT: beyond 1.5 %, at a risk of 1 % over all cases and looks. cleared: within 2 % either way.
  inconclusive: neither by 30 pairs, or the pairs ended before that.
- tail: new over old of p90/p50 within a round, of the same pairs; their number is what the time needed. Beyond 10 %, at
  a tenth of that risk, it is a REGRESSION or an IMPROVEMENT of the tail, which "why" names.
"""


def table_row(row: DuelRow) -> list[str]:
    """The texts of a case under COLUMNS."""
    judged, tail = row.judged, row.tail
    changed = f"{tail.verdict} of the tail" if tail and tail.verdict in BOTH else ""
    return [
        row.case,
        judged.verdict,
        _ratio(judged, 4),
        scaled(row.old_ms),
        scaled(row.new_ms),
        _ratio(tail, 2) if tail else NONE,
        str(judged.pairs),
        "; ".join(filter(None, (changed, plain(row.reason)))),
    ]


def _ratio(judged: Judged, digits: int) -> str:
    """`1.031 (1.024–1.038)`, new over old; a dash without two pairs."""
    if judged.ratio is None or judged.low is None or judged.high is None:
        return NONE
    return f"{judged.ratio:.{digits}f} ({judged.low:.{digits}f}–{judged.high:.{digits}f})"


def duel_markdown(
    pythons: tuple[str, str], rows: Sequence[DuelRow], notes: Sequence[str], machine: str, section: str = ""
) -> str:  # fmt: skip
    """The page; every text of an environment is escaped. `section` stands behind the table."""
    facts = {"old": pythons[0], "new": pythons[1], "machine": machine}
    lines = [[escape(text) if text != NONE else NONE for text in table_row(row)] for row in rows]
    page = ["# Duel\n", *(f"- {name}: {escape(fact)}" for name, fact in facts.items()), ""]
    page += [table(COLUMNS, lines, texts=2) + "\n", *(f"- {escape(note)}" for note in notes), ""]
    page += [*([section] if section else []), HOW_TO_READ]
    return "\n".join(page)
