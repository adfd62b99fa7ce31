"""Probes of torch: matrix products on oneDNN or MKL."""

from collections.abc import Iterator
from functools import partial

import torch

from mnv2bench.precisions import BF16, FP16, FP32
from mnv2bench.profiling.probes import Call, ReadyProbe, Setting, product, shapes

TYPES = {FP32: torch.float32, BF16: torch.bfloat16, FP16: torch.float16}


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """Products of fp32, and of bf16 and fp16 where the processor has instructions for them."""
    torch.set_num_threads(setting.threads)
    for precision, dtype in TYPES.items():
        if not setting.multiplies(precision):
            continue
        for shape in shapes(setting.threads):
            rows, depth, columns = shape
            left, right = torch.rand(rows, depth).to(dtype), torch.rand(depth, columns).to(dtype)
            out = torch.empty(rows, columns, dtype=dtype)
            yield product("torch", shape, Call(partial(torch.mm, left, right, out=out)), precision)
