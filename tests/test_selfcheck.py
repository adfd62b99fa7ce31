"""The gate's self-checks: virtual nights by the real rule, real pairs drawn again, and duels of known slowdowns."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from mnv2bench import Case
from mnv2bench.records import Plan, replace
from mnv2bench.regression.judging.series import TAIL
from mnv2bench.selfcheck import Options, duels
from mnv2bench.selfcheck.duels import replay
from mnv2bench.selfcheck.nights import OF_TAILS, Model, Sittings, simulate, sittings
from mnv2bench.statistics.intervals import clopper_pearson

pytestmark = pytest.mark.slow

FAKES = tuple(Case(width=0.35, resolution=resolution, backend="fake") for resolution in (64, 96))
BRIEF = Plan(processes=300, rounds=1, round_s=0.05, warmup_s=0.05, warmup_cap_s=0.1)


def listening():
    return Console(file=io.StringIO(), width=300)


def test_virtual_nights_of_thirty_cells_raise_no_alarm_and_find_five_percent():
    """The rate is 1 of 400 nights at 300 cells (docs/gate.md); these thirty are the same on every machine."""
    random = np.random.default_rng(2)
    tally = simulate(Model(random, each=10), 30, random)
    assert (tally.nights, tally.alarmed) == (30, 0)
    assert {kind for kind, _ in tally.attempts} == {"quiet", "medium", "noisy"}
    assert set(tally.attempts.values()) == {30}
    assert tally.detected["quiet", "+5%"] >= 28
    assert tally.detected["medium", "+5%"] >= 27
    assert tally.detected["noisy", "+5%"] >= 22
    assert tally.pairs >= 6 * tally.cells_measured > 0


def test_virtual_nights_of_thirty_tails_raise_no_alarm_and_find_a_tail_that_is_longer_by_a_half():
    """The rate and the power at 300 cells are in docs/gate.md; these thirty are the same on every machine."""
    random = np.random.default_rng(20261126)
    tally = simulate(Model(random, each=10, spread=OF_TAILS), 20, random, TAIL)
    assert (tally.nights, tally.alarmed) == (20, 0)
    assert min(tally.detected[noise, "+50%"] for noise in ("quiet", "medium", "noisy")) >= 19
    assert min(tally.detected[noise, "+20%"] for noise in ("quiet", "medium", "noisy")) >= 17
    assert 0.14 < np.median(tally.detectable["quiet"]) < np.median(tally.detectable["noisy"]) < 0.22


def test_the_same_seed_makes_the_same_nights():
    first, second = (simulate(Model(r, each=5), 5, r) for r in (np.random.default_rng(4), np.random.default_rng(4)))
    assert first == second


def test_the_models_noise_has_the_spread_that_it_says():
    model = Model(np.random.default_rng(2), each=2000)
    night = model.night()
    assert not model.bad
    assert model.classes[0] == "quiet"
    spread = [night[:, 2000 * place : 2000 * (place + 1)].std() for place in range(3)]
    # night and process sd together: 0.39, 1.03 and 1.80 %
    assert spread == pytest.approx([0.0039, 0.0103, 0.0180], rel=0.1)


def pair_file(tmp_path, sd=0.004, drift=0.0):
    random = np.random.default_rng(3)
    rows = [
        {"case": case, "pair": pair, "old": -5 + drift * pair + a, "new": -5 + drift * pair + b}
        for case in ("one", "two", "three")
        for pair, (a, b) in enumerate(random.normal(0, sd, (30, 2)))
    ]
    path = tmp_path / "pairs.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    return path


def test_real_pairs_are_drawn_again_in_whole_sittings_and_make_quiet_nights(tmp_path):
    random = np.random.default_rng(5)
    real = sittings(pair_file(tmp_path), random)
    assert real.classes == ("one", "three", "two") * 4
    assert real.night().shape == (5, 12)
    assert simulate(real, 20, random).alarmed == 0


def test_what_sittings_share_stays_shared_by_the_cells_of_a_copy():
    levels = np.arange(20.0)[:, None] + np.zeros((20, 2))
    night = Sittings(np.random.default_rng(0), levels, levels, ("one", "two")).night()
    assert (night[:, 0] == night[:, 1]).all()
    assert set(np.diff(night[:, 0]) % 20) == {1.0}


def test_a_file_without_pairs_says_what_writes_them(tmp_path):
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match=r"no\.csv holds no pairs .*: selfcheck --only duels --out NAME writes them"):
        sittings(tmp_path / "no.csv", np.random.default_rng(0))


def test_none_of_sixty_nights_proves_no_more_than_it_does():
    assert clopper_pearson(0, 60) == pytest.approx((0.0, 0.0596), abs=0.0001)  # two-sided; 4.9 % one-sided
    assert clopper_pearson(59, 59)[0] == pytest.approx(0.939, abs=0.001)


def test_pairs_that_were_measured_before_are_judged_as_they_would_have_been():
    assert replay([0.03, 0.031, 0.029] * 4, 8) == "REGRESSION"
    assert replay([0.0, 0.001, -0.001] * 4, 8) == "cleared"
    assert replay([0.03, -0.03] * 6, 8) == "inconclusive"
    assert replay([0.03] * 5, 8) == "too few"


def test_two_environments_that_nobody_named_are_asked_for():
    with pytest.raises(ValueError, match="name --old PYTHON and --new PYTHON"):
        Options().pythons()


def test_a_known_slowdown_of_one_side_is_found_and_none_is_invented(monkeypatch, tmp_path):
    monkeypatch.setattr(duels, "CELLS", FAKES)
    monkeypatch.setattr(duels, "PLAN", BRIEF)
    monkeypatch.setattr(duels, "SIZES", (0.0, 0.2))
    said = listening()
    assert duels.injections((sys.executable, sys.executable), 1, tmp_path / "out", False, 2, said)
    text = said.file.getvalue()
    sizes = [line.split(": ")[1].split(" injected")[0] for line in text.splitlines() if "injected" in line]
    verdicts = [line.rsplit(": ", 1)[1] for line in text.splitlines() if "injected" in line]
    assert sorted(zip(sizes, verdicts, strict=True)) == [("+0%", "cleared"), ("+20%", "REGRESSION")]


def test_a_cell_that_was_not_measured_is_no_success_of_the_injections(monkeypatch, tmp_path):
    monkeypatch.setattr(duels, "CELLS", FAKES)
    monkeypatch.setattr(duels, "PLAN", BRIEF)
    monkeypatch.setattr(duels, "SIZES", (0.0, 0.2))
    monkeypatch.setattr(duels, "calibrated", lambda measured_side: dict.fromkeys(FAKES, 2e-4))
    monkeypatch.setenv("MNV2BENCH_FAKE", "mobilenet_v2_0.35_64=segfault,mobilenet_v2_0.35_96=segfault")
    said = listening()
    assert not duels.injections((sys.executable, sys.executable), 1, tmp_path / "out", False, 2, said)
    assert "injections: a cell was not measured on both sides" in said.file.getvalue()


def test_identical_environments_are_told_with_their_spread_and_their_pairs_are_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(duels, "CELLS", FAKES)
    monkeypatch.setattr(duels, "BACKENDS", ("fake",))
    monkeypatch.setattr(duels, "PLAN", replace(BRIEF, processes=6))
    said = listening()
    assert duels.alike((sys.executable, sys.executable), 5.0, tmp_path / "out", said)
    text = said.file.getvalue()
    assert "duels: A/A of 2 cells, 6 pairs each: as duels of up to 30 pairs {'cleared': 2}" in text
    assert "as sittings of 6 pairs 0 of 1 with an alarm" in text
    assert text.count("sd of log ratios") == 2
    kept = pd.read_csv(tmp_path / "out.csv")
    assert list(kept.columns) == ["case", "pair", "old", "new"]
    assert len(kept) == 12


def test_too_few_pairs_say_how_to_go_on(monkeypatch, tmp_path):
    monkeypatch.setattr(duels, "CELLS", FAKES)
    with pytest.raises(ValueError, match=r"0 pairs of each cell are too few: .* --minutes"):
        duels.alike((sys.executable, sys.executable), 0.0, tmp_path / "out", listening())


def test_a_loaded_core_is_loaded_for_the_share_that_was_asked(wait_for):
    import psutil

    with duels.loaded_core(0.3):
        hog = wait_for(lambda: [c for c in psutil.Process().children() if "0.3" in c.cmdline()])[0]
        assert wait_for(lambda: hog.cpu_times().user > 0.2)
    assert not hog.is_running()
