"""Results: what one or more files of measurements hold, as tables, pages and answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.cases import Case
from mnv2bench.files import source_names
from mnv2bench.library.choice import Numbers, Words
from mnv2bench.records import Record
from mnv2bench.records.reading import Contents, contents_of, saved_at

if TYPE_CHECKING:
    import pandas as pd

    from mnv2bench.comparison.chapters import Chapter
    from mnv2bench.library.answers import Recommendation
    from mnv2bench.recommendation.goal import Goal
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
        percentile: int | None = None,
        cost: str = "latency",
        networks: Words | None = None,
        widths: Numbers | None = None,
        resolutions: int | Iterable[int] | None = None,
        backends: Words | None = None,
        devices: Words | None = None,
        precisions: Words | None = None,
        threads: int | Iterable[int] | None = None,
        batches: int | Iterable[int] | None = None,
    ) -> "Recommendation":
        """Which variant, runtime and precision to ship within these budgets; without one, the Pareto front.

        `accuracy` is the least top-1 in per cent. The latency of a case is the upper end of its median's interval, and
        with `percentile`, 90 or 99, the upper bound of that. `cost` is what a more accurate case may cost more of:
        latency, memory or energy. The others choose the cases, by a value or a list.

        ValueError, in one line, for a budget that is no number above 0 and for a value that no case has.
        """
        from mnv2bench.library.answers import filters, goal

        requested = goal(latency_ms, memory_mb, accuracy, percentile, cost)
        kept = filters(networks, widths, resolutions, backends, devices, precisions, threads, batches)
        return self._answers(requested, kept.kept(self._evaluations))

    def _answers(self, goal: "Goal", evaluations: "Iterable[Evaluation]") -> "Recommendation":
        from mnv2bench.library.answers import Recommendation
        from mnv2bench.recommendation.machines import by_machine

        return Recommendation(by_machine(evaluations, goal), self.conditions)

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

    @cached_property
    def chapters(self) -> "tuple[Chapter, ...]":
        """The campaigns of each file with their numbers, each of which is computed once."""
        from mnv2bench.comparison.chapters import chapters
        from mnv2bench.statistics.kept_checks import machine_allocator, machine_floor

        names = source_names(self.paths)
        named = zip(names, self._by_file, strict=True)
        dates = {name: saved_at(contents) for name, contents in zip(names, self.contents, strict=True)}
        return chapters(named, partial(machine_floor, self.results), partial(machine_allocator, self.results), dates)

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


def _names(files: Iterable[PathName | Iterable[PathName]]) -> Iterable[PathName]:
    for file in files:
        if isinstance(file, str | PathLike):
            yield file
        else:
            yield from file
