"""One fresh process of one case: open, check the outputs, measure. It does nothing else."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from mnv2bench.workers.noise import resident_bytes

INTERPRETER_BYTES = resident_bytes()

from mnv2bench import backends  # noqa: E402  what follows is counted in the floor, not in the interpreter
from mnv2bench.artifacts import batch_seeds  # noqa: E402
from mnv2bench.case import Case  # noqa: E402
from mnv2bench.gpu import driver  # noqa: E402
from mnv2bench.gpu import peak as gpu_peak  # noqa: E402
from mnv2bench.gpu.nvml import Watch  # noqa: E402
from mnv2bench.imagesets import image_set  # noqa: E402
from mnv2bench.records import Gpu, GpuMemory, Samples  # noqa: E402
from mnv2bench.workers.checking import after_rounds  # noqa: E402
from mnv2bench.workers.distributions import imported_versions  # noqa: E402
from mnv2bench.workers.jobs import WORKER, Measured, MeasureJob  # noqa: E402
from mnv2bench.workers.opening import Timing, open_streams_check_measure, time_streams  # noqa: E402
from mnv2bench.workers.outputs import Comparison, Reference, compare, worst  # noqa: E402
from mnv2bench.workers.peak import Peak, product_peak  # noqa: E402
from mnv2bench.workers.programs import Outcome, serve  # noqa: E402
from mnv2bench.workers.proof import ran_otherwise, reduced_fp32  # noqa: E402
from mnv2bench.workers.rotation import CHECKED, Rotation, of_stream  # noqa: E402
from mnv2bench.workers.streams import Streams  # noqa: E402


class CompileCache:
    """The folder where a runtime may keep what it compiles; it is complete once an `open` has ended in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.complete, self.warm = folder, folder / "complete", False
        with suppress(OSError, ValueError):
            self.warm = float(self.complete.read_text()) > 0
        if not self.warm:
            shutil.rmtree(folder, ignore_errors=True)

    def opened(self, seconds: float) -> float | None:
        """Seconds of the open that filled the folder, this one or an earlier one; None where the folder is empty."""
        if not self.folder.exists():
            return None
        if not self.warm:
            self.complete.write_text(repr(seconds))
        return float(self.complete.read_text())


class OnGpu:
    """The GPU of a process, as the driver and NVML tell of it. Made before the runtime is imported.

    Raises what `backends.require` does: a runtime may crash where the driver is not the one that it needs.
    """

    def __init__(self, case: Case, index: int) -> None:
        backends.require(case)
        device = driver.require(index)
        self.device, self.watch = device, Watch(device.uuid)
        self.facts = {
            "name": device.name,
            "uuid": device.uuid,
            "compute_capability": device.compute_capability,
            "cuda": driver.version_text(device.cuda_version),
        }
        self.before, self.used = self.watch.state(), self.watch.used_bytes()

    def measured(self, session: backends.Session) -> Gpu:
        """The GPU's facts, states and memory; called after the last round, while the session is open."""
        used = self.watch.used_bytes()
        memory = GpuMemory(
            **session.device_memory(),
            process=self.watch.process_bytes(),
            device_delta=None if used is None or self.used is None else used - self.used,
        )
        return Gpu(self.facts | self.watch.facts(), self.before, self.watch.state(), memory)

    def peak(self, seconds: float | None = None) -> Peak:
        """The most multiply-adds that the GPU can do, as far as its driver and NVML say; nothing is measured."""
        return Peak(gpu_peak.peak_madds_per_s(self.device, self.watch.sm_mhz_max()), gpu_peak.SOURCE)


def main(job: MeasureJob) -> Outcome[Measured]:
    """Measure a case once; an outcome whose outputs are wrong has its numbers all the same."""
    case, cache = job.case, CompileCache(Path(job.compile_cache))
    gpu = None if case.gpu is None else OnGpu(case, case.gpu)
    seeds, pictures = batch_seeds(job.input_seed), image_set(case, job.weights)
    cold_open_s: float | None = None

    def load() -> Callable[[], list[backends.Session]]:
        return partial(backends.open_streams, backends.backend(case.backend), case, Path(job.artifact))

    def opened(open_s: float) -> None:
        nonlocal cold_open_s
        cold_open_s = cache.opened(open_s)
        if gpu:
            gpu.watch.opened()

    def check(stream: int, outputs: list[backends.Images]) -> Comparison:
        expected = Reference(Path(job.reference)).of(of_stream(seeds, stream)[:CHECKED])
        return compare(outputs, expected, case.precision, job.weights.kind(case))

    def batch(stream: int, number: int) -> backends.Images:
        return pictures.batch(of_stream(seeds, stream)[number], case.batch, case.image)

    def time(streams: Streams[backends.Session]) -> tuple[Timing, Gpu | None]:
        turns = [
            Rotation(session, partial(batch, stream), len(seeds)) for stream, session in enumerate(streams.sessions)
        ]
        timing = time_streams(streams, job.plan, case.total_threads, turns, gpu.watch if gpu else None)
        return timing, gpu.measured(streams.sessions[0]) if gpu else None

    opening = open_streams_check_measure(
        load,
        batch=batch,
        check=check,
        measure=time,
        opened=opened,
        interpreter_bytes=INTERPRETER_BYTES,
    )
    timing, on_gpu = opening.measured
    checked = worst(opening.checked)
    checks, wrong_later = after_rounds(
        case,
        job.weights.kind(case),
        timing.rounds,
        timing.logits,
        seeds,
        timing.checks,
        Reference(Path(job.reference)),
        gpu.peak if gpu else partial(product_peak, case.threads),
    )
    samples = Samples(
        warmup=timing.warmup,
        rounds=timing.rounds,
        import_s=opening.import_s,
        open_s=opening.open_s,
        cold_open_s=cold_open_s,
        cold=cold_open_s is not None and not cache.warm,
        first_s=opening.first_s,
        memory=opening.memory,
        error=checked.error,
        separation=checked.separation,
        settings=timing.settings,
        gpu=on_gpu,
        checks=checks,
        libraries=imported_versions(backends.runtime(case.backend).distributions),
        layers=opening.layers,
    )
    wrong = reduced_fp32(case) or checked.wrong or ran_otherwise(case, opening.layers) or wrong_later
    return Outcome("wrong" if wrong else "ok", wrong, Measured(samples))


if __name__ == "__main__":
    serve(WORKER, main)
