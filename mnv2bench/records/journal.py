"""The journal: what a campaign has measured so far, appended and synced line by line, so that nothing is lost.

A file of records is a journal, or a file that pytest-benchmark saved with the lines of a journal in it.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mnv2bench.cases import Case
from mnv2bench.files import write_whole
from mnv2bench.records import appended
from mnv2bench.records.appended import AppendedFile
from mnv2bench.records.encoding import (
    ArtifactLine,
    ProcessLine,
    decoded,
    dumps,
    parse_case,
    process_to_json,
    to_json,
)
from mnv2bench.records.machine import Machine, MachineState, machine_from_json, machine_to_json
from mnv2bench.records.record import SCHEMA, Artifact, Plan, Process, Record, record
from mnv2bench.records.weights import Weights
from mnv2bench.texts import one_line

JOURNAL_START = b'{"line":'
OURS = ("head", "artifact", "process", "state", "end", "side")  # lines; any other one is of another subject


class Unusable(ValueError):
    """A file that holds no records, or records that this version cannot read; the message names the file."""


class Head(Struct, frozen=True):
    """What a campaign set out to do: the first line of its journal."""

    cases: tuple[Case, ...]
    plan: Plan
    seed: int
    weights: Weights
    machine: Machine
    runner: str = ""


class HeadLine(Struct, tag_field="line", tag="head", frozen=True, forbid_unknown_fields=True):
    """A Head on disk. `runner` is there since schema 2."""

    schema: int
    cases: tuple[str, ...]
    plan: Plan
    seed: int
    weights: Weights
    environment: dict[str, object]  # other versions write other facts: see `machine_from_json`
    runner: str = ""

    def head(self) -> Head:
        """The head that the line tells of."""
        cases = tuple(map(parse_case, self.cases))
        return Head(cases, self.plan, self.seed, self.weights, machine_from_json(self.environment), self.runner)


class SideLine(Struct, tag_field="line", tag="side", frozen=True):
    """One side of a duel: its interpreter, and its distributions with their versions."""

    interpreter: str
    distributions: dict[str, str]


class End(Struct, tag_field="line", tag="end", frozen=True):
    """The last line of a campaign that was not interrupted."""

    parent_peak_rss_bytes: int | None = None


class LineName(Struct):
    """Of any line: which one it is, and the schema of a head."""

    line: str
    schema: int = 0


class Saved(Struct):
    """Of a file that pytest-benchmark saved: when, and the lines of the journal."""

    mnv2bench: list[Raw] | UnsetType | None = UNSET
    datetime: Raw = Raw(b"null")


class Journal:
    """An append-only file of lines; `begin` starts it, `resume` reads what is there and goes on behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = AppendedFile(path)
        self.artifacts: dict[str, Artifact] = {}
        self.processes: list[Process] = []
        self.others: list[dict[str, object]] = []  # lines that other subjects wrote, and that they decode

    def begin(self, head: Head) -> Path | None:
        """Start anew. A journal of that name is moved aside, and its new path is returned.

        Raises FileExistsError for a file that is no journal: see `require_place`.
        """
        line = {"line": "head", "schema": SCHEMA, **_head_to_json(head)}
        return self._file.begin(JOURNAL_START, _encoded(line))

    def resume(self) -> Head:
        """Take up what is measured; a half-written last line, which a kill leaves, is cut off."""
        head, self.artifacts, self.processes = read(self.path)
        whole = self.path.read_bytes()
        if not whole.startswith(JOURNAL_START):
            raise Unusable(f"{self.path} is a saved file, not a journal: nothing is left to resume")
        self.others = other_lines(self.path)
        os.truncate(self.path, whole.rindex(b"\n") + 1)
        return head

    def forget(self, unwanted: Callable[[Process], bool]) -> tuple[Process, ...]:
        """Take the lines of these processes out of a file that was resumed, whole or not at all; return them."""
        forgotten = tuple(filter(unwanted, self.processes))
        if forgotten:
            names = {(process.case.id, process.number) for process in forgotten}
            whole = self.path.read_bytes().splitlines(keepends=True)
            write_whole(self.path, b"".join(line for line in whole if _process_name(line) not in names))
            self.processes = [process for process in self.processes if process not in forgotten]
        return forgotten

    def artifact(self, case: Case, artifact: Artifact) -> None:
        self.artifacts[case.id] = artifact
        self._append({"line": "artifact", "case": case.id, **to_json(artifact)})

    def process(self, process: Process) -> None:
        self.processes.append(process)
        self._append({"line": "process", **process_to_json(process)})

    def other(self, line: str, fields: dict[str, object]) -> None:
        """A line of another subject, which decodes it again from `others`."""
        self.others.append({"line": line, **fields})
        self._append(self.others[-1])

    def note(self, note: MachineState | SideLine | End) -> None:
        """A line that no Record needs."""
        self._append(to_json(note))

    def _append(self, fields: dict[str, object]) -> None:
        self._file.append(_encoded(fields))


def require_place(path: Path) -> None:
    """Raise FileExistsError, which names the file, where no journal may begin: what stands there is none."""
    appended.require_place(path, JOURNAL_START)


class ProcessName(Struct):
    """Of any line: the case and the number of a process."""

    line: str
    case: str = ""
    number: int = -1


