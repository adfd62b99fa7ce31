"""The progress display of a campaign, drawn between processes, and the tables that a run ends with."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self, TextIO

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from mnv2bench.campaign.estimate import Estimate
from mnv2bench.case import Case
from mnv2bench.records import Plan, Record
from mnv2bench.records.reading import contents_of
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.conditions import conditions
from mnv2bench.statistics.time_spent import time_spent
from mnv2bench.texts import counted, duration_text, one_line

PLAIN_EVERY_S = 10.0
FASTEST = 5  # rows of the table that a run ends with


def steps(plan: Plan) -> str:
    """What the progress of a campaign counts: processes, or the seconds of its budget."""
    return "s" if plan.budget_s else "processes"


class Display:
    """The `progress` of a campaign: a bar on a terminal, elsewhere a line every ten seconds, nothing when quiet.

    It is a context manager that restores the terminal at its end, also after an error.
    """

    def __init__(self, file: TextIO | None = None, quiet: bool = False, steps: str = "processes") -> None:
        self.console = Console(file=file, quiet=quiet, highlight=False, soft_wrap=True)
        self.steps = steps
        self.started = self.printed = 0.0
        self.first = 0
        columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
        self.bar = Progress(*columns, console=self.console, auto_refresh=False, transient=True)
        self.task = self.bar.add_task("", total=None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.console.is_terminal:  # elsewhere stopping prints an empty line
            self.bar.stop()

    def __call__(self, doing: str, done: int, total: int) -> None:
        """Show `doing`, with the time left; a `total` of 0 prints it as a line of its own."""
        if not total:
            self.line(doing)
            return
        now = time.monotonic()
        if not self.started:
            self.started, self.first = now, done
        new = done - self.first
        left = f", {duration_text((now - self.started) / new * (total - done))} left" if new else ""
        self.draw(doing, left, done, total)

    def line(self, text: str) -> None:
        """Show a text that stays."""
        self.console.print(text, markup=False)

    def draw(self, doing: str, left: str, done: int, total: int) -> None:
        """Show what comes next and the time left, in the place of what was shown before."""
        if self.console.is_terminal:
            self.bar.start()
            self.bar.update(self.task, completed=done, total=total, description=f"{doing}{left}", refresh=True)
            return
        now = time.monotonic()
        if now - self.printed >= PLAIN_EVERY_S or done == total:
            self.console.print(f"{done} of {total} {self.steps}{left}; {doing}", markup=False)
            self.printed = now


def estimate_texts(expected: Estimate) -> list[str | Table]:
    """What --dry-run prints: the sentence, a table of the backends, and the files that are missing."""
    table = Table(box=SIMPLE)
    table.add_column("backend", no_wrap=True)
    for name in ("cases", "processes", "time"):
        table.add_column(name, justify="right")
    for row in expected.by_backend:
        table.add_row(row.backend, str(row.cases), str(row.processes), duration_text(row.seconds))
    texts: list[str | Table] = [expected.sentence, table]
    formats = Counter(export.format for export in expected.missing)
    if formats:
        texts.append("to export: " + ", ".join(f"{number} {name}" for name, number in formats.items()))
    if expected.refused:
        texts.append("cannot run here: " + ", ".join(case.id for case in expected.refused))
    texts.append("dry run: nothing was measured")
    return texts


def spent_table(records: Iterable[Record], journal: Path) -> Table:
    """Table of where the time went, one row for each backend; below it the peak memory of the parent process."""
    contents = contents_of(journal)
    peak = contents.end.parent_peak_rss_bytes if contents.end else None
    parent = f"peak memory of the parent meanwhile: {peak / 1e6:.0f} MB" if peak else None
    unusual = conditions(contents.states)
    title = "Where the time went" + (f" ({'; '.join(unusual)})" if unusual else "")
    table = Table(title=title, title_justify="left", caption=parent, caption_justify="left", box=SIMPLE)
    table.add_column("backend", no_wrap=True)
    for name in ("runs", "wall s", "open s", "warm-up s", "timed s", "share"):
        table.add_column(name, justify="right")
    for row in time_spent(records):
        seconds = (row.wall_s, row.opening_s, row.warmup_s, row.timed_s)
        table.add_row(row.backend, str(row.processes), *(f"{s:.1f}" for s in seconds), f"{row.timed_share:.0%}")
    return table


def fastest_table(records: Sequence[Record]) -> Table | None:
    """Table of the fastest cases of the smallest batch that was timed; None where most cannot be chosen by.

    What is noisy or doubtful in another way is not ranked: the title says how many cases that are.
    """
    from mnv2bench.comparison.chapters import evaluations
    from mnv2bench.recommendation.answer import LEAST_USABLE
    from mnv2bench.recommendation.candidates import UNUSABLE, candidates
    from mnv2bench.recommendation.words import latency_text

    timed = [candidate for of_one in campaigns(records) for candidate in candidates(evaluations(of_one))]
    batch = min((candidate.case.batch for candidate in timed), default=1)
    timed = [candidate for candidate in timed if candidate.case.batch == batch]
    usable = [candidate for candidate in timed if not any(f.startswith(UNUSABLE) for f in candidate.evaluation.flags)]
    if len(usable) <= LEAST_USABLE * len(timed):
        return None
    fastest = sorted(usable, key=lambda candidate: candidate.median_ms)[:FASTEST]
    doubtful = len(timed) - len(usable)
    left_out = f"; {counted(doubtful, 'noisy or doubtful case')} left out" if doubtful else ""
    title = f"Fastest {len(fastest)} of {counted(len(timed), 'case')} of batch {batch}{left_out}"
    table = Table(title=title, title_justify="left", box=SIMPLE, pad_edge=False)
    elsewhere = any(candidate.case.device != Case().device for candidate in fastest)
    devices = ["device"] if elsewhere else []
    for name in ("variant", "runtime", *devices, "precision"):
        table.add_column(name, overflow="fold")
    for name in ("threads", "ms (95 %)"):
        table.add_column(name, justify="right", no_wrap=name != "threads")
    for candidate in fastest:
        case = candidate.case
        place = [case.device] if elsewhere else []
        words = (candidate.variant, case.backend, *place, case.precision, str(case.threads))
        table.add_row(*map(escape, words), latency_text(candidate))
    return table


def unmeasured_lines(records: Iterable[Record]) -> list[str]:
    """A line for each reason why cases of a backend were not measured: the first of them, and how many more."""
    groups: dict[tuple[str, str, str], list[Case]] = {}
    for record in records:
        if record.status != "ok":
            groups.setdefault((record.status, record.case.backend, record.reason), []).append(record.case)
    lines = []
    for (status, backend, reason), cases in groups.items():
        more = f" and {len(cases) - 1} more of {backend}" if len(cases) > 1 else ""
        lines.append(f"{status}: {cases[0].id}{more}: {reason}")
    return lines


def doubt_lines(records: Sequence[Record]) -> list[str]:
    """A sentence for each kind of doubt about the cases that were measured."""
    from mnv2bench.comparison.chapters import evaluations
    from mnv2bench.comparison.doubts import sentences

    good = [record for record in records if record.status == "ok"]
    return [sentence for campaign in campaigns(good) for sentence in sentences(evaluations(campaign), one_line)]
