"""Batch norm folded into the convolutions before it, module by module."""

from collections.abc import Sequence

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from mnv2bench.networks.graph import Layer


def fold_norms(net: nn.Module, layers: Sequence[Layer]) -> nn.Module:
    """The network with each batch norm folded, in place: its modules keep their paths, and those of norms do nothing.

    Rounding to fewer bits comes after this: then a weight is rounded once, and no batch norm rounds what it is given.
    """
    for layer in layers:
        if layer.norm:
            own, norm = layer.modules[:2]
            convolution, batch_norm = net.get_submodule(own), net.get_submodule(norm)
            assert isinstance(convolution, nn.Conv2d)
            assert isinstance(batch_norm, nn.BatchNorm2d)
            folded = fuse_conv_bn_eval(convolution, batch_norm)
            net.set_submodule(own, folded)
            net.set_submodule(norm, nn.Identity())
    return net
