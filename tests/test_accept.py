"""mnv2bench accept: what a person says of a change, checked against the nights and written down."""

import json
import re
from datetime import datetime

import pytest

from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Machine, Plan, Process, Samples, Weights
from mnv2bench.records.journal import Head, Journal
from mnv2bench.records.rounds import Round
from mnv2bench.regression.history import Verdict, epochs, verdicts

MS = 1_000_000
MACHINE = "example-cpu-2c-752de294"
SMALL, LARGE, BROKEN = (Case(width=0.35, resolution=resolution, backend="fake") for resolution in (96, 128, 160))
ROUND = Round((MS,) * 10, 10 * MS, 10 * MS)
WHEN = "2026-11-30T04:00:00+00:00"


def save(results, name, day, commit="070d53b", machine=MACHINE):
    """A night as pytest-benchmark saves it: two cases that ran, and one that did not."""
    journal = Journal(results / "journal.jsonl")
    libraries = {"torch": "2.13.0", "openvino": "2026.4.0"}
    facts = Machine(fingerprint=machine, commit=commit, libraries=libraries)
    journal.begin(Head((SMALL, LARGE, BROKEN), Plan(processes=1), 0, Weights(), facts))
    for position, case in enumerate((SMALL, LARGE)):
        journal.process(Process(case, 0, position, 0, "ok", "", 1.0, Samples(rounds=(ROUND,) * 4)))
    journal.process(Process(BROKEN, 0, 2, 0, "failed", "worker ended by SIGSEGV", 1.0, Samples()))
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    journal.path.unlink()
    file = results / machine / "Linux-CPython-3.11-64bit" / f"{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"datetime": f"2026-11-{day:02}T03:00:00+00:00", "benchmarks": [], "mnv2bench": lines}))


@pytest.fixture
def results(tmp_path):
    """Three nights, and a later one of another series."""
    place = tmp_path / "results"
    for number in (1, 2, 3):
        save(place, f"000{number}_nightly", number, commit=f"{number}" * 7)
    save(place, "0004_published", 4)
    return place


@pytest.fixture
def accept(results, monkeypatch, verb):
    """The verb with these results."""

    def run(*words, **variables):
        machine = () if "--fingerprint" in words else ("--fingerprint", MACHINE)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return verb("accept", *words, *machine, "--results", results)

    return run


def written(results):
    return epochs.read(results / MACHINE / "epochs.toml")


def said(results, night, **words):
    """said(results, "0002_nightly", small="REGRESSION"): what the gate wrote of a night."""
    cases = {"small": SMALL.id, "large": LARGE.id}
    verdicts.append(results / MACHINE / "verdicts.jsonl", night, WHEN, [Verdict(cases[k], v) for k, v in words.items()])


def refused(ran, text, results):
    assert (ran.returncode, ran.out) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.err), ran.err
    assert text in ran.err
    assert written(results) == ()


WHY = ("--why", "OpenVINO 2026.4 is meant", "--who", "Ada")


def test_the_newest_night_of_the_series_is_accepted_with_its_commit_and_libraries(accept, results):
    ran = accept("--all", *WHY)
    assert (ran.returncode, ran.err) == (0, "")
    (epoch,) = written(results)
    assert (epoch.night, epoch.cases, epoch.who, epoch.why) == (
        "0003_nightly",
        ("*",),
        "Ada",
        "OpenVINO 2026.4 is meant",
    )
    assert (epoch.commit, epoch.libraries) == ("3333333", {"torch": "2.13.0", "openvino": "2026.4.0"})
    assert datetime.fromisoformat(epoch.when).utcoffset().total_seconds() == 0
    file = results / MACHINE / "epochs.toml"
    block = file.read_text().partition("\n\n")[2]
    assert ran.out == f"written to {file}:\n\n{block}\n"


def test_cases_are_accepted_by_name_and_once(accept, results):
    assert accept(LARGE.id, SMALL.id, LARGE.id, "--night", "0001_nightly", *WHY).returncode == 0
    assert accept(SMALL.id, "--night", "0004_published", *WHY).returncode == 0
    assert [(epoch.night, epoch.cases) for epoch in written(results)] == [
        ("0001_nightly", (LARGE.id, SMALL.id)),
        ("0004_published", (SMALL.id,)),
    ]


def test_another_series_has_another_newest_night(accept, results):
    assert accept("--all", "--series", "published", *WHY).returncode == 0
    assert written(results)[0].night == "0004_published"


