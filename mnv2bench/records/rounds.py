"""Round: back-to-back inferences, the same calls by the clocks of a GPU, and which rounds nothing disturbed."""

import statistics
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from mnv2bench.records.ranges import MAX_ENTRIES, Durations, Integer, Positive, Text, Whole

MAX_STEAL = 0.01
MAX_RUN_QUEUE = 0.01
MIN_CPU_ONE_THREAD = 0.97
MIN_CPU_OF_USUAL = 0.95
# What NVML calls clocks event reasons, without those that say nothing of noise: an idle GPU, or clocks that were set
SHARED = "shared gpu"
SLOWED = ("sw power cap", "hw slowdown", "sw thermal slowdown", "hw thermal slowdown", "hw power brake")


class GpuState(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The state of a GPU at one moment, from NVML; None where NVML does not know it or may not say.

    `reasons` are why its clocks are not higher; `others` is how many other processes hold memory on it.
    """

    sm_mhz: Whole | None = None
    memory_mhz: Whole | None = None
    temperature_c: Integer | None = None
    reasons: Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)] | None = None
    others: Whole | None = None

    @property
    def noise(self) -> tuple[str, ...]:
        """Why a number taken now is not the GPU's own: it slowed itself down, or somebody else is on it."""
        return (*(r for r in self.reasons or () if r in SLOWED), *((SHARED,) if self.others else ()))


class GpuRound(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The calls of a round once more, by the clocks that a GPU adds. Integer nanoseconds; raw, in order.

    `gpu_ns` by its own events around each call, with the calls queued; `enqueue_ns` by the host until the call
    returned, each on an empty queue; `end_to_end_ns` by the host, inputs copied in and logits copied out included;
    `in_flight_ns` is the time of `in_flight_calls` calls with `Plan.in_flight` of them in flight, and `energy_mj` what
    the GPU's energy counter moved meanwhile. `wall_ns` and what follows it are of all four passes; `state` was read
    while work was in flight.
    """

    gpu_ns: Durations
    enqueue_ns: Durations
    end_to_end_ns: Durations
    in_flight_calls: Positive
    in_flight_ns: Positive
    energy_mj: Whole | None = None
    wall_ns: Whole = 0
    run_queue_ns: Whole | None = None
    steal_ns: Whole | None = None
    throttled_ns: Whole | None = None
    state: GpuState | None = None


class Round(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """About 150 ms of back-to-back inferences and what else the machine did meanwhile. Integer nanoseconds.

    `cpu_ns` is user and system time, `system_ns` the part of it that the kernel worked. `minor_faults` are pages that
    the kernel gave the process; both are None before schema 5. `cpu_energy_uj` are the microjoules of all packages of
    the processor, of whatever ran on them; None where they cannot be read.

    On a GPU `durations_ns` are still the host's: the call, until its result is complete. `gpu` is what else there is.
    Of several streams `durations_ns` are the calls of the first one, then those of the second, and so on;
    `stream_calls` is how many calls each had, and the wall time begins with the first call of all and ends with the
    last one.
    """

    durations_ns: Durations
    wall_ns: Whole
    cpu_ns: Whole
    run_queue_ns: Whole | None = None
    steal_ns: Whole | None = None
    throttled_ns: Whole | None = None
    involuntary_switches: Whole = 0
    major_faults: Whole = 0
    minor_faults: Whole | None = None
    system_ns: Whole | None = None
    cpu_energy_uj: Whole | None = None
    gpu: GpuRound | None = None
    stream_calls: Annotated[tuple[Positive, ...], Meta(min_length=2, max_length=MAX_ENTRIES)] | UnsetType = UNSET

    @property
    def streams(self) -> int:
        """How many streams worked at the same time."""
        return 1 if isinstance(self.stream_calls, UnsetType) else len(self.stream_calls)

    @property
    def calls_of_streams(self) -> tuple[tuple[int, ...], ...]:
        """The durations of each stream's calls in their order; of one stream where nothing says otherwise."""
        if isinstance(self.stream_calls, UnsetType):
            return (self.durations_ns,)
        ends = tuple(accumulate(self.stream_calls))
        return tuple(self.durations_ns[start:end] for start, end in pairwise((0, *ends)))

    @property
    def cpu_share(self) -> float:
        """CPU time over wall time: the threads really used."""
        return self.cpu_ns / self.wall_ns if self.wall_ns else 0.0

    def contention(self, threads: int, usual_cpu_share: float) -> tuple[str, ...]:
        """Why this round does not count, from what the machine did and never from its timing.

        A host that waits for its GPU may sleep or spin: its CPU share is no sign there.
        The limits are the MAX_ and MIN_ names above: docs/thresholds.md#rounds.
        """
        signs = []
        if not self.gpu:
            floor = MIN_CPU_ONE_THREAD if threads == 1 else MIN_CPU_OF_USUAL * usual_cpu_share
            if self.cpu_share < floor:
                signs.append("cpu")
        if _waited(self) or (self.gpu and _waited(self.gpu)):
            signs.append("run queue")
        if _stolen(self) or (self.gpu and _stolen(self.gpu)):
            signs.append("steal")
        if self.throttled_ns or (self.gpu and self.gpu.throttled_ns):
            signs.append("throttled")
        if self.major_faults > 0:
            signs.append("major faults")
        if self.gpu and self.gpu.state:
            signs += self.gpu.state.noise
        return tuple(signs)


def _waited(timed: Round | GpuRound) -> bool:
    """Whether its threads waited for a core for too long."""
    return timed.run_queue_ns is not None and timed.run_queue_ns > MAX_RUN_QUEUE * timed.wall_ns


def _stolen(timed: Round | GpuRound) -> bool:
    """Whether the hypervisor took too much of its time."""
    return timed.steal_ns is not None and timed.steal_ns > MAX_STEAL * timed.wall_ns


def undisturbed_rounds(rounds: Sequence[Round], threads: int) -> tuple[Round, ...]:
    """The rounds in which nothing contended with the worker, whose streams have so many threads together."""
    usual = statistics.median([r.cpu_share for r in rounds]) if rounds and threads != 1 else 0.0
    return tuple([r for r in rounds if not r.contention(threads, usual)])
