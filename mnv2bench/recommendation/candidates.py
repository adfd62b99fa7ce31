"""Candidates: the cases that a recommendation may choose from, with the numbers that it compares."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from mnv2bench.case import Case, Kind
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.accuracy import Tested, tested, top1_interval
from mnv2bench.statistics.intervals import t_interval
from mnv2bench.statistics.latency import Method, process_percentiles
from mnv2bench.statistics.location import Location, Spread, location, logs_of
from mnv2bench.statistics.processes import memory, peaks, process_seconds
from mnv2bench.statistics.rounds import (
    cpu_mj_per_image,
    cpu_mj_per_process,
    cpu_ms_per_image,
    throughput,
    throughput_per_process,
)

PUBLISHED = "published"
UNKNOWN = "unknown"
DECIMALS = 9  # of milliseconds: a thousandth of a nanosecond, so that equal calls have an interval of no width
# Flags, by the names that they begin with, of cases whose numbers nobody should choose by.
UNUSABLE = ("noisy", "throttled", "threads", "oversubscribed", "precision", "accuracy", "subnormal")


# What candidates ask of the samples of a case whose latency is known, but for percentiles of each process.
NUMBERS = (
    throughput,
    throughput_per_process,
    cpu_ms_per_image,
    memory,
    peaks,
    cpu_mj_per_image,
    cpu_mj_per_process,
    process_seconds,
)


class Setting(NamedTuple):
    """What the cases of one answer share: the device, a stream's threads and batch, the streams, and what top-1 is of.

    `top1_of` is `published`, `unknown`, or the digest of the user's images that it was measured on. An answer for
    throughput is over all threads, batches and streams, which are None.
    """

    device: str
    threads: int | None
    batch: int | None
    top1_of: str = PUBLISHED
    streams: int | None = 1


@dataclass(frozen=True, eq=False)
class Candidate:
    """A case that is ok and was timed here or on a device, and the numbers that decide; None where there is none.

    `file` names the file of its numbers and the day, where the candidates are from several files; else it is "".
    `is_among_networks` is whether there are candidates of other networks too, so that its variant names its own.
    """

    evaluation: Evaluation
    file: str = ""
    is_among_networks: bool = False

    @property
    def case(self) -> Case:
        return self.evaluation.case

    @cached_property
    def setting(self) -> Setting:
        return Setting(self.case.device, self.case.threads, self.case.batch, self.top1_of, self.case.streams)

    @property
    def id(self) -> str:
        return self.case.id

    @property
    def variant(self) -> str:
        """What names its variant in a table: 1.0@224, and with its network where it is not the only or usual one."""
        return self.case.long_variant if self.is_among_networks else self.case.short_variant

    @cached_property
    def median_ms(self) -> float:
        times = self.evaluation.latency
        if times is None:
            raise ValueError(f"{self.id} has no latency: it is no candidate")
        return 1e3 * times.median_s

    @cached_property
    def interval_ms(self) -> tuple[float, float] | None:
        """The 95 % interval of the median over processes; None for one process whose spread nothing shows."""
        times = self.evaluation.latency
        if times is None or times.low_s is None or times.high_s is None:
            return None
        return round(1e3 * times.low_s, DECIMALS), round(1e3 * times.high_s, DECIMALS)

    @property
    def method(self) -> Method:
        """How the interval of the median is made."""
        times = self.evaluation.latency
        return times.method if times else Method.NONE

    def percentile_ms(self, percentile: float) -> float | None:
        """The upper bound of one of PERCENTILES; None where the sample is too small for it."""
        times = self.evaluation.latency
        if times is None:
            return None
        seconds = {90: times.p90_s, 99: times.p99_s, 99.9: times.p99_9_s}[percentile]
        return None if seconds is None else 1e3 * seconds

    def latency_ms(self, goal: Goal) -> float | None:
        """What must fit into a latency budget: the interval's upper end, or the requested percentile."""
        if goal.percentile is not None:
            return self.percentile_ms(goal.percentile)
        return self.interval_ms[1] if self.interval_ms else None

    def cost(self, goal: Goal) -> float | None:
        """The number that stands against accuracy, an upper bound: less is better."""
        match goal.cost:
            case Cost.LATENCY:
                return self.latency_ms(goal)
            case Cost.MEMORY:
                return self.largest_peak_mb
            case Cost.ENERGY | Cost.THROUGHPUT:
                interval = self.cost_interval(goal)
                return interval[1] if interval else None

    def cost_interval(self, goal: Goal) -> tuple[float, float] | None:
        """The 95 % interval of the cost over processes; None for one process, and where a process has no number."""
        if _is_of_medians(goal):
            return self.interval_ms
        if goal.is_for_throughput:
            rates = self.images_per_s_interval
            return (1e3 / rates[1], 1e3 / rates[0]) if rates else None
        values = self.cost_values(goal)
        return t_interval(values) if len(values) > 1 and min(values) > 0 else None

    def cost_values(self, goal: Goal) -> Sequence[float]:
        """The cost of each process; none where a process has no number."""
        match goal.cost:
            case Cost.LATENCY:
                if goal.percentile is None:
                    times = self.evaluation.latency
                    return [1e3 * seconds for seconds in times.process_medians] if times else []
                return [1e3 * seconds for seconds in process_percentiles(self.evaluation.record, goal.percentile)]
            case Cost.MEMORY:
                return self._peaks_mb
            case Cost.ENERGY:
                return self.evaluation.of(cpu_mj_per_process)
            case Cost.THROUGHPUT:
                return [1e3 / rate for rate in self.evaluation.measured(throughput_per_process) or ()]

    def location(self, goal: Goal) -> Location | None:
        """Where the logs of the costs of its processes lie; None where nothing says how much they spread."""
        values, spread = tuple(self.cost_values(goal)), self._spread(goal)
        if not values or min(values) <= 0 or (len(values) == 1 and spread is None):
            return None
        return location(logs_of(values), spread)

    def _spread(self, goal: Goal) -> Spread | None:
        """What the other cases of its campaign show of the spread of the cost: of medians, and of images a second."""
        if goal.is_for_throughput:
            return self.evaluation.spread_of_rates
        return self.evaluation.spread if _is_of_medians(goal) else None

    @cached_property
    def _peaks_mb(self) -> list[float]:
        return [peak / 1e6 for peak in self.evaluation.of(peaks)]

    @cached_property
    def largest_peak_mb(self) -> float | None:
        """The largest peak of resident memory of any process: what a budget of memory is held against."""
        return max(self._peaks_mb, default=None)

    @cached_property
    def images_per_s(self) -> float | None:
        return self.evaluation.measured(throughput)

    @cached_property
    def images_per_s_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of its images a second over processes; None for one process."""
        return self.evaluation.images_per_s_interval

    @cached_property
    def cpu_ms_per_image(self) -> float | None:
        return self.evaluation.measured(cpu_ms_per_image)

    @cached_property
    def peak_mb(self) -> float | None:
        """Peak of resident memory, MB of 1e6 bytes; the median over processes."""
        resident = self.evaluation.of(memory)
        return resident.peak / 1e6 if resident else None

    @cached_property
    def mj_per_image(self) -> float | None:
        return self.evaluation.of(cpu_mj_per_image)

    @cached_property
    def tested(self) -> Tested | None:
        """What its backend got right of the labelled images, beside eager fp32."""
        return self.evaluation.of(tested)

    @cached_property
    def accuracy(self) -> float | None:
        """Top-1 in per cent: measured on the user's images where they are given, else as the authors published it."""
        if self.evaluation.record.weights.images:
            return self.tested.top1 if self.tested else None
        return None if self.evaluation.record.weights.file else _published_top1(self.case)

    @cached_property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """The 95 % interval of an accuracy that was measured; a published one is taken as it is. None without any."""
        if self.accuracy is None:
            return None
        measured = self.evaluation.of(top1_interval) if self.evaluation.record.weights.images else None
        return measured or (self.accuracy, self.accuracy)

    @cached_property
    def top1_of(self) -> str:
        """What the accuracy is of: `published`, `unknown`, or the digest of the user's images."""
        weights = self.evaluation.record.weights
        if weights.images:
            return weights.images_content or weights.images
        return UNKNOWN if self.accuracy is None else PUBLISHED

    @property
    def accuracy_source(self) -> str:
        """`published`, `unknown`, or the images of the user that it was measured on: a text of a file."""
        of_user = self.evaluation.record.weights.images
        return self.tested.images if of_user and self.tested else self.top1_of

    @property
    def fp32_agreement(self) -> float | None:
        """Per cent of the labelled images that have the class which eager fp32 gives them."""
        return self.tested.agreement if self.tested else None


