"""The verbs about networks, which measure nothing: `paper`, `network` and `memory`."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench import networks
from mnv2bench.case import parsed_variant
from mnv2bench.cli.app import console, show, show_blocks, verb
from mnv2bench.files import Content, Product, is_stream, printable, write
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.networks import Resolution, Variant
from mnv2bench.selection import OPTIONS, select

CLASSES_HELP = f"Outputs of the classifier. Default: {networks.CLASSES}."
NetworkNames = Annotated[str, typer.Option(help=OPTIONS["networks"][1])]
Widths = Annotated[str, typer.Option(help=OPTIONS["widths"][1])]
Resolutions = Annotated[str, typer.Option(help=OPTIONS["resolutions"][1])]
Markdown = Annotated[
    Path | None, typer.Option(help="Where to write the page as Markdown, instead of showing it; /dev/stdout prints it.")
]


@verb("memory")
def memory(
    networks: NetworkNames = networks.DEFAULT,
    widths: Widths = "",
    resolutions: Resolutions = "",
    channels: Annotated[str, typer.Option(help=OPTIONS["channels"][1])] = "",
    classes: Annotated[str, typer.Option(help=CLASSES_HELP)] = "",
    csv: Annotated[Path | None, typer.Option(help="Where to write the bytes of every layer as CSV.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write a picture of the memory along the network.")] = None,
    markdown: Markdown = None,
) -> None:
    """Compute activation memory layer by layer, and the paper's Table 3 again."""
    from mnv2bench.report import activations
    from mnv2bench.report.memory import PAGE, TABLE, live_csv, memory_blocks, memory_page, short_name

    selection = select(
        {
            "networks": networks,
            "widths": widths,
            "resolutions": resolutions,
            "channels": channels,
            "classes": classes,
        }
    )
    variants = selection.variants
    blocks = memory_blocks(variants, short_name)
    contents: dict[Product, Content] = {}
    if markdown:
        contents[Product(markdown, PAGE)] = memory_page(variants)
    if csv:
        contents[Product(csv, TABLE)] = live_csv(variants)
    if svg:
        contents[Product(svg, activations.PICTURE)] = activations.svg(variants)
    write(contents)
    if not markdown:
        show_blocks(blocks)
    for label, path in (("Markdown", markdown), ("CSV", csv), ("SVG", svg)):
        _print_place(label, path)


@verb("paper")
def paper(
    network: Annotated[str, typer.Option(help="The network whose numbers were published.")] = networks.DEFAULT,
    markdown: Markdown = None,
) -> None:
    """Show our counts beside the published numbers, for the full grid."""
    from mnv2bench.report.blocks import Paragraph
    from mnv2bench.report.paper import PAGE, SPARE, TITLE, paper_lines, paper_markdown, rules

    header, lines = paper_lines(network)
    if markdown:
        write({Product(markdown, PAGE): f"# {TITLE}\n\n{paper_markdown(network)}\n{rules(network)}\n"})
        _print_place("Markdown", markdown)
    else:
        show(header, lines, title=TITLE, spare=SPARE)
        show_blocks([Paragraph(rules(network))])


@verb("network")
def network(
    name: Annotated[
        str,
        typer.Argument(
            help=f"One of {', '.join(networks.names())}; or a variant such as mobilenet_v2_0.35_96, or a part that one "
            "variant alone has."
        ),
    ],
    width: Annotated[float | None, typer.Option(help="Width multiplier. Default: 1.0.")] = None,
    resolution: Annotated[
        str, typer.Option(help="Side of the square image; or 224x160, 224 high and 160 wide. Default: 224.")
    ] = "",
    channels: Annotated[int | None, typer.Option(help=OPTIONS["channels"][1])] = None,
    classes: Annotated[int | None, typer.Option(help=CLASSES_HELP)] = None,
    markdown: Markdown = None,
) -> None:
    """Show a network's layers, with torchinfo's totals and ours."""
    from mnv2bench.report.network import PAGE, network_blocks, network_page

    if name not in networks.names():
        variant = _named_variant(name)
        if width is not None or resolution:
            raise ValueError(f"{name} has a width and a resolution: leave --width and --resolution out")
    else:
        variant = Variant(name, 1.0 if width is None else width, _resolution(resolution))
    variant = variant._replace(
        channels=variant.channels if channels is None else channels,
        classes=variant.classes if classes is None else classes,
    )
    if markdown:
        write({Product(markdown, PAGE): network_page(variant)})
        _print_place("Markdown", markdown)
    else:
        show_blocks(network_blocks(variant))


def _resolution(text: str) -> Resolution:
    if not text:
        return networks.ANY_RESOLUTION
    try:
        return networks.parsed_resolution(text)
    except ValueError as error:
        raise ValueError(f"--resolution: {error}") from None


def _named_variant(text: str) -> Variant:
    """The variant that a text names, as a whole or by a part that one declared variant alone has."""
    known = networks.names()
    with suppress(ValueError):
        variant = parsed_variant(text.replace("@", "_"))
        if variant.network in known:
            return variant
    usual = _variants([networks.DEFAULT])
    names = usual if matching_names(text, usual) else _variants(known)
    return parsed_variant(matching_name(text, names, "unknown network", "variants"))


def _variants(names: Sequence[str]) -> list[str]:
    """Every variant that these networks declare."""
    return [
        f"{name}_{width}_{resolution}"
        for name in names
        for width in networks.network(name).widths
        for resolution in networks.network(name).resolutions
    ]


def _print_place(label: str, path: Path | None) -> None:
    """Print where a file was written."""
    if path and not is_stream(path):
        console().print(f"{label}: {printable(path)}", markup=False)
