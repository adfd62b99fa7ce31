"""The campaigns in a file: records that may be compared with each other."""

import json
from collections.abc import Iterable
from dataclasses import asdict

from mnv2bench.records import Record


def campaigns(records: Iterable[Record]) -> tuple[tuple[Record, ...], ...]:
    """The records grouped by what must be equal before two of them are compared: environment, plan and seed."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        same = [record.environment, asdict(record.plan), record.seed]
        groups.setdefault(json.dumps(same, sort_keys=True, default=str), []).append(record)
    return tuple(map(tuple, groups.values()))
