"""The full grid of a network's widths and resolutions: what we count beside what was published."""

from typing import TYPE_CHECKING

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.files import Sort
from mnv2bench.networks import DEFAULT, count

if TYPE_CHECKING:
    import pandas as pd

FORMATS = {
    "madds": "{:,}",
    "params": "{:,}",
    "params_as_published": "{:,}",
    "largest_tensor_mb": "{:.2f}",
    "peak_in_out_mb": "{:.2f}",
}
HEADINGS = {
    "variant": "variant",
    "madds": "MAdds",
    "madds_m": "MAdds M",
    "published_madds_m": "published M",
    "equal": "equal",
    "params": "params",
    "params_as_published": "params as published",
    "published_params_m": "published params M",
    "top1": "top-1 %",
    "pixel1_ms": "Pixel 1 ms",
    "largest_tensor_mb": "largest tensor MB",
    "peak_in_out_mb": "in + out MB",
}
WORDS = {"True": "yes", "False": "no"}
SPARE = ("MAdds", "params", "params as published", "published params M", "largest tensor MB", "in + out MB")
TITLE = "Our counts beside the published numbers"
PAGE = Sort("paper page")


def paper_table(network: str = DEFAULT) -> "pd.DataFrame":
    """A row for each variant, the largest first; `equal` is whether our MAdds in millions are the published ones.

    `madds_m` is cut off or rounded as the published numbers of the network are. Where those are not what the network
    has, and that is known, `equal` is "misprint". A variant of which nothing is published is "computed only", as 1.3
    and 1.4 below 224 of mobilenet_v2 are. `params` is for 1000 classes with batch norm, `params_as_published` by the
    rule of the published parameters. ValueError for a network of which nothing is published.
    """
    import pandas as pd

    return pd.DataFrame(_rows(network)).astype({"published_madds_m": "Int64"})


def paper_markdown(network: str = DEFAULT) -> str:
    """The rows of `paper_table` as a Markdown table; a dash where nothing is published."""
    rows = _rows(network)
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(*item) for item in row.items()] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def paper_lines(network: str = DEFAULT) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """The rows of `paper_table` as texts, under the headings that a terminal shows."""
    rows = _rows(network)
    lines = [tuple(WORDS.get(cell := _cell(name, row[name]), cell) for name in HEADINGS) for row in rows]
    return tuple(HEADINGS.values()), lines


def _rows(network: str) -> list[dict[str, object]]:
    declared = networks.network(network)
    if not declared.published():
        published = [name for name in networks.names() if networks.network(name).published()]
        raise ValueError(f"nothing is published of {network}; choose one of {', '.join(published)}")
    widths = sorted(declared.widths, reverse=True)
    resolutions = sorted(declared.resolutions, reverse=True)
    return [_row(network, width, resolution) for width in widths for resolution in resolutions]


def _row(network: str, width: float, resolution: networks.Resolution) -> dict[str, object]:
    counted = count(network, width, resolution)
    counting = networks.network(network).counting
    as_published = counting.params(count(network, width, resolution, counting.classes))
    row = networks.published(network, width, resolution)
    return {
        "variant": Case(network, width, resolution).variant,
        "width": width,
        "resolution": resolution,
        "madds": counted.madds,
        "madds_m": counting.millions(counted.madds),
        "published_madds_m": row.madds_m if row else None,
        "equal": _equality(network, width, resolution),
        "params": counted.params,
        "params_as_published": as_published,
        "published_params_m": row.params_m if row else None,
        "top1": row.top1 if row else None,
        "pixel1_ms": row.latency_ms if row else None,
        "largest_tensor_mb": counted.largest_tensor_bytes / 1e6,
        "peak_in_out_mb": counted.peak_in_out_bytes / 1e6,
    }


def _equality(network: str, width: float, resolution: networks.Resolution) -> bool | str:
    """Whether our multiply-adds are the published ones; in words where there are none, or a known misprint."""
    row, counting = networks.published(network, width, resolution), networks.network(network).counting
    if row is None:
        return "computed only"
    if (width, resolution) in counting.misprints:
        return "misprint"
    return counting.millions(count(network, width, resolution).madds) == row.madds_m


def rules(network: str) -> str:
    """How the published numbers of a network are counted, in words."""
    counting = networks.network(network).counting
    norms = f"{counting.norm_vectors} numbers" if counting.norm_vectors else "nothing"
    text = (
        f"MAdds M: millions, {'rounded' if counting.rounds else 'cut off'} as the published ones are. Params as "
        f"published: {counting.classes} classes, with {norms} for each channel of a batch norm"
        f"{'' if counting.classifier_bias else ', without the bias of the classifier'}."
    )
    return f"{text} Misprint: a published number that the network does not have." if counting.misprints else text


def _cell(column: str, value: object) -> str:
    return "-" if value is None else FORMATS.get(column, "{}").format(value)
