"""The cases of the suites latency and throughput, on this processor, on GPUs and on other devices."""

from collections.abc import Iterable

from mnv2bench import backends, precisions, sweeps
from mnv2bench.campaign import all_backends
from mnv2bench.campaign.described import describe
from mnv2bench.campaign.weights import fitted_cases
from mnv2bench.case import Case, Kind, cases, is_elsewhere, is_gpu, variants
from mnv2bench.machine import cores
from mnv2bench.networks import Resolution, Variant, is_file
from mnv2bench.precisions import FP32
from mnv2bench.records import replace
from mnv2bench.selection.options import AUTO, QUICK_ON_GPUS
from mnv2bench.selection.reading import Selection
from mnv2bench.texts import counted


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
    if not selection.precisions:
        chosen = _in_own_precisions(chosen)
    return fitted_cases(chosen, selection.weights)


def _in_own_precisions(chosen: Iterable[Case]) -> tuple[Case, ...]:
    """The cases, those of a user's file that is not in fp32 in the precisions that it has."""
    own: list[Case] = []
    for case in chosen:
        names = case.description.precisions if is_file(case.network) else (FP32.name,)
        own += [case] if FP32.name == names[0] == names[-1] else [replace(case, precision=name) for name in names]
    return tuple(dict.fromkeys(own))


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
