"""THE SEAM: one function, three verbs. One file per runtime stands beside this one."""

import ast
import importlib
import importlib.metadata
import importlib.util
import pkgutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mnv2bench.cases import Case
from mnv2bench.refusals import Unavailable, Unsupported

Images = NDArray[np.float32]
ENTRY_POINTS = "mnv2bench.backends"


class Session:
    """An open backend: a context manager, one per process, never reopened."""

    clock_ns: Callable[[], int] = staticmethod(time.perf_counter_ns)

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

    def close(self) -> None:
        """Give back what `open` took."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Backend(Protocol):
    """What a backend's module has: the artifact format that it opens, and `open`."""

    READS: str

    open: Callable[[Case, Path], Session]
    """Raises Unavailable or Unsupported before doing any work."""


def _modules() -> dict[str, str]:
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


def reads(name: str) -> str:
    """The artifact format that a backend opens, read from its source: the campaign's process imports no runtime."""
    spec = importlib.util.find_spec(_module(name))
    source = Path(spec.origin).read_text() if spec and spec.origin else ""
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and [ast.unparse(t) for t in node.targets] == ["READS"]:
            return str(ast.literal_eval(node.value))
    raise ValueError(f'backend {name!r} has no line READS = "..."')


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


def require_cpu_fp32(case: Case) -> None:
    """What every CPU backend of today refuses: another device, another precision."""
    if case.device != "cpu":
        raise Unsupported(f"{case.backend} runs on cpu here, not on {case.device}")
    if case.precision != "fp32":
        raise Unsupported(f"{case.backend} runs fp32 here, not {case.precision}")
