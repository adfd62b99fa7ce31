"""THE SEAM: one function, three verbs. One file per runtime stands beside this one."""

import ast
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mnv2bench.cases import Case
from mnv2bench.gpu import driver
from mnv2bench.precisions import FP32, named
from mnv2bench.refusals import Unavailable, Unsupported

Images = NDArray[np.float32]
ENTRY_POINTS = "mnv2bench.backends"


class Mark(Protocol):
    """A point in a queue's work, timed by the device itself: on a GPU an event."""

    def record(self) -> None:
        """Set the point behind everything that was queued before."""

    def wait(self) -> None:
        """Return when the device has passed the point."""

    def ns_since(self, earlier: "Mark") -> int:
        """Of the device's own clock, between two points that it has passed."""


class Queue(Protocol):
    """How work reaches a device that runs beside the host: what `Session.run` waits for, piece by piece."""

    def enqueue(self) -> None:
        """One inference on the images of the last `put`; returns without waiting for it."""

    def synchronize(self) -> None:
        """Return when everything queued is done."""

    def mark(self) -> Mark:
        """A new one, recorded once already, so that none is made while anything is timed."""

    def copy_in(self) -> None:
        """Queue the copy of the images from pinned host memory to where the inference reads them."""

    def copy_out(self) -> None:
        """Queue the copy of the logits to pinned host memory."""

    def cool_l2(self) -> None:
        """Queue a write over more bytes than the L2 cache holds."""


class Session:
    """An open backend: a context manager, one per process, never reopened."""

    clock_ns: Callable[[], int] = staticmethod(time.perf_counter_ns)
    queue: Queue | None = None  # of a device that runs beside the host; None where `run` is all there is

    def put(self, images: Images) -> None:
        """Move float32 NCHW images to where `run` reads them. Untimed."""
        raise NotImplementedError

    def run(self) -> None:
        """One inference; returns when its result is complete. The timed call."""
        raise NotImplementedError

    def get(self) -> Images:
        """Logits of the last run, float32 (batch, classes), a new host array. Untimed."""
        raise NotImplementedError

    def settings(self) -> dict[str, str]:
        """What the runtime says it really does: threads, precision, provider. Empty where it cannot tell."""
        return {}

    def device_memory(self) -> dict[str, int]:
        """Bytes by the names of `records.GpuMemory`, as far as the runtime counts them itself. Untimed."""
        return {}

    def close(self) -> None:
        """Give back what `open` took."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Backend(Protocol):
    """What a backend's module has: the artifact format that it opens, and `open`.

    A line `DEVICES = ("cpu", "cuda")` says where it runs where that is not the CPU alone, and `NEEDS_CUDA = 13000`
    from which CUDA version on a driver serves its runtime; both are read from the source.
    """

    READS: str

    open: Callable[[Case, Path], Session]
    """Raises Unavailable or Unsupported before doing any work."""


@cache
def _modules() -> dict[str, str]:
    """Asked once a process: looking through all that is installed takes 16 ms, and `open` is timed."""
    ours = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    theirs = {e.name: e.module for e in importlib.metadata.entry_points(group=ENTRY_POINTS)}
    return {name: f"{__name__}.{name}" for name in ours} | theirs


def names() -> tuple[str, ...]:
    """Every backend in the tree and from entry points, without importing any; `fake` is for tests and not listed."""
    return tuple(sorted(_modules().keys() - {"fake"}))


def _module(name: str) -> str:
    if name not in _modules():
        raise ValueError(f"backend {name!r} is not one of {', '.join(names())}")
    return _modules()[name]


@cache
def _source(name: str) -> ast.Module:
    spec = importlib.util.find_spec(_module(name))
    return ast.parse(Path(spec.origin).read_text() if spec and spec.origin else "")


def _says(name: str, constant: str, otherwise: Any) -> Any:
    """A constant of a backend's module, of its source where it is not imported: a campaign's process has no runtime."""
    if loaded := sys.modules.get(_module(name)):
        return getattr(loaded, constant, otherwise)
    for node in _source(name).body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == [constant]:
            return ast.literal_eval(node.value)
    return otherwise


def reads(name: str) -> str:
    """The artifact format that a backend opens. ValueError where its source does not say."""
    if said := _says(name, "READS", None):
        return str(said)
    raise ValueError(f'backend {name!r} has no line READS = "..."')


def devices(name: str) -> tuple[str, ...]:
    """Where a backend runs: cpu, cuda or both."""
    return tuple(_says(name, "DEVICES", ("cpu",)))


def needs_cuda(name: str) -> int:
    """The CUDA version that a driver must serve for this backend, as `cuDriverGetVersion` counts: 13000 is 13.0."""
    return int(_says(name, "NEEDS_CUDA", 0))


def mend(backend: str, module: str | None) -> str:
    """The command that installs what a backend misses: its extra where it has one, else the module itself."""
    with suppress(importlib.metadata.PackageNotFoundError):
        if backend in (importlib.metadata.metadata("mnv2bench").get_all("Provides-Extra") or ()):
            return f"pip install 'mnv2bench[{backend}]'"
    return f"pip install {module}"


def backend(name: str) -> Backend:
    """Import a backend and with it its runtime. ValueError for an unknown name, Unavailable without its runtime."""
    module = _module(name)
    try:
        found: Backend = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise Unavailable(f"{error.name} is not installed: {mend(name, error.name)}") from error
    except (ImportError, OSError) as error:
        raise Unavailable(f"{name} does not load ({error}): reinstall it, {mend(name, name)}") from error
    return found


def require_supported(case: Case) -> None:
    """Unsupported where the backend's source says that it does not run on the case's device; on a CPU it is fp32 only.

    A case of another machine is for `measure.elsewhere` to refuse.
    """
    places = devices(case.backend)
    if ("cpu" if case.gpu is None else "cuda") not in places or (case.gpu is None and case.device != "cpu"):
        raise Unsupported(f"{case.backend} runs on {' and '.join(places)} here, not on {case.device}")
    if case.gpu is None and case.precision != FP32.name:
        raise Unsupported(f"{case.backend} runs fp32 on cpu here, not {case.precision}")


def require(case: Case) -> None:
    """What every `open` asks first: Unsupported as `require_supported`, and Unavailable for a GPU that is not there."""
    require_supported(case)
    if case.gpu is None:
        return
    gpu = driver.require(case.gpu, needs_cuda(case.backend), case.backend)
    first = named(case.precision).first_cuda_capability
    if float(gpu.compute_capability) < first:
        raise Unsupported(
            f"{gpu.name} has compute capability {gpu.compute_capability}: {case.precision} came with {first}"
        )
