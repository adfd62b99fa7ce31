"""One network layer by layer, with its totals; and every network that a family declares, one a line."""

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.files import Sort
from mnv2bench.networks import (
    Description,
    Layer,
    Variant,
    activations,
    count,
    folded,
    is_described,
    layers,
    peaks,
    resolution_text,
    torchinfo_totals,
)
from mnv2bench.networks.counts import FP32_BYTES
from mnv2bench.precisions import FP32, named
from mnv2bench.report.blocks import Block, Heading, Paragraph, TableBlock, markdown
from mnv2bench.report.cells import NONE
from mnv2bench.texts import counted

HEADER = ("layer", "type", "output shape", "params", "BN params", "MAdds")
TEXT_COLUMNS = 3  # these align left, the numbers after them right
TITLE = "Layers of "
PAGE = Sort("network page")
NAMED_BY_OPERATOR = ("other", "shuffle")  # types of layers of foreign networks that say less than the operator
LIST_HEADER = ("network", "widths", "resolutions", "published", "source of what was published")
LIST_TITLE = "Networks"
LIST_PAGE = Sort("networks page")
OTHERS = """\
timm:NAME is any of timm's networks that gives logits, such as timm:mobilenetv3_large_100. A file of your own goes by
its name and the beginning of its SHA-256, such as my-net.onnx-0f1e2d3c: name it with --model FILE to a verb that
measures, and by its path to `mnv2bench network`.
"""


def network_blocks(variant: Variant) -> list[Block]:
    """The layers of a network for one image, and its totals; MB are 1e6 bytes."""
    net = layers(*variant)
    blocks: list[Block] = [
        Heading(f"{TITLE}{Case.of(variant).variant}", level=1),
        Paragraph(_subject(variant)),
        TableBlock(HEADER, [_row(layer) for layer in net], TEXT_COLUMNS),
    ]
    if is_described(variant.network):
        description = Case.of(variant).description
        blocks += [
            Paragraph(_counting(description, net)),
            TableBlock(
                ("in total", "number"), [*_counts(variant, description.precision), _alive(variant, description)]
            ),
        ]
    else:
        blocks += [
            Paragraph("By torchinfo's rules (adds batch norm and bias; counts outputs twice, for a backward pass):"),
            TableBlock(("by torchinfo", "number"), _by_torchinfo(variant)),
            Paragraph(f"By the paper's rules ({folded(net)} folded):"),
            TableBlock(("by the paper", "number"), _counts(variant, FP32.name)),
        ]
    return blocks


def network_page(variant: Variant) -> str:
    """The same as Markdown."""
    return markdown(network_blocks(variant))


def list_blocks() -> list[Block]:
    """A line for each network that a family declares, and how others are named."""
    lines = [_line(networks.network(name)) for name in networks.names()]
    return [Heading(LIST_TITLE, level=1), TableBlock(LIST_HEADER, lines, len(LIST_HEADER)), Paragraph(OTHERS)]


def list_page() -> str:
    """The same as Markdown."""
    return markdown(list_blocks())


def _line(network: networks.Network) -> tuple[str, ...]:
    published = network.published()
    sources = dict.fromkeys(row.source.partition(" @")[0] for row in published.values())
    return (
        network.name,
        ", ".join(map(str, network.widths)),
        ", ".join(map(resolution_text, network.resolutions)),
        counted(len(published), "variant") if published else NONE,
        "; ".join(sources) or (f"that of {network.reference}" if network.reference else NONE),
    )


def _subject(variant: Variant) -> str:
    name, width, resolution, classes, channels = variant
    channel_text = "" if channels == networks.IMAGE_CHANNELS else f" of {counted(channels, 'channel')}"
    size = resolution_text(resolution)
    if is_described(name):
        description = Case.of(variant).description
        numbers = counted(classes, "output") if description.kind else counted(classes, "class", "classes")
        return f"{name}, resolution {size}: one {description.precision} image{channel_text}, {numbers}."
    return f"{name}, width {width}, resolution {size}: one fp32 image{channel_text}, {classes} classes."


def _counting(description: Description, net: tuple[Layer, ...]) -> str:
    """How a network was counted that no family declares; what its file says of itself is shown nowhere."""
    origin = "" if description.kind else f" ({description.origin})"
    batch = f" It takes batches of {description.batch} alone." if description.batch else ""
    return (
        f"Counted {description.counted.removeprefix('counted ')}{origin}, {folded(net)} folded into the layers before "
        f"them; bytes are those of {description.precision}, of one image.{batch}"
    )


def _row(layer: Layer) -> tuple[str, ...]:
    shape = f"[{layer.out_channels}, {layer.out_size[0]}, {layer.out_size[1]}]"
    numbers = (layer.params, layer.bn_params, layer.madds)
    layer_type = layer.operator if layer.operator and layer.type in NAMED_BY_OPERATOR else layer.type
    return layer.name, layer_type, shape, *(f"{number:,}" if number else "--" for number in numbers)


def _by_torchinfo(variant: Variant) -> list[tuple[str, str]]:
    totals = torchinfo_totals(*variant)
    return [
        ("Total params", f"{count(*variant).params:,}"),
        ("Total mult-adds (M)", f"{totals.mult_adds / 1e6:.2f}"),
        ("Input size (MB)", _mb(totals.input_bytes)),
        ("Forward/backward pass size (MB)", _mb(totals.forward_backward_bytes)),
        ("Params size (MB)", _mb(totals.params_bytes)),
        ("Estimated total size (MB)", _mb(totals.total_bytes)),
    ]


def _counts(variant: Variant, precision: str) -> list[tuple[str, str]]:
    totals = count(*variant)
    return [
        ("MAdds, conv and linear only", f"{totals.madds:,}"),
        ("Params", f"{totals.params:,}"),
        ("Params without batch norm", f"{totals.params_without_bn:,}"),
        ("Largest tensor (MB)", _mb(_sized(totals.largest_tensor_bytes, precision))),
        ("Peak input + output of one op (MB)", _mb(_sized(totals.peak_in_out_bytes, precision))),
    ]


def _alive(variant: Variant, description: Description) -> tuple[str, str]:
    most = peaks(activations(*variant)).live.bytes
    return "Most activations alive at once (MB)", _mb(_sized(most, description.precision))


def _sized(fp32_bytes: int, precision: str) -> int:
    """The bytes of as many numbers in another precision."""
    return fp32_bytes // FP32_BYTES * named(precision).element_bytes


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f}"
