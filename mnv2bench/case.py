"""Case: one row of every table, its id, and the grids of cases that people ask for."""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache

from mnv2bench import networks, precisions

WIDTHS = networks.network(networks.DEFAULT).widths
RESOLUTIONS = networks.network(networks.DEFAULT).resolutions
GRIDS = networks.network(networks.DEFAULT).grids
EAGER = "torch_eager"  # the backend that every speed-up is over, at the same precision
CUDA = re.compile(r"cuda(?::(\d{1,2}))?")
BACKEND, DEVICE = r"[A-Za-z0-9_]+", r"[A-Za-z0-9_.:@-]+"
MAX_PARSED = 32_768  # cases that are remembered by their ids: more than a file may have
ID = re.compile(
    r"(.+)_([0-9.]+(?:e[+-]?\d+)?)_(\d+)(?:_(\d+)classes)?-b(\d+)-([A-Za-z0-9_]+)-(.+)-([a-z0-9]+)-t(\d+)(?:-s(\d+))?"
)


class Kind(StrEnum):
    """What the numbers of a case are. Numbers of two kinds never stand in one ranking."""

    MEASURED_HERE = "host-measured"
    MEASURED_ON_DEVICE = "measured-device"
    COUNTED = "emulated-count"  # instructions under an emulator, and no time


SCHEMES = {  # what a remote device's name begins with, before its colon: the kind of the numbers that it gives
    "adb": Kind.MEASURED_ON_DEVICE,
    "ssh": Kind.MEASURED_ON_DEVICE,
    "qemu": Kind.COUNTED,
}


def is_elsewhere(device: str) -> bool:
    """Whether a device is reached through a transport, as "adb:SERIAL" is."""
    scheme, colon, _ = device.partition(":")
    return bool(colon) and scheme in SCHEMES


def kind(device: str) -> Kind:
    """The kind of the numbers that this device gives."""
    return SCHEMES[device.partition(":")[0]] if is_elsewhere(device) else Kind.MEASURED_HERE


def is_gpu(device: str) -> bool:
    """Whether a device's name is one of CUDA's: cuda, cuda:1."""
    return CUDA.fullmatch(device) is not None


