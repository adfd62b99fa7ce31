"""LiteRT: its interpreter with the XNNPACK delegate, images copied into its own input tensor.

In fp16 it is LiteRT's CompiledModel, which alone can tell the delegate to compute in fp16.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.backends.shared.arrays import arranged, joined
from mnv2bench.backends.shared.litert_api import require_declared_version, tasks
from mnv2bench.case import Case
from mnv2bench.precisions import FP16

RUNTIME = Runtime(
    reads="tflite",
    reads_other={"int8": "tflite_int8"},
    reads_fp32=("fp16",),
    runs={"cpu": ("fp32", "fp16", "int8"), "arm64": ("fp32", "fp16", "int8")},
    extra="litert",
    distributions=("ai-edge-litert",),
    quick_grid="brief",
    profiler="litert",
    why_no_trace="LiteRT's profiler writes no trace file",
    programs={"cpu": "litert", "cpu fp16": "litert_compiled"},
    mobile=True,
    counted=True,
)
WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
PRECISIONS = {"float32": "fp32", "int8": "int8"}  # by the type of images and weights; "float32 and int8" is none


def delegated(operators: Sequence[dict[str, Any]]) -> tuple[int, int]:  # as the interpreter describes them
    """Operators of the graph that delegates took over, and operators left to the interpreter's own kernels.

    The interpreter lists a graph's operators and then the delegates' nodes without saying which stand for which: what a
    node stands for is all that lies between the tensors that it gives and the tensors that it takes.
    """
    own = [operator for operator in operators if operator["op_name"] != "DELEGATE"]
    makers = {int(tensor): operator for operator in own for tensor in operator["outputs"]}
    taken: set[int] = set()
    for node in operators:
        if node["op_name"] != "DELEGATE":
            continue
        inputs = {int(tensor) for tensor in node["inputs"]}
        left = [int(tensor) for tensor in node["outputs"]]
        while left:
            maker = makers.get(left.pop())
            if maker and maker["index"] not in taken:
                taken.add(maker["index"])
                left += {int(tensor) for tensor in maker["inputs"]} - inputs
    return len(taken), len(own) - len(taken)


class LiteRtSession(Session):
    """Session on a LiteRT interpreter with XNNPACK."""

    def __init__(self, case: Case, path: Path) -> None:
        before = tasks()
        self.interpreter = Interpreter(str(path), num_threads=case.threads)
        self.interpreter.allocate_tensors()  # the delegate takes over the graph and starts its threads
        self.threads = 1 + tasks() - before if before else None
        # Functions that give views: a view that is still held when the interpreter runs makes it raise.
        self.input = self.interpreter.tensor(self.interpreter.get_input_details()[0]["index"])
        self.outputs = [self.interpreter.tensor(details["index"]) for details in self.interpreter.get_output_details()]
        self.batch = case.batch

    def put(self, images: Images) -> None:
        memory = self.input()
        np.copyto(memory, arranged(images, memory.shape, memory.dtype.name))

    def run(self) -> None:
        self.interpreter.invoke()

    def get(self) -> Images:
        return joined([output() for output in self.outputs], self.batch)

    def layers(self) -> dict[str, int]:
        """By the types of the images and weights that each layer takes: XNNPACK has kernels of their own for each."""
        types = {tensor["index"]: np.dtype(tensor["dtype"]).name for tensor in self.interpreter.get_tensor_details()}
        layers: Counter[str] = Counter()
        for operator in self.interpreter._get_ops_details():
            if operator["op_name"] in WITH_WEIGHTS:
                taken = " and ".join(dict.fromkeys(types[int(tensor)] for tensor in operator["inputs"][:2]))
                layers[PRECISIONS.get(taken, taken)] += 1
        return dict(layers)

    def settings(self) -> dict[str, str]:
        """Threads are counted, as it has no getter: those that opening started in this process, and the calling one."""
        inside, outside = delegated(self.interpreter._get_ops_details())
        return ({"threads": str(self.threads)} if self.threads else {}) | {
            "delegate": "XNNPACK" if inside else "none",  # the only one that it applies unasked
            "delegated operators": str(inside),
            "operators not delegated": str(outside),
        }


def open(case: Case, path: Path) -> Session:
    require(case)
    if case.precision == FP16.name:
        require_declared_version()
        from mnv2bench.backends.shared.litert_compiled import CompiledModelSession

        return CompiledModelSession(case, path, profiled=False)
    return LiteRtSession(case, path)
