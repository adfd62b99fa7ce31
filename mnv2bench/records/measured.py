"""The measured files of a folder of results, and what lies there beside them."""

import os
from collections.abc import Iterator
from pathlib import Path

from mnv2bench.files import MEASURED_SUFFIXES, printable
from mnv2bench.records.selfcheck import FILE as SELFCHECK

NOT_MEASURED = ("verdicts.jsonl", SELFCHECK)  # what other verbs keep beside measurements
UNFINISHED = ".journal"  # in the names of journals of `pytest suites`, which saves the same as a file


def measured_paths(results: Path, site: Path | None = None) -> Iterator[tuple[Path, str]]:
    """Every file below a folder that may be a measurement, with its name from that folder; no links, no site."""
    excluded = site.resolve() if site else None
    for folder, names, files in os.walk(results):
        names[:] = sorted(n for n in names if not n.startswith(".") and (Path(folder) / n).resolve() != excluded)
        for name in sorted(files):
            path = Path(folder) / name
            if may_be_measured(path):
                yield path, printable(path.relative_to(results))


def may_be_measured(path: Path) -> bool:
    """Whether a file may be a measurement, by its name alone; a link is none."""
    ours = path.suffix in MEASURED_SUFFIXES and path.name not in NOT_MEASURED
    return ours and UNFINISHED not in path.name and not path.is_symlink()
