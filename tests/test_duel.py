"""Duels in real processes: two interpreters, one of them slowed by a known amount, and every way to fall out."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from saved_nights import process

from mnv2bench import Case
from mnv2bench.campaign import child
from mnv2bench.records import Plan, record
from mnv2bench.records.journal import lines, load
from mnv2bench.regression.duels import confirm, side
from mnv2bench.workers.programs import Answer, Envelope

pytestmark = pytest.mark.slow

CALM, SLOW, CRASHING = (Case(width=0.35, resolution=resolution, backend="fake") for resolution in (96, 64, 32))
CRASH = {"MNV2BENCH_FAKE": "mobilenet_v2_0.35_32=segfault"}
BRIEF = ("--rounds", "1")


@pytest.fixture(scope="module")
def fought(command, tmp_path_factory):
    """One case alike, one 15 % slower on the new side, and one that crashes on both."""
    from mnv2bench.selfcheck.duels import slower

    folder = tmp_path_factory.mktemp("duel")
    launcher = slower(sys.executable, {SLOW: 30_000}, folder)  # of 200,000 ns
    out = folder / "out"
    cases = [case.id for case in (CALM, SLOW, CRASHING)]
    sides = ("--old", sys.executable, "--new", launcher)
    ran = command("mnv2bench", "duel", *cases, *sides, *BRIEF, "--out", str(out), "--markdown", f"{out}.md", **CRASH)
    ran.out, ran.sides = out, sides
    return ran


def journal(out, name):
    return out.with_name(f"{out.name}.{name}.jsonl")


def processes(out, name):
    return [line for line in lines(journal(out, name)) if line["line"] == "process"]


def rows(said):
    return {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.strip().startswith("mobilenet")}


# what it says


def test_what_is_slower_is_a_regression_and_what_is_alike_is_cleared(fought):
    assert (fought.returncode, fought.stderr) == (1, "")
    found = rows(fought.stdout)
    assert found[SLOW.id][0] == "REGRESSION"
    assert float(found[SLOW.id][1]) == pytest.approx(1.15, abs=0.02)
    assert found[CALM.id][0] == "cleared"
    assert float(found[CALM.id][1]) == pytest.approx(1.0, abs=0.02)


def test_a_case_that_crashes_has_no_ratio_and_says_why(fought):
    found = rows(fought.stdout)[CRASHING.id]
    assert found[0] == "inconclusive"
    assert " ".join(found[-7:]) == "0 old: failed: worker ended by SIGSEGV"


def test_environments_with_the_same_distributions_are_said_to_be_alike(fought):
    assert "Old and new have the same distributions in the same versions, at the same commit." in fought.stdout


def test_the_page_has_the_table_and_both_interpreters(fought):
    page = Path(f"{fought.out}.md").read_text()
    assert f"- old: {sys.executable}" in page
    assert f"| {SLOW.id} " in page
    assert page.count("| mobilenet_v2_0.35_") == 3


# how it was measured


def test_both_sides_are_ordinary_journals_of_their_own_environment(fought):
    for name in ("old", "new"):
        records = load(journal(fought.out, name))
        assert [record.case for record in records] == [CALM, SLOW, CRASHING]
        assert [record.status for record in records][:2] == ["ok", "ok"]
        assert all(samples.error == 0.0 for record in records[:2] for samples in record.samples)


def test_pairs_run_back_to_back_in_abba_order_and_each_case_once_before_any_twice(fought):
    done = [
        (p["position"], name, p["case"], p["number"]) for name in ("old", "new") for p in processes(fought.out, name)
    ]
    order = [entry[1:] for entry in sorted(done) if entry[2] != CRASHING.id]
    pairs = [order[place : place + 2] for place in range(0, len(order), 2)]
    assert len(pairs) == 12
    for (first, case, number), (second, other, same) in pairs:
        assert (case, number) == (other, same)
        assert (first, second) == (("old", "new") if number % 2 == 0 else ("new", "old"))
    assert [pair[0][2] for pair in pairs] == [number for number in range(6) for _ in range(2)]


def test_both_processes_of_a_pair_have_the_same_seed_and_no_other_pair_has_it(fought):
    seeds = [{(p["case"], p["number"]): p["seed"] for p in processes(fought.out, name)} for name in ("old", "new")]
    both = seeds[0].keys() & seeds[1].keys()
    assert len(both) == 12
    assert all(seeds[0][pair] == seeds[1][pair] for pair in both)
    assert len({seeds[0][pair] for pair in both}) == 12


def test_a_case_that_fell_out_is_not_measured_again(fought):
    tries = [p for name in ("old", "new") for p in processes(fought.out, name) if p["case"] == CRASHING.id]
    assert len(tries) == 1


def test_the_interpreters_and_their_distributions_are_written_down(fought):
    (noted,) = [line for line in lines(journal(fought.out, "old")) if line["line"] == "side"]
    assert noted["interpreter"] == sys.executable
    assert noted["distributions"]["torch"].startswith("2.")


def test_compare_reads_the_two_journals_as_well(fought, command):
    ran = command("mnv2bench", "compare", str(journal(fought.out, "old")), str(journal(fought.out, "new")))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.search(r"1\.1[3-7]\d", ran.stdout)
    assert "not compared" in ran.stdout  # the case that crashed


# going on


def test_an_interrupted_duel_goes_on_with_resume_and_measures_only_what_is_missing(fought, command, tmp_path):
    out = tmp_path / "out"
    for name in ("old", "new"):
        shutil.copy(journal(fought.out, name), journal(out, name))
    kept = journal(out, "new").read_bytes().splitlines(keepends=True)
    places = [n for n, line in enumerate(kept) if line.startswith(b'{"line":"process"')]
    journal(out, "new").write_bytes(b"".join(kept[: places[-1]]) + kept[places[-1]][:100])
    cases = [case.id for case in (CALM, SLOW, CRASHING)]
    words = (*fought.sides, *BRIEF, "--out", str(out), "--resume")
    ran = command("mnv2bench", "duel", *cases, *words, **CRASH)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert processes(out, "old") == processes(fought.out, "old")
    assert processes(out, "new")[:-1] == processes(fought.out, "new")[:-1]
    assert len(processes(out, "new")) == len(processes(fought.out, "new"))


def test_a_resumed_duel_is_looked_at_after_the_planned_pairs_and_not_after_all_that_it_holds(monkeypatch):
    """Fifteen pairs are there: the first six are 15 % slower, and say so; what came after them is not asked."""
    sides = [[process(CALM, n, n, ms) for n, ms in enumerate(took)] for took in ([0.2] * 15, [0.23] * 6 + [0.2] * 9)]
    old, new = (record(CALM, Plan(), {}, side) for side in sides)
    corners = [SimpleNamespace(records=lambda kept=side: (kept,)) for side in (old, new)]
    monkeypatch.setattr(confirm, "measure_pairs", lambda *asked: True)
    duel = SimpleNamespace(cases=(CALM,), old=corners[0], new=corners[1], stopped={})
    answer = confirm.confirm(duel)[CALM]
    assert (answer.judged.verdict, answer.judged.pairs, answer.reason) == ("REGRESSION", 6, "")
    assert answer.judged.ratio == pytest.approx(1.15)


def test_resuming_another_duel_is_refused(fought, command):
    words = (*fought.sides, *BRIEF, "--out", str(fought.out), "--resume", "--seed", "5")
    ran = command("mnv2bench", "duel", CALM.id, *words)
    assert ran.returncode == 2
    assert ran.stderr.startswith("mnv2bench: the interrupted campaign had other cases")


def test_ctrl_c_says_how_to_go_on(started, tmp_path, wait_for):
    out = tmp_path / "out"
    words = (CALM.id, CRASHING.id, "--old", sys.executable, *BRIEF, "--out", str(out))
    running = started("mnv2bench", "duel", *words, MNV2BENCH_FAKE="mobilenet_v2_0.35_32=hang")
    wait_for(lambda: journal(out, "new").exists())
    worker = started.worker(running)
    running.send_signal(signal.SIGINT)
    said, complaint = running.communicate(timeout=60)
    assert (running.returncode, complaint) == (130, "")
    assert f"interrupted: the same command with --resume goes on from {out}.old.jsonl and {out}.new.jsonl" in said
    assert wait_for(lambda: not worker.is_running())


def test_a_spent_budget_leaves_the_rest_inconclusive_and_no_case_unmentioned(command, tmp_path):
    words = (CALM.id, SLOW.id, "--old", sys.executable, *BRIEF, "--out", str(tmp_path / "out"), "--budget", "0.0001")
    ran = command("mnv2bench", "duel", *words)
    assert ran.returncode == 3
    found = rows(ran.stdout)
    assert {found[case.id][0] for case in (CALM, SLOW)} == {"inconclusive"}
    assert ran.stdout.count("the budget is spent") == 2


def test_what_is_alike_is_no_failure(command, tmp_path):
    words = (CALM.id, "--old", sys.executable, *BRIEF, "--out", str(tmp_path / "out"))
    ran = command("mnv2bench", "duel", *words)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert rows(ran.stdout)[CALM.id][0] in ("cleared", "inconclusive")  # on a busy machine 30 pairs may not tell


# environments that cannot take part


def refused(command, *words):
    ran = command("mnv2bench", "duel", *words)
    assert ran.returncode == 2
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.stderr), ran.stderr
    return ran.stderr


def test_an_interpreter_that_is_not_there_is_bad_input(command, tmp_path):
    said = refused(command, CALM.id, "--old", "/no/such/python", "--out", str(tmp_path / "out"))
    assert "there is no interpreter /no/such/python: give the path of an environment's bin/python" in said
    assert list(tmp_path.iterdir()) == []


def test_an_environment_without_mnv2bench_is_told_how_to_get_it(command, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)
    bare = str(tmp_path / "bare" / "bin" / "python")
    said = refused(command, CALM.id, "--old", bare, "--out", str(tmp_path / "out"))
    assert "No module named 'mnv2bench'" in said
    assert said.endswith(f"{bare} -m pip install --upgrade mnv2bench\n")


def test_what_is_no_interpreter_is_bad_input(command, tmp_path):
    said = refused(command, CALM.id, "--old", "/bin/false", "--out", str(tmp_path / "out"))
    assert "/bin/false cannot duel" in said


def test_a_worker_of_another_contract_refuses_the_job(monkeypatch):
    monkeypatch.setattr(child, "CONTRACT", 9)
    why = "it speaks contract 8 of workers, the duel speaks 9; install one version of mnv2bench on both sides"
    with pytest.raises(ValueError, match=f"cannot duel .*{why}.*: .*pip install --upgrade mnv2bench$"):
        side.side(sys.executable, (), side.Weights())


def test_a_side_of_an_older_contract_is_told_in_the_words_that_it_reads():
    """Contract 3 read its job at the top of the file; `contract`, `parent` and `outcome` are there in every one."""
    envelope = json.loads(msgspec.json.encode(Envelope(1, "outcome.json", 5, msgspec.Raw(b"{}"))))
    assert envelope == {"parent": 1, "outcome": "outcome.json", "contract": 5, "job": {}}
    old = b'{"status": "failed", "reason": "it speaks contract 3 of workers, the duel speaks 4", "measured": {}}'
    answer = msgspec.json.decode(old, type=Answer)
    assert (answer.status, answer.reason) == ("failed", "it speaks contract 3 of workers, the duel speaks 4")


def test_a_checkout_that_one_stands_in_is_not_what_is_measured(tmp_path, monkeypatch):
    (tmp_path / "mnv2bench").mkdir()
    (tmp_path / "mnv2bench" / "__init__.py").write_text("raise SystemExit('the wrong checkout')")
    monkeypatch.chdir(tmp_path)
    found = side.side(sys.executable, (), side.Weights())
    assert found.distributions["mnv2bench"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["not-a-case"], "'not-a-case' is not a case id such as mobilenet_v2_1.0_224-b1-torch_eager-cpu-fp32-t1"),
        (["--backends", "tensorflow"], "backend 'tensorflow' is not one of"),
        (["--budget", "-1"], "--budget '-1' is no number with one of the units s, m, min, h: write 90s, 10m or 1h"),
        (["--rounds", "0"], "rounds must be at least 1, not 0"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(command, tmp_path, words, said):
    assert said in refused(command, *words, "--old", sys.executable, "--out", str(tmp_path / "out"))
    assert list(tmp_path.iterdir()) == []
