"""Passes: the calls of a round, repeated for each clock of a device that works beside the host."""

import statistics
from collections.abc import Callable

from mnv2bench.backends import Queue, Session
from mnv2bench.gpu.nvml import Watch
from mnv2bench.records import Plan
from mnv2bench.records.rounds import GpuRound, GpuState, Round
from mnv2bench.workers.noise import Counters, since

MAX_CALLS = 256  # of a pass that keeps the time of each call

Clock = Callable[[], int]
Cool = Callable[[], None]


def cooled(session: Session, plan: Plan) -> Cool | None:
    """A function that empties the L2 cache and waits until it is empty; None where the plan or the device has none."""
    queue = session.queue
    if queue is None or not plan.cold_l2:
        return None

    def cool() -> None:
        queue.cool_l2()
        queue.synchronize()

    return cool


def time_passes(
    session: Session, plan: Plan, round: Round, read: Callable[[bool], Counters], watch: Watch | None = None
) -> GpuRound:
    """Run all passes, each with about as many calls as fit in the time of a round.

    The pass that measures energy comes last, after one that keeps the device as busy: the energy counter moves in
    steps, and its first step is of the time before.
    """
    queue, clock_ns = session.queue, session.clock_ns
    if queue is None:
        raise ValueError("a session without a queue has no passes")
    cool = cooled(session, plan)
    calls = max(1, int(plan.round_s * 1e9 / statistics.median(round.durations_ns)))
    few, many = min(calls, MAX_CALLS), max(calls, plan.in_flight)
    before, begin = read(True), clock_ns()
    enqueue_ns = enqueue(queue, clock_ns, few)
    end_to_end_ns = end_to_end(queue, clock_ns, few, cool)
    gpu_ns = events(queue, few, plan.cold_l2)
    in_flight_ns, energy_mj = in_flight(queue, clock_ns, many, plan.in_flight, watch)
    end, after = clock_ns(), read(False)
    return GpuRound(
        gpu_ns,
        enqueue_ns,
        end_to_end_ns,
        in_flight_calls=many,
        in_flight_ns=in_flight_ns,
        energy_mj=energy_mj,
        wall_ns=end - begin,
        run_queue_ns=since(before.run_queue_ns, after.run_queue_ns),
        steal_ns=since(before.steal_ns, after.steal_ns),
        throttled_ns=since(before.throttled_ns, after.throttled_ns),
        state=busy_state(queue, plan.in_flight, watch) if watch else None,
    )


def enqueue(queue: Queue, clock_ns: Clock, calls: int) -> tuple[int, ...]:
    """Host time until each call returned, on an empty queue: no call waits for a place in it."""
    durations_ns = []
    for _ in range(calls):
        queue.synchronize()
        start = clock_ns()
        queue.enqueue()
        durations_ns.append(clock_ns() - start)
    queue.synchronize()
    return tuple(durations_ns)


def end_to_end(queue: Queue, clock_ns: Clock, calls: int, cool: Cool | None) -> tuple[int, ...]:
    """Host time of each call from images in pinned host memory to logits in pinned host memory, call after call."""
    durations_ns = []
    queue.synchronize()
    for _ in range(calls):
        if cool:
            cool()
        start = clock_ns()
        queue.copy_in()
        queue.enqueue()
        queue.copy_out()
        queue.synchronize()
        durations_ns.append(clock_ns() - start)
    return tuple(durations_ns)


def events(queue: Queue, calls: int, cold_l2: bool = False) -> tuple[int, ...]:
    """Device time between a mark before and a mark after each call; all calls are queued, and read afterwards.

    Where the host cannot keep the queue filled, the time in which the device waits for it is part of the call. The L2
    cache is emptied in the queue too, before the first mark: a host that waited for it would leave the queue empty.
    """
    marks = [(queue.mark(), queue.mark()) for _ in range(calls)]
    queue.synchronize()
    queue.enqueue()  # a call without marks: the first one of an empty queue would be timed with the host's enqueue
    for first, last in marks:
        if cold_l2:
            queue.cool_l2()
        first.record()
        queue.enqueue()
        last.record()
    queue.synchronize()
    return tuple(last.ns_since(first) for first, last in marks)


def in_flight(queue: Queue, clock_ns: Clock, calls: int, depth: int, watch: Watch | None) -> tuple[int, int | None]:
    """Host time of all calls together, at most `depth` of them in flight, and the energy in millijoules."""
    marks = [queue.mark() for _ in range(depth)]
    queue.synchronize()
    energy_mj = watch.energy_mj() if watch else None
    begin = clock_ns()
    for call in range(calls):
        mark = marks[call % depth]
        mark.wait()
        queue.enqueue()
        mark.record()
    queue.synchronize()
    in_flight_ns = clock_ns() - begin
    return in_flight_ns, since(energy_mj, watch.energy_mj() if watch else None)


def busy_state(queue: Queue, depth: int, watch: Watch) -> GpuState:
    """NVML's state of the GPU while calls are in flight; these calls are not timed."""
    for _ in range(depth):
        queue.enqueue()
    state = watch.state()
    queue.synchronize()
    return state
