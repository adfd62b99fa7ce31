"""Reading what anybody may have written: a file is held against itself, line by line, before a number is believed."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from mnv2bench.case import Case, Kind
from mnv2bench.records.blocks import BlockLine
from mnv2bench.records.consistency import require_cores, require_in_time
from mnv2bench.records.contents import contents
from mnv2bench.records.direct import direct
from mnv2bench.records.encoding import WHOLE_SINCE, AccuracyLine, ArtifactLine, ProcessLine, built, parse_case
from mnv2bench.records.json_text import parsed
from mnv2bench.records.lines import (
    End,
    Head,
    HeadLine,
    LineName,
    Refusal,
    Saved,
    SavedLines,
    SideLine,
    naming_damage,
    naming_line,
)
from mnv2bench.records.machine import MachineState
from mnv2bench.records.record import ENDED, SCHEMA, Accuracy, Artifact, Process, Record, record

JOURNAL_START = b'{"line":'
LINES_SINCE = {"accuracy": 6, "block": 7}  # the first schema with such lines, where that is not 1
OTHERS = ("profile", "probes")  # lines that other subjects wrote, and that they decode
MAX_OBJECTS = 1_000_000  # of a saved file
MAX_DATE = 100  # characters
FIRST_YEAR, LAST_YEAR = 2020, 2100  # of the clock of a machine that measured


class Other(Struct, frozen=True):
    """A line of another subject: its number in the file, and its fields."""

    number: int
    fields: dict[str, object]


class Contents(Struct, frozen=True):
    """All that a file holds. `end` is None where its campaign was interrupted.

    `accuracies` are by the case that stands for all which have the same one: `Case.accuracy_case`.

    `states` are how busy the machine was meanwhile, in the order of the lines. `blocks` are how a campaign divided
    its budget, none without one. `schema` is that of its head: since 5 every field must stand in its lines. `datetime`
    is what pytest-benchmark wrote of when it saved the file, None in a journal.
    """

    head: Head
    artifacts: dict[str, Artifact]
    accuracies: dict[Case, Accuracy]
    processes: tuple[Process, ...]
    others: tuple[Other, ...]
    states: tuple[MachineState, ...]
    blocks: tuple[BlockLine, ...]
    end: End | None
    schema: int
    datetime: str | None

    @property
    def records(self) -> tuple[Record, ...]:
        """One Record for each case, in the order in which the campaign names them."""
        return records(self.head, self.artifacts, self.processes, self.accuracies, ended=self.end is not None)


class _HeadCases(Struct):
    """Of the head of a file: its cases."""

    cases: list[str] = []


@dataclass(frozen=True)
class File:
    """The lines of a file as texts, and when pytest-benchmark saved it; None for a journal."""

    texts: Iterable[bytes]
    datetime: str | None = None


def lines(path: Path) -> list[dict[str, object]]:
    """Every line of a journal or of a saved file as parsed JSON. Raises Unusable, naming the file."""
    with naming_damage(path):
        return list(_fields(_opened(path)))


def end(path: Path) -> End | None:
    """The last line of a campaign's journal, None where it was interrupted. Raises Unusable, naming the file."""
    return contents_of(path).end


def states(path: Path) -> tuple[MachineState, ...]:
    """How busy the machine was while a file was measured, in the order of its lines. Raises Unusable."""
    return contents_of(path).states


def contents_of(path: Path) -> Contents:
    """All that a file of this schema or an older one holds. Raises Unusable, naming the file and the line."""
    with naming_damage(path):
        file = _opened(path)
        reader = Reader()
        for number, text in enumerate(file.texts, 1):
            with naming_line(number):
                reader.take_text(number, text)
        return reader.result(file.datetime)


def case_ids(path: Path) -> tuple[str, ...]:
    """The cases that the head of a file names, untested: no other line is read. Raises Unusable, naming the file."""
    with naming_damage(path):
        for text in _opened(path).texts:
            return tuple(msgspec.json.decode(text, type=_HeadCases).cases)
        return ()


def head_of(path: Path) -> Head:
    """The head of a file; no other line is read. Raises Unusable, naming the file."""
    with naming_damage(path):
        reader = Reader()
        for text in _opened(path).texts:
            with naming_line(1):
                reader.take_text(1, text)
            break
        return reader.result(None).head


def load(path: Path) -> tuple[Record, ...]:
    """The Records of a journal or a saved file, whole or interrupted. Raises Unusable, naming the file."""
    return contents_of(Path(path)).records


def load_saved(path: Path) -> tuple[datetime, tuple[Record, ...]]:
    """When a file was saved, and its Records. Raises Unusable, for a journal too: it was not saved."""
    whole_file = contents_of(path)
    with naming_damage(path):
        return _saved_at(whole_file.datetime), whole_file.records