def _is_of_medians(goal: Goal) -> bool:
    """Whether the cost is the median latency."""
    return goal.cost == Cost.LATENCY and goal.percentile is None


def _published_top1(case: Case) -> float | None:
    return case.published.top1 if case.published else None


def candidates(evaluations: Iterable[Evaluation]) -> tuple[Candidate, ...]:
    """The cases that are ok and have a latency; instruction counts and other tools' figures are none."""
    timed = [
        evaluation
        for evaluation in evaluations
        if evaluation.record.status == "ok"
        and evaluation.record.timed
        and evaluation.case.kind != Kind.COUNTED
        and evaluation.latency
    ]
    by_setting: dict[Setting, set[str]] = {}
    for candidate in map(Candidate, timed):
        by_setting.setdefault(candidate.setting, set()).add(candidate.evaluation.source)
    several = several_networks(timed)
    return tuple(_labelled(Candidate(evaluation, is_among_networks=several), by_setting) for evaluation in timed)


def several_networks(evaluations: Iterable[Evaluation]) -> bool:
    """Whether the cases are of more than one network."""
    return len({evaluation.case.network for evaluation in evaluations}) > 1


def _labelled(candidate: Candidate, by_setting: Mapping[Setting, set[str]]) -> Candidate:
    """A candidate with the name of its file, where its setting was measured in several."""
    several = len(by_setting[candidate.setting]) > 1
    return replace(candidate, file=_file(candidate.evaluation)) if several else candidate


