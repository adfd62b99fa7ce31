"""Probes of what the machine can do at most: kernels of well-kept libraries, which the timing loop runs as sessions."""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

from mnv2bench.backends import Images, Session
from mnv2bench.profiling.records import Probe

LIBRARIES = ("torch", "onnxruntime")  # a file each; a library that is not installed has no probes, as the page says


class Kernel(Session):
    """A session without images: `run` executes the kernel once and returns when it is complete."""

    def put(self, images: Images) -> None:
        raise NotImplementedError("a probe takes no images")

    def get(self) -> Images:
        raise NotImplementedError("a probe has no outputs")


@dataclass(frozen=True)
class ReadyProbe:
    """A probe that was not run yet, without rounds, and the kernel to run for it."""

    probe: Probe
    kernel: Kernel


def probes(library: str, threads: int, caches: dict[str, int]) -> Iterator[ReadyProbe]:
    """The probes of a library, made one after the other because each holds memory of its own.

    Raises ModuleNotFoundError where the library is not installed.
    """
    yield from importlib.import_module(f"{__name__}.{library}").probes(threads, caches)


def side(threads: int) -> int:
    """The side of the square matrices of a product: 1024 on one thread, and as much work for each of more threads.

    Their product takes a core 5 to 50 ms. Their bytes grow with the square of the side and their FLOP with its cube, so
    that compute limits a good kernel.
    """
    return 128 * round(8 * math.cbrt(threads))
