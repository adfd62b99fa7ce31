"""Layers of a torch module that somebody else wrote: what it calls on one image, seen by hooks.

Hooks on the modules say where it is, and a mode of torch which functions it calls on what. A function that only gives
its numbers another shape is no layer, and zeros around an image are a part of the layer that reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from msgspec.structs import replace
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mnv2bench.networks.layer import ACTIVATIONS, IMAGE, WITH_WEIGHTS, Activation, Layer, LayerType, Pads
from mnv2bench.networks.shapes import Sides

Shape = tuple[int, Sides]  # channels, and height and width
SHAPING = (
    *("alias", "chunk", "clone", "contiguous", "detach", "dropout", "expand", "expand_as", "flatten", "float", "get"),
    *("getitem", "identity", "movedim", "narrow", "pad", "permute", "reshape", "reshape_as", "select", "split"),
    *("squeeze", "swapaxes", "t", "tensor_split", "to", "transpose", "type", "unbind", "unflatten", "unsqueeze"),
    *("view", "view_as"),
)
CONVOLUTIONS = {  # and the names of their arguments
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv_transpose2d": ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation"),
}
PRODUCTS = ("matmul", "mm", "bmm", "baddbmm")
ATTENTION = "scaled_dot_product_attention"
UNCOUNTED = ("conv3d", "conv_transpose1d", "conv_transpose3d", "einsum", "tensordot", "addmm", "addbmm", "bilinear")
POOLS = {"max_pool2d": "max", "avg_pool2d": "average", "adaptive_avg_pool2d": "average", "mean": "average"}
ACTIVATED = (*WITH_WEIGHTS, "add", "concat")  # layer types that an activation belongs to
SIGNED = ("add", "mul", "sub", "matmul", "truediv")  # functions with a sign of their own, as += is iadd


@dataclass(frozen=True)
class Call:
    """A function that was called: on which tensors that follow from the image, of which layers those are.

    `own` are the parameters of the network that it was given, or that what it was given was computed from.
    """

    operator: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    inputs: list[Tensor]
    sources: tuple[str, ...]
    own: list[Tensor]
    output: Tensor

    def by_name(self, *names: str) -> dict[str, Any]:
        """The arguments, those without a name by these names."""
        return dict(zip(names, self.arguments, strict=False)) | self.named


class Tracer(TorchFunctionMode):
    """Collects the layers of what is called while it is active, on the tensor `image` and on what follows from it."""

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.layers: dict[str, Layer] = {}
        self.sources: dict[int, str] = {id(image): IMAGE}  # which layer a tensor is of
        # the parameters that a tensor is computed from: of one of them itself
        self.parameters: dict[int, list[Tensor]] = {id(each): [each] for each in network.parameters()}
        self.kept: list[Tensor] = [image]  # so that no two tensors have one id
        self.running: list[tuple[str, bool]] = [("", True)]  # modules: path, and whether it holds others
        self.counted: set[int] = set()  # the parameters that a layer has
        self.hooks = []
        for path, module in network.named_modules():
            holds_others = next(module.children(), None) is not None
            self.hooks.append(module.register_forward_pre_hook(self._begins(path, holds_others)))
            self.hooks.append(module.register_forward_hook(self._ends, always_call=True))

    def _begins(self, path: str, holds_others: bool) -> Callable[[nn.Module, Any], None]:
        def hook(module: nn.Module, inputs: Any) -> None:
            self.running.append((path, holds_others))

        return hook

    def _ends(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.running.pop()

    def remove(self) -> None:
        """Leave the network without hooks."""
        for hook in self.hooks:
            hook.remove()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        tensors = list(_tensors([*args, *named.values()]))
        inputs = [tensor for tensor in tensors if id(tensor) in self.sources]
        sources = tuple(self.sources[id(tensor)] for tensor in inputs)  # before one of them is changed in place
        own = [parameter for tensor in tensors for parameter in self.parameters.get(id(tensor), ())]
        result = func(*args, **named)
        outputs = list(_tensors([result]))
        self.kept += outputs
        if inputs and outputs:
            layer = self._layer(Call(_operator(func), args, named, inputs, sources, own, outputs[0]))
            self.sources |= {id(output): layer for output in outputs}
        elif own:
            self.parameters |= {id(output): own for output in outputs}
        return result

    def _layer(self, call: Call) -> str:
        """The name of the layer that a function's result is of: a new one, or that of its input."""
        operator, source = call.operator, self.layers.get(call.sources[0])
        activation = _activation(call)
        if operator in SHAPING:
            return call.sources[0]
        if operator == "batch_norm" and source and not source.norm and not source.activation:
            return self._extend(source, call, norm=True)
        if activation and source and not source.activation and (source.norm or source.type in ACTIVATED):
            return self._extend(source, call, activation=activation)
        if activation:
            return self._append(call, "activation", activation=activation)
        if operator in CONVOLUTIONS:
            return self._convolution(call)
        if operator == "linear":
            has_bias = call.by_name("input", "weight", "bias").get("bias") is not None
            return self._rows(call, "linear", call.inputs[0].shape[-1], has_bias=has_bias)
        if operator in PRODUCTS and len(call.inputs) > 1:
            return self._rows(call, "matmul", call.inputs[-2].shape[-1])
        if operator == ATTENTION:
            keys, values = call.inputs[1:3]
            # a number of the result is a sum over the positions, whose weights are products over the channels
            width = keys.shape[-1] + values.shape[-1]
            return self._rows(call, "matmul", keys.shape[-2] * width // values.shape[-1])
        if operator in (*UNCOUNTED, *PRODUCTS):
            raise ValueError(f"it calls {operator}, whose multiply-adds are not counted here")
        return self._plain(call)

    def _convolution(self, call: Call) -> str:
        options = call.by_name(*CONVOLUTIONS[call.operator])
        weight, groups = options["weight"], options.get("groups", 1)
        layer_type: LayerType = "transposed" if call.operator == "conv_transpose2d" else "conv"
        if layer_type == "conv" and groups == call.inputs[0].shape[1] == call.output.shape[1]:
            layer_type = "depthwise"
        kernel = _sides(tuple(weight.shape[2:]))
        return self._append(
            call,
            layer_type,
            kernel=kernel,
            stride=_sides(options.get("stride", 1)),
            pads=_pads(options.get("padding", 0), kernel),
            groups=groups,
            has_bias=options.get("bias") is not None,
        )

    def _rows(self, call: Call, layer_type: LayerType, in_channels: int, **parts: Any) -> str:
        """A layer whose channels stand last: `in_channels` are the multiply-adds for each number of its result."""
        (_, in_size), (out_channels, out_size) = _of_rows(call.inputs[0]), _of_rows(call.output)
        shapes = {"in_channels": in_channels, "in_size": in_size, "out_channels": out_channels, "out_size": out_size}
        return self._append(call, layer_type, **shapes, **parts)

    def _plain(self, call: Call) -> str:
        """A layer without multiply-adds."""
        image, out_size = call.inputs[0], _of_image(call.output)[1]
        if call.operator == "add" and len(call.inputs) > 1:
            return self._append(call, "add")
        if call.operator in ("cat", "concat"):
            return self._append(call, "concat", in_channels=_of_image(call.output)[0])
        if call.operator == "channel_shuffle":
            return self._append(call, "shuffle")
        if call.operator in POOLS and image.dim() == 4 and (call.operator != "mean" or out_size == (1, 1)):
            return self._append(call, "pool", pool=POOLS[call.operator], **_window(call, _of_image(image)[1], out_size))
        return self._append(call, "other")

    def _append(self, call: Call, layer_type: LayerType, **parts: Any) -> str:
        """The name of a new layer: the path of the module that is nothing else, or the function in its module."""
        path, holds_others = self.running[-1]
        is_module = path and (not holds_others or layer_type in WITH_WEIGHTS)
        first = path if is_module else ".".join(filter(None, (path, call.operator)))
        name, number = first, 1
        while name in self.layers:
            number += 1
            name = f"{first}_{number}"
        (in_channels, in_size), (out_channels, out_size) = _of_image(call.inputs[0]), _of_image(call.output)
        shapes = {"in_channels": in_channels, "in_size": in_size, "out_channels": out_channels, "out_size": out_size}
        parts = {"operator": call.operator, "modules": (path,), **shapes, **parts}
        layer = Layer(name, layer_type, call.sources, **parts)
        self.layers[name] = replace(layer, further_params=self._count(call) - layer.params)
        return name

    def _extend(self, layer: Layer, call: Call, **parts: Any) -> str:
        """The name of a layer, which has the batch norm or the activation that follows it from now on."""
        extended = replace(layer, modules=(*layer.modules, self.running[-1][0]), **parts)
        more = self._count(call) - (extended.bn_params - layer.bn_params)
        self.layers[layer.name] = replace(extended, further_params=layer.further_params + more)
        return layer.name

    def _count(self, call: Call) -> int:
        """The elements of those parameters of a function that no layer has yet."""
        new = {id(parameter): parameter.numel() for parameter in call.own if id(parameter) not in self.counted}
        self.counted |= new.keys()
        return sum(new.values())


def traced(network: nn.Module, image: Tensor) -> tuple[tuple[Layer, ...], Any]:
    """The layers of what a network calls on one image, and what it returns.

    ValueError, in one line, for a function whose multiply-adds nobody counts.
    """
    tracer = Tracer(network, image)
    try:
        with torch.no_grad(), tracer:
            output = network(image)
    finally:
        tracer.remove()
    return tuple(tracer.layers.values()), output


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """The tensors among values, and in the lists among them."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _operator(func: Callable[..., Any]) -> str:
    """The name of a function, whichever way it was called: iadd and radd are add."""
    name: str = getattr(func, "__name__", "function").strip("_")
    return name[1:] if name[1:] in SIGNED and name[0] in "ir" else name


def _activation(call: Call) -> Activation:
    """The activation that a function computes, "" for one that computes another thing."""
    if call.operator == "hardtanh":
        limits = call.by_name("input", "min_val", "max_val")
        return "relu6" if (limits.get("min_val"), limits.get("max_val")) == (0, 6) else ""
    return call.operator if call.operator in ACTIVATIONS else ""


def _of_image(tensor: Tensor) -> Shape:
    """Channels and size of an image, of a row of one channel, or of what has its channels last."""
    match tuple(tensor.shape):
        case (_, channels, height, width):
            return channels, (height, width)
        case (_, 1, length):
            return 1, (length, 1)
        case _:
            return _of_rows(tensor)


def _of_rows(tensor: Tensor) -> Shape:
    """Channels, which stand last, and size."""
    *before, channels = tensor.shape
    return channels, (before[1], before[2]) if len(before) == 3 else (tensor.numel() // channels, 1)


def _sides(value: int | Sequence[int]) -> Sides:
    if isinstance(value, int):
        return value, value
    return value[0], value[1] if len(value) > 1 else 1


def _pads(padding: Any, kernel: Sides) -> Pads:
    if isinstance(padding, str):
        padding = (kernel[0] // 2, kernel[1] // 2) if padding == "same" else 0
    height, width = _sides(padding)
    return (height, height), (width, width)


def _window(call: Call, read: Sides, written: Sides) -> dict[str, Any]:
    """What a pool takes for each pixel: the whole image where one is left."""
    if call.operator in ("mean", "adaptive_avg_pool2d"):
        kernel = (read[0] // written[0], read[1] // written[1])
        return {"kernel": kernel, "stride": (1, 1) if written == (1, 1) else kernel}
    options = call.by_name("input", "kernel_size", "stride", "padding")
    kernel = _sides(options["kernel_size"])
    pads = _pads(options.get("padding", 0), kernel)
    return {"kernel": kernel, "stride": _sides(options.get("stride") or kernel), "pads": pads}
