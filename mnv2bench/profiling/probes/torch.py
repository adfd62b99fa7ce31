"""torch's own kernels: matrix products on oneDNN or MKL, and copies within each cache and in memory."""

from collections.abc import Callable, Iterator
from functools import partial

import torch

from mnv2bench.precisions import BF16, FP32
from mnv2bench.profiling.probes import Asked, Kernel, side

SIDE_WITHOUT_BF16 = 256  # oneDNN takes no bf16 there, and torch's own loop makes 1 to 2 GFLOP/s of it
LEAST_MOVED = 4 << 20  # bytes of one call
LEAST_MEMORY = 256 << 20  # bytes of both buffers, where the system tells of no cache or of small ones


class Call(Kernel):
    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def run(self) -> None:
        self.call()


def probes(threads: int, caches: dict[str, int]) -> Iterator[Asked]:
    """Products of square matrices, and copies between two buffers.

    A copy's work is what it reads and writes; that a cache reads a line before it is written is not counted, as in
    STREAM. One call repeats the copy of a small buffer until it has moved 4 MiB, which leaves 0.5 of torch's 1.2 µs to
    each copy: an eighth of one in an L2 of 512 KiB, so that an L2 is that much faster than it is said to be.
    """
    torch.set_num_threads(threads)
    yield _product(f"{FP32.name} matmul", torch.float32, side(threads))
    bf16 = torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    yield _product(f"{BF16.name} matmul", torch.bfloat16, side(threads) if bf16 else SIDE_WITHOUT_BF16)
    for level, size in buffers(threads, caches).items():
        yield _copy(level, size)


def buffers(threads: int, caches: dict[str, int]) -> dict[str, int]:
    """Bytes of both buffers of a copy, by where they lie: half of a cache, or four times the last one.

    L2 is one core's, and each thread copies a part of its own. L3 is shared, and left out where the cores' L2 would
    hold half of it. L1 is left alone: torch's time for a call is most of what it takes to copy in it.
    """
    found = {"L2": threads * caches["L2"] // 2} if "L2" in caches else {}
    if caches.get("L3", 0) > 2 * threads * caches.get("L2", 0):
        found["L3"] = caches["L3"] // 2
    return found | {"memory": max(LEAST_MEMORY, 4 * max(caches.values(), default=0))}


def _product(name: str, dtype: torch.dtype, n: int) -> Asked:
    a, b = (torch.rand(n, n).to(dtype) for _ in range(2))
    out = torch.empty(n, n, dtype=dtype)
    kernel = Call(partial(torch.mm, a, b, out=out))
    return Asked(name, "torch", "flop", 2 * n**3, 3 * n**2 * dtype.itemsize, "", kernel)


def _copy(level: str, size: int) -> Asked:
    source = torch.ones(size // 2, dtype=torch.uint8)  # written, or all of it would be the system's one page of zeros
    target = torch.empty_like(source)
    copies = max(1, LEAST_MOVED // size)
    kernel = Call(partial(torch._foreach_copy_, [target] * copies, [source] * copies))
    return Asked(f"copy in {level}", "torch", "byte", copies * 2 * source.nbytes, 2 * source.nbytes, level, kernel)
