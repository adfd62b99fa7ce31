"""What the self-checks of a machine showed, as `mnv2bench selfcheck --save` kept it in its results folder."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.records import Machine

if TYPE_CHECKING:
    from mnv2bench.records.selfcheck import AllocatorCheck
    from mnv2bench.statistics.floor import Floor


def machine_floor(results: Path, machine: Machine) -> "Floor | None":
    """What identical campaigns on a machine differ by, as `selfcheck --only aa --save` kept it; None where it did not.

    Raises Unusable for a file that cannot be read.
    """
    from mnv2bench.records.selfcheck import read
    from mnv2bench.statistics.floor import floor

    checked = read(results, machine.fingerprint).aa
    return None if checked is None else floor(checked)


def readable_floor(results: Path, machine: Machine) -> "Floor | None":
    """As `machine_floor`; None also where the file cannot be read: the end of a run is no place to fail."""
    from mnv2bench.records.journal import Unusable

    with suppress(Unusable):
        return machine_floor(results, machine)
    return None


def machine_allocator(results: Path, machine: Machine) -> "AllocatorCheck | None":
    """What the allocator's setting is worth on a machine, as `selfcheck --only allocator --save` kept it, or None.

    Raises Unusable for a file that cannot be read.
    """
    from mnv2bench.records.selfcheck import read

    return read(results, machine.fingerprint).allocator
