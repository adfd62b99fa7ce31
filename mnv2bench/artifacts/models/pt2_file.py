"""Programs of torch.export in files of users: read and checked without unpickling anything in them."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mnv2bench.artifacts.models import pt2_layers
from mnv2bench.artifacts.models.own_file import file_bytes, file_description, require_unchanged
from mnv2bench.artifacts.models.pt2_archive import ADVICE, checked
from mnv2bench.artifacts.stored import BROKEN
from mnv2bench.artifacts.weights import MAX_BYTES
from mnv2bench.backends.shared.exported_network import ExportedNetwork, image_tensor
from mnv2bench.backends.shared.torch_session import network
from mnv2bench.case import Case
from mnv2bench.networks import Description, ImageShape, Sides
from mnv2bench.precisions import BF16, FP16, FP32
from mnv2bench.texts import one_line

USUAL_SIDES = (224, 224)  # of a network that takes images of any
PRECISIONS = {getattr(torch, precision.dtype): precision.name for precision in (FP32, FP16, BF16)}
MAX_REASON = 200  # characters of what torch says of a program


def read(path: Path, sides: Sides | None) -> Description:
    """What a program is, for images of these sides where it takes any. ValueError, in one line, for no program."""
    content, archive = _archive(path)
    program = _program(archive)
    image, batch = _image(program, sides), _batch(program)
    network = ExportedNetwork(program)
    fixed = _fixed(network, image, batch or 1)
    (output,) = _results(fixed)
    return file_description(
        path,
        content,
        "pt2",
        image=image,
        classes=output.shape[1],
        layers=pt2_layers.layers(fixed, program),
        state={name: tuple(tensor.shape) for name, tensor in program.state_dict.items()},
        precision=_precision(program),
        batch=batch,
    )


def write(path: Path, content: str, target: Path) -> None:
    """Write the program as it was checked. ValueError where the file is not what was read of it."""
    now, archive = _archive(path)
    require_unchanged(path, content, now)
    target.write_bytes(archive)


def forward(case: Case, path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """The network by eager: what all outputs are held against. `path` is the file as `write` writes it."""
    module = network(case, path)

    def run(images: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = module(torch.from_numpy(images)).numpy()
        return outputs

    return run


def _archive(path: Path) -> tuple[str, bytes]:
    """The SHA-256 of a file, and its program as it was checked. ValueError, in one line, for no such file."""
    content = file_bytes(path, MAX_BYTES)
    return hashlib.sha256(content).hexdigest(), checked(content)


def _program(archive: bytes) -> torch.export.ExportedProgram:
    try:
        program = torch.export.load(io.BytesIO(archive))
    except BROKEN as error:
        raise ValueError(f"is no program that this torch reads ({_reason(error)}): {ADVICE}") from error
    if {spec.kind.name for spec in program.graph_signature.output_specs} != {"USER_OUTPUT"}:
        raise ValueError(f"changes its own weights or its images, as in training: {ADVICE}")
    batch = str(image_tensor(program).shape[0])
    for output in _results(program):
        if not isinstance(output, torch.Tensor) or (batch != "1" and str(*output.shape[:1]) != batch):
            raise ValueError("gives an output that is not one for each image: return tensors (batch, ...) alone")
    return program


def _image(program: torch.export.ExportedProgram, sides: Sides | None) -> ImageShape:
    """The images that a program takes: (batch, channels, height, width), as torch has them."""
    tensor = image_tensor(program)
    if tensor.dtype not in PRECISIONS:
        raise ValueError(f"takes {str(tensor.dtype).removeprefix('torch.')}, where images are float32 or float16")
    if tensor.dim() != 4:
        raise ValueError(f"takes an input of {tensor.dim()} dimensions, where a batch of images has 4")
    channels, height, width = (size if isinstance(size, int) else 0 for size in tensor.shape[1:])
    if not channels:
        raise ValueError("does not say how many channels its images have: export it with a number of channels")
    usual = sides or USUAL_SIDES
    own = (height or usual[0], width or usual[1])
    if sides and own != sides:
        raise ValueError(f"takes images of {own[0]}x{own[1]} alone: leave --resolutions out")
    return ImageShape(channels, *own)


def _batch(program: torch.export.ExportedProgram) -> int:
    """The only batch that a program takes, 0 where it takes any."""
    size = image_tensor(program).shape[0]
    return size if isinstance(size, int) else 0


def _fixed(network: torch.nn.Module, image: ImageShape, batch: int) -> torch.export.ExportedProgram:
    """The program for one batch of images, in which every tensor has a shape. ValueError where it takes none such."""
    images = torch.zeros((batch, *image))
    try:
        with torch.no_grad():  # in which a block of the program under it is a part like the others
            return torch.export.export(network, (images,))
    except BROKEN as error:
        shape = f"{image.channels}x{image.height}x{image.width}"
        raise ValueError(f"takes no batch of {batch} of {shape}: {_reason(error)}") from error


def _results(program: torch.export.ExportedProgram) -> list[torch.Tensor]:
    """What a program returns for the images it was fixed to, without values."""
    names = program.graph_signature.user_outputs
    return [node.meta["val"] for node in program.graph.nodes if node.name in names]


def _precision(program: torch.export.ExportedProgram) -> str:
    """The number format of most weights."""
    types = [tensor.dtype for tensor in program.state_dict.values() if tensor.dim() > 1]
    if other := next((element for element in types if element not in PRECISIONS), None):
        raise ValueError(f"has weights of {str(other).removeprefix('torch.')}: save it before it is quantised")
    return PRECISIONS[max(set(types), key=types.count)] if types else FP32.name


def _reason(error: Exception) -> str:
    """The first line of what torch says that says something."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return one_line(lines[-1] if lines else type(error).__name__)[:MAX_REASON]
