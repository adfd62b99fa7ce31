"""Weights files, without torch: what is in one, which network it fits, and in one line why it does not."""

import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from msgspec import Struct

from mnv2bench import networks
from mnv2bench.networks import BATCHES_TRACKED

MAX_BYTES = 2 << 30  # of a file: the largest network's weights with an optimiser's and an average's take a tenth
START = 512  # bytes of a file that show what it is
MAX_PARTS = 3  # parts of a sentence that are listed before "and N more"
# Segments that torch puts into names: torch.compile, fully sharded data parallel, activation checkpoints
WRAPPERS = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
AVERAGES = re.compile(r"(^|[._])(ema|teacher|swa|average\w*)($|[._])")
# Names beside a network's own that change nothing it computes: of torch's AveragedModel, and of the profiler thop
HARMLESS = re.compile(r"(^|\.)(n_averaged|total_ops|total_params|num_batches_tracked)$")
WIDTHS = [round(0.05 * step, 2) for step in range(1, 41)]  # that a file is compared with, beside the published ones
ADVICE = "save the network's state dict alone: torch.save(network.state_dict(), FILE)"
STARTS = (  # of files that are something else, and what they are
    (b"version https://git-lfs", "is a Git LFS pointer and not the file itself: git lfs pull"),
    (b"\x89HDF\r\n", "is an HDF5 file, as Keras writes: convert it to a torch state dict first"),
    (b"\x1f\x8b", "is compressed with gzip: unpack it first"),
    (b"BZh", "is compressed with bzip2: unpack it first"),
    (b"\xfd7zXZ", "is compressed with xz: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it first"),
    (b"\x93NUMPY", f"is a numpy array: {ADVICE}"),
    (b"GGUF", f"is a GGUF file: {ADVICE}"),
    (b"\x7fELF", f"is a program: {ADVICE}"),
    (b"\x08", f"looks like an ONNX or TensorFlow file: {ADVICE}"),
)
LAYOUTS = (  # a name that only another library's MobileNets have, and whose
    (re.compile(r"^(conv_stem|blocks\.\d+\.\d+\.conv_(dw|pw|pwl))\b"), "of timm"),
    (re.compile(r"conv_stem\.(first_conv|conv_3x3)|mobilenet_v2\.layer\."), "of Hugging Face transformers"),
    (re.compile(r"^(Conv1|expanded_conv|block_\d+_)"), "of Keras"),
    (re.compile(r"^MobilenetV2/"), "of TensorFlow's slim models"),
    (re.compile(r"^features\.\d+\.conv\.0\.weight$"), "of an older layout, from before torchvision 0.3"),
    (re.compile(r"^features\.\d+\.(squeeze|expand3x3|0\.weight)"), "of another network of torchvision"),
    (re.compile(r"^(layer[1-4]\.|stage[2-4]\.|stages?\.\d)"), "of another network"),
)


class StoredTensor(Struct, frozen=True):
    """A tensor of a file: its shape, its element type, and what is the matter with its values.

    `problem` says why it is no weight of a network, "" where it may be. `not_finite` and `subnormal` count its values
    as float32.
    """

    shape: tuple[int, ...]
    type: str
    problem: str = ""
    not_finite: int = 0
    subnormal: int = 0


class Entry(Struct, frozen=True):
    """A mapping from names to tensors in a file; `path` is where it lies in the file, such as model.state_dict."""

    path: str
    tensors: dict[str, StoredTensor]


class WeightsFile(Struct, frozen=True):
    """What a file of weights holds. `content` is the SHA-256 of the whole file, in hexadecimal."""

    content: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Fit:
    """How a file's tensors become those of a network.

    `names` maps the network's names to the file's, in the entry at `path`; a counter of batches may be missing in it.
    `classes` and `channels` are those of the file's classifier and of its first layer.
    """

    path: str
    names: dict[str, str]
    classes: int
    channels: int
    reading: str
    subnormal: int


