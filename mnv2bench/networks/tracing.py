"""Operations of a torch module that somebody else wrote: what it calls on one image, seen by hooks.

Hooks on the modules say where it is, and a mode of torch which functions it calls on what. A function that only gives
its numbers another shape is no layer, and zeros around an image are a part of the layer that reads them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mnv2bench.networks.layer import ACTIVATIONS, IMAGE, Activation, Layer, Pads, Pool
from mnv2bench.networks.operations import Operation, OperationType, Tensors, layers
from mnv2bench.networks.shapes import Sides

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
POOLS: dict[str, Pool] = {
    "max_pool2d": "max",
    "avg_pool2d": "average",
    "adaptive_avg_pool2d": "average",
    "mean": "average",
}
PLAIN: dict[str, OperationType] = {
    "add": "add", "cat": "concat", "channel_shuffle": "shuffle", "concat": "concat", "mul": "other",
}  # fmt: skip
SIGNED = ("add", "mul", "sub", "matmul", "truediv")  # functions with a sign of their own, as += is iadd


@dataclass(frozen=True)
class Call:
    """A function that was called: on which tensors that follow from the image, and the names of those.

    `own` are the parameters of the network that it was given, or that what it was given was computed from.
    """

    operator: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    inputs: list[Tensor]
    sources: tuple[str, ...]
    own: list[Tensor]
    outputs: list[Tensor]

    @property
    def output(self) -> Tensor:
        """The first result."""
        return self.outputs[0]

    def by_name(self, *names: str) -> dict[str, Any]:
        """The arguments, those without a name by these names."""
        return dict(zip(names, self.arguments, strict=False)) | self.named


class Tracer(TorchFunctionMode):
    """Collects what is called while it is active, on the tensor `image` and on what follows from it."""

    def __init__(self, network: nn.Module, image: Tensor) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.names: set[str] = set()  # of operations
        self.shapes = {IMAGE: tuple(image.shape)}  # by the names of tensors
        self.sources = {id(image): IMAGE}  # the names of those that follow from the image
        # the parameters that a tensor is computed from: of one of them itself
        self.parameters: dict[int, list[Tensor]] = {id(each): [each] for each in network.parameters()}
        self.kept: list[Tensor] = [image]  # so that no two tensors have one id
        self.running: list[tuple[str, bool]] = [("", True)]  # modules: path, and whether it holds others
        self.counted: set[int] = set()  # the parameters that an operation has
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
            operation = self._operation(Call(_operator(func), args, named, inputs, sources, own, outputs))
            self.operations.append(operation)
            self.sources |= {id(output): name for output, name in zip(outputs, operation.outputs, strict=True)}
            self.shapes |= {name: tuple(output.shape) for output, name in zip(outputs, operation.outputs, strict=True)}
        elif own:
            self.parameters |= {id(output): own for output in outputs}
        return result

    def _operation(self, call: Call) -> Operation:
        """What a function is among the operations of a graph. ValueError where its multiply-adds are not counted."""
        operator, activation = call.operator, _activation(call)
        if operator in SHAPING:
            return self._reshaped(call)
        if operator == "batch_norm":
            return self._named(call, "norm")
        if activation:
            return self._named(call, "activation", activation=activation)
        if operator in CONVOLUTIONS:
            return self._convolution(call)
        if operator == "linear":
            options = call.by_name("input", "weight", "bias")
            return self._product(call, call.inputs[0].shape[-1], options["weight"], options.get("bias"))
        if operator in PRODUCTS and len(call.inputs) > 1:
            return self._product(call, call.inputs[-2].shape[-1])
        if operator == ATTENTION:
            keys, values = call.inputs[1:3]
            # a number of the result is a sum over the positions, whose weights are products over the channels
            width = keys.shape[-1] + values.shape[-1]
            return self._product(call, keys.shape[-2] * width // values.shape[-1])
        if operator in (*UNCOUNTED, *PRODUCTS):
            raise ValueError(f"it calls {operator}, whose multiply-adds are not counted here")
        return self._plain(call)

    def _reshaped(self, call: Call) -> Operation:
        """A function that gives its numbers another shape, and takes no name from a layer."""
        name = f"{call.operator} {len(self.operations)}"
        outputs = tuple(f"{name}:{place}" for place in range(len(call.outputs)))
        return Operation(name, call.operator, "same", call.sources[:1], outputs)

    def _convolution(self, call: Call) -> Operation:
        options = call.by_name(*CONVOLUTIONS[call.operator])
        weight, bias = options["weight"], options.get("bias")
        kernel = _sides(tuple(weight.shape[2:]))
        return self._named(
            call,
            "transposed" if call.operator == "conv_transpose2d" else "conv",
            weight,
            bias,
            axis=1,
            kernel=kernel,
            stride=_sides(options.get("stride", 1)),
            pads=_pads(options.get("padding", 0), kernel),
            groups=options.get("groups", 1),
        )

    def _product(
        self, call: Call, in_channels: int, weight: Tensor | None = None, bias: Tensor | None = None
    ) -> Operation:
        """A product whose channels stand last: `in_channels` are the multiply-adds for each number of its result."""
        return self._named(call, "matmul", weight, bias, in_channels=in_channels)

    def _plain(self, call: Call) -> Operation:
        """An operation without multiply-adds."""
        image, result = call.inputs[0], call.output
        if call.operator in PLAIN:
            return self._named(call, PLAIN[call.operator], is_product=call.operator == "mul")
        is_pool = call.operator in POOLS and image.dim() == result.dim() == 4
        if call.operator == "mean":
            is_pool = image.dim() == 4 and result.numel() == image.shape[1]
        if is_pool:
            return self._named(call, "pool", pool=POOLS[call.operator], **_window(call, _size(image), _size(result)))
        return self._named(call, "other")

    def _named(
        self,
        call: Call,
        operation_type: OperationType,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        **parts: Any,
    ) -> Operation:
        """An operation with the path of the module that is nothing else, or the function in its module."""
        path, holds_others = self.running[-1]
        is_module = path and (not holds_others or weight is not None)
        name = self._unique(path if is_module else ".".join(filter(None, (path, call.operator))))
        own = [tensor for tensor in (weight, bias) if tensor is not None]
        constants = tuple(map(self._constant, own or call.own))
        return Operation(
            name,
            call.operator,
            operation_type,
            call.sources,
            tuple(f"{name}:{place}" for place in range(len(call.outputs))),
            constants,
            bias=bias is not None,
            modules=(path,),
            further_params=self._count(call) - sum(tensor.numel() for tensor in own),
            **parts,
        )

    def _unique(self, first: str) -> str:
        name, number = first, 1
        while name in self.names:
            number += 1
            name = f"{first}_{number}"
        self.names.add(name)
        return name

    def _constant(self, tensor: Tensor) -> str:
        """The name of a tensor that does not follow from the image."""
        self.kept.append(tensor)
        name = f"constant {len(self.kept)}"
        self.shapes[name] = tuple(tensor.shape)
        return name

    def _count(self, call: Call) -> int:
        """The elements of those parameters of a function that no operation has yet."""
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
    results = tuple(tracer.sources[id(tensor)] for tensor in _tensors([output]) if id(tensor) in tracer.sources)
    return layers(tracer.operations, Tensors(IMAGE, results, 1, tracer.shapes)), output


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


def _size(tensor: Tensor) -> Sides:
    """Height and width of an image; (1, 1) of what has none."""
    return (tensor.shape[2], tensor.shape[3]) if tensor.dim() == 4 else (1, 1)


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
