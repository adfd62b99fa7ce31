"""OpenVINO's performance counters: what each node took, the mean over all calls of a model."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import openvino

from mnv2bench.backends import Images, require
from mnv2bench.backends.openvino import OpenVinoSession
from mnv2bench.cases import Case
from mnv2bench.profiling.profilers import Profiled
from mnv2bench.profiling.readers.onnx_nodes import Exported, Part, fused
from mnv2bench.profiling.records import Operator

ORIGINAL = "originalLayersNames"
FIRST = 3  # calls before the profiled ones: the first prepares weights, which takes milliseconds
LAYOUT = ("Reorder", "Transpose", "Reshape", "Pad")


def parts(model: Any, exported: Exported) -> dict[str, Part]:
    """What the nodes that OpenVINO made are, by the nodes of the file that it says they come from."""
    found = {}
    for node in model.get_runtime_model().get_ordered_ops():
        name, said = node.get_friendly_name(), node.get_rt_info()
        names = str(said[ORIGINAL].astype(str)).split(",") if ORIGINAL in said else []
        known = {id(n): n for n in (exported.named.get(original) for original in names) if n is not None}
        found[name] = fused([exported.part(n) for n in known.values()])
    return found


def mean_ns(before: int, after: int, calls: int) -> int:
    """Of the calls since FIRST, from the counters then and now, which are whole microseconds' means since the first."""
    total = after * (FIRST + calls) - before * FIRST
    return max(0, round(1000 * total / calls))


class OpenVinoProfiled(Profiled):
    """From `start` on another model takes the session's place: counters begin with a model, and warm-up is in them."""

    profiler = f"OpenVINO {openvino.__version__.split('-')[0]} performance counters"
    notes = (
        "every call of an operator is told as their mean: OpenVINO keeps no other",
        "whole microseconds, cut off in each call and once more in the mean",
    )
    calls = 0

    def __init__(self, case: Case, path: Path) -> None:
        super().__init__(OpenVinoSession(case, path))
        self.case, self.path = case, path

    def put(self, images: Images) -> None:
        super().put(images)
        self.images = images

    def start(self) -> None:
        self.session.close()
        self.session = self.counted = OpenVinoSession(self.case, self.path, {"PERF_COUNT": True})
        self.session.put(self.images)
        for _ in range(FIRST):
            self.session.run()
        self.before = self._counters()

    def _counters(self) -> dict[str, Any]:
        told = self.counted.request.profiling_info
        return {node.node_name: node for node in told if node.status == openvino.ProfilingInfo.Status.EXECUTED}

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        after, known = self._counters(), parts(self.counted.model, Exported(self.path))
        if list(after) != list(self.before):
            raise ValueError("OpenVINO's counters do not name the same nodes in each call")
        operators = []
        for name, node in after.items():
            kind, origins = known.get(name, Part("other", ()))
            spent = mean_ns(_microseconds(self.before[name]), _microseconds(node), self.calls)
            kind = "layout" if node.node_type in LAYOUT else kind
            operators.append(Operator(name, kind, (spent,) * self.calls, origins))
        return operators


def _microseconds(node: Any) -> int:
    return int(node.real_time // timedelta(microseconds=1))


def open(case: Case, path: Path, folder: Path) -> Profiled:
    require(case)
    return OpenVinoProfiled(case, path)
