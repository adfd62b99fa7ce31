"""One network layer by layer, with its totals by torchinfo's rules and by the paper's."""

from mnv2bench.case import Case
from mnv2bench.files import Sort
from mnv2bench.networks import IMAGE_CHANNELS, Layer, Variant, count, folded, layers, resolution_text, torchinfo_totals
from mnv2bench.report.blocks import Block, Heading, Paragraph, TableBlock, markdown
from mnv2bench.texts import counted

HEADER = ("layer", "type", "output shape", "params", "BN params", "MAdds")
TEXT_COLUMNS = 3  # these align left, the numbers after them right
TITLE = "Layers of "
PAGE = Sort("network page")


def network_blocks(variant: Variant) -> list[Block]:
    """The layers of a network for one fp32 image, and its totals; MB are 1e6 bytes."""
    net = layers(*variant)
    channels = "" if variant.channels == IMAGE_CHANNELS else f" of {counted(variant.channels, 'channel')}"
    return [
        Heading(f"{TITLE}{Case.of(variant).variant}", level=1),
        Paragraph(
            f"{variant.network}, width {variant.width}, resolution {resolution_text(variant.resolution)}: one fp32 "
            f"image{channels}, {variant.classes} classes."
        ),
        TableBlock(HEADER, [_row(layer) for layer in net], TEXT_COLUMNS),
        Paragraph("By torchinfo's rules (adds batch norm and bias; counts outputs twice, for a backward pass):"),
        TableBlock(("by torchinfo", "number"), _by_torchinfo(variant)),
        Paragraph(f"By the paper's rules ({folded(net)} folded):"),
        TableBlock(("by the paper", "number"), _by_the_paper(variant)),
    ]


def network_page(variant: Variant) -> str:
    """The same as Markdown."""
    return markdown(network_blocks(variant))


def _row(layer: Layer) -> tuple[str, ...]:
    shape = f"[{layer.out_channels}, {layer.out_size[0]}, {layer.out_size[1]}]"
    numbers = (layer.params, layer.bn_params, layer.madds)
    return layer.name, layer.type, shape, *(f"{number:,}" if number else "--" for number in numbers)


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


def _by_the_paper(variant: Variant) -> list[tuple[str, str]]:
    numbers = count(*variant)
    return [
        ("MAdds, conv and linear only", f"{numbers.madds:,}"),
        ("Params", f"{numbers.params:,}"),
        ("Params without batch norm", f"{numbers.params_without_bn:,}"),
        ("Largest tensor (MB)", _mb(numbers.largest_tensor_bytes)),
        ("Peak input + output of one op (MB)", _mb(numbers.peak_in_out_bytes)),
    ]


def _mb(size: int) -> str:
    return f"{size / 1e6:.2f}"
