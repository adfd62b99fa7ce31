"""What identical processes and campaigns differ by, and that two identical campaigns are neither faster nor slower."""

import io
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from rich.console import Console

from mnv2bench.case import Case
from mnv2bench.flags import flags
from mnv2bench.machine import this_machine
from mnv2bench.records import Machine, Plan, Process, Samples, Weights, record, replace
from mnv2bench.records.journal import Head, Journal, Unusable
from mnv2bench.records.rounds import Round
from mnv2bench.records.selfcheck import Campaign, IdenticalCampaigns, IdenticalCase, file_of, keep, read
from mnv2bench.regression.judging.change import Difference, changes, difference, interval, judged_together
from mnv2bench.report.floor import UNKNOWN, floor_text
from mnv2bench.selfcheck.identical import aa
from mnv2bench.statistics.doubts import drift_limit
from mnv2bench.statistics.floor import floor

EAGER, ORT = Case(backend="torch_eager"), Case(backend="onnxruntime")
MS = 1_000_000


def identical(case, *campaigns, verdict="same"):
    """A case whose processes have these medians in each campaign, and the logs of them for levels."""
    measured = [Campaign(tuple(map(math.log, medians)), tuple(medians)) for medians in campaigns]
    return IdenticalCase(case.id, tuple(measured), verdict)


def checked(*cases):
    return IdenticalCampaigns(datetime(2026, 11, 26, tzinfo=UTC), None, {}, Plan(processes=2), cases)


def factors(*logs):
    return [math.exp(log) for log in logs]


NOISY = checked(
    identical(EAGER, factors(-0.02, 0.02), factors(0.04, 0.08), verdict="cannot tell"),
    identical(ORT, factors(-0.001, 0.001), factors(-0.001, 0.001)),
)


def test_the_spread_of_processes_is_pooled_within_campaigns_by_backend():
    # squared deviations from each campaign's mean: 4 times 0.02 squared, with a degree of freedom in each campaign
    assert floor(NOISY).process_sd == {
        "torch_eager": pytest.approx(0.02 * math.sqrt(2)),
        "onnxruntime": pytest.approx(0.001 * math.sqrt(2)),
    }


def test_the_spread_of_campaigns_is_what_their_processes_do_not_explain():
    # means 0 and 0.06: variance 0.0018; processes with a variance of 0.0008, two each, explain 0.0004 of it
    found = floor(NOISY)
    assert found.campaign_sd["torch_eager"] == pytest.approx(math.sqrt(0.0014))
    assert found.campaign_sd["onnxruntime"] == 0.0  # equal means: less than the processes explain
    assert found.shared_campaign_sd == pytest.approx(math.sqrt((0.0014 - 1e-6) / 2))
    assert (found.degrees, found.processes) == (2, 2)


def test_a_backend_has_at_least_the_spread_of_all():
    found = floor(NOISY)
    assert found.between(EAGER) == found.campaign_sd["torch_eager"]
    assert found.between(ORT) == found.between(Case(backend="ncnn")) == found.shared_campaign_sd


def test_the_floor_is_of_this_machines_processor_alone():
    found = floor(NOISY)
    for case in (replace(EAGER, device="cuda"), replace(ORT, device="adb:SERIAL")):
        assert found.between(case) == 0.0
        assert found.halves(case) is None
        assert drift_limit(found, case) == 0.02


def test_the_halves_of_a_process_may_differ_by_what_two_processes_do_and_by_two_percent_at_least():
    # 1.96 times sqrt(2) standard deviations: 1.96 * 0.04 = 7.84 % on the log scale
    assert floor(NOISY).halves(EAGER) == pytest.approx(math.expm1(0.0784))
    assert drift_limit(floor(NOISY), EAGER) == pytest.approx(math.expm1(0.0784))
    assert drift_limit(floor(NOISY), ORT) == 0.02
    assert drift_limit(floor(NOISY), Case(backend="ncnn")) == 0.02  # which was not checked
    assert drift_limit(None, EAGER) == 0.02


def test_one_process_a_campaign_says_nothing_of_processes():
    found = floor(checked(identical(EAGER, [1.0], [1.02])))
    assert found.process_sd == {}
    assert found.between(EAGER) == pytest.approx(math.log(1.02) / math.sqrt(2))


def drifted(case, ms):
    rounds = tuple(Round((round(m * MS),) * 10, round(10 * m * MS), round(10 * m * MS)) for m in ms)
    processes = [Process(case, n, n, n, "ok", "", 1.0, Samples(rounds=rounds)) for n in range(2)]
    return record(case, Plan(), Machine(), processes)


def test_a_drift_within_the_floor_is_not_unsteady_and_one_beyond_it_is():
    five, ten = drifted(EAGER, (10, 10, 10.5, 10.5)), drifted(EAGER, (10, 10, 11, 11))
    assert [flag.partition(":")[0] for flag in flags(five)] == ["unsteady"]
    assert flags(five, floor(NOISY)) == ()
    assert flags(ten, floor(NOISY)) == ("unsteady: 2 of 2 processes still drifted, by up to +10.0%",)
    assert [flag.partition(":")[0] for flag in flags(drifted(ORT, (10, 10, 10.5, 10.5)), floor(NOISY))] == ["unsteady"]


