"""MLPerf's scenarios: how each is named, what its result is, and what it is made of."""

from dataclasses import dataclass
from enum import StrEnum

UNOFFICIAL = "unofficial: not an MLPerf submission, and not verified by MLCommons"


class Scenario(StrEnum):
    """How LoadGen sends its queries; the value is the word of --scenario."""

    SINGLE_STREAM = "single-stream"
    MULTI_STREAM = "multi-stream"
    OFFLINE = "offline"
    SERVER = "server"


@dataclass(frozen=True)
class Facts:
    """What a scenario is: LoadGen's name of it, the key of its result in LoadGen's log, and how the result reads.

    `latencies` is what its percentiles are of: the middle of their keys. `result` is in nanoseconds where it is a
    latency, else in images or queries a second.
    """

    name: str
    result: str
    words: str
    latencies: str = "percentile_latency_ns"
    is_latency: bool = False


FACTS = {
    Scenario.SINGLE_STREAM: Facts(
        "SingleStream", "result_90.00_percentile_latency_ns", "p90 of one image", is_latency=True
    ),
    Scenario.MULTI_STREAM: Facts(
        "MultiStream",
        "result_99.00_percentile_per_query_latency_ns",
        "p99 of eight images",
        latencies="percentile_per_query_latency_ns",
        is_latency=True,
    ),
    Scenario.OFFLINE: Facts("Offline", "result_samples_per_second", "images/s"),
    Scenario.SERVER: Facts("Server", "result_completed_samples_per_sec", "queries/s"),
}


def scenario_of(word: str) -> Scenario:
    """The scenario of a word of --scenario; ValueError for any other word."""
    if word not in tuple(Scenario):
        raise ValueError(f"scenario {word!r} is not one of {', '.join(Scenario)}")
    return Scenario(word)
