"""The page of the paper's Table 4: its numbers beside ours, counted and measured, and which of its claims hold here."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.comparison.table4 import Place, Runtime, published
from mnv2bench.files import Sort
from mnv2bench.paper import table4
from mnv2bench.paper.table4 import NASNET, V1, V2, Row
from mnv2bench.recommendation.candidates import Candidate, forbidding_flag
from mnv2bench.report.blocks import Block, Heading, Listing, Paragraph, TableBlock, markdown
from mnv2bench.report.cells import MARKS, MEANINGS, NONE, escape, scaled
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.intervals import interval_methods
from mnv2bench.report.layout import title
from mnv2bench.statistics.architectures import Law, Ratio, Timed, off_law, order_agreement, ratio
from mnv2bench.statistics.fit import FAIR_R2, GOOD_R2
from mnv2bench.texts import counted, one_line

PAGE = Sort("page of the paper's Table 4")
COMMAND = f"mnv2bench run --grid {table4.GRID} --suites latency --threads 1 --out table4.jsonl"
NOTHING = f"""\
No file has two families of this table in one setting. This measures all six networks on every runtime of this machine,
with one thread and five processes, and then shows them: {COMMAND} && mnv2bench paper --table 4 table4.jsonl
"""
ABOUT = """\
arXiv:1801.04381, Table 4: networks at 224x224 with their top-1 on ImageNet, and milliseconds on the large core of a
Pixel 1 (TF-Lite). Beside them our counts of the same networks, one image, in millions: multiply-adds (MAdds) of
convolutions and linear layers, and parameters with batch norm, in brackets without it.
"""
TIMES = """\
The median of one call, batch 1. "95 %" is how far the widest interval of the row reaches from its median: 95 %
intervals over processes, {methods}.
"""
PLACES = """\
The fastest is 1. Networks that cannot be told apart share their places, as 2-3. "tau" is Kendall's agreement of two
orders, by the medians: 1 where they are the same, 0 where neither says anything of the other, -1 where they are
opposite. "MAdds" is the order of multiply-adds, "paper" that of the paper's milliseconds, of which there are four.
"""
CLAIMS = """\
One latency over another, in brackets its 95 % interval. NASNet-A and V1 have the same MAdds but for 1 %. "NASNet over
law" is over the power law of latency and MAdds through the variants of all other networks: its interval is that of
one more network that keeps the law, which is wide where few networks make the law, and where they keep it badly.
"""
LAWS = """\
The power law of latency over MAdds through all variants that were measured, with the 95 % interval of its exponent: 1
is proportional. R² is the part of the differences that MAdds explain, which is little also where all have nearly as
many: these have {least:.0f} to {most:.0f} million. Behind it, how many times the latency of a family is that of the
law through all others.
"""
PREDICTS = {
    "well": f"MAdds predict latency across these networks well (R² from {GOOD_R2} on)",
    "roughly": f"MAdds predict latency across these networks roughly (R² from {FAIR_R2} on)",
    "not": f"MAdds do not predict latency across these networks (R² below {FAIR_R2})",
}
LARGE_FACTOR = 10  # from which on a ratio is written without decimals
Inert = Callable[[str], str]


class Claims(NamedTuple):
    """The ratios by which the paper's claims are judged for one runtime; None where a network is missing."""

    v2_over_v1: Ratio | None
    nasnet_over_v1: Ratio | None
    nasnet_over_law: Ratio | None


def table4_blocks(places: Sequence[Place], inert: Inert = one_line) -> list[Block]:
    """The whole page: the counts, and for each machine and setting what was measured there.

    `inert` makes the texts of a file fit for where the page stands.
    """
    blocks: list[Block] = [
        Heading("Table 4 of the paper, computed and measured again", level=1),
        Paragraph(ABOUT),
        _counts(),
        Listing(tuple(_misprints())),
    ]
    if not places:
        return [*blocks, Paragraph(NOTHING)]
    for place in places:
        blocks += _of_place(place, inert)
    return blocks


