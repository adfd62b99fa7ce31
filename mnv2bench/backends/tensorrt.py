"""TensorRT 11: a plan made for one GPU, run as a CUDA graph where its work can be captured."""

from pathlib import Path

import tensorrt as trt
import torch

from mnv2bench.backends import Runtime, Session
from mnv2bench.backends.shared.cuda_graph import CudaGraph
from mnv2bench.backends.shared.cuda_session import CudaQueue, CudaSession
from mnv2bench.backends.shared.tensorrt_plan import Log
from mnv2bench.backends.shared.torch_session import prepare
from mnv2bench.case import Case
from mnv2bench.refusals import Wrong

RUNTIME = Runtime(
    reads="plan",
    runs={"cuda": ("fp32", "tf32", "fp16", "bf16")},
    needs_cuda=13000,  # what the packages of the extra are built for: a driver from 580 on
    extra="tensorrt",
    distributions=("tensorrt", "tensorrt-cu13", "tensorrt-cu13-bindings", "tensorrt-cu13-libs"),
    profiler="tensorrt",
    why_no_trace="TensorRT's IProfiler tells durations without a time line (Nsight Systems has one)",
    programs={"cuda": "tensorrt"},
)

DATA_TYPES = {
    "fp32": trt.DataType.FLOAT,
    "tf32": trt.DataType.FLOAT,
    "fp16": trt.DataType.HALF,
    "bf16": trt.DataType.BF16,
}


class TensorRtSession(CudaSession):
    """One plan and one context; `queue.call` launches the graph that one enqueue was captured to, or enqueues."""

    def __init__(self, case: Case, path: Path) -> None:
        super().__init__(CudaQueue(case))
        self.stream = self.queue.stream.cuda_stream
        self.log = Log()
        engine = trt.Runtime(self.log).deserialize_cuda_engine(path.read_bytes())
        self.engine = self.log.made(engine, f"does not open {path.name}")
        self.images, self.logits = self._names(case)
        shape = tuple(self.engine.get_tensor_shape(self.logits))
        self.queue.output = torch.zeros(shape, dtype=self.queue.input.dtype, device=self.queue.device)
        self.context = self.new_context()
        self.graph = CudaGraph(self.stream)
        self.no_graph = self._captured()

    def _names(self, case: Case) -> tuple[str, str]:
        """Names of input and output. Raises Wrong where the plan is for other images or numbers than the case's."""
        names = [self.engine.get_tensor_name(index) for index in range(self.engine.num_io_tensors)]
        inputs = [n for n in names if self.engine.get_tensor_mode(n) == trt.TensorIOMode.INPUT]
        outputs = [n for n in names if n not in inputs]
        if (len(inputs), len(outputs)) != (1, 1):
            raise Wrong(f"the plan has the inputs {inputs} and the outputs {outputs}, not one of each")
        expected = DATA_TYPES[case.precision]
        for name in names:
            data_type = self.engine.get_tensor_dtype(name)
            if data_type != expected:
                raise Wrong(f"the plan's {name} is {data_type.name}, where {case.precision} is {expected.name}")
        shape = tuple(self.engine.get_tensor_shape(inputs[0]))
        if shape != tuple(self.queue.input.shape):
            raise Wrong(f"the plan is for images of the shape {shape}, not {tuple(self.queue.input.shape)}")
        return inputs[0], outputs[0]

    def new_context(self) -> trt.IExecutionContext:
        """A new one that reads and writes the queue's tensors, initialised by a call of its own."""
        context = self.log.made(self.engine.create_execution_context(), "makes no context")
        shape, images, logits = tuple(self.queue.input.shape), self.queue.input, self.queue.output
        self.log.made(context.set_input_shape(self.images, shape), f"does not take images of the shape {shape}")
        for name, tensor in ((self.images, images), (self.logits, logits)):
            self.log.made(context.set_tensor_address(name, tensor.data_ptr()), f"does not take the memory of {name}")
        if unknown := context.infer_shapes():
            raise RuntimeError(f"TensorRT {trt.__version__} does not know the shapes of {', '.join(unknown)}")
        self.log.made(context.execute_async_v3(self.stream), "does not enqueue its first call")
        self.queue.synchronize()
        return context

    def _captured(self) -> str:
        """Capture the call; "" or why there is no graph. A failure may break the context: then there is a new one."""
        self.queue.call = self.graph.launch
        refused = self.graph.capture(lambda: "" if self.context.execute_async_v3(self.stream) else self.log.words())
        if refused:
            self.context = self.new_context()
            self.queue.call = self.enqueue
        return refused

    def enqueue(self) -> None:
        if not self.context.execute_async_v3(self.stream):
            raise RuntimeError(f"TensorRT {trt.__version__} does not enqueue: {self.log.words()}")

    def settings(self) -> dict[str, str]:
        warned = {"TensorRT warns": "; ".join(self.log.warnings)} if self.log.warnings else {}
        return super().settings() | {
            "TensorRT": trt.__version__,
            "CUDA graph": f"no: {self.no_graph}" if self.no_graph else "yes",
            "layers": f"{self.engine.num_layers}, {self.engine.num_aux_streams} auxiliary streams",
            **warned,
        }

    def device_memory(self) -> dict[str, int]:
        return super().device_memory() | {
            "engine_weights": self.engine.get_engine_stat(trt.EngineStat.TOTAL_WEIGHTS_SIZE),
            "engine_activations": self.engine.device_memory_size_v2,
        }

    def close(self) -> None:
        self.queue.synchronize()
        self.graph.close()


def open(case: Case, path: Path) -> Session:
    prepare(case)  # before TensorRT is touched: without a driver it would end the process
    return TensorRtSession(case, path)