@dataclass(frozen=True)
class Candidate:
    """An entry of a file, with the prefix of those of its names that may be a network's.

    `names` maps the names without the prefix, and without torch's wrappers, to those of the entry.
    """

    entry: Entry
    prefix: str
    names: dict[str, str]

    @property
    def place(self) -> str:
        return ".".join(part for part in (self.entry.path, self.prefix.rstrip(".")) if part)


def require_file(path: Path) -> None:
    """Raise ValueError, in one line, for what is no file of weights by its type or its size.

    OSError where it is not there or may not be read.
    """
    status = path.stat()
    kinds = (
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISCHR, "a device"),
        (stat.S_ISBLK, "a device"),
    )
    for is_kind, kind in kinds:
        if is_kind(status.st_mode):
            raise ValueError(f"is {kind}, not a file: name the file that torch.save wrote")
    if not status.st_size:
        raise ValueError("is empty: save it again")
    if status.st_size > MAX_BYTES:
        raise ValueError(
            f"has {status.st_size / 1e9:.1f} GB, and no state dict of these networks has more than "
            f"{MAX_BYTES / 1e9:.1f} GB: {ADVICE}"
        )


def foreign(start: bytes) -> str:
    """What a file is by its first bytes, where that is no file of weights; "" where it may be one."""
    if is_safetensors(start):
        return ""
    for signature, kind in STARTS:
        if start.startswith(signature):
            return kind
    if start[4:8] == b"TFL3":
        return f"is a TensorFlow Lite model: {ADVICE}"
    if _is_text(start):
        return f"is a text file: {ADVICE}"
    return ""


def is_safetensors(start: bytes) -> bool:
    """Whether a file is one of safetensors by its first bytes: the size of a header in JSON, and the header."""
    return len(start) > 9 and int.from_bytes(start[:8], "little") < MAX_BYTES and start[8:9] == b"{"


def _is_text(start: bytes) -> bool:
    try:
        text = start.decode()
    except UnicodeDecodeError as error:
        text = start[: error.start].decode() if error.start > len(start) - 4 else "\x00"
    return all(character.isprintable() or character.isspace() for character in text)


def fit(file: WeightsFile, network: str, width: float) -> Fit:
    """How the file's tensors become those of a network. ValueError, in one line, where they do not."""
    expected = networks.state_shapes(network, width)
    candidates = [c for entry in file.entries for c in _candidates(entry, expected)]
    if not candidates:
        raise ValueError(f"holds no tensors by name: {ADVICE}")
    best = min(candidates, key=lambda candidate: _misfit(candidate, expected))
    classes, channels = _classes(best, network, width), _channels(best, network, width)
    expected = networks.state_shapes(network, width, classes, channels)
    _require_fit(best, expected, network, width)
    names = {name: best.names[name] for name in expected if name in best.names}
    tensors = {name: best.entry.tensors[stored] for name, stored in names.items()}
    for name, tensor in tensors.items():
        if tensor.not_finite and not name.endswith(BATCHES_TRACKED):
            values = "1 value that is" if tensor.not_finite == 1 else f"{tensor.not_finite} values that are"
            raise ValueError(f"{names[name]} has {values} not finite in float32: nothing can be computed with it")
    subnormal = sum(tensor.subnormal for name, tensor in tensors.items() if not name.endswith(BATCHES_TRACKED))
    return Fit(best.entry.path, names, classes, channels, "; ".join(_reading(best, file, expected)), subnormal)


def _candidates(entry: Entry, expected: dict[str, tuple[int, ...]]) -> Iterator[Candidate]:
    """The entry with each prefix under which it has the first or the last weights of the network, and without one."""
    plain = {".".join(part for part in name.split(".") if part not in WRAPPERS): name for name in entry.tensors}
    weights = [name for name in expected if name.endswith(".weight")]
    prefixes = {
        name.removesuffix(anchor)
        for anchor in (weights[0], weights[-1])
        for name in plain
        if name == anchor or name.endswith(f".{anchor}")
    }
    for prefix in sorted(prefixes | {""}):
        names = {name.removeprefix(prefix): stored for name, stored in plain.items() if name.startswith(prefix)}
        if names:
            yield Candidate(entry, prefix, names)


