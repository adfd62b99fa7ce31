"""The table of all cases on the HTML page: what a reader filters and sorts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.report.cells import NONE, interval, one_decimal, plain, scaled
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.web.table import MOST_ROWS, Cell, Heading, Table

NAME = "cases"
OK = "ok"
VALUES = {column.name: column.value for column in COLUMNS}


@dataclass(frozen=True)
class _Shown:
    """A column of the CSV in this table: its heading, and its text; numbers only of cases that are ok."""

    name: str
    heading: str
    text: Callable[[Any], str] = plain
    is_number: bool = False
    is_filter: bool = False
    is_group: bool = False

    def cell(self, evaluation: Evaluation) -> Cell:
        """The cell of a case."""
        if self.is_number and evaluation.record.status != OK:
            return Cell(NONE)
        value = VALUES[self.name](evaluation)
        return Cell(NONE) if value is None else Cell(self.text(value), value)


@dataclass(frozen=True)
class _Latency(_Shown):
    """The latency with its interval."""

    def cell(self, evaluation: Evaluation) -> Cell:
        """`6.13 (6.05–6.22)`, sorted by the median."""
        median, low, high = (VALUES[name](evaluation) for name in ("latency_ms", "latency_low_ms", "latency_high_ms"))
        if median is None or evaluation.record.status != OK:
            return Cell(NONE)
        return Cell(interval(median, low, high), median)


@dataclass(frozen=True)
class _Status(_Shown):
    """How a case ended, with the names of its flags; the reason and the flags themselves are folded."""

    def cell(self, evaluation: Evaluation) -> Cell:
        """`ok`, or `ok: noisy, layers` with what these mean."""
        names = ", ".join(dict.fromkeys(flag.partition(":")[0] for flag in evaluation.flags))
        text = f"{evaluation.record.status}: {names}" if names else evaluation.record.status
        more = "; ".join(filter(None, (evaluation.record.reason, *evaluation.flags)))
        return Cell(plain(text), plain(text), plain(more))


SHOWN = (
    _Shown("variant", "variant"),
    _Shown("backend", "runtime", is_filter=True),
    _Shown("precision", "precision", is_filter=True),
    _Shown("device", "device", is_filter=True),
    _Shown("threads", "threads", str, is_filter=True),
    _Shown("streams", "streams", str, is_filter=True),
    _Shown("batch", "batch", str, is_filter=True),
    _Latency("latency_ms", "ms (95 %)", is_number=True),
    _Shown("p99_ms", "p99 ms", scaled, is_number=True),
    _Shown("throughput_images_per_s", "images/s", scaled, is_number=True),
    _Shown("published_top1", "top-1 % published", one_decimal, is_number=True),
    _Shown("tested_agreement", "kept of fp32 %", one_decimal, is_number=True),
    _Shown("peak_rss_mb", "peak MB", one_decimal, is_number=True),
    _Status("status", "status"),
    _Shown("fingerprint", "machine", is_filter=True, is_group=True),
    _Shown("source", "file", is_filter=True),
)


def case_table(evaluations: Sequence[Evaluation]) -> Table:
    """The table of these cases; what is the same in all rows stands in the caption and not in a column.

    Of more cases than a page has room for it has the first.
    """
    rows = [[shown.cell(evaluation) for shown in SHOWN] for evaluation in evaluations[:MOST_ROWS]]
    shared = {place for place in range(1, len(SHOWN)) if len(rows) > 1 and len({row[place].text for row in rows}) == 1}
    same = [f"{SHOWN[place].heading} {rows[0][place].text}" for place in sorted(shared) if rows[0][place].text != NONE]
    return Table(
        name=NAME,
        caption=f"The same in all rows: {', '.join(same)}." if same else "",
        headings=tuple(
            Heading(shown.heading, shown.is_number, shown.is_filter, shown.is_group)
            for place, shown in enumerate(SHOWN)
            if place not in shared
        ),
        rows=[[cell for place, cell in enumerate(row) if place not in shared] for row in rows],
        total=len(evaluations),
    )
