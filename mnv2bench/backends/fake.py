"""The backend of the tests: it spins for a fixed time and returns the reference's logits, or fails in a chosen way.

$MNV2BENCH_FAKE chooses the failure by variant: "mobilenet_v2_0.35_96=segfault,mobilenet_v2_0.5_96=hang". The ways to
be wrong without a crash are in `shared/fake_work.py`. On cuda it asks the driver as every backend does, and then
simulates a device with a queue on the host's clock.
"""

import ctypes
import os
import signal
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from mnv2bench.backends import Images, Mark, Runtime, Session, require
from mnv2bench.backends.shared.fake_work import FAULTS, Work, batch_name
from mnv2bench.case import Case
from mnv2bench.precisions import FP32, named
from mnv2bench.refusals import Unavailable, Unsupported, Wrong

RUNTIME = Runtime(
    reads="reference",
    runs={"cpu": ("fp32", "fp16", "bf16", "int8"), "cuda": ("fp32", "tf32", "fp16", "bf16")},
    any_processor=("fp16", "bf16", "int8"),
    needs_cuda=13000,
    profiler="fake",
    why_no_program="it computes nothing, and is for tests alone",
)
SPIN_NS = 200_000  # of a call, at least
MADDS_PER_NS = 60  # of a longer one, so that no machine is too slow for it
UNLOCKED = bytes(8192)  # about 1 us of CRC, for which Python gives its lock to other threads
ENQUEUE_NS, COPY_NS, COOL_NS = 20_000, 10_000, 50_000


def spin(until_ns: int) -> None:
    """Keep the processor busy until the clock `time.perf_counter_ns` shows this time, and let other threads run."""
    while time.perf_counter_ns() < until_ns:
        zlib.crc32(UNLOCKED)


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

    def __init__(self, call: Callable[[], None]) -> None:
        self.enqueue = call

    def work(self, ns: int) -> None:
        self.done_ns = max(time.perf_counter_ns(), self.done_ns) + ns

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
        with np.load(path) as file:
            self.logits: dict[str, Images] = dict(zip(file["names"].tolist(), file["logits"], strict=True))
        madds = case.count.madds * case.batch
        self.call_ns = max(SPIN_NS, madds // MADDS_PER_NS)
        self.dropped = FP32.significand_bits - named(case.precision).significand_bits
        self.mode = mode
        self.work = FAULTS.get(mode, Work)(self.look_up, self.spend)

    def look_up(self, images: str) -> Images:
        """The reference's logits of these images; of images that the reference does not have, those of its first."""
        first: Images = next(iter(self.logits.values()))
        return self.logits.get(images, first)

    def spend(self) -> None:
        spin(time.perf_counter_ns() + self.call_ns)

    def put(self, images: Images) -> None:
        self.work.put(batch_name(images))

    def run(self) -> None:
        if self.mode == "hang":
            time.sleep(3600)
        if self.mode == "segfault":
            ctypes.string_at(0)
        if self.mode == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        self.work.run()

    def get(self) -> Images:
        logits = self.work.get().copy()
        logits.view(np.uint32)[...] &= np.uint32(0xFFFFFFFF << self.dropped & 0xFFFFFFFF)
        if self.mode == "nan":
            logits[0, 0] = np.nan
        return logits * np.float32(1.01) if self.mode == "wrong" else logits


class FakeGpuSession(FakeSession):
    """The same on a device that runs beside the host. Mode "no graph": its CUDA graph could not be captured."""

    def __init__(self, case: Case, path: Path, mode: str) -> None:
        super().__init__(case, path, mode)
        self.queue: FakeQueue = FakeQueue(super().run)
        self.input = named(case.precision).dtype

    def spend(self) -> None:
        spin(time.perf_counter_ns() + ENQUEUE_NS)
        self.queue.work(SPIN_NS)

    def run(self) -> None:
        self.queue.enqueue()
        self.queue.synchronize()

    def get(self) -> Images:
        logits = super().get()
        self.queue.synchronize()
        return logits

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