def saved_at(whole_file: Contents) -> datetime | None:
    """When a file was saved, of a journal when its campaign began; None where the file does not say either."""
    with suppress(ValueError):
        return _saved_at(whole_file.datetime or whole_file.head.began)
    return None


def _saved_at(text: str | None) -> datetime:
    """When a file was saved, UTC where it does not say its time zone."""
    try:
        when = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise ValueError("it does not say when it was saved") from error
    if not FIRST_YEAR <= when.year <= LAST_YEAR:
        raise ValueError(f"it says that it was saved in the year {when.year}")
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def records(
    head: Head,
    artifacts: Mapping[str, Artifact],
    processes: Iterable[Process],
    accuracies: Mapping[Case, Accuracy],
    ended: bool = False,
) -> tuple[Record, ...]:
    """One Record for each case, in the order in which the campaign names them.

    `ended` says that the campaign came to its end: then it has no more processes to measure.
    """
    by_case: dict[Case, list[Process]] = {case: [] for case in head.cases}
    for process in processes:
        by_case[process.case].append(process)
    return tuple(
        record(
            case=case,
            plan=head.plan,
            machine=head.machine,
            processes=by_case[case],
            artifact=artifacts.get(case.id),
            seed=head.seed,
            weights=head.weights,
            accuracy=accuracies.get(case.accuracy_case),
            ended=ended,
        )
        for case in head.cases
    )


class Reader:
    """The lines of one file in their order, each held against those before it."""

    def __init__(self) -> None:
        self.head: Head | None = None
        self.schema = 0  # of the file
        self.artifacts: dict[str, Artifact] = {}
        self.accuracies: dict[Case, Accuracy] = {}
        self.processes: list[Process] = []
        self.numbers: dict[Case, list[int]] = {}  # of the processes of each case
        self.positions: set[int] = set()
        self.others: list[Other] = []
        self.states: list[MachineState] = []
        self.blocks: list[BlockLine] = []
        self.end: End | None = None

    @property
    def whole(self) -> bool:
        """Whether every field must stand in the file's lines."""
        return self.schema >= WHOLE_SINCE

    def take_text(self, number: int, text: bytes) -> None:
        """Take the next line. ValueError for one that is damaged, or that cannot stand where it does."""
        process = direct(ProcessLine).value(text) if self.schema == SCHEMA and self.end is None else None
        if process and self.head:
            self._take_process(self.head, process)
            return
        fields = parsed(text)
        self.take(number, msgspec.convert(fields, LineName), fields)

    def take(self, number: int, line: LineName, fields: dict[str, Any]) -> None:
        """Take the next line. ValueError for one that is damaged, or that cannot stand where it does."""
        if line.line == "head":
            self._take_head(line, fields)
            return
        if self.head is None:
            raise ValueError("it does not begin with the head of a campaign")
        if self.schema < (since := LINES_SINCE.get(line.line, 1)):
            raise ValueError(f"a line {line.line!r} in a file of schema {self.schema}: there are such since {since}")
        if self.end and (self.whole or line.line not in ("state", "end")):  # older versions resumed behind an end
            raise ValueError(f"a line {line.line!r} behind the end")
        if line.line == "artifact":
            self._take_artifact(fields)
        elif line.line == "accuracy":
            self._take_accuracy(fields)
        elif line.line == "block":
            self._take_block(self.head, built(fields, BlockLine, self.schema))
        elif line.line == "process":
            self._take_process(self.head, built(fields, ProcessLine, self.schema))
        elif line.line == "end":
            self.end = built(fields, End, self.schema)
        elif line.line == "state":
            self.states.append(built(fields, MachineState, self.schema))
        elif line.line == "side":
            built(fields, SideLine, self.schema)  # no Record needs it
        elif line.line in OTHERS:
            self.others.append(Other(number, fields))
        else:
            raise ValueError(f"{line.line!r} is no line of ours")

    def _take_head(self, line: LineName, fields: dict[str, Any]) -> None:
        if self.head:
            raise ValueError("a second head: a file holds one campaign")
        if line.schema > SCHEMA:
            raise Refusal(f"is of a newer schema than {SCHEMA}: pip install --upgrade mnv2bench")
        if line.schema < 1:
            raise ValueError(f"there is no schema {line.schema}")
        self.schema = line.schema
        self.head = built(fields, HeadLine, self.schema).head()
        self.numbers = {case: [] for case in self.head.cases}

    def _take_artifact(self, fields: dict[str, Any]) -> None:
        line = built(fields, ArtifactLine, self.schema)
        artifact, case = line.artifact(), self._case(line.case)
        if self.whole and self.artifacts.get(case.id, artifact) != artifact:
            raise ValueError(f"a second artifact of {case.id}")
        self.artifacts[case.id] = artifact

    def _take_accuracy(self, fields: dict[str, Any]) -> None:
        line = built(fields, AccuracyLine, self.schema)
        case = self._case(line.case).accuracy_case
        if case in self.accuracies:
            raise ValueError(f"a second accuracy of {line.case}")
        self.accuracies[case] = line.accuracy()

    def _take_block(self, head: Head, block: BlockLine) -> None:
        if not head.plan.budget_s:
            raise ValueError("a block in a campaign without a budget")
        if block.number != len(self.blocks):
            raise ValueError(f"block {block.number} comes where {len(self.blocks)} is due")
        if self.blocks and block.began_s < self.blocks[-1].began_s:
            raise ValueError(f"block {block.number} began before the one before it")
        if block.position <= max(self.positions, default=-1):
            raise ValueError(f"block {block.number} begins at the position of a process before it")
        for id in block.cases:
            self._case(id)
        self.blocks.append(block)

    def _take_process(self, head: Head, line: ProcessLine) -> None:
        process = line.process(self.schema)
        numbers = self.numbers[self._case(line.case)]
        if process.number < len(numbers):
            raise ValueError(f"process {process.number} of {process.case.id} stands in it twice")
        if process.number >= head.plan.processes:
            raise ValueError(f"process {process.number} of a plan of {head.plan.processes}, which begins at 0")
        if process.number > len(numbers):
            raise ValueError(f"process {process.number} of {process.case.id} comes where {len(numbers)} is due")
        if self.whole and process.position in self.positions:
            raise ValueError(f"position {process.position} stands in it twice")
        if head.plan.budget_s:
            self._require_in_block(process)
        require_in_time(process, head.plan.timeout_s)
        if process.case.kind == Kind.MEASURED_HERE and head.machine.cores:
            require_cores((*process.samples.warmup, *process.samples.rounds), head.machine.cores)
        numbers.append(process.number)
        self.positions.add(process.position)
        self.processes.append(process)

    def _require_in_block(self, process: Process) -> None:
        """With a budget, a process stands behind the block that gives it to its case."""
        block = self.blocks[-1] if self.blocks else None
        if block is None or process.position < block.position or process.case.id not in block.cases:
            raise ValueError(f"process {process.number} of {process.case.id} is of no block")

    def _case(self, id: str) -> Case:
        case = parse_case(id)
        if case not in self.numbers:
            raise ValueError(f"{id} is no case of this campaign")
        return case

    def result(self, datetime: str | None) -> Contents:
        """Everything that was taken. ValueError where lines are missing."""
        if self.head is None:
            raise Refusal("holds no campaign")
        if self.end:
            self._require_complete(self.head)
        return Contents(
            head=self.head,
            artifacts=self.artifacts,
            accuracies=self.accuracies,
            processes=tuple(self.processes),
            others=tuple(self.others),
            states=tuple(self.states),
            blocks=tuple(self.blocks),
            end=self.end,
            schema=self.schema,
            datetime=datetime,
        )

    def _require_complete(self, head: Head) -> None:
        """A campaign that came to its end measured every process of every case that did not fail.

        One with a budget measured as many as it had time for.
        """
        if head.plan.budget_s:
            return
        stopped = {process.case for process in self.processes if process.status not in ENDED}
        for case, numbers in self.numbers.items():
            if len(numbers) < head.plan.processes and case not in stopped:
                raise ValueError(
                    f"it has an end, and {len(numbers)} of the {head.plan.processes} processes of {case.id}"
                )