def table4_page(places: Sequence[Place]) -> str:
    """The same as Markdown."""
    return markdown(table4_blocks(places, escape))


def _counts() -> TableBlock:
    header = ("network", "MAdds, paper", "MAdds, here", "params, paper", "params, here", "top-1 %", "paper's ms")
    lines = []
    for row in table4.rows():
        count = networks.count(*row.variant)
        params = f"{count.params / 1e6:.2f} ({count.params_without_bn / 1e6:.2f})"
        cells = (f"{row.madds_m}", f"{count.madds / 1e6:.1f}", row.params_m, params, f"{row.top1}", _ms(row.ms))
        lines.append([row.name, *cells])
    return TableBlock(header, lines)


def _ms(ms: float | None) -> str:
    return NONE if ms is None else f"{ms:g}"


def _misprints() -> Iterator[str]:
    """A sentence for each printed number that is not ours, rounded or cut off, and for what the table leaves out."""
    for row in table4.rows():
        count = networks.count(*row.variant)
        for noun, printed, values in (
            ("multiply-adds", str(row.madds_m), (count.madds,)),
            ("parameters", row.params_m, (count.params, count.params_without_bn)),
        ):
            millions = [value / 1e6 for value in values]
            if not table4.is_print_of(printed, *millions):
                nearest = min(millions, key=lambda value: abs(value - float(printed)))
                off = float(printed) / nearest - 1
                more = "more" if off > 0 else "less"
                yield f"{row.name}: the paper prints {printed} M {noun}, {abs(off):.1%} {more} than its network has."
    silent = [row.name for row in table4.rows() if row.ms is None]
    yield f"The paper has no milliseconds for {' and '.join(silent)}."


def _of_place(place: Place, inert: Inert) -> Iterator[Block]:
    yield Heading(f"{inert(place.machine)}: {title(place.setting)}")
    yield Paragraph(TIMES.format(methods=interval_methods(place.evaluations)))
    yield _times(place)
    if notes := (*_marks(place), *_reasons(place, inert)):
        yield Listing(notes)
    runtimes = [runtime for runtime in place.runtimes if runtime.of_table]
    if not runtimes:
        yield Paragraph("Nobody should compare by these numbers: measure again on a quieter machine.")
        return
    yield Heading("Does V2 beat V1 at half the MAdds, and is NASNet-A slower than its MAdds say?", level=3)
    yield Listing(tuple(_verdicts(runtimes)))
    yield _claims_table([published(), *runtimes])
    yield Paragraph(CLAIMS)
    yield Heading("In which order are they?", level=3)
    yield _places([published(), *runtimes])
    yield Paragraph(PLACES)
    yield Heading("Do MAdds predict latency across architectures?", level=3)
    yield from _laws(runtimes)


def _times(place: Place) -> TableBlock:
    """A line for each runtime, below the paper's."""
    rows = table4.rows()
    header = ("ms", *(row.label for row in rows), "95 %")
    lines = [[published().name, *(_ms(row.ms) for row in rows), NONE]]
    for runtime in place.runtimes:
        cells = [_time(runtime.evaluations.get(row.name)) for row in rows]
        lines.append([runtime.name, *cells, _widest(list(runtime.evaluations.values()))])
    return TableBlock(header, lines)


def _time(evaluation: Evaluation | None) -> str:
    """A median, with the mark of what forbids to use it; a dash where there is none."""
    if evaluation is None or evaluation.record.status != "ok" or evaluation.latency is None:
        return NONE
    flag = forbidding_flag(Candidate(evaluation))
    return f"{scaled(1e3 * evaluation.latency.median_s)}{MARKS[flag] if flag else ''}"


def _widest(evaluations: Sequence[Evaluation]) -> str:
    """`±1.2 %`: the longest reach of an interval from its median; a dash where one has none."""
    reaches = []
    for evaluation in evaluations:
        times = evaluation.latency
        if times and times.high_s is not None and times.low_s is not None:
            reaches += [times.high_s / times.median_s - 1, 1 - times.low_s / times.median_s]
    return f"±{100 * max(reaches):.1f} %" if reaches else NONE


