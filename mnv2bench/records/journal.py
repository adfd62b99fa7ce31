"""What a campaign has measured so far: one line a process, appended and synced, so that nothing measured is lost."""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnv2bench.cases import Case
from mnv2bench.records import SCHEMA, Artifact, Plan, Process, Record, record
from mnv2bench.records.encoding import dumps, process_from_json, process_to_json
from mnv2bench.records.machine import Machine, machine_from_json, machine_to_json
from mnv2bench.texts import one_line

JOURNAL_START = b'{"line":'
OURS = ("head", "artifact", "process", "state", "end", "side")  # lines; any other one is of another subject


class Unusable(ValueError):
    """A file that holds no records, or records that this version cannot read; the message names the file."""


@dataclass(frozen=True)
class Head:
    """What a campaign set out to do: the first line of its journal."""

    cases: tuple[Case, ...]
    plan: Plan
    seed: int
    weights: dict[str, Any]
    machine: Machine
    runner: str = ""


class Journal:
    """An append-only file of lines; `begin` starts it, `resume` reads what is there and goes on behind it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.artifacts: dict[str, Artifact] = {}
        self.processes: list[Process] = []
        self.others: list[dict[str, Any]] = []  # lines that other subjects wrote, and that they decode

    def begin(self, head: Head) -> Path | None:
        """Start anew. What stood under that name is moved aside, and its new path returned."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        aside = None
        if self.path.exists() and not self.path.is_file():
            raise FileExistsError(f"{self.path} is not a file: name another")
        if self.path.exists():
            number = next(n for n in range(1, 10_000) if not self.path.with_suffix(f".{n}.jsonl").exists())
            aside = self.path.rename(self.path.with_suffix(f".{number}.jsonl"))
        self.path.write_text("")
        self._append({"line": "head", "schema": SCHEMA, **_head_to_json(head)})
        return aside

    def resume(self) -> Head:
        """Take up what is measured; a half-written last line, which a kill leaves, is cut off."""
        head, self.artifacts, self.processes = read(self.path)
        whole = self.path.read_bytes()
        if not whole.startswith(JOURNAL_START):
            raise Unusable(f"{self.path} is a saved file, not a journal: nothing is left to resume")
        self.others = [line for line in lines(self.path) if line["line"] not in OURS]
        os.truncate(self.path, whole.rindex(b"\n") + 1)
        return head

    def artifact(self, case: Case, artifact: Artifact) -> None:
        self.artifacts[case.id] = artifact
        self._append({"line": "artifact", "case": case.id, **asdict(artifact)})

    def process(self, process: Process) -> None:
        self.processes.append(process)
        self._append({"line": "process", **process_to_json(process)})

    def other(self, line: str, fields: dict[str, Any]) -> None:
        """A line of another subject, which decodes it again from `others`."""
        self.others.append({"line": line, **fields})
        self._append(self.others[-1])

    def note(self, line: str, facts: dict[str, Any]) -> None:
        """A line that no Record needs: the machine's state between blocks, the end."""
        self._append({"line": line, **facts})

    def _append(self, fields: dict[str, Any]) -> None:
        with self.path.open("a") as file:
            file.write(dumps(fields) + "\n")
            file.flush()
            os.fsync(file.fileno())


def lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a journal, or of the journal inside a saved pytest-benchmark file. Raises Unusable."""
    return _parsed(path)[1]


def _parsed(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a saved file says, {} for a journal, and the lines of either."""
    try:
        whole = path.read_bytes()
        if whole.startswith(JOURNAL_START):
            return {}, [json.loads(line) for line in whole.split(b"\n")[:-1]]
        saved = json.loads(whole)
        if "mnv2bench" not in saved:
            raise Unusable(f"{path} was not saved by mnv2bench: it holds no records")
        return saved, list(saved["mnv2bench"])
    except OSError as error:
        raise Unusable(f"{path} cannot be read ({error.strerror})") from error
    except Unusable:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise Unusable(f"{path} is damaged ({one_line(str(error))})") from error


def read(path: Path) -> tuple[Head, dict[str, Artifact], list[Process]]:
    """What the lines of a file say. Raises Unusable for anything that is not a campaign of this schema or an older."""
    return _read(path, lines(path))


def _read(path: Path, said: Iterable[dict[str, Any]]) -> tuple[Head, dict[str, Artifact], list[Process]]:
    head: Head | None = None
    artifacts: dict[str, Artifact] = {}
    processes: list[Process] = []
    try:
        for fields in said:
            line = fields.pop("line")
            if line == "head":
                if fields.pop("schema") > SCHEMA:
                    raise Unusable(f"{path} is of a newer schema than {SCHEMA}: pip install --upgrade mnv2bench")
                head = _head_from_json(fields)
                if not isinstance(head.seed, int):
                    raise ValueError("seed is no whole number")
            elif line == "artifact":
                case = fields.pop("case")
                artifacts[case] = Artifact(**fields)
            elif line == "process":
                processes.append(process_from_json(fields))
    except Unusable:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is damaged ({one_line(str(error))})") from error
    if head is None:
        raise Unusable(f"{path} holds no campaign")
    return head, artifacts, processes


def _head_to_json(head: Head) -> dict[str, Any]:
    return {
        "cases": [case.id for case in head.cases],
        "plan": asdict(head.plan),
        "seed": head.seed,
        "weights": head.weights,
        "environment": machine_to_json(head.machine),
        "runner": head.runner,
    }


def _head_from_json(fields: dict[str, Any]) -> Head:
    cases, plan = tuple(map(Case.parse, fields.pop("cases"))), Plan(**fields.pop("plan"))
    return Head(cases=cases, plan=plan, machine=machine_from_json(fields.pop("environment")), **fields)


def load(path: Path) -> tuple[Record, ...]:
    """The Records of a journal or a saved file, whole or interrupted. Raises Unusable, naming the file."""
    return records(*read(path))


def load_saved(path: Path) -> tuple[datetime, tuple[Record, ...]]:
    """When a file was saved, and its Records. Raises Unusable, for a journal too: nothing in it says when."""
    saved, said = _parsed(path)
    try:
        when = datetime.fromisoformat(saved["datetime"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unusable(f"{path} is damaged (it does not say when it was saved)") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC), records(*_read(path, said))


def records(head: Head, artifacts: dict[str, Artifact], processes: Iterable[Process]) -> tuple[Record, ...]:
    """One Record a case, in the order that the cases were asked for."""
    done: dict[Case, list[Process]] = {case: [] for case in head.cases}
    for process in processes:
        done.get(process.case, []).append(process)
    return tuple(
        record(case, head.plan, head.machine, done[case], artifacts.get(case.id), head.seed) for case in head.cases
    )
