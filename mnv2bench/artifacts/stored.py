"""Reads a file of weights with torch, and never runs anything that is in it."""

import argparse
import hashlib
import io
import pathlib
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnv2bench import networks
from mnv2bench.artifacts import weights
from mnv2bench.artifacts.weights import ADVICE, START, Entry, StoredTensor, WeightsFile
from mnv2bench.networks import Variant
from mnv2bench.refusals import Unavailable
from mnv2bench.texts import counted

MAX_DEPTH = 6  # of mappings within mappings
MAX_VALUES = 1 << 29  # of one tensor: 2 GB in float32
# Plain values that training scripts put beside the state dict: what argparse returns, paths, and numpy's numbers
SCALAR = np.float32(0).__reduce__()[0]
PLAIN: list[Any] = [
    argparse.Namespace,
    pathlib.PosixPath,
    np.dtype,
    SCALAR,
    (SCALAR, "numpy.core.multiarray.scalar"),  # as numpy 1 wrote it
    *(type(np.dtype(letter)) for letter in "?bhilqBHILQefd"),
]
# What torch raises for a file that it did not write, or that was damaged since
BROKEN = (RuntimeError, EOFError, LookupError, ValueError, TypeError, AttributeError, AssertionError)
CLASS = re.compile(r"(?:GLOBAL|Unsupported class|class) ['\"]?([A-Za-z_][\w.]*\.[\w.]+)")
Tensors = dict[str, dict[str, torch.Tensor]]  # by the path of their entry and by their names


def read(path: Path) -> tuple[WeightsFile, Tensors]:
    """What a file holds, and its tensors. ValueError, in one line, where it is no file of weights.

    It is read once: the content that is hashed is the content that is decoded.
    """
    weights.require_file(path)
    content = path.read_bytes()
    loaded = _loaded(content)
    tensors = dict(_entries(loaded, "", MAX_DEPTH))
    if not tensors:
        kind = "one tensor" if isinstance(loaded, torch.Tensor) else f"a {type(loaded).__name__}"
        raise ValueError(f"holds {kind} and no state dict: {ADVICE}")
    entries = tuple(
        Entry(place, {name: _stored(tensor) for name, tensor in entry.items()}) for place, entry in tensors.items()
    )
    return WeightsFile(hashlib.sha256(content).hexdigest(), entries), tensors


def state_dict(path: Path, content: str, variant: Variant) -> dict[str, torch.Tensor]:
    """The tensors of a network from a file of weights, in float32.

    ValueError, in one line, where the file does not have the content that was checked, or does not fit.
    """
    file, tensors = read(path)
    if file.content != content:
        raise ValueError(f"{path} changed since it was checked: begin again, without --resume")
    fit = weights.fit(file, variant.network, variant.width)
    if (fit.classes, fit.channels) != (variant.classes, variant.channels):
        raise ValueError(
            f"{path} has {fit.classes} classes of images of {counted(fit.channels, 'channel')}, not {variant.classes} "
            f"of {counted(variant.channels, 'channel')}"
        )
    entry = tensors[fit.path]
    values = {name: entry[stored].detach().to(torch.float32).contiguous() for name, stored in fit.names.items()}
    shapes = networks.state_shapes(variant.network, variant.width, variant.classes, variant.channels)
    counters = [name for name in shapes if name.endswith(networks.BATCHES_TRACKED)]
    return values | {name: torch.zeros((), dtype=torch.int64) for name in counters}


def _loaded(content: bytes) -> Any:
    """The object in a file of torch.save or of safetensors."""
    start = content[:START]
    if kind := weights.foreign(start):
        raise ValueError(kind)
    if weights.is_safetensors(start):
        return _safetensors(content)
    if start.startswith(b"PK"):
        _require_state_archive(content)
    try:
        with torch.serialization.safe_globals(PLAIN):
            return torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except MemoryError as error:
        raise ValueError(f"needs more memory than there is: {ADVICE}") from error
    except torch.serialization.pickle.UnpicklingError as error:  # type: ignore[attr-defined]
        raise ValueError(_why_not_loaded(str(error))) from error
    except BROKEN as error:
        raise ValueError(f"is damaged, or no file of torch.save ({type(error).__name__}: {error})") from error


def _why_not_loaded(message: str) -> str:
    """Why torch does not load a file as plain tensors."""
    name = CLASS.search(message)
    if name:
        return f"holds objects that only running code could make ({name[1]}), such as a whole module: {ADVICE}"
    return f"is no file of torch.save: {ADVICE}"


def _safetensors(content: bytes) -> dict[str, torch.Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load
    except ModuleNotFoundError as error:
        raise Unavailable("is a safetensors file, and safetensors is not installed: pip install safetensors") from error
    try:
        loaded: dict[str, torch.Tensor] = load(content)
    except SafetensorError as error:
        raise ValueError(f"is a damaged safetensors file ({error}): save it or download it again") from error
    return loaded


def _require_state_archive(content: bytes) -> None:
    """ValueError for a zip that torch.save did not write."""
    try:
        names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError) as error:
        raise ValueError("is cut off or damaged: save it or download it again") from error
    parts = {name.partition("/")[2] for name in names}
    if "constants.pkl" in parts:
        raise ValueError("is a TorchScript archive: torch.save(torch.jit.load(FILE).state_dict(), NEW), then use NEW")
    if any(part.startswith(("models/", "data/aotinductor")) or part == "archive_format" for part in parts):
        raise ValueError(f"is a program of torch.export or AOTInductor: {ADVICE}")
    if any(name.endswith(".npy") for name in names):
        raise ValueError(f"is an archive of numpy arrays: {ADVICE}")
    if "data.pkl" not in parts:
        raise ValueError(f"is a zip archive that torch.save did not write: {ADVICE}")


def _entries(value: Any, place: str, depth: int) -> Iterator[tuple[str, dict[str, torch.Tensor]]]:
    """Each mapping with tensors by name in an object, and where it lies."""
    if not isinstance(value, dict) or not depth:
        return
    tensors = {name: tensor for name, tensor in value.items() if isinstance(name, str) and _is_tensor(tensor)}
    if tensors:
        yield place, tensors
    for name, below in value.items():
        if isinstance(name, str):
            yield from _entries(below, f"{place}.{name}" if place else name, depth - 1)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, torch.Tensor)


def _stored(tensor: torch.Tensor) -> StoredTensor:
    """A tensor's shape and type, and what is the matter with its values in float32."""
    shape, name = tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")
    if problem := _problem(tensor, name):
        return StoredTensor(shape, name, problem)
    values = tensor.detach().to(torch.float32)
    finite = torch.isfinite(values)
    tiny = (values != 0) & (values.abs() < torch.finfo(torch.float32).tiny)
    return StoredTensor(shape, name, "", int((~finite).sum()), int(tiny.sum()))


def _problem(tensor: torch.Tensor, name: str) -> str:
    """Why a tensor cannot be converted to float32 without changing what it means, "" where it can."""
    if tensor.is_meta:
        return "is on the device meta, without any values: save it from the CPU"
    if tensor.is_quantized:
        return f"is quantised ({name}): save the network before it is quantised"
    if tensor.layout != torch.strided:
        return f"is sparse ({str(tensor.layout).removeprefix('torch.')}): save tensor.to_dense()"
    if tensor.is_complex():
        return f"is of complex numbers ({name}): no network here computes with them"
    if not tensor.is_floating_point():
        return f"is of whole numbers ({name}): save the network in float32, before it is quantised"
    if tensor.numel() > MAX_VALUES:
        return f"has {tensor.numel()} values: no network here has such a tensor"
    return ""
