"""Probes of torch: matrix products on oneDNN or MKL, and copies within each cache and in memory."""

from collections.abc import Callable, Iterator
from functools import partial

import torch

from mnv2bench.precisions import BF16, FP32
from mnv2bench.profiling.probes import Kernel, ReadyProbe, side
from mnv2bench.profiling.records import Probe

SIDE_WITHOUT_BF16 = 256  # oneDNN takes no bf16 there, and torch's own loop makes 1 to 2 GFLOP/s of it
LEAST_MOVED = 4 << 20  # bytes of one call
LEAST_MEMORY = 256 << 20  # bytes of both buffers, where the system reports no cache or small ones


class Call(Kernel):
    """A kernel that is a function of torch with its arguments."""

    def __init__(self, call: Callable[[], object]) -> None:
        self.call = call

    def run(self) -> None:
        self.call()


def probes(threads: int, caches: dict[str, int]) -> Iterator[ReadyProbe]:
    """Products of square matrices, and copies between two buffers.

    The work of a copy is the bytes that it reads and writes. As in STREAM, the bytes that a cache reads before it
    writes a line are not counted. One call repeats the copy of a small buffer until it has moved 4 MiB, which leaves
    0.5 of torch's 1.2 µs to each copy. That is an eighth of a copy in an L2 of 512 KiB, so such an L2 is in truth that
    much faster than its probe says.
    """
    torch.set_num_threads(threads)
    yield _product(f"{FP32.name} matmul", torch.float32, side(threads))
    has_bf16 = torch._C._has_mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    yield _product(f"{BF16.name} matmul", torch.bfloat16, side(threads) if has_bf16 else SIDE_WITHOUT_BF16)
    for level, size in buffers(threads, caches).items():
        yield _copy(level, size)


def buffers(threads: int, caches: dict[str, int]) -> dict[str, int]:
    """Bytes of both buffers of a copy, by level: half of a cache, or four times the largest cache for memory.

    Each core has an L2, and each thread copies a part of its own. L3 is shared, and is left out where the cores' L2
    would hold half of it. L1 is left out because a copy in it takes less time than torch's call.
    """
    sizes = {}
    if "L2" in caches:
        sizes["L2"] = threads * caches["L2"] // 2
    if caches.get("L3", 0) > 2 * threads * caches.get("L2", 0):
        sizes["L3"] = caches["L3"] // 2
    sizes["memory"] = max(LEAST_MEMORY, 4 * max(caches.values(), default=0))
    return sizes


def _product(name: str, dtype: torch.dtype, n: int) -> ReadyProbe:
    a, b = (torch.rand(n, n).to(dtype) for _ in range(2))
    out = torch.empty(n, n, dtype=dtype)
    kernel = Call(partial(torch.mm, a, b, out=out))
    size = 3 * n**2 * dtype.itemsize
    return ReadyProbe(Probe(name, "torch", "flop", work=2 * n**3, bytes=size, level="", rounds=()), kernel)


def _copy(level: str, size: int) -> ReadyProbe:
    source = torch.ones(size // 2, dtype=torch.uint8)  # written, or all of it would be the same page of zeros
    target = torch.empty_like(source)
    copies = max(1, LEAST_MOVED // size)
    kernel = Call(partial(torch._foreach_copy_, [target] * copies, [source] * copies))
    size = 2 * source.nbytes
    probe = Probe(f"copy in {level}", "torch", "byte", work=copies * size, bytes=size, level=level, rounds=())
    return ReadyProbe(probe, kernel)
