"""Locks: one campaign at a time measures on a machine, and one writes a journal; who holds a lock is named."""

import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from mnv2bench.files import behind_links
from mnv2bench.texts import one_line

FOLDER_VARIABLE = "MNV2BENCH_LOCKS"
SHARED_FOLDERS = (Path("/run/lock"), Path("/tmp"))  # every user may write there; never TMPDIR, which users differ in
EVERYBODY_WRITES = 0o002
MODE = 0o666  # of a lock's file: every user takes the same lock
POLL_S = 1.0  # of a campaign that waits: it disturbs the one that measures less often than a desktop does
HOLDER_READS = 20  # of a lock's file, until its new holder has written who it is
COMMAND_CHARACTERS = 120

Progress = Callable[[str, int, int], None]  # what comes next, steps done, steps in all


class Locked(ValueError):
    """Another campaign holds a lock; the message names it and says what to do."""


class Holder(msgspec.Struct, frozen=True):
    """Who holds a lock: what its file says while it is held."""

    pid: int
    command: str
    since: str
    host: str

    def __str__(self) -> str:
        elsewhere = "" if self.host == socket.gethostname() else f" on {self.host}"
        return one_line(f"another campaign, pid {self.pid}{elsewhere} ({self.command}, since {self.since})")


@contextmanager
def measuring(*journals: Path, wait: bool, progress: Progress) -> Iterator[None]:
    """Hold the lock of this machine, and those of these journals; a holder in the same thread takes them again.

    Raises Locked where another campaign measures here or writes one of the journals; with `wait`, waits for its end.
    Raises ValueError where locks do not work.
    """
    with ExitStack() as stack:
        folder = lock_folder()
        machine = "is measuring on this machine, and two at once would measure each other"
        stack.enter_context(_held(folder / "machine.lock", machine, wait, progress))
        for journal in journals:
            if journal.is_file() or not journal.exists():  # what is no file is refused when the journal begins
                stack.enter_context(writing(behind_links(journal), wait, progress))
        yield


@contextmanager
def writing(journal: Path, wait: bool, progress: Progress) -> Iterator[None]:
    """Hold the lock of a journal: a file beside it, which is removed in the end. Raises as `measuring`."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    path = journal.with_name(f".{journal.name}.lock")
    nested = _lock(path).is_locked
    with _held(path, f"is writing {journal}", wait, progress):
        try:
            yield
        finally:
            if not nested:
                path.unlink(missing_ok=True)  # while it is held: who waits for it takes a new one


def lock_folder() -> Path:
    """The folder with the machine's lock: $MNV2BENCH_LOCKS, else one that every user and checkout finds.

    Raises ValueError where there is none, or where this user may not use it.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    shared = [Path(named)] if named else [folder / "mnv2bench" for folder in SHARED_FOLDERS if _for_everybody(folder)]
    if not shared:
        folders = " nor ".join(map(str, SHARED_FOLDERS))
        raise ValueError(
            f"there is no folder for the lock of this machine, neither {folders}: name one in {FOLDER_VARIABLE}"
        )
    folder = shared[0]
    try:
        folder.mkdir(parents=True)
        folder.chmod(0o777)  # for every user; without the sticky bit, under which a user's lock would be only theirs
    except FileExistsError:
        pass
    except OSError as error:
        raise _useless(folder, error) from error
    return folder


def _for_everybody(folder: Path) -> bool:
    """Whether every user of this machine may write into a folder: the same answer for each of them."""
    with suppress(OSError):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        return bool(folder.stat().st_mode & EVERYBODY_WRITES) and not read_only
    return False


def _useless(path: Path, error: OSError) -> ValueError:
    advice = f"name a folder on a local disk that every user may write to in {FOLDER_VARIABLE}"
    if path.name.startswith("."):
        advice = "put the journal on a local disk"
    return ValueError(f"{path} cannot be locked ({error.strerror or error}): {advice}")


def _lock(path: Path) -> FileLock:
    """The lock of a path, the same one for everybody in this process."""
    return FileLock(
        path, mode=MODE, poll_interval=POLL_S, is_singleton=True, fallback_to_soft=False, on_acquired=_write_holder
    )


def _write_holder(descriptor: int) -> None:
    """Write into a lock's file who holds it."""
    since = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    holder = msgspec.json.encode(Holder(os.getpid(), _command(), since, socket.gethostname()))
    with suppress(OSError):  # a full disk: the lock holds, and its holder stays without a name
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder, 0)


def _command() -> str:
    """The command line of this process, as a person would write it."""
    program = Path(sys.argv[0])
    name = program.parent.name if program.name == "__main__.py" else program.name
    text = shlex.join([name or "python", *sys.argv[1:]])
    return text if len(text) <= COMMAND_CHARACTERS else f"{text[: COMMAND_CHARACTERS - 1]}…"


@contextmanager
def _held(path: Path, doing: str, wait: bool, progress: Progress) -> Iterator[None]:
    """Hold one lock. Raises Locked, with what its holder is doing, where another has it."""
    lock = _lock(path)
    nested = lock.is_locked
    try:
        lock.acquire(blocking=False)
    except OSError as error:
        if not isinstance(error, Timeout):
            raise _useless(path, error) from error
        holder = _holder(path)
        if not wait:
            raise Locked(f"{holder} {doing}: wait for its end with --wait, or end it") from None
        progress(f"waiting for the end of {holder}, which {doing}", 0, 0)
        lock.acquire()
    try:
        yield
    finally:
        if not nested:
            with suppress(OSError):
                os.truncate(path, 0)
        lock.release()


def _holder(path: Path) -> str:
    """Who holds a lock, as text. Its file may not yet say so, or still name one that was killed."""
    for _ in range(HOLDER_READS):
        with suppress(OSError, msgspec.DecodeError):
            holder = msgspec.json.decode(path.read_bytes(), type=Holder)
            if holder.host != socket.gethostname() or _runs(holder.pid):
                return str(holder)
        time.sleep(0.05)
    return f"another campaign, which {path} does not name,"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