def test_compare_judges_unsteady_by_the_floor_too():
    five = drifted(EAGER, (10, 10, 10.5, 10.5))
    (without,), (with_floor,) = changes([five], [five]), changes([five], [five], floor(NOISY))
    assert without.reason == "unsteady in A; unsteady in B"
    assert with_floor.reason == ""


def test_the_floor_in_words():
    assert floor_text(floor(NOISY)) == (
        "A/A floor of 2026-11-26: the medians of two identical campaigns of 2 processes differed by 6.2% in the middle "
        f"of 2 cases and by 6.2% at most ({EAGER.id}); compare called 0 of them slower or faster. Two processes differ "
        "by up to 0.4% to 8.2%, by backend, and unsteady is a drift beyond that, and beyond 2 %."
    )
    assert floor_text(None) == UNKNOWN
    assert "`mnv2bench selfcheck --only aa --save`" in UNKNOWN


# what two campaigns say


def test_what_campaigns_differ_by_widens_the_interval_of_each_case():
    a, b = [0.00, 0.01, 0.02], [0.10, 0.11, 0.12]
    alone, with_floor = difference(a, b), difference(a, b, campaign_sd=0.01, degrees=20)
    assert alone.error == pytest.approx(math.sqrt(2 * 1e-4 / 3))
    assert alone.degrees == pytest.approx(4)
    assert with_floor.mean == alone.mean == pytest.approx(0.1)
    assert with_floor.error == pytest.approx(math.sqrt(2 * 1e-4 / 3 + 2e-4))
    # (2.667e-4) squared over 2 * (3.333e-5) squared / 2 + (2e-4) squared / 20
    assert with_floor.degrees == pytest.approx(22.86, abs=0.01)
    low, high = interval(with_floor)
    assert (low, high) == (pytest.approx(0.1 - 2.0696 * with_floor.error, abs=1e-5), pytest.approx(0.2 - low))


def test_one_case_in_forty_that_stands_out_by_its_own_interval_alone_is_not_called_slower():
    still = [Difference(0.0, 0.01, 8.0)] * 39
    odd = Difference(0.042, 0.01, 8.0)  # its own interval begins at 1.9 %
    assert judged_together([odd]) == ("slower",)
    assert judged_together([odd, *still]) == ("cannot tell",) * 40


def test_forty_cases_that_all_changed_are_all_called_slower():
    assert judged_together([Difference(0.05, 0.01, 8.0)] * 40) == ("slower",) * 40
    assert judged_together([Difference(-0.05, 0.01, 8.0)] * 40) == ("faster",) * 40
    assert judged_together([]) == ()


BACKENDS = (
    "torch_eager",
    "torch_script",
    "torch_compile",
    "torch_aoti",
    "onnxruntime",
    "openvino",
    "litert",
    "executorch",
)
SAVED = [Case(width=w, resolution=r, backend=b) for b in BACKENDS for w, r in ((1.0, 224), (0.35, 96))]
CASES = [*SAVED, *(Case(width=w, resolution=160, backend=b) for b in BACKENDS for w in (0.5, 0.75, 1.3))]
PROCESSES = 5


