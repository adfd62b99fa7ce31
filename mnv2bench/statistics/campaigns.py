"""The campaigns in a file: records that may be compared with each other."""

from collections.abc import Iterable

import msgspec

from mnv2bench.records import Record


def campaigns(records: Iterable[Record]) -> tuple[tuple[Record, ...], ...]:
    """The records grouped by what must be equal before two of them are compared: machine, plan, seed and weights."""
    all_records = list(records)
    groups: dict[bytes, list[Record]] = {}
    encoded: dict[tuple[int, ...], bytes] = {}  # by the identities of what the records of a file share
    for record in all_records:
        facts = (record.machine, record.plan, record.seed, record.weights.content)
        identities = tuple(map(id, facts))
        if identities not in encoded:
            encoded[identities] = msgspec.json.encode(facts, order="deterministic")
        groups.setdefault(encoded[identities], []).append(record)
    return tuple(map(tuple, groups.values()))
