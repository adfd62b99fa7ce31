"""The words that choose cases, the same for `pytest suites` and `mnv2bench run`."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from mnv2bench import backends, networks, precisions
from mnv2bench.artifacts import Weights
from mnv2bench.campaign import all_backends
from mnv2bench.cases import GRIDS, Case, cases, is_elsewhere, is_gpu, variants
from mnv2bench.machine import cores
from mnv2bench.precisions import FP16, FP32
from mnv2bench.records import QUICK, Plan

N = TypeVar("N", int, float)
SUITES = ("latency", "throughput")
QUICK_ON_GPUS = (FP32.name, FP16.name)  # precisions

OPTIONS = {  # name: (default, help); one list for argparse and typer, so that neither drifts
    "grid": ("quick", f"Variants: {', '.join(GRIDS)}."),
    "networks": (networks.DEFAULT, f"Comma-separated, of {', '.join(networks.names())}."),
    "widths": ("", "Comma-separated width multipliers; any width, with --resolutions."),
    "resolutions": ("", "Comma-separated; any from 32, with --widths."),
    "backends": ("", "Comma-separated; every one in `mnv2bench backends` where not given."),
    "devices": ("cpu", "Comma-separated: cpu, cuda, cuda:1, adb:SERIAL, adb:SERIAL@big, ssh:HOST, qemu:cortex-a76."),
    "precisions": (
        "",
        f"Comma-separated, of {', '.join(precisions.NAMES)}; "
        f"on cuda all, on its quick grid {', '.join(QUICK_ON_GPUS)}.",
    ),
    "threads": ("", "Comma-separated numbers, or all for every core."),
    "batches": ("", "Comma-separated."),
    "processes": ("", "Fresh processes per case: 3 on the quick grid, else 5."),
    "rounds": ("", "Undisturbed rounds of 150 ms per process: 5 on the quick grid, else 15."),
    "process-limit": ("", "Seconds after which a worker process is killed: 300."),
    "seed": ("0", "Of the order, the images and the layout of each process."),
    "trt-level": ("3", "TensorRT's builder optimisation level, 0 to 5."),
    "runner": ("", "On other devices, instead of our runner: benchmark_model, executor_runner, benchncnn, a Python."),
    "weights": ("", "A state dict file (torch.save) instead of seeded weights."),
}

FLAGS = {"cold-l2": "On a GPU: empty the L2 cache before every timed call. Hot where not given."}


@dataclass(frozen=True)
class Selection:
    """What was asked for, checked; empty where nothing was asked and the suite decides."""

    grid: str
    networks: tuple[str, ...]
    variants: tuple[tuple[float, int], ...]
    backends: tuple[str, ...]
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    plan: Plan
    seed: int
    weights: Weights
    runner: str = ""


def mobile_backends() -> tuple[str, ...]:
    return tuple(name for name in backends.names() if backends.runtime(name).mobile)


def _quick_throughput_backends() -> tuple[str, ...]:
    return tuple(name for name in backends.names() if backends.runtime(name).quick_throughput)


def _precisions_on_gpus() -> tuple[str, ...]:
    """Every precision that a backend runs on a GPU."""
    runnable = {precision for name in backends.names() for precision in backends.runtime(name).runs.get("cuda", ())}
    return tuple(name for name in precisions.NAMES if name in runnable)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(name: str, text: str, kind: Callable[[str], N]) -> tuple[N, ...]:
    try:
        return tuple(kind(word) for word in _words(text))
    except ValueError:
        raise ValueError(f"--{name} takes numbers separated by commas, not {text!r}") from None


def _number(name: str, text: str, kind: Callable[[str], N]) -> N:
    numbers = _numbers(name, text, kind)
    if len(numbers) != 1:
        raise ValueError(f"--{name} takes one number, not {text!r}")
    return numbers[0]


def _plan(asked: dict[str, str]) -> Plan:
    plan = QUICK if asked["grid"] == "quick" else Plan()
    changes: dict[str, Any] = {name: _number(name, asked[name], int) for name in ("processes", "rounds") if asked[name]}
    changes |= {"trt_level": _number("trt-level", asked["trt-level"], int), "cold_l2": bool(asked["cold-l2"])}
    if asked["process-limit"]:
        changes["timeout_s"] = _number("process-limit", asked["process-limit"], float)
    return replace(plan, **changes)


def _devices(text: str) -> tuple[str, ...]:
    devices = _words(text)
    for device in devices:
        _, colon, place = device.partition(":")
        if is_gpu(device):
            continue
        if colon and not (is_elsewhere(device) and place):
            raise ValueError(
                f"device {device!r} is not one of cpu, cuda, cuda:1, adb:SERIAL, ssh:HOST, qemu:CPU: "
                "see mnv2bench devices"
            )
    return devices


def _variants(
    grid: str, widths: tuple[float, ...], resolutions: tuple[int, ...], names: tuple[str, ...]
) -> tuple[tuple[float, int], ...]:
    """The variants of every named network's grid, each once."""
    chosen = (variant for name in names for variant in variants(grid, widths, resolutions, name))
    return tuple(dict.fromkeys(chosen))


