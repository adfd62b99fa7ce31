"""The measured files of a folder of results: what a site is made of where nobody names files."""

import os
from collections.abc import Iterator
from pathlib import Path

from mnv2bench.files import MEASURED_SUFFIXES, printable
from mnv2bench.records.selfcheck import FILE as SELFCHECK

NOT_MEASURED = ("verdicts.jsonl", SELFCHECK)  # what other verbs keep beside measurements
UNFINISHED = ".journal"  # in the names of journals of `pytest suites`, which saves the same as a file


def measured_paths(results: Path, site: Path) -> Iterator[tuple[Path, str]]:
    """Every file below a folder that may be a measurement, with its name from that folder; no links, no site."""
    excluded = site.resolve()
    for folder, names, files in os.walk(results):
        names[:] = sorted(n for n in names if not n.startswith(".") and (Path(folder) / n).resolve() != excluded)
        for name in sorted(files):
            path = Path(folder) / name
            if path.suffix in MEASURED_SUFFIXES and _may_be_measured(path):
                yield path, printable(path.relative_to(results))


def _may_be_measured(path: Path) -> bool:
    return path.name not in NOT_MEASURED and UNFINISHED not in path.name and not path.is_symlink()
