"""The rounds of a case in the order of time: how long the tail of each was, and where it was long."""

from dataclasses import dataclass

from mnv2bench.records import ENDED, Record
from mnv2bench.statistics.latency import quantile
from mnv2bench.statistics.rounds import used_rounds


@dataclass(frozen=True, slots=True)
class RoundTail:
    """The calls of one round, seconds: its own p50, p90 and p99, which are no bounds, and its slowest call.

    `process` counts from 1, in the order in which processes ran. `is_used`: whether the round counts in the numbers of
    its case; another program disturbed it where it does not.
    """

    process: int
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    is_used: bool


def round_tails(record: Record) -> tuple[RoundTail, ...]:
    """Every round of every process that came to its rounds, in the order of time. ValueError where there is none."""
    measured = [p for p in record.processes if p.status in ENDED and p.samples.rounds]
    if not measured:
        raise ValueError(f"{record.case.id} was not measured ({record.status}): there is no round to show")
    tails: list[RoundTail] = []
    for number, process in enumerate(sorted(measured, key=lambda process: process.position), 1):
        used = {id(kept) for kept in used_rounds(process.samples, record.case.total_threads)}
        for ran in process.samples.rounds:
            calls = sorted(ran.durations_ns)
            p50, p90, p99 = (quantile(calls, part) / 1e9 for part in (0.50, 0.90, 0.99))
            tails.append(RoundTail(number, p50, p90, p99, calls[-1] / 1e9, id(ran) in used))
    return tuple(tails)
