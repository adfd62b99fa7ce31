"""Probes of torch: matrix products on oneDNN or MKL."""

from collections.abc import Iterator
from functools import partial

import torch

from mnv2bench.precisions import BF16, FP32
from mnv2bench.profiling.probes import Call, ReadyProbe, Setting, product, shapes


def probes(setting: Setting) -> Iterator[ReadyProbe]:
    """Products of fp32, and of bf16 where the processor has instructions for it."""
    torch.set_num_threads(setting.threads)
    types = {FP32: torch.float32} | ({BF16: torch.bfloat16} if setting.has_bf16 else {})
    for precision, dtype in types.items():
        for shape in shapes(setting.threads):
            rows, depth, columns = shape
            left, right = torch.rand(rows, depth).to(dtype), torch.rand(depth, columns).to(dtype)
            out = torch.empty(rows, columns, dtype=dtype)
            yield product("torch", shape, Call(partial(torch.mm, left, right, out=out)), precision)
