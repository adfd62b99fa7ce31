"""What the texts of the options choose, read and checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mnv2bench import backends, networks, precisions, sweeps
from mnv2bench.campaign.described import file_description
from mnv2bench.case import is_elsewhere, is_gpu, variants
from mnv2bench.machine import cores
from mnv2bench.networks import Resolution, Size, Variant, is_file
from mnv2bench.paper import table4
from mnv2bench.records import QUICK, Plan, Weights, default_weights, replace
from mnv2bench.selection.options import AUTO, BUDGET, FLAGS, LISTS, OPTIONS, SEEDED, SWEEP
from mnv2bench.texts import duration_s
from mnv2bench.workers.environment import checked_environment

N = TypeVar("N", int, float)
MAX_SEED, MAX_PROCESSES, MAX_ROUNDS = 2**63 - 1, 10_000, 1_000_000
BUDGETED = replace(QUICK, processes=30)  # with a budget, where no number is given: short processes, as many as help


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


def _variants(texts: dict[str, str], models: Sequence[str]) -> tuple[Variant, ...]:
    """The variants of every named network that the options choose, and those of the files, each once."""
    widths = _numbers("widths", texts["widths"], float)
    resolutions = networks.parsed_resolutions("resolutions", _words(texts["resolutions"]))
    classes = _number("classes", texts["classes"], int) if texts["classes"] else networks.CLASSES
    channels = _number("channels", texts["channels"], int) if texts["channels"] else networks.IMAGE_CHANNELS
    names = _networks(texts, models)
    if not names:
        _require_no_options_of_families(texts)
    chosen = [
        variant
        for name in names
        for variant in variants(
            texts["grid"], widths, resolutions, name, classes, channels, _rows_of_grid(texts["grid"], name)
        )
    ]
    files = [_of_file(file, resolution) for file in models for resolution in resolutions or (None,)]
    return tuple(dict.fromkeys((*chosen, *files)))


def _require_no_options_of_families(texts: dict[str, str]) -> None:
    """ValueError for an option that says how a family is built, where only files are measured."""
    for name in ("widths", "classes", "channels"):
        if texts[name]:
            raise ValueError(f"--{name} is for networks of families, and a file has its own: leave it out")


def _networks(texts: dict[str, str], models: Sequence[str]) -> tuple[str, ...]:
    """The networks that are named, by --networks or by their grid; the usual one where none is and no file is."""
    of_grid = table4.NETWORKS if texts["grid"] == table4.GRID else ()
    return _words(texts["networks"]) or of_grid or (() if models else (networks.DEFAULT,))


def _rows_of_grid(grid: str, network: str) -> tuple[Size, ...]:
    """The rows of a grid that no network declares, as it is of several; () for the others."""
    return table4.sizes(network) if grid == table4.GRID else ()


def _of_file(file: str, resolution: Resolution | None) -> Variant:
    """The network of a user's file, for images of a resolution where one is named. ValueError where it is none."""
    description = file_description(file, None if resolution is None else networks.sides(resolution))
    return Variant(description.network, 1.0, description.resolution, description.classes, description.image.channels)


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


def _weights(text: str, images: str, own_models_alone: bool) -> Weights:
    """The weights that --weights names: a file, or the word seeded; without it, those of digits where they fit.

    ValueError for a folder of `images` without a file: no other weights know the classes of a user's pictures.
    """
    folder = str(Path(images).absolute()) if images else ""
    if folder and text in ("", SEEDED) and not own_models_alone:
        raise ValueError(
            "--images are pictures for the classes of your own weights or model: name them with --weights FILE, or "
            "with --model FILE and without --networks"
        )
    if text == SEEDED:
        return Weights(images=folder)
    return Weights(file=text, images=folder) if text else replace(default_weights(), images=folder)


def select(texts: dict[str, str], environment: Sequence[str] = (), models: Sequence[str] = ()) -> Selection:
    """Read the options; `environment` are the words of --env, and `models` those of --model.

    ValueError, in one line, for what cannot be meant.
    """
    defaults = {name: default for name, (default, _) in (OPTIONS | BUDGET | SWEEP).items()}
    texts = defaults | dict.fromkeys(FLAGS, "") | texts
    _require_values(texts)
    for name in _words(texts["backends"]):
        if not backends.is_known(name):
            raise ValueError(f"backend {name!r} is not one of {', '.join(backends.names())}")
    _require_precisions(_words(texts["precisions"]))
    threads = tuple(str(cores()) if word == "all" else word for word in _words(texts["threads"]))
    chosen = _variants(texts, models)
    return Selection(
        grid=texts["grid"],
        networks=tuple(dict.fromkeys(variant.network for variant in chosen)),
        variants=chosen,
        backends=_words(texts["backends"]),
        devices=_devices(texts["devices"]),
        precisions=_words(texts["precisions"]),
        threads=_numbers("threads", ",".join(threads), int),
        batches=_numbers("batches", texts["batches"], int),
        streams=_stream_numbers(texts["streams"]),
        plan=_plan(texts, environment),
        seed=_limited("seed", texts["seed"], MAX_SEED),
        weights=_weights(texts["weights"], texts["images"], all(is_file(variant.network) for variant in chosen)),
        runner=texts["runner"],
        sweep=sweeps.axes(texts["sweep"]),
    )
