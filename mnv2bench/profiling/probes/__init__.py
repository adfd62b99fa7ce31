"""Probes of what the machine can do at most: kernels of well-kept libraries, which the timing loop runs as sessions."""

import importlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mnv2bench.backends import Images, Session
from mnv2bench.precisions import FP32, INT8, Precision
from mnv2bench.profiling.records import Probe

# A file each; a library that is not installed has no probes, as the page says. Numpy's alone measure bandwidth.
LIBRARIES = ("numpy", "torch", "onnxruntime", "openvino", "litert")
# Rows, depth and columns of products: a small square, and what 1x1 convolutions of the published networks are at 224
# pixels
SMALL_SIDE = 256
OF_CONVOLUTIONS = ((12544, 32, 96), (3136, 144, 24), (196, 96, 576), (196, 576, 96), (49, 320, 1280))
# docs/thresholds.md#probes
SMALLEST = 16 << 10  # bytes of a working set
LARGEST = 256 << 20
MOST = 512 << 20  # where the system reports a cache that may hold the largest

Shape = tuple[int, int, int]


class Kernel(Session):
    """A session without images: `run` executes the kernel once and returns when it is complete."""

    def put(self, images: Images) -> None:
        raise NotImplementedError("a probe takes no images")

    def get(self) -> Images:
        raise NotImplementedError("a probe has no outputs")


class Call(Kernel):
    """A kernel that is one function without arguments."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def run(self) -> None:
        self.call()


@dataclass(frozen=True)
class ReadyProbe:
    """A probe that was not run yet, without rounds, and the kernel to run for it."""

    probe: Probe
    kernel: Kernel


@dataclass(frozen=True)
class Setting:
    """What probes depend on: threads, bytes of the caches and flags of the processor as the system reports them."""

    threads: int
    caches: dict[str, int]
    flags: tuple[str, ...]

    def multiplies(self, precision: Precision) -> bool:
        """Whether the processor itself multiplies in a precision; libraries emulate it on others, slower than fp32."""
        return precision == FP32 or (bool(self.flags) and not precision.missing_instructions(self.flags))


def probes(library: str, setting: Setting) -> Iterator[ReadyProbe]:
    """The probes of a library, made one after the other. Raises ModuleNotFoundError where it is not installed."""
    yield from importlib.import_module(f"{__name__}.{library}").probes(setting)


def side(threads: int) -> int:
    """The side of the largest square matrices: 1024 on one thread, and as much work for each of more threads.

    Their product takes a core 5 to 50 ms. Their bytes grow with the square of the side and their FLOP with its cube, so
    that compute limits a good kernel.
    """
    return 128 * round(8 * math.cbrt(threads))


def shapes(threads: int) -> tuple[Shape, ...]:
    """The shapes of the products of every library: a kernel is at its best at one of them, and each at another."""
    return (*((n, n, n) for n in (SMALL_SIDE, side(threads))), *OF_CONVOLUTIONS)


def product(library: str, shape: Shape, kernel: Kernel, precision: Precision = FP32) -> ReadyProbe:
    """The probe of a matrix product of this shape. The results of an int8 one are sums in 32 bits."""
    rows, depth, columns = shape
    result_bytes = FP32.element_bytes if precision == INT8 else precision.element_bytes
    factors = rows * depth + depth * columns
    probe = Probe(
        f"{precision.name} matmul {rows}x{depth}x{columns}",
        library,
        "flop",
        work=2 * rows * depth * columns,
        bytes=precision.element_bytes * factors + result_bytes * rows * columns,
        level="",
        rounds=(),
    )
    return ReadyProbe(probe, kernel)


def working_sets(setting: Setting) -> tuple[int, ...]:
    """Bytes in powers of two, from 16 KiB to beyond the last cache: to 256 MiB, or to 512 where a cache may hold that.

    A virtual machine reports the caches of its host, of which it has a part, so that they choose nothing else.
    """
    largest = LARGEST if 2 * max(setting.caches.values(), default=0) <= LARGEST else MOST
    return tuple(SMALLEST << doubled for doubled in range((largest // SMALLEST).bit_length()))
