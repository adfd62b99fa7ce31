"""Plain names for the layers of foreign graphs: unique, short, and of characters that any page and terminal shows."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from mnv2bench.networks import IMAGE

MOST_CHARACTERS = 80
CUT = "..."
NOT_PLAIN = re.compile(r"[^A-Za-z0-9_.:-]+")
OUTER = "._:-"
DOT = re.compile(r"[.]")


def plain(name: str) -> str:
    """A name as a path of plain characters: features.1.conv.0.0.Conv of /features/features.1/conv/conv.0/conv.0.0/Conv.

    torch repeats in a part of such a name what the parts before it say; that is left out.
    """
    path: list[str] = []
    before = ""
    for part in name[:1000].strip("/").split("/"):
        repeated = before and part.startswith(f"{before}.")
        path.append(part.removeprefix(f"{before}.") if repeated else part)
        before = part
    return shortened(NOT_PLAIN.sub("_", ".".join(filter(None, path))).strip(OUTER))


def shortened(name: str) -> str:
    """At most MOST_CHARACTERS of a name, without its middle."""
    if len(name) <= MOST_CHARACTERS:
        return name
    ahead = (MOST_CHARACTERS - len(CUT)) // 2
    return name[:ahead] + CUT + name[ahead + len(CUT) - MOST_CHARACTERS :]


def layer_names(paths: Sequence[str], operators: Sequence[str]) -> Iterator[str]:
    """A name for each operation: its path, and its operator behind it where the path is not its own.

    It is not where several operations have it, or where it is that of a module with others inside.
    """
    times = Counter(paths)
    outer = {path[: dot.start()] for path in times for dot in DOT.finditer(path)}
    names = []
    for path, operator in zip(paths, operators, strict=True):
        is_its_own = bool(path) and times[path] == 1 and path not in outer
        names.append(path if is_its_own else shortened(f"{path}.{operator}".strip(".")))
    return unique(names, taken=(IMAGE,))


def unique(names: Iterable[str], taken: Iterable[str] = ()) -> Iterator[str]:
    """Each of these names, with a number behind it where it was there before: conv, conv_2."""
    used = set(taken)
    numbers: dict[str, int] = {}
    for name in names:
        number, candidate = numbers.get(name, 1), name
        while candidate in used:
            number += 1
            candidate = f"{name}_{number}"
        numbers[name] = number
        used.add(candidate)
        yield candidate
