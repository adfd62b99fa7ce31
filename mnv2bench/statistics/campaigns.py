"""The campaigns in a file: records that may be compared with each other."""

from collections.abc import Iterable

import msgspec

from mnv2bench.records import Record


def campaigns(records: Iterable[Record]) -> tuple[tuple[Record, ...], ...]:
    """The records grouped by what must be equal before two of them are compared: machine, plan, seed and weights."""
    groups: dict[bytes, list[Record]] = {}
    for record in records:
        facts = (record.machine, record.plan, record.seed, record.weights.content)
        same = msgspec.json.encode(facts, order="deterministic")
        groups.setdefault(same, []).append(record)
    return tuple(map(tuple, groups.values()))
