"""Machines that the client starts over ssh for as long as it measures, by Dask's own SpecCluster and ssh.Worker.

Dask's SSHCluster is made of the same two, but gives every host the same options; here each has a name and a key file.
The key is new each time. It travels over ssh into a file that only its owner may read, and that the machine removes
as soon as it has read it.
"""

import asyncio
import logging
import os
import re
import shlex
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import asyncssh
from distributed import Scheduler, SpecCluster
from distributed.deploy.ssh import Worker as SshWorker

from mnv2bench.fleet.connection import ANYBODY, Address, address, configure, listening, security
from mnv2bench.fleet.hosts import Host
from mnv2bench.fleet.key import Key, new_key
from mnv2bench.fleet.serving import scheduler_options
from mnv2bench.texts import one_line

CONNECT_S, COMMAND_S = 10, 60
MACHINE_CLASS = "mnv2bench.fleet.joining.SshMachine"
WRITE_KEY = 'umask 077 && file=$(mktemp /tmp/mnv2bench-fleet-XXXXXXXX) && cat > "$file" && echo "$file"'
KEY_FILE = re.compile(r"/tmp/mnv2bench-fleet-\w{8}")
CHECK = "import socket, sys, mnv2bench.fleet.joining; socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)"
Say = Callable[[str], None]


@contextmanager
def started(hosts: Sequence[Host], listen: str, say: Say) -> Iterator[tuple[Address, Key]]:
    """A scheduler in this process and a machine on each host; the scheduler's address, and the key of this fleet.

    ValueError, which names the host and says what to do, where one cannot be used.
    """
    configure()
    key = new_key()
    place, files = asyncio.run(_prepared(hosts, listen, key))
    workers = {
        host.name: {
            "cls": SshWorker,
            "options": {
                "address": host.host,
                "connect_options": _options(host),
                "kwargs": {"name": host.name, "key": files[host.name]},
                "worker_class": MACHINE_CLASS,
                "remote_python": shlex.quote(host.python),
            },
        }
        for host in hosts
    }
    scheduler = {"cls": Scheduler, "options": scheduler_options(place, key, say)}
    try:
        cluster = SpecCluster(workers, scheduler, security=security(key), silence_logs=logging.CRITICAL)
    except Exception as error:
        asyncio.run(_remove(hosts, files))
        names = ", ".join(host.name for host in hosts)
        raise ValueError(
            f"a machine over ssh did not start ({one_line(str(error))}): see whether {names} can reach {place}, and "
            "whether each has the mnv2bench that is here"
        ) from error
    with cluster:
        yield address("--ssh", cluster.scheduler_address), key


async def _prepared(hosts: Sequence[Host], listen: str, key: Key) -> tuple[Address, dict[str, str]]:
    """Where the scheduler is to listen, which each host can reach, and the key's file on each host, by its name."""
    connections: dict[str, asyncssh.SSHClientConnection] = {}
    try:
        for host in hosts:
            connections[host.name] = await _connection(host)
        place = _place(connections, listen)
        with socket.create_server((place.host, place.port), family=_family(place.host)) as server:
            place = Address(place.host, server.getsockname()[1])
            target = _contact(place, connections[hosts[0].name])
            for host in hosts:
                await _require_python(host, connections[host.name], target)
        return place, {host.name: await _written(host, connections[host.name], key) for host in hosts}
    finally:
        for connection in connections.values():
            connection.close()


async def _connection(host: Host) -> asyncssh.SSHClientConnection:
    """A connection to a host whose key is known. ValueError where there is none, with what to do."""
    try:
        return await asyncssh.connect(host.host, **_options(host))
    except asyncssh.HostKeyNotVerifiable as error:
        raise ValueError(
            f"the host key of {host.host} is unknown or has changed: find out why, then log in once by hand, "
            f"ssh {host.host}"
        ) from error
    except asyncssh.PermissionDenied as error:
        raise ValueError(f"{host.host} refuses every key of ours: ssh-copy-id {host.host}") from error
    except (OSError, ValueError, asyncssh.Error) as error:
        reason = one_line(str(error)) or type(error).__name__
        raise ValueError(f"{host.host} cannot be reached ({reason}): see whether ssh {host.host} does") from error


def _options(host: Host) -> dict[str, Any]:
    """What asyncssh needs to know of a host, besides the user's configuration, whose known hosts it checks."""
    options: dict[str, Any] = {"connect_timeout": CONNECT_S, "keepalive_interval": 15, "agent_forwarding": False}
    if config := os.environ.get("MNV2BENCH_SSH_CONFIG"):
        options["config"] = [config]
    if host.user:
        options["username"] = host.user
    if host.port:
        options["port"] = host.port
    return options


def _place(connections: Mapping[str, asyncssh.SSHClientConnection], listen: str) -> Address:
    """Where the scheduler is to listen: what --listen names, else the address by which all hosts are reached."""
    if listen:
        return listening(listen, ANYBODY, 0)
    own = {str(connection.get_extra_info("sockname")[0]) for connection in connections.values()}
    if len(own) > 1:
        raise ValueError(
            f"the hosts are reached from several addresses ({', '.join(sorted(own))}): name with --listen one that all "
            "of them reach"
        )
    return listening("", Address(str(own.pop()), 9), 0)


def _contact(place: Address, connection: asyncssh.SSHClientConnection) -> Address:
    """The address by which a host reaches a place that may be every address of this machine."""
    if place.host in ("0.0.0.0", "::"):
        return Address(str(connection.get_extra_info("sockname")[0]), place.port)
    return place


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


async def _require_python(host: Host, connection: asyncssh.SSHClientConnection, place: Address) -> None:
    """ValueError unless a host has mnv2bench with the extra, and reaches the place where the scheduler is to listen."""
    ended = await _run(host, connection, [host.python, "-c", CHECK, place.host, str(place.port)])
    last = one_line((str(ended.stderr).strip().splitlines() or [""])[-1])
    if not ended.exit_status:
        return
    if ended.exit_status in (126, 127):
        raise ValueError(f"{host.name} has no {host.python} ({last}): name its Python with python=PATH")
    if "ModuleNotFoundError" in last:
        raise ValueError(f"{host.name}: {last}: {host.python} -m pip install 'mnv2bench[fleet]' there")
    raise ValueError(f"{host.name} cannot reach {place} ({last}): open that way, or name another address with --listen")


async def _written(host: Host, connection: asyncssh.SSHClientConnection, key: Key) -> str:
    """The path of a new file on a host, with the key, which only its owner may read."""
    ended = await _run(host, connection, ["sh", "-c", WRITE_KEY], input=key.text)
    path = str(ended.stdout).strip()
    if ended.exit_status or not KEY_FILE.fullmatch(path):
        raise ValueError(f"{host.name} takes no key into /tmp ({one_line(str(ended.stderr))}): see df -h /tmp there")
    return path


async def _run(
    host: Host, connection: asyncssh.SSHClientConnection, words: Sequence[str], **options: Any
) -> asyncssh.SSHCompletedProcess:
    """A command that has ended on a host. ValueError where it does not."""
    try:
        return await connection.run(shlex.join(words), timeout=COMMAND_S, **options)
    except (OSError, asyncssh.Error) as error:
        raise ValueError(f"{host.name} does not answer any more ({one_line(str(error))}): try again") from error


async def _remove(hosts: Sequence[Host], files: Mapping[str, str]) -> None:
    """Remove the key's files of machines that did not start."""
    for host in hosts:
        with suppress(ValueError):
            connection = await _connection(host)
            await _run(host, connection, ["rm", "-f", files[host.name]])
            connection.close()
