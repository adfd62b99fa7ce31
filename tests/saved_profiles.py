"""Profiles, probes and a record written down by hand: one case as its layers run, one that fuses, one refused."""

from mnv2bench.case import Case
from mnv2bench.networks import layers
from mnv2bench.profiling.records import Operator, Probe, Probes, Profile
from mnv2bench.records import Artifact, Machine, Memory, Plan, Process, Samples, record
from mnv2bench.records.rounds import Round

US, MS, MB = 1_000, 1_000_000, 1_000_000
SMALL = Case(width=0.35, resolution=96)
EAGER = SMALL
FUSED = Case(width=0.35, resolution=96, backend="onnxruntime")
NCNN = Case(width=0.35, resolution=96, backend="ncnn")
TOOK_US = {"stem": 20, "expand": 20, "depthwise": 20, "project": 10, "add": 4, "head": 25, "pool": 5, "classifier": 10}
MACHINE = Machine(cpu_model="Example CPU", cores=2, fingerprint="example-cpu-2c")


def module(layer: str) -> str:
    """The module of torchvision's network that computes a layer."""
    block, _, part = layer.partition(".")
    if not part:
        return {"stem": "features.0.0", "head": "features.18.0", "pool": "", "classifier": "classifier.1"}[block]
    number, first = int(block.removeprefix("block")) + 1, block == "block0"
    if part == "add":
        return f"features.{number}"
    place = {"expand": "0.0", "depthwise": "0.0" if first else "1.0", "project": "1" if first else "2"}[part]
    return f"features.{number}.conv.{place}"


def operator(*names: str) -> Operator:
    """The layers in one, in the sum of their times."""
    kinds = {layer.name: layer.type for layer in layers("mobilenet_v2", 0.35, 96)}
    took = sum(TOOK_US[name.rpartition(".")[2]] for name in names)
    kind = "+".join(kinds[name] for name in names)
    return Operator(f"op of {'+'.join(names)}", kind, (took * US,) * 3, tuple(map(module, names)))


def profiles() -> list[Profile]:
    """EAGER in two processes, FUSED in one, NCNN in none."""
    names = [layer.name for layer in layers("mobilenet_v2", 0.35, 96)]
    apart = tuple(operator(name) for name in names)
    together = [(name, name.replace("project", "add")) for name in names if name.endswith("project")]
    together = [pair for pair in together if pair[1] in names] + [("head", "pool")]
    first = {pair[0]: pair for pair in together}
    inside = {pair[1] for pair in together}
    fused = tuple(operator(*first.get(name, (name,))) for name in names if name not in inside)
    extra = (Operator("nchwc | reorder", "layout", (60 * US,) * 3), Operator("odd", "other", (10 * US,) * 3))
    eager = [
        Profile(EAGER, n, "ok", "", 1.0, "a profiler", apart, (1_100 * US,) * 3, notes=("whole microseconds",))
        for n in (0, 1)
    ]
    return [
        *eager,
        Profile(FUSED, 0, "ok", "", 1.0, "another", (*fused, *extra), (1_200 * US,) * 3, 1_200_000, "memory plan"),
        Profile(NCNN, 0, "unsupported", "ncnn wheels have no profiler", 0.0),
    ]


def _rounds(ns: int, cpu: float = 1.0) -> tuple[Round, ...]:
    return (Round((ns,) * 10, wall_ns=10 * ns, cpu_ns=round(cpu * 10 * ns)),) * 4


def _probes(number: int) -> Probes:
    product = Probe("fp32 matmul", "torch", "flop", 2_000_000_000, 12 * MB, "", _rounds(20 * MS))
    near = Probe("copy in L3", "torch", "byte", 16 * MB, 16 * MB, "L3", _rounds(400 * US))
    far = Probe("copy in memory", "torch", "byte", 400 * MB, 400 * MB, "memory", _rounds(20 * MS, cpu=0.5))
    return Probes(1, number, "ok", "", 2.0, (product, near, far), {"L3": 32 << 20})


def _record():  # type: ignore[no-untyped-def]
    ran = Round((MS,) * 20, 20 * MS, 20 * MS)
    memory = Memory(14 * MB, 50 * MB, 64 * MB, 80 * MB)
    samples = Samples((), (ran,) * 4, 0.25, 0.5, None, False, 0.003, memory, 2e-6, 0.5)
    process = Process(EAGER, 0, 0, 0, "ok", "", 1.0, samples)
    return record(EAGER, Plan(), MACHINE, [process], Artifact("onnx", "abc", 14 * MB, 3.5), seed=7)


def _curved(number: int) -> Probes:
    """Probes of schema 5: products of two shapes and libraries, and three working sets copied and read."""
    slow = _rounds(20 * MS + number * MS)
    products = (
        Probe("fp32 matmul 256x256x256", "torch", "flop", 2_000_000_000, 786_432, "", slow),
        Probe("fp32 matmul 196x96x576", "torch", "flop", 2_000_000_000, 748_032, "", _rounds(25 * MS)),
        Probe("fp32 matmul 196x96x576", "litert", "flop", 2_000_000_000, 748_032, "", _rounds(16 * MS)),
    )
    moving = [
        Probe(f"{access} of {size}", "numpy", "byte", 80 * MB, size, "", _rounds(ns), access)
        for size, copy_ns, read_ns in (
            (16 << 10, 1 * MS, 400 * US),
            (1 << 20, 1 * MS, 2 * MS),
            (64 << 20, 8 * MS, 4 * MS),
        )
        for access, ns in (("copy", copy_ns), ("read", read_ns))
    ]
    return Probes(1, number, "ok", "", 2.0, (*products, *moving), {"L3": 480 << 20}, passes=4)


PROBES = [_probes(0), _probes(1)]
CURVED = [_curved(0), _curved(1)]
RECORDS = [_record()]
