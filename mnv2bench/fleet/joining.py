"""The worker of a machine: Dask's own, with one thread, which does one unit of work at a time for a scheduler."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Nanny, Status, Worker

from mnv2bench.fleet.connection import (
    NO_PAGES,
    Address,
    address,
    configure,
    listening,
    require_scheduler,
    security,
    silence_s,
)
from mnv2bench.fleet.key import Key, read
from mnv2bench.fleet.unit import resources
from mnv2bench.texts import duration_text

Say = Callable[[str], None]
HEARTBEAT_S = 10  # Dask's own, of a small fleet, is half a second, and each one would disturb what is measured
STARTS_AN_HOUR = 2  # of a worker: it is started again once, and a second death within the hour ends the machine
HOUR_S = 3600
RETRY_S = 2.0
NAME_TAKEN = "name taken"  # Dask's words for a second machine of one name


@dataclass(frozen=True)
class Machine:
    """A machine of a fleet: its name there, where its worker listens, and how long it waits for a lost scheduler."""

    name: str
    place: Address
    give_up_s: float


class Killed(Exception):
    """The worker of this machine was killed again and again; the message says what to look at."""


class QuietWorker(Worker):  # type: ignore[misc]
    """A worker that disturbs its machine as little as it can."""

    async def heartbeat(self) -> None:
        """Tell the scheduler that this machine is there, and do so again after a long while."""
        await super().heartbeat()
        self.periodic_callbacks["heartbeat"].callback_time = 1000 * HEARTBEAT_S


class MachineNanny(Nanny):  # type: ignore[misc]
    """The parent of a worker, which starts it again when it was killed, and closes when that happens again."""

    def __init__(self, scheduler: str, name: str, **options: Any) -> None:
        quiet = {"memory_limit": 0, "silence_logs": logging.CRITICAL, "worker_class": QuietWorker, **NO_PAGES}
        super().__init__(
            scheduler, name=name, nthreads=1, resources=resources(name), death_timeout=silence_s(), **quiet, **options
        )
        self.starts_s: list[float] = []
        self.is_given_up = False

    async def instantiate(self) -> Status:
        """Start the worker, or close where it was started twice within the hour."""
        now_s = time.monotonic()
        self.starts_s = [start_s for start_s in self.starts_s if now_s - start_s < HOUR_S]
        if len(self.starts_s) == STARTS_AN_HOUR:
            self.is_given_up = True
            await self.close(reason="the worker died again")
            return Status.closed
        self.starts_s.append(now_s)
        return await super().instantiate()


class SshMachine(MachineNanny):
    """A machine that Dask's ssh.Worker starts on a host: it reads the fleet's key from a file and removes that."""

    def __init__(self, scheduler: str, name: str, key: str) -> None:
        configure()
        file = Path(key)
        held = read(file)
        file.unlink()
        place = listening("", address("SCHEDULER", scheduler), 0)
        super().__init__(scheduler, name, security=security(held), host=place.host)

    async def start_unsafe(self) -> "SshMachine":
        """Start, and say so in the words that Dask's ssh.Worker waits for."""
        await super().start_unsafe()
        sys.stderr.write(f"worker at {self.worker_address}\n")
        sys.stderr.flush()
        return self


def join(scheduler: Address, key: Key, machine: Machine, say: Say) -> None:
    """Work for a scheduler until it was gone for as long as the machine waits.

    ValueError where it cannot be joined at all; Killed where this machine ends its worker again and again.
    """
    configure()
    require_scheduler(scheduler, key)
    asyncio.run(_join(scheduler, key, machine, say))


async def _join(scheduler: Address, key: Key, machine: Machine, say: Say) -> None:
    is_new, alone_since_s = True, time.monotonic()
    while time.monotonic() - alone_since_s < machine.give_up_s:
        try:
            await asyncio.to_thread(require_scheduler, scheduler, key)
            nanny = MachineNanny(
                str(scheduler),
                name=machine.name,
                security=security(key),
                host=machine.place.host,
                worker_port=machine.place.port,
                port=machine.place.port + 1 if machine.place.port else 0,
            )
            async with nanny:
                is_new = False
                say(f"{machine.name} has joined {scheduler}")
                await nanny.finished()
        except (ValueError, RuntimeError) as error:
            if is_new:
                raise _refusal(scheduler, machine, error) from error
        else:
            if nanny.is_given_up:
                raise Killed(
                    f"the worker of {machine.name} was killed twice within an hour: dmesg says whether memory was short"
                )
            say(f"the scheduler {scheduler} is gone: waiting {duration_text(machine.give_up_s)} for it")
            alone_since_s = time.monotonic()
        await asyncio.sleep(RETRY_S)


def _refusal(scheduler: Address, machine: Machine, error: Exception) -> ValueError:
    """Why a machine cannot join, as a line that says what to do."""
    if isinstance(error, ValueError):
        return error
    reasons = [str(error)]
    cause = error.__cause__
    while cause is not None:
        reasons.append(str(cause))
        cause = cause.__cause__
    if any(NAME_TAKEN in reason for reason in reasons):
        return ValueError(
            f"{machine.name} is in the fleet of {scheduler} already: give this machine another --name; if it was cut "
            f"off, wait for {duration_text(silence_s())}"
        )
    return ValueError(f"{scheduler} cannot be joined ({reasons[-1]}): update mnv2bench[fleet] on both machines")
