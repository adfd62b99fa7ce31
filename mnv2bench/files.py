"""Files that verbs write: each whole or not at all, and never over what is not theirs.

A measurement is a journal or a saved file. A product is a page, a table or a picture that a verb made from
measurements. docs/files.md has the rules for its reader.
"""

import csv
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

MEASURED_SUFFIXES = (".jsonl", ".json")
COMMENT = "<!-- mnv2bench, "  # begins the last line of a product whose format has comments
COMMENT_END = " -->"
HEAD_BYTES, TAIL_BYTES = 65_536, 65_536  # of an existing file, which may be of any size
STANDARD_STREAMS = (1, 2)
NAME_ANOTHER = "name another file, or move that one away first"

Content = str | Iterable[str]


@dataclass(frozen=True)
class Sort:
    """A sort of product, and how a file of it is recognised when it is to be written again.

    `name` stands in messages and in the product's last line. `suffix` is that of a product which lies beside its
    measurement unless a person names another place. A table has no comments: `columns` are those that it may have, as
    CSV, or as a JSON list with an object on each line where it `is_json`. `earlier` is a text in every product of the
    versions that wrote no last line.
    """

    name: str
    suffix: str = ""
    columns: tuple[str, ...] = ()
    earlier: str = ""
    is_json: bool = False


@dataclass(frozen=True)
class Product:
    """A file that a verb is to write, and the measurements that it is made from."""

    path: Path
    sort: Sort
    sources: tuple[Path, ...] = ()


def without_measured_suffix(path: Path) -> str:
    """The name of a file without .jsonl or .json; any other suffix belongs to its name."""
    for suffix in MEASURED_SUFFIXES:
        if path.name.endswith(suffix):
            return path.name.removesuffix(suffix)
    return path.name


def beside(measurement: Path, suffix: str) -> Path:
    """The path of a measurement's product: run.2026.md of run.2026.jsonl with .md, a_0.35.md of a_0.35."""
    return measurement.with_name(without_measured_suffix(measurement) + suffix)


def address(path: Path, page: Path) -> str:
    """The address of a file in a link of a page, from the page's folder; "" where one of them is a stream."""
    if is_stream(path) or is_stream(page):
        return ""
    relative = os.path.relpath(behind_links(path), behind_links(page).parent)
    # a name may hold bytes that are no text, and a colon would make a scheme of what stands before it
    return quote(os.fsencode(relative), safe="/")


def printable(path: Path | str) -> str:
    """The path on one line, with whatever is not printable as an escape."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(path))


def source_names(paths: Sequence[Path]) -> tuple[str, ...]:
    """A name for each of several measurements: as much of its path, from the end, as no other one has.

    Raises ValueError for a file that is there twice, also by another path.
    """
    places = [behind_links(path) for path in paths]
    for place, path in zip(places, paths, strict=True):
        if places.count(place) > 1:
            raise ValueError(f"{printable(path)} is named twice: name each file once")
    names = []
    for place, path in zip(places, paths, strict=True):
        absolute = path.absolute()
        others = [other.absolute() for other, its_place in zip(paths, places, strict=True) if its_place != place]
        length = 1
        while any(other.parts[-length:] == absolute.parts[-length:] for other in others):
            length += 1
        names.append(printable(Path(*absolute.parts[-length:])))
    return tuple(names)


def require_writable(products: Sequence[Product], inputs: Iterable[Path] = ()) -> None:
    """Raise ValueError, which names the file, where one of these products may not be written.

    `inputs` are files that the verb reads or measures into, besides the products' sources.
    """
    paths: dict[str, Path] = {}
    for product in products:
        path = product.path
        if is_stream(path):
            continue
        target = behind_links(path)
        _require_folder(path, target)
        for measurement in (*inputs, *product.sources):
            if _same(target, measurement):
                advice = f"name another file for the {product.sort.name}"
                raise ValueError(f"{printable(path)} is what is read or measured here: {advice}")
        twin = paths.setdefault(str(target).casefold(), path)
        if twin is not path:
            raise ValueError(f"{printable(path)} and {printable(twin)} are the same file: name two")
        if reason := why_not_ours(product):
            raise ValueError(f"{printable(path)} {reason}: {NAME_ANOTHER}")


def write(contents: Mapping[Product, Content], inputs: Iterable[Path] = (), synced: bool = True) -> None:
    """Write these products in UTF-8: all of them, or none where one may not or cannot be written.

    ValueError names the file and says why. A link is written through; what stood there before stays until the new
    content is on the disk, or written where it is not `synced`, which a thousand pages that are made anew need not be.
    """
    require_writable(list(contents), inputs)
    staged: list[tuple[Path, Path]] = []
    try:
        for product, content in contents.items():
            if not is_stream(product.path):
                partial = stage(product.path, encoded(product, content), synced)
                staged.append((partial, behind_links(product.path)))
        for partial, target in staged:
            _put(partial, target)
    finally:
        for partial, _ in staged:
            partial.unlink(missing_ok=True)
    for product, content in contents.items():
        if is_stream(product.path):
            _write_to_stream(product.path, encoded(product, content))


def append(path: Path, text: str) -> None:
    """Add a text in UTF-8 to a file of somebody else's program, such as the summary of a GitHub job."""
    try:
        with path.open("ab") as file:
            file.write(_utf8(text))
    except OSError as error:
        raise ValueError(f"{printable(path)} could not be written ({error.strerror}): name another file") from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of our own, which needs no check: it is on the disk, whole, when this returns."""
    if is_stream(path):
        _write_to_stream(path, [content])
        return
    partial = stage(path, [content])
    try:
        _put(partial, behind_links(path))
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(behind_links(path).parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the file system can."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_stream(path: Path) -> bool:
    """Whether a path is no place for a whole file: a terminal, /dev/null, a pipe, or this program's own output."""
    try:
        status = path.stat()
    except OSError:
        return False
    mode = status.st_mode
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or _own_output(status) is not None


