"""Probes of numpy: copies and reads of working sets of every size, and matrix products on its BLAS."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from mnv2bench.precisions import FP32
from mnv2bench.profiling.probes import Call, Kernel, ReadyProbe, Setting, product, shapes, working_sets
from mnv2bench.profiling.records import Probe

MOVED = 8 << 20  # bytes of one call of a thread, so that calling costs little
REPEATED = 128 << 10  # bytes of a buffer, up to which one call copies it many times
RELEASING = 512  # elements from which numpy lets the other threads of Python run
DOT = 8192  # elements: OpenBLAS would start threads of its own for more than 10,000
ALIGNMENT = 4096  # bytes of a page
LINE = 16  # elements of fp32 in a cache line

Bytes = NDArray[np.uint8]


class Parts(Kernel):
    """A kernel that calls functions at once, one on each thread, and waits for the last."""

    def __init__(self, calls: Sequence[Callable[[], object]]) -> None:
        self.calls = calls
        self.pool = ThreadPoolExecutor(len(calls))

    def run(self) -> None:
        for future in [self.pool.submit(call) for call in self.calls]:
            future.result()

    def close(self) -> None:
        self.pool.shutdown()


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """Products, then a copy and a read of each working set, of which every thread has a part of its own.

    The work of a copy is the bytes that it reads and writes. As in STREAM, the bytes that a cache reads before it
    writes a line are not counted. A read is a dot product of the halves of the working set.
    """
    random = np.random.default_rng(0)
    for shape in shapes(setting.threads):
        rows, depth, columns = shape
        left = random.random((rows, depth), dtype=np.float32)
        right = random.random((depth, columns), dtype=np.float32)
        yield product("numpy", shape, Call(partial(np.matmul, left, right, np.empty((rows, columns), np.float32))))
    buffers = _buffers(max(working_sets(setting)), setting.threads)
    for size in working_sets(setting):
        part = size // setting.threads // 2 // ALIGNMENT * ALIGNMENT or ALIGNMENT
        halves = [(source[:part], target[:part]) for source, target in buffers]
        yield _probe("copy", size, [_copy(source, target) for source, target in halves])
        yield _probe("read", size, [_read(first, second) for first, second in halves])


def _buffers(largest: int, threads: int) -> list[tuple[Bytes, Bytes]]:
    """Two buffers for each thread, which share the largest working set; written, or all would be one page of zeros.

    They hold ones of fp32, whose products no processor takes long for. The second begins a cache line further into its
    page, or a processor would take its loads for those of the first.
    """
    elements = (largest // threads // 2 + ALIGNMENT) // FP32.element_bytes
    ones = [(np.ones(elements, np.float32), np.ones(elements + LINE, np.float32)[LINE:]) for _ in range(threads)]
    return [(first.view(np.uint8), second.view(np.uint8)) for first, second in ones]


def _probe(access: Literal["copy", "read"], size: int, calls: Sequence[tuple[Callable[[], object], int]]) -> ReadyProbe:
    """The probe of a working set from the calls of its threads, each with the bytes that it moves."""
    kernel = Parts([call for call, _ in calls]) if len(calls) > 1 else Call(calls[0][0])
    work = sum(moved for _, moved in calls)
    probe = Probe(f"{access} of {size}", "numpy", "byte", work, bytes=size, level="", rounds=(), access=access)
    return ReadyProbe(probe, kernel)


def _copy(source: Bytes, target: Bytes) -> tuple[Callable[[], object], int]:
    """A copy of a buffer to another, many times in one call where it is small, and the bytes that it moves.

    To numpy a small buffer is one element, which it copies by the C library's memmove as often as an array without
    strides has elements.
    """
    if source.nbytes > REPEATED:
        return partial(np.copyto, target, source), 2 * source.nbytes
    times = max(RELEASING, MOVED // (2 * source.nbytes))
    element = np.dtype((np.void, source.nbytes))
    to, of = (as_strided(buffer.view(element), (times,), (0,)) for buffer in (target, source))
    return partial(np.copyto, to, of), 2 * times * source.nbytes


def _read(first: Bytes, second: Bytes) -> tuple[Callable[[], object], int]:
    """A dot product of two buffers, in pieces and many times in one call, and the bytes that it reads."""
    elements = first.nbytes // FP32.element_bytes
    piece = min(DOT, elements)
    pieces = elements // piece
    times = max(1, MOVED // (2 * first.nbytes))
    shape = (times, pieces, piece)
    many = [
        np.broadcast_to(b.view(np.float32)[: pieces * piece].reshape(pieces, piece), shape) for b in (first, second)
    ]
    return partial(np.vecdot, *many, out=np.empty(shape[:2], np.float32)), 8 * times * pieces * piece
