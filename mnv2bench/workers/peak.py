"""The most multiply-adds that this machine's processor is seen to do: numpy's own fp32 matrix product."""

import time
from typing import NamedTuple

import numpy as np

ONE_THREAD = 64  # size of square matrices up to which OpenBLAS uses one thread
SIZES = (128, 256, 512, 1024)  # larger ones; a slow processor ends with a smaller one
LEAST = 5  # products of a size: the first of all starts threads
PRODUCTS_S, LONGER_S = 0.05, 0.5  # docs/thresholds.md#work
SOURCE = "numpy's fp32 matrix product"


class Peak(NamedTuple):
    """The most multiply-adds a second that a device does in fp32, and where that is from; None where nothing says."""

    madds_per_s: float | None
    source: str


UNKNOWN = Peak(None, "")


def product_peak(threads: int, seconds: float | None = None) -> Peak:
    """The rate of the fastest product by numpy, which was started with so many threads.

    A small product, which has one thread, counts for all of them: on a busy machine they wait for each other.
    """
    end = time.perf_counter() + (PRODUCTS_S if seconds is None else seconds)
    best = threads * _fastest(ONE_THREAD, 0.0)
    for size in SIZES:
        best = max(best, _fastest(size, end if size == SIZES[-1] else 0.0))
        if time.perf_counter() > end:
            break
    return Peak(best, SOURCE)


def _fastest(size: int, end: float) -> float:
    """Multiply-adds a second of the fastest product of this size, of a few or of all until the clock shows `end`."""
    left = np.full((size, size), 0.5, np.float32)
    right, product = left.copy(), np.empty_like(left)
    shortest, products, now = float("inf"), 0, 0.0
    while products < LEAST or now < end:
        start = time.perf_counter()
        np.matmul(left, right, out=product)
        now = time.perf_counter()
        shortest = min(shortest, now - start)
        products += 1
    return size**3 / shortest
