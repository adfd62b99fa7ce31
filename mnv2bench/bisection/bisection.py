"""Bisects: measures the pairs of releases that the search of each case asks for, until every search has ended."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnv2bench.bisection.answers import CaseAnswer, compared_pair, release_row
from mnv2bench.bisection.environments import Environments
from mnv2bench.bisection.installing import Uninstallable
from mnv2bench.bisection.search import Ended, Outcome, Question, Search
from mnv2bench.bisection.subject import Subject
from mnv2bench.campaign.patience import Patience
from mnv2bench.campaign.preparation import Failure
from mnv2bench.case import Case
from mnv2bench.locks import Progress
from mnv2bench.records import Plan, Record, Weights
from mnv2bench.regression.duels.duel import Duel, checked_side, measure_pairs, open_duel
from mnv2bench.regression.duels.side import Side
from mnv2bench.regression.judging.pairs import log_ratios
from mnv2bench.statistics.latency import median_s
from mnv2bench.statistics.versions import differing_versions
from mnv2bench.texts import counted

Pair = tuple[int, int]
NO_INSTALL, NO_RUN = "does not install", "does not run it"  # how the reason begins why a release is skipped


@dataclass(frozen=True)
class Measuring:
    """How pairs are measured: as in a duel, with the journals of each pair of releases in a folder."""

    plan: Plan
    seed: int
    weights: Weights
    out: Path
    resume: bool
    patience: Patience
    progress: Progress


@dataclass
class CaseSearch:
    """The search of a case with what it knows: log ratios by pair of releases, and why releases are skipped."""

    case: Case
    search: Search
    evidence: dict[Pair, list[float]] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)
    ended: Ended | None = None

    def question(self, is_late: bool) -> Question | None:
        """The next question; None from when the search has ended."""
        if self.ended is None:
            step = self.search.next(self.evidence, self.skipped.keys(), is_late)
            if isinstance(step, Question):
                return step
            self.ended = step
        return None

    def skip(self, number: int, reason: str) -> None:
        """Leave a release out; without the good or the bad one nothing can be searched."""
        self.skipped[number] = reason
        if number in (0, self.search.count - 1):
            end = "good" if number == 0 else "bad"
            self.ended = _undecided(f"the {end} one cannot be measured ({reason})")


def _undecided(reason: str) -> Ended:
    return Ended(Outcome.UNDECIDED, None, None, 1.0, None, None, None, reason=reason)


@dataclass
class Bisection:
    """The searches of all cases, which share environments and duels."""

    subject: Subject
    searches: Sequence[CaseSearch]
    environments: Environments
    measuring: Measuring
    duels: dict[Pair, Duel] = field(default_factory=dict)
    sides: dict[int, Side | Uninstallable] = field(default_factory=dict)

    def run(self, budget_s: float) -> tuple[CaseAnswer, ...]:
        """Measure until every search has ended or the time is spent."""
        end = time.monotonic() + budget_s

        def is_late() -> bool:
            return time.monotonic() > end

        while questions := self._questions(is_late()):
            first = next(iter(questions.values()))
            pair = first.old, first.new
            asking = [number for number, question in questions.items() if (question.old, question.new) == pair]
            self._measure(pair, {number: questions[number].pairs for number in asking}, is_late)
        return tuple(map(self._answer, self.searches))

    def _questions(self, is_late: bool) -> dict[int, Question]:
        """What each open search asks, by its place among them."""
        steps = {place: search.question(is_late) for place, search in enumerate(self.searches)}
        return {place: question for place, question in steps.items() if question}

    def _measure(self, pair: Pair, targets: dict[int, int], is_late: Callable[[], bool]) -> None:
        """Bring the cases of these searches to so many pairs of two releases, or skip the release that cannot run."""
        asking = [self.searches[place] for place in targets]
        if any(self._skips(search, number) for search in asking for number in pair):
            return
        duel = self._duel(pair)
        for target in sorted(set(targets.values())):
            cases = [self.searches[place].case for place, wanted in targets.items() if wanted == target]
            in_time = measure_pairs(duel, cases, target, is_late)
            for place in (place for place, wanted in targets.items() if wanted == target):
                self._read(self.searches[place], pair, duel, target, in_time)

    def _skips(self, search: CaseSearch, number: int) -> bool:
        """Whether a search leaves a release out because it does not install or its case is not made there."""
        if number in search.skipped:
            return True
        reason = self._failure(search.case, number)
        if reason:
            search.skip(number, reason)
        return bool(reason)

    def _failure(self, case: Case, number: int) -> str:
        """Why a case cannot be measured with a release, "" where it may be."""
        if number not in self.sides:
            self.sides[number] = self._side(number)
        measured = self.sides[number]
        if isinstance(measured, Uninstallable):
            return str(measured)
        preparation = measured.preparations[case.id]
        if isinstance(preparation, Failure):
            return f"{NO_RUN}: {preparation.status}: {preparation.reason}"
        return ""

    def _side(self, number: int) -> Side | Uninstallable:
        """The environment of a release with what its cases need, or why there is none."""
        label = self.subject.label(number)
        try:
            python = self.environments.environment(number).python
        except Uninstallable as error:
            self.measuring.progress(f"{label} does not install and is skipped: {error}", 0, 0)
            return Uninstallable(f"{NO_INSTALL}: {error}")
        self.measuring.progress(f"{label}: making what {counted(len(self.searches), 'case')} need", 0, 0)
        try:
            return checked_side(python, self._cases, self.measuring.plan, self.measuring.weights)
        except ValueError as error:
            self.measuring.progress(f"{label} cannot measure and is skipped: {error}", 0, 0)
            return Uninstallable(f"{NO_RUN}: {error}")

    @property
    def _cases(self) -> tuple[Case, ...]:
        return tuple(search.case for search in self.searches)

    def _duel(self, pair: Pair) -> Duel:
        """The duel of two releases, begun once; its environments are there, made again where they had gone."""
        for number in pair:
            self.environments.environment(number)
        if pair not in self.duels:
            old, new = (self.sides[number] for number in pair)
            assert isinstance(old, Side) and isinstance(new, Side)
            out = self.measuring.out / "-".join(self.subject.releases[number].name for number in pair)
            how = self.measuring
            conditions = (how.plan, how.seed, how.weights, how.progress, how.resume, how.patience)
            self.duels[pair] = open_duel(self._cases, (old, new), out, *conditions)
        return self.duels[pair]

    def _read(self, search: CaseSearch, pair: Pair, duel: Duel, target: int, in_time: bool) -> None:
        """Give a search the pairs that it asked for; what the journals hold beyond them is not looked at."""
        stopped = duel.stopped.get(search.case.id)
        if stopped:
            name, _, reason = stopped.partition(": ")
            search.skip(pair[name == "new"], f"{NO_RUN}: {reason}")
            return
        old, new = self._records(duel, search.case)
        search.evidence[pair] = log_ratios(old, new)[:target]
        if in_time and len(search.evidence[pair]) < target:
            search.ended = _undecided("some pairs have too few calls in a round")

    def _records(self, duel: Duel, case: Case) -> tuple[Record, Record]:
        place = self._cases.index(case)
        return duel.old.records()[place], duel.new.records()[place]

    def _answer(self, search: CaseSearch) -> CaseAnswer:
        assert search.ended is not None
        rows = []
        for number in range(search.search.count):
            ratios = search.evidence.get((0, number), ())
            rows.append(release_row(number, ratios, self._ms(search.case, number), search.skipped.get(number, "")))
        return CaseAnswer(search.case.id, search.ended, tuple(rows), self._changes(search))

    def _changes(self, search: CaseSearch) -> tuple[tuple[str, str, str], ...]:
        """The distributions that differ between the two releases that the answer is about, with both versions."""
        assert search.ended is not None
        duel = self.duels.get(compared_pair(search.ended, search.search.count))
        return tuple(differing_versions(duel.old.side.versions, duel.new.side.versions)) if duel else ()

    def _ms(self, case: Case, number: int) -> float | None:
        """Median milliseconds of a release in its pairs with the good one; of the good one in those with the bad."""
        pair = (0, number or self.searches[0].search.count - 1)
        if pair not in self.duels:
            return None
        record = self._records(self.duels[pair], case)[number > 0]
        return 1e3 * median_s(record) if record.samples else None
