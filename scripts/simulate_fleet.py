"""Simulates a fleet on one machine: cells an hour with 1, 2 and 4 workers, whose cases sleep.

Run it from the project's root with the project's own environment:

    .venv/bin/python scripts/simulate_fleet.py

Each worker is a machine of a fleet by TLS on loopback, with a cache and locks of its own. Each case is one process of
the fake backend that is told to hang, so that it sleeps until its limit of --seconds ends it, and several of them do
not disturb each other. What is measured is therefore the fleet alone: what its scheduler, its network, its journals and
its client take between two processes. The table says nothing of how fast real machines are.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.case import Case
from mnv2bench.fleet import connection, kept
from mnv2bench.fleet import key as keys
from mnv2bench.fleet.client import FleetRun, inventories, machine_names
from mnv2bench.fleet.placement import shares
from mnv2bench.records import Plan, Record, default_weights
from mnv2bench.records.journal import load
from mnv2bench.texts import counted

if TYPE_CHECKING:
    from distributed import Client

VARIANT = Case(width=0.35, resolution=32, backend="fake")
START_S = 120.0


@contextmanager
def program(folder: Path, *words: str, cache: Path | None = None) -> Iterator[None]:
    """A verb that runs until the block is left, with locks of its own, and a cache of its own unless one is named."""
    own = {
        "MNV2BENCH_LOCKS": str(folder / "locks"),
        "MNV2BENCH_CACHE": str(cache or folder / "cache"),
        "MNV2BENCH_FAKE": f"{VARIANT.variant}=hang",
        "MNV2BENCH_IDLE_S": "0",
    }
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "mnv2bench", *words]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log, start_new_session=True)
        try:
            yield
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(60)


def wait_for_text(path: Path, text: str) -> str:
    """The line of a log with this text, as soon as it is there."""
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        for line in path.read_text().splitlines():
            if text in line:
                return line
        time.sleep(0.1)
    raise TimeoutError(f"{path} has no line with {text!r}: {path.read_text()}")


@contextmanager
def machines(place: connection.Address, key: Path, folder: Path, number: int, cache: Path | None) -> Iterator[None]:
    """So many machines that have joined a scheduler."""
    if not number:
        yield
        return
    own = folder / f"machine{number}"
    with program(own, "fleet-join", str(place), "--key", str(key), "--name", own.name, cache=cache):
        wait_for_text(own / "log", "has joined")
        with machines(place, key, folder, number - 1, cache):
            yield


@contextmanager
def fleet(folder: Path, number: int, cache: Path | None = None) -> Iterator["Client"]:
    """A client of a scheduler that so many machines have joined."""
    key = folder / "key"
    with program(folder / "scheduler", "fleet-serve", "--key", str(key), "--listen", "127.0.0.1:0"):
        line = wait_for_text(folder / "scheduler" / "log", "listens at ")
        place = connection.address("scheduler", line.split("listens at ")[1].partition(",")[0])
        with machines(place, key, folder, number, cache), connection.connected(place, keys.read(key)) as client:
            while len(machine_names(client)) < number:
                time.sleep(0.1)
            yield client


def measured(client: "Client", out: Path, cases: Sequence[Case], plan: Plan, seed: int = 0) -> tuple[Record, ...]:
    """The records of a campaign on a fleet."""
    answers = inventories(client, cases, plan, default_weights(), wait=False)
    campaign = kept.new_campaign(cases, plan, seed, default_weights())
    campaign = campaign.with_shares(shares(answers, cases, each_machine=False))
    kept.begin(out, campaign)
    run = FleetRun(client, campaign, {a.name: a for a in answers}, out, lambda *words: None, idle_s=0.0, gone_s=60.0)
    end = run.run()
    if end.missing:
        sys.exit("; ".join(end.missing))
    return tuple(record for path in end.journals.values() for record in load(path))


def seconds(folder: Path, number: int, cases: Sequence[Case], case_s: float) -> float:
    """How long so many machines take for the cases, of which every one must come to its limit.

    The files that the cases need are made before.
    """
    with fleet(folder, number) as client:
        measured(client, folder / "warm.jsonl", cases[:number], Plan(processes=1, timeout_s=1.0))
        start = time.monotonic()
        records = measured(client, folder / "out.jsonl", cases, Plan(processes=1, timeout_s=case_s))
        took_s = time.monotonic() - start
    if [record.status for record in records] != ["timeout"] * len(cases):
        sys.exit(f"not every case came to its limit: {[record.reason for record in records]}")
    return took_s


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Cells an hour of a simulated fleet.")
    parser.add_argument("--cases", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long each case sleeps")
    parser.add_argument("--workers", default="1,2,4")
    options = parser.parse_args()
    cases = tuple(Case(**{**VARIANT.to_json(), "threads": number + 1}) for number in range(options.cases))
    print(f"A simulation on one machine: {counted(len(cases), 'case')} of the fake backend that sleep")
    print(f"{options.seconds:g} s each, and nothing else.\n")
    print("| workers | s | cells an hour | over one worker | of the ideal |")
    print("|---:|---:|---:|---:|---:|")
    first = 0.0
    for number in map(int, options.workers.split(",")):
        with tempfile.TemporaryDirectory(prefix="mnv2bench-fleet-") as folder:
            took_s = seconds(Path(folder), number, cases, options.seconds)
        an_hour = 3600 * len(cases) / took_s
        first = first or an_hour / number
        gain = an_hour / first
        print(f"| {number} | {took_s:.1f} | {an_hour:.0f} | {gain:.2f} | {gain / number:.3f} |", flush=True)


if __name__ == "__main__":
    main()
