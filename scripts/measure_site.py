"""Measures how long the verb `site` takes and how large a site is, for files that nobody measured.

Run it from the project's root with the project's own environment:

    .venv/bin/python scripts/measure_site.py --files 10,100,1000

It makes saved files of nights of four machines, with the quick grid on five made-up backends in three processes each. A
site is built of all of them with an empty cache, then once more with one new file. Every build is a process of its own.
Times of a busy machine mean nothing: the seconds of CPU beside them depend less on it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mnv2bench.case import cases, variants
from mnv2bench.machine import cores
from mnv2bench.selfcheck.history import BACKENDS, Synthetic

MACHINES = 4


def built(folder: Path, site: Path, cache: Path) -> tuple[float, float, str]:
    """The seconds and the seconds of CPU of a build, and how many files it wrote."""
    command = [sys.executable, "-m", "mnv2bench", "site", str(site), "--results", str(folder)]
    before, start = os.times(), time.perf_counter()
    variables = os.environ | {"MNV2BENCH_CACHE": str(cache)}
    ran = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    seconds, after = time.perf_counter() - start, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    (written,) = (line for line in ran.stdout.splitlines() if line.startswith("written: "))
    return seconds, cpu_s, written.removeprefix("written: ").partition(";")[0]


def megabytes(folder: Path, *excluded: str) -> float:
    """The size of all files below a folder, without some of its folders."""
    every = (path for path in folder.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in every if path.relative_to(folder).parts[0] not in excluded) / 1e6


def measure(files: int, folder: Path) -> None:
    """Print the row of a site of so many files."""
    chosen = cases(variants("quick"), backends=BACKENDS, threads=(1, 2))
    machines = [Synthetic(folder / "results", chosen, seed, f"synthetic-{seed}c-00000000") for seed in range(MACHINES)]
    for number, machine in enumerate(machines):
        machine.grow(files // MACHINES + (number < files % MACHINES))
    first = built(folder / "results", folder / "site", folder / "cache")
    machines[0].grow(machines[0].written + 1)
    again = built(folder / "results", folder / "site", folder / "cache")
    sizes = megabytes(folder / "results"), megabytes(folder / "site", "files"), megabytes(folder / "site")
    shown = [f"{files:,}", str(len(chosen)), *(f"{size:,.1f}" for size in sizes)]
    for seconds, cpu_s, written in (first, again):
        shown += [f"{seconds:.1f}", f"{cpu_s:.1f}", written]
    print(f"| {' | '.join(shown)} |", flush=True)


def main() -> None:
    """Print a row for each number of files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", default="10,100,1000", help="numbers of files, separated by commas")
    options = parser.parse_args()
    print(f"{cores()} cores; load {os.getloadavg()[0]:.1f}; synthetic files, {MACHINES} machines\n")
    names = [
        "files",
        "cases in each",
        "files MB",
        "site MB without them",
        "site MB with them",
        "build s",
        "CPU s",
        "written",
    ]
    names += ["with one new file s", "CPU s", "written"]
    print(f"| {' | '.join(names)} |\n|{'---:|' * len(names)}", flush=True)
    for size in map(int, options.files.split(",")):
        with tempfile.TemporaryDirectory() as temporary:
            measure(size, Path(temporary))


if __name__ == "__main__":
    main()