def _opened(path: Path) -> File:
    """A file with its lines, not yet parsed."""
    whole = contents(path)
    if whole.startswith(JOURNAL_START):
        return File(_split(whole))
    if whole.count(b"{") > MAX_OBJECTS:
        raise ValueError(f"more than {MAX_OBJECTS:,} objects, which no file of ours has")
    saved = msgspec.json.decode(whole, type=Saved)
    if saved.mnv2bench is UNSET:
        raise Refusal("was not saved by mnv2bench: it holds no records")
    if saved.mnv2bench is None:
        raise ValueError("it has no lines")
    raw_lines = msgspec.json.decode(whole, type=SavedLines).mnv2bench
    return File(map(bytes, raw_lines), _text(saved.datetime))


def _split(whole: bytes) -> Iterator[bytes]:
    """The whole lines of a journal. What stands behind the last line break is half a line, which a kill leaves."""
    start = 0
    while (stop := whole.find(b"\n", start)) >= 0:
        yield whole[start:stop]
        start = stop + 1


def _fields(file: File) -> Iterator[dict[str, object]]:
    """The fields of each line."""
    for number, text in enumerate(file.texts, 1):
        with naming_line(number):
            fields: dict[str, object] = parsed(text)
            msgspec.convert(fields, LineName)
        yield fields


def _text(raw: msgspec.Raw) -> str | None:
    """A short text of a JSON file, None for anything else."""
    try:
        return msgspec.json.decode(raw, type=str)[:MAX_DATE]
    except msgspec.MsgspecError:
        return None
