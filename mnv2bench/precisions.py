"""The number formats that a network is computed in. Each is declared once, here; everything else reads it."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Precision:
    """A number format, and how far outputs that were computed in it may be from eager fp32.

    `dtype` is the element type of weights and images, as numpy and torch spell it, and `element_bytes` its size.
    `significand_bits` are those that products keep, without the leading one. `stored_as` names the precision whose
    files it reads, where it has none of its own. `first_cuda_capability` is the first compute capability of an NVIDIA
    GPU that has the format; before that the GPU would compute in another format without saying so. `cpu_flags` are
    those of processors that multiply in it themselves, where libraries would else emulate it, slower than fp32.

    `largest_error` is over the largest logit. `largest_distance` is the distance of the outputs from the reference over
    the distance between the reference's two batches of images; None where the largest error alone decides.
    `peak_ratio` is how many of its multiply-adds the fastest hardware does in the time of one in fp32.
    """

    name: str
    meaning: str
    dtype: str
    element_bytes: int
    significand_bits: int
    largest_error: float
    largest_distance: float | None = None
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


# Where the limits come from: docs/thresholds.md#precisions
FP32 = Precision(
    name="fp32",
    meaning="IEEE 754 single precision: the format of the reference.",
    dtype="float32",
    element_bytes=4,
    significand_bits=23,
    largest_error=1e-4,
)
TF32 = Precision(
    name="tf32",
    meaning="fp32 files and sums, but products read 10 bits of each significand: tensor cores of NVIDIA GPUs.",
    dtype="float32",
    element_bytes=4,
    significand_bits=10,
    largest_error=0.15,
    largest_distance=0.3,
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
    largest_error=0.15,
    largest_distance=0.3,
    peak_ratio=16.0,
    cpu_flags=("avx512_fp16", "asimdhp"),
)
BF16 = Precision(
    name="bf16",
    meaning="The upper half of fp32: its range, with 7 bits of significand.",
    dtype="bfloat16",
    element_bytes=2,
    significand_bits=7,
    largest_error=0.4,
    largest_distance=0.65,
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
    largest_error=1.0,
    largest_distance=0.7,
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
