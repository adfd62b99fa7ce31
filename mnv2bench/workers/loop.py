"""The only timing loop of the project."""

import gc
import statistics
from collections.abc import Callable, Sequence
from itertools import chain, combinations
from typing import Any, NamedTuple

from msgspec import UNSET
from msgspec.structs import replace

from mnv2bench.backends import Session
from mnv2bench.gpu.nvml import Watch
from mnv2bench.records import Plan
from mnv2bench.records.rounds import Round, undisturbed_rounds
from mnv2bench.workers.energy import energy_since
from mnv2bench.workers.gpu_passes import cooled, time_passes
from mnv2bench.workers.noise import Counters, counters, since
from mnv2bench.workers.streams import Streams, alone

STEADY_ROUNDS = 4  # docs/thresholds.md#warm-up
RETRIES = 2  # the rounds that are tried at most, over those of the plan: docs/thresholds.md#rounds


class Calls(NamedTuple):
    """The inferences of one session in a round: their durations, and its clock before the first and after the last."""

    durations_ns: list[int]
    begin_ns: int
    end_ns: int


def _back_to_back(session: Session, seconds: float, cool: Callable[[], None] | None) -> Calls:
    """Inferences for so many seconds, at least one."""
    run, clock_ns = session.run, session.clock_ns
    durations_ns: list[int] = []
    keep = durations_ns.append
    begin = end = clock_ns()
    deadline = begin + int(seconds * 1e9)
    while end < deadline or not durations_ns:
        if cool is not None:
            cool()
        start = clock_ns()
        run()
        end = clock_ns()
        keep(end - start)
    return Calls(durations_ns, begin, end)


def time_round(
    timed: Session | Streams[Any],
    seconds: float,
    read: Callable[[bool], Counters] = counters,
    cool: Callable[[], None] | None = None,
) -> Round:
    """Time back-to-back inferences for so many seconds, at least one, and read what else the machine did.

    Of several streams each times its own inferences; all begin together. `cool` is called before each inference,
    outside its time.
    """
    streams = _streams(timed)

    def calls(session: Session) -> Calls:
        return _back_to_back(session, seconds, cool)

    before = read(True)
    of_streams = streams.at_once(calls)
    after = read(False)
    several = len(of_streams) > 1
    return Round(
        tuple(chain.from_iterable(calls.durations_ns for calls in of_streams)),
        wall_ns=max(calls.end_ns for calls in of_streams) - min(calls.begin_ns for calls in of_streams),
        cpu_ns=after.cpu_ns - before.cpu_ns,
        run_queue_ns=since(before.run_queue_ns, after.run_queue_ns),
        steal_ns=since(before.steal_ns, after.steal_ns),
        throttled_ns=since(before.throttled_ns, after.throttled_ns),
        involuntary_switches=after.involuntary_switches - before.involuntary_switches,
        major_faults=after.major_faults - before.major_faults,
        minor_faults=after.minor_faults - before.minor_faults,
        system_ns=max(0, after.system_ns - before.system_ns),
        cpu_energy_uj=energy_since(before.energy, after.energy),
        stream_calls=tuple(len(calls.durations_ns) for calls in of_streams) if several else UNSET,
    )


def _streams(timed: Session | Streams[Any]) -> Streams[Any]:
    return timed if isinstance(timed, Streams) else alone(timed)


def steady(rounds: Sequence[Round], slope_limit: float) -> bool:
    """Whether the medians of the last four rounds have stopped moving.

    Theil-Sen: the median slope per round is below the limit, or its 95 % interval holds 0. For four points the
    interval reaches from the least pairwise slope to the greatest.
    """
    medians = [statistics.median(r.durations_ns) for r in rounds[-STEADY_ROUNDS:]]
    if len(medians) < STEADY_ROUNDS:
        return False
    slopes = [(b - a) / (j - i) for (i, a), (j, b) in combinations(enumerate(medians), 2)]
    level = statistics.median(medians)
    return min(slopes) <= 0 <= max(slopes) or abs(statistics.median(slopes)) < slope_limit * level


def warm_up(
    timed: Session | Streams[Any], plan: Plan, read: Callable[[bool], Counters] = counters
) -> tuple[Round, ...]:
    """Rounds until there were enough runs and enough time and the medians are steady, or until a cap of the plan.

    Each of several streams must have had enough runs.
    """
    streams = _streams(timed)
    cool = cooled(streams.sessions[0], plan)
    rounds: list[Round] = []
    while True:
        rounds.append(time_round(streams, plan.round_s, read, cool))
        runs = min(sum(map(len, calls)) for calls in zip(*(r.calls_of_streams for r in rounds), strict=True))
        seconds = sum(r.wall_ns for r in rounds) / 1e9
        enough = runs >= plan.warmup_runs and seconds >= plan.warmup_s
        if enough and steady(rounds, plan.steady_slope):
            break
        if runs >= plan.warmup_runs and (seconds >= plan.warmup_cap_s or len(rounds) >= plan.warmup_cap_rounds):
            break
    return tuple(rounds)


def measure(
    timed: Session | Streams[Any],
    plan: Plan,
    threads: int,
    read: Callable[[bool], Counters] = counters,
    watch: Watch | None = None,
    before_round: Callable[[], None] = lambda: None,
) -> tuple[tuple[Round, ...], tuple[Round, ...]]:
    """The warm-up rounds, and rounds until as many as planned ran undisturbed; every round is returned.

    `threads` are those of all streams together. A device that works beside the host has its passes after each round,
    and once at the end of the warm-up.
    `before_round` is called before each round that is no warm-up, when no counter is read and nothing is timed.
    """

    def passes(round: Round) -> Round:
        return replace(round, gpu=time_passes(session, plan, round, read, watch)) if session.queue else round

    streams = _streams(timed)
    session = streams.sessions[0]
    cool = cooled(session, plan)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        *warmup, last = warm_up(streams, plan, read)
        warmup.append(passes(last))
        rounds: list[Round] = []
        while len(undisturbed_rounds(rounds, threads)) < plan.rounds and len(rounds) < RETRIES * plan.rounds:
            before_round()
            rounds.append(passes(time_round(streams, plan.round_s, read, cool)))
    finally:
        gc.enable()
        gc.unfreeze()
    return tuple(warmup), tuple(rounds)
