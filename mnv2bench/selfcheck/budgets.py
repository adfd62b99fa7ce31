"""Campaigns with a time budget, simulated: coverage of intervals, wrong winners, and the time that they save."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnv2bench.allocation import Contest, Decision, Standing, next_block, ranking
from mnv2bench.allocation.contests import LOOKS, TIE_WITHIN, Key, contest_key
from mnv2bench.case import Case, grid
from mnv2bench.networks import sides
from mnv2bench.statistics.intervals import shrunk_t_interval, t_interval
from mnv2bench.statistics.spread import spread_group, spreads_of_medians

Floats = NDArray[np.float64]
MOST_PROCESSES = 30


@dataclass(frozen=True)
class World:
    """The cases of a campaign, the true log of the latency of each, and how long a process of it takes."""

    cases: tuple[Case, ...]
    truth: Floats
    cost_s: Floats


class Noise(Protocol):
    """By how much the processes of a campaign differ from the truth, on the log scale."""

    def begin(self) -> None:
        """Begin another campaign."""

    def block(self, chosen: Sequence[int], when_s: float) -> Floats:
        """The deviations of a process of each of these cases, one after the other from that second on."""


@dataclass
class Model:
    """The simulated noise at the top of the page of thresholds, and slow drift; process sd by thirds of the cases.

    What all cases share moves with an sd of 0.5 %, and is forgotten within five minutes.
    """

    random: np.random.Generator
    number: int
    tails: bool = True
    bad_nights: bool = True
    drift_sd: float = 0.005
    bad_share: float = 0.05
    sds: tuple[float, ...] = (0.003, 0.009, 0.015)
    sd: Floats = field(init=False)

    def begin(self) -> None:
        self.bad = self.bad_nights and self.random.random() < self.bad_share
        self.sd = self.random.permutation(np.resize(self.sds, self.number))
        self.shared, self.last_s = self.random.normal(0, self.drift_sd), 0.0

    def block(self, chosen: Sequence[int], when_s: float) -> Floats:
        kept = math.exp(-(when_s - self.last_s) / 300)
        self.shared = kept * self.shared + math.sqrt(1 - kept**2) * self.random.normal(0, self.drift_sd)
        self.last_s = when_s
        shape = len(chosen)
        draws = self.random.standard_t(5, shape) / math.sqrt(5 / 3) if self.tails else self.random.normal(size=shape)
        hits = self.random.exponential(0.05, shape) * (self.random.random(shape) < 0.5) - 0.025 if self.bad else 0.0
        deviations: Floats = self.shared + self.sd[np.asarray(chosen)] * draws + hits
        return deviations


@dataclass
class Sittings:
    """Real processes drawn again: `deviations` are (cases, blocks) of a measured campaign.

    A block is one block of the real campaign, of which a case has the deviation of one of the cases of its backend
    and precision that are nearest to it in latency, so that what all cases share and what they differ in stays.
    """

    random: np.random.Generator
    deviations: Floats
    alike: tuple[NDArray[np.int64], ...]

    def begin(self) -> None:
        pass

    def block(self, chosen: Sequence[int], when_s: float) -> Floats:
        of_block = self.deviations[:, self.random.integers(self.deviations.shape[1])]
        return np.array([of_block[self.random.choice(self.alike[case])] for case in chosen])


def sittings(
    measured: Sequence[tuple[Case, Sequence[float], float]], random: np.random.Generator, neighbours: int = 7
) -> tuple[World, Sittings]:
    """The world and the noise of a measured campaign: each case, its medians in order and the seconds of a process."""
    most = max(len(medians) for _, medians, _ in measured)
    whole = [each for each in measured if len(each[1]) == most]
    logs = np.log([medians for _, medians, _ in whole])
    deviations = (logs - logs.mean(axis=1, keepdims=True)) * math.sqrt(most / (most - 1))
    truth = logs.mean(axis=1)
    backends = np.array([f"{case.backend} {case.precision}" for case, _, _ in whole])
    alike = []
    for number, backend in enumerate(backends):
        same = np.flatnonzero(backends == backend)
        alike.append(same[np.argsort(abs(truth[same] - truth[number]))][:neighbours])
    world = World(tuple(case for case, _, _ in whole), truth, np.array([cost for _, _, cost in whole]))
    return world, Sittings(random, deviations, tuple(alike))


def made_up(variants: int, rivals: int, random: np.random.Generator) -> World:
    """A world of contests that are hard to decide: rivals are slower than the best by 15 % on average, many by less.

    A process takes 3.2 s, and of every fifth rival 14 s more, as with runtimes that compile in the process.
    """
    sizes = grid("published")[:variants]
    cases, truth, costs = [], [], []
    for width, resolution in sizes:
        base = math.log(1e-3 * width * (sides(resolution)[0] / 96) ** 2)
        for rival in range(rivals):
            cases.append(Case(width=width, resolution=resolution, backend=f"rival_{rival}"))
            truth.append(base + random.exponential(0.15))
            costs.append(17.0 if rival % 5 == 4 else 3.2)
    return World(tuple(cases), np.array(truth), np.array(costs))


@dataclass
class State:
    """A campaign under way: the medians of each case, and the seconds that have gone."""

    world: World
    medians: list[list[float]]
    elapsed_s: float = 0.0

    def standings(self) -> list[Standing]:
        """What is known of each case."""
        return [
            Standing(case, tuple(medians), float(cost), len(medians) < MOST_PROCESSES)
            for case, medians, cost in zip(self.world.cases, self.medians, self.world.cost_s, strict=True)
        ]


Policy = Callable[[State, float], Sequence[int]]  # which cases get a process next, by the seconds that are left


def adaptive(state: State, left_s: float) -> Sequence[int]:
    """What a campaign with a budget does."""
    standings = state.standings()
    chosen = next_block(
        standings, left_s, spreads_of_medians((each.case, each.medians_s) for each in standings)
    ).reasons
    return [number for number, case in enumerate(state.world.cases) if case in chosen]


def equal(state: State, left_s: float) -> Sequence[int]:
    """What a campaign with a number of processes does: every case in every block, as long as whole blocks fit."""
    fits = float(state.world.cost_s.sum()) <= left_s * (1 + 1e-9)
    return range(len(state.medians)) if fits else ()


@dataclass
class Tally:
    """What was counted of simulated campaigns.

    `contests` by how they ended: right, tie, open; wrong where the fastest case was ruled out, and "wrong within a tie"
    where it is faster than the named one by less than a tie; "no tie" where rivals were called one that are none.
    `covered` and `intervals` are of shrunk and of plain t intervals, also by the number of processes.
    """

    campaigns: int = 0
    with_wrong: int = 0
    processes: int = 0
    seconds: float = 0.0
    contests: Counter[str] = field(default_factory=Counter)
    covered: Counter[str] = field(default_factory=Counter)
    intervals: Counter[str] = field(default_factory=Counter)

    @property
    def decided(self) -> float:
        """The part of the contests of which the right winner was named, or a tie that is one."""
        return (self.contests["right"] + self.contests["tie"]) / max(self.contests.total(), 1)

    def coverage(self, name: str) -> float:
        """The part of these intervals that hold the truth."""
        return self.covered[name] / max(self.intervals[name], 1)

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


def simulate(world: World, noise: Noise, policy: Policy, budget_s: float, campaigns: int, looks: int = LOOKS) -> Tally:
    """So many campaigns of this world with this budget, each with noise of its own."""
    tally = Tally()
    fastest: dict[Key, float] = {}
    for case, log in zip(world.cases, world.truth, strict=True):
        fastest[contest_key(case)] = min(fastest.get(contest_key(case), math.inf), float(log))
    for _ in range(campaigns):
        state = State(world, [[] for _ in world.cases])
        noise.begin()
        while len(chosen := policy(state, budget_s - state.elapsed_s)):
            deviations = noise.block(chosen, state.elapsed_s)
            for number, deviation in zip(chosen, deviations, strict=True):
                state.medians[number].append(math.exp(float(world.truth[number] + deviation)))
            state.elapsed_s += float(world.cost_s[list(chosen)].sum())
        _count(tally, state, fastest, looks)
    return tally


def _count(tally: Tally, state: State, fastest: Mapping[Key, float], looks: int) -> None:
    standings = state.standings()
    spreads = spreads_of_medians((each.case, each.medians_s) for each in standings)
    truth = dict(zip(state.world.cases, state.world.truth, strict=True))
    ends = Counter(_ending(each, truth, fastest) for each in ranking(standings, spreads, looks=looks))
    tally.campaigns += 1
    tally.seconds += state.elapsed_s
    tally.contests += ends
    tally.with_wrong += ends["wrong"] + ends["wrong within a tie"] > 0
    for standing in standings:
        medians, log = standing.medians_s, truth[standing.case]
        tally.processes += len(medians)
        methods = {}
        if spreads and medians:
            methods["shrunk"] = shrunk_t_interval(medians, spreads[spread_group(standing.case)])
        if len(medians) > 1:
            methods["plain"] = t_interval(medians)
        for method, (low, high) in methods.items():
            for name in (method, f"{method} {len(medians)}"):
                tally.intervals[name] += 1
                tally.covered[name] += math.log(low) <= log <= math.log(high)


def _ending(contest: Contest, truth: Mapping[Case, np.float64], fastest: Mapping[Key, float]) -> str:
    """How a contest ended: wrong where a case was ruled out that is the fastest."""
    least = fastest[contest_key(contest.best)]
    if any(truth[case] <= least for case in contest.lost):
        return "wrong" if truth[contest.best] - least > TIE_WITHIN else "wrong within a tie"
    if contest.decided == Decision.TIE:
        apart = any(abs(truth[case] - truth[contest.best]) > TIE_WITHIN for case in contest.contenders)
        return "no tie" if apart else "tie"
    return "right" if contest.decided == Decision.SEPARATED else "open"
