"""The verbs about networks, which measure nothing: `paper`, `network` and `memory`."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench import networks
from mnv2bench.cli.app import console, show, show_blocks, verb
from mnv2bench.files import Content, Product, is_stream, printable, write
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.selection import OPTIONS, select

VARIANT = re.compile(r"(?P<network>.+)_(?P<width>[0-9.]+)[_@](?P<resolution>\d+)")  # as Case.variant spells it
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
    csv: Annotated[Path | None, typer.Option(help="Where to write the bytes of every layer as CSV.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write a picture of the memory along the network.")] = None,
    markdown: Markdown = None,
) -> None:
    """Compute activation memory layer by layer, and the paper's Table 3 again."""
    from mnv2bench.report import activations
    from mnv2bench.report.memory import PAGE, TABLE, live_csv, memory_blocks, memory_page, short_name

    selection = select({"networks": networks, "widths": widths, "resolutions": resolutions})
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
    resolution: Annotated[int | None, typer.Option(help="Side of the square image. Default: 224.")] = None,
    markdown: Markdown = None,
) -> None:
    """Show a network's layers, with torchinfo's totals and ours."""
    from mnv2bench.report.network import PAGE, network_blocks, network_page

    family, named_width, named_resolution = _network(name)
    if named_width is not None and (width, resolution) != (None, None):
        raise ValueError(f"{name} has a width and a resolution: leave --width and --resolution out")
    if named_width is None or named_resolution is None:
        named_width = 1.0 if width is None else width
        named_resolution = 224 if resolution is None else resolution
    variant = (family, named_width, named_resolution)
    if markdown:
        write({Product(markdown, PAGE): network_page(*variant)})
        _print_place("Markdown", markdown)
    else:
        show_blocks(network_blocks(*variant))


def _network(text: str) -> tuple[str, float | None, int | None]:
    """The network, width and resolution that a text names; without the last two for the name of a network."""
    known = networks.names()
    if text in known:
        return text, None, None
    spelt = VARIANT.fullmatch(text)
    if spelt is None or spelt["network"] not in known:
        usual = _variants([networks.DEFAULT])
        names = usual if matching_names(text, usual) else _variants(known)
        spelt = VARIANT.fullmatch(matching_name(text, names, "unknown network", "variants"))
    assert spelt
    return spelt["network"], float(spelt["width"]), int(spelt["resolution"])


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