def _marks(place: Place) -> Iterator[str]:
    """What the marks mean, each once."""
    flags = [forbidding_flag(Candidate(each)) for each in place.evaluations if each.latency]
    for flag in dict.fromkeys(filter(None, flags)):
        yield f"{MARKS[flag]} These {MEANINGS[flag]}: they are in no comparison below."


def _reasons(place: Place, inert: Inert) -> Iterator[str]:
    """Why a network has no number, the networks with the same reason together."""
    labels: dict[tuple[str, str], list[str]] = {}
    for runtime in place.runtimes:
        for row in table4.rows():
            evaluation = runtime.evaluations.get(row.name)
            if evaluation and evaluation.record.status != "ok":
                reason = f"{evaluation.record.status}: {inert(evaluation.record.reason)}"
                labels.setdefault((runtime.name, reason), []).append(row.label)
    for (name, reason), networks_of_reason in labels.items():
        yield f"{name}, {', '.join(networks_of_reason)}: {reason}"


def _row(name: str) -> Row:
    return next(row for row in table4.rows() if row.name == name)


def _claims(runtime: Runtime) -> Claims:
    v1, v2, nasnet = (runtime.of(_row(name)) for name in (V1, V2, NASNET))
    return Claims(
        _ratio(v2, v1),
        _ratio(nasnet, v1),
        off_law(nasnet, runtime.timed) if nasnet and len(runtime.timed) > 1 else None,
    )


def _ratio(a: Timed | None, b: Timed | None) -> Ratio | None:
    return ratio(a, b) if a and b else None


def _verdicts(runtimes: Sequence[Runtime]) -> Iterator[str]:
    """A sentence for each answer to the two questions, with the runtimes that give it."""
    claims = {runtime.name: _claims(runtime) for runtime in runtimes}
    yield from _answers(
        {name: of_runtime.v2_over_v1 for name, of_runtime in claims.items()},
        faster="V2 beats V1, as in the paper",
        slower="V2 does not beat V1: it is slower",
        open_="V2 and V1 cannot be told apart",
        missing="V2 and V1 cannot be compared",
    )
    yield from _answers(
        {name: of_runtime.nasnet_over_law for name, of_runtime in claims.items()},
        faster="NASNet-A is faster than its MAdds say",
        slower="NASNet-A is slower than its MAdds say, as in the paper",
        open_="Whether NASNet-A is slower than its MAdds say cannot be told by a law through the others",
        missing="NASNet-A cannot be compared with a law through others",
    )
    over_v1 = [of_runtime.nasnet_over_v1 for of_runtime in claims.values() if of_runtime.nasnet_over_v1]
    if over_v1:
        factors = [f"{bound(each.value for each in over_v1):.2f}" for bound in (min, max)]
        slower = sum(each.is_slower for each in over_v1)
        yield (
            f"NASNet-A is slower than V1, which has as many MAdds, with {slower} of "
            f"{counted(len(over_v1), 'runtime')}: it takes {' to '.join(dict.fromkeys(factors))} times as long."
        )


def _answers(ratios: Mapping[str, Ratio | None], faster: str, slower: str, open_: str, missing: str) -> Iterator[str]:
    """`V2 beats V1 with 2 of 3 runtimes: litert, openvino.` for each of the answers that a runtime gives."""
    names: dict[str, list[str]] = {answer: [] for answer in (faster, slower, open_, missing)}
    for name, of_runtime in ratios.items():
        answer = open_ if of_runtime else missing
        if of_runtime and of_runtime.is_apart:
            answer = slower if of_runtime.is_slower else faster
        names[answer].append(name)
    for answer, of_answer in names.items():
        if of_answer:
            yield f"{answer}, with {len(of_answer)} of {counted(len(ratios), 'runtime')}: {', '.join(of_answer)}."