def _file(evaluation: Evaluation) -> str:
    day = evaluation.saved_at
    return f"{evaluation.source}, {day:%Y-%m-%d}" if day else evaluation.source


def forbidding_flag(candidate: Candidate) -> str | None:
    """The name of the first flag of a case that forbids a choice by its numbers; None without one."""
    names = (flag.partition(":")[0] for flag in candidate.evaluation.flags)
    return next((name for name in names if name in UNUSABLE), None)


def why_not(candidate: Candidate, goal: Goal) -> str | None:
    """Why nobody should choose by the numbers of a case, in a few words; None where they are good enough."""
    if name := forbidding_flag(candidate):
        return name
    if candidate.cost(goal) is None:
        return f"without a bound of {goal.cost_name}"
    if candidate.accuracy is None and candidate.top1_of != UNKNOWN:
        return "not tested on the images"
    return None


def ordered(settings: Iterable[Setting]) -> list[Setting]:
    """The settings: those with an accuracy first, then batch 1, one stream, one thread, and this processor."""
    return sorted(settings, key=_place)


def _place(setting: Setting) -> tuple[bool, int, int, int, bool, str, str]:
    numbers = (setting.batch or 0, setting.streams or 0, setting.threads or 0)
    elsewhere = setting.device != Case().device
    return setting.top1_of == UNKNOWN, *numbers, elsewhere, setting.device, setting.top1_of