def why_not_ours(product: Product) -> str:
    """Why the file that stands where a product belongs may not be replaced; "" where it may, or where none stands."""
    target = behind_links(product.path)
    try:
        status = target.stat()
        if not stat.S_ISREG(status.st_mode):
            return "is no ordinary file"
        if not os.access(target, os.W_OK):
            return "is write-protected"
        if status.st_size == 0:
            return ""
        head, tail = _ends(target, status.st_size)
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    sources = _sources(product.sort, head, tail)
    if sources is None:
        return f"was not written as a {product.sort.name} by mnv2bench"
    if product.sources and sources and not _share(product, sources):
        return f"is the {product.sort.name} of {printable(', '.join(sources))}"
    if owner := _owner(product):
        return f"is the {product.sort.name} of {printable(owner.name)}"
    return ""


def behind_links(path: Path) -> Path:
    """The file itself, behind any symbolic links. ValueError, which names the path, for links in a circle."""
    try:
        return path.resolve()
    except (OSError, RuntimeError) as error:  # links in a circle
        raise ValueError(f"{printable(path)} is a link that leads nowhere: name another file") from error


def _require_folder(path: Path, target: Path) -> None:
    folder = target.parent
    if not folder.is_dir():
        shown = folder if path.is_symlink() else path.parent
        raise ValueError(f"{printable(path)}: there is no folder {printable(shown)}: make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{printable(path)}: nothing can be written in {printable(folder)}: name another folder")


def _same(path: Path, other: Path) -> bool:
    """Whether two paths are one file: by its name, through links, or on a disk that ignores capitals."""
    with suppress(OSError):
        return path.samefile(other)
    return path == other.absolute() or path == behind_links(other)


def _ends(path: Path, size: int) -> tuple[str, str]:
    """The first and the last part of a file, as text."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
        file.seek(max(0, size - TAIL_BYTES))
        tail = file.read(TAIL_BYTES)
    return head.decode("utf-8", "replace"), tail.decode("utf-8", "replace")


def _sources(sort: Sort, head: str, tail: str) -> list[str] | None:
    """The measurements that an existing product names, [] where it names none; None for a file of another sort."""
    if sort.columns:
        return _json_sources(sort, head) if sort.is_json else _csv_sources(sort, head)
    last = tail.rstrip("\r\n").rpartition("\n")[2]
    begins = f"{COMMENT}{sort.name}: "
    if last.startswith(begins) and last.endswith(COMMENT_END):
        with suppress(ValueError):
            return [str(name) for name in json.loads(last.removeprefix(begins).removesuffix(COMMENT_END))]
    whole = head + tail
    is_earlier = bool(sort.earlier) and sort.earlier in whole and COMMENT not in whole
    return [] if is_earlier else None


def _csv_sources(sort: Sort, head: str) -> list[str] | None:
    """A CSV is ours where its header begins and ends as ours does, and has no column that ours lacks."""
    lines = head.splitlines()
    columns = lines[0].split(",")
    known = sort.columns
    if columns[0] != known[0] or columns[-1] != known[-1] or not set(columns) <= set(known):
        return None
    rows = csv.DictReader(lines[:-1] if len(head) == HEAD_BYTES else lines)  # the last of many may be cut
    return list(dict.fromkeys(row["source"] for row in rows if row.get("source")))


def _json_sources(sort: Sort, head: str) -> list[str] | None:
    """A JSON list is ours where its first object begins and ends as our rows do, and has no column that ours lacks."""
    lines = head.splitlines()
    if lines == ["[]"]:
        return []
    rows = []
    for line in lines[1:-1]:  # the last is the end of the list, or of the part that was read
        with suppress(ValueError):
            rows.append(json.loads(line.rstrip(",")))
    if lines[0] != "[" or not rows or not isinstance(rows[0], dict):
        return None
    columns, known = list(rows[0]), sort.columns
    if not columns or columns[0] != known[0] or columns[-1] != known[-1] or not set(columns) <= set(known):
        return None
    return list(dict.fromkeys(str(row["source"]) for row in rows if isinstance(row, dict) and row.get("source")))


def _share(product: Product, names: Sequence[str]) -> bool:
    """Whether one of the measurements that a product names is one of its sources now.

    A name in a last line is a path from the product's folder; where nothing is there any more, it was moved, and its
    last part counts. A name in a table has no folder.
    """
    folder = behind_links(product.path).parent
    for name in names:
        named = folder / name
        is_place = not product.sort.columns and named.exists()
        for source in product.sources:
            if _same(named, source) if is_place else _as_cell(named.name) == _as_cell(source.name):
                return True
    return False


def _as_cell(name: str) -> str:
    """A file's name as a cell of a table may have it: on one line, without the apostrophe before a formula."""
    return " ".join(printable(name).split()).removeprefix("'")


