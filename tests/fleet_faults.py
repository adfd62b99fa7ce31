"""Faults of a fleet, each made for real in network namespaces, and what is lost by it: for tests and for a script."""

import json
import os
import shutil
import subprocess
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fleet_double import Programs
from network_double import HOME, Network

MACHINES = ("one", "two")
CASES = ("--backends", "fake", "--widths", "0.35", "--resolutions", "32,40", "--threads", "1,2", "--suites", "latency")
PLAN = ("--processes", "2", "--rounds", "2", "--no-accuracy")
PATIENCE_S = 240
LONG_S = 30  # a cut after which Dask has given the connection up: it does so after 11 s here


@dataclass(frozen=True)
class Outcome:
    """What came of a fault: processes that were measured and lost, or are twice at home; codes and lines of clients."""

    lost: int
    repeated: int
    measured: int
    codes: tuple[int, ...]
    lines: tuple[str, ...]


def processes(path):
    """The lines of a journal's processes; half a line, which a kill leaves, is none."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return [line for line in lines if json.loads(line).get("line") == "process"]


def wait_until(true):
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end, "what the fault waits for did not come"
        time.sleep(0.05)


class Fleet:
    """A scheduler, a client and two machines of one fingerprint, each in a namespace with a cache of its own."""

    def __init__(self, folder, network, programs):
        self.folder, self.network, self.programs = folder, network, programs
        self.out, self.clients, self.machines, self.seen = folder / "night.jsonl", [], {}, Counter()

    def serve(self, port=0):
        self.scheduler, self.place = self.programs.serve(f"{HOME}:{port}", prefix=self.network.inside("home"))
        return int(self.place.rpartition(":")[2])

    def join(self, name, place="", prefix=()):
        words = (*self.network.inside(name), *prefix)
        self.machines[name] = self.programs.join(name, place or self.place, prefix=words)
        self.machines[name].line("has joined")

    def measure(self, *words):
        """Start the client."""
        chosen = ("--scheduler", self.place, "--key", self.programs.key, *CASES, *PLAN, "--out", self.out, *words)
        client = self.programs.start("client", "fleet", *chosen, prefix=self.network.inside("home"))
        self.clients.append(client)
        return client

    def wait_for_processes(self, number, name="one"):
        """Wait until so many processes of a machine are at home."""
        wait_until(lambda: len(processes(self.at_home(name))) >= number)

    def at_home(self, name):
        return self.folder / f"night.{name}.jsonl"

    def look(self):
        """Remember every process that is measured by now, wherever it is."""
        places = [self.at_home(name) for name in MACHINES]
        places += [path for name in MACHINES for path in (self.folder / name / "cache" / "fleet").glob("*/*.jsonl")]
        for path in places:
            self.seen |= Counter(processes(path))

    def outcome(self):
        """What came of it, when the last client has ended."""
        codes = [client.process.poll() for client in self.clients[:-1]] + [self.clients[-1].ended(PATIENCE_S)]
        home = Counter(line for name in MACHINES for line in processes(self.at_home(name)))
        return Outcome(
            lost=sum((self.seen - home).values()),
            repeated=sum(number - 1 for number in home.values()),
            measured=sum(home.values()),
            codes=tuple(codes),
            lines=tuple(line for client in self.clients for line in client.lines),
        )


@contextmanager
def fleet(folder, join=True):
    folder = Path(folder)
    with Network(*MACHINES) as network, Programs(folder) as programs:
        running = Fleet(folder, network, programs)
        running.serve()
        for name in MACHINES if join else ():
            running.join(name)
        yield running


def nothing(folder):
    with fleet(folder) as running:
        running.measure()
        return running.outcome()


def worker_killed(folder):
    with fleet(folder) as running:
        running.measure()
        running.wait_for_processes(1)
        running.look()
        running.machines["one"].worker().kill()
        return running.outcome()


def machine_killed(folder):
    with fleet(folder) as running:
        running.measure()
        running.wait_for_processes(1)
        running.look()
        running.machines["one"].kill()
        return running.outcome()


def client_killed(folder):
    with fleet(folder) as running:
        client = running.measure()
        running.wait_for_processes(1)
        running.look()
        client.kill()
        running.measure("--resume")
        return running.outcome()


def scheduler_killed(folder):
    with fleet(folder) as running:
        client = running.measure()
        running.wait_for_processes(1)
        running.look()
        port = int(running.place.rpartition(":")[2])
        running.scheduler.kill()
        client.ended()
        running.serve(port)
        for machine in running.machines.values():
            machine.line("has joined")
        running.measure("--resume")
        return running.outcome()


def _cut(folder, seconds):
    with fleet(folder) as running:
        running.measure()
        running.wait_for_processes(1)
        running.look()
        running.network.cut("one")
        time.sleep(seconds)
        running.network.mend("one")
        return running.outcome()


def network_cut_shortly(folder):
    return _cut(folder, 4)


def network_cut_for_long(folder):
    return _cut(folder, LONG_S)


def slow_link(folder):
    with fleet(folder, join=False) as running:
        port = int(running.place.rpartition(":")[2])
        slow = running.network.slow_way(port, 0.3, 65_536)
        try:
            running.join("one", f"tls://{HOME}:{slow.stdout.readline().strip()}")
            running.join("two")
            running.measure()
            return running.outcome()
        finally:
            slow.kill()
            slow.communicate()


def disk_full(folder):
    cache = Path(folder) / "one" / "cache"
    cache.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(cache)], check=True)
    try:
        with fleet(folder) as running:
            client = running.measure()
            running.wait_for_processes(1)
            with suppress(OSError), (cache / "filling").open("wb") as file:
                while True:
                    os.write(file.fileno(), bytes(4096))
            running.look()
            client.ended()
            (cache / "filling").unlink()
            running.measure("--resume")
            return running.outcome()
    finally:
        subprocess.run(["umount", "-l", str(cache)], check=True)


def clock_off_by_a_day(folder):
    with fleet(folder, join=False) as running:
        running.join("one", prefix=("env", "DONT_FAKE_MONOTONIC=1", "faketime", "-f", "-1d"))
        running.join("two")
        running.measure("--mixed")  # git does not answer under faketime, so that the machines' commits are unlike
        return running.outcome()


FAULTS = {
    "nothing": nothing,
    "worker killed (kill -9)": worker_killed,
    "machine killed for good": machine_killed,
    "client killed (kill -9), then --resume": client_killed,
    "scheduler killed (kill -9), then --resume": scheduler_killed,
    "network cut for 4 s": network_cut_shortly,
    f"network cut for {LONG_S} s": network_cut_for_long,
    "slow link: 0.3 s late, 64 kB/s": slow_link,
    "disk full on a machine, then --resume": disk_full,
    "clock a day behind": clock_off_by_a_day,
}


def why_no_clock():
    return "" if shutil.which("faketime") else "faketime is not installed: apt-get install faketime"
