"""The tidy table: one row per case of every file, those that did not run included."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from mnv2bench.report.csv import as_csv
from mnv2bench.report.rows import Row, Source, rows
from mnv2bench.statistics.rounds import campaigns

if TYPE_CHECKING:
    import pandas as pd

WHOLE = ("instructions", "trt_level", "sm_mhz_low", "sm_mhz_high")  # numbers that most rows have not


def tidy(sources: Iterable[Source]) -> "pd.DataFrame":
    """The columns are the fields of `rows.Row`; flags are joined by "; ". Speed-ups are within a file's campaign."""
    import pandas as pd

    found = [
        asdict(row) | {"flags": "; ".join(row.flags)}
        for name, records in sources
        for campaign in campaigns(records)
        for row in rows(campaign, name)
    ]
    return pd.DataFrame(found, columns=list(Row.__dataclass_fields__)).astype(dict.fromkeys(WHOLE, "Int64"))


def csv(sources: Iterable[Source]) -> str:
    """The tidy table as CSV: see `as_csv`."""
    return as_csv(tidy(sources))
