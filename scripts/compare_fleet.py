"""Compares a case that `run` measures with the same case that a machine of a fleet measures, by turns.

Run it from the project's root with the project's own environment, on a machine that does nothing else:

    .venv/bin/python scripts/compare_fleet.py --case mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1 --pairs 20

A pair is a process of each, first one and then the other by turns. While `run` measures, no process of Dask is there;
for the fleet its scheduler, worker and client run on this machine, which is more than a machine of a fleet has. The
ratio is the trimmed mean of the pairs' log ratios, as a duel has it, with its 95 % interval.
"""

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

from simulate_fleet import fleet
from simulate_fleet import measured as measured_by_fleet

from mnv2bench.campaign import Campaign, Patience, run
from mnv2bench.case import Case
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal
from mnv2bench.regression.judging.pairs import trimmed
from mnv2bench.statistics.latency import detection

PLAN = Plan(processes=1)


def by_run(folder: Path, case: Case, seed: int) -> Record:
    """The record of one process, as `mnv2bench run` measures it."""
    os.environ["MNV2BENCH_CACHE"] = str(folder.parent / "cache")
    journal = Journal(folder / "run.jsonl")
    return run(Campaign((case,), journal, PLAN, seed=seed, patience=Patience(idle_s=0.0)))[0]


def by_fleet(folder: Path, case: Case, seed: int) -> Record:
    """The record of one process on a fleet of one machine, which begins and ends here."""
    with fleet(folder, 1, cache=folder.parent / "cache") as client:
        return measured_by_fleet(client, folder / "fleet.jsonl", (case,), PLAN, seed)[0]


def level(record: Record) -> float:
    """The log of the seconds of its process, as a duel compares them."""
    if record.status != "ok":
        sys.exit(f"{record.case.id}: {record.status}: {record.reason}")
    return detection(record.samples[0], record.case.total_threads)


def main() -> None:
    """Print the ratio of the fleet over run."""
    parser = argparse.ArgumentParser(description="A case by run and by a fleet.")
    parser.add_argument("--case", default="mobilenet_v2_1.0_224-b1-onnxruntime-cpu-fp32-t1")
    parser.add_argument("--pairs", type=int, default=20)
    options = parser.parse_args()
    case = Case.parse(options.case)
    ratios = []
    with tempfile.TemporaryDirectory(prefix="mnv2bench-fleet-") as root:
        by_run(Path(root, "warm"), case, 0)  # makes the files
        for number in range(options.pairs):
            folder = Path(root, f"pair{number}")
            sides = [by_run, by_fleet] if number % 2 == 0 else [by_fleet, by_run]
            levels = {side: level(side(folder, case, number)) for side in sides}
            ratios.append(levels[by_fleet] - levels[by_run])
            print(f"pair {number + 1}: {math.exp(ratios[-1]):.4f}", flush=True)
    mean = trimmed(ratios)
    low, high = mean.bounds(0.975)
    print(
        f"{case.id}: a fleet over run, {len(ratios)} pairs: {math.exp(mean.mean):.4f} "
        f"({math.exp(low):.4f} to {math.exp(high):.4f})"
    )


if __name__ == "__main__":
    main()
