"""MobileNetV2 as torch modules built from a spec's layers, named as torchvision names them."""

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from mnv2bench.networks.images import images
from mnv2bench.networks.spec import Layer, layers

CALIBRATION_IMAGES = 16
CALIBRATION_RESOLUTION = 128


class Block(nn.Module):
    """An inverted residual: expand, depthwise, project, and the input added where the shapes allow it."""

    def __init__(self, block: Sequence[Layer]) -> None:
        super().__init__()
        *activated, project = (layer for layer in block if layer.kind != "add")
        self.conv = nn.Sequential(*map(_conv_bn_relu6, activated), *_conv_bn(project))
        self.adds = block[-1].kind == "add"

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.conv(inputs)
        return inputs + outputs if self.adds else outputs


class MobileNetV2(nn.Module):
    """Any network of `spec.SPECS`; the state dict has torchvision's names and shapes."""

    def __init__(self, network: str, width: float, classes: int) -> None:
        super().__init__()
        any_resolution = 224
        stem, *body, head, _, classifier = layers(network, width, any_resolution, classes)
        blocks = groupby(body, key=lambda layer: layer.block)
        self.features = nn.Sequential(
            _conv_bn_relu6(stem), *(Block(list(block)) for _, block in blocks), _conv_bn_relu6(head)
        )
        self.classifier = nn.Sequential(nn.Dropout(p=0.2), nn.Linear(classifier.in_channels, classifier.out_channels))

    def forward(self, inputs: Tensor) -> Tensor:
        features = nn.functional.adaptive_avg_pool2d(self.features(inputs), 1)
        logits: Tensor = self.classifier(torch.flatten(features, 1))
        return logits


def _conv_bn(layer: Layer) -> tuple[nn.Conv2d, nn.BatchNorm2d]:
    conv = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel,
        layer.stride,
        padding=layer.kernel // 2,
        groups=layer.in_channels if layer.kind == "depthwise" else 1,
        bias=False,
    )
    return conv, nn.BatchNorm2d(layer.out_channels)


def _conv_bn_relu6(layer: Layer) -> nn.Sequential:
    return nn.Sequential(*_conv_bn(layer), nn.ReLU6(inplace=True))


def build(network: str, width: float = 1.0, classes: int = 1000, seed: int | None = 0) -> MobileNetV2:
    """The network in eval mode, its weights and batch-norm statistics made from `seed`.

    With `seed=None` the weights mean nothing yet: load a state dict next. The global random state stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        net = MobileNetV2(network, width, classes).eval()
    if seed is not None:
        _initialise(net, seed)
        _calibrate(net, seed)
    return net


def _initialise(net: MobileNetV2, seed: int) -> None:
    """As torchvision does, but for the classifier: its std of 0.01 would leave logits of a tenth."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, module.in_features**-0.5, generator=generator)
            nn.init.zeros_(module.bias)


def _calibrate(net: MobileNetV2, seed: int) -> None:
    """Sets batch norm's running statistics to those of a batch of images.

    Without them signals fade from layer to layer until two images have the same logits to 1e-7, and a backend that
    computes nothing would pass for one that computes everything.
    """
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, whatever the machine's cores
    try:
        for norm in norms:
            norm.train().momentum = None  # the running statistics become the batch's own
        with torch.no_grad():
            net.features(torch.from_numpy(images(seed, CALIBRATION_IMAGES, CALIBRATION_RESOLUTION)))
    finally:
        torch.set_num_threads(threads)
    for norm in norms:
        norm.eval().momentum = 0.1
