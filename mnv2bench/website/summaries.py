"""Summaries of files, cached by their content and by the code that makes them: only new files are parsed."""

import hashlib
import shutil
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC
from functools import cache, partial
from pathlib import Path

import msgspec

from mnv2bench.artifacts import root
from mnv2bench.comparison.measured_files import by_all_cores, read_file
from mnv2bench.records.contents import contents
from mnv2bench.records.lines import Unusable, naming_damage
from mnv2bench.records.selfcheck import FILE as SELFCHECK
from mnv2bench.texts import one_line
from mnv2bench.website.rows import Summary, rows_of
from mnv2bench.website.table import row_lines
from mnv2bench.workers import package


def sha256_of(path: Path) -> str:
    """The digest of a file's content. Raises Unusable, naming the file, where it cannot be read."""
    with naming_damage(path):
        return hashlib.sha256(contents(path)).hexdigest()


@cache
def _identity() -> str:
    """A digest of the code and of the templates that what is kept was made by."""
    templates = sorted((package.FOLDER / "report" / "web" / "templates").glob("*.html"))
    parts = [package.digest(), *map(sha256_of, templates)]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def cache_folder() -> Path:
    """Where summaries of this code are kept; those of other code are of no use any more."""
    return root() / "site" / _identity()


def kept_text(name: str) -> bytes | None:
    """What was kept under a name; None where nothing was."""
    with suppress(OSError):
        return (cache_folder() / name).read_bytes()
    return None


def keep_text(name: str, text: bytes) -> None:
    """Keep a text under a name. Where that cannot be, the next build only takes longer."""
    folder = cache_folder()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{name}.tmp"
        partial.write_bytes(text)
        partial.replace(folder / name)


def forget_other_code() -> None:
    """Delete what other versions of this code kept."""
    with suppress(OSError):
        for folder in cache_folder().parent.iterdir():
            if folder != cache_folder():
                shutil.rmtree(folder, ignore_errors=True)


def checks_digest(results: Path) -> str:
    """The digest of what the self-checks of all machines showed, as flags and intervals depend on it."""
    files = sorted(results.glob(f"*/{SELFCHECK}"))
    return hashlib.sha256("".join(map(sha256_of, files)).encode()).hexdigest()[:16]


def summaries(paths: Sequence[Path], results: Path) -> list[Summary | Unusable]:
    """The summary of each file, or why there is none."""
    digests = [_digest_or_reason(path) for path in paths]
    checks = checks_digest(results)
    known: dict[str, Summary | Unusable] = {}
    new: dict[Path, str] = {}
    for path, content in zip(paths, digests, strict=True):
        if isinstance(content, Unusable) or content in known or content in new.values():
            continue
        if kept := _kept(f"{content}-{checks}"):
            known[content] = kept
        else:
            new[path] = content
    read = by_all_cores(partial(_summary, results), list(new), list(new.values()))
    for content, summary in zip(new.values(), read, strict=True):
        known[content] = summary
        if isinstance(summary, Summary):
            keep_text(f"{content}-{checks}", msgspec.json.encode(summary))
    return [known[content] if isinstance(content, str) else content for content in digests]


def _digest_or_reason(path: Path) -> str | Unusable:
    try:
        return sha256_of(path)
    except Unusable as error:
        return error


def _kept(name: str) -> Summary | None:
    """The summary that was kept; None where there is none, or where it does not read."""
    text = kept_text(name)
    with suppress(msgspec.MsgspecError):
        return msgspec.json.decode(text, type=Summary) if text else None
    return None


def _summary(results: Path, path: Path, content: str) -> Summary | Unusable:
    """The summary of a file whose content has this digest, or why there is none: one file never ends a build."""
    try:
        file = read_file(results, False, path, str(path))
    except (ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        return Unusable(f"{path} is damaged ({one_line(f'{type(error).__name__}: {error}')})")
    if isinstance(file, Unusable):
        return file
    if not file.chapters:
        return Unusable(f"{path} holds no case: measure some, or delete the file")
    if _digest_or_reason(path) != content:
        return Unusable(f"{path} changed while it was read: build the site again")
    first = file.chapters[0]
    rows = rows_of(file.rows)
    return Summary(
        sha256=content,
        saved_at=first.saved_at.astimezone(UTC) if first.saved_at else None,
        machine=first.records[0].machine,
        processes=first.records[0].plan.processes,
        rounds=first.records[0].plan.rounds,
        conditions=file.conditions,
        rows=rows,
        lines=tuple(row_lines(rows)),
    )
