"""Records of GPUs, written down by hand: microseconds and megabytes in, a Record out."""

from mnv2bench.case import Case
from mnv2bench.records import Artifact, Gpu, GpuFacts, GpuMemory, Machine, Plan, Process, Samples, record
from mnv2bench.records.rounds import GpuRound, GpuState, Round

MB = 1_000_000
EXAMPLE_GPU = GpuFacts(name="Example GPU", driver="595.10", cuda="13.2")
MACHINE = Machine(fingerprint="here-2c-00000000", gpus=(EXAMPLE_GPU,))
FACTS = {"name": "Example GPU", "uuid": "GPU-0011"}
IDLE = GpuState(210, 405, 31, ("idle",), 0)
BUSY = GpuState(1980, 2619, 55, (), 0)
CAPPED = GpuState(1410, 2619, 71, ("sw power cap",), 0)
SHARED = GpuState(1980, 2619, 55, (), 2)
BLIND = GpuState(1980, None, None, None, None)
MEMORY = GpuMemory(13 * MB, 21 * MB, 7 * MB, 5 * MB, 590 * MB, 601 * MB)


def gpu_round(wall_us, gpu_us=80, enqueue_us=20, end_to_end_us=140, state=BUSY, energy_mj=30, in_flight_us=1600):
    """Ten equal calls by each clock, and twenty in flight."""
    ns = [(round(1000 * us),) * 10 for us in (wall_us, gpu_us, enqueue_us, end_to_end_us)]
    wall_ns = sum(map(sum, ns[1:])) + round(1000 * in_flight_us)
    queued = GpuRound(*ns[1:], 20, round(1000 * in_flight_us), energy_mj, wall_ns, state=state)
    return Round(ns[0], wall_ns=sum(ns[0]) + 1000, cpu_ns=sum(ns[0]) // 2, gpu=queued)


def gpu_samples(*rounds, settings=None, memory=MEMORY, error=4e-2, before=IDLE, after=BUSY, facts=FACTS):
    told = Gpu(facts, before, after, memory)
    said = {"CUDA graph": "yes", "input": "float16 NCHW"} if settings is None else settings
    return Samples((), rounds, 0.25, 1.5, None, False, 0.03, None, error, 0.5, said, told)


def gpu_record(*processes, backend="tensorrt", precision="fp16", status="ok", reason="", plan=None, **case):
    """A process for each of these samples; one empty process where there are none."""
    of = Case(**{"device": "cuda", "backend": backend, "precision": precision, **case})
    ended = [
        Process(of, number, number, 0, status, reason, 10.0, samples)
        for number, samples in enumerate(processes or (Samples(),))
    ]
    format = {"tensorrt": "plan", "onnxruntime": "onnx"}.get(backend, "state_dict")
    artifact = Artifact(format, "abc", 7 * MB, 12.5) if processes else None
    return record(of, plan or Plan(), MACHINE, ended, artifact, seed=7)


def steady(*walls_us, rounds=4, **rest):
    """A process for each wall time, of four alike rounds."""
    of_round = ("gpu_us", "enqueue_us", "end_to_end_us", "state", "energy_mj", "in_flight_us")
    of_samples = ("settings", "memory", "error", "before", "after", "facts")
    round_says = {name: rest.pop(name) for name in of_round if name in rest}
    samples_say = {name: rest.pop(name) for name in of_samples if name in rest}
    processes = (gpu_samples(*(gpu_round(us, **round_says),) * rounds, **samples_say) for us in walls_us)
    return gpu_record(*processes, **rest)
