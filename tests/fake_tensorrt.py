"""A double of the module `tensorrt` for tests of a session's control flow: it computes nothing that a GPU would.

A call writes first pixel + 0, + 1, + 2... to where the logits go. $FAKE_TENSORRT names what fails: "open", "context",
"shape", "address", "infer", "enqueue", "enqueue:2" (from its second call on), "capture" (an enqueue while capturing),
"profile"; "images=...", "type=HALF" and "warn" change what the plan is. Needs the double of libcuda beside it.
"""

import ctypes
import os

__version__ = "11.4.0.106-double"
CUDA = ctypes.CDLL("libcuda.so.1")
NUMBERS = {"FLOAT": ctypes.c_float, "HALF": ctypes.c_uint16}
live = []  # contexts made, in order


def told():
    return set(filter(None, os.environ.get("FAKE_TENSORRT", "").split(",")))


class Member:
    def __init__(self, name):
        self.name = name


class DataType:
    FLOAT, HALF, BF16 = Member("FLOAT"), Member("HALF"), Member("BF16")


class TensorIOMode:
    INPUT, OUTPUT = Member("INPUT"), Member("OUTPUT")


class EngineStat:
    TOTAL_WEIGHTS_SIZE = Member("TOTAL_WEIGHTS_SIZE")


class ILogger:
    class Severity:
        INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = map(Member, ("internal", "error", "warning", "info", "verbose"))


class IProfiler:
    pass


class INetworkDefinition:
    pass


class Context:
    def __init__(self, engine):
        self.engine, self.memory, self.shape, self.calls = engine, {}, None, 0
        self.enqueue_emits_profile, self.profiler = True, None
        live.append(self)

    def set_input_shape(self, name, shape):
        self.shape = shape
        return self.engine.log.refuses("shape")

    def set_tensor_address(self, name, memory):
        self.memory[name] = memory
        return self.engine.log.refuses("address")

    def infer_shapes(self):
        return ["logits"] if "infer" in told() else []

    def compute(self):
        images = ctypes.cast(self.memory["images"], ctypes.POINTER(ctypes.c_float))
        logits = ctypes.cast(self.memory["logits"], ctypes.POINTER(ctypes.c_float))
        for number in range(self.shape[0] * 1000):
            logits[number] = images[0] + number

    def execute_async_v3(self, stream_handle):
        self.calls += 1
        log = self.engine.log
        if CUDA.double_capturing():
            return log.refuses("capture")
        if not (log.refuses("enqueue") and (self.calls < 2 or log.refuses("enqueue:2"))):
            return False
        self.compute()
        return True

    def report_to_profiler(self):
        for layer, ms in (("conv", 0.25 * self.calls), ("gemm", 0.125), ("conv", 0.5)):
            self.profiler.report_layer_time(layer, ms)
        return self.engine.log.refuses("profile") and not self.enqueue_emits_profile


IExecutionContext = Context


class Engine:
    num_io_tensors, num_layers, num_aux_streams, device_memory_size_v2 = 2, 61, 0, 2_408_448

    def __init__(self, log):
        self.log = log
        self.type = next((f.removeprefix("type=") for f in told() if f.startswith("type=")), "FLOAT")
        self.size = next((int(f.removeprefix("images=")) for f in told() if f.startswith("images=")), 96)

    def get_tensor_name(self, index):
        return ("images", "logits")[index]

    def get_tensor_mode(self, name):
        return TensorIOMode.INPUT if name == "images" else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name):
        return getattr(DataType, self.type)

    def get_tensor_shape(self, name):
        return [1, 3, self.size, self.size] if name == "images" else [1, 1000]

    def get_engine_stat(self, stat):
        return 6_706_000 if stat is EngineStat.TOTAL_WEIGHTS_SIZE else -1

    def create_execution_context(self):
        return Context(self) if self.log.refuses("context") else None


class Says:
    """The logger that it was given, and what TensorRT would say to it of each failure."""

    def __init__(self, logger):
        self.logger = logger

    def refuses(self, what):
        if what in told():
            self.logger.log(ILogger.Severity.VERBOSE, "a line of VERBOSE")
            self.logger.log(ILogger.Severity.ERROR, f"Error Code 1: {what}\nis told to fail")
        return what not in told()


class Runtime:
    def __init__(self, logger):
        self.says = Says(logger)

    def deserialize_cuda_engine(self, serialized_engine):
        if "warn" in told():
            self.says.logger.log(
                ILogger.Severity.WARNING, "Using an engine plan file across different models of devices"
            )
        opened = self.says.refuses("open") and bytes(serialized_engine).startswith(b"plan")
        return Engine(self.says) if opened else None


def launched():
    """What a launch of the graph runs: the newest context that was captured."""
    live[0].compute()


LAUNCHED = ctypes.CFUNCTYPE(None)(launched)
CUDA.double_on_launch(LAUNCHED)