class Simulated:
    """The virtual machine of the page of thresholds: cases in thirds, t tails, a shift that a campaign shares."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        kind = self.random.integers(0, 3, len(CASES))
        self.process_sd = np.array([0.003, 0.009, 0.015])[kind][:, None]
        self.campaign_sd = np.array([0.0025, 0.005, 0.01])[kind][:, None]

    def campaign(self):
        shared, own = (
            0.005 * self.random.standard_normal(),
            self.campaign_sd * self.random.standard_normal((len(CASES), 1)),
        )
        tails = self.random.standard_t(5, (len(CASES), PROCESSES)) / math.sqrt(5 / 3)
        return -5 + shared + own + self.process_sd * tails

    def floor(self):
        both = self.campaign(), self.campaign()
        cases = [
            IdenticalCase(case.id, tuple(Campaign(tuple(c[n]), tuple(np.exp(c[n]))) for c in both), "same")
            for n, case in enumerate(SAVED)
        ]
        return floor(checked(*cases))


def verdicts(a, b, machine_floor):
    return judged_together(
        [
            difference(list(a[n]), list(b[n]), machine_floor.between(case), machine_floor.degrees)
            for n, case in enumerate(CASES)
        ]
    )


def test_two_identical_campaigns_of_forty_cases_are_neither_faster_nor_slower_and_ten_percent_is_seen():
    assert len(CASES) == 40
    alarmed = seen = 0
    for seed in range(200):
        simulated = Simulated(seed)
        machine_floor = simulated.floor()
        a, b = simulated.campaign(), simulated.campaign()
        alarmed += not {"slower", "faster"}.isdisjoint(verdicts(a, b, machine_floor))
        b[:4] += math.log(1.1)
        seen += sum(verdict == "slower" for verdict in verdicts(a, b, machine_floor)[:4])
    assert alarmed < 0.05 * 200
    assert seen > 0.85 * 4 * 200


# the check and the verbs that read what it kept

FAKE = Case(width=0.35, resolution=96, backend="fake")
BRIEF = Plan(processes=2, rounds=1, round_s=0.02, warmup_s=0.0, warmup_cap_rounds=1)


def test_the_check_measures_two_campaigns_and_keeps_them_with_what_else_the_file_holds(tmp_path):
    printed = Console(file=io.StringIO(), width=300)
    missing = replace(FAKE, backend="openvino", precision="fp16")
    assert aa(BRIEF, printed, tmp_path, (FAKE, missing))
    machine = this_machine().fingerprint
    kept = read(tmp_path, machine).aa
    assert [case.case for case in kept.cases] == [FAKE.id]
    assert [len(campaign.levels) for campaign in kept.cases[0].campaigns] == [2, 2]
    assert all(1e-6 < s < 10 for campaign in kept.cases[0].campaigns for s in campaign.medians_s)
    assert (kept.plan, kept.libraries["torch"]) == (BRIEF, this_machine().libraries["torch"])
    assert kept.cases[0].verdict in ("same", "slower", "faster", "cannot tell")
    text = printed.file.getvalue()
    assert f"{missing.id}: left out: " in text
    assert "A/A floor of " in text
    assert f"kept: {tmp_path / machine / 'selfcheck.json'}" in text


def test_without_save_nothing_is_kept_and_without_a_case_the_check_fails(tmp_path):
    printed = Console(file=io.StringIO(), width=300)
    assert not aa(BRIEF, printed, None, (replace(FAKE, backend="openvino", precision="fp16"),))
    assert "nothing was measured in both campaigns" in printed.file.getvalue()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_refused_before_anything_is_measured(tmp_path):
    path = file_of(tmp_path, this_machine().fingerprint)
    path.parent.mkdir(parents=True)
    path.write_text("{")
    with pytest.raises(Unusable, match=r"selfcheck\.json is damaged"):
        aa(BRIEF, Console(file=io.StringIO()), tmp_path, (FAKE,))
    assert path.read_text() == "{"


def test_save_without_a_check_that_is_kept_is_bad_input(command):
    ran = command("mnv2bench", "selfcheck", "--only", "overhead", "--save")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr == "mnv2bench: --save keeps what aa and allocator measured: name --only aa\n"


@pytest.fixture
def journal(tmp_path):
    """A file of a drifting case, of a machine named example, and the folder of results."""
    journal = Journal(tmp_path / "a.jsonl")
    of_case = drifted(EAGER, (10, 10, 10.5, 10.5))
    journal.begin(Head((EAGER,), Plan(), 0, Weights(), Machine(fingerprint="example")))
    for process in of_case.processes:
        journal.process(process)
    return journal.path, tmp_path / "results"


def test_report_and_compare_name_the_floor_and_judge_by_it(journal, command):
    file, results = journal
    keep(results, "example", aa=NOISY)
    ran = command("mnv2bench", "report", str(file), "--results", str(results))
    assert ran.returncode == 0
    page = file.with_name("a.md").read_text()
    assert "A/A floor of 2026-11-26: the medians of two identical campaigns" in page
    assert "still drifted" not in page
    ran = command("mnv2bench", "compare", str(file), str(file), "--results", str(results))
    assert ran.returncode == 0
    assert "A/A floor of 2026-11-26" in " ".join(ran.stdout.split())
    assert "unsteady in A" not in ran.stdout


def test_without_a_floor_report_and_compare_say_how_to_measure_one(journal, command):
    file, results = journal
    ran = command("mnv2bench", "report", str(file), "--results", str(results))
    assert ran.returncode == 0
    page = file.with_name("a.md").read_text()
    assert "No A/A floor is kept of this machine, so that unsteady is a drift of over 2 %." in page
    assert "unsteady: 2 of 2 processes still drifted, by up to +5.0%" in page
    ran = command("mnv2bench", "compare", str(file), str(file), "--results", str(results))
    assert "unsteady in A; unsteady in B" in " ".join(ran.stdout.split())
    assert "`mnv2bench selfcheck --only aa --save` measures" in " ".join(ran.stdout.split())


@pytest.mark.parametrize("verb", ["report", "compare"])
def test_a_damaged_floor_is_refused_by_name(journal, command, verb):
    file, results = journal
    keep(results, "example", aa=NOISY)
    path = file_of(results, "example")
    path.write_text(path.read_text()[:-20])
    files = [str(file)] * (2 if verb == "compare" else 1)
    ran = command("mnv2bench", verb, *files, "--results", str(results))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"mnv2bench: {path} is damaged")
    assert ran.stderr.count("\n") == 1


def test_a_fingerprint_from_a_file_names_no_path(tmp_path):
    keep(tmp_path / "elsewhere", "example", aa=NOISY)
    assert read(tmp_path / "results", "../elsewhere/example").aa is None
    assert read(tmp_path, "").aa is None