def _process_name(line: bytes) -> tuple[str, int] | None:
    """The case id and the number of a process's line, None for any other line."""
    name = msgspec.json.decode(line, type=ProcessName)
    return (name.case, name.number) if name.line == "process" else None


def _encoded(fields: dict[str, object]) -> bytes:
    return f"{dumps(fields)}\n".encode()


def lines(path: Path) -> list[dict[str, object]]:
    """Every line of a journal or of a saved file as parsed JSON, unchecked. Raises Unusable, naming the file."""
    return list(_parsed(path, _raw_lines(path)[1]))


def other_lines(path: Path) -> list[dict[str, object]]:
    """The lines of a file that other subjects wrote and decode, as parsed JSON. Raises Unusable, naming the file."""
    with naming_damage(path):
        others = [raw for raw in _raw_lines(path)[1] if _name(raw).line not in OURS]
    return list(_parsed(path, others))


def end(path: Path) -> End | None:
    """The last line of a campaign's journal, None where it was interrupted. Raises Unusable, naming the file."""
    with naming_damage(path):
        raw_lines = _raw_lines(path)[1]
        if raw_lines and _name(raw_lines[-1]).line == "end":
            return decoded(bytes(raw_lines[-1]), End)
    return None


def read(path: Path) -> tuple[Head, dict[str, Artifact], list[Process]]:
    """The head, the artifacts by case id and the processes in a file of this schema or an older. Raises Unusable."""
    return _read(path, _raw_lines(path)[1])


def load(path: Path) -> tuple[Record, ...]:
    """The Records of a journal or a saved file, whole or interrupted. Raises Unusable, naming the file."""
    return records(*read(path))


def load_saved(path: Path) -> tuple[datetime, tuple[Record, ...]]:
    """When a file was saved, and its Records. Raises Unusable, for a journal too: nothing in it says when."""
    saved, raw_lines = _raw_lines(path)
    try:
        when = datetime.fromisoformat(msgspec.json.decode(saved.datetime, type=str))
    except (ValueError, msgspec.DecodeError) as error:
        raise Unusable(f"{path} is damaged (it does not say when it was saved)") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC), records(*_read(path, raw_lines))


def records(head: Head, artifacts: dict[str, Artifact], processes: Iterable[Process]) -> tuple[Record, ...]:
    """One Record for each case, in the order in which the campaign names them."""
    by_case: dict[Case, list[Process]] = {case: [] for case in head.cases}
    for process in processes:
        by_case.get(process.case, []).append(process)
    return tuple(
        record(case, head.plan, head.machine, by_case[case], artifacts.get(case.id), head.seed, head.weights)
        for case in head.cases
    )


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Whatever reading a file raises becomes Unusable, which names the file."""
    try:
        yield
    except Unusable:
        raise
    except OSError as error:
        raise Unusable(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise Unusable(f"{path} is damaged ({one_line(str(error))})") from error


def _raw_lines(path: Path) -> tuple[Saved, list[Raw] | list[bytes]]:
    """What pytest-benchmark wrote beside the lines, nothing for a journal; and the lines, not yet parsed."""
    with naming_damage(path):
        whole = path.read_bytes()
        if whole.startswith(JOURNAL_START):
            return Saved(), whole.split(b"\n")[:-1]
        saved = msgspec.json.decode(whole, type=Saved)
        if saved.mnv2bench is UNSET:
            raise Unusable(f"{path} was not saved by mnv2bench: it holds no records")
        if saved.mnv2bench is None:
            raise ValueError("it has no lines")
        return saved, saved.mnv2bench


def _parsed(path: Path, raw_lines: Iterable[Raw | bytes]) -> Iterator[dict[str, object]]:
    with naming_damage(path):
        for raw in raw_lines:
            yield msgspec.json.decode(raw, type=dict[str, object])


def _read(path: Path, raw_lines: Iterable[Raw | bytes]) -> tuple[Head, dict[str, Artifact], list[Process]]:
    head: Head | None = None
    artifacts: dict[str, Artifact] = {}
    processes: list[Process] = []
    with naming_damage(path):
        for raw in raw_lines:
            name = _name(raw)
            if name.line == "head":
                if name.schema > SCHEMA:
                    raise Unusable(f"{path} is of a newer schema than {SCHEMA}: pip install --upgrade mnv2bench")
                head = decoded(bytes(raw), HeadLine).head()
            elif name.line == "artifact":
                artifact_line = decoded(bytes(raw), ArtifactLine)
                artifacts[artifact_line.case] = artifact_line.artifact()
            elif name.line == "process":
                processes.append(decoded(bytes(raw), ProcessLine).process())
    if head is None:
        raise Unusable(f"{path} holds no campaign")
    return head, artifacts, processes


def _name(raw: Raw | bytes) -> LineName:
    return msgspec.json.decode(raw, type=LineName)


def _head_to_json(head: Head) -> dict[str, object]:
    return {
        "cases": [case.id for case in head.cases],
        "plan": to_json(head.plan),
        "seed": head.seed,
        "weights": msgspec.to_builtins(head.weights),
        "environment": machine_to_json(head.machine),
        "runner": head.runner,
    }