def _misfit(candidate: Candidate, expected: dict[str, tuple[int, ...]]) -> tuple[int, int, bool, int]:
    """The smaller, the better: names that are missing, shapes that differ, whether it is an average, tensors in all."""
    missing = sum(name not in candidate.names for name in expected)
    stored = {name: candidate.entry.tensors[other].shape for name, other in candidate.names.items()}
    differing = sum(stored[name] != shape for name, shape in expected.items() if name in stored)
    return missing, differing, bool(AVERAGES.search(candidate.place.lower())), -len(candidate.names)


def _classes(candidate: Candidate, network: str, width: float) -> int:
    """How many classes the stored classifier has; the usual number where the file does not have the classifier."""
    more = networks.state_shapes(network, width, networks.CLASSES + 1)
    stored = _differing_size(candidate, networks.state_shapes(network, width), more)
    return stored if 1 <= stored <= networks.MAX_CLASSES else networks.CLASSES


def _channels(candidate: Candidate, network: str, width: float) -> int:
    """How many channels the images of the stored first layer have; the usual number where the file does not have it."""
    more = networks.state_shapes(network, width, channels=networks.IMAGE_CHANNELS + 1)
    stored = _differing_size(candidate, networks.state_shapes(network, width), more)
    return stored if 1 <= stored <= networks.MAX_CHANNELS else networks.IMAGE_CHANNELS


def _differing_size(candidate: Candidate, usual: dict[str, tuple[int, ...]], more: dict[str, tuple[int, ...]]) -> int:
    """The file's size of the first tensor that differs between two networks, along that axis; 0 where it has none."""
    for name, shape in usual.items():
        if shape != more[name] and name in candidate.names:
            axis = next(axis for axis, size in enumerate(shape) if size != more[name][axis])
            stored = candidate.entry.tensors[candidate.names[name]].shape
            if axis < len(stored):
                return stored[axis]
    return 0


def _require_fit(candidate: Candidate, expected: dict[str, tuple[int, ...]], network: str, width: float) -> None:
    """ValueError, with the first wrong name and the likely cause, unless each tensor of the network is in the file."""
    names, tensors = candidate.names, candidate.entry.tensors
    inside = f" of its entry {candidate.place}" if candidate.place else ""
    for name, shape in expected.items():
        if name not in names:
            if name.endswith(BATCHES_TRACKED):
                continue
            first = next((other for other in names if other not in expected and not HARMLESS.search(other)), "")
            there = f"; its first other name is {first}" if first else ""
            raise ValueError(f"{name} of {network} is missing{inside}{there}: {_cause(candidate, network)}")
        tensor = tensors[names[name]]
        if name.endswith(BATCHES_TRACKED):
            continue
        if tensor.problem:
            raise ValueError(f"{names[name]} {tensor.problem}")
        if tensor.shape != shape:
            if reason := _other_variant(candidate, network, width):
                raise ValueError(reason)
            raise ValueError(
                f"{names[name]} has the shape {_size(tensor.shape)}, and {network} of width {width} has "
                f"{_size(shape)}: {_cause(candidate, network)}"
            )
    extra = [other for name, other in names.items() if not _is_beside(name, expected) and name not in expected]
    if extra:
        raise ValueError(f"{extra[0]} is no tensor of {network}: {_cause(candidate, network)}")


def _is_beside(name: str, expected: dict[str, tuple[int, ...]]) -> bool:
    """Whether a tensor may lie beside those of the network: it changes nothing, or belongs to a copy of the network."""
    parts = name.split(".")
    return bool(HARMLESS.search(name)) or any(".".join(parts[start:]) in expected for start in range(1, len(parts)))