def _claims_table(runtimes: Sequence[Runtime]) -> TableBlock:
    header = ("runtime", "V2 over V1", "NASNet over V1", "NASNet over law")
    return TableBlock(header, [[runtime.name, *map(_ratio_text, _claims(runtime))] for runtime in runtimes])


def _ratio_text(ratio: Ratio | None) -> str:
    """`0.66 (0.64–0.68)`; alone where it was not measured but published."""
    if ratio is None:
        return NONE
    if math.isclose(ratio.low, ratio.high):
        return f"{ratio.value:.2f}"
    if ratio.high == math.inf:
        return f"{ratio.value:.2f} (any)"
    return f"{ratio.value:.2f} ({_factor(ratio.low)}–{_factor(ratio.high)})"


def _factor(value: float) -> str:
    return f"{value:.2f}" if value < LARGE_FACTOR else f"{value:.0f}"


def _places(runtimes: Sequence[Runtime]) -> TableBlock:
    """A line for the order by MAdds, and for each runtime, with the agreement of its order with two others."""
    rows = table4.rows()
    header = ("place", *(row.label for row in rows), "tau MAdds", "tau paper")
    by_madds = sorted((networks.count(*row.variant).madds, row.name) for row in rows)
    of_madds = [str(1 + [name for _, name in by_madds].index(row.name)) for row in rows]
    lines = [["MAdds, counted", *of_madds, NONE, NONE]]
    for runtime in runtimes:
        by_variant = runtime.places
        cells = [_place(by_variant.get(Case.of(row.variant).variant)) for row in rows]
        with_paper = _tau(runtime, _paper_ms) if runtime.evaluations else NONE
        lines.append([runtime.name, *cells, _tau(runtime, _madds), with_paper])
    return TableBlock(header, lines)


def _place(bounds: tuple[int, int] | None) -> str:
    if bounds is None:
        return NONE
    first, last = bounds
    return str(first) if first == last else f"{first}-{last}"


def _madds(row: Row) -> float | None:
    return networks.count(*row.variant).madds


def _paper_ms(row: Row) -> float | None:
    return row.ms


def _tau(runtime: Runtime, of: Callable[[Row], float | None]) -> str:
    """Kendall's tau of a runtime's latencies with a number of the table's lines; a dash of fewer than three."""
    pairs = []
    for row in table4.rows():
        timed, value = runtime.of(row), of(row)
        if timed is not None and value is not None:
            pairs.append((timed.ms, value))
    tau = order_agreement(pairs)
    return NONE if tau is None else f"{tau:.2f}"


def _laws(runtimes: Sequence[Runtime]) -> Iterator[Block]:
    laws = {runtime.name: law for runtime in (published(), *runtimes) if (law := runtime.law)}
    if not laws.keys() - {published().name}:
        yield Paragraph("A law needs three networks with different MAdds that may be compared.")
        return
    yield Listing(tuple(_predictions({name: law for name, law in laws.items() if name != published().name})))
    families = {row.variant.network: row.family for row in table4.rows()}
    header = ("runtime", "variants", "exponent", "R²", *families.values())
    lines = []
    for name, law in laws.items():
        exponent = f"{law.fit.exponent:.2f} ±{_factor(law.exponent_reach)}"
        off = [NONE if law.off.get(network) is None else f"{law.off[network]:.2f}" for network in families]
        lines.append([name, str(law.fit.variants), exponent, f"{law.fit.power_r2:.2f}", *off])
    yield TableBlock(header, lines)
    madds = [timed.madds_m for runtime in runtimes for timed in runtime.timed]
    yield Paragraph(LAWS.format(least=min(madds), most=max(madds)))


def _predictions(laws: Mapping[str, Law]) -> Iterator[str]:
    """A sentence for each answer to whether multiply-adds predict latency, with the runtimes that give it."""
    for answer, sentence in PREDICTS.items():
        names = [name for name, law in laws.items() if law.predicts == answer]
        if names:
            yield f"{sentence}, with {len(names)} of {counted(len(laws), 'runtime')}: {', '.join(names)}."
