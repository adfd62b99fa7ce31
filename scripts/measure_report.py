"""Measures how long the verb `report` takes for many records, and how much memory, on files that nobody measured.

Run it from the project's root with the project's own environment:

    .venv/bin/python scripts/measure_report.py --records 75000,150000,300000

It makes saved files of 300 cases in three processes each, as a nightly run of the full grid makes them, with few and
short rounds: a record takes 4.7 KB. The verb runs in a process of its own and writes the CSV, the page in Markdown and
the page in HTML. CPU time and the largest memory are those of all its processes. Times of a busy machine mean nothing.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mnv2bench.machine import cores
from mnv2bench.selfcheck.history import Synthetic, synthetic_cases


def measured(files: list[Path], folder: Path) -> tuple[float, float, float]:
    """Seconds, seconds of CPU, and megabytes at most of one report."""
    outputs = [f"--{name}={folder / f'report.{name}'}" for name in ("csv", "html", "markdown")]
    command = [sys.executable, "-m", "mnv2bench", "report", *map(str, files), *outputs]
    before, start = os.times(), time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, resident_mb(process.pid))
        time.sleep(0.2)
    seconds, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise SystemExit(f"the report ended with {process.returncode}")
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return seconds, cpu_s, max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e3)


def resident_mb(pid: int) -> float:
    """Megabytes that a process and its children hold together."""
    import psutil

    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(each.memory_info().rss for each in family) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def main() -> None:
    """Print a line for each number of records."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", default="75000,150000,300000", help="numbers of records, separated by commas")
    parser.add_argument("--folder", type=Path, help="where the files are made, or were; default: a new folder")
    options = parser.parse_args()
    sizes = [int(size) for size in options.records.split(",")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        nights = Synthetic(folder)
        print(f"{cores()} cores; load {os.getloadavg()[0]:.1f}; files of {len(synthetic_cases())} cases")
        for size in sizes:
            nights.grow(-(-size // len(synthetic_cases())))
            files = sorted(nights.folder.glob("*.json"))
            seconds, cpu_s, peak = measured(files, folder)
            records = len(files) * len(synthetic_cases())
            size_mb = sum(map(os.path.getsize, files)) / 1e6
            cpu = f"{cpu_s:.1f} s of CPU ({1e6 * cpu_s / records:.0f} us a record)"
            print(f"{records:,} records in {len(files):,} files, {size_mb:,.0f} MB: ", end="")
            print(f"{seconds:.1f} s, {cpu}, {peak:,.0f} MB at most", flush=True)


if __name__ == "__main__":
    main()
