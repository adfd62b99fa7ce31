"""Ranking: which cases may be compared by their latency, which is the fastest, and in which order they stand."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.latency import Latency

LAST = float("inf")  # the pace of a backend without any number


@dataclass(frozen=True)
class Ranking:
    """The cases that may be compared by their latency: a page compares none where most of its rows are not usable."""

    cases: Collection[Case]

    def fastest(self, evaluations: Sequence[Evaluation]) -> set[str]:
        """The ids of the cases that are the fastest of their variant beyond doubt.

        Such a case may be compared, and its 95 % interval lies below that of every other backend, whether or not the
        other may be compared.
        """
        ids = set()
        for rivals in _by_variant(evaluations).values():
            first = min(rivals, key=lambda rival: rival[1].median_s)
            others = [times for evaluation, times in rivals if evaluation is not first[0]]
            if others and first[0].case in self.cases and all(_below(first[1], times) for times in others):
                ids.add(first[0].case.id)
        return ids

    def most_images_per_s(self, evaluations: Sequence[Evaluation]) -> Case | None:
        """The case of one variant that has the most images a second beyond doubt; None where there is none.

        It may be compared, and its 95 % interval lies above that of every other case of the variant that is ok.
        """
        rates = {e.case: e.images_per_s_interval for e in evaluations if e.record.status == "ok" and e.latency}
        known = {case: interval for case, interval in rates.items() if interval}
        if len(known) < len(rates) or len(known) < 2:
            return None
        best = max(known, key=lambda case: known[case])
        is_above = all(known[best][0] > interval[1] for case, interval in known.items() if case != best)
        return best if is_above and best in self.cases else None

    def backends(self, evaluations: Sequence[Evaluation]) -> list[str]:
        """The backends in the order of columns: the fastest first, by name where none may be compared."""
        paces = self._paces(evaluations)
        names = {evaluation.case.backend for evaluation in evaluations}
        return sorted(names, key=lambda name: (paces.get(name, LAST), name))

    def _paces(self, evaluations: Sequence[Evaluation]) -> dict[str, float]:
        """The middle, over variants, of a backend's latency over the least latency of the variant."""
        comparable = [evaluation for evaluation in evaluations if evaluation.case in self.cases]
        ratios: dict[str, list[float]] = {}
        for rivals in _by_variant(comparable).values():
            least = min(times.median_s for _, times in rivals)
            for evaluation, times in rivals:
                ratios.setdefault(evaluation.case.backend, []).append(times.median_s / least)
        return {name: sorted(values)[len(values) // 2] for name, values in ratios.items()}


def _by_variant(evaluations: Sequence[Evaluation]) -> dict[str, list[tuple[Evaluation, Latency]]]:
    """The cases that are ok and have a latency, by their variant."""
    groups: dict[str, list[tuple[Evaluation, Latency]]] = {}
    for evaluation in evaluations:
        times = evaluation.latency
        if evaluation.record.status == "ok" and times:
            groups.setdefault(evaluation.case.variant, []).append((evaluation, times))
    return groups


def _below(times: Latency, others: Latency) -> bool:
    """Whether an interval lies below another one; False where either has none."""
    return times.high_s is not None and others.low_s is not None and times.high_s < others.low_s
