"""The journals of a fleet at home: one for each machine, equal to what the machine has written so far."""

from collections.abc import Collection
from pathlib import Path

import msgspec

from mnv2bench.case import described_networks
from mnv2bench.files import beside, printable, write_whole
from mnv2bench.fleet.unit import Lines, head_digest, require_name
from mnv2bench.records.appended import AppendedFile, free_name
from mnv2bench.records.journal import Journal, require_place
from mnv2bench.records.lines import LineName


def mirror_path(out: Path, name: str) -> Path:
    """The journal of a machine beside the plan of its fleet: night.jsonl and the machine bob give night.bob.jsonl."""
    return beside(out, f".{require_name(name)}.jsonl")


class Mirror:
    """The journal of one machine at home. What arrives is on the disk when `add` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = AppendedFile(path)

    def add(self, lines: Lines) -> bool:
        """Append what a machine wrote; False where something before it is missing here, so that all is needed.

        Raises ValueError for what are no lines of a journal.
        """
        if not lines.text:
            return True
        if lines.start != self._size() or lines.head != self._head():
            return False
        self._file.append(_checked(lines.text))
        return True

    def replace(self, lines: Lines) -> Path | None:
        """Write all that a machine has. What stood here and is no beginning of it is kept: its new path is returned.

        Raises FileExistsError for a file that is no journal.
        """
        require_place(self.path)
        content = _checked(lines.text)
        aside = None
        if self.path.exists() and not _holds(content, self.path.read_bytes()):
            aside = self.path.rename(free_name(self.path))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, content)
        self._file = AppendedFile(self.path)
        return aside

    def without(self, cases: Collection[str]) -> set[str]:
        """Take those of these cases out of the journal of which no process stands in it; return their ids.

        A journal that would have no case is removed: nothing was measured there.
        """
        if not self.path.exists():
            return set(cases)
        journal = Journal(self.path)
        head = journal.resume()
        unmeasured = set(cases) - {process.case.id for process in journal.processes}
        left = [case for case in head.cases if case.id not in unmeasured]
        if left:
            journal.name_cases(left, described_networks(left))
        else:
            self.path.unlink()
        self._file = AppendedFile(self.path)
        return unmeasured

    def _size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def _head(self) -> str:
        with self.path.open("rb") as file:
            return head_digest(file.readline())


def _holds(content: bytes, before: bytes) -> bool:
    """Whether every process that one state of a journal holds is in another."""
    lines = set(content.splitlines())
    return all(line in lines for line in before.splitlines() if _name(line) == "process")


def _name(line: bytes) -> str:
    """Which line of a journal this is, "" for none: a kill leaves a half of one."""
    try:
        return msgspec.json.decode(line, type=LineName).line
    except msgspec.MsgspecError:
        return ""


def _checked(text: str) -> bytes:
    """Whole lines of a journal as bytes. ValueError where they are none."""
    content = text.encode()
    if not content.endswith(b"\n") or not all(map(_name, content.splitlines())):
        raise ValueError("it sent what are no lines of a journal: install one version of mnv2bench on all machines")
    return content


def moved_aside(aside: Path) -> str:
    """What is printed of a journal that was kept under another name."""
    return f"what stood there and is not on the machine any more is kept as {printable(aside)}"
