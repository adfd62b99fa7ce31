"""Profiler of OpenVINO: its performance counters, which are each node's mean time over all calls of a model."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from mnv2bench.backends import Images, require
from mnv2bench.backends.openvino import OpenVinoSession, compiled_model
from mnv2bench.backends.shared.openvino_without_telemetry import openvino
from mnv2bench.case import Case
from mnv2bench.networks import described
from mnv2bench.profiling.readers.onnx_nodes import Exported, Part, fused
from mnv2bench.profiling.readers.openvino_nodes import LAYOUT, module_part
from mnv2bench.profiling.records import Operator
from mnv2bench.profiling.session import ProfiledSession

ORIGINAL = "originalLayersNames"
FIRST = 3  # calls before the profiled ones: the first prepares weights, which takes milliseconds


def parts(model: Any, path: Path, has_own_names: bool = False) -> dict[str, Part]:
    """What OpenVINO's nodes compute, by their names: OpenVINO lists the nodes of the file that each comes from."""
    exported = Exported(path, has_own_names) if path.suffix == ".onnx" else None
    by_name = {}
    for node in model.get_runtime_model().get_ordered_ops():
        attributes = node.get_rt_info()
        names = str(attributes[ORIGINAL].astype(str)).split(",") if ORIGINAL in attributes else []
        if exported is None:
            part = module_part(str(attributes["layerType"].astype(str)), names)
        else:
            part = _node_part(exported, names)
        by_name[node.get_friendly_name()] = part
    return by_name


def _node_part(exported: Exported, names: Sequence[str]) -> Part:
    """The type and the origins of a node that computes the nodes of an ONNX file with these names."""
    originals = [exported.named[name] for name in names if name in exported.named]
    once = {id(original): original for original in originals}
    return fused([exported.part(original) for original in once.values()])


def mean_ns(before: int, after: int, calls: int) -> int:
    """The mean of the calls after the first FIRST calls.

    Both counters are means in whole microseconds since the first call: `before` over FIRST calls, `after` over all.
    """
    total = after * (FIRST + calls) - before * FIRST
    return max(0, round(1000 * total / calls))


class OpenVinoProfiledSession(ProfiledSession):
    """A session whose model is replaced when profiling starts, because counters include all calls of a model."""

    profiler = f"OpenVINO {openvino.__version__.split('-')[0]} performance counters"
    notes = (
        "every call of an operator has the mean of all calls: OpenVINO keeps no other time",
        "whole microseconds, cut off in each call and once more in the mean",
    )
    calls = 0

    def __init__(self, case: Case, path: Path) -> None:
        super().__init__(OpenVinoSession(compiled_model(case, path)))
        self.case, self.path = case, path

    def put(self, images: Images) -> None:
        super().put(images)
        self.images = images

    def start(self) -> None:
        self.session.close()
        self.session = self.counted = OpenVinoSession(compiled_model(self.case, self.path, {"PERF_COUNT": True}))
        self.session.put(self.images)
        for _ in range(FIRST):
            self.session.run()
        self.before = self._counters()

    def _counters(self) -> dict[str, openvino.ProfilingInfo]:
        return {node.node_name: node for node in self.counted.request.profiling_info}

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        after, known = self._counters(), parts(self.counted.model, self.path, described.is_file(self.case.network))
        if list(after) != list(self.before):
            raise ValueError("OpenVINO's counters do not name the same nodes in each call")
        operators = []
        for name, node in after.items():
            if not (_executed(node) or _executed(self.before[name])):
                continue
            part = known.get(name, Part("other", ()))
            type = "layout" if node.node_type in LAYOUT else part.type
            spent_ns = mean_ns(_microseconds(self.before[name]), _microseconds(node), self.calls)
            operators.append(Operator(name, type, (spent_ns,) * self.calls, part.origins))
        return operators


def _executed(node: Any) -> bool:
    """Whether a node took a microsecond or more in the mean of the calls: of less OpenVINO says that it did not run."""
    return bool(node.status == openvino.ProfilingInfo.Status.EXECUTED)


def _microseconds(node: Any) -> int:
    return int(node.real_time // timedelta(microseconds=1))


def open(case: Case, path: Path, folder: Path) -> ProfiledSession:
    require(case)
    return OpenVinoProfiledSession(case, path)
