"""Energy of the processor's packages, as Linux's powercap counts it (RAPL of Intel and AMD), where it is readable."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

POWERCAP = Path("/sys/class/powercap")
PACKAGES = "intel-rapl:*"  # AMD's processors have the same name; intel-rapl-mmio counts the same packages once more


class Reading(NamedTuple):
    """The energy counter of one package in microjoules, and the largest number that it counts to."""

    uj: int
    range_uj: int


class Package(NamedTuple):
    """The file of a package's counter, and the largest number in it."""

    counter: Path
    range_uj: int


def packages(powercap: Path = POWERCAP) -> tuple[Package, ...]:
    """The packages of all sockets; none where any of them cannot be read, because a part of them is no sum.

    Most systems let only root read them. Zones within a package, such as its cores and its memory, and the whole
    platform are not packages.
    """
    readable = []
    try:
        for zone in sorted(powercap.glob(PACKAGES)):
            if zone.name.count(":") == 1 and (zone / "name").read_text().startswith("package"):
                package = Package(zone / "energy_uj", int((zone / "max_energy_range_uj").read_text()))
                int(package.counter.read_text())
                readable.append(package)
    except (OSError, ValueError):
        return ()
    return tuple(readable)


packages_here = cache(packages)  # looked for once in each process


def energy(of_packages: Sequence[Package] | None = None) -> tuple[Reading, ...] | None:
    """A reading of each package, of this machine's where none are given; None where there are none or one fails."""
    known = packages_here() if of_packages is None else of_packages
    with suppress(OSError, ValueError):
        return tuple([Reading(int(p.counter.read_text()), p.range_uj) for p in known]) or None
    return None


def energy_since(before: Sequence[Reading] | None, after: Sequence[Reading] | None) -> int | None:
    """Microjoules that all packages used between two readings, each of which may have begun anew at 0 once.

    None where a reading is missing, and where no counter moved: one that stands still measures nothing.
    """
    if not before or not after or len(before) != len(after):
        return None
    used = 0
    for earlier, later in zip(before, after, strict=True):
        used += later.uj - earlier.uj + (later.range_uj if later.uj < earlier.uj else 0)
    return used if used > 0 else None