def _owner(product: Product) -> Path | None:
    """The measurement whose own product stands at that path, where it is not one of the sources."""
    target = behind_links(product.path)
    if not product.sort.suffix or not target.name.endswith(product.sort.suffix):
        return None
    stem = target.name.removesuffix(product.sort.suffix)
    places = [target.with_name(stem + suffix) for suffix in (*MEASURED_SUFFIXES, "") if stem + suffix]
    owners = [place for place in places if _is_measurement(place)]
    if any(_same(owner, source) for owner in owners for source in product.sources):
        return None
    return owners[0] if owners else None


def _is_measurement(path: Path) -> bool:
    """Whether a file begins as journals and saved files do."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(1) == b"{"
    return False


def encoded(product: Product, content: Content) -> Iterator[bytes]:
    """The bytes of a product's file, with its last line."""
    ending = "\n"
    for text in [content] if isinstance(content, str) else content:
        yield _utf8(text)
        ending = text[-1:] or ending
    if not product.sort.columns:
        folder = behind_links(product.path).parent
        names = [os.path.relpath(behind_links(source), folder) for source in product.sources]
        # two hyphens would end the comment
        listed = json.dumps(names).replace("--", "-\\u002d").replace(">", "\\u003e")
        line_break = "" if ending == "\n" else "\n"
        yield _utf8(f"{line_break}{COMMENT}{product.sort.name}: {listed}{COMMENT_END}\n")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")  # a file's name may hold bytes that are no text


def stage(path: Path, chunks: Iterable[bytes], synced: bool = True) -> Path:
    """Write a new file beside the target of a path; ValueError, which names the path, where that fails."""
    target = behind_links(path)
    partial = target.with_name(f".mnv2bench-{os.urandom(6).hex()}.tmp")
    try:
        with partial.open("xb") as file:
            with suppress(FileNotFoundError):
                os.fchmod(file.fileno(), stat.S_IMODE(target.stat().st_mode))
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            if synced:
                os.fsync(file.fileno())
    except OSError as error:
        partial.unlink(missing_ok=True)
        stays = "; what stood there is as it was" if target.exists() else ""
        reason = f"{printable(path)} could not be written ({error.strerror}){stays}"
        raise ValueError(f"{reason}: make room, or name another file") from error
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def _put(partial: Path, target: Path) -> None:
    """Give a whole file its name. ValueError, which names it, where the folder does not take it."""
    try:
        partial.replace(target)
    except OSError as error:
        raise ValueError(f"{printable(target)} could not be written ({error.strerror}): name another file") from error


def _own_output(status: os.stat_result) -> int | None:
    """The descriptor of this program's own output that is the same open file, None where none is."""
    for descriptor in STANDARD_STREAMS:
        with suppress(OSError):
            if os.path.samestat(status, os.fstat(descriptor)):
                return descriptor
    return None


def _write_to_stream(path: Path, chunks: Iterable[bytes]) -> None:
    """Write to a terminal, a pipe or a device, which cannot be replaced."""
    descriptor = _own_output(path.stat())
    # opened anew, a redirected output would begin at its start again, over what is already there
    opened = path.open("wb") if descriptor is None else os.fdopen(os.dup(descriptor), "wb")
    with opened as file:
        for chunk in chunks:
            file.write(chunk)
