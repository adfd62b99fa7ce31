"""What the machine can do at most: kernels of well-kept libraries, each opened as a session that the loop times."""

import importlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

from mnv2bench.backends import Images, Session

LIBRARIES = ("torch", "onnxruntime")  # a file each; one that is not installed has no probes, and the page says so


class Kernel(Session):
    """A session without images: `run` is the kernel once, complete when it returns."""

    def put(self, images: Images) -> None:
        raise NotImplementedError("a probe takes no images")

    def get(self) -> Images:
        raise NotImplementedError("a probe has no outputs")


@dataclass(frozen=True)
class Asked:
    """A probe to be made: fields as of `profiles.Probe`."""

    name: str
    library: str
    unit: str
    work: int
    bytes: int
    level: str
    kernel: Kernel


def probes(library: str, threads: int, caches: dict[str, int]) -> Iterator[Asked]:
    """One after the other, as each holds memory of its own. ModuleNotFoundError where the library is not installed."""
    yield from importlib.import_module(f"{__name__}.{library}").probes(threads, caches)


def side(threads: int) -> int:
    """Of square matrices whose product takes a core 5 to 50 ms: 1024 on one thread, and the same work for each of more.

    Their bytes grow with its square and their FLOP with its cube, so a good kernel is bound by compute.
    """
    return 128 * round(8 * math.cbrt(threads))
