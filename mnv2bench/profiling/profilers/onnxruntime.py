"""Profiler of onnxruntime: its own profile, an event for each node and call in whole microseconds."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from mnv2bench.backends import require
from mnv2bench.backends.onnxruntime import OnnxRuntimeSession
from mnv2bench.case import Case
from mnv2bench.networks import described
from mnv2bench.profiling.readers.onnx_nodes import Exported, Part
from mnv2bench.profiling.readers.onnxruntime import arena_bytes, last_calls, nanoseconds, parts
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import Arena, ProfiledSession
from mnv2bench.refusals import Unsupported


class OnnxRuntimeProfiledSession(ProfiledSession):
    """A session that writes a profile and the graph that it runs."""

    profiler = f"onnxruntime {onnxruntime.__version__} profile"
    notes = ("whole microseconds",)
    calls = 0
    peak: int | None = None

    def __init__(self, case: Case, path: Path, folder: Path) -> None:
        self.optimised = folder / "optimised.onnx"
        self.exported = Exported(path, described.is_file(case.network))
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.optimized_model_filepath = str(self.optimised)
        session = OnnxRuntimeSession(case, path, options)
        super().__init__(session)
        self.runtime = session.session

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        written = Path(self.runtime.end_profiling())
        if trace:
            shutil.copyfile(written, trace)
        profiled = last_calls(written, self.calls)
        self.peak = arena_bytes(profiled)
        known = parts(self.optimised, self.exported)
        operators = []
        for name in profiled[0]:
            part = known.get(name.split(" #")[0], Part("other", ()))
            durations = tuple(nanoseconds(nodes[name]) for nodes in profiled)
            operators.append(Operator(name, part.type, durations, part.origins))
        return operators

    def arena(self) -> Arena | None:
        if self.peak is None:
            return None
        return Arena(self.peak, "the most bytes in use in its arena, with the weights that are kept there")


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    require(case)
    if case.gpu is not None:
        raise Unsupported("onnxruntime's profile times on a GPU what the host queues, not what the GPU computes")
    return OnnxRuntimeProfiledSession(case, path, folder)
