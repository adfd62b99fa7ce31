"""The program that prepares a remote device for a case: it checks that the device answers, and builds the runner."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from mnv2bench import backends, precisions
from mnv2bench.case import Case, Kind
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote import transports
from mnv2bench.remote.runners import bundles, external
from mnv2bench.remote.runners.cached import Bundle
from mnv2bench.remote.transports import TimedOut, Transport, TransportError
from mnv2bench.workers.jobs import DEVICE_PREPARER, DeviceJob
from mnv2bench.workers.programs import Outcome, serve

R = TypeVar("R")


def transport_to(case: Case, runner: str) -> Transport:
    """The transport to the case's device, not yet entered. Raises Unsupported for a case that no runner can run."""
    backends.require_supported(case)
    counted = case.kind == Kind.COUNTED
    if counted and case.threads > 1:
        raise Unsupported(f"instructions are counted of one thread, not of {case.threads}")
    if counted and not backends.runtime(case.backend).counted:
        countable = [name for name in backends.names() if backends.runtime(name).counted]
        raise Unsupported(
            f"{case.backend} is not counted, whose own threads would blur it: take one of {', '.join(countable)}"
        )
    if counted and runner:
        raise Unsupported(f"{Path(runner).name} sets no marks to count between: leave --runner out")
    return transports.transport(case.device)


def require_instructions(device: Transport, case: Case) -> None:
    """Raise Unsupported where the processor of an entered device does not compute in the case's precision itself."""
    if case.precision in backends.runtime(case.backend).any_processor:
        return
    if missing := precisions.named(case.precision).missing_instructions(device.instructions()):
        raise Unsupported(f"{case.device} has {missing}: {case.precision} would be emulated")


def bundle_for(device: Transport, case: Case, runner: str) -> Bundle:
    """The bundle for a case on an entered device, built if it is not cached. Raises Unavailable and Unsupported."""
    if runner and not bundles.is_python(runner):
        return external.bundle(runner, case)
    return bundles.bundle(case.backend, device.target, interpreter=runner)


def with_device(use: Callable[[], Outcome[R]]) -> Outcome[R]:
    """The outcome of using a device, with the errors of transports and runners as outcomes."""
    try:
        return use()
    except TimedOut as error:
        return Outcome("timeout", str(error))
    except (TransportError, ValueError) as error:
        return Outcome("failed", str(error))
    except FileNotFoundError as error:
        raise Unavailable(f"{error.filename} is not here: install the package that it belongs to") from error


def main(job: DeviceJob) -> Outcome[None]:
    """Enter the device and build the bundle."""

    def enter() -> Outcome[None]:
        with transport_to(job.case, job.runner) as device:
            require_instructions(device, job.case)
            bundle_for(device, job.case, job.runner)
        return Outcome()

    return with_device(enter)


if __name__ == "__main__":
    serve(DEVICE_PREPARER, main)
