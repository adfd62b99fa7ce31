"""The number formats that a network is computed in. Each is declared once, here; everything else reads it."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple


class Limits(NamedTuple):
    """How far outputs may be from eager fp32's.

    `error` is the largest difference over the largest logit. `distance` is the root mean square of the distances of
    the outputs from their reference, over that of the distances between the reference's images in a row; None where the
    largest error alone decides.
    """

    error: float
    distance: float | None = None


@dataclass(frozen=True)
class Precision:
    """A number format, and how far outputs that were computed in it may be from eager fp32.

    `dtype` is the element type of weights and images, as numpy and torch spell it, and `element_bytes` its size.
    `significand_bits` are those that products keep, without the leading one. `stored_as` names the precision whose
    files it reads, where it has none of its own. `first_cuda_capability` is the first compute capability of an NVIDIA
    GPU that has the format; before that the GPU would compute in another format without saying so. `cpu_flags` are
    those of processors that multiply in it themselves, where libraries would else emulate it, slower than fp32.

    `digits`, `seeded` and `file` are the limits for networks with weights of each kind: rounding moves the outputs of a
    trained network little, those of one with weights made from a seed more, and what it does to those of a user, also
    in the user's own model, is unknown.
    `peak_ratio` is how many of its multiply-adds the fastest hardware does in the time of one in fp32.
    """

    name: str
    meaning: str
    dtype: str
    element_bytes: int
    significand_bits: int
    digits: Limits
    seeded: Limits
    file: Limits
    peak_ratio: float = 1.0
    stored_as: str = ""
    first_cuda_capability: float = 0.0
    cpu_flags: tuple[str, ...] = ()

    def missing_instructions(self, instructions: Collection[str]) -> str:
        """What a processor with these instruction sets lacks to compute in it, as "none of A, B"; "" where nothing.

        Nothing is known to be missing where no instruction set is known at all.
        """
        if not self.cpu_flags or not instructions or not {*self.cpu_flags}.isdisjoint(instructions):
            return ""
        return f"none of {', '.join(self.cpu_flags)}"

    @property
    def files(self) -> str:
        """The name of the precision whose files it reads: most read their own."""
        return self.stored_as or self.name

    @property
    def size_ratio(self) -> float:
        """Bytes of an element over those of an fp32 one."""
        return self.element_bytes / FP32.element_bytes

    @property
    def largest_error(self) -> float:
        """The largest error that outputs may have with any weights."""
        return max(self.digits.error, self.seeded.error, self.file.error)

    def limits(self, weights: str) -> Limits:
        """The limits for weights of this kind, as `records.WeightsKind` names it. KeyError for any other."""
        return {"digits": self.digits, "seeded": self.seeded, "file": self.file, "model": self.file}[weights]


# Where the limits come from: docs/thresholds.md#precisions
FP32 = Precision(
    name="fp32",
    meaning="IEEE 754 single precision: the format of the reference.",
    dtype="float32",
    element_bytes=4,
    significand_bits=23,
    digits=Limits(1e-4),
    seeded=Limits(1e-4),
    file=Limits(1e-4),
)
TF32 = Precision(
    name="tf32",
    meaning="fp32 files and sums, but products read 10 bits of each significand: tensor cores of NVIDIA GPUs.",
    dtype="float32",
    element_bytes=4,
    significand_bits=10,
    digits=Limits(0.02, 0.02),
    seeded=Limits(0.05, 0.06),
    file=Limits(0.15, 0.3),
    peak_ratio=8.0,
    stored_as="fp32",
    first_cuda_capability=8.0,
)
FP16 = Precision(
    name="fp16",
    meaning="IEEE 754 half precision: weights, images and results in 16 bits, 10 of them significand.",
    dtype="float16",
    element_bytes=2,
    significand_bits=10,
    digits=Limits(0.02, 0.02),
    seeded=Limits(0.05, 0.06),
    file=Limits(0.15, 0.3),
    peak_ratio=16.0,
    cpu_flags=("avx512_fp16", "asimdhp"),
)
BF16 = Precision(
    name="bf16",
    meaning="The upper half of fp32: its range, with 7 bits of significand.",
    dtype="bfloat16",
    element_bytes=2,
    significand_bits=7,
    digits=Limits(0.1, 0.04),
    seeded=Limits(0.2, 0.3),
    file=Limits(0.4, 0.65),
    peak_ratio=16.0,
    first_cuda_capability=8.0,
    cpu_flags=("avx512_bf16", "amx_bf16", "bf16"),
)
INT8 = Precision(
    name="int8",
    meaning="Weights and tensors between layers in 8 bits, with scales that are set on calibration images.",
    dtype="float32",
    element_bytes=1,
    significand_bits=7,
    digits=Limits(0.4, 0.15),
    seeded=Limits(0.5, 0.5),
    file=Limits(1.0, 0.7),
    peak_ratio=32.0,
    stored_as="fp32",
    cpu_flags=("avx512_vnni", "avx_vnni", "amx_int8", "asimddp"),
)
PRECISIONS = (FP32, TF32, FP16, BF16, INT8)  # in the order of every list of them
NAMES = tuple(precision.name for precision in PRECISIONS)


def named(name: str) -> Precision:
    """The precision of that name. ValueError, with the known names, for any other."""
    for precision in PRECISIONS:
        if precision.name == name:
            return precision
    raise ValueError(f"precision {name!r} is not one of {', '.join(NAMES)}")
