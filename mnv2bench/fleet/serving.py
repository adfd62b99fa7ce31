"""The scheduler of a fleet: Dask's own, which says in lines which machines join and go."""

import asyncio
from collections.abc import Callable
from typing import Any

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from mnv2bench.fleet.connection import NO_PAGES, Address, address, configure, security
from mnv2bench.fleet.key import Key
from mnv2bench.texts import one_line

Say = Callable[[str], None]


class Attendance(SchedulerPlugin):  # type: ignore[misc]
    """Says a line when a machine joins or goes."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.names: dict[str, str] = {}  # of machines, by their addresses

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Say that a machine has joined."""
        self.names[worker] = one_line(str(scheduler.workers[worker].name))
        self.say(f"{self.names[worker]} has joined from {worker}: {self._count()}")

    def remove_worker(self, scheduler: Scheduler, worker: str, **why: object) -> None:
        """Say that a machine has gone."""
        name = self.names.pop(worker, worker)
        self.say(f"{name} has gone: {self._count()}")

    def _count(self) -> str:
        return f"{len(self.names)} in the fleet"


def scheduler_options(listen: Address, key: Key, say: Say) -> dict[str, Any]:
    """What Dask's scheduler needs to know."""
    return {
        "host": listen.host,
        "port": listen.port,
        "protocol": "tls",
        "security": security(key),
        "plugins": [Attendance(say)],
        **NO_PAGES,
    }


def serve(listen: Address, key: Key, say: Say, started: Callable[[Address], None]) -> None:
    """Run a scheduler until this process is interrupted. ValueError where its address cannot be listened on."""
    configure()
    asyncio.run(_serve(listen, key, say, started))


async def _serve(listen: Address, key: Key, say: Say, started: Callable[[Address], None]) -> None:
    scheduler = Scheduler(**scheduler_options(listen, key, say))
    try:
        await scheduler
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"{listen} cannot be listened on ({reason}): name another address with --listen") from error
    try:
        started(address("--listen", scheduler.address))
        await scheduler.finished()
    finally:
        await scheduler.close()
