"""Any network as torch modules, built from its layers with each module at the path that its layer names."""

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from mnv2bench.networks.inputs import images
from mnv2bench.networks.layer import Layer
from mnv2bench.networks.shapes import ImageShape

CALIBRATION_IMAGES = 16
CALIBRATION_RESOLUTION = 128
SPREAD_WEIGHT, SPREAD_BIAS = 2.0, 3.0
Compute = Callable[..., Tensor]
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Operation:
    """What one module or function computes: `result` of `inputs`, all by name.

    `path` is the module's own, or that of the module whose forward calls the function.
    """

    path: str
    compute: Compute
    inputs: tuple[str, ...]
    result: str


class Steps(nn.Module):
    """A module whose forward calls its children, and functions, on each other's results."""

    def __init__(self, inputs: Sequence[str], steps: Sequence[Operation], result: str) -> None:
        super().__init__()
        places = {name: place for place, name in enumerate(inputs)}
        self.steps: list[tuple[str, Compute | None, int, tuple[int, ...]]] = []  # child or function; places of inputs
        for step in steps:
            first, *others = (places[name] for name in step.inputs)
            if isinstance(step.compute, nn.Module):
                child = step.path.rpartition(".")[2]
                self.add_module(child, step.compute)
                self.steps.append((child, None, first, tuple(others)))
            else:
                self.steps.append(("", step.compute, first, tuple(others)))
            places[step.result] = len(places)
        self.result = places[result]

    def forward(self, inputs: Tensor) -> Tensor:  # exports name the network's input after this parameter
        return self._compute([inputs])

    def _compute(self, values: list[Tensor]) -> Tensor:
        modules: Any = self._modules  # getattr of each child took 0.5 µs more
        for child, function, first, others in self.steps:
            compute = function or modules[child]
            if others:
                values.append(compute(values[first], *[values[place] for place in others]))
            else:
                values.append(compute(values[first]))
        return values[self.result]


class Join(Steps):
    """Steps that take several tensors."""

    def forward(self, *inputs: Tensor) -> Tensor:
        return self._compute([*inputs])


def build(layers: Sequence[Layer], seed: int | None = 0) -> nn.Module:
    """The network in eval mode, its weights and batch-norm statistics made from `seed`.

    With `seed=None` the weights mean nothing yet: load a state dict next. The global random state stays as it was.
    """
    with torch.random.fork_rng(devices=[]):
        operations = _with_modules([operation for layer in layers for operation in _operations(layer)])
        net = _container("", operations, layers[-1].name).eval()
    if seed is not None:
        shape = ImageShape(layers[0].in_channels, CALIBRATION_RESOLUTION, CALIBRATION_RESOLUTION)
        seed_weights(net, layers, seed, shape)
    return net


def seed_weights(net: nn.Module, layers: Sequence[Layer], seed: int, shape: ImageShape) -> None:
    """Makes the weights of a network from `seed`, and its batch-norm statistics from images of this shape."""
    initialise(net, seed)
    _spread(net, _norms_to_spread(layers))
    calibrate(net, seed, shape)


class Function(nn.Module):
    """A function at a module path of its own."""

    def __init__(self, compute: Compute) -> None:
        super().__init__()
        self.compute = compute

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.compute(*inputs)


def _with_modules(operations: Sequence[Operation]) -> list[Operation]:
    """The operations, with a module for each function whose path holds no other module."""
    holders = {operation.path[:end] for operation in operations for end in _dots(operation.path)} | {""}
    return [
        operation
        if isinstance(operation.compute, nn.Module) or operation.path in holders
        else replace(operation, compute=Function(operation.compute))
        for operation in operations
    ]


def _dots(path: str) -> list[int]:
    return [place for place, character in enumerate(path) if character == "."]


