"""Simulated campaigns with a time budget, by the real rule: coverage, wrong winners and saved time.

The figures of thousands of campaigns are in docs/thresholds.md#allocation; these few are the same on every machine.
"""

import numpy as np
import pytest

from mnv2bench.case import Case
from mnv2bench.selfcheck.budgets import Model, adaptive, equal, made_up, simulate, sittings

WORLD = made_up(3, 6, np.random.default_rng(1))
BLOCK_S = float(WORLD.cost_s.sum())


def noise(seed=1, **kind):
    return Model(np.random.default_rng(seed), len(WORLD.cases), **{"drift_sd": 0.0, **kind})


@pytest.mark.parametrize("processes", [2, 3, 5, 10])
def test_intervals_of_few_processes_hold_the_truth_as_often_as_they_say(processes):
    tally = simulate(WORLD, noise(), equal, processes * BLOCK_S, 60)
    assert tally.intervals["shrunk"] == 1080
    assert 0.92 <= tally.coverage("shrunk") <= 0.97  # 94 to 95 % of many; of 1,080 it differs by 0.7 %


def test_a_budget_names_no_wrong_winner_in_more_than_a_few_of_a_hundred_campaigns():
    tally = simulate(WORLD, noise(), adaptive, 2 * BLOCK_S, 100)
    assert tally.campaigns == 100
    assert tally.with_wrong <= 5
    assert tally.coverage("shrunk") > 0.91


def test_a_budget_decides_more_in_half_the_time_than_the_same_processes_for_all():
    same_for_all = simulate(WORLD, noise(), equal, 5 * BLOCK_S, 40)
    budget = simulate(WORLD, noise(), adaptive, 2.5 * BLOCK_S, 40)
    assert budget.seconds <= same_for_all.seconds / 2
    assert budget.decided > same_for_all.decided > 0.3


def test_a_bad_night_makes_a_campaign_uncertain_and_not_wrong():
    tally = simulate(WORLD, noise(bad_nights=True, bad_share=1.0), adaptive, 2 * BLOCK_S, 30)
    calm = simulate(WORLD, noise(bad_nights=False), adaptive, 2 * BLOCK_S, 30)
    assert tally.decided < calm.decided
    assert tally.with_wrong <= 3


def test_real_processes_are_drawn_again_with_blocks_kept_together():
    # three blocks, the second 10 % slower for all cases: the deviations of a drawn block are of one block
    measured = [
        (Case(width=width, backend=backend), (ms, 1.1 * ms, ms), 2.0)
        for width, ms in ((0.35, 1.0), (0.5, 2.0), (1.0, 4.0))
        for backend in ("openvino", "litert")
    ]
    world, drawn = sittings(measured, np.random.default_rng(1))
    assert [case.backend for case in world.cases] == ["openvino", "litert"] * 3
    blocks = np.array([drawn.block(range(6), 0.0) for _ in range(50)])
    assert np.ptp(blocks, axis=1) == pytest.approx(0)
    assert len(set(blocks[:, 0].round(6))) == 2


def test_the_same_seed_makes_the_same_campaigns():
    first, second = (simulate(WORLD, noise(seed=4), adaptive, 2 * BLOCK_S, 5) for _ in range(2))
    assert first == second
