"""What is said of a machine that is busy, on battery, slowed or changing, from real files and real load."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, Patience, run
from mnv2bench.campaign.patience import idle_limit_s, other_load, settled_load
from mnv2bench.machine import governors, on_battery, state, turbo
from mnv2bench.records import MachineState
from mnv2bench.records.journal import Journal, states
from mnv2bench.statistics.conditions import conditions

FAKE = Case(width=0.35, resolution=96, backend="fake")
BRIEF = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
RUN = ("mnv2bench", "run", "--suites", "latency", "--backends", "fake", "--widths", "0.35", "--resolutions", "96")
SHORT = (*RUN, "--threads", "1", "--processes", "1", "--rounds", "1", "--quiet")


@pytest.fixture
def busy():
    """More threads that spin than this machine has cores."""
    spinning = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range((os.cpu_count() or 1) + 1)]
    yield
    for process in spinning:
        process.kill()
        process.wait()


def files(folder, **texts):
    for name, text in texts.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return folder


# load


def test_the_load_of_other_programs_is_seen_within_a_second(busy):
    assert other_load(1.0) > 0.9


def test_a_campaign_waits_for_an_idle_machine_no_longer_than_it_may_and_says_so(busy):
    messages = []
    load = settled_load(1.5, lambda message, *step: messages.append(message))
    assert load > 0.9
    assert len(messages) == 1
    assert messages[0].startswith("waiting up to 1.5 s for an idle machine: load ")


def test_a_busy_machine_stands_in_the_record_the_terminal_and_the_headline_of_the_page(busy, command, tmp_path):
    out = tmp_path / "out.jsonl"
    ran = command("mnv2bench", *SHORT[1:-1], "--no-wait", "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    (first, *later) = states(out)
    assert first.other_load > 0.25
    assert [state.other_load for state in later] == [None]
    assert f"Where the time went (busy: load {first.other_load:.1f}" in ran.stdout
    assert command("mnv2bench", "report", str(out)).returncode == 0
    (page,) = tmp_path.glob("*.md")
    headline = page.read_text().splitlines()[2]  # one process has no interval: nothing can be chosen by it
    assert headline.startswith("**DO NOT USE: ")
    assert f"busy: load {first.other_load:.1f}" in headline


def test_the_seconds_of_waiting_are_60_or_those_of_the_variable(monkeypatch):
    assert idle_limit_s() == Patience().idle_s == 0.0  # of these tests
    monkeypatch.setenv("MNV2BENCH_IDLE_S", "2.5")
    assert Patience().idle_s == 2.5
    monkeypatch.delenv("MNV2BENCH_IDLE_S")
    assert Patience().idle_s == 60.0


@pytest.mark.parametrize("text", ["soon", "-1", "nan", "inf"])
def test_a_variable_that_is_no_duration_is_bad_input(command, tmp_path, text):
    ran = command(*SHORT, "--out", str(tmp_path / "out.jsonl"), MNV2BENCH_IDLE_S=text)
    assert ran.returncode == 2
    assert ran.stderr == (
        f"mnv2bench: MNV2BENCH_IDLE_S is a number of seconds from 0, not {text!r}: correct it, or unset it\n"
    )
    assert list(tmp_path.iterdir()) == []


# power


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, None),
        ({"AC__type": "Mains", "AC__online": "1"}, None),
        ({"AC__type": "Mains", "AC__online": "1", "BAT0__type": "Battery", "BAT0__status": "Charging"}, False),
        ({"AC__type": "Mains", "AC__online": "0", "BAT0__type": "Battery", "BAT0__status": "Discharging"}, True),
        ({"AC__type": "Mains", "AC__online": "0", "BAT0__type": "Battery", "BAT0__status": "Unknown"}, True),
        ({"BAT0__type": "Battery", "BAT0__status": "Discharging"}, True),
        ({"BAT0__type": "Battery", "BAT0__status": "Full"}, False),
        ({"mouse__type": "Battery", "mouse__status": "Discharging", "mouse__scope": "Device"}, None),
    ],
)
def test_a_machine_is_on_battery_where_its_own_supplies_say_so(tmp_path, texts, expected):
    assert on_battery(files(tmp_path, **texts)) is expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({}, None),
        ({"intel_pstate__no_turbo": "0"}, True),
        ({"intel_pstate__no_turbo": "1"}, False),
        ({"cpufreq__boost": "1"}, True),
        ({"cpufreq__boost": "0"}, False),
    ],
)
def test_turbo_is_what_the_driver_says(tmp_path, texts, expected):
    assert turbo(files(tmp_path, **texts)) is expected


def test_the_governors_of_all_cores_are_named_once(tmp_path):
    assert governors(tmp_path) is None
    names = {"cpu0": "performance", "cpu1": "powersave", "cpu2": "performance"}
    folder = files(tmp_path, **{f"{cpu}__cpufreq__scaling_governor": name for cpu, name in names.items()})
    assert governors(folder) == "performance, powersave"


def test_the_state_of_this_machine_can_be_read():
    here = state()
    assert here.on_battery in (None, False, True)
    assert here.turbo in (None, False, True)


# words


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ([MachineState()], ()),
        ([MachineState(other_load=0.25, on_battery=False, governor="performance", turbo=True)] * 2, ()),
        ([MachineState(other_load=3.14), MachineState()], ("busy: load 3.1",)),
        ([MachineState(), MachineState(on_battery=True)], ("on battery",)),
        ([MachineState(governor="performance, powersave")], ("governor powersave",)),
        ([MachineState(turbo=True), MachineState(turbo=False)], ("turbo changed",)),
    ],
)
def test_what_is_unusual_has_a_word(seen, words):
    assert conditions(seen) == words


def test_a_journal_keeps_the_states_of_a_resumed_campaign_too(tmp_path):
    journal = tmp_path / "out.jsonl"
    run(Campaign((FAKE,), Journal(journal), BRIEF))
    first, last = states(journal)
    assert first.other_load is not None
    assert last.other_load is None
    assert Path(journal).exists()
