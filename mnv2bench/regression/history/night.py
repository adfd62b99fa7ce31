"""One saved file as the rows of one night."""

import json
import re
import sys
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from mnv2bench.flags import flags
from mnv2bench.records import Record
from mnv2bench.records.journal import Unusable, load_saved
from mnv2bench.regression.history.schema import HistoryRow, table
from mnv2bench.regression.judging.cell_night import cell_night
from mnv2bench.regression.judging.change import CHANGE_NO_LEVEL
from mnv2bench.remote.counts import counted, to_text
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.rounds import measured
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    import pyarrow as pa

NAME = re.compile(r"(\d+)_(.+)")  # as pytest-benchmark names what it saves


@dataclass(frozen=True)
class NightFacts:
    """What all rows of a night share, as HistoryRow has it."""

    night: str
    series: str
    saved_at: datetime
    source: str
    fingerprint: str | None
    commit: str | None
    libraries: str
    plan: str


def series_name(path: Path) -> str | None:
    """The NAME of NNNN_NAME.json, None for a file that pytest-benchmark did not name."""
    parts = NAME.fullmatch(path.stem)
    return parts[2] if parts else None


def night_number(night: str) -> tuple[bool, int, str]:
    """What nights are ordered by: the number that pytest-benchmark gave the file, whatever a clock said; then the name.

    Nights of a continued history, whose names begin with its fingerprint, come first; a name without a number last.
    """
    is_own = "/" not in night
    parts = NAME.fullmatch(night.rpartition("/")[2])
    return is_own, int(parts[1]) if parts else sys.maxsize, night


def night_table(path: Path, source: str, fingerprint: str) -> "pa.Table":
    """The rows of one saved file. Raises Unusable for a file whose records do not read or are of another machine."""
    try:
        saved_at, records = load_saved(path)
        _require_one_machine(path, records, fingerprint)
        if len({record.case for record in records}) < len(records):
            raise Unusable(f"{path} is damaged (it names a case twice)")
        if not records:
            raise Unusable(f"{path} holds no case: measure that night again, or delete the file")
        facts = _night_facts(path, source, saved_at, records[0])
        return table([history_row(record, facts) for record in records])
    except Unusable:
        raise
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError) as error:
        raise Unusable(f"{path} is damaged ({one_line(f'{type(error).__name__}: {error}')})") from error


def history_row(record: Record, night: NightFacts) -> HistoryRow:
    """What the history keeps of one record."""
    cell, instructions = cell_night(record), counted(record)
    counts, facts = to_text(instructions) if instructions else (None, None)
    processes, external = measured(record), record.external_results
    tools = [process.external_result.tool for process in record.processes if process.external_result]
    return HistoryRow(
        night=night.night,
        series=night.series,
        saved_at=night.saved_at,
        source=night.source,
        fingerprint=night.fingerprint,
        commit=night.commit,
        libraries=night.libraries,
        plan=night.plan,
        case=record.case.id,
        kind=record.case.kind,
        status=record.status,
        reason=record.reason,
        flags="; ".join(flags(record)),
        processes=len(processes) or len(record.counts) or len(external),
        latency_ms=1e3 * median_s(record) if processes else None,
        told_by=tools[0] if tools else None,
        level=cell.level if cell else None,
        process_sd=cell.process_sd if cell else None,
        tail=cell.tail if cell else None,
        tail_sd=cell.tail_sd if cell else None,
        noisy=cell.noisy if cell else None,
        drifting=cell.drifting if cell else None,
        doubt=cell.doubt if cell else "",
        counts=counts,
        facts=facts,
    )


def _require_one_machine(path: Path, records: tuple[Record, ...], fingerprint: str) -> None:
    named = records[0].machine.fingerprint if records else ""
    if named not in ("", fingerprint):
        other = one_line(named)
        raise Unusable(f"{path} is of another machine ({other}): move it to that machine's folder")


def _night_facts(path: Path, source: str, saved_at: datetime, record: Record) -> NightFacts:
    """What all records of a file share, as all are of one campaign."""
    plan = {name: value for name, value in structs.asdict(record.plan).items() if name not in CHANGE_NO_LEVEL}
    return NightFacts(
        night=path.stem,
        series=series_name(path) or "",
        saved_at=saved_at,
        source=source,
        fingerprint=record.machine.fingerprint or None,
        commit=record.machine.commit,
        libraries=json.dumps(record.machine.libraries, sort_keys=True),
        plan=json.dumps(plan, sort_keys=True),
    )
