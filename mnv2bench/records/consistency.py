"""What the numbers of one process must be to each other. A line that contradicts itself is damaged."""

from collections.abc import Sequence
from itertools import pairwise

from msgspec import UnsetType

from mnv2bench.case import Kind
from mnv2bench.precisions import named
from mnv2bench.records.record import ENDED, STATUSES, Accuracy, Counts, ExternalResult, Memory, Process, Samples
from mnv2bench.records.rounds import GpuRound, Round

# How far two readings of one thing may differ: docs/thresholds.md#damaged-files
CLOCKS = 1.02  # two clocks of one machine, and 0.1 s between two readings
CLOCKS_S = 0.1
LATE = 2.0  # a process is killed some time after its limit
LATE_S = 300.0
MEMORY = 0.9  # memory that was given back between two steps; the kernel's own counter is not exact
MOST_THREADS = 4096  # of any case
CPU_TICKS_NS = 100_000_000
PRINTED, PRINTED_MS = 0.01, 0.01  # digits that a tool did not print


def require_consistent(process: Process) -> None:
    """Raise ValueError for a process whose numbers contradict each other."""
    require_status(process.status, process.reason)
    if process.status not in ENDED:
        if process.samples != Samples() or process.counts or process.external_result:
            raise ValueError(f"a process that ended as {process.status} and has numbers")
        return
    require_consistent_samples(process.samples)
    if process.counts:
        require_consistent_counts(process.counts)
    if process.external_result:
        _require_consistent_result(process.external_result)
    _require_right_kind(process)
    if process.status == "ok":
        _require_right_outputs(process)
    _require_time_enough(process)


def require_status(status: str, reason: str) -> None:
    """Raise ValueError for a status that does not exist, and where it and the reason contradict each other."""
    if status not in STATUSES:
        raise ValueError(f"status {status!r} is not one of {', '.join(STATUSES)}")
    if status == "ok" and reason:
        raise ValueError(f"it is ok and has a reason: {reason}")
    if status != "ok" and not reason:
        raise ValueError(f"it is {status} without a reason")


def require_consistent_accuracy(accuracy: Accuracy) -> None:
    """Raise ValueError for an accuracy whose numbers contradict each other."""
    require_status(accuracy.status, accuracy.reason)
    counted = (accuracy.labelled, accuracy.right, accuracy.agreeing, accuracy.reference_right)
    if accuracy.status != "ok":
        if accuracy.images or any(counted):
            raise ValueError(f"an accuracy that ended as {accuracy.status} and has numbers")
        return
    if not 0 < accuracy.images <= accuracy.labelled:
        raise ValueError(f"an accuracy on {accuracy.images} of {accuracy.labelled} images")
    if max(counted[1:]) > accuracy.images:
        raise ValueError(f"an accuracy with more right or agreeing images than {accuracy.images}")
    if abs(accuracy.right - accuracy.reference_right) > accuracy.images - accuracy.agreeing:
        raise ValueError("an accuracy that differs from eager fp32's by more images than do not agree")


def require_in_time(process: Process, timeout_s: float) -> None:
    """Raise ValueError for a process that ran on for long after it should have been killed."""
    seconds = max(process.wall_s, _seconds(process.samples))
    if process.status in ENDED and seconds > LATE * timeout_s + LATE_S:
        raise ValueError(f"a process of {seconds:g} s, which was to end after {timeout_s:g} s")


def require_cores(rounds: Sequence[Round], cores: int) -> None:
    """Raise ValueError for rounds that used more CPU time than so many cores have."""
    for round in rounds:
        if round.cpu_ns > 4 * cores * round.wall_ns + cores * CPU_TICKS_NS:
            raise ValueError(f"a round with {round.cpu_ns} ns of CPU time in {round.wall_ns} ns on {cores} cores")


def _require_right_kind(process: Process) -> None:
    """Each kind of case has its own numbers and none of another kind."""
    samples, kind = process.samples, process.case.kind
    other = process.counts or process.external_result
    timed = samples.warmup or samples.rounds
    if process.counts and process.external_result:
        raise ValueError("counts and the result of another tool in one process")
    if process.counts and kind != Kind.COUNTED:
        raise ValueError(f"counts of a process that is {kind}")
    if timed and (other or kind == Kind.COUNTED):
        raise ValueError("rounds of a process that was not timed")
    if process.status == "ok" and not samples.rounds and not other:
        raise ValueError("it is ok without rounds")
    on_gpu = process.case.gpu is not None
    if on_gpu and any(round.gpu is None for round in samples.rounds):
        raise ValueError("a round on a GPU without the GPU's own times")
    rounds = (*samples.warmup, *samples.rounds)
    if any(round.streams != process.case.streams for round in rounds):
        raise ValueError(f"a round with the calls of another number of streams than {process.case.streams}")
    if not on_gpu and (samples.gpu or any(round.gpu for round in rounds)):
        raise ValueError("times of a GPU in a case that ran on none")