@dataclass(frozen=True)
class Case:
    """What is measured. `id` is its name everywhere: pytest id, file key, CSV key.

    `classes` is how many outputs the classifier has; another number than the usual one is part of the name.
    `streams` is how many instances work at the same time in one process, each on `threads` threads and on a batch of
    its own; more than one is part of the name.

    Raises ValueError, in one line, for a case that no network or runtime could have.
    """

    network: str = networks.DEFAULT
    width: float = 1.0
    resolution: int = 224
    batch: int = 1
    backend: str = EAGER
    device: str = "cpu"
    precision: str = precisions.FP32.name
    threads: int = 1
    classes: int = networks.CLASSES
    streams: int = 1

    def __post_init__(self) -> None:
        networks.check(self.network, self.width, self.resolution, self.classes)
        for name, value in (("batch", self.batch), ("threads", self.threads), ("streams", self.streams)):
            if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 4096:
                raise ValueError(f"{name} must be a whole number from 1 to 4096, not {value!r}")
        for name, word, shape in (("backend", self.backend, BACKEND), ("device", self.device, DEVICE)):
            if not isinstance(word, str) or not re.fullmatch(shape, word):
                raise ValueError(f"{name} {word!r} is no name: letters, digits and underscores, in a device .:@- too")
        precisions.named(self.precision)

    def __reduce__(self) -> tuple[Callable[[str], "Case"], tuple[str]]:
        return Case.parse, (self.id,)  # to another process as its name; there it is made once

    def __hash__(self) -> int:
        return hash(self.id)

    @cached_property
    def variant(self) -> str:
        """The network at a width and resolution, spelt as the official checkpoints are: mobilenet_v2_1.0_224.

        With another number of classes than theirs, mobilenet_v2_1.0_224_10classes.
        """
        spelt = f"{self.network}_{float(self.width)}_{self.resolution}"
        return spelt if self.classes == networks.CLASSES else f"{spelt}_{self.classes}classes"

    @property
    def short_variant(self) -> str:
        """The width and the resolution, such as 1.0@224, behind the name of a network that is not the usual one."""
        size = f"{float(self.width)}@{self.resolution}"
        return size if self.network == networks.DEFAULT else f"{self.network} {size}"

    @cached_property
    def kind(self) -> Kind:
        """What its numbers are: times taken here, times taken on another device, or instruction counts."""
        return kind(self.device)

    @cached_property
    def gpu(self) -> int | None:
        """Which of CUDA's devices it runs on, by CUDA's own numbers; None for a case of another device."""
        match = CUDA.fullmatch(self.device)
        return int(match[1] or 0) if match else None

    @cached_property
    def id(self) -> str:
        id = f"{self.variant}-b{self.batch}-{self.backend}-{self.device}-{self.precision}-t{self.threads}"
        return id if self.streams == 1 else f"{id}-s{self.streams}"

    @classmethod
    @lru_cache(maxsize=MAX_PARSED)  # every process of a file names its case, and every night has the same cases
    def parse(cls, id: str) -> "Case":
        """The case of an id; ValueError where the text is none."""
        match = ID.fullmatch(id)
        if not match:
            raise ValueError(f"{id!r} is not a case id such as {cls().id}")
        network, width, resolution, classes, batch, backend, device, precision, threads, streams = match.groups()
        return cls(
            network,
            float(width),
            int(resolution),
            int(batch),
            backend,
            device,
            precision,
            int(threads),
            int(classes or networks.CLASSES),
            int(streams or 1),
        )

    @property
    def total_threads(self) -> int:
        """The threads of all streams together: as many cores work on it."""
        return self.streams * self.threads

    @cached_property
    def accuracy_case(self) -> "Case":
        """What stands for all cases that have the same accuracy: it does not depend on threads, streams and batch."""
        return replace(self, batch=1, threads=1, streams=1)

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def grid(name: str, network: str = networks.DEFAULT) -> tuple[tuple[float, int], ...]:
    """(width, resolution) of each variant in a network's grid of that name."""
    grids = networks.network(network).grids
    if name not in grids:
        raise ValueError(f"grid {name!r} is not one of {', '.join(grids)}")
    return grids[name]


def variants(
    name: str, widths: Iterable[float] = (), resolutions: Iterable[int] = (), network: str = networks.DEFAULT
) -> tuple[tuple[float, int], ...]:
    """The variants of a network's grid; with one axis named, its rows with those values; with both, their product."""
    widths, resolutions, rows = tuple(widths), tuple(resolutions), grid(name, network)
    if widths and resolutions:
        return tuple(itertools.product(widths, resolutions))
    for axis, other, values in ((0, "--resolutions", widths), (1, "--widths", resolutions)):
        for value in values:
            if not any(row[axis] == value for row in rows):
                raise ValueError(f"grid {name} has no variant with {value}: name {other} too, or another grid")
    return tuple(row for row in rows if (not widths or row[0] in widths) and (not resolutions or row[1] in resolutions))


def cases(
    variants: Iterable[tuple[float, int]],
    *,
    backends: Iterable[str],
    networks: Iterable[str] = (networks.DEFAULT,),
    devices: Iterable[str] = ("cpu",),
    precisions: Iterable[str] = (precisions.FP32.name,),
    threads: Iterable[int] = (1,),
    batches: Iterable[int] = (1,),
    streams: Iterable[int] = (1,),
) -> tuple[Case, ...]:
    """Every combination, each once, in the order given."""
    product = itertools.product(networks, variants, batches, backends, devices, precisions, threads, streams)
    return tuple(dict.fromkeys(Case(n, w, r, b, k, d, p, t, streams=s) for n, (w, r), b, k, d, p, t, s in product))
