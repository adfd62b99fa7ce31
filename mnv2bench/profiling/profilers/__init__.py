"""Profiler interface: `open(case, path, folder)` opens a backend with its runtime's own profiler.

One file per profiler; a backend names its own in its declaration (`mnv2bench.backends.Runtime.profiler`).
"""

import importlib
from pathlib import Path
from typing import Protocol

from mnv2bench import backends
from mnv2bench.case import Case
from mnv2bench.profiling.session import ProfiledSession
from mnv2bench.refusals import Unsupported


class Profiler(Protocol):
    """The interface of a profiler's module."""

    def open(self, case: Case, path: Path, folder: Path) -> ProfiledSession:
        """Open a case as its backend does. The profiler may write into `folder`, which is deleted afterwards."""


def why_not(backend: str) -> str:
    """Why a backend cannot be profiled, "" where it can. Imports nothing."""
    if backends.is_known(backend):
        declaration = backends.runtime(backend)
        if declaration.profiler:
            return ""
        if declaration.why_no_profiler:
            return declaration.why_no_profiler
    missing = f"there is no profiler for {backend}: write one as in mnv2bench/profiling/profilers"
    return f'{missing}, and name it in its RUNTIME: profiler="..."'


def why_no_trace(backend: str) -> str:
    """Why a backend's profiler writes no Chrome trace, "" where it does. Imports nothing."""
    if reason := why_not(backend) or backends.runtime(backend).why_no_trace:
        return f"{reason}: leave --trace out"
    return ""


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    """Open a case with its profiler.

    Raises Unsupported where the backend cannot be profiled, and Unavailable where its runtime is not installed.
    """
    if reason := why_not(case.backend):
        raise Unsupported(reason)
    backends.backend(case.backend)  # says what is not installed, and how to install it
    name = backends.runtime(case.backend).profiler
    profiler: Profiler = importlib.import_module(name if "." in name else f"{__name__}.{name}")
    return profiler.open(case, path, folder)
