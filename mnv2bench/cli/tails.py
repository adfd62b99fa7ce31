"""The verb `tails`: the rounds of a case in the order of time, where its slow calls were."""

import math
from pathlib import Path
from shutil import get_terminal_size
from statistics import median
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from mnv2bench.cli.app import console, verb
from mnv2bench.cli.options import newest_file
from mnv2bench.files import Product, printable, require_writable, write
from mnv2bench.matching import matching_name
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    from mnv2bench.records import Record

LEAST_WIDTH = 80  # columns


@verb("tails")
def tails(
    case: Annotated[str, typer.Argument(help="A case id, or a part of one that no other id has.")],
    file: Annotated[
        Path | None, typer.Argument(help="A saved file or a journal. Default: the newest file under results/.")
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Where to write the same as a picture.")] = None,
    results: Annotated[Path, typer.Option(help="The folder where `pytest suites` saves.")] = Path("results"),
) -> None:
    """Show the rounds of a case in the order of time: p50, p90, p99 and the slowest call of each."""
    from mnv2bench.records.journal import load
    from mnv2bench.report import strip
    from mnv2bench.statistics.strip import round_tails

    chosen = file or newest_file(results)
    picture = Product(svg, strip.PICTURE, (chosen,)) if svg else None
    require_writable([picture] if picture else [], inputs=[chosen])
    records = {record.case.id: record for record in load(chosen)}
    record = records[matching_name(case, list(records), f"{printable(chosen)} has no case")]
    rounds = round_tails(record)
    if picture:
        write({picture: strip.svg(record.case.id, rounds)}, inputs=[chosen])
    width = max(LEAST_WIDTH, get_terminal_size().columns)
    console().print(one_line(f"{record.case.id}, {printable(chosen)}"), markup=False, soft_wrap=True)
    console().print(f"\n{strip.strip(rounds, width)}\n", markup=False, soft_wrap=True)
    for line in wrap(_bounds(record), width):
        console().print(line, markup=False)
    if svg:
        console().print(f"SVG: {printable(svg)}", markup=False)


def _bounds(record: "Record") -> str:
    """The bounds of the percentiles over all rounds that count, and the statistic of the gate."""
    from mnv2bench.report.cells import scaled
    from mnv2bench.statistics.latency import PERCENTILES, latency
    from mnv2bench.statistics.latency import tails as tails_of

    times = latency(record)
    bounds = zip(PERCENTILES, (times.p90_s, times.p99_s, times.p99_9_s), strict=True)
    known = [f"p{percentile:g} {scaled(1e3 * bound)}" for percentile, bound in bounds if bound is not None]
    text = f"All rounds that count: median {scaled(1e3 * times.median_s)} ms; at most, with 99 % confidence, "
    text += f"{', '.join(known)} ms." if known else "no percentile: there are too few calls."
    lengths = tails_of(record)
    return f"{text} p90/p50 within a round: {math.exp(median(lengths)):.3f}." if lengths else text