def test_this_machine_is_meant_where_none_is_named(command, tmp_path):
    here = this_machine().fingerprint
    save(tmp_path, "0001_nightly", 1, machine=here)
    ran = command("mnv2bench", "accept", "--all", *WHY, "--results", str(tmp_path))
    assert (ran.returncode, ran.stderr) == (0, "")
    assert (tmp_path / here / "epochs.toml").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (WHY, "name the cases whose change is accepted, or --all of them"),
        ((SMALL.id, "--all", *WHY), "name the cases whose change is accepted, or --all of them"),
        (("--all", "--who", "Ada"), "--why takes one line of plain text"),
        (("--all", "--why", "  ", "--who", "Ada"), "--why takes one line of plain text"),
        (("--all", "--why", "two\nlines", "--who", "Ada"), "--why takes one line of plain text"),
        (("--all", "--why", "colour \x1b[31m", "--who", "Ada"), "--why takes one line of plain text"),
        (("--all", "--why", "x", "--who", "A\nB"), "--who takes one line of plain text"),
        (("*", *WHY), "'*' is no case of 0003_nightly: `mnv2bench history` lists them"),
        (("mobilenet\n", *WHY), "'mobilenet' is no case of 0003_nightly"),
        ((BROKEN.id, *WHY), f"{BROKEN.id} is failed in 0003_nightly, so there is no speed to accept: fix it first"),
        (("--all", "--night", "0009_nightly", *WHY), "no night '0009_nightly' in "),
        (
            ("--all", "--night", "../0001_nightly", *WHY),
            "name one of 0004_published; 0003_nightly; 0002_nightly; 0001_",
        ),
        (
            ("--all", "--series", "weekly", *WHY),
            "no night of the series 'weekly' (there: nightly; published): name --se",
        ),
        (("--all", "--fingerprint", "..", *WHY), f"(there: {MACHINE}): name --fingerprint"),
    ],
    ids=range(14),
)
def test_what_is_not_there_or_not_said_is_refused(accept, results, words, text):
    refused(accept(*words), text, results)


def test_no_results_are_no_nights(command, tmp_path):
    ran = command("mnv2bench", "accept", "--all", *WHY, "--results", str(tmp_path / "none"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "(there: none): name --fingerprint" in ran.stderr


# who


def test_gits_user_accepts_where_nobody_is_named(accept, results, tmp_path):
    config = tmp_path / "gitconfig"
    config.write_text("[user]\nname = Ada Lovelace\nemail = ada@example.org\n")
    ran = accept("--all", "--why", "x", GIT_CONFIG_GLOBAL=str(config), GIT_CONFIG_COUNT="0", GIT_DIR=str(tmp_path))
    assert (ran.returncode, ran.err) == (0, "")
    assert written(results)[0].who == "Ada Lovelace <ada@example.org>"


def test_the_systems_user_accepts_where_git_names_nobody(accept, results):
    assert accept("--all", "--why", "x", PATH="/nowhere", USER="ada").returncode == 0
    assert written(results)[0].who == "ada"


def test_nobody_accepts_nothing(accept, results):
    refused(accept("--all", "--why", "x", PATH="/nowhere", USER=""), "give --who, or git config user.name", results)


# open changes


def test_a_part_is_not_accepted_while_another_confirmed_change_is_open(accept, results):
    said(results, "0002_nightly", small="REGRESSION", large="IMPROVEMENT")
    refused(accept(SMALL.id, *WHY), f"is confirmed and open ({LARGE.id}): accept that too, or fix it first", results)
    assert accept(SMALL.id, LARGE.id, *WHY).returncode == 0


def test_all_may_be_accepted_whatever_is_open(accept, results):
    said(results, "0002_nightly", small="REGRESSION", large="IMPROVEMENT")
    assert accept("--all", *WHY).returncode == 0


def test_what_was_cleared_or_accepted_since_stands_in_nobodys_way(accept, results):
    said(results, "0001_nightly", large="REGRESSION")
    said(results, "0002_nightly", small="REGRESSION", large="cleared")
    assert accept(SMALL.id, "--night", "0002_nightly", *WHY).returncode == 0
    said(results, "0003_nightly", large="REGRESSION")
    assert accept(LARGE.id, *WHY).returncode == 0
    assert len(written(results)) == 2


def test_a_change_of_a_later_night_than_the_accepted_one_stays_open_and_is_told(accept, results):
    said(results, "0003_nightly", small="REGRESSION")
    ran = accept(SMALL.id, "--night", "0002_nightly", *WHY)
    assert ran.returncode == 0
    assert f"\nstill open, since a later night: {SMALL.id}: REGRESSION\n" in ran.out


@pytest.mark.parametrize("commit", [None, "070d53b+"])
def test_a_night_of_files_that_no_commit_holds_says_so(accept, results, commit):
    save(results, "0005_nightly", 5, commit=commit)
    ran = accept("--all", *WHY)
    assert ran.returncode == 0
    assert ran.out.endswith("its environment cannot be built again exactly\n")
    assert written(results)[0].commit == commit


@pytest.mark.parametrize("name", ["epochs.toml", "verdicts.jsonl"])
def test_a_damaged_file_stops_it_and_is_named(accept, results, name):
    (results / MACHINE / name).write_text("<<<<<<< HEAD\n")
    ran = accept("--all", *WHY)
    assert (ran.returncode, ran.out) == (2, "")
    assert f"{name} is damaged" in ran.err
    assert (results / MACHINE / name).read_text() == "<<<<<<< HEAD\n"
