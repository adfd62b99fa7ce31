"""Batch norm folded into the convolutions before it, module by module."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from mnv2bench.networks.graph import Layer


def fold_norms(net: nn.Module, layers: Sequence[Layer]) -> nn.Module:
    """The network with each batch norm folded, in place: its modules keep their paths, and those of norms do nothing.

    Rounding to fewer bits comes after this: then a weight is rounded once, and no batch norm rounds what it is given.
    """
    for layer in layers:
        if layer.norm and layer.type in ("conv", "depthwise"):
            own, norm = layer.modules[:2]
            convolution, batch_norm = net.get_submodule(own), net.get_submodule(norm)
            if isinstance(convolution, nn.Conv2d) and isinstance(batch_norm, nn.BatchNorm2d):
                net.set_submodule(own, fuse_conv_bn_eval(convolution, batch_norm))
                net.set_submodule(norm, _after(batch_norm))
    return net


def _after(batch_norm: nn.BatchNorm2d) -> nn.Module:
    """What is left of a batch norm that is folded: in timm's networks its activation is a module in it."""
    children = OrderedDict(batch_norm.named_children())
    return nn.Sequential(children) if children else nn.Identity()
