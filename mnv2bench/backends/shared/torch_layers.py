"""In which number formats torch and its libraries compute the layers of a network: what is seen of one more call."""

import os
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from mnv2bench.precisions import BF16, FP16, FP32, INT8
from mnv2bench.refusals import Wrong

STDOUT = 1
LAYER = re.compile(r"convolution|qconv|linear|addmm|^mm\.")
PRECISIONS = {
    torch.float32: FP32.name,
    torch.bfloat16: BF16.name,
    torch.float16: FP16.name,
    torch.uint8: INT8.name,
    torch.int8: INT8.name,
}
# a primitive of oneDNN that ran: the number format of its source, and its attributes
PRIMITIVE = re.compile(r"primitive,exec,cpu,(?:convolution|inner_product|matmul),[^,]*,[^,]*,src:(\w+)[^,]*,([^,]*)")
PRODUCT = re.compile(r"MKL_VERBOSE SGEM[MV]")  # a matrix product of MKL in fp32
IN_FEWER_BITS = re.compile(r"attr-fpmath:(bf16|f16|tf32|any)")
OF_ONEDNN = {"f32": FP32.name, "bf16": BF16.name, "f16": FP16.name, "u8": INT8.name, "s8": INT8.name}
FPMATH_VARIABLES = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
FULL = ("", "strict", "none", "ieee", "highest")


def reduced_fp32() -> str:
    """The settings of torch and oneDNN with which fp32 is multiplied in fewer bits, by name; "" where none is set."""
    onednn: Any = torch.backends.mkldnn  # it declares neither `conv` nor `matmul`
    settings: dict[str, str] = {
        **{name: os.environ.get(name, "") for name in FPMATH_VARIABLES},
        "torch.backends.mkldnn.conv.fp32_precision": onednn.conv.fp32_precision,
        "torch.backends.mkldnn.matmul.fp32_precision": onednn.matmul.fp32_precision,
    }
    return ", ".join(f"{name} is {value}" for name, value in settings.items() if value.lower() not in FULL)


def less_than_fp32() -> str:
    """Why a process computes in less than fp32 what is called so, naming the settings; "" where it does not."""
    settings, fix = reduced_fp32(), "leave it out, or use --precisions bf16"
    return f"{settings}: torch computes in fewer bits than fp32 with it; {fix}" if settings else ""


def require_full_fp32() -> None:
    """Raise Wrong, naming the setting, where torch would multiply in fewer bits what is called fp32."""
    if reason := less_than_fp32():
        raise Wrong(reason)


class Operators(TorchDispatchMode):
    """Counts, while it is entered, the convolutions and linear layers that torch dispatches, by number format.

    Of a compiled network these are the operators that its generated code calls.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.layers: Counter[str] = Counter()

    @classmethod
    def ignore_compile_internals(cls) -> bool:
        """Without it torch.compile would run its network in eager mode meanwhile."""
        return True

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Otherwise the first call imports the compiler, which takes eager a second."""
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        if LAYER.search(func.__name__):
            images = next(value for value in args if isinstance(value, torch.Tensor))
            self.layers[PRECISIONS.get(images.dtype, str(images.dtype))] += 1
        return func(*args, **(kwargs or {}))


def dispatched_layers(call: Callable[[], object]) -> dict[str, int]:
    """The layers that torch dispatches in one call, by precision."""
    with Operators() as operators:
        call()
    return dict(operators.layers)


@contextmanager
def printed_to(file: Path) -> Iterator[None]:
    """Redirect what C code prints meanwhile to a file."""
    stdout = os.dup(STDOUT)
    target = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    os.dup2(target, STDOUT)
    os.close(target)
    try:
        yield
    finally:
        os.dup2(stdout, STDOUT)
        os.close(stdout)


def printed_layers(call: Callable[[], object]) -> dict[str, int]:
    """The layers that oneDNN and MKL say they ran in one call, by precision: of calls that torch does not dispatch."""
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder, ExitStack() as printing:
        lines = Path(folder, "lines.txt")
        printing.enter_context(printed_to(lines))
        for library in (torch.backends.mkldnn, torch.backends.mkl):
            if library.is_available():
                printing.enter_context(library.verbose(1))
        call()
        printing.close()
        return layers_of_lines(lines.read_text(errors="replace"))


def layers_of_lines(text: str) -> dict[str, int]:
    """The layers in verbose lines of oneDNN and MKL, by precision."""
    layers: Counter[str] = Counter()
    for line in text.splitlines():
        if primitive := PRIMITIVE.search(line):
            reduced = IN_FEWER_BITS.search(primitive[2])
            layers[OF_ONEDNN.get(reduced[1] if reduced else primitive[1], primitive[1])] += 1
        elif PRODUCT.match(line):
            layers[FP32.name] += 1
    return dict(layers)
