"""A file that grows by whole lines while a campaign measures, and that stays whole whatever happens to its name."""

import itertools
import os
import weakref
from contextlib import suppress
from pathlib import Path

from mnv2bench.files import is_stream, printable, stage, sync_folder, without_measured_suffix, write_whole


class AppendedFile:
    """A file to which lines are appended and synced. Its descriptor stays open, so that its name may be lost."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def begin(self, start: bytes, line: bytes) -> Path | None:
        """Make the file new with its first line; one that stands there is moved aside, and its new path is returned.

        `start` is how the first line of every such file begins. Raises FileExistsError, which names the file, for
        what is no such file.
        """
        require_place(self.path, start)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        target, aside = self.path.resolve(), None
        partial = stage(self.path, [line])  # before anything is moved: the disk may be full
        try:
            if target.exists() and target.stat().st_size:
                aside = target.rename(free_name(target))
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
        sync_folder(target.parent)
        self._descriptor = None
        return aside

    def append(self, line: bytes) -> None:
        """Add a line, on the disk when this returns. Raises OSError; the file then ends as it did before."""
        descriptor = self._opened()
        size = os.fstat(descriptor).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError as error:
            with suppress(OSError):
                os.ftruncate(descriptor, size)  # a half line would join the next one
            raise OSError(error.errno, error.strerror, str(self.path)) from error
        if not self._has_its_name(descriptor):
            self._put_back(descriptor)

    def cut(self, size: int) -> None:
        """Take away what stands behind the first `size` bytes."""
        os.ftruncate(self._opened(), size)

    def _opened(self) -> int:
        if self._descriptor is None:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
            weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor

    def _has_its_name(self, descriptor: int) -> bool:
        try:
            return os.path.samestat(self.path.stat(), os.fstat(descriptor))
        except OSError:
            return False

    def _put_back(self, descriptor: int) -> None:
        """Write the whole content to its path again: somebody deleted or renamed the file while it grew.

        FileExistsError where another file stands there now; the content is then beside it.
        """
        content = b""
        while part := os.pread(descriptor, 1 << 20, len(content)):
            content += part
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = None
        if not self.path.exists():
            write_whole(self.path, content)
            return
        beside = free_name(self.path.resolve())
        write_whole(beside, content)
        replaced = f"{printable(self.path)} was replaced by another file meanwhile"
        raise FileExistsError(f"{replaced}: what was measured is in {printable(beside)}")


def require_place(path: Path, start: bytes) -> None:
    """Raise FileExistsError, which names the file, where a file of lines may not be begun at this path."""
    if not path.exists() and not path.is_symlink():
        return
    if is_stream(path) or (path.exists() and not path.is_file()):
        raise FileExistsError(f"{printable(path)} is not a file: name another")
    if path.exists() and not _begins(path, start):
        raise FileExistsError(
            f"{printable(path)} is not a journal, and is not written over: name another file, or move that one away"
        )


def _begins(path: Path, start: bytes) -> bool:
    """Whether a file begins so, is empty, or ended before it could."""
    with path.open("rb") as file:
        return start.startswith(file.read(len(start)))


def free_name(path: Path) -> Path:
    """The first of NAME.1.jsonl, NAME.2.jsonl, ... that is free. FileExistsError where these names are too long."""
    for number in itertools.count(1):
        free = path.with_name(f"{without_measured_suffix(path)}.{number}.jsonl")
        try:
            free.lstat()
        except FileNotFoundError:
            return free
        except OSError as error:
            raise FileExistsError(
                f"{printable(path)} exists, and cannot be kept as {printable(free.name)} ({error.strerror}): "
                "name another file"
            ) from error
    raise AssertionError("numbers do not end")
