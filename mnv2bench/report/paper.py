"""The full grid of widths and resolutions: what we count beside what was published."""

from typing import TYPE_CHECKING

from mnv2bench.networks import count
from mnv2bench.paper import official

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED_CLASSES = 1001  # the official checkpoints have a class for the background
FORMATS = {
    "madds": "{:,}",
    "params": "{:,}",
    "params_without_bn": "{:,}",
    "largest_tensor_mb": "{:.2f}",
    "peak_in_out_mb": "{:.2f}",
}


def paper_table() -> "pd.DataFrame":
    """30 rows, the largest network first; `equal` is whether our MAdds, cut off to millions, are the published ones.

    Nothing is published for 1.3 and 1.4 below 224: those rows are "computed only". `params` is for 1000 classes with
    batch norm, `params_without_bn` for 1001 classes, as the published millions of parameters are.
    """
    import pandas as pd

    return pd.DataFrame(_rows()).astype({"published_madds_m": "Int64"})


def paper_markdown() -> str:
    """The rows of `paper_table` as a Markdown table; a dash where nothing is published."""
    rows = _rows()
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(*item) for item in row.items()] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rows() -> list[dict[str, object]]:
    widths = sorted({width for width, _ in official()}, reverse=True)
    resolutions = sorted({resolution for _, resolution in official()}, reverse=True)
    return [_row(width, resolution) for width in widths for resolution in resolutions]


def _row(width: float, resolution: int) -> dict[str, object]:
    counted = count("mobilenet_v2", width, resolution)
    madds_m = counted.madds // 1_000_000
    row = official().get((width, resolution))
    return {
        "variant": f"mobilenet_v2_{width}_{resolution}",
        "width": width,
        "resolution": resolution,
        "madds": counted.madds,
        "madds_m": madds_m,
        "published_madds_m": row.madds_m if row else None,
        "equal": madds_m == row.madds_m if row else "computed only",
        "params": counted.params,
        "params_without_bn": count("mobilenet_v2", width, resolution, PUBLISHED_CLASSES).params_without_bn,
        "published_params_m": row.params_m if row else None,
        "top1": row.top1 if row else None,
        "pixel1_ms": row.latency_ms if row else None,
        "largest_tensor_mb": counted.largest_tensor_bytes / 1e6,
        "peak_in_out_mb": counted.peak_in_out_bytes / 1e6,
    }


def _cell(column: str, value: object) -> str:
    return "-" if value is None else FORMATS.get(column, "{}").format(value)
