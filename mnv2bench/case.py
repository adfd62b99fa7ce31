"""Case: one row of every table, its id, and the grids of cases that people ask for."""

import itertools
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

from mnv2bench import networks, precisions
from mnv2bench.networks import (
    ImageShape,
    Resolution,
    Size,
    Variant,
    parsed_resolution,
    resolution_text,
    resolution_value,
)
from mnv2bench.texts import counted, short_name

WIDTHS = networks.network(networks.DEFAULT).widths
RESOLUTIONS = networks.network(networks.DEFAULT).resolutions
GRIDS = networks.network(networks.DEFAULT).grids
EAGER = "torch_eager"  # the backend that every speed-up is over, at the same precision
CUDA = re.compile(r"cuda(?::(\d{1,2}))?")
BACKEND, DEVICE = r"[A-Za-z0-9_]+", r"[A-Za-z0-9_.:@-]+"
MAX_PARSED = 32_768  # cases that are remembered by their ids: more than a file may have
VARIANT = (
    r"(.+)_([0-9.]+(?:e[+-]?\d+)?)_(\d+(?:x\d+)?)(?:_(\d+)channels?)?(?:_(\d+)(?:classes?|outputs?))?"  # as it is spelt
)
ID = re.compile(VARIANT + r"-b(\d+)-([A-Za-z0-9_]+)-(.+)-([a-z0-9]+)-t(\d+)(?:-s(\d+))?")


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

    `resolution` is the side of a square image, or height and width of another. `classes` is how many outputs the
    classifier has, and `channels` how many the image has; other numbers than the usual ones are part of the name.
    `streams` is how many instances work at the same time in one process, each on `threads` threads and on a batch of
    its own; more than one is part of the name.

    Raises ValueError, in one line, for a case that no network or runtime could have.
    """

    network: str = networks.DEFAULT
    width: float = 1.0
    resolution: Resolution = 224
    batch: int = 1
    backend: str = EAGER
    device: str = "cpu"
    precision: str = precisions.FP32.name
    threads: int = 1
    classes: int = networks.CLASSES
    streams: int = 1
    channels: int = networks.IMAGE_CHANNELS

    def __post_init__(self) -> None:
        networks.check(self.network, self.width, self.resolution, self.classes, self.channels)
        if isinstance(self.resolution, tuple) and self.resolution[0] == self.resolution[1]:
            object.__setattr__(self, "resolution", self.resolution[0])  # one case has one name
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

        With other numbers of channels or classes than theirs, mobilenet_v2_1.0_224_1channel_10classes. The classes of
        a file are called outputs.
        """
        return self._variant_of(self.network)

    @property
    def shown_variant(self) -> str:
        """The variant as sentences and captions name it: the name of a network is cut where it is long."""
        return self._variant_of(short_name(self.network))

    def _variant_of(self, network: str) -> str:
        spelt = f"{network}_{float(self.width)}_{resolution_text(self.resolution)}"
        return spelt + "".join(f"_{part.replace(' ', '')}" for part in self.unusual_shape)

    @property
    def unusual_shape(self) -> tuple[str, ...]:
        """The numbers of channels and classes that are not the usual ones, such as "1 channel" and "10 classes"."""
        parts = []
        if self.channels != networks.IMAGE_CHANNELS:
            parts.append(counted(self.channels, "channel"))
        if self.classes != networks.CLASSES:
            parts.append(
                counted(self.classes, "output") if networks.is_file(self.network) else f"{self.classes} classes"
            )
        return tuple(parts)

    @property
    def short_variant(self) -> str:
        """The size and an unusual shape, such as 1.0@224, behind the name of a network that is not the usual one."""
        return self._size_and_shape if self.network == networks.DEFAULT else self.long_variant

    @property
    def long_variant(self) -> str:
        """The variant as a table of several networks names it, such as mobilenet_v2 1.0@224; a long name is cut."""
        return f"{short_name(self.network)} {self._size_and_shape}"

    @property
    def _size_and_shape(self) -> str:
        return ", ".join((self.size, *self.unusual_shape))

    @property
    def size(self) -> str:
        """The width and the resolution, such as 1.0@224; of a network that has one width the resolution alone."""
        size = resolution_text(self.resolution)
        return size if networks.network(self.network).widths == (1.0,) else f"{float(self.width)}@{size}"

    @classmethod
    def of(cls, variant: Variant, **settings: Any) -> "Case":
        """The case of a variant; `settings` are its other fields by name."""
        return cls(
            variant.network,
            variant.width,
            variant.resolution,
            classes=variant.classes,
            channels=variant.channels,
            **settings,
        )

    @property
    def spec(self) -> Variant:
        """The network that is measured, as the functions of `networks` take it."""
        return Variant(self.network, self.width, self.resolution, self.classes, self.channels)

    @property
    def image(self) -> ImageShape:
        """The shape of one image."""
        return ImageShape(self.channels, *networks.sides(self.resolution))

    @property
    def input_shape(self) -> tuple[int, int, int, int]:
        """The shape of a batch of images: batch, channels, height, width."""
        return self.batch, *self.image

    @property
    def layers(self) -> tuple[networks.Layer, ...]:
        """The network's layers, in the order in which they run."""
        return networks.layers(*self.spec)

    @property
    def description(self) -> networks.Description:
        """What was read of a network that no family declares. ValueError where nobody read it in this process."""
        return networks.described.description(self.network, self.resolution, self.classes, self.channels)

    @property
    def published(self) -> networks.Published | None:
        """What was published of the variant; None where nothing was."""
        return networks.published(*self.spec)

    @property
    def count(self) -> networks.Count:
        """Multiply-adds, parameters and memory of one image."""
        return networks.count(*self.spec)

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
        batch, backend, device, precision, threads, streams = match.groups()[5:]
        return cls.of(
            _variant(match),
            batch=int(batch),
            backend=backend,
            device=device,
            precision=precision,
            threads=int(threads),
            streams=int(streams or 1),
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
        return asdict(self) | {"resolution": resolution_value(self.resolution)}


def parsed_variant(text: str) -> Variant:
    """The variant of a text, spelt as `Case.variant` is. ValueError where the text is none."""
    match = re.fullmatch(VARIANT, text)
    if not match:
        raise ValueError(f"{text!r} is no variant such as {Case().variant}")
    return _variant(match)


def _variant(match: re.Match[str]) -> Variant:
    """The variant of a text that begins as VARIANT says."""
    network, width, resolution, channels, classes = match.groups()[:5]
    return Variant(
        network,
        float(width),
        parsed_resolution(resolution),
        int(classes or networks.CLASSES),
        int(channels or networks.IMAGE_CHANNELS),
    )


def grid(name: str, network: str = networks.DEFAULT) -> tuple[Size, ...]:
    """(width, resolution) of each variant in a network's grid of that name."""
    grids = networks.network(network).grids
    if name not in grids:
        raise ValueError(f"grid {name!r} is not one of {', '.join(grids)}")
    return grids[name]


def variants(
    name: str,
    widths: Iterable[float] = (),
    resolutions: Iterable[Resolution] = (),
    network: str = networks.DEFAULT,
    classes: int = networks.CLASSES,
    channels: int = networks.IMAGE_CHANNELS,
    rows: Iterable[Size] = (),
) -> tuple[Variant, ...]:
    """The variants of a network's grid; with one axis named, its rows with those values; with both, their product.

    `rows` are those of a grid that the network does not declare itself.
    """
    widths, resolutions, rows = tuple(widths), tuple(resolutions), tuple(rows) or grid(name, network)
    if networks.is_described(network):
        widths = widths or (1.0,)  # the only one, at any resolution; the case refuses others
        resolutions = resolutions or tuple(row[1] for row in rows)
    if widths and resolutions:
        sizes = tuple(itertools.product(widths, resolutions))
    else:
        for width in widths:
            if not any(row[0] == width for row in rows):
                raise ValueError(
                    f"grid {name} of {network} has no variant with {width}: name --resolutions too, or another grid"
                )
        for resolution in resolutions:
            if not any(row[1] == resolution for row in rows):
                text = resolution_text(resolution)
                raise ValueError(
                    f"grid {name} of {network} has no variant with {text}: name --widths too, or another grid"
                )
        sizes = tuple(
            row for row in rows if (not widths or row[0] in widths) and (not resolutions or row[1] in resolutions)
        )
    return tuple(Variant(network, width, resolution, classes, channels) for width, resolution in sizes)


def described_networks(cases: Iterable[Case]) -> tuple[networks.Description, ...]:
    """What is known of the networks of these cases that no family declares, each network for each image once."""
    known = (case.description for case in cases if networks.is_described(case.network))
    return tuple({(each.network, each.image, each.classes): each for each in known}.values())


def of_network(sizes: Iterable[Size], network: str = networks.DEFAULT) -> tuple[Variant, ...]:
    """The variants of these widths and resolutions of a network."""
    return tuple(Variant(network, width, resolution) for width, resolution in sizes)


def cases(
    variants: Iterable[Variant],
    *,
    backends: Iterable[str],
    devices: Iterable[str] = ("cpu",),
    precisions: Iterable[str] = (precisions.FP32.name,),
    threads: Iterable[int] = (1,),
    batches: Iterable[int] = (1,),
    streams: Iterable[int] = (1,),
) -> tuple[Case, ...]:
    """Every combination, each once, in the order given."""
    product = itertools.product(variants, batches, backends, devices, precisions, threads, streams)
    return tuple(
        dict.fromkeys(
            Case.of(variant, batch=b, backend=k, device=d, precision=p, threads=t, streams=s)
            for variant, b, k, d, p, t, s in product
        )
    )
