"""Connections of a fleet: where a scheduler listens, Dask's settings, and a client of it; all of them by TLS.

Dask unpickles what its peers send. Therefore a connection is made with the fleet's key on both ends, also on loopback:
a peer without it gets no further than the handshake of TLS.
"""

import ipaddress
import logging
import os
import socket
import ssl
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mnv2bench.fleet.key import Key, require_fleet
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    from distributed import Client, Security

DEFAULT_PORT = 8786  # Dask's own
SCHEMES = ("tls", "tcp", "")  # all of them mean TLS
PROBE_S = 10.0  # for a connection and the handshake of TLS
SILENCE_VARIABLE = "MNV2BENCH_FLEET_SILENCE_S"
SILENCE_S = 60  # a connection is lost when nothing was heard for so long: docs/fleet.md#faults
LEAST_SILENCE_S = 11  # below that Dask cannot set the timeouts of a socket
LOOPBACK = "127.0.0.1"
NO_PAGES = {"dashboard": False, "dashboard_address": f"{LOOPBACK}:0"}  # a server of Dask opens that port in any case

# The same for client, scheduler and worker. What stands here keeps a process of Dask as quiet as it can be beside
# something that is measured, and everything closed that a fleet does not need.
SETTINGS: dict[str, Any] = {
    "distributed.comm.default-scheme": "tls",
    "distributed.comm.require-encryption": True,
    "distributed.comm.tls.min-version": 1.3,
    "distributed.comm.retry.count": 2,
    "distributed.scheduler.allowed-failures": 1,  # a unit whose machine dies is given back once
    "distributed.scheduler.work-stealing": False,  # a case stays on the machine where it began
    "distributed.scheduler.worker-ttl": "5 minutes",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.preload": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.preload": [],
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.preload": [],
    # Dask would set OMP_NUM_THREADS, MALLOC_TRIM_THRESHOLD_ and a hash seed for everything that a worker starts
    "distributed.nanny.pre-spawn-environ": {"PYTHONHASHSEED": "random"},
    "distributed.client.preload": [],
    "distributed.client.heartbeat": "10s",
    "distributed.client.scheduler-info-interval": "10s",
    "distributed.diagnostics.nvml": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "60s",
    "distributed.admin.tick.cycle": "10s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
}


@dataclass(frozen=True)
class Address:
    """Where a scheduler listens."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tls://{host}:{self.port}"


ANYBODY = Address("192.0.2.1", DEFAULT_PORT)  # an address of documentation, to which nothing is ever sent


def address(option: str, text: str, port: int = DEFAULT_PORT) -> Address:
    """The address of a text such as tls://HOST:8786 or HOST, which has this port where it names none.

    ValueError, which names the option, for any other text.
    """
    advice = f"write tls://HOST:{DEFAULT_PORT}"
    try:
        parts = urlsplit(text if "://" in text else f"//{text}")
        named_port = parts.port
    except ValueError as error:
        raise ValueError(f"{option} {text!r} is no address of a scheduler ({error}): {advice}") from error
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in SCHEMES or not parts.hostname or extra:
        raise ValueError(f"{option} {text!r} is no address of a scheduler: {advice}")
    return Address(parts.hostname, port if named_port is None else named_port)


def listening(listen: str, peer: Address, port: int) -> Address:
    """Where to listen: what --listen names, else the address by which this machine reaches a peer, with this port.

    ValueError for a text that is no IP address, and for a public address that --listen does not name.
    """
    if listen:
        named = address("--listen", listen, port)
        _ip_address(named.host)
        return named
    host = _local_address(peer)
    if _ip_address(host).is_global:
        raise ValueError(
            f"{host} can be reached from the internet: if that is meant, name it with --listen {host}; else name an "
            "address of a private network"
        )
    return Address(host, port)


def is_loopback(place: Address) -> bool:
    """Whether only programs of this machine can reach an IP address."""
    return _ip_address(place.host).is_loopback


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError as error:
        raise ValueError(f"--listen {text!r} is no IP address of this machine: ip address lists them") from error


def _local_address(peer: Address) -> str:
    """The address by which this machine reaches a peer; that of loopback where it knows no way to it."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(peer.host, peer.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(place)  # of a datagram: nothing is sent
            return str(probe.getsockname()[0])
    except OSError:
        return LOOPBACK


def silence_s() -> int:
    """Seconds without a word after which a connection is lost. ValueError for a variable that is no such number."""
    text = os.environ.get(SILENCE_VARIABLE) or str(SILENCE_S)
    if not text.isdecimal() or int(text) < LEAST_SILENCE_S:
        raise ValueError(f"{SILENCE_VARIABLE} is a whole number of seconds from {LEAST_SILENCE_S} on, not {text!r}")
    return int(text)


def configure() -> None:
    """Give Dask the settings of a fleet, and silence its own log: what a user has to know is said by the verbs.

    Raises Unavailable where Dask is not installed.
    """
    require_fleet()
    import dask.config
    import distributed  # noqa: F401  which reads its own settings and starts its log

    silence = f"{silence_s()}s"
    timeouts = {"distributed.comm.timeouts.tcp": silence, "distributed.comm.timeouts.connect": silence}
    dask.config.set(SETTINGS | timeouts)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)


def security(key: Key) -> "Security":
    """What Dask needs of a key: the same certificate for every role, and no other one is accepted."""
    from distributed import Security

    role = {f"tls_{name}_cert": key.certificate for name in ("client", "scheduler", "worker")}
    private = {f"tls_{name}_key": key.private for name in ("client", "scheduler", "worker")}
    return Security(require_encryption=True, tls_ca_file=key.certificate, **role, **private)


def require_scheduler(scheduler: Address, key: Key) -> None:
    """ValueError, which says what to do, unless a scheduler with the same key answers there."""
    context = security(key).get_connection_args("client")["ssl_context"]
    try:
        with (
            socket.create_connection((scheduler.host, scheduler.port), PROBE_S) as plain,
            context.wrap_socket(plain) as secure,
        ):
            secure.recv(1)  # the scheduler's first word: it has accepted this key
    except ssl.SSLCertVerificationError as error:
        raise ValueError(
            f"{scheduler} has another key than {key.name}: copy the key of its fleet to this machine, or name it with "
            "--key"
        ) from error
    except ssl.SSLError as error:
        raise ValueError(
            f"{scheduler} is no scheduler of a fleet ({one_line(str(error))}): correct its name"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(
            f"no scheduler answers at {scheduler} ({reason}): start mnv2bench fleet-serve there"
        ) from error


@contextmanager
def connected(scheduler: Address, key: Key) -> "Iterator[Client]":
    """A client of the scheduler at an address. ValueError, which says what to do, where none with this key answers."""
    configure()
    from distributed import Client

    require_scheduler(scheduler, key)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask warns of unlike versions: the inventories are compared, and said
        with Client(str(scheduler), security=security(key), set_as_default=False) as client:
            yield client
