"""The journal: what a campaign has measured so far, appended and synced line by line, so that nothing is lost.

A file of records is a journal, or a file that pytest-benchmark saved with the lines of a journal in it.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from mnv2bench.case import Case
from mnv2bench.files import write_whole
from mnv2bench.networks import Description
from mnv2bench.records import appended
from mnv2bench.records.appended import AppendedFile
from mnv2bench.records.blocks import BlockLine
from mnv2bench.records.encoding import process_to_json, to_json
from mnv2bench.records.json_text import dumps
from mnv2bench.records.lines import End, Head, SideLine, Unusable
from mnv2bench.records.machine import MachineState, machine_to_json
from mnv2bench.records.reading import JOURNAL_START, contents_of, end, lines, load, load_saved, records, states
from mnv2bench.records.record import SCHEMA, Accuracy, Artifact, Process

__all__ = ["End", "Head", "Journal", "SideLine", "Unusable", "end", "lines", "load", "load_saved", "records", "states"]


class Journal:
    """An append-only file of lines; `begin` starts it, `resume` reads what is there and goes on behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = AppendedFile(path)
        self.artifacts: dict[str, Artifact] = {}
        self.accuracies: dict[Case, Accuracy] = {}  # by the case that stands for all which have the same one
        self.processes: list[Process] = []
        self.blocks: list[BlockLine] = []  # of a campaign with a budget
        self.others: list[dict[str, object]] = []  # lines that other subjects wrote, and that they decode
        self._end_at: int | None = None  # where the line of the end begins, in a finished journal that is resumed

    def begin(self, head: Head) -> Path | None:
        """Start anew. A journal of that name is moved aside, and its new path is returned.

        Raises FileExistsError for a file that is no journal: see `require_place`.
        """
        line = {"line": "head", "schema": SCHEMA, **_head_to_json(head)}
        return self._file.begin(JOURNAL_START, _encoded(line))

    def read(self) -> tuple[Head, bool]:
        """Read what is measured, and change nothing. Returns its head, and whether its campaign came to its end."""
        before = contents_of(self.path)
        with self.path.open("rb") as file:
            if file.read(len(JOURNAL_START)) != JOURNAL_START:
                raise Unusable(f"{self.path} is a saved file, not a journal: nothing is left to resume")
        self.artifacts, self.processes = dict(before.artifacts), list(before.processes)
        self.accuracies, self.blocks = dict(before.accuracies), list(before.blocks)
        self.others = [other.fields for other in before.others]
        return before.head, before.end is not None

    def resume(self) -> Head:
        """Take up what is measured; a half-written last line, which a kill leaves, is cut off."""
        head, ended = self.read()
        text = self.path.read_bytes()
        os.truncate(self.path, text.rindex(b"\n") + 1)
        if ended:
            self._end_at = text.rindex(b"\n", 0, text.rindex(b"\n")) + 1
        return head

    def forget(self, unwanted: Callable[[Process], bool]) -> tuple[Process, ...]:
        """Take the lines of these processes out of a file that was resumed, and the end that it then has not come to.

        The file is written whole or not at all. Returns the processes.
        """
        forgotten = tuple(filter(unwanted, self.processes))
        if forgotten:
            names = {(process.case.id, process.number) for process in forgotten}
            whole = self.path.read_bytes()[: self._end_at].splitlines(keepends=True)
            self._end_at = None
            write_whole(self.path, b"".join(line for line in whole if _process_name(line) not in names))
            self.processes = [process for process in self.processes if process not in forgotten]
        return forgotten

    def extend(self, budget_s: float) -> None:
        """Give a campaign that was resumed a longer budget: its head says so, and its blocks have not come to an end.

        The file is written whole or not at all.
        """
        fields, others = self._without_end()
        fields["plan"]["budget_s"] = budget_s
        if self.blocks and not self.blocks[-1].cases:
            others.remove(_encoded(to_json(self.blocks.pop())))
        write_whole(self.path, b"".join([_encoded(fields), *others]))

    def name_cases(self, cases: Sequence[Case], networks: Sequence[Description]) -> None:
        """Let the head of a campaign that was resumed name these cases, and take out the end to which it had come.

        Cases that it does not name any more must have no process; their artifacts go. The file is written whole or not
        at all.
        """
        fields, others = self._without_end()
        fields["cases"] = [case.id for case in cases]
        fields["networks"] = msgspec.to_builtins(tuple(networks))
        names = {None, *(case.id for case in cases)}
        left = [line for line in others if _artifact_case(line) in names]
        write_whole(self.path, b"".join([_encoded(fields), *left]))

    def _without_end(self) -> tuple[dict[str, Any], list[bytes]]:
        """The fields of the head and the lines behind it, without the end: the campaign goes on."""
        head, *others = self.path.read_bytes()[: self._end_at].splitlines(keepends=True)
        self._end_at = None
        return msgspec.json.decode(head), others

    def artifact(self, case: Case, artifact: Artifact) -> None:
        self.artifacts[case.id] = artifact
        self._append({"line": "artifact", "case": case.id, **to_json(artifact)})

    def accuracy(self, case: Case, accuracy: Accuracy) -> None:
        self.accuracies[case.accuracy_case] = accuracy
        self._append({"line": "accuracy", "case": case.id, **to_json(accuracy)})

    def process(self, process: Process) -> None:
        self.processes.append(process)
        self._append({"line": "process", **process_to_json(process)})

    def block(self, block: BlockLine) -> None:
        """A block begins: the processes behind this line are those that it gives to its cases."""
        self.blocks.append(block)
        self._append(to_json(block))

    def other(self, line: str, fields: dict[str, object]) -> None:
        """A line of another subject, which decodes it again from `others`."""
        self.others.append({"line": line, **fields})
        self._append(self.others[-1])

    def note(self, note: MachineState | SideLine | End) -> None:
        """A line that no Record needs."""
        self._append(to_json(note))

    def _append(self, fields: dict[str, object]) -> None:
        if self._end_at is not None:  # the campaign goes on, so that its end is no longer the last line
            self._file.cut(self._end_at)
            self._end_at = None
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


def _artifact_case(line: bytes) -> str | None:
    """The case id of an artifact's line, None for any other line."""
    name = msgspec.json.decode(line, type=ProcessName)
    return name.case if name.line == "artifact" else None


def _encoded(fields: dict[str, object]) -> bytes:
    return f"{dumps(fields)}\n".encode()


def _head_to_json(head: Head) -> dict[str, object]:
    return {
        "cases": [case.id for case in head.cases],
        "plan": to_json(head.plan),
        "seed": head.seed,
        "weights": to_json(head.weights),
        "environment": machine_to_json(head.machine),
        "runner": head.runner,
        "began": head.began,
        "networks": msgspec.to_builtins(head.networks),
    }
