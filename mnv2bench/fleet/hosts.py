"""The file of `fleet --ssh`: a host in each line, as user@host:port python=PATH name=NAME."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.files import printable
from mnv2bench.fleet.unit import require_name

PLACE = re.compile(r"(?:(?P<user>[\w.][\w.-]*)@)?(?P<host>[\w.][\w.-]*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?")
PYTHON = re.compile(r"[\w./][\w./+-]*")
FORM = "[USER@]HOST[:PORT] [python=PATH] [name=NAME]"
MOST_BYTES = 65_536


@dataclass(frozen=True)
class Host:
    """A machine that ssh reaches: its name in the fleet, and the Python that has mnv2bench there."""

    name: str
    host: str
    user: str
    port: int | None
    python: str


def read(path: Path) -> tuple[Host, ...]:
    """The hosts of a file. ValueError, which names the line, where one cannot be meant."""
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"{printable(path)} has more than {MOST_BYTES} bytes: it is no list of hosts")
    hosts: dict[str, Host] = {}
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            host = _host(words)
            if host.name in hosts:
                raise ValueError(f"a second {host.name}: add name=NAME")
        except ValueError as error:
            raise ValueError(f"{printable(path)}, line {number}: {error}") from error
        hosts[host.name] = host
    if not hosts:
        raise ValueError(f"{printable(path)} names no host: write lines such as {FORM}")
    return tuple(hosts.values())


def _host(words: list[str]) -> Host:
    """The host of a line's words."""
    place = PLACE.fullmatch(words[0])
    if not place:
        raise ValueError(f"{words[0]!r} is no host: write {FORM}")
    values = {"python": sys.executable, "name": place["host"]}
    for word in words[1:]:
        option, equals, value = word.partition("=")
        if not equals or option not in values:
            raise ValueError(f"{word!r} is neither python=PATH nor name=NAME: write {FORM}")
        values[option] = value
    if not PYTHON.fullmatch(values["python"]):
        raise ValueError(f"python={values['python']!r} is no path of a Python: write {FORM}")
    port = int(place["port"]) if place["port"] else None
    if port is not None and not 1 <= port <= 65_535:
        raise ValueError(f"{port} is no port: write {FORM}")
    return Host(require_name(values["name"]), place["host"].strip("[]"), place["user"] or "", port, values["python"])
