"""Networks that no family declares: each is read once, in a process of its own, before anything is made or measured."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from mnv2bench.campaign.child import run_child
from mnv2bench.case import Case
from mnv2bench.networks import Description, Sides, Variant, described, is_described, sides
from mnv2bench.workers.jobs import DESCRIBER, DescribeJob

TIMEOUT_S = 300.0


def describe(cases: Iterable[Case]) -> None:
    """Read the networks of these cases that no family declares and that this process does not know yet.

    ValueError, in one line, for one that cannot be read.
    """
    for variant in dict.fromkeys(case.spec for case in cases if is_described(case.network)):
        if not described.is_known(variant):
            described.register(_network(variant))


def file_description(file: str, sides: Sides | None = None) -> Description:
    """What a user's file holds, known from then on. `sides` are those of its images, where it takes images of any.

    ValueError, in one line, where the file cannot be read.
    """
    path = Path(file).absolute()
    try:
        status = path.stat()
    except OSError as error:
        raise ValueError(f"--model {file}: {error.strerror}") from error
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    try:
        description = _file(str(path), sides, identity)
    except ValueError as error:
        raise ValueError(f"--model {file}: {error}") from error
    described.register(description)
    return description


def _network(variant: Variant) -> Description:
    if described.is_file(variant.network):
        raise ValueError(f"{variant.network} is the network of a file: name the file with --model")
    job = DescribeJob(
        network=variant.network, sides=sides(variant.resolution), classes=variant.classes, channels=variant.channels
    )
    try:
        return _read(job)
    except ValueError as error:
        raise ValueError(f"{variant.network}: {error}") from error


@cache
def _file(path: str, sides: Sides | None, identity: tuple[int, ...]) -> Description:
    """The same for a file as it is now: `identity` is what changes when the file does."""
    return _read(DescribeJob(file=path, sides=sides))


def _read(job: DescribeJob) -> Description:
    outcome = run_child(DESCRIBER, job, {}, TIMEOUT_S)
    if outcome.result is None:
        raise ValueError(outcome.reason)
    return outcome.result
