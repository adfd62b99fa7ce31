"""The progress display of a campaign, drawn between processes, and what an estimate prints."""

import time
from collections import Counter
from typing import Self, TextIO

from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
from rich.table import Column, Table

from mnv2bench.campaign.estimate import Estimate
from mnv2bench.records import Plan
from mnv2bench.texts import duration_text

PLAIN_EVERY_S = 10.0
DONE = "done"  # what the progress says of a machine at its end


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
        self.first = self.done = 0
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
        if not self.started or done < self.done:  # a new count begins
            self.started, self.first = now, done
        self.done = done
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


class FleetDisplay:
    """The progress of a fleet: a line for each machine, renewed on a terminal, elsewhere one every ten seconds.

    It is a context manager that restores the terminal at its end, also after an error.
    """

    def __init__(self, file: TextIO | None = None, quiet: bool = False) -> None:
        self.console = Console(file=file, quiet=quiet, highlight=False, soft_wrap=True)
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns = (
            TextColumn("{task.fields[machine]}", markup=False),
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[left]}", markup=False),
            TextColumn("{task.description}", markup=False, table_column=rest),
        )
        self.lines = Progress(*columns, console=self.console, auto_refresh=False, transient=True, expand=True)
        self.tasks: dict[str, TaskID] = {}
        self.printed_s: dict[str, float] = {}
        self.started_s = time.monotonic()
        self.first: dict[str, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.console.is_terminal:
            self.lines.stop()

    def __call__(self, machine: str, doing: str, done: int, total: int) -> None:
        """Show what a machine does, with the time left; a `total` of 0 prints it as a line of its own."""
        if not total:
            self.line(doing)
            return
        new = done - self.first.setdefault(machine, done)
        left_s = (time.monotonic() - self.started_s) / new * (total - done) if new and done < total else 0.0
        left = f"{duration_text(left_s)} left" if left_s else ""
        if self.console.is_terminal:
            self.lines.start()
            if machine not in self.tasks:
                self.tasks[machine] = self.lines.add_task("", total=None, machine=machine, left="")
            task = self.tasks[machine]
            self.lines.update(task, completed=done, total=total, description=doing, left=left, refresh=True)
            return
        now_s = time.monotonic()
        if now_s - self.printed_s.get(machine, -PLAIN_EVERY_S) >= PLAIN_EVERY_S or doing == DONE:
            self.line(", ".join(filter(None, [f"{machine}: {done} of {total} processes", left])) + f"; {doing}")
            self.printed_s[machine] = now_s

    def line(self, text: str) -> None:
        """Show a text that stays."""
        self.console.print(text, markup=False)


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
