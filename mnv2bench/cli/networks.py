"""The verbs about networks, which measure nothing: `memory`, `paper` and `network`."""

from pathlib import Path
from typing import Annotated

import typer

from mnv2bench import networks
from mnv2bench.cli.app import console, verb
from mnv2bench.files import Content, Product, printable, write
from mnv2bench.selection import OPTIONS, select


@verb("memory")
def memory(
    network: Annotated[str, typer.Option(help=f"One of {', '.join(networks.names())}.")] = networks.DEFAULT,
    widths: Annotated[str, typer.Option(help=OPTIONS["widths"][1])] = "",
    resolutions: Annotated[str, typer.Option(help=OPTIONS["resolutions"][1])] = "",
    csv: Annotated[Path | None, typer.Option(help="Where to write the bytes of every layer as CSV.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write a picture of the memory along the network.")] = None,
) -> None:
    """Compute activation memory layer by layer, and the paper's Table 3 again."""
    from mnv2bench.report import activations
    from mnv2bench.report.memory import TABLE, live_csv, memory_page

    selection = select({"networks": network, "widths": widths, "resolutions": resolutions})
    variants = [(network, width, resolution) for width, resolution in selection.variants]
    page = memory_page(variants)
    try:
        picture = activations.svg(variants) if svg else ""
    except ModuleNotFoundError as error:
        raise ValueError(f"no picture: {error.name} is not installed: pip install 'mnv2bench[plots]'") from error
    contents: dict[Product, Content] = {}
    if csv:
        contents[Product(csv, TABLE)] = live_csv(variants)
    if svg:
        contents[Product(svg, activations.PICTURE)] = picture
    write(contents)
    typer.echo(page, nl=False)
    if csv:
        console().print(f"CSV: {printable(csv)}", markup=False)
    if svg:
        console().print(f"SVG: {printable(svg)}", markup=False)


@verb("paper")
def paper() -> None:
    """Show our counts beside the published numbers, for the full grid."""
    from mnv2bench.report.paper import paper_markdown

    typer.echo(paper_markdown(), nl=False)


@verb("network")
def network(
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(networks.names())}.")],
    width: Annotated[float, typer.Option(help="Width multiplier.")] = 1.0,
    resolution: Annotated[int, typer.Option(help="Side of the square image.")] = 224,
) -> None:
    """Show a network's layers, with torchinfo's totals and ours."""
    from mnv2bench.report.network import network_page

    typer.echo(network_page(name, width, resolution), nl=False)
