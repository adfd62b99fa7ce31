"""The layout of tables: which cases stand in one, what its caption says of all of them, and how many columns it has."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

from mnv2bench import precisions
from mnv2bench.case import Case, is_gpu
from mnv2bench.report.cells import NONE, escape, table
from mnv2bench.report.column import Cell
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.ranking import Ranking
from mnv2bench.statistics.rounds import network_count
from mnv2bench.texts import short_name

NOT_ASKED = "not asked"
MOST_RUNTIMES = 5  # a table
PAGE_WIDTH, CHARACTER, PADDING = 946, 7.5, 26  # pixels: of a page on GitHub, of a digit and of the margins of a cell
PYTORCH = "torch_"  # backends whose names begin so stand in a table of their own
Evaluations = Sequence[Evaluation]
Lines = dict[tuple[str, ...], dict[str, str]]  # the first cells of a row, and its other cells by their columns
Draw = Callable[[Evaluations], str]
V = TypeVar("V")
MARKUP = re.compile(r"[*~\\]")


class Setting(NamedTuple):
    """What the cases of a table share, so that their numbers may be compared; the threads are those of each stream."""

    device: str
    precision: str
    streams: int
    threads: int
    batch: int


def setting(case: Case) -> Setting:
    """The setting of a case."""
    return Setting(case.device, case.precision, case.streams, case.threads, case.batch)


def _setting_order(evaluation: Evaluation) -> tuple[str, int, int, int, int]:
    """Precisions stand in the order in which they are declared, fp32 first."""
    device, precision, *numbers = setting(evaluation.case)
    return device, precisions.NAMES.index(precision), *numbers  # type: ignore[return-value]


def title(setting: Setting) -> str:
    """The line above a table that says its setting."""
    device = f"{escape(setting.device)}, {setting.precision}{_clock(setting.device)}"
    return f"batch {setting.batch}, {parallelism(setting.threads, setting.streams)}, {device}"


def _clock(device: str) -> str:
    return ", wall" if is_gpu(device) else ""  # one of several clocks there


def threads(count: int) -> str:
    """`1 thread`, `2 threads`."""
    return "1 thread" if count == 1 else f"{count} threads"


def parallelism(number_of_threads: int, streams: int) -> str:
    """`2 threads`; of several streams `2 streams x 1 thread`."""
    of_each = threads(number_of_threads)
    return of_each if streams == 1 else f"{streams} streams x {of_each}"


def caption(evaluations: Evaluations) -> str:
    """What all cases of a table share, on one line: variant or network, batch, streams, threads, device, precision."""
    cases = [evaluation.case for evaluation in evaluations]
    batch = _shared(case.batch for case in cases)
    parts = (
        _shared_network(cases),
        None if batch is None else f"batch {batch}",
        _shared_parallelism(cases),
        _shared(case.device for case in cases),
        _shared(case.precision for case in cases),
    )
    return ", ".join(escape(part) for part in parts if part is not None)


def _shared_network(cases: Sequence[Case]) -> str | None:
    """The variant that all cases share, else their network and the unusual shape of its images and outputs."""
    if _shared(case.variant for case in cases):
        return cases[0].shown_variant
    network, shape = _shared(case.network for case in cases), _shared(case.unusual_shape for case in cases)
    return ", ".join((short_name(network), *(shape or ()))) if network else None


def _shared_parallelism(cases: Sequence[Case]) -> str | None:
    """The streams and threads that all cases have; of one of them alone, the streams only if there are several."""
    streams, number_of_threads = _shared(case.streams for case in cases), _shared(case.threads for case in cases)
    if number_of_threads is None:
        return f"{streams} streams" if streams is not None and streams > 1 else None
    return f"{threads(number_of_threads)} a stream" if streams is None else parallelism(number_of_threads, streams)


def _shared(values: Iterable[V]) -> V | None:
    """The value that all have; None where they differ."""
    different = set(values)
    return different.pop() if len(different) == 1 else None


def varying(evaluations: Evaluations) -> dict[str, Cell]:
    """The columns of batch, streams and threads, where the cases of a table do not share them."""
    columns: dict[str, Cell] = {
        "batch": lambda evaluation: str(evaluation.case.batch),
        "streams": lambda evaluation: str(evaluation.case.streams),
        "threads": lambda evaluation: str(evaluation.case.threads),
    }
    return {name: cell for name, cell in columns.items() if _shared(map(cell, evaluations)) is None}


def labels(evaluations: Evaluations) -> Cell:
    """How the rows of a table name their variants: `1.0@224` where all are of one network, which the caption names.

    An unusual shape is named too, where the rows do not share it.
    """
    cases = [evaluation.case for evaluation in evaluations]
    if _shared(case.network for case in cases) is None:
        return lambda evaluation: escape(evaluation.case.long_variant)
    if _shared(case.unusual_shape for case in cases) is None:
        return lambda evaluation: ", ".join((evaluation.case.size, *evaluation.case.unusual_shape))
    return lambda evaluation: evaluation.case.size


def each_setting(evaluations: Evaluations, draw: Draw) -> str:
    """A table for each setting, below a line that names it; a setting whose table is empty is left out."""
    groups = setting_groups(evaluations)
    return _captioned(((f"{caption(group)}{_clock(group[0].case.device)}", group) for group in groups), draw)


def setting_groups(evaluations: Evaluations) -> list[list[Evaluation]]:
    """The cases of each setting, in the order of the tables."""
    groups: dict[Setting, list[Evaluation]] = {}
    for evaluation in evaluations:
        groups.setdefault(setting(evaluation.case), []).append(evaluation)
    return sorted(groups.values(), key=lambda group: _setting_order(group[0]))


def each_place(evaluations: Evaluations, draw: Draw, remark: Callable[[str], str] = lambda device: "") -> str:
    """A table for each device and precision, below a line that says what its cases share; empty ones are left out.

    `remark` is added to the line of a device.
    """
    groups: dict[tuple[str, str], list[Evaluation]] = {}
    for evaluation in sorted(evaluations, key=_setting_order):
        groups.setdefault((evaluation.case.device, evaluation.case.precision), []).append(evaluation)
    return _captioned(((f"{caption(group)}{remark(device)}", group) for (device, _), group in groups.items()), draw)


def each_variant(evaluations: Evaluations, draw: Draw) -> str:
    """A table for each variant, batch, number of streams and threads and device, below a line that names them.

    One whose table is empty is left out.
    """
    groups: dict[tuple[str, str, int, int, int], list[Evaluation]] = {}
    for evaluation in sorted(evaluations, key=by_size):
        case = evaluation.case
        key = (case.variant, case.device, case.threads, case.streams, case.batch)
        groups.setdefault(key, []).append(evaluation)
    return _captioned(((caption(group), group) for group in groups.values()), draw)


def each_sweep(evaluations: Evaluations, draw: Draw) -> str:
    """A table for each variant and device that ran in several batches, threads or streams, the largest first."""
    groups: dict[tuple[str, str], list[Evaluation]] = {}
    for evaluation in sorted(evaluations, key=by_size):
        groups.setdefault((evaluation.case.variant, evaluation.case.device), []).append(evaluation)
    swept = (group for group in groups.values() if is_swept(evaluation.case for evaluation in group))
    return _captioned(((caption(group), group) for group in swept), draw)


def is_swept(cases: Iterable[Case]) -> bool:
    """Whether a variant is there in several batches, threads or streams with the same runtime and precision."""
    programs: set[tuple[str, str, str, str]] = set()
    for case in dict.fromkeys(cases):
        program = (case.variant, case.device, case.backend, case.precision)
        if program in programs:
            return True
        programs.add(program)
    return False


def _captioned(groups: Iterable[tuple[str, list[Evaluation]]], draw: Draw) -> str:
    tables = ((line, draw(group)) for line, group in groups)
    return "\n\n".join(f"**{line}**\n\n{body}" for line, body in tables if body)


def wide(evaluations: Evaluations, facts: Mapping[str, Cell], cell: Cell, ranking: Ranking) -> str:
    """A line for each variant and different set of facts, a column for each backend, the fastest first.

    A table has five backends at most and fits a page on GitHub; those of PyTorch have tables of their own.
    """
    lines = _lines(evaluations, facts, cell, lambda evaluation: evaluation.case.backend)
    names = ranking.backends(evaluations)
    of_pytorch = [name for name in names if name.startswith(PYTORCH)]
    return _tables([[name for name in names if name not in of_pytorch], of_pytorch], facts, lines)


def across(evaluations: Evaluations, facts: Mapping[str, Cell], cell: Cell, names: Sequence[str], name_of: Cell) -> str:
    """A line for each variant and different set of facts, and a column for each of the names that `name_of` gives.

    The columns stand in the order of the names, five at most in a table; each table fits a page on GitHub.
    """
    return _tables([names], facts, _lines(evaluations, facts, cell, name_of), texts=1 + len(facts))


def _lines(evaluations: Evaluations, facts: Mapping[str, Cell], cell: Cell, name_of: Cell) -> Lines:
    lines: Lines = {}
    label = labels(evaluations)
    for evaluation in sorted(evaluations, key=lambda e: (*by_size(e), e.case.batch, e.case.streams, e.case.threads)):
        key = (label(evaluation), *(fact(evaluation) for fact in facts.values()))
        lines.setdefault(key, {})[name_of(evaluation)] = cell(evaluation)
    return lines


def _tables(families: Sequence[Sequence[str]], facts: Mapping[str, Cell], lines: Lines, texts: int = 1) -> str:
    """The tables of each family of columns: as few as have room for them on a page."""
    first = _pixels("variant", *(key[0] for key in lines))
    for place, fact in enumerate(facts, 1):
        first += _pixels(fact, *(key[place] for key in lines))
    tables = []
    for family in filter(None, families):
        pixels = [_pixels(name, *(cells[name] for cells in lines.values() if name in cells)) for name in family]
        tables += [_wide(names, facts, lines, texts) for names in _parts(family, pixels, PAGE_WIDTH - first)]
    return "\n\n".join(tables)


def _parts(names: Sequence[str], pixels: Sequence[float], room: float) -> Iterator[Sequence[str]]:
    """The names in parts of about the same size, each with room for its columns; the fewest such parts."""
    for number in range(-(-len(names) // MOST_RUNTIMES), len(names) + 1):
        bounds = [-(-place * len(names) // number) for place in range(number + 1)]  # the first are the largest
        if number == len(names) or all(sum(pixels[start:end]) <= room for start, end in pairwise(bounds)):
            yield from (names[start:end] for start, end in pairwise(bounds))
            return


def _pixels(*texts: str) -> float:
    """About how wide a column with these texts is on a page."""
    return PADDING + CHARACTER * max(len(MARKUP.sub("", text)) for text in texts)


def _wide(names: Sequence[str], facts: Mapping[str, Cell], lines: Lines, texts: int) -> str:
    rows = [
        [*key, *(cells.get(name, NOT_ASKED) for name in names)]
        for key, cells in lines.items()
        if any(name in cells for name in names)
    ]
    return table(["variant", *facts, *map(escape, names)], rows, texts)


def long(evaluations: Evaluations, columns: Mapping[str, Cell], ranking: Ranking) -> str:
    """A line for each case that was measured to its end, a table for each device and precision; empty without any."""
    ended = [evaluation for evaluation in evaluations if evaluation.record.status in ("ok", "wrong")]
    return each_place(ended, lambda group: _long(group, columns, ranking))


def _long(evaluations: Evaluations, columns: Mapping[str, Cell], ranking: Ranking) -> str:
    facts, label = varying(evaluations), labels(evaluations)
    lines = []
    for evaluation in ordered(evaluations, ranking):
        wrong = " (wrong)" if evaluation.record.status == "wrong" else ""
        texts = [struck(evaluation, cell(evaluation)) for cell in columns.values()]
        name = f"{escape(evaluation.case.backend)}{wrong}"
        lines.append([label(evaluation), name, *(fact(evaluation) for fact in facts.values()), *texts])
    return without_shared(["variant", "backend", *facts, *columns], lines, texts=2)


def without_shared(header: Sequence[str], lines: Sequence[Sequence[str]], texts: int) -> str:
    """A table without the columns of numbers that are the same in all of its rows, which a sentence below it names."""
    shared = [
        place for place in range(texts, len(header)) if len(lines) > 1 and len({line[place] for line in lines}) == 1
    ]
    kept = [place for place in range(len(header)) if place not in shared]
    body = table([header[place] for place in kept], [[line[place] for place in kept] for line in lines], texts)
    numbers = [f"{header[place]} {lines[0][place]}" for place in shared if lines[0][place] != NONE]
    nothing = [header[place] for place in shared if lines[0][place] == NONE]
    sentences = [f"In all rows: {', '.join(numbers)}."] if numbers else []
    sentences += [f"No row has a number for {', '.join(nothing)}."] if nothing else []
    return "\n\n".join(filter(None, (body, " ".join(sentences))))


def fitting(
    header: Sequence[str], lines: Sequence[Sequence[str]], spare: Sequence[str]
) -> tuple[list[str], list[list[str]]]:
    """A header and its lines without so many of the columns to spare, from the last on, that a page has room for it."""
    names, rows = list(header), [list(line) for line in lines]
    for name in reversed(spare):
        if sum(_pixels(*column) for column in zip(names, *rows, strict=True)) > PAGE_WIDTH and name in names:
            place = names.index(name)
            for cells in (names, *rows):
                del cells[place]
    return names, rows


def ordered(evaluations: Evaluations, ranking: Ranking) -> list[Evaluation]:
    """By setting, the largest network first, backends as in the columns of the other tables."""
    place = {name: number for number, name in enumerate(ranking.backends(evaluations))}
    return sorted(evaluations, key=lambda e: (*_setting_order(e), *by_size(e), place[e.case.backend]))


def by_size(evaluation: Evaluation) -> tuple[int, str]:
    """What variants are ordered by: the most multiply-adds first."""
    return -evaluation.of(network_count).madds, evaluation.case.variant


def struck(evaluation: Evaluation, number: str) -> str:
    """The number of a case, struck out where its result is wrong."""
    return f"~~{number}~~" if evaluation.record.status == "wrong" and number != NONE else number
