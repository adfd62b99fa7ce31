"""Makes each fault that a fleet is to survive, in network namespaces of this machine, and prints what was lost by it.

Run it as root from the project's root with the project's own environment; faketime and iproute2 must be installed:

    .venv/bin/python scripts/fleet_faults.py

Two machines measure four cases of the fake backend, two processes each. It prints a table in Markdown, which
docs/fleet.md has, and what the client printed of each fault. With names of faults it makes only those. Cases that
begin anew on another machine, or that each of two unlike machines measures, make more processes than eight.
"""

import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from fleet_faults import FAULTS, why_no_clock
from network_double import why_no_namespaces


def main() -> None:
    """Make the faults that are named, or all, and print the table."""
    if reason := why_no_namespaces() or why_no_clock():
        sys.exit(reason)
    rows = []
    for name in sys.argv[1:] or FAULTS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mnv2bench-faults-") as folder:
            outcome = FAULTS[name](Path(folder))
        print(f"--- {name}, {time.monotonic() - began:.0f} s", *outcome.lines, sep="\n", flush=True)
        codes = ", ".join(map(str, outcome.codes))
        rows.append(f"| {name} | {outcome.lost} | {outcome.repeated} | {outcome.measured} | {codes} |")
        print(rows[-1], flush=True)
    print("\n| fault | lost | twice | measured | exit codes |\n|:---|---:|---:|---:|:---|", *rows, sep="\n")


if __name__ == "__main__":
    main()
