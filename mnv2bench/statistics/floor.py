"""The A/A floor of a machine: what identical processes and identical campaigns of a case differ by there."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mnv2bench.case import Case, Kind
from mnv2bench.records.selfcheck import IdenticalCampaigns, IdenticalCase

# docs/thresholds.md#floor
REPEATABILITY = 1.96 * math.sqrt(2)  # sd of a result, within which two results differ in 95 of 100 pairs: ISO 5725-6


@dataclass(frozen=True)
class Floor:
    """What identical campaigns on a machine differed by.

    `process_sd` is the standard deviation of the logs of the medians of one campaign's processes, by backend.
    `campaign_sd` is that of the levels of campaigns beyond what their processes explain, by backend, and
    `shared_campaign_sd` that of all cases together, from `degrees` differences. `ratios` are the medians of the second
    campaign over the first, by case id, and `verdicts` what `compare` said.
    """

    when: datetime
    processes: int
    process_sd: dict[str, float]
    campaign_sd: dict[str, float]
    shared_campaign_sd: float
    degrees: int
    ratios: dict[str, float]
    verdicts: dict[str, str]

    def applies(self, case: Case) -> bool:
        """Whether a case is measured on this machine's processor, as the floor was."""
        return case.kind == Kind.MEASURED_HERE and case.gpu is None

    def halves(self, case: Case) -> float | None:
        """By what the halves of a process may differ, as a part: as two processes do in 95 of 100 pairs.

        None where the backend was not checked.
        """
        sd = self.process_sd.get(case.backend) if self.applies(case) else None
        return None if sd is None else math.expm1(REPEATABILITY * sd)

    def between(self, case: Case) -> float:
        """The standard deviation of levels from campaign to campaign; 0 for a case that the floor says nothing of.

        A backend has few campaigns of its own, so that those of all backends are its least.
        """
        if not self.applies(case):
            return 0.0
        return max(self.shared_campaign_sd, self.campaign_sd.get(case.backend, 0.0))


def floor(checked: IdenticalCampaigns) -> Floor:
    """The floor that follows from a saved check."""
    by_backend: dict[str, list[IdenticalCase]] = {}
    for case in checked.cases:
        by_backend.setdefault(Case.parse(case.case).backend, []).append(case)
    return Floor(
        when=checked.when,
        processes=checked.plan.processes,
        process_sd={backend: sd for backend, of_it in by_backend.items() if (sd := _process_sd(of_it)) is not None},
        campaign_sd={backend: _campaign_sd(of_it) for backend, of_it in by_backend.items()},
        shared_campaign_sd=_campaign_sd(checked.cases),
        degrees=sum(len(case.campaigns) - 1 for case in checked.cases),
        ratios={case.case: _ratio(case) for case in checked.cases},
        verdicts={case.case: case.verdict for case in checked.cases},
    )


def _ratio(case: IdenticalCase) -> float:
    first, second = (statistics.median(campaign.medians_s) for campaign in case.campaigns[:2])
    return second / first


def _process_sd(cases: Iterable[IdenticalCase]) -> float | None:
    """The pooled standard deviation of the logs of medians within campaigns; None where each has one process."""
    logs = [[math.log(median) for median in c.medians_s] for case in cases for c in case.campaigns]
    return _pooled_sd(logs)


def _pooled_sd(samples: Sequence[Sequence[float]]) -> float | None:
    degrees = sum(len(sample) - 1 for sample in samples)
    if not degrees:
        return None
    return math.sqrt(sum(_squares(sample) for sample in samples) / degrees)


def _squares(sample: Sequence[float]) -> float:
    """The sum of squared deviations from the mean."""
    mean = statistics.fmean(sample)
    return math.fsum((value - mean) ** 2 for value in sample)


def _campaign_sd(cases: Iterable[IdenticalCase]) -> float:
    """The standard deviation of campaigns beyond their processes: the variance component of a one-way layout.

    Of each case it is the variance of its campaigns' means less what their processes explain, which may come out below
    0; of several cases it is the mean, and at least 0.
    """
    components = []
    for case in cases:
        means = [statistics.fmean(campaign.levels) for campaign in case.campaigns]
        within = _pooled_sd([campaign.levels for campaign in case.campaigns])
        explained = statistics.fmean((within or 0.0) ** 2 / len(campaign.levels) for campaign in case.campaigns)
        components.append(statistics.variance(means) - explained)
    return math.sqrt(max(0.0, statistics.fmean(components)))
