"""The files of a report: each read, evaluated and made into rows; many are read by all cores, and lose their samples.

Of a report with more cases than a page shows only the numbers are kept: samples take most of the memory.
"""

import csv
import gc
import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from mnv2bench.comparison.chapters import Chapter, chapters
from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.comparison.sections import MOST_CASES
from mnv2bench.comparison.tidy import values
from mnv2bench.machine import cores
from mnv2bench.recommendation.candidates import NUMBERS
from mnv2bench.records import replace
from mnv2bench.records.lines import Unusable
from mnv2bench.records.reading import Contents, case_ids, contents_of, saved_at
from mnv2bench.report.csv import rows_as_csv
from mnv2bench.report.evaluation import without_samples
from mnv2bench.statistics.conditions import conditions
from mnv2bench.statistics.kept_checks import machine_allocator, machine_floor

T = TypeVar("T")
PARALLEL_FROM = 32_000_000  # bytes of files: below, starting processes takes longer than it saves
CHUNK = 4  # files that a process takes at a time


@dataclass(frozen=True)
class MeasuredFile:
    """A file of a report: its chapters, what was unusual about its machine, and whether a case of it was measured.

    `contents` is None where the samples were dropped, unless the file has profiles too. `rows` is its CSV with the
    columns that have a value.
    """

    path: Path
    name: str
    chapters: tuple[Chapter, ...]
    conditions: tuple[str, ...]
    is_measured: bool
    contents: Contents | None
    rows: str


def measured_files(
    paths: Sequence[Path], names: Sequence[str], results: Path, keeps_samples: bool = False
) -> Iterator[MeasuredFile | Unusable]:
    """Each of these files in turn, or why it cannot be used. `names` are those that the report calls them by.

    `keeps_samples` keeps them of many cases too.
    """
    many = not keeps_samples and has_many_cases(paths)
    read = partial(read_file, results, many)
    yield from by_all_cores(read, paths, names) if many else map(read, paths, names)


def by_all_cores(read: Callable[[Path, str], T], paths: Sequence[Path], names: Sequence[str]) -> Iterator[T]:
    """What the function returns for each of these files in turn, with a process for each core where they are large."""
    if cores() > 1 and sum(map(_size, paths)) >= PARALLEL_FROM:
        with suppress(BrokenProcessPool):  # no process could be started here, or one was killed: slower, and the same
            yield from _in_parallel(read, paths, names)
            return
    yield from map(read, paths, names)


def has_many_cases(paths: Sequence[Path], most: int = MOST_CASES) -> bool:
    """Whether these files have more cases together than a page shows."""
    count = 0
    for path in paths:
        with suppress(Unusable):
            count += len(case_ids(path))
        if count > most:
            return True
    return False


def csv_of(files: Sequence[MeasuredFile], all_columns: bool = False) -> Iterator[str]:
    """The text of the CSV of all files: as of one table, without the columns that are empty in each of them."""
    headers = [file.rows.partition("\n")[0].split(",") for file in files]
    filled = {name for header in headers for name in header}
    names = [column.name for column in COLUMNS if all_columns or not filled - {""} or column.name in filled]
    yield ",".join(names) + "\n"
    for file, header in zip(files, headers, strict=True):
        lines = file.rows.partition("\n")[2]
        yield lines if header == names else _with_columns(lines, header, names)


def _with_columns(lines: str, header: Sequence[str], names: Sequence[str]) -> str:
    """The lines of a CSV with the columns `names`, of which `header` are those that it has."""
    places = {name: place for place, name in enumerate(header)}
    wanted = [places.get(name, len(header)) for name in names]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    for cells in csv.reader(io.StringIO(lines)):
        cells.append("")
        writer.writerow([cells[place] for place in wanted])
    return out.getvalue()


def _in_parallel(read: Callable[[Path, str], T], paths: Sequence[Path], names: Sequence[str]) -> Iterator[T]:
    # records hold no reference cycles, and looking for some takes a quarter of the time
    with ProcessPoolExecutor(cores(), mp_context=get_context("spawn"), initializer=gc.disable) as pool:
        yield from pool.map(read, paths, names, chunksize=CHUNK)


def read_file(results: Path, many: bool, path: Path, name: str) -> MeasuredFile | Unusable:
    """One file, or why it cannot be used. Of one of `many` cases the samples are dropped."""
    try:
        contents = contents_of(path)
    except Unusable as error:
        return error
    whole_file = measured_file(path, name, contents, file_chapters(name, contents, results))
    if not many:
        return whole_file
    return replace(
        whole_file,
        chapters=tuple(map(_without_samples, whole_file.chapters)),
        contents=contents if contents.others else None,
    )


def file_chapters(name: str, contents: Contents, results: Path) -> tuple[Chapter, ...]:
    """The campaigns of a file; `results` is the folder with what the self-checks of the machines showed."""
    return chapters(
        [(name, contents.records)],
        partial(machine_floor, results),
        partial(machine_allocator, results),
        {name: saved_at(contents)},
        {name: contents.blocks},
    )


def measured_file(path: Path, name: str, contents: Contents, campaigns: tuple[Chapter, ...]) -> MeasuredFile:
    """A file of which all is known already, with its samples."""
    is_measured = any(record.status == "ok" for chapter in campaigns for record in chapter.records)
    unusual = conditions(contents.states)
    return MeasuredFile(path, name, campaigns, unusual, is_measured, contents, _rows(campaigns))


def _rows(campaigns: Sequence[Chapter]) -> str:
    """The CSV of the columns that have a value; what candidates for a recommendation ask is computed on the way."""
    rows = []
    for evaluation in (evaluation for chapter in campaigns for evaluation in chapter.evaluations):
        rows.append(values(evaluation))
        for number in NUMBERS if evaluation.latency else ():
            evaluation.of(number)
    filled = [place for place, column in enumerate(zip(*rows, strict=True)) if any(v not in (None, "") for v in column)]
    return rows_as_csv([COLUMNS[place] for place in filled], [[row[place] for place in filled] for row in rows])


def _without_samples(chapter: Chapter) -> Chapter:
    return replace(chapter, evaluations=without_samples(chapter.evaluations, NUMBERS), has_samples=False)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
