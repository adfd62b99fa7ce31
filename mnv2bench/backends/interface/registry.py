"""Which backends there are, what each declares, and whether a case can run."""

import importlib
import importlib.metadata
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Protocol

from mnv2bench import precisions, processor
from mnv2bench.backends.interface.runtime import HERE, Runtime
from mnv2bench.backends.interface.session import Session
from mnv2bench.case import Case, Kind
from mnv2bench.declarations import declared
from mnv2bench.gpu import driver
from mnv2bench.refusals import Unavailable, Unsupported, Wrong

ENTRY_POINTS = "mnv2bench.backends"
PACKAGE = "mnv2bench.backends"
FOLDER = Path(__file__).parents[1]


class Backend(Protocol):
    """The module of a backend: what it declares, and `open`."""

    RUNTIME: Runtime

    open: Callable[[Case, Path], Session]
    """Open the artifact for the case. Raises Unavailable or Unsupported before doing any work.

    A backend whose streams share something also has `open_streams(case, path)`, which returns a session for each
    stream of the case; of any other one each stream is opened by itself.
    """


@cache
def _modules() -> dict[str, str]:
    """The module of each backend, by name. Looking through all that is installed takes 16 ms, so it is done once."""
    in_tree = [module.name for module in pkgutil.iter_modules([str(FOLDER)]) if not module.ispkg]
    elsewhere = {entry.name: entry.module for entry in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    return {name: f"{PACKAGE}.{name}" for name in in_tree} | elsewhere


def names() -> tuple[str, ...]:
    """Every backend in the tree and from entry points, without importing any; `fake` is for tests and not listed."""
    return tuple(sorted(_modules().keys() - {"fake"}))


def is_known(name: str) -> bool:
    """Whether there is a backend of that name; `fake` is one."""
    return name in _modules()


def _module(name: str) -> str:
    if not is_known(name):
        raise ValueError(f"backend {name!r} is not one of {', '.join(names())}")
    return _modules()[name]


@cache
def runtime(name: str) -> Runtime:
    """What a backend declares of itself, without importing it. ValueError where it is unknown or declares nothing."""
    return declared(_module(name), "RUNTIME", Runtime)


def fix_command(name: str, module: str | None) -> str:
    """The command that installs a module which a backend lacks: its extra where it has one, else the module itself."""
    extra = runtime(name).extra if is_known(name) else ""
    return f"pip install 'mnv2bench[{extra}]'" if extra else f"pip install {module}"


def backend(name: str) -> Backend:
    """Import a backend and with it its runtime. ValueError for an unknown name, Unavailable without its runtime."""
    module = _module(name)
    try:
        imported: Backend = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Unavailable(f"{error.name} is not installed: {fix_command(name, error.name)}") from error
    except (ImportError, OSError) as error:
        raise Unavailable(f"{name} does not load ({error}): reinstall it, {fix_command(name, name)}") from error
    return imported


def open_streams(module: Backend, case: Case, path: Path) -> list[Session]:
    """A session for each stream of the case, in the way of the backend's module. Raises as its `open`."""
    together: Callable[[Case, Path], list[Session]] | None = getattr(module, "open_streams", None)
    sessions = [module.open(case, path) for _ in range(case.streams)] if together is None else together(case, path)
    if len(sessions) != case.streams:
        raise Wrong(f"{case.backend} opened {len(sessions)} streams where {case.streams} were requested")
    return sessions


def require_supported(case: Case) -> None:
    """Raise Unsupported where the backend does not run on the case's device, or not in its precision there.

    Of a remote device this says only what the backend declares: `mnv2bench.remote` asks the device itself.
    """
    declaration = runtime(case.backend)
    if case.streams > 1:
        _require_streams(case, declaration)
    if case.kind != Kind.MEASURED_HERE:
        _require_supported_elsewhere(case, declaration)
        return
    device = "cpu" if case.gpu is None else "cuda"
    if device not in declaration.runs or (case.gpu is None and case.device != "cpu"):
        devices = " and ".join(name for name in HERE if name in declaration.runs)
        raise Unsupported(f"{case.backend} runs on {devices} here, not on {case.device}")
    if reason := declaration.refuses.get(device, {}).get(case.precision):
        raise Unsupported(reason)
    if case.precision not in declaration.runs[device]:
        runs = ", ".join(declaration.runs[device])
        raise Unsupported(f"{case.backend} runs {runs} on {device} here, not {case.precision}")
    if device == "cpu" and (missing := missing_instructions(case.backend, case.precision)):
        raise Unsupported(f"this processor has {missing}: {case.precision} would be emulated")


def _require_streams(case: Case, declaration: Runtime) -> None:
    """Raise Unsupported for a case of several streams that the backend or the device does not have."""
    if case.kind != Kind.MEASURED_HERE or case.gpu is not None:
        instead = "what a GPU does with several calls at once is its throughput, with --streams 1"
        if case.gpu is None:
            instead = "leave --streams out for another device"
        raise Unsupported(f"several streams are measured on this machine's processor alone: {instead}")
    if declaration.why_no_streams:
        raise Unsupported(f"{case.backend} runs no streams: {declaration.why_no_streams}")


def missing_instructions(name: str, precision: str) -> str:
    """What this machine's processor lacks for a precision of a backend, as "none of A, B"; "" where nothing."""
    if precision in runtime(name).any_processor:
        return ""
    return precisions.named(precision).missing_instructions(processor.instructions())


def _require_supported_elsewhere(case: Case, declaration: Runtime) -> None:
    """Raise Unsupported where the backend does not run in the case's precision on remote devices."""
    if reason := declaration.refuses.get("arm64", {}).get(case.precision):
        raise Unsupported(reason)
    if case.precision not in declaration.elsewhere:
        runs = ", ".join(declaration.elsewhere)
        raise Unsupported(f"{case.backend} runs {runs} on other devices, not {case.precision}")


def require(case: Case) -> None:
    """What every `open` calls first: Unsupported as `require_supported`, and Unavailable for a GPU that is missing."""
    require_supported(case)
    if case.gpu is None:
        return
    gpu = driver.require(case.gpu, runtime(case.backend).needs_cuda, case.backend)
    first = precisions.named(case.precision).first_cuda_capability
    if float(gpu.compute_capability) < first:
        raise Unsupported(
            f"{gpu.name} has compute capability {gpu.compute_capability}: {case.precision} came with {first}"
        )
