"""Building: the site's folder from the measured files; only what changed is written, and nothing that is not ours."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.files import Product, encoded, printable, stage, why_not_ours, write
from mnv2bench.records.contents import contents
from mnv2bench.records.lines import Unusable
from mnv2bench.website.addresses import FILES, FOLDERS, INDEX, file_address
from mnv2bench.website.composition import composed, sort_of
from mnv2bench.website.nights import Judged, judged, machine_folder, places
from mnv2bench.website.rows import Place, SiteFile
from mnv2bench.website.summaries import forget_other_code, summaries

COPIED = re.compile(r"[0-9a-f]{32}\.jsonl?")  # names of measured files in the site


@dataclass(frozen=True)
class Built:
    """What a build did: how many files, machines, cases and runtimes it has, and what was written and deleted.

    `unread` has a line for each file that is not in the site.
    """

    files: int
    machines: int
    cases: int
    runtimes: int
    pages: int
    written: int
    deleted: int
    unread: tuple[str, ...]


def build(folder: Path, files: Sequence[tuple[Path, str]], results: Path, has_files: bool = True) -> Built:
    """Build the site of these files, each with its name, in a folder that is empty or a site already.

    `results` is the folder with what the self-checks of the machines showed. `has_files` copies the measured files too.
    ValueError where the folder is not ours, or where no file reads.
    """
    require_own(folder)
    unread: list[str] = []
    paths: dict[SiteFile, Path] = {}
    sources: dict[str, str] = {}
    for (path, name), summary in zip(files, summaries([path for path, _ in files], results), strict=True):
        if isinstance(summary, Unusable):
            unread.append(str(summary))
        elif twin := sources.get(summary.sha256):
            unread.append(f"{name} has the content of {twin}, and stands there once")
        else:
            sources[summary.sha256] = name
            suffix = ".jsonl" if path.suffix == ".jsonl" else ".json"
            address = file_address(summary.sha256, suffix) if has_files else ""
            paths[SiteFile(name, address, summary)] = path
    if not paths:
        raise ValueError(f"no file can be shown: {'; '.join(unread) or 'there is none'}")
    every, problems = _places(paths)
    unread += problems
    site = composed(every, paths, results, unread)
    for name in FOLDERS if has_files else FOLDERS[:-1]:
        (folder / name).mkdir(parents=True, exist_ok=True)
    written = _copy(folder, paths) if has_files else 0
    written += _write(folder, site.texts)
    deleted = _delete_others(folder, {*site.texts, *(file.address for file in paths)})
    forget_other_code()
    return Built(len(paths), site.machines, site.cases, site.runtimes, len(site.texts), written, deleted, tuple(unread))


def require_own(folder: Path) -> None:
    """ValueError for a folder in which something stands, but no site of ours."""
    if not folder.exists():
        if not folder.absolute().parent.is_dir():
            raise ValueError(f"{printable(folder)}: there is no folder {printable(folder.parent)}: make it first")
        return
    if not folder.is_dir():
        raise ValueError(f"{printable(folder)} is no folder: name another one")
    index = folder / INDEX
    is_ours = index.is_file() and not why_not_ours(Product(index, sort_of(INDEX)))
    if not is_ours and any(folder.iterdir()):
        raise ValueError(f"{printable(folder)} holds files, and no site of mnv2bench: name an empty or a new folder")


def _places(paths: Mapping[SiteFile, Path]) -> tuple[list[Place], list[str]]:
    """The rows of all files, the oldest file first, and what does not read of what was said of them."""
    folders: dict[Path, Judged] = {}
    every: list[Place] = []
    for file in sorted(paths, key=lambda file: file.order):
        folder = machine_folder(paths[file], file.summary.machine.fingerprint)
        if folder and folder not in folders:
            folders[folder] = judged(folder)
        every += places(file, paths[file].stem, folders[folder] if folder else None)
    return every, [problem for of_folder in folders.values() for problem in of_folder.problems]


def _copy(folder: Path, paths: Mapping[SiteFile, Path]) -> int:
    """Copy the measured files that are not there yet, and return how many these are."""
    missing = [file for file in paths if not (folder / file.address).is_file()]
    for file in missing:
        place = folder / file.address
        content = contents(paths[file])
        if hashlib.sha256(content).hexdigest() != file.summary.sha256:
            raise ValueError(f"{file.name} changed while it was read: build the site again")
        stage(place, [content], synced=False).replace(place)
    return len(missing)


def _write(folder: Path, texts: Mapping[str, str]) -> int:
    """Write the pages and tables that are not there as they should be, and return how many these are."""
    changed: dict[Product, str] = {}
    for address, text in texts.items():
        product = Product(folder / address, sort_of(address))
        if _content(product.path) != b"".join(encoded(product, text)):
            changed[product] = text
    write(changed, synced=False)
    return len(changed)


def _content(path: Path) -> bytes | None:
    with suppress(OSError):
        return path.read_bytes()
    return None


def _delete_others(folder: Path, kept: set[str]) -> int:
    """Delete the pages, tables and files of ours that the site does not have any more, and return how many."""
    deleted = 0
    for name in FOLDERS:
        for path in sorted((folder / name).glob("*")):
            address = f"{name}/{path.name}"
            if address not in kept and _is_ours(path, name):
                path.unlink()
                deleted += 1
    return deleted


def _is_ours(path: Path, folder: str) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    if folder == FILES:
        return COPIED.fullmatch(path.name) is not None
    return path.stat().st_size > 0 and not why_not_ours(Product(path, sort_of(path.name)))