def _container(path: str, operations: Sequence[Operation], result: str) -> nn.Module:
    """The module at a path, of the operations below it; a Sequential where each takes the result of the last."""
    depth = len(path.split(".")) + 1 if path else 1
    steps = []
    for child, group in groupby(operations, key=lambda operation: ".".join(operation.path.split(".")[:depth])):
        below = list(group)
        if child == path or below[0].path == child:
            steps += below
        else:
            inputs, output = _boundary(below, operations, result)
            steps.append(Operation(child, _container(child, below, output), inputs, output))
    children = [step.path for step in steps if isinstance(step.compute, nn.Module)]
    if len(children) > len({*children}):
        raise ValueError(f"modules below {path or 'the network'} run in turns: list the layers of each one together")
    inputs, _ = _boundary(operations, operations, result)
    before = [*inputs, *(step.result for step in steps)]
    in_a_row = all(step.inputs == (last,) for step, last in zip(steps, before, strict=False))
    modules = {step.path.rpartition(".")[2]: step.compute for step in steps if isinstance(step.compute, nn.Module)}
    if in_a_row and len(modules) == len(steps):
        chain = nn.Sequential()
        for name, module in modules.items():
            chain.add_module(name, module)
        return chain
    return (Steps if len(inputs) == 1 else Join)(inputs, steps, result)


def _boundary(below: Sequence[Operation], around: Sequence[Operation], result: str) -> tuple[tuple[str, ...], str]:
    """What a group of operations takes from outside, and the result that is used outside."""
    made = {operation.result for operation in below}
    inputs = dict.fromkeys(name for operation in below for name in operation.inputs if name not in made)
    used = {name for operation in around if operation.result not in made for name in operation.inputs}
    results = [operation.result for operation in below if operation.result in used or operation.result == result]
    if len(results) != 1:
        raise ValueError(
            f"the modules below {below[0].path} have {len(results)} results that others use: "
            "choose module paths whose modules have one"
        )
    return tuple(inputs), results[0]


def _operations(layer: Layer) -> Iterator[Operation]:
    """What a layer computes, in order: dropout, itself, batch norm, activation, each at its own path."""
    parts: list[tuple[str, Compute]] = []
    if layer.dropout:
        parts.append(("dropout", nn.Dropout(layer.dropout)))
    parts.append(("", _own(layer)))
    if layer.norm:
        parts.append(("norm", nn.BatchNorm2d(layer.out_channels, eps=layer.norm_eps)))
    if layer.activation and layer.type != "activation":
        parts.append(("activation", _activation(layer)))
    if len(parts) != len(layer.modules):
        raise ValueError(f"layer {layer.name} needs {len(parts)} module paths, not {len(layer.modules)}")
    inputs = layer.inputs
    for number, ((part, compute), path) in enumerate(zip(parts, layer.modules, strict=True), start=1):
        result = layer.name if number == len(parts) else f"{layer.name} {part}"
        yield Operation(path, compute, inputs, result)
        inputs = (result,)


def _own(layer: Layer) -> Compute:
    match layer.type:
        case "conv" | "depthwise":
            return _convolution(layer)
        case "linear":
            return nn.Linear(layer.in_channels, layer.out_channels, bias=layer.has_bias)
        case "add":
            return operator.add if len(layer.inputs) == 2 else _sum
        case "concat":
            return _concat
        case "shuffle":
            return nn.ChannelShuffle(layer.groups)
        case "activation":
            return _activation(layer)
        case "pool" if layer.kernel == layer.in_size and layer.out_size == (1, 1):
            return _pool_all
        case "pool":
            return _pool(layer)
        case _:
            raise ValueError(f"layer {layer.name} is of the type {layer.type}: only networks of other sources have it")


class PaddedConv2d(nn.Conv2d):
    """A convolution that pads by other numbers of zeros before and after: `pads` as torch.nn.functional.pad takes them.

    Negative numbers before crop. They are slices, because ExecuTorch and ncnn cannot run pads of negative numbers.
    """

    def __init__(self, *arguments: Any, pads: Sequence[int], **options: Any) -> None:
        super().__init__(*arguments, **options)
        left, _, top, _ = pads
        self.first = (max(0, -top), max(0, -left))  # row and column that are read
        self.pads = tuple(max(0, number) for number in pads)

    def forward(self, input: Tensor) -> Tensor:
        if self.first != (0, 0):
            input = input[:, :, self.first[0] :, self.first[1] :]
        if any(self.pads):
            input = nn.functional.pad(input, self.pads)
        return super().forward(input)


