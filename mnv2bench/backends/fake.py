"""The backend of the tests: the reference's own logits after a calibrated spin, or any way that a runtime can fail.

$MNV2BENCH_FAKE says how, per variant: "mobilenet_v2_0.35_96=segfault,mobilenet_v2_0.5_96=hang".
"""

import ctypes
import os
import signal
import time
from pathlib import Path

import numpy as np

from mnv2bench.backends import Images, Session, require
from mnv2bench.cases import Case
from mnv2bench.refusals import Unavailable, Unsupported

READS = "reference"
SPIN_NS = 200_000


class FakeSession(Session):
    def __init__(self, case: Case, path: Path, mode: str) -> None:
        self.logits = np.load(path)["logits"]
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
        if self.mode == "nan":
            logits[0, 0] = np.nan
        return logits * np.float32(1.01) if self.mode == "wrong" else logits


def open(case: Case, path: Path) -> Session:
    require(case)
    mode = dict(pair.split("=") for pair in os.environ.get("MNV2BENCH_FAKE", "").split(",") if pair).get(
        case.variant, ""
    )
    if mode == "unavailable":
        raise Unavailable("fake is told to be missing: unset MNV2BENCH_FAKE")
    if mode == "unsupported":
        raise Unsupported("fake is told not to do this")
    if mode == "raise":
        raise RuntimeError("fake is told to raise\nover two lines")
    return FakeSession(case, path, mode)
