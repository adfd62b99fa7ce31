"""The columns that the history keeps of each case in each night, declared once, and the version of that declaration."""

from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Annotated, get_args, get_type_hints

if TYPE_CHECKING:
    import pyarrow as pa

VERSION = 3  # goes up with every change of HistoryRow or of the order: a cache of another version is made anew


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One case in one night: what the gate, `accept` and the history read. Every field has its line of documentation.

    It is no row of a report: percentiles, memory and speed-ups are in the saved file, which `source` names.
    """

    night: Annotated[str, "name of the saved file without its extension: 0012_nightly"]
    series: Annotated[str, "NAME of `--benchmark-save=NAME`: nights of one name are compared with each other"]
    saved_at: Annotated[datetime, "when the file was saved, UTC"]
    source: Annotated[str, "path of the file in the machine's folder"]
    fingerprint: Annotated[str | None, "the machine, as the file names it"]
    commit: Annotated[str | None, "commit of mnv2bench, with + where files differed from it"]
    libraries: Annotated[str, "JSON: versions of the libraries"]
    plan: Annotated[str, "JSON: the plan without what changes no level: the number of processes and the time limit"]
    case: Annotated[str, "id of the case"]
    kind: Annotated[str, "measured here, measured on a device, or counted under emulation"]
    status: Annotated[str, "ok, or how the case ended"]
    reason: Annotated[str, "why it is not ok"]
    flags: Annotated[str, "what to know before believing the numbers, joined by semicolons"]
    processes: Annotated[int, "processes that measured, counted or ran another tool"]
    latency_ms: Annotated[float | None, "headline latency: the median over processes"]
    told_by: Annotated[str | None, "the other tool that reported the result; null for our own"]
    level: Annotated[
        float | None, "natural log of seconds: the statistic that finds changes; null without an ok status"
    ]
    process_sd: Annotated[float | None, "standard deviation of the processes' levels; null for one process"]
    tail: Annotated[
        float | None,
        "natural log of p90 over p50: the statistic that finds longer tails; null where calls are too few",
    ]
    tail_sd: Annotated[float | None, "standard deviation of the processes' tails; null for one process"]
    noisy: Annotated[float | None, "processes that kept under half of their rounds"]
    drifting: Annotated[float | None, "processes that had not settled"]
    doubt: Annotated[str, "why the case's night is in no baseline: noisy, throttled or unsteady; empty where it may be"]
    counts: Annotated[str | None, "JSON: net instructions of each inference, process by process"]
    facts: Annotated[str | None, "JSON: what these counts depend on"]


COLUMNS: tuple[str, ...] = tuple(field.name for field in fields(HistoryRow))


def column_types() -> dict[str, type]:
    """The Python type of each column's values, whether or not they may be missing."""
    return {name: _type_and_line(name)[0] for name in COLUMNS}


def documentation() -> dict[str, str]:
    """The line of documentation of each column."""
    return {name: _type_and_line(name)[1] for name in COLUMNS}


def _type_and_line(name: str) -> tuple[type, str]:
    annotated, line = get_args(_hints()[name])
    types = [kind for kind in get_args(annotated) or (annotated,) if kind is not type(None)]
    return types[0], line


@cache
def _hints() -> dict[str, object]:
    return get_type_hints(HistoryRow, include_extras=True)


@cache
def table_schema() -> "pa.Schema":
    """The columns as Arrow types. A text is in a dictionary, as most repeat in every night."""
    import pyarrow as pa

    arrow_types = {
        str: pa.dictionary(pa.int32(), pa.string()),
        int: pa.int64(),
        float: pa.float64(),
        datetime: pa.timestamp("us", "UTC"),
    }
    return pa.schema([(name, arrow_types[python_type]) for name, python_type in column_types().items()])


def table(rows: "list[HistoryRow]") -> "pa.Table":
    """Rows as an Arrow table, in their order."""
    import pyarrow as pa

    schema = table_schema()
    columns = [pa.array([getattr(row, column.name) for row in rows], column.type) for column in schema]
    return pa.table(columns, schema=schema)