def select(asked: dict[str, str]) -> Selection:
    """Read the options. ValueError, in one line, for what cannot be meant."""
    asked = {name: default for name, (default, _) in OPTIONS.items()} | dict.fromkeys(FLAGS, "") | asked
    for name in _words(asked["backends"]):
        if not backends.is_known(name):
            raise ValueError(f"backend {name!r} is not one of {', '.join(backends.names())}")
    for name in _words(asked["precisions"]):
        precisions.named(name)
    weights = Weights(_number("seed", asked["seed"], int), asked["weights"])
    try:
        weights.content  # noqa: B018  read now, so that a missing file is said before anything is measured
    except OSError as error:
        raise ValueError(f"--weights {weights.file}: {error.strerror}") from error
    threads = tuple(str(cores()) if word == "all" else word for word in _words(asked["threads"]))
    widths = _numbers("widths", asked["widths"], float)
    resolutions = _numbers("resolutions", asked["resolutions"], int)
    return Selection(
        grid=asked["grid"],
        networks=_words(asked["networks"]),
        variants=_variants(asked["grid"], widths, resolutions, _words(asked["networks"])),
        backends=_words(asked["backends"]),
        devices=_devices(asked["devices"]),
        precisions=_words(asked["precisions"]),
        threads=_numbers("threads", ",".join(threads), int),
        batches=_numbers("batches", asked["batches"], int),
        plan=_plan(asked),
        seed=weights.seed,
        weights=replace(weights, seed=0),
        runner=asked["runner"],
    )


def suite_cases(suite: str, asked: Selection) -> tuple[Case, ...]:
    """The cases of a suite, those of this machine first: latency is batch 1, throughput larger batches too."""
    elsewhere = tuple(filter(is_elsewhere, asked.devices))
    gpus = tuple(filter(is_gpu, asked.devices))
    here = tuple(device for device in asked.devices if device not in (*elsewhere, *gpus))
    return (
        *(_here(suite, asked, here) if here else ()),
        *(_gpus(suite, asked, gpus) if gpus else ()),
        *(_elsewhere(suite, asked, elsewhere) if elsewhere else ()),
    )


def _gpus(suite: str, asked: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """On GPUs: one host thread, every precision, latency at batch 1 and throughput up to 256, for which it matters.

    The quick grid asks for fp32 and fp16, and for one batch.
    """
    quick = asked.grid == "quick"
    batches = asked.batches or ((1,) if suite == "latency" else (32,) if quick else (8, 32, 128, 256))
    return cases(
        asked.variants,
        networks=asked.networks,
        backends=asked.backends or all_backends("cuda"),
        devices=devices,
        precisions=asked.precisions or (QUICK_ON_GPUS if quick else _precisions_on_gpus()),
        threads=dict.fromkeys(asked.threads or (1,)),
        batches=tuple(batch for batch in batches if (batch == 1) == (suite == "latency")),
    )


def _elsewhere(suite: str, asked: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """On other devices: batch 1 and one thread, where nothing else is asked for; how many cores they have is theirs."""
    batches = tuple(b for b in asked.batches or (1,) if (b == 1) == (suite == "latency"))
    return cases(
        asked.variants,
        networks=asked.networks,
        backends=asked.backends or mobile_backends(),
        devices=devices,
        precisions=asked.precisions or (FP32.name,),
        threads=dict.fromkeys(asked.threads or (1,)),
        batches=batches,
    )


def _here(suite: str, asked: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """On this machine: latency at one thread and at all cores, throughput with batches 1, 8, 32 at all.

    The quick grid asks less of itself where no backends are named: one thread for latency, batch 8 of the runtimes that
    open in a second, and the slowest to open on the largest variant only.
    """
    quick = asked.grid == "quick"
    everywhere = (cores(),)
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    if suite == "latency":
        threads, batches = (1,) if quick else (1, *everywhere), (1,)
        if asked.batches:
            batches = tuple(batch for batch in asked.batches if batch == 1)
        names = asked.backends or all_backends()
    else:
        threads, batches = everywhere, asked.batches or ((8,) if quick else (1, 8, 32))
        quickly = quick and not asked.backends and not asked.batches
        names = _quick_throughput_backends() if quickly else asked.backends or all_backends()
    chosen = cases(
        asked.variants,
        networks=asked.networks,
        backends=names,
        devices=devices,
        precisions=asked.precisions or (FP32.name,),
        threads=dict.fromkeys(asked.threads or threads),
        batches=batches,
    )
    if not quick or asked.backends:
        return chosen
    largest = max(asked.variants, default=(0.0, 0))
    return tuple(c for c in chosen if backends.runtime(c.backend).opens != "slow" or (c.width, c.resolution) == largest)
