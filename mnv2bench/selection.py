"""The options that choose cases, the same for `pytest suites` and every verb that measures."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mnv2bench import backends, networks, precisions, sweeps
from mnv2bench.campaign import all_backends
from mnv2bench.campaign.described import describe
from mnv2bench.campaign.weights import with_classes
from mnv2bench.case import GRIDS, Case, Kind, cases, is_elsewhere, is_gpu, variants
from mnv2bench.machine import cores
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.networks import Resolution, Variant
from mnv2bench.precisions import FP16, FP32
from mnv2bench.records import QUICK, Plan, Weights, default_weights, replace
from mnv2bench.texts import counted, duration_s
from mnv2bench.workers.environment import checked_environment

N = TypeVar("N", int, float)
AUTO = "auto"  # the word of --precisions for those that backend and hardware have
MAX_SEED, MAX_PROCESSES, MAX_ROUNDS = 2**63 - 1, 10_000, 1_000_000
BUDGETED = replace(QUICK, processes=30)  # with a budget, where no number is given: short processes, as many as help
SEEDED = "seeded"  # the word of --weights for weights that are made from a seed
SUITES = ("latency", "throughput")
QUICK_ON_GPUS = (FP32.name, FP16.name)  # precisions

OPTIONS = {  # name: (default, help), for argparse and typer alike
    "grid": ("quick", f"Which variants to measure: {', '.join(GRIDS)}."),
    "networks": (networks.DEFAULT, f"Networks, separated by commas: {', '.join(networks.names())}."),
    "widths": ("", "Width multipliers, separated by commas. With --resolutions, any width; alone, widths of the grid."),
    "resolutions": (
        "",
        "Image sides, separated by commas; 224x160 is 224 high and 160 wide. With --widths, any side from 32; alone, "
        "sides of the grid.",
    ),
    "channels": ("", f"Channels of the images. Default: {networks.IMAGE_CHANNELS}."),
    "classes": ("", f"Outputs of the classifier. Default: {networks.CLASSES}, or those of --weights."),
    "backends": ("", "Backends, separated by commas. Default: all that `mnv2bench backends` lists."),
    "devices": (
        "cpu",
        "Separated by commas: cpu, cuda, cuda:1, adb:SERIAL, adb:SERIAL@big, ssh:HOST, qemu:cortex-a76.",
    ),
    "precisions": (
        "",
        f"Separated by commas: {', '.join(precisions.NAMES)}; or {AUTO}: {FP32.name}, and for backends that open fast "
        f"those that the processor has instructions for. Default: {FP32.name}; on cuda all, and on its quick grid "
        f"{', '.join(QUICK_ON_GPUS)}.",
    ),
    "threads": ("", "Numbers of threads, separated by commas; `all` means one for each core."),
    "batches": ("", "Batch sizes, separated by commas. Default: those of the suite."),
    "streams": (
        "",
        "Of throughput on this processor: how many instances work at once in a process, separated by commas, each on "
        "--threads threads and a batch of its own. Default: 1. Threads by default: the cores divided by the streams.",
    ),
    "processes": ("", "Fresh processes for each case. Default: 3 on the quick grid, else 5."),
    "rounds": (
        "",
        "Undisturbed rounds of 150 ms in each process. Default: 5 on the quick grid and with a time budget, else 15.",
    ),
    "process-limit": ("", "Seconds after which a worker process is killed. Default: 300."),
    "seed": ("0", "Seed of the order, the images and the memory layout of each process."),
    "trt-level": ("3", "TensorRT's builder optimisation level, 0 to 5."),
    "runner": (
        "",
        "On other devices, used instead of our runner: benchmark_model, executor_runner, benchncnn or a Python.",
    ),
    "weights": (
        "",
        "Your own weights: a file of torch.save or of safetensors, whose classifier decides the classes; or seeded. "
        "Default: trained on handwritten digits, and seeded where a network cannot have those.",
    ),
    "images": (
        "",
        "With --weights FILE: a folder with a folder of pictures for each class. Each backend is tested on them, and "
        "int8 is calibrated on a part that is not tested.",
    ),
}

LISTS = ("networks", "widths", "resolutions", "backends", "devices", "precisions", "threads", "batches", "streams")
SINGULARS = dict(
    zip(
        LISTS,
        ("network", "width", "resolution", "backend", "device", "precision", "thread", "batch", "stream"),
        strict=True,
    )
)
PLURALS = {"suite": "suites"} | {singular: name for name, singular in SINGULARS.items()}
BUDGET = {  # the option of `run` and `pytest suites` alone
    "budget": (
        "",
        "A time such as 90s, 10m or 1h; a number alone is minutes. Every case first gets two processes (one, where the "
        "time is short and it is far behind), then those get more that may be the fastest. --processes is the most "
        "that a case gets. Exports and accuracies count, and what waits for an idle machine does not.",
    ),
}
SWEEP = {  # another one of those two
    "sweep": (
        "",
        f"Throughput over {', '.join(sweeps.AXES)}, or some of them, separated by commas: batches 1 and 8, one thread "
        "and all, one stream and as many as the cores have room for. An axis whose option is given has those values. "
        "Of this machine's processor; the suite latency is left out.",
    ),
}
REPEATED = {  # options that may be given several times
    "env": "A variable for the processes that measure, as NAME=VALUE; may be repeated. It is recorded, and files with "
    "others are not compared. docs/measuring.md says which variables pass without it.",
}
NO_ACCURACY = "Do not test each backend on all labelled images, which takes seconds to minutes for each."
DRY_RUN = "Measure nothing: print the cases, the processes, the exports that are missing and how long it would take."
FLAGS = {"cold-l2": "On a GPU: empty the L2 cache before every timed call. Default: the cache stays hot."}


def plural(word: str) -> str:
    """The word as options have it: lists are in the plural, whichever way a person writes them."""
    return PLURALS.get(word, word)


def spellings(name: str) -> tuple[str, ...]:
    """How argparse is told that an option may be written: a list also in the singular, as --widths and --width."""
    return tuple(f"--{word}" for word in (name, SINGULARS.get(name)) if word)


@dataclass(frozen=True)
class Selection:
    """What the options choose, checked. A field is empty where its option was not given: then the suite decides."""

    grid: str
    networks: tuple[str, ...]
    variants: tuple[Variant, ...]
    backends: tuple[str, ...]
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    batches: tuple[int, ...]
    streams: tuple[int, ...]
    plan: Plan
    seed: int
    weights: Weights
    runner: str = ""
    sweep: tuple[str, ...] = ()


def mobile_backends() -> tuple[str, ...]:
    """The backends that are measured on other devices where none is named."""
    return tuple(name for name in backends.names() if backends.runtime(name).mobile)


def _quick_throughput_backends() -> tuple[str, ...]:
    """The backends whose throughput the quick grid measures."""
    return tuple(name for name in backends.names() if backends.runtime(name).quick_throughput)


def _precisions_on_gpus() -> tuple[str, ...]:
    """Every precision that a backend runs on a GPU."""
    runnable = {precision for name in backends.names() for precision in backends.runtime(name).runs.get("cuda", ())}
    return tuple(name for name in precisions.NAMES if name in runnable)


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _numbers(name: str, text: str, number: Callable[[str], N]) -> tuple[N, ...]:
    try:
        return tuple(number(word) for word in _words(text))
    except ValueError:
        raise ValueError(f"--{name} takes numbers separated by commas, not {text!r}") from None


def _number(name: str, text: str, number: Callable[[str], N]) -> N:
    numbers = _numbers(name, text, number)
    if len(numbers) != 1:
        raise ValueError(f"--{name} takes one number, not {text!r}")
    return numbers[0]


def _stream_numbers(text: str) -> tuple[int, ...]:
    """The numbers of streams, among which cores are divided."""
    numbers = _numbers("streams", text, int)
    if any(number < 1 for number in numbers):
        raise ValueError(f"--streams takes numbers from 1 on, not {text!r}")
    return numbers


def _limited(name: str, text: str, most: int) -> int:
    """A whole number that a journal can hold and a campaign can end with. ValueError, in one line, beyond that."""
    number = _number(name, text, int)
    if abs(number) > most:
        raise ValueError(f"--{name} is at most {most}, not {number}")
    return number


def _plan(texts: dict[str, str], environment: Sequence[str]) -> Plan:
    plan = QUICK if texts["grid"] == "quick" else Plan()
    if texts["budget"]:
        plan = replace(BUDGETED, budget_s=duration_s("--budget", texts["budget"]))
    return replace(
        plan,
        processes=_limited("processes", texts["processes"], MAX_PROCESSES) if texts["processes"] else plan.processes,
        rounds=_limited("rounds", texts["rounds"], MAX_ROUNDS) if texts["rounds"] else plan.rounds,
        timeout_s=_number("process-limit", texts["process-limit"], float) if texts["process-limit"] else plan.timeout_s,
        trt_level=_number("trt-level", texts["trt-level"], int),
        cold_l2=bool(texts["cold-l2"]),
        environment=checked_environment(environment),
    )


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


def _variants(texts: dict[str, str]) -> tuple[Variant, ...]:
    """The variants of every named network that the options choose, each once."""
    widths = _numbers("widths", texts["widths"], float)
    resolutions = _resolutions(texts["resolutions"])
    classes = _number("classes", texts["classes"], int) if texts["classes"] else networks.CLASSES
    channels = _number("channels", texts["channels"], int) if texts["channels"] else networks.IMAGE_CHANNELS
    chosen = (
        variant
        for name in _words(texts["networks"])
        for variant in variants(texts["grid"], widths, resolutions, name, classes, channels)
    )
    return tuple(dict.fromkeys(chosen))


def _resolutions(text: str) -> tuple[Resolution, ...]:
    try:
        return tuple(map(networks.parsed_resolution, _words(text)))
    except ValueError as error:
        raise ValueError(f"--resolutions takes sides separated by commas: {error}") from None


def _require_values(texts: dict[str, str]) -> None:
    """ValueError for an option that is given and names nothing, as "," does."""
    for name in LISTS:
        default = OPTIONS[name][0]
        if not _words(texts[name]) and texts[name] != default:
            raise ValueError(f"--{name} {texts[name]!r} names nothing: name a value, or leave the option out")


def _require_precisions(names: tuple[str, ...]) -> None:
    """ValueError for a precision that does not exist, and for one beside `auto`."""
    if AUTO in names and len(names) > 1:
        raise ValueError(f"--precisions {','.join(names)}: {AUTO} stands alone; name precisions, or leave them to it")
    for name in names:
        if name != AUTO:
            precisions.named(name)


def option_text(name: str, text: str | None) -> str:
    """The text of an option, "" where it was left out; ValueError for one that is empty, as an unset variable is."""
    if text == "":
        raise ValueError(f"--{name} '' names nothing: name a value, or leave the option out")
    return text or ""


def _weights(text: str, images: str) -> Weights:
    """The weights that --weights names: a file, or the word seeded; without it, those of digits where they fit.

    ValueError for a folder of `images` without a file: no other weights know the classes of a user's pictures.
    """
    if images and text in ("", SEEDED):
        raise ValueError("--images are pictures for the classes of your own weights: name them with --weights FILE")
    if text == SEEDED:
        return Weights()
    return Weights(file=text, images=str(Path(images).absolute()) if images else "") if text else default_weights()


def select(texts: dict[str, str], environment: Sequence[str] = ()) -> Selection:
    """Read the options; `environment` are the words of --env. ValueError, in one line, for what cannot be meant."""
    defaults = {name: default for name, (default, _) in (OPTIONS | BUDGET | SWEEP).items()}
    texts = defaults | dict.fromkeys(FLAGS, "") | texts
    _require_values(texts)
    for name in _words(texts["backends"]):
        if not backends.is_known(name):
            raise ValueError(f"backend {name!r} is not one of {', '.join(backends.names())}")
    _require_precisions(_words(texts["precisions"]))
    threads = tuple(str(cores()) if word == "all" else word for word in _words(texts["threads"]))
    return Selection(
        grid=texts["grid"],
        networks=_words(texts["networks"]),
        variants=_variants(texts),
        backends=_words(texts["backends"]),
        devices=_devices(texts["devices"]),
        precisions=_words(texts["precisions"]),
        threads=_numbers("threads", ",".join(threads), int),
        batches=_numbers("batches", texts["batches"], int),
        streams=_stream_numbers(texts["streams"]),
        plan=_plan(texts, environment),
        seed=_limited("seed", texts["seed"], MAX_SEED),
        weights=_weights(texts["weights"], texts["images"]),
        runner=texts["runner"],
        sweep=sweeps.axes(texts["sweep"]),
    )


def suite_cases(suite: str, selection: Selection) -> tuple[Case, ...]:
    """The cases of a suite, those of this machine first.

    Latency is of batch 1 and one stream, throughput of larger batches and of several streams too. On GPUs and other
    devices the quick grid has the variants of the brief one. All cases have as many classes as the file of weights.
    ValueError, in one line, where that file does not fit them, and where streams would share cores.
    """
    elsewhere = tuple(filter(is_elsewhere, selection.devices))
    gpus = tuple(filter(is_gpu, selection.devices))
    here = tuple(device for device in selection.devices if device not in (*elsewhere, *gpus))
    there = replace(selection, variants=_brief(selection)) if selection.grid == "quick" else selection
    if selection.sweep and (gpus or elsewhere):
        raise ValueError("--sweep is of this machine's processor: leave --devices out, and name --batches for others")
    chosen = (
        *(_here(suite, selection, here) if here else ()),
        *(_gpus(suite, there, gpus) if gpus else ()),
        *(_elsewhere(suite, there, elsewhere) if elsewhere else ()),
    )
    require_cores(chosen)
    describe(chosen)
    return with_classes(chosen, selection.weights)


def require_cores(chosen: Iterable[Case]) -> None:
    """ValueError, in one line, for several streams that have more threads together than this machine has cores."""
    for case in chosen:
        if case.streams > 1 and case.kind == Kind.MEASURED_HERE and case.total_threads > cores():
            raise ValueError(
                f"{case.streams} streams of {counted(case.threads, 'thread')} need {case.total_threads} cores, and "
                f"there are {cores()} for this process: leave --threads out, which divides the cores, or name fewer "
                "--streams"
            )


def selected_cases(selection: Selection) -> tuple[Case, ...]:
    """The cases of the suite that batches and streams name: throughput where one is not 1 or swept, else latency."""
    of_throughput = selection.sweep or any(number != 1 for number in (*selection.batches, *selection.streams))
    return suite_cases("throughput" if of_throughput else "latency", selection)


def named_case(text: str, selection: Selection) -> Case:
    """The case of an id, or the only case that has the text in its id: of those that the options choose, else of any.

    ValueError, in one line, for a text that is no part of an id, and for one that is a part of several.
    """
    try:
        case = Case.parse(text)
    except ValueError as error:
        case = _case_with(text, selection, error)
    require_cores((case,))
    describe((case,))
    return case


def _case_with(text: str, selection: Selection, error: ValueError) -> Case:
    """The only case that has the text in its id."""
    for candidates in _named_candidates(selection):
        ids = [case.id for case in candidates]
        if matching_names(text, ids):
            return Case.parse(matching_name(text, ids))
    raise ValueError(f"{error}, nor a part of one") from None


def _named_candidates(selection: Selection) -> Iterator[tuple[Case, ...]]:
    """The cases that a text may name: those that the options choose, all of their networks, all of every network."""
    yield selected_cases(selection)
    yield _all_cases(selection.networks)
    yield _all_cases(networks.names())


def _all_cases(names: Iterable[str]) -> tuple[Case, ...]:
    """Every variant of these networks, backend and precision on this processor, at batch 1, on one thread and all."""
    return tuple(
        case
        for network in map(networks.network, names)
        for backend in all_backends()
        for case in cases(
            [Variant(network.name, *size) for size in itertools.product(network.widths, network.resolutions)],
            backends=(backend,),
            precisions=backends.runtime(backend).runs["cpu"],
            threads=dict.fromkeys((1, cores())),
        )
    )


def _automatic(device: str, backend: str) -> tuple[str, ...]:
    """The precisions of `auto` for a backend on a kind of device, as `Runtime.runs` names it.

    fp32, and what a backend that opens fast declares; on this processor if it has the instructions.
    """
    runtime = backends.runtime(backend)
    if device == "cpu" and runtime.opens != "fast":
        return (FP32.name,)
    runs = runtime.runs.get(device, (FP32.name,))
    return tuple(name for name in runs if device != "cpu" or not backends.missing_instructions(backend, name))


def _cases(
    selection: Selection,
    device: str,
    names: Iterable[str],
    devices: tuple[str, ...],
    default: tuple[str, ...],
    threads: Iterable[int],
    batches: tuple[int, ...],
    streams: tuple[int, ...] = (1,),
) -> tuple[Case, ...]:
    """The cases of these backends on devices of one kind, in the precisions that were requested, else the default."""
    automatic = selection.precisions == (AUTO,)
    every = cases(
        selection.variants,
        backends=names,
        devices=devices,
        precisions=precisions.NAMES if automatic else selection.precisions or default,
        threads=dict.fromkeys(threads),
        batches=batches,
        streams=streams,
    )
    return tuple(case for case in every if not automatic or case.precision in _automatic(device, case.backend))


def _threads_here(suite: str, quick: bool, streams: int) -> tuple[int, ...]:
    """The numbers of threads of a stream on this processor, where none is named."""
    if suite == "latency":
        return (1,) if quick else (1, cores())
    return (max(1, cores() // streams),)


def _gpu_batches(suite: str, quick: bool) -> tuple[int, ...]:
    if suite == "latency":
        return (1,)
    return (32,) if quick else (8, 32, 128, 256)


def _gpus(suite: str, selection: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """Cases of GPUs: one host thread, every precision, latency at batch 1 and throughput at batches up to 256.

    The quick grid has the precisions of QUICK_ON_GPUS and one batch.
    """
    quick = selection.grid == "quick"
    batches = selection.batches or _gpu_batches(suite, quick)
    return _cases(
        selection,
        "cuda",
        selection.backends or all_backends("cuda"),
        devices,
        default=QUICK_ON_GPUS if quick else _precisions_on_gpus(),
        threads=selection.threads or (1,),
        batches=tuple(batch for batch in batches if (batch == 1) == (suite == "latency")),
        streams=_streams(suite, selection),
    )


def _elsewhere(suite: str, selection: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """Cases of other devices: batch 1 and one thread where no option says otherwise, as their cores are not known."""
    streams = _streams(suite, selection)
    batches = tuple(b for b in selection.batches or (1,) if (b == 1) == (suite == "latency"))
    return _cases(
        selection,
        "arm64",
        selection.backends or mobile_backends(),
        devices,
        default=(FP32.name,),
        threads=selection.threads or (1,),
        batches=batches,
        streams=streams,
    )


def _streams(suite: str, selection: Selection) -> tuple[int, ...]:
    """The numbers of streams of a suite: latency is of one alone."""
    requested = selection.streams or (1,)
    return tuple(number for number in requested if number == 1) if suite == "latency" else requested


def _here(suite: str, selection: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """Cases of this machine's processor: latency at one thread and at all cores, throughput at batches 1, 8 and 32.

    Throughput has all cores, divided among its streams.

    The quick grid is smaller where no backends are named: one thread for latency, batch 8 of the backends that declare
    `quick_throughput` on the variants of the brief grid, which is also all that is measured of backends that declare it
    as their `quick_grid`. Its latency is also measured in the `quick_precisions` of each backend, where no precision is
    named.
    """
    if selection.sweep:
        return _swept(selection, devices) if suite == "throughput" else ()
    quick = selection.grid == "quick"
    batches: tuple[int, ...]
    if suite == "latency":
        batches = (1,)
        if selection.batches:
            batches = tuple(batch for batch in selection.batches if batch == 1)
        names = selection.backends or all_backends()
    else:
        batches = selection.batches or ((8,) if quick else (1, 8, 32))
        quickly = quick and not selection.backends and not selection.batches
        names = _quick_throughput_backends() if quickly else selection.backends or all_backends()
    chosen = tuple(
        case
        for number in _streams(suite, selection)
        for case in _cases(
            *(selection, "cpu", names, devices, (FP32.name,)),
            threads=selection.threads or _threads_here(suite, quick, number),
            batches=batches,
            streams=(number,),
        )
    )
    if not quick or selection.backends:
        return chosen
    if suite == "latency" and not selection.precisions:
        chosen = tuple(
            replace(case, precision=precision)
            for case in chosen
            for precision in (FP32.name, *backends.runtime(case.backend).quick_precisions)
        )
    brief = _brief(selection)
    return tuple(
        case
        for case in chosen
        if (suite == "latency" and backends.runtime(case.backend).quick_grid == "quick") or case.spec in brief
    )


def _swept(selection: Selection, devices: tuple[str, ...]) -> tuple[Case, ...]:
    """The cases of a sweep, each variant with all of its batches, threads and streams beside each other.

    On the quick grid they are those of the brief one and of the backends that declare `quick_throughput`, where no
    variants and no backends are named.
    """
    quick = selection.grid == "quick"
    names = _quick_throughput_backends() if quick else all_backends()
    if quick:
        selection = replace(selection, variants=_brief(selection))
    every = sweeps.arrangements(
        selection.sweep,
        sweeps.Named(selection.batches, selection.threads, selection.streams),
        cores(),
        usual_batches=(8,) if quick else (1, 8, 32),
    )
    return tuple(
        replace(case, batch=batch, streams=streams, threads=threads)
        for case in _cases(
            *(selection, "cpu", selection.backends or names, devices, (FP32.name,)), threads=(1,), batches=(1,)
        )
        for batch, streams, threads in every
    )


def _brief(selection: Selection) -> tuple[Variant, ...]:
    """The variants of the brief grid, where those of the whole quick grid are chosen; else those that are named."""
    if _sizes(selection.variants) != _sizes_of_grid("quick", selection.networks):
        return selection.variants
    brief = _sizes_of_grid("brief", selection.networks)
    return tuple(
        variant for variant in selection.variants if (variant.network, variant.width, variant.resolution) in brief
    )


def _sizes(variants: Iterable[Variant]) -> list[tuple[str, float, Resolution]]:
    return [variant[:3] for variant in variants]


def _sizes_of_grid(grid: str, names: Iterable[str]) -> list[tuple[str, float, Resolution]]:
    """Network, width and resolution of all variants of a grid of these networks."""
    return [size for name in dict.fromkeys(names) for size in _sizes(variants(grid, network=name))]
