"""Results: what one or more files of measurements hold, as tables, pages and answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.cases import Case
from mnv2bench.files import source_names
from mnv2bench.records import Record
from mnv2bench.records.reading import Contents, contents_of, saved_at

if TYPE_CHECKING:
    import pandas as pd

    from mnv2bench.comparison.chapters import Chapter

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
