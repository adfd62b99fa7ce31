"""Precisions of XNNPACK's kernels, by the names that LiteRT and ExecuTorch pass on from it."""

import re
from collections import Counter
from collections.abc import Iterable

WITH_WEIGHTS = ("Convolution (", "Fully Connected (")
# As "Convolution (NHWC, QC8) DWConv" and "Fully Connected (NC, QS8, QC8W) GEMM" say the types of images and weights
TYPES = re.compile(r"\((?:NHWC|NC), ([^)]*)\)")
PRECISIONS = {"F32": "fp32", "F16": "fp16", "BF16": "bf16", "QC8": "int8", "QS8": "int8", "QS8, QC8W": "int8"}


def layers(kernels: Iterable[str]) -> dict[str, int]:
    """How many convolution and linear layers are among these kernels in each precision."""
    counts: Counter[str] = Counter()
    for kernel in kernels:
        if kernel.startswith(WITH_WEIGHTS):
            types = TYPES.search(kernel)
            counts[PRECISIONS.get(types[1], types[1]) if types else "unknown"] += 1
    return dict(counts)
