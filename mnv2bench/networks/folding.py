"""Batch norm folded into the convolutions before it, module by module."""

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn
from torch.nn.utils import fuse_conv_bn_eval

from mnv2bench.networks.layer import NORM, Layer


def fold_norms(net: nn.Module, layers: Sequence[Layer]) -> nn.Module:
    """The network with each batch norm folded, in place: its modules keep their paths, and those of norms do nothing.

    The batch norm of a concatenation is folded into the convolutions that it joins, each of which nothing else reads.
    Rounding to fewer bits comes after this: then a weight is rounded once, and no batch norm rounds what it is given.
    """
    by_name = {layer.name: layer for layer in layers}
    for layer in layers:
        if layer.norm and layer.type in ("conv", "depthwise"):
            _fold(net, layer.modules[:1], layer.modules[1])
        elif layer.norm and layer.type == "concat":
            _fold(net, [by_name[name].modules[0] for name in layer.inputs], layer.modules[1])
    return net


def _fold(net: nn.Module, paths: Sequence[str], norm: str) -> None:
    """Fold the batch norm of one path into the convolutions whose channels it reads, in their order."""
    batch_norm, modules = net.get_submodule(norm), [net.get_submodule(path) for path in paths]
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    if not isinstance(batch_norm, nn.BatchNorm2d) or len(convolutions) < len(modules):
        return
    first = 0
    for path, convolution in zip(paths, convolutions, strict=True):
        last = first + convolution.out_channels
        net.set_submodule(path, fuse_conv_bn_eval(convolution, _part(batch_norm, first, last)))
        first = last
    net.set_submodule(norm, _after(batch_norm))


def _part(norm: nn.BatchNorm2d, first: int, last: int) -> nn.BatchNorm2d:
    """The batch norm of some of the channels."""
    part = nn.BatchNorm2d(last - first, eps=norm.eps).eval()
    part.load_state_dict({name: getattr(norm, name)[first:last] for name in NORM}, strict=False)
    return part


def _after(batch_norm: nn.BatchNorm2d) -> nn.Module:
    """What is left of a batch norm that is folded: in timm's networks its activation is a module in it."""
    children = OrderedDict(batch_norm.named_children())
    return nn.Sequential(children) if children else nn.Identity()
