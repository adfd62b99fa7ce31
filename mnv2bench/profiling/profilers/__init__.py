"""The second seam: a backend opened with its runtime's own profiler. One file per backend, of the backend's name."""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from mnv2bench import backends
from mnv2bench.backends import Images, Session
from mnv2bench.cases import Case
from mnv2bench.profiling.records import Operator
from mnv2bench.refusals import Unsupported

CANNOT = {
    "ncnn": "ncnn's wheels are built without its benchmark option, and it has no other profiler",
    "torch_compile_cudagraphs": "a CUDA graph is launched as a whole and calls no operators: profile torch_compile",
}

NO_TRACE = {
    "openvino": "OpenVINO's performance counters are durations without a time line",
    "litert": "LiteRT's profiler writes no trace file",
    "executorch": "ExecuTorch's ETDump is no Chrome trace",
    "tensorrt": "TensorRT's IProfiler tells durations without a time line (Nsight Systems has one)",
}
READS = {"torch_aoti": "pt2_profiled"}  # another format than the backend's: one that is compiled to be profiled


class Arena(NamedTuple):
    """Memory that a runtime says it planned for activations, and in what words."""

    bytes: int
    words: str


class Profiled(Session):
    """A session of the backend that can be profiled. The caller times and counts its calls; nothing here is a latency.

    Put, run and get are the backend's own, as `session` does them.
    """

    profiler: str  # what tells: "torch.profiler", "OpenVINO's performance counters"
    notes: tuple[str, ...] = ()  # what it cannot see

    def __init__(self, session: Session) -> None:
        self.session = session

    def put(self, images: Images) -> None:
        self.session.put(images)

    def run(self) -> None:
        self.session.run()

    def get(self) -> Images:
        return self.session.get()

    def settings(self) -> dict[str, str]:
        return self.session.settings()

    def close(self) -> None:
        self.session.close()

    def start(self) -> None:
        """Calls from here on are profiled."""

    def ran(self) -> None:
        """After each profiled call, untimed: for a runtime that keeps what it says of the last call only."""

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        """What the profiler said of the calls since `start`, and a Chrome trace of them in that file, where it has one.

        Raises ValueError, in one line, for a profile that cannot be read: operators differ from call to call, a file is
        damaged.
        """
        raise NotImplementedError

    def arena(self) -> Arena | None:
        """None where the runtime does not tell."""
        return None


class Profiler(Protocol):
    """What a profiler's module has."""

    def open(self, case: Case, path: Path, folder: Path) -> Profiled:
        """As a backend's `open`; whatever the profiler writes goes into the folder, which is deleted afterwards."""


def why_not(backend: str) -> str:
    """Why a backend cannot be profiled, "" where it can. Imports nothing."""
    if backend in CANNOT:
        return CANNOT[backend]
    found = importlib.util.find_spec(f"{__name__}.{backend}")
    return "" if found else f"mnv2bench has no profiler for {backend}: add mnv2bench/profilers/{backend}.py"


def why_no_trace(backend: str) -> str:
    """Why a backend's profiler writes no Chrome trace, "" where it does. Imports nothing."""
    if reason := why_not(backend) or NO_TRACE.get(backend):
        return f"{reason}: leave --trace out"
    return ""


def open(case: Case, path: Path, folder: Path) -> Profiled:
    """Unsupported where the backend cannot be profiled, Unavailable without its runtime."""
    if reason := why_not(case.backend):
        raise Unsupported(reason)
    backends.backend(case.backend)  # says what is not installed, and how to install it
    profiler: Profiler = importlib.import_module(f"{__name__}.{case.backend}")
    return profiler.open(case, path, folder)
