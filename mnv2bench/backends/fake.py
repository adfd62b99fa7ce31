"""The backend of the tests: it spins for a fixed time and returns the reference's logits, or fails in a chosen way.

$MNV2BENCH_FAKE chooses the failure by variant: "mobilenet_v2_0.35_96=segfault,mobilenet_v2_0.5_96=hang". On cuda it
asks the driver as every backend does, and then simulates a device with a queue on the host's clock.
"""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from mnv2bench.backends import Images, Mark, Runtime, Session, require
from mnv2bench.cases import Case
from mnv2bench.precisions import FP32, named
from mnv2bench.refusals import Unavailable, Unsupported, Wrong

RUNTIME = Runtime(
    reads="reference",
    runs={"cpu": ("fp32", "fp16", "bf16"), "cuda": ("fp32", "tf32", "fp16", "bf16")},
    needs_cuda=13000,
    profiler="fake",
)
SPIN_NS = 200_000
ENQUEUE_NS, COPY_NS, COOL_NS = 20_000, 10_000, 50_000


def spin(until_ns: int) -> None:
    """Keep the processor busy until the clock `time.perf_counter_ns` shows this time."""
    while time.perf_counter_ns() < until_ns:
        pass


class FakeMark(Mark):
    """Event of the fake queue."""

    def __init__(self, queue: "FakeQueue") -> None:
        self.queue = queue
        self.record()

    def record(self) -> None:
        self.ns = max(time.perf_counter_ns(), self.queue.done_ns)

    def wait(self) -> None:
        spin(self.ns)

    def ns_since(self, earlier: Mark) -> int:
        assert isinstance(earlier, FakeMark)
        return self.ns - earlier.ns


class FakeQueue:
    """A simulated device that works in order; its queue is empty at `done_ns` of the host's clock."""

    done_ns = 0

    def work(self, ns: int) -> None:
        self.done_ns = max(time.perf_counter_ns(), self.done_ns) + ns

    def enqueue(self) -> None:
        spin(time.perf_counter_ns() + ENQUEUE_NS)
        self.work(SPIN_NS)

    def synchronize(self) -> None:
        spin(self.done_ns)

    def mark(self) -> FakeMark:
        return FakeMark(self)

    def copy_in(self) -> None:
        self.work(COPY_NS)

    def copy_out(self) -> None:
        self.work(COPY_NS)

    def cool_l2(self) -> None:
        self.work(COOL_NS)


class FakeSession(Session):
    """Session that returns stored logits, or fails in the way that its mode names."""

    def __init__(self, case: Case, path: Path, mode: str) -> None:
        self.logits = np.load(path)["logits"]
        self.dropped = FP32.significand_bits - named(case.precision).significand_bits
        self.puts = 0
        self.mode = mode

    def put(self, images: Images) -> None:
        self.puts += 1

    def run(self) -> None:
        if self.mode == "hang":
            time.sleep(3600)
        if self.mode == "segfault":
            ctypes.string_at(0)
        if self.mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        end = time.perf_counter_ns() + SPIN_NS
        while time.perf_counter_ns() < end:
            pass

    def get(self) -> Images:
        logits: Images = self.logits[(self.puts - 1) % 2].copy()
        logits.view(np.uint32)[...] &= np.uint32(0xFFFFFFFF << self.dropped & 0xFFFFFFFF)
        if self.mode == "nan":
            logits[0, 0] = np.nan
        return logits * np.float32(1.01) if self.mode == "wrong" else logits


class FakeGpuSession(FakeSession):
    """The same on a device that runs beside the host. Mode "no graph": its CUDA graph could not be captured."""

    def __init__(self, case: Case, path: Path, mode: str) -> None:
        super().__init__(case, path, mode)
        self.queue: FakeQueue = FakeQueue()
        self.input = named(case.precision).dtype

    def run(self) -> None:
        if self.mode in ("hang", "segfault", "kill"):
            super().run()
        self.queue.enqueue()
        self.queue.synchronize()

    def settings(self) -> dict[str, str]:
        graph = "no: fake is told that capture failed" if self.mode == "no graph" else "yes"
        return {"input": f"{self.input} NCHW", "CUDA graph": graph}

    def device_memory(self) -> dict[str, int]:
        return {"engine_weights": 6_000_000, "engine_activations": 2_000_000}


def open(case: Case, path: Path) -> Session:
    require(case)
    mode = dict(pair.split("=") for pair in os.environ.get("MNV2BENCH_FAKE", "").split(",") if pair).get(
        case.variant, ""
    )
    if mode == "unavailable":
        raise Unavailable("fake is told to be missing: unset MNV2BENCH_FAKE")
    if mode == "unsupported":
        raise Unsupported("fake is told not to do this")
    if mode == "fallback":
        raise Wrong("fake is told that it fell back to the CPU: Conv node_1")
    if mode == "raise":
        raise RuntimeError("fake is told to raise\nover two lines")
    return (FakeSession if case.gpu is None else FakeGpuSession)(case, path, mode)
