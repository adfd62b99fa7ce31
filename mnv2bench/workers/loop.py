"""The only timing loop of the project."""

import gc
import statistics
from collections.abc import Callable, Sequence
from itertools import combinations

from msgspec.structs import replace

from mnv2bench.backends import Session
from mnv2bench.gpu.nvml import Watch
from mnv2bench.records import Plan
from mnv2bench.records.rounds import Round, undisturbed_rounds
from mnv2bench.workers.energy import energy_since
from mnv2bench.workers.gpu_passes import cooled, time_passes
from mnv2bench.workers.noise import Counters, counters, since

STEADY_ROUNDS = 4  # docs/thresholds.md#warm-up
RETRIES = 2  # the rounds that are tried at most, over those of the plan: docs/thresholds.md#rounds


def time_round(
    session: Session,
    seconds: float,
    read: Callable[[bool], Counters] = counters,
    cool: Callable[[], None] | None = None,
) -> Round:
    """Time back-to-back inferences for so many seconds, at least one, and read what else the machine did.

    `cool` is called before each inference, outside its time.
    """
    run, clock_ns = session.run, session.clock_ns
    durations_ns: list[int] = []
    keep = durations_ns.append
    before = read(True)
    begin = end = clock_ns()
    deadline = begin + int(seconds * 1e9)
    while end < deadline or not durations_ns:
        if cool is not None:
            cool()
        start = clock_ns()
        run()
        end = clock_ns()
        keep(end - start)
    after = read(False)
    return Round(
        tuple(durations_ns),
        wall_ns=end - begin,
        cpu_ns=after.cpu_ns - before.cpu_ns,
        run_queue_ns=since(before.run_queue_ns, after.run_queue_ns),
        steal_ns=since(before.steal_ns, after.steal_ns),
        throttled_ns=since(before.throttled_ns, after.throttled_ns),
        involuntary_switches=after.involuntary_switches - before.involuntary_switches,
        major_faults=after.major_faults - before.major_faults,
        minor_faults=after.minor_faults - before.minor_faults,
        system_ns=max(0, after.system_ns - before.system_ns),
        cpu_energy_uj=energy_since(before.energy, after.energy),
    )


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


def warm_up(session: Session, plan: Plan, read: Callable[[bool], Counters] = counters) -> tuple[Round, ...]:
    """Rounds until there were enough runs and enough time and the medians are steady, or until a cap of the plan."""
    cool = cooled(session, plan)
    rounds: list[Round] = []
    while True:
        rounds.append(time_round(session, plan.round_s, read, cool))
        runs = sum(len(r.durations_ns) for r in rounds)
        seconds = sum(r.wall_ns for r in rounds) / 1e9
        enough = runs >= plan.warmup_runs and seconds >= plan.warmup_s
        if enough and steady(rounds, plan.steady_slope):
            break
        if runs >= plan.warmup_runs and (seconds >= plan.warmup_cap_s or len(rounds) >= plan.warmup_cap_rounds):
            break
    return tuple(rounds)


def measure(
    session: Session,
    plan: Plan,
    threads: int,
    read: Callable[[bool], Counters] = counters,
    watch: Watch | None = None,
    before_round: Callable[[], None] = lambda: None,
) -> tuple[tuple[Round, ...], tuple[Round, ...]]:
    """The warm-up rounds, and rounds until as many as planned ran undisturbed; every round is returned.

    A device that works beside the host has its passes after each round, and once at the end of the warm-up.
    `before_round` is called before each round that is no warm-up, when no counter is read and nothing is timed.
    """

    def passes(round: Round) -> Round:
        return replace(round, gpu=time_passes(session, plan, round, read, watch)) if session.queue else round

    cool = cooled(session, plan)
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        *warmup, last = warm_up(session, plan, read)
        warmup.append(passes(last))
        rounds: list[Round] = []
        while len(undisturbed_rounds(rounds, threads)) < plan.rounds and len(rounds) < RETRIES * plan.rounds:
            before_round()
            rounds.append(passes(time_round(session, plan.round_s, read, cool)))
    finally:
        gc.enable()
        gc.unfreeze()
    return tuple(warmup), tuple(rounds)
