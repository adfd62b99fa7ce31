"""Results: what one or more files of measurements hold, as tables, pages and answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.case import Case
from mnv2bench.files import source_names
from mnv2bench.library.choice import Numbers, Resolutions, Words
from mnv2bench.records import Record
from mnv2bench.records.reading import Contents, contents_of

if TYPE_CHECKING:
    import pandas as pd

    from mnv2bench.comparison.chapters import Chapter
    from mnv2bench.library.answers import Recommendation
    from mnv2bench.recommendation.goal import Goal
    from mnv2bench.recommendation.per_machine.prices import Prices
    from mnv2bench.report.evaluation import Evaluation

PathName = str | PathLike[str]
RESULTS = Path("results")


@dataclass(frozen=True, eq=False)
class Results:
    """The measurements of one or more files.

    `paths` are the files, and `contents` what each of them holds. `results` is the folder with the A/A floors of the
    machines, as `mnv2bench selfcheck --save` keeps them.
    """

    paths: tuple[Path, ...]
    contents: tuple[Contents, ...]
    results: Path = RESULTS

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """One Record for each case of each file, in the order of the files and of their cases."""
        return tuple(record for of_file in self._by_file for record in of_file)

    @property
    def cases(self) -> tuple[Case, ...]:
        """The case of each record."""
        return tuple(record.case for record in self.records)

    def to_frame(self, all_columns: bool = False) -> "pd.DataFrame":
        """A tidy table with one row for each case of each file; docs/columns.md has its columns and their units.

        Columns that are empty in every row are left out, unless `all_columns`.
        """
        from mnv2bench.comparison.tidy import frame, without_empty_columns

        table = frame(self.chapters)
        return table if all_columns else without_empty_columns(table)

    def recommend(
        self,
        latency_ms: float | None = None,
        memory_mb: float | None = None,
        accuracy: float | None = None,
        *,
        percentile: float | None = None,
        cost: str = "latency",
        prices: PathName | None = None,
        networks: Words | None = None,
        widths: Numbers | None = None,
        resolutions: Resolutions | None = None,
        classes: int | Iterable[int] | None = None,
        channels: int | Iterable[int] | None = None,
        backends: Words | None = None,
        devices: Words | None = None,
        precisions: Words | None = None,
        threads: int | Iterable[int] | None = None,
        batches: int | Iterable[int] | None = None,
        streams: int | Iterable[int] | None = None,
    ) -> "Recommendation":
        """Which variant, runtime and precision to ship within these budgets; without one, the Pareto front.

        `accuracy` is the least top-1 in per cent. The latency of a case is the upper end of its median's interval, and
        with `percentile`, 90, 99 or 99.9, the upper bound of that. `cost` is what a more accurate case may cost more
        of: latency, memory or energy; with throughput the answer is over all batches, threads and streams. `prices` is
        a file of what machines cost: then the cheapest machine is named. The others choose the cases, by a value or a
        list.

        ValueError, in one line, for a budget that is no number above 0, for a value that no case has, and for prices
        that cannot be meant or stand without a budget.
        """
        from mnv2bench.library.answers import filters, goal, money

        requested = goal(latency_ms, memory_mb, accuracy, percentile, cost)
        of_machines = money(_path(prices), requested)
        kept = filters(
            networks, widths, resolutions, classes, channels, backends, devices, precisions, threads, batches, streams
        )
        return self._answers(requested, kept.kept(self._evaluations), of_machines)

    def _answers(
        self, goal: "Goal", evaluations: "Iterable[Evaluation]", prices: "Prices | None" = None
    ) -> "Recommendation":
        from mnv2bench.library.answers import Recommendation
        from mnv2bench.recommendation.machines import by_machine

        return Recommendation(by_machine(evaluations, goal), self.conditions, goal, prices)

    @property
    def conditions(self) -> Mapping[str, Sequence[str]]:
        """What was unusual about the machine while a file was measured, by the name of the file."""
        from mnv2bench.statistics.conditions import conditions

        names = source_names(self.paths)
        return {name: conditions(contents.states) for name, contents in zip(names, self.contents, strict=True)}

    def _repr_html_(self) -> str:
        """What a notebook shows: the answers with their pictures, and the first cases."""
        from mnv2bench.comparison.notebook import answers_html
        from mnv2bench.recommendation.goal import Goal

        machines = self._answers(Goal(), self._evaluations).machines
        return answers_html(machines, self.conditions, self._evaluations)

    @property
    def _evaluations(self) -> "tuple[Evaluation, ...]":
        return tuple(evaluation for chapter in self.chapters for evaluation in chapter.evaluations)

    def report(
        self,
        *,
        markdown: PathName | None = None,
        html: PathName | None = None,
        csv: PathName | None = None,
        json: PathName | None = None,
        all_columns: bool = False,
    ) -> tuple[Path, ...]:
        """Write the files of `mnv2bench report` that are named, and the pictures of a page in Markdown beside it.

        Returns what was written. ValueError, in one line that names the file, where one may not or cannot be written:
        then none is.
        """
        from mnv2bench.comparison.measured_files import measured_file
        from mnv2bench.files import write
        from mnv2bench.library.reports import Places, report_contents

        places = Places(*(Path(name) if name is not None else None for name in (markdown, csv, html, json)))
        if places == Places():
            raise ValueError("no file is named: give markdown, html, csv or json")
        parts = zip(self.paths, source_names(self.paths), self.contents, self._chapters, strict=True)
        contents = report_contents([measured_file(*of_file) for of_file in parts], places, all_columns)
        write(contents)
        return tuple(product.path for product in contents)

    @property
    def chapters(self) -> "tuple[Chapter, ...]":
        """The campaigns of each file with their numbers, each of which is computed once."""
        return tuple(chapter for of_file in self._chapters for chapter in of_file)

    @cached_property
    def _chapters(self) -> "tuple[tuple[Chapter, ...], ...]":
        from mnv2bench.comparison.measured_files import file_chapters

        named = zip(source_names(self.paths), self.contents, strict=True)
        return tuple(file_chapters(name, contents, self.results) for name, contents in named)

    @cached_property
    def _by_file(self) -> tuple[tuple[Record, ...], ...]:
        return tuple(contents.records for contents in self.contents)

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        measured = sum(record.status == "ok" for record in self.records)
        return f"<Results of {', '.join(source_names(self.paths))}: {measured} of {len(self)} cases ok>"


def load(*files: PathName | Iterable[PathName], results: PathName = RESULTS) -> Results:
    """The results of saved files or journals: load("a.json"), load("a.json", "b.json") or load(folder.glob("*.json")).

    `results` is the folder with the machines' A/A floors. ValueError, in one line that names the file, for one that
    cannot be read, for one that is there twice, and where none is named.
    """
    paths = tuple(map(Path, _names(files)))
    if not paths:
        raise ValueError("no file is named: name a saved file or a journal")
    source_names(paths)
    return Results(paths, tuple(map(contents_of, paths)), Path(results))


def _path(name: PathName | None) -> Path | None:
    return None if name is None else Path(name)


def _names(files: Iterable[PathName | Iterable[PathName]]) -> Iterable[PathName]:
    for file in files:
        if isinstance(file, str | PathLike):
            yield file
        else:
            yield from file