def _require_right_outputs(process: Process) -> None:
    """What is ok has an error within the limits of its precision."""
    measured = process.counts or process.samples
    limits = named(process.case.precision)
    if measured.error is not None and measured.error > limits.largest_error:
        raise ValueError(
            f"it is ok with an error of {measured.error:g}, where {limits.name} may have {limits.largest_error:g}"
        )


def require_consistent_samples(samples: Samples) -> None:
    """Raise ValueError for samples that contradict themselves."""
    for round in (*samples.warmup, *samples.rounds):
        require_consistent_round(round)
    if samples.memory:
        _require_growing(samples.memory)
    if samples.cold and samples.cold_open_s is None:
        raise ValueError("it opened cold, and cold_open_s does not say how long that took")
    if samples.cold and samples.cold_open_s != samples.open_s:
        raise ValueError("it opened cold, and cold_open_s is not its open_s")


def require_consistent_round(round: Round) -> None:
    """Raise ValueError for a round that contradicts itself."""
    if not isinstance(round.stream_calls, UnsetType) and sum(round.stream_calls) != len(round.durations_ns):
        raise ValueError("a round with another number of calls than its streams have")
    if any(round.wall_ns < sum(calls) for calls in round.calls_of_streams):
        raise ValueError("a round longer than its wall time")
    if round.system_ns is not None and round.system_ns > round.cpu_ns + CPU_TICKS_NS:
        raise ValueError("a round in which the kernel worked longer than all of the CPU time")
    _require_possible_waits(round)
    if round.gpu:
        _require_consistent_passes(round.gpu)


def _require_possible_waits(timed: Round | GpuRound) -> None:
    limit = MOST_THREADS * timed.wall_ns + CPU_TICKS_NS
    cpu_ns = timed.cpu_ns if isinstance(timed, Round) else 0
    if max(cpu_ns, timed.run_queue_ns or 0, timed.steal_ns or 0, timed.throttled_ns or 0) <= limit:
        return
    for name in ("cpu_ns", "run_queue_ns", "steal_ns", "throttled_ns"):
        if (getattr(timed, name, None) or 0) > limit:
            raise ValueError(f"{name} is more than a round of {timed.wall_ns} ns can have")


def _require_consistent_passes(passes: GpuRound) -> None:
    if passes.wall_ns < passes.in_flight_ns + sum(passes.enqueue_ns) + sum(passes.end_to_end_ns):
        raise ValueError("passes longer than their wall time")
    _require_possible_waits(passes)


def possible_memory(memory: Memory | None) -> Memory | None:
    """The memory of a process, None where it contradicts itself: under pressure, pages are taken from a process."""
    try:
        if memory:
            _require_growing(memory)
    except ValueError:
        return None
    return memory


def _require_growing(memory: Memory) -> None:
    """Memory grows from step to step, but for what a runtime gives back meanwhile."""
    names = [name for name in ("interpreter", "floor", "loaded", "first", "peak") if getattr(memory, name) is not None]
    for name in names:
        if getattr(memory, name) * MEMORY > memory.peak:
            raise ValueError(f"memory.{name} is more than memory.peak")
    for before, after in pairwise(names):
        if getattr(memory, before) * MEMORY > getattr(memory, after):
            raise ValueError(f"memory.{before} is more than memory.{after}")


def require_consistent_counts(counts: Counts) -> None:
    """Raise ValueError for inferences that executed no more instructions than the marks around them."""
    if min(counts.instructions) <= counts.empty:
        raise ValueError("an inference with no more instructions than its marks")
    for name, number in counts.classes.items():
        if number > counts.instructions[-1]:
            raise ValueError(f"more instructions of the class {name} than of all")


def _require_consistent_result(result: ExternalResult) -> None:
    """The numbers of one measurement are in their order, but for the digits that the tool did not print."""
    slack = max(PRINTED_MS, PRINTED * result.max_ms)
    between = [result.mean_ms, *result.durations_ms, *([] if result.median_ms is None else [result.median_ms])]
    if any(not result.min_ms - slack <= number <= result.max_ms + slack for number in between):
        raise ValueError("a result of another tool that is not between its least and its largest")
    if result.durations_ms and len(result.durations_ms) != result.count:
        raise ValueError(f"{len(result.durations_ms)} durations of {result.count} runs")


def _require_time_enough(process: Process) -> None:
    """What happened one after the other in a process of this machine took no longer than the process."""
    seconds = _seconds(process.samples)
    if process.case.kind == Kind.MEASURED_HERE and seconds > CLOCKS * process.wall_s + CLOCKS_S:
        raise ValueError(f"a process of {process.wall_s:g} s that measured for {seconds:g} s")


def _seconds(samples: Samples) -> float:
    """The seconds of everything that a process timed, which came one after the other."""
    seconds = sum(filter(None, (samples.import_s, samples.open_s, samples.first_s)))
    rounds = (*samples.warmup, *samples.rounds)
    return seconds + sum(round.wall_ns + (round.gpu.wall_ns if round.gpu else 0) for round in rounds) / 1e9