def _size(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "of a single number"


def _other_variant(candidate: Candidate, network: str, width: float) -> str:
    """Which other variant the file is of, as a reason; "" where it is of none."""
    others = [network, *(name for name in networks.names() if name != network)]
    for other in others:
        declared = networks.network(other)
        for other_width in dict.fromkeys([*declared.widths, *(WIDTHS if declared.any_width else ())]):
            if _is_of(candidate, other, other_width):
                advice = f"add --widths {other_width}" + ("" if other == network else f" --networks {other}")
                if other == network:
                    return f"the file is of width {other_width}; these cases have width {width}: {advice}"
                return f"the file is of {other}, width {other_width}; these cases are of {network}: {advice}"
    return ""


def _is_of(candidate: Candidate, network: str, width: float) -> bool:
    if width < networks.network(network).min_width:
        return False
    classes, channels = _classes(candidate, network, width), _channels(candidate, network, width)
    expected = networks.state_shapes(network, width, classes, channels)
    shapes = {name: candidate.entry.tensors[stored].shape for name, stored in candidate.names.items()}
    return all(shapes.get(name) == shape for name, shape in expected.items() if not name.endswith(BATCHES_TRACKED))


def _cause(candidate: Candidate, network: str) -> str:
    """Why a file does not have a network's names, as far as its own names show, and what to do."""
    expected = networks.state_shapes(network, max(1.0, networks.network(network).min_width))
    foreign_names = [name for name in candidate.names if name not in expected]
    for layout, origin in LAYOUTS:
        if any(layout.search(name) for name in foreign_names):
            return f"these are the names {origin}; rename them to those of torchvision's mobilenet_v2"
    if any(re.search(r"(^|\.)(exp_avg|momentum_buffer)$", name) for name in candidate.names):
        return f"this is the state of an optimiser; {ADVICE}"
    if any(re.search(r"parametrizations|weight_(g|v|orig|mask)$", name) for name in candidate.names):
        return "its weights are parametrised or pruned; remove that before saving the state dict"
    return f"it is of another network than {network} or of a part of it: `mnv2bench network {network}` lists its layers"


def _reading(candidate: Candidate, file: WeightsFile, expected: dict[str, tuple[int, ...]]) -> Iterator[str]:
    """What was unwrapped, renamed, converted and left out, a phrase each."""
    if candidate.entry.path:
        yield f"read from its entry {candidate.entry.path}"
    others = [entry.path for entry in file.entries if entry is not candidate.entry and _is_like(entry, candidate)]
    if others:
        yield f"not from {_listed(others)}"
    if candidate.prefix:
        yield f"prefix {candidate.prefix} removed"
    stored = {name: candidate.names[name] for name in expected if name in candidate.names}
    wrappers = [word for word in WRAPPERS if any(word in name.split(".") for name in stored.values())]
    if wrappers:
        yield f"{_listed(wrappers)} removed from its names"
    types: dict[str, int] = {}
    for name, other in stored.items():
        tensor = candidate.entry.tensors[other]
        if tensor.type != "float32" and not name.endswith(BATCHES_TRACKED):
            types[tensor.type] = types.get(tensor.type, 0) + 1
    for name, count in types.items():
        yield f"{count} {'tensor' if count == 1 else 'tensors'} of {name} converted to float32"
    used = {*stored.values()}
    left = [name for name in candidate.entry.tensors if name not in used and not HARMLESS.search(name)]
    if left:
        yield f"left out: {_listed(left)}"


def _is_like(entry: Entry, candidate: Candidate) -> bool:
    """Whether an entry has tensors of the same names, whatever their prefix."""
    last = next(iter(reversed(candidate.names)))
    return any(name == last or name.endswith(f".{last}") for name in entry.tensors)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_PARTS} more" if len(names) > MAX_PARTS else ""
    return ", ".join(names[:MAX_PARTS]) + more
