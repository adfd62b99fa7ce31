"""The tidy table: one row per case of every file, those that did not run included."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from mnv2bench import analysis
from mnv2bench.report.cells import plain
from mnv2bench.report.rows import Row, Source, rows

if TYPE_CHECKING:
    import pandas as pd

FORMULA_STARTS = ("=", "+", "-", "@")
WHOLE = ("instructions", "trt_level", "sm_mhz_low", "sm_mhz_high")  # numbers that most rows have not


def tidy(sources: Iterable[Source]) -> "pd.DataFrame":
    """The columns are the fields of `rows.Row`; flags are joined by "; ". Speed-ups are within a file's campaign."""
    import pandas as pd

    found = [
        asdict(row) | {"flags": "; ".join(row.flags)}
        for name, records in sources
        for campaign in analysis.campaigns(records)
        for row in rows(campaign, name)
    ]
    return pd.DataFrame(found, columns=list(Row.__dataclass_fields__)).astype(dict.fromkeys(WHOLE, "Int64"))


def csv(sources: Iterable[Source]) -> str:
    """The tidy table as CSV: see `as_csv`."""
    return as_csv(tidy(sources))


def as_csv(frame: "pd.DataFrame") -> str:
    """A frame as CSV, an empty cell where there is no number.

    Reasons come from other programs, and a file may come from anyone: a text is put on one line, and one that a
    spreadsheet would compute as a formula gets an apostrophe in front.
    """
    from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

    texts = [name for name in frame if not is_numeric_dtype(frame[name]) and not is_datetime64_any_dtype(frame[name])]
    inert = frame.assign(**{str(name): frame[name].astype(object).map(_inert) for name in texts})
    written: str = inert.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return written


def _inert(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    text = plain(cell)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text