def _convolution(layer: Layer) -> nn.Module:
    (top, bottom), (left, right) = layer.pads
    shape = (layer.in_channels, layer.out_channels, layer.kernel, layer.stride)
    if (top, left) == (bottom, right):
        return nn.Conv2d(*shape, padding=(top, left), groups=layer.groups, bias=layer.has_bias)
    if min(bottom, right) < 0:
        raise ValueError(f"layer {layer.name} has pads {layer.pads}: rows and columns are left out at the start alone")
    pads = (left, right, top, bottom)
    return PaddedConv2d(*shape, pads=pads, groups=layer.groups, bias=layer.has_bias)


def _pool(layer: Layer) -> nn.Module:
    """A pool over a window. Where it pads at the end alone, its last windows are cut off at the edge."""
    (top, bottom), (left, right) = layer.pads
    padding = (top, left)
    cut_off = padding != (bottom, right)
    if cut_off and (padding != (0, 0) or (layer.pool == "average" and layer.counts_pads)):
        raise ValueError(f"layer {layer.name} has pads {layer.pads}, and no pool of torch has them")
    if layer.pool == "max":
        return nn.MaxPool2d(layer.kernel, layer.stride, padding, ceil_mode=cut_off)
    return nn.AvgPool2d(layer.kernel, layer.stride, padding, cut_off, count_include_pad=layer.counts_pads)


def _activation(layer: Layer) -> nn.Module:
    """In place where nothing else can read its input."""
    return {"relu": nn.ReLU, "relu6": nn.ReLU6}[layer.activation](inplace=layer.norm)


def _sum(*inputs: Tensor) -> Tensor:
    first, *others = inputs
    for other in others:
        first = first + other
    return first


def _concat(*inputs: Tensor) -> Tensor:
    return torch.cat(inputs, 1)


def _pool_all(inputs: Tensor) -> Tensor:
    """One number for each channel."""
    return torch.flatten(nn.functional.adaptive_avg_pool2d(inputs, 1), 1)


def initialise(net: nn.Module, seed: int) -> None:
    """As torchvision does, but for the classifier: its std of 0.01 would leave logits of a tenth."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", generator=generator)
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, module.in_features**-0.5, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, NORMS):
            nn.init.ones_(module.weight)


def _norms_to_spread(layers: Sequence[Layer]) -> list[str]:
    """The paths of the batch norms before each ReLU6 that a convolution reads.

    Not of one whose mean goes to the classifier: the bias would be the largest part of every image's logits.
    """
    read = {name for layer in layers if layer.type in ("conv", "depthwise") for name in layer.inputs}
    return [layer.modules[-2] for layer in layers if layer.norm and layer.activation == "relu6" and layer.name in read]


def _spread(net: nn.Module, norms: Sequence[str]) -> None:
    """Batch norms before a ReLU6 spread their channels over its linear part and beyond both of its ends.

    With weights of 1 and biases of 0 half of all values are 0, and layer after layer amplifies rounding until a network
    in int8 cannot be told from a broken one: docs/thresholds.md#outputs.
    """
    for path in norms:
        norm = net.get_submodule(path)
        assert isinstance(norm, nn.BatchNorm2d)
        nn.init.constant_(norm.weight, SPREAD_WEIGHT)
        nn.init.constant_(norm.bias, SPREAD_BIAS)


def calibrate(net: nn.Module, seed: int, shape: ImageShape) -> None:
    """Sets batch norm's running statistics to those of a batch of images of this shape.

    Without them signals fade from layer to layer until two images have the same logits to 1e-7, and a backend that
    computes nothing would pass for one that computes everything.
    """
    norms = [module for module in net.modules() if isinstance(module, NORMS)]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums in one order, whatever the machine's cores
    try:
        for norm in norms:
            norm.train().momentum = None  # the running statistics become the batch's own
        with torch.no_grad():
            net(torch.from_numpy(images(seed, CALIBRATION_IMAGES, shape)))
    finally:
        torch.set_num_threads(threads)
    for norm in norms:
        norm.eval().momentum = 0.1
