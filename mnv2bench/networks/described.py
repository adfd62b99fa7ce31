"""Networks that no family declares, by what was read of them: those of timm, and files of users.

Whoever reads one in a process of its own registers its description, and so does whoever reads records of it: then it is
counted, mapped and shown like any other. Nothing here reads a file or imports torch.
"""

import re
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from mnv2bench.networks.layer import Layer
from mnv2bench.networks.shapes import (
    CLASSES,
    IMAGE_CHANNELS,
    ImageShape,
    Resolution,
    Variant,
    resolution_of,
    resolution_text,
    sides,
)

TIMM = "timm:"  # what the name of a network of timm begins with
TIMM_NAME = re.compile(r"timm:[a-z0-9_]{1,80}(\.[a-z0-9_]{1,80})?")
FILE_KINDS = ("onnx", "pt2", "tflite")
FILE_WORDS = {"onnx": "an ONNX file", "pt2": "a program of torch.export", "tflite": "a LiteRT file"}  # by kind
EAGER_REFERENCE = "eager fp32"
REFERENCES = {  # what the outputs of a network are held against, by the kind of its file
    "onnx": "onnxruntime without optimisations, in fp32",
    "pt2": EAGER_REFERENCE,
    "tflite": "LiteRT's own kernels without a delegate",
}
FILE_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,80}}\.({'|'.join(FILE_KINDS)})-[0-9a-f]{{8}}")
NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class Description(Struct, frozen=True, forbid_unknown_fields=True):
    """What was read of a network, for images of one shape and one number of classes.

    `origin` says where it is from, as "timm 1.0.31" or the name of a file, and `counted` how its layers were counted.
    `classes` are the numbers that it gives for one image. `state` holds the shape of each tensor of its state dict,
    `classifier` names those that have one row for each class, and `stem` those that have the channels of the image as
    their second axis.

    Of a file: `kind` is one of FILE_KINDS, `file` its path, `content` its SHA-256 in hexadecimal, `batch` the only
    batch that it takes, 0 where it takes any, and `precision` the number format that it computes in. `pixels` is the
    element of images that are whole numbers: uint8, or int8, which are 128 less.
    """

    network: str
    origin: str
    counted: str
    image: ImageShape
    classes: int
    layers: tuple[Layer, ...]
    state: dict[str, tuple[int, ...]] = {}
    classifier: tuple[str, ...] = ()
    stem: tuple[str, ...] = ()
    precision: str = "fp32"
    kind: str = ""
    file: str = ""
    content: str = ""
    batch: int = 0
    pixels: Literal["", "uint8", "int8"] = ""

    @property
    def precisions(self) -> tuple[str, ...]:
        """Those that it is measured in where none is named; weights of fp16 are widened to fp32 without a change."""
        return ("fp32", self.precision) if self.precision == "fp16" else (self.precision,)

    @property
    def resolution(self) -> Resolution:
        return resolution_of(self.image.height, self.image.width)

    def state_shapes(self, classes: int, channels: int) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of the state dict, for other numbers of classes and channels too."""
        shapes = dict(self.state)
        shapes |= {name: (classes, *shapes[name][1:]) for name in self.classifier}
        return shapes | {name: (shapes[name][0], channels, *shapes[name][2:]) for name in self.stem}


Key = tuple[str, ImageShape, int]
_descriptions: dict[Key, Description] = {}


def is_described(network: str) -> bool:
    """Whether a name is one of timm's networks or of a file, and not one that a family declares."""
    return is_of_timm(network) or is_file(network)


def is_of_timm(network: str) -> bool:
    """Whether a name is one of timm's networks."""
    return TIMM_NAME.fullmatch(network) is not None


def is_file(network: str) -> bool:
    """Whether a name is that of a user's file."""
    return FILE_NAME.fullmatch(network) is not None


def file_kind(network: str) -> str:
    """Which of FILE_KINDS a network's file is, "" for a network that is no file."""
    match = FILE_NAME.fullmatch(network)
    return match[1] if match else ""


def file_network(file_name: str, content: str) -> str:
    """The name of the network in a file, from the file's own name and its SHA-256: my-net.onnx-0f1e2d3c."""
    stem, dot, ending = file_name.rpartition(".")
    plain = NOT_IN_A_NAME.sub("-", stem).strip("-._")[:80] or "model"
    return f"{plain}{dot}{ending.lower()}-{content[:8]}"


def register(description: Description) -> None:
    """Make a description known to this process; a later one of the same network, image and classes replaces it."""
    _descriptions[description.network, description.image, description.classes] = description


def register_recorded(description: Description) -> None:
    """Make known what a file of results says of a network, where nothing is known of it yet.

    The path in it is forgotten: no file is opened because somebody's results name it.
    """
    key = description.network, description.image, description.classes
    _descriptions.setdefault(key, replace(description, file=""))


def reference(network: str) -> str:
    """What the outputs of a network are held against, in words."""
    return REFERENCES.get(file_kind(network), EAGER_REFERENCE)


def descriptions(network: str) -> tuple[Description, ...]:
    """All that is known of a network, the first one first."""
    return tuple(known for (name, _, _), known in _descriptions.items() if name == network)


def any_description(network: str) -> Description:
    """What is known of a network for any image and any number of classes. ValueError where nobody read it yet."""
    for known in descriptions(network):
        return known
    raise ValueError(f"{network} was not read yet: name it to `mnv2bench network`")


def is_known(variant: Variant) -> bool:
    """Whether this process can count a network: a family declares it, or somebody read it for such images."""
    image = ImageShape(variant.channels, *sides(variant.resolution))
    return not is_described(variant.network) or (variant.network, image, variant.classes) in _descriptions


def description(
    network: str, resolution: Resolution, classes: int = CLASSES, channels: int = IMAGE_CHANNELS
) -> Description:
    """What is known of a network for such images. ValueError where nobody read it in this process."""
    key = (network, ImageShape(channels, *sides(resolution)), classes)
    if key not in _descriptions:
        shape = f"images of {channels} x {resolution_text(key[1].sides)} and {classes} outputs"
        how = "name its file with --model" if is_file(network) else "name it to `mnv2bench network`"
        raise ValueError(f"{network} was not read for {shape}: {how}")
    return _descriptions[key]
