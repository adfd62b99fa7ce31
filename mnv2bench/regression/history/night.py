"""One saved file as the rows of one night: text in dictionaries, numbers as they are."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable, load_saved
from mnv2bench.regression.judging.cell_night import cell_night
from mnv2bench.regression.judging.change import HOW_LONG_AND_HOW_OFTEN
from mnv2bench.remote.counts import counted, to_text
from mnv2bench.report.rows import Row, rows
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"(\d+)_(.+)")  # as pytest-benchmark names what it saves
OF_THE_NIGHT: dict[str, type] = {"night": str, "series": str, "saved_at": datetime, "libraries": str, "plan": str}
OF_THE_CELL: dict[str, type] = {"level": float, "process_sd": float, "noisy": float, "drifting": float, "doubt": str}
COUNTED: dict[str, type] = {"counts": str, "facts": str}  # JSON: see remote.counts.to_text
TYPES: dict[Any, type] = {
    float | None: float, str | None: str, tuple[str, ...]: str, int | None: int, bool | None: bool
}  # fmt: skip
COLUMNS: dict[str, type] = {
    **{name: TYPES.get(kind, kind) for name, kind in get_type_hints(Row).items()},
    **OF_THE_NIGHT,
    **OF_THE_CELL,
    **COUNTED,
}


def series(path: Path) -> str | None:
    """The NAME of NNNN_NAME.json, None for a file that pytest-benchmark did not name."""
    found = NAME.fullmatch(path.stem)
    return found[2] if found else None


def schema() -> "pa.Schema":
    """A text is in a dictionary, as most repeat in every night."""
    import pyarrow as pa

    kinds = {
        str: pa.dictionary(pa.int32(), pa.string()),
        int: pa.int64(),
        float: pa.float64(),
        bool: pa.bool_(),
        datetime: pa.timestamp("us", "UTC"),
    }
    return pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])


def table(path: Path, source: str, fingerprint: str) -> "pa.Table":
    """The rows of one saved file. Raises Unusable for a file whose records do not read or are of another machine."""
    import pyarrow as pa

    try:
        saved_at, records = load_saved(path)
        facts = records[0].environment if records else {}
        if facts.get("fingerprint") not in (None, fingerprint):
            other = one_line(str(facts["fingerprint"]))
            raise Unusable(f"{path} is of another machine ({other}): move it to that machine's folder")
        if len({record.case for record in records}) < len(records):
            raise Unusable(f"{path} is damaged (it names a case twice)")
        night = _of_the_night(path, saved_at, records[0]) if records else ()
        found = [_values(record, row, night) for record, row in zip(records, rows(records, source), strict=True)]
        columns = zip(*found, strict=True) if found else ((),) * len(COLUMNS)
        kinds = schema()
        return pa.table([pa.array(c, kind) for c, kind in zip(columns, kinds.types, strict=True)], schema=kinds)
    except Unusable:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise Unusable(f"{path} is damaged ({one_line(f'{type(error).__name__}: {error}')})") from error


def _values(record: Record, row: Row, of_the_night: Sequence[object]) -> tuple[object, ...]:
    """In the order of COLUMNS."""
    cell, executed = cell_night(record), counted(record)
    texts = {"flags": "; ".join(row.flags)}
    return (
        *(texts.get(field.name, getattr(row, field.name)) for field in fields(Row)),
        *of_the_night,
        *((cell.level, cell.process_sd, cell.noisy, cell.drifting, cell.doubt) if cell else (None,) * 4 + ("",)),
        *(to_text(executed) if executed else (None, None)),
    )


def _of_the_night(path: Path, saved_at: datetime, record: Record) -> tuple[object, ...]:
    """The same for every record of a file, as all are of one campaign."""
    libraries = record.environment.get("libraries")
    plan = {name: value for name, value in asdict(record.plan).items() if name not in HOW_LONG_AND_HOW_OFTEN}
    texts = [json.dumps(said, sort_keys=True) for said in (libraries if isinstance(libraries, dict) else {}, plan)]
    return path.stem, series(path), saved_at, *texts
