"""Candidates: the cases that a recommendation may choose from, with the numbers that it compares."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from mnv2bench.cases import Kind
from mnv2bench.networks import CLASSES, published
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.accuracy import Tested, tested
from mnv2bench.statistics.processes import memory
from mnv2bench.statistics.rounds import cpu_mj_per_image, throughput

PUBLISHED = "published"
# Flags, by the names that they begin with, of cases whose numbers nobody should choose by.
UNUSABLE = ("noisy", "throttled", "threads", "oversubscribed", "precision", "accuracy", "subnormal")


class Setting(NamedTuple):
    """What the cases of one answer share: the device, the number of threads and the batch."""

    device: str
    threads: int
    batch: int


@dataclass(frozen=True)
class Candidate:
    """A case that is ok and was timed here or on a device, and the numbers that decide; None where there is none."""

    evaluation: Evaluation

    @property
    def setting(self) -> Setting:
        case = self.evaluation.case
        return Setting(case.device, case.threads, case.batch)

    @property
    def id(self) -> str:
        return self.evaluation.case.id

    @cached_property
    def median_ms(self) -> float:
        times = self.evaluation.latency
        if times is None:
            raise ValueError(f"{self.id} has no latency: it is no candidate")
        return 1e3 * times.median_s

    @cached_property
    def interval_ms(self) -> tuple[float, float] | None:
        """The 95 % interval of the median over processes; None for one process."""
        times = self.evaluation.latency
        if times is None or times.low_s is None or times.high_s is None:
            return None
        return 1e3 * times.low_s, 1e3 * times.high_s

    def percentile_ms(self, percentile: int) -> float | None:
        """The upper bound of the 90th or 99th percentile; None where the sample is too small for it."""
        times = self.evaluation.latency
        if times is None:
            return None
        seconds = {90: times.p90_s, 99: times.p99_s}[percentile]
        return None if seconds is None else 1e3 * seconds

    def latency_ms(self, goal: Goal) -> float | None:
        """What must fit into a latency budget: the interval's upper end, or the requested percentile."""
        if goal.percentile is not None:
            return self.percentile_ms(goal.percentile)
        return self.interval_ms[1] if self.interval_ms else None

    def cost(self, goal: Goal) -> float | None:
        """The number that stands against accuracy: less is better."""
        match goal.cost:
            case Cost.LATENCY:
                return self.latency_ms(goal)
            case Cost.MEMORY:
                return self.peak_mb
            case Cost.ENERGY:
                return self.mj_per_image

    @cached_property
    def images_per_s(self) -> float | None:
        return self.evaluation.measured(throughput)

    @cached_property
    def peak_mb(self) -> float | None:
        """Peak of resident memory, MB of 1e6 bytes."""
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
        case = self.evaluation.case
        row = None if self.evaluation.record.weights.file else published(case.network, case.width, case.resolution)
        return row.top1 if row and case.classes == CLASSES else None

    @property
    def accuracy_source(self) -> str:
        """`published`, or the images of the user that it was measured on."""
        of_user = self.evaluation.record.weights.images
        return self.tested.images if of_user and self.tested else PUBLISHED

    @property
    def fp32_agreement(self) -> float | None:
        """Per cent of the labelled images that have the class which eager fp32 gives them."""
        return self.tested.agreement if self.tested else None


def candidates(evaluations: Iterable[Evaluation]) -> tuple[Candidate, ...]:
    """The cases that are ok and have a latency; instruction counts and other tools' figures are none."""
    return tuple(
        Candidate(evaluation)
        for evaluation in evaluations
        if evaluation.record.status == "ok"
        and evaluation.record.timed
        and evaluation.case.kind != Kind.COUNTED
        and evaluation.latency
    )


def why_not(candidate: Candidate, goal: Goal) -> str | None:
    """Why nobody should choose by the numbers of a case, in a few words; None where they are good enough."""
    for flag in candidate.evaluation.flags:
        name = flag.partition(":")[0]
        if name in UNUSABLE:
            return name
    if candidate.cost(goal) is None:
        return f"no {goal.cost} with a bound"
    return None


def settings(candidates: Sequence[Candidate]) -> list[Setting]:
    """The settings of these cases, one thread and batch 1 first."""
    return sorted({candidate.setting for candidate in candidates}, key=lambda s: (s.batch, s.threads, s.device))
