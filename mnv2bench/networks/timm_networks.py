"""Networks of timm: read by building them without weights, counted by hooks on them, and built with seeded weights."""

import difflib
from typing import Any

import torch
from torch import nn

from mnv2bench.matching import MOST_NAMED
from mnv2bench.networks.described import TIMM, Description
from mnv2bench.networks.modules import CALIBRATION_RESOLUTION, seed_weights
from mnv2bench.networks.shapes import ImageShape, Sides
from mnv2bench.networks.tracing import traced
from mnv2bench.refusals import Unavailable
from mnv2bench.texts import one_line

EXTRA = "pip install 'mnv2bench[timm]'"
SCALE = "gamma"  # the last part of the names of parameters that begin near 0, and leave out what they scale
# What networks raise that cannot be built so, or cannot take such an image
BROKEN = (RuntimeError, ValueError, TypeError, AssertionError, NotImplementedError, LookupError, AttributeError)


def read(network: str, sides: Sides | None, classes: int, channels: int) -> Description:
    """What timm has under a name. ValueError, in one line, where it does not build; Unavailable without timm."""
    timm = _timm()
    net, fixed = _created(timm, network, classes, channels)
    image = ImageShape(channels, *(sides or fixed or (224, 224)))
    if fixed and image.sides != fixed:
        raise ValueError(f"takes images of {fixed[0]} x {fixed[1]} alone: leave --resolutions out")
    try:
        layers, output = traced(net, torch.zeros(1, *image))
    except BROKEN as error:
        raise ValueError(f"does not run on an image of {_size(image)}: {_line(error)}") from error
    if not isinstance(output, torch.Tensor) or output.shape != (1, classes):
        shape = _size(output.shape) if isinstance(output, torch.Tensor) else f"a {type(output).__name__}"
        raise ValueError(f"gives {shape} for one image, and not logits, 1 x {classes}")
    origin = f"timm {timm.__version__}"
    state = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    return Description(
        network,
        origin,
        "counted by hooks",
        image,
        classes,
        layers,
        state=state,
        classifier=tuple(name for name in _parts(net, "classifier") if state[name][0] == classes),
        stem=tuple(name for name in _parts(net, "first_conv") if state[name][1:2] == (channels,)),
    )


def build(description: Description, seed: int | None) -> nn.Module:
    """The network in eval mode, its weights and batch-norm statistics made from `seed`; see `modules.build`.

    Raises Unavailable where another timm is installed than the one that was read.
    """
    timm = _timm()
    if description.origin != f"timm {timm.__version__}":
        raise Unavailable(f"its layers are those of {description.origin}, and timm {timm.__version__} is installed")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        net, fixed = _created(timm, description.network, description.classes, description.image.channels)
    if seed is not None:
        for name, parameter in net.named_parameters():
            if name.rpartition(".")[2] == SCALE:
                nn.init.ones_(parameter)
        side = CALIBRATION_RESOLUTION
        seed_weights(net, description.layers, seed, ImageShape(description.image.channels, *(fixed or (side, side))))
    return net


def _timm() -> Any:
    """The library. Raises Unavailable, in one line, where it is missing or does not load."""
    try:
        import timm
    except ModuleNotFoundError as error:
        raise Unavailable(f"{error.name} is not installed: {EXTRA}") from error
    except (ImportError, OSError, *BROKEN) as error:  # torchvision of another build than torch fails in its C++
        advice = "install torch and torchvision of the same build, from one index"
        raise Unavailable(f"timm does not load ({_line(error)}): {advice}") from error
    return timm


def _created(timm: Any, network: str, classes: int, channels: int) -> tuple[nn.Module, Sides | None]:
    """A network in eval mode, without the weights that timm would download, and the only size of its images, if any."""
    name = network.removeprefix(TIMM)
    if not timm.is_model(name.partition(".")[0]):
        similar = difflib.get_close_matches(name, timm.list_models(), MOST_NAMED)
        advice = f": name one, such as {', '.join(similar)}" if similar else ""
        raise ValueError(f"timm {timm.__version__} has no such network{advice}")
    try:
        configuration = timm.get_pretrained_cfg(name, allow_unregistered=False)
        net: nn.Module = timm.create_model(name, pretrained=False, num_classes=classes, in_chans=channels)
    except BROKEN as error:
        raise ValueError(f"timm does not build it: {_line(error)}") from error
    fixed: Sides | None = configuration.input_size[1:] if configuration and configuration.fixed_input_size else None
    net.eval()
    return net, fixed


def _parts(net: nn.Module, part: str) -> list[str]:
    """The tensors of the state dict in the modules that timm calls the classifier, or the first convolution."""
    paths = getattr(net, "pretrained_cfg", {}).get(part) or ()
    modules = (paths,) if isinstance(paths, str) else tuple(paths)
    return [name for name, tensor in net.state_dict().items() if name.rpartition(".")[0] in modules and tensor.dim()]


def _size(shape: Any) -> str:
    return " x ".join(map(str, shape))


def _line(error: BaseException) -> str:
    return one_line(str(error) or type(error).__name__)
