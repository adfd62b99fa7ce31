"""One fresh process of one case: open, check the outputs, measure. It does nothing else."""

import json
import shutil
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mnv2bench.workers.noise import resident_bytes

INTERPRETER_BYTES = resident_bytes()

import numpy as np  # noqa: E402  what follows is counted in the floor, not in the interpreter

from mnv2bench import backends  # noqa: E402
from mnv2bench.artifacts import REFERENCE_SEEDS  # noqa: E402
from mnv2bench.cases import Case  # noqa: E402
from mnv2bench.gpu import driver  # noqa: E402
from mnv2bench.gpu.nvml import Watch  # noqa: E402
from mnv2bench.networks import images  # noqa: E402
from mnv2bench.records import Gpu, GpuMemory, Memory, Plan, Samples  # noqa: E402
from mnv2bench.records.encoding import samples_to_json  # noqa: E402
from mnv2bench.workers.loop import measure  # noqa: E402
from mnv2bench.workers.outcome import outcome  # noqa: E402
from mnv2bench.workers.outputs import compare  # noqa: E402


class CompileCache:
    """The folder in which a runtime may keep what it compiles; whole only once an `open` has ended in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.complete, self.warm = folder, folder / "complete", False
        with suppress(OSError, ValueError):
            self.warm = float(self.complete.read_text()) > 0
        if not self.warm:
            shutil.rmtree(folder, ignore_errors=True)

    def opened(self, seconds: float) -> float | None:
        """How long the open that filled the folder took: this one or an earlier one; None where it stayed empty."""
        if not self.folder.exists():
            return None
        if not self.warm:
            self.complete.write_text(repr(seconds))
        return float(self.complete.read_text())


class OnGpu:
    """What the driver and NVML say of the GPU while its process opens and measures a model. Made before its runtime.

    Raises what `backends.require` does: where the driver is not what it needs, a runtime may crash.
    """

    def __init__(self, case: Case, index: int) -> None:
        backends.require(case)
        device = driver.require(index)
        self.watch = Watch(device.uuid)
        self.facts = {
            "name": device.name,
            "uuid": device.uuid,
            "compute_capability": device.compute_capability,
            "cuda": driver.version_text(device.cuda_version),
        }
        self.before, self.used = self.watch.state(), self.watch.used_bytes()

    def measured(self, session: backends.Session) -> Gpu:
        """After the last round, the session still open."""
        used = self.watch.used_bytes()
        memory = GpuMemory(
            **session.device_memory(),
            process=self.watch.process_bytes(),
            device_delta=None if used is None or self.used is None else used - self.used,
        )
        return Gpu(self.facts | self.watch.facts(), self.before, self.watch.state(), memory)


def main(job: dict[str, Any]) -> dict[str, Any]:
    case, plan, cache = Case(**job["case"]), Plan(**job["plan"]), CompileCache(Path(job["compile_cache"]))
    gpu = None if case.gpu is None else OnGpu(case, case.gpu)
    start = time.perf_counter()
    backend = backends.backend(case.backend)
    imported = time.perf_counter()
    floor = resident_bytes()
    opening = time.perf_counter()
    with backend.open(case, Path(job["artifact"])) as session:
        open_s = time.perf_counter() - opening
        cold_open_s = cache.opened(open_s)
        loaded = resident_bytes()
        if gpu:
            gpu.watch.opened()
        outputs, first_s, first = [], 0.0, None
        for seed in REFERENCE_SEEDS:
            session.put(images(seed, case.batch, case.resolution))
            before = time.perf_counter()
            session.run()
            first_s = first_s or time.perf_counter() - before
            first = first or resident_bytes()
            outputs.append(session.get())
        error, separation, wrong = compare(outputs, np.load(job["reference"])["logits"], case.precision)
        session.put(images(job["input_seed"], case.batch, case.resolution))
        warmup, rounds = measure(session, plan, case.threads, watch=gpu.watch if gpu else None)
        settings = session.settings()
        on_gpu = gpu.measured(session) if gpu else None
    peak, memory = resident_bytes("VmHWM"), None
    if INTERPRETER_BYTES and floor and loaded and peak:
        memory = Memory(INTERPRETER_BYTES, floor, loaded, peak, first)
    samples = Samples(
        warmup,
        rounds,
        import_s=imported - start,
        open_s=open_s,
        cold_open_s=cold_open_s,
        cold=cold_open_s is not None and not cache.warm,
        first_s=first_s,
        memory=memory,
        error=error,
        separation=separation,
        settings=settings,
        gpu=on_gpu,
    )
    measured = {"samples": samples_to_json(samples)}
    return {"status": "wrong" if wrong else "ok", "reason": wrong, "measured": measured}


if __name__ == "__main__":
    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
