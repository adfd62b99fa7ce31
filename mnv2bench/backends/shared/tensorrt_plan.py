"""What building a TensorRT plan and running it share: the log, the errors in TensorRT's words, and the build itself."""

from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import tensorrt as trt

Result = TypeVar("Result")

WORKSPACE_BYTES = 1 << 30  # TensorRT's default is all that the GPU has, which another process would change
TIMING_ITERATIONS = 8  # of each candidate kernel, as trtexec does; TensorRT's default is one
LINES = 4
QUIET = (trt.ILogger.Severity.VERBOSE, trt.ILogger.Severity.INFO)


class Log(trt.ILogger):
    """Keeps TensorRT's last errors and warnings: its own logger would print them to stdout.

    TensorRT calls it from threads of its own, thousands of times a build, and until the last of its objects is gone.
    """

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.errors: deque[str] = deque(maxlen=LINES)
        self.warnings: deque[str] = deque(maxlen=LINES)

    def log(self, severity: trt.ILogger.Severity, msg: str) -> None:
        if severity in QUIET:
            return
        (self.warnings if severity == trt.ILogger.Severity.WARNING else self.errors).append(msg)

    def words(self) -> str:
        """The last errors, else the last warnings, on one line. Errors are given once."""
        message = " ".join("; ".join(self.errors or self.warnings).split())
        self.errors.clear()
        return message or "it does not say why"

    def made(self, result: Result | None, failure: str) -> Result:
        """What TensorRT returned. RuntimeError in its words where that is None or False, as its failures are."""
        if result is None or result is False:
            raise RuntimeError(f"TensorRT {trt.__version__} {failure}: {self.words()}")
        return result


def _require_one_shape(network: trt.INetworkDefinition) -> None:
    """Raise ValueError unless there is one input of a fixed shape and one output, which a session binds once."""
    if (network.num_inputs, network.num_outputs) != (1, 1):
        raise ValueError(
            f"the ONNX file has {network.num_inputs} inputs and {network.num_outputs} outputs, not 1 and 1"
        )
    images = network.get_input(0)
    if -1 in tuple(images.shape):
        shape = ", ".join("?" if size == -1 else str(size) for size in images.shape)
        raise ValueError(f"input {images.name} has the dynamic shape ({shape}): export it with its batch in the file")


def build(onnx: Path, options: Mapping[str, str], timing_cache: bytes = b"") -> tuple[bytes, bytes]:
    """A plan for the current CUDA device, and the timing cache with what this build added to it.

    The network is strongly typed: it computes in the number formats of the file, and of `options` "tf32" says "on" or
    "off" and "optimization level" 0 to 5. RuntimeError in TensorRT's words where it refuses.
    """
    log = Log()
    builder = trt.Builder(log)
    strongly_typed = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)  # TensorRT 10 asks for it
    network = log.made(builder.create_network(strongly_typed), "makes no network")
    parser = trt.OnnxParser(network, log)
    parsed = parser.parse_from_file(str(onnx))
    if errors := [parser.get_error(index) for index in range(parser.num_errors)]:
        message = "; ".join(f"{e.node_operator()} {e.node_name()}: {e.desc()}".lstrip(" :") for e in errors)
        raise RuntimeError(f"TensorRT {trt.__version__} does not parse {onnx.name}: {' '.join(message.split())}")
    log.made(parsed, f"does not parse {onnx.name}")
    _require_one_shape(network)
    config = log.made(builder.create_builder_config(), "makes no builder configuration")
    (config.set_flag if options["tf32"] == "on" else config.clear_flag)(trt.BuilderFlag.TF32)  # it is on by default
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, WORKSPACE_BYTES)
    config.builder_optimization_level = int(options["optimization level"])
    config.avg_timing_iterations = TIMING_ITERATIONS
    config.profiling_verbosity = trt.ProfilingVerbosity.LAYER_NAMES_ONLY  # more would slow down the enqueue
    cache = log.made(config.create_timing_cache(timing_cache), "makes no timing cache")
    log.made(config.set_timing_cache(cache, ignore_mismatch=False), "does not take the timing cache")
    plan = log.made(builder.build_serialized_network(network, config), f"does not build {onnx.name}")
    filled = log.made(config.get_timing_cache(), "has no timing cache")
    return bytes(plan), bytes(log.made(filled.serialize(), "does not save its timing cache"))
