"""LoadGen's log files, read strictly: what cannot be read is an error, and never a number."""

from pathlib import Path
from typing import Any

import msgspec

from mnv2bench.loadgen.records import INVALID, VALID, Latencies, Verdict
from mnv2bench.loadgen.scenarios import FACTS, Scenario
from mnv2bench.texts import one_line

SUMMARY, DETAIL, ACCURACY = "mlperf_log_summary.txt", "mlperf_log_detail.txt", "mlperf_log_accuracy.json"
TRACE = "mlperf_log_trace.json"  # empty: traces are off, because writing them takes the time of queries
LOG_FILES = (SUMMARY, DETAIL, ACCURACY, TRACE)
MARK = ":::MLLOG "
CONSTRAINTS = {  # key of LoadGen's log: what it means that it is false
    "result_perf_constraints_met": "p99 is above the latency bound",
    "result_min_duration_met": "the run is shorter than --min-duration",
    "result_min_queries_met": "there are fewer queries than --min-queries",
    "early_stopping_met": "there are too few queries for a percentile at 99 % confidence",
}
OF_SERVERS = ("result_perf_constraints_met",)


class Line(msgspec.Struct, frozen=True):
    """A line of the detailed log; it has other fields too."""

    key: str
    value: Any


class Answer(msgspec.Struct, frozen=True):
    """An answer that LoadGen logged: which image of the library, and the bytes of its logits as hexadecimal digits."""

    qsl_idx: int
    data: str


def verdict(folder: Path, scenario: Scenario) -> Verdict:
    """What LoadGen says of the run whose logs lie in this folder. ValueError, in one line, where they do not say it."""
    entries = _entries(folder / DETAIL)
    facts = FACTS[scenario]
    _require_agreement(_text(entries, "result_validity"), folder / SUMMARY, facts.name)
    percentiles = {
        name: _whole(entries, f"result_{percent}_{facts.latencies}")
        for name, percent in (("p50", "50.00"), ("p90", "90.00"), ("p99", "99.00"), ("p999", "99.90"))
    }
    word = "query_latency_ns" if "query" in facts.latencies else "latency_ns"
    ends = {name: _whole(entries, f"result_{name}_{word}") for name in ("min", "mean", "max")}
    return Verdict(
        validity=_text(entries, "result_validity"),
        reasons=_reasons(entries, scenario),
        value=_number(entries, facts.result),
        latencies=Latencies(**ends, **percentiles),
        queries=_whole(entries, "result_query_count"),
        images=_whole(entries, "result_query_count") * _whole(entries, "effective_samples_per_query"),
        late=_whole(entries, "result_overlatency_query_count") if scenario == Scenario.SERVER else None,
        early_stopping_ns=_early_stopping_ns(entries, scenario),
        version=_text(entries, "loadgen_version"),
    )


def answers(folder: Path) -> tuple[Answer, ...]:
    """The answers that LoadGen logged of its run. ValueError, in one line, where its file cannot be read."""
    path = folder / ACCURACY
    try:
        return tuple(msgspec.json.decode(path.read_bytes(), type=list[Answer]))
    except (OSError, msgspec.DecodeError) as error:
        raise _unreadable(path, str(error)) from error


def _entries(path: Path) -> dict[str, list[Any]]:
    """The values of the detailed log by key, in the order of their lines."""
    entries: dict[str, list[Any]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        for text in lines:
            if not text.startswith(MARK):
                raise _unreadable(path, f"a line does not begin with {MARK.strip()}")
            line = msgspec.json.decode(text.removeprefix(MARK), type=Line)
            entries.setdefault(line.key, []).append(line.value)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        raise _unreadable(path, str(error)) from error
    return entries


def _require_agreement(validity: str, summary: Path, scenario: str) -> None:
    """ValueError where the summary, which people read, says another verdict or scenario than the detailed log."""
    try:
        lines = summary.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(summary, str(error)) from error
    if validity not in (VALID, INVALID) or f"Result is : {validity}" not in lines:
        raise _unreadable(summary, f"it does not say {one_line(validity)}, as {DETAIL} does")
    if f"Scenario : {scenario}" not in lines:
        raise _unreadable(summary, f"it is not of the scenario {scenario}")


def _reasons(entries: dict[str, list[Any]], scenario: Scenario) -> tuple[str, ...]:
    """Why a run is INVALID; none of a VALID one. ValueError where the verdict has no reason, or one in spite of it."""
    keys = [key for key in CONSTRAINTS if scenario == Scenario.SERVER or key not in OF_SERVERS]
    reasons = [CONSTRAINTS[key] for key in keys if not _flag(entries, key)]
    errors = _whole(entries, "num_errors")
    if errors:
        reasons.append(f"LoadGen logged {errors} errors: read {DETAIL}")
    if bool(reasons) != (_text(entries, "result_validity") == INVALID):
        raise ValueError(f"LoadGen's {DETAIL} contradicts itself: its verdict and its constraints differ")
    return tuple(reasons)


def _early_stopping_ns(entries: dict[str, list[Any]], scenario: Scenario) -> int | None:
    """The bound of the scenario's percentile at 99 % confidence; None where the queries are too few for it."""
    keys = {
        Scenario.SINGLE_STREAM: "early_stopping_latency_ss",
        Scenario.MULTI_STREAM: "early_stopping_latency_ms",
    }
    key = keys.get(scenario)
    return _whole(entries, key) or None if key and key in entries else None


def _single(entries: dict[str, list[Any]], key: str) -> Any:
    values = entries.get(key, [])
    if len(values) != 1:
        raise ValueError(f"LoadGen's {DETAIL} has {len(values)} lines of {key}, not 1: run it again")
    return values[0]


def _text(entries: dict[str, list[Any]], key: str) -> str:
    value = _single(entries, key)
    if not isinstance(value, str):
        raise _no_value(key, value)
    return one_line(value)


def _flag(entries: dict[str, list[Any]], key: str) -> bool:
    value = _single(entries, key)
    if not isinstance(value, bool):
        raise _no_value(key, value)
    return value


def _number(entries: dict[str, list[Any]], key: str) -> float:
    value = _single(entries, key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _no_value(key, value)
    return float(value)


def _whole(entries: dict[str, list[Any]], key: str) -> int:
    value = _single(entries, key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise _no_value(key, value)
    return value


def _no_value(key: str, value: object) -> ValueError:
    return ValueError(f"LoadGen's {DETAIL} gives {one_line(repr(value))} as {key}: run it again")


def _unreadable(path: Path, why: str) -> ValueError:
    return ValueError(one_line(f"LoadGen's {path.name} cannot be read ({why}): run it again"))
