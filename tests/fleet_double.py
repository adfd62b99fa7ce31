"""Schedulers and machines of a fleet as processes of their own, for tests: what each prints is read as it comes."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil

PATIENCE_S = 60


class Program:
    """A running verb, the lines that it printed so far, and its signals."""

    def __init__(self, words, folder, prefix=(), **variables):
        folder.mkdir(parents=True, exist_ok=True)
        own = {"MNV2BENCH_LOCKS": str(folder / "locks"), "MNV2BENCH_CACHE": str(folder / "cache")}
        self.process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "mnv2bench", *map(str, words)],
            env={**os.environ, "MNV2BENCH_FLEET_SILENCE_S": "11", **own, **variables},
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines, self.coming = [], queue.Queue()
        self.reading = threading.Thread(target=self._read)
        self.reading.start()

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.coming.put(line.rstrip("\n"))
        self.coming.put(None)

    def line(self, pattern):
        """The next line in which a pattern is, as a match."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                line = self.coming.get(timeout=1)
            except queue.Empty:
                continue
            assert line is not None, f"ended without {pattern!r}: {self.lines}"
            self.lines.append(line)
            match = re.search(pattern, line)
            if match:
                return match
        raise TimeoutError(f"no line with {pattern!r} came: {self.lines}")

    def ended(self, patience_s=PATIENCE_S):
        """The exit code, as soon as there is one; the rest of the lines is read."""
        code = self.process.wait(patience_s)
        while (line := self.coming.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return code

    def worker(self):
        """The process of Dask's worker below a machine's verb: the one that listens for its scheduler's connections."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in children if "spawn_main" in " ".join(child.cmdline()))

    def interrupt(self):
        """Ctrl-C, which the terminal sends to every process of the verb; its exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.ended()

    def kill(self):
        """Kill -9 of the verb and of all that it started."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        for member in family:
            member.kill()
        self.process.wait()


class Programs:
    """Starts the programs of a fleet in a folder, each with a cache and locks of its own, and ends them all."""

    def __init__(self, folder):
        self.folder, self.running, self.key = Path(folder), [], Path(folder) / "fleet.key"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for program in self.running:
            if program.process.poll() is None:
                program.kill()
            program.reading.join()

    def start(self, name, *words, prefix=(), **variables):
        program = Program(words, self.folder / name, prefix, **variables)
        self.running.append(program)
        return program

    def serve(self, listen="127.0.0.1:0", **options):
        """A scheduler, and its address."""
        program = self.start("scheduler", "fleet-serve", "--key", self.key, "--listen", listen, **options)
        return program, program.line(r"a fleet listens at (\S+), with")[1]

    def join(self, name, scheduler, *words, **options):
        """A machine that has joined."""
        return self.start(name, "fleet-join", scheduler, "--key", self.key, "--name", name, *words, **options)
