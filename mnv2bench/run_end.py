"""The end of a run: where the time went, the fastest cases, what to doubt, what failed, and what to ship."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mnv2bench.case import Case
from mnv2bench.files import printable
from mnv2bench.records import Record
from mnv2bench.records.reading import Contents, contents_of
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.conditions import conditions
from mnv2bench.statistics.kept_checks import readable_floor
from mnv2bench.statistics.time_spent import time_spent
from mnv2bench.texts import counted, one_line

FASTEST = 5  # rows of the table of the fastest cases


def print_end(journal: Path, console: Console, results: Path, remarks: Iterable[str] = (), quiet: bool = False) -> None:
    """Print what a campaign ends with, from its journal.

    `results` is the folder in which the self-checks of machines are kept. `remarks` are sentences on this run alone.
    With `quiet`, only what was not measured is printed, and the remarks. Raises Unusable where the journal was damaged.
    """
    from mnv2bench.comparison.recommended import closing, evaluated

    contents = contents_of(journal)
    texts: list[str | Table] = [*unmeasured_lines(contents.records), *dict.fromkeys(remarks)]
    if not quiet:
        evaluations = evaluated({str(journal): contents}, partial(readable_floor, results))
        fastest = fastest_table(evaluations)
        texts = [
            spent_table(contents),
            *([fastest] if fastest else []),
            *doubt_lines(evaluations),
            *texts,
            closing(str(journal), evaluations, console.width, conditions(contents.states)),
            f"records: {printable(journal)}\nreport:  mnv2bench report {printable(journal)}",
        ]
    for text in texts:
        if text:
            console.print(text, markup=False)


def spent_table(contents: Contents) -> Table:
    """Table of where the time went, one row for each backend; below it the peak memory of the parent process."""
    peak = contents.end.parent_peak_rss_bytes if contents.end else None
    parent = f"peak memory of the parent meanwhile: {peak / 1e6:.0f} MB" if peak else None
    unusual = conditions(contents.states)
    title = "Where the time went" + (f" ({'; '.join(unusual)})" if unusual else "")
    table = Table(title=title, title_justify="left", caption=parent, caption_justify="left", box=SIMPLE)
    table.add_column("backend", no_wrap=True)
    for name in ("runs", "wall s", "open s", "warm-up s", "timed s", "share"):
        table.add_column(name, justify="right")
    for row in time_spent(contents.records):
        seconds = (row.wall_s, row.opening_s, row.warmup_s, row.timed_s)
        table.add_row(row.backend, str(row.processes), *(f"{s:.1f}" for s in seconds), f"{row.timed_share:.0%}")
    return table


def fastest_table(evaluations: Sequence[Evaluation]) -> Table | None:
    """Table of the fastest cases of the smallest batch that was timed; None where most cannot be chosen by.

    What is noisy or doubtful in another way is not ranked: the title says how many cases that are.
    """
    from mnv2bench.recommendation.answer import LEAST_USABLE
    from mnv2bench.recommendation.candidates import candidates, forbidding_flag
    from mnv2bench.recommendation.phrases import latency_text

    timed = candidates(evaluations)
    batch = min((candidate.case.batch for candidate in timed), default=1)
    smallest = [candidate for candidate in timed if candidate.case.batch == batch]
    usable = [candidate for candidate in smallest if forbidding_flag(candidate) is None]
    if len(usable) <= LEAST_USABLE * len(smallest):
        return None
    fastest = sorted(usable, key=lambda candidate: candidate.median_ms)[:FASTEST]
    doubtful = len(smallest) - len(usable)
    left_out = f"; {counted(doubtful, 'noisy or doubtful case')} left out" if doubtful else ""
    title = f"Fastest {len(fastest)} of {counted(len(smallest), 'case')} of batch {batch}{left_out}"
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


def doubt_lines(evaluations: Iterable[Evaluation]) -> list[str]:
    """A sentence for each kind of doubt about the cases that were measured."""
    from mnv2bench.comparison.doubts import sentences

    return sentences([evaluation for evaluation in evaluations if evaluation.record.status == "ok"], one_line)
