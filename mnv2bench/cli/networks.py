"""The verbs about networks, which measure nothing: `paper`, `networks`, `network` and `memory`."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from mnv2bench import networks
from mnv2bench.campaign.described import describe
from mnv2bench.case import Case
from mnv2bench.cli.app import console, show, show_blocks, verb
from mnv2bench.cli.options import Floors, saved_files
from mnv2bench.files import Content, Product, is_stream, printable, source_names, write
from mnv2bench.records.reading import case_ids
from mnv2bench.selection import OPTIONS, REPEATED, named_variant, select

CLASSES_HELP = f"Outputs of the classifier. Default: {networks.CLASSES}."
NetworkNames = Annotated[str, typer.Option(help=OPTIONS["networks"][1])]
Widths = Annotated[str, typer.Option(help=OPTIONS["widths"][1])]
Resolutions = Annotated[str, typer.Option(help=OPTIONS["resolutions"][1])]
Markdown = Annotated[
    Path | None, typer.Option(help="Where to write the page as Markdown, instead of showing it; /dev/stdout prints it.")
]


@verb("memory")
def memory(
    networks: NetworkNames = "",
    model: Annotated[list[str] | None, typer.Option(help=REPEATED["model"])] = None,
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

    texts = {
        "networks": networks,
        "widths": widths,
        "resolutions": resolutions,
        "channels": channels,
        "classes": classes,
    }
    selection = select(texts, models=model or ())
    variants = selection.variants
    describe(map(Case.of, variants))
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
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="With --table 4: saved files or journals with its networks. Default: the newest such file of this "
            "machine under results/."
        ),
    ] = None,
    network: Annotated[str, typer.Option(help="The network whose numbers were published.")] = networks.DEFAULT,
    number: Annotated[
        int | None, typer.Option("--table", help="A table of the paper: 4, its networks counted and measured here.")
    ] = None,
    markdown: Markdown = None,
    csv: Annotated[Path | None, typer.Option(help="With --table 4: where to write its rows as CSV.")] = None,
    svg: Annotated[
        Path | None, typer.Option(help="With --table 4: where to write a picture of latency over MAdds.")
    ] = None,
    results: Floors = Path("results"),
) -> None:
    """Show our counts beside the published numbers, for the full grid; with --table 4 the rivals of the paper."""
    from mnv2bench.report.blocks import Paragraph
    from mnv2bench.report.paper import PAGE, SPARE, TITLE, paper_lines, paper_markdown, rules

    if number is not None:
        if number != 4:
            raise ValueError(f"--table {number} is not computed: name 4; `mnv2bench memory` has table 3")
        _paper_table_4(files or _newest_of_table_4(results), results, markdown, csv, svg)
        return
    if files or csv or svg:
        raise ValueError("FILE, --csv and --svg are of --table 4: add it, or leave them out")
    header, lines = paper_lines(network)
    if markdown:
        write({Product(markdown, PAGE): f"# {TITLE}\n\n{paper_markdown(network)}\n{rules(network)}\n"})
        _print_place("Markdown", markdown)
    else:
        show(header, lines, title=TITLE, spare=SPARE)
        show_blocks([Paragraph(rules(network))])


def _newest_of_table_4(results: Path) -> list[Path]:
    """The newest saved file of this machine with two families of Table 4; empty where there is none."""
    from mnv2bench.comparison.table4 import is_of_table
    from mnv2bench.machine import this_machine

    saved = saved_files(results / this_machine().fingerprint)
    return next(([path] for path in reversed(saved) if is_of_table(case_ids(path))), [])


def _paper_table_4(
    files: Sequence[Path], results: Path, markdown: Path | None, csv: Path | None, svg: Path | None
) -> None:
    """Show the paper's Table 4 beside our counts and what these files measured, or write it."""
    from mnv2bench.comparison import table4_picture
    from mnv2bench.comparison.recommended import evaluated
    from mnv2bench.comparison.table4 import TABLE, measured_places, table_csv
    from mnv2bench.comparison.table4_page import PAGE, table4_blocks, table4_page
    from mnv2bench.records.reading import contents_of
    from mnv2bench.statistics.kept_checks import machine_floor

    contents_of_files = dict(zip(source_names(files), map(contents_of, files), strict=True))
    places = measured_places(evaluated(contents_of_files, partial(machine_floor, results)))
    sources = tuple(files)
    contents: dict[Product, Content] = {}
    if markdown:
        contents[Product(markdown, PAGE, sources)] = table4_page(places)
    if csv:
        contents[Product(csv, TABLE, sources)] = table_csv(places)
    if svg:
        contents[Product(svg, table4_picture.PICTURE, sources)] = table4_picture.svg(places)
    write(contents, inputs=files)
    if not markdown:
        show_blocks(table4_blocks(places))
    for label, path in (("Markdown", markdown), ("CSV", csv), ("SVG", svg)):
        _print_place(label, path)


@verb("networks")
def list_networks(markdown: Markdown = None) -> None:
    """List the networks of every family, and how timm's and your own are named."""
    from mnv2bench.report.network import LIST_PAGE, list_blocks, list_page

    if markdown:
        write({Product(markdown, LIST_PAGE): list_page()})
        _print_place("Markdown", markdown)
    else:
        show_blocks(list_blocks())


@verb("network")
def network(
    name: Annotated[
        str,
        typer.Argument(
            help=f"One of {', '.join(networks.names())}; a variant such as mobilenet_v2_0.35_96, or a part that one "
            "variant alone has; timm:NAME; or the path of an .onnx, .pt2 or .tflite file."
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
    """Show a network's layers and what they add up to; of a family also by torchinfo's rules."""
    from mnv2bench.report.network import PAGE, network_blocks, network_page

    options = {"width": width, "resolution": resolution, "channels": channels, "classes": classes}
    variant = named_variant(name, {option: value for option, value in options.items() if value not in (None, "")})
    if markdown:
        write({Product(markdown, PAGE): network_page(variant)})
        _print_place("Markdown", markdown)
    else:
        show_blocks(network_blocks(variant))


def _print_place(label: str, path: Path | None) -> None:
    """Print where a file was written."""
    if path and not is_stream(path):
        console().print(f"{label}: {printable(path)}", markup=False)
