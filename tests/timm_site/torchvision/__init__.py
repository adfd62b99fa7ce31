"""For tests alone, in front of the real torchvision: two operators that its compiled half would declare.

PyPI's torchvision is built for CUDA, and beside a torch for CPUs alone that half does not load; then its Python half
does not load either, since these two names are missing. timm uses nothing of the compiled half. Users need none of
this: their torch and torchvision are of one build, and where they are not, `timm does not load` is what they read.
"""

import importlib.metadata
from pathlib import Path

import torch

SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

for operator in ("nms", "qnms"):
    if not hasattr(torch.ops.torchvision, operator):
        torch.library.define(f"torchvision::{operator}", SIGNATURE)

real = Path(str(importlib.metadata.distribution("torchvision").locate_file("torchvision")))
__path__ = [str(real)]
exec(compile((real / "__init__.py").read_text(), str(real / "__init__.py"), "exec"))
