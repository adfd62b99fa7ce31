"""The verb `fleet` over real machines: processes on loopback, each with a cache and locks of its own, by TLS."""

import itertools
import os
import signal
import time

import pytest
from fleet_double import Programs

from mnv2bench.campaign.schedule import blocks
from mnv2bench.fleet import kept
from mnv2bench.fleet.bench import journal_path
from mnv2bench.records.journal import Journal, lines, load

pytestmark = pytest.mark.slow

SELECTION = ("--widths", "0.35", "--threads", "1", "--rounds", "1", "--suites", "latency", "--no-accuracy")
CASES = [f"mobilenet_v2_0.35_{side}-b1-fake-cpu-fp32-t1" for side in (32, 40, 48, 56)]


@pytest.fixture
def fleet(tmp_path):
    """A fleet of ann and bob, which have one fingerprint, and its client: fleet.measure("--processes", "2")."""
    with Programs(tmp_path) as programs:
        programs.scheduler, programs.place = programs.serve()
        cache = os.environ["MNV2BENCH_CACHE"]  # of all tests, so that each file is exported once
        programs.machines = {
            name: programs.join(name, programs.place, MNV2BENCH_CACHE=cache) for name in ("ann", "bob")
        }
        for _ in programs.machines:
            programs.scheduler.line("has joined")

        def measure(*words, sides="32,40,48,56", **variables):
            options = ("--scheduler", programs.place, "--key", programs.key, "--backends", "fake", *SELECTION)
            return programs.start("home", "fleet", *options, "--resolutions", sides, *words, **variables)

        programs.measure = measure
        yield programs


def journal(fleet, name):
    """The journal of a machine at home."""
    return fleet.folder / "home" / f"mnv2bench.{name}.jsonl"


def measured(fleet, name):
    """The cases and numbers of the processes that stand in a machine's journal at home; none where there is none."""
    path = journal(fleet, name)
    if not path.exists():
        return []
    steps = [line for line in lines(path) if line["line"] == "process"]
    assert all(line["status"] == "ok" for line in steps)
    return [(line["case"], line["number"]) for line in steps]


def wait_for_processes(fleet, least):
    """Wait until so many processes stand in the journals at home."""
    end = time.monotonic() + 60
    while sum(len(measured(fleet, name)) for name in fleet.machines) < least:
        assert time.monotonic() < end
        time.sleep(0.1)


def test_machines_that_are_alike_share_the_cases_and_each_has_its_journal(fleet):
    client = fleet.measure("--processes", "2", "--seed", "3", "--devices", "cpu,tpu", sides="32,40,48")
    assert client.ended() == 1  # nothing of the device tpu was measured
    of_machine = {name: lines(journal(fleet, name))[0]["cases"] for name in ("ann", "bob")}
    on_cpu = {name: [case for case in cases if "-cpu-" in case] for name, cases in of_machine.items()}
    assert sorted(itertools.chain(*on_cpu.values())) == CASES[:3]
    assert {len(cases) for cases in on_cpu.values()} == {1, 2}
    campaign = kept.read(fleet.folder / "home" / "mnv2bench.jsonl").fleet
    for name, cases in on_cpu.items():
        assert journal(fleet, name).read_bytes() == journal_path(campaign, name).read_bytes()
        records = {record.case.id: (record.status, record.reason) for record in load(journal(fleet, name))}
        assert {records[case] for case in cases} == {("ok", "")}
        due = [(case, number) for number, block in enumerate(blocks(of_machine[name], 2, 3)) for case in block]
        of_cpu = [step for step in due if step[0] in cases]
        steps = [(p["case"], p["number"]) for p in lines(journal(fleet, name)) if p["line"] == "process"]
        assert [step for step in steps if step[0] in cases] == of_cpu  # as the machine would have measured alone
        assert lines(journal(fleet, name))[-1]["line"] == "end"
    (first,) = [name for name, cases in of_machine.items() if any("-tpu-" in case for case in cases)]
    refused = [record for record in load(journal(fleet, first)) if record.case.device == "tpu"]
    assert [(r.status, r.reason) for r in refused] == 3 * [
        ("unsupported", "fake runs on cpu and cuda here, not on tpu")
    ]
    assert "Traceback" not in "\n".join(client.lines)


def test_a_machine_that_goes_is_named_and_its_cases_begin_anew_on_one_like_it(fleet):
    client = fleet.measure("--processes", "2", "--give-up", "2s")
    wait_for_processes(fleet, 2)
    fleet.machines["bob"].kill()
    assert client.ended() == 1
    before = measured(fleet, "bob")
    (sentence,) = [line for line in client.lines if line.startswith("bob is lost")][-1:]
    assert "begin anew on ann" in sentence
    assert not any(line.startswith("bob: failed") for line in client.lines)  # what moved is measured, on ann
    complete = {case for case, _ in before if len([other for other, _ in before if other == case]) == 2}
    if before:
        assert {record.status for record in load(journal(fleet, "bob"))} == {"ok"}  # no row for what ann has measured
    by_ann = measured(fleet, "ann")
    assert {case for case, _ in by_ann} | complete == set(CASES)
    assert len(by_ann) == 2 * len({case for case, _ in by_ann})
    assert "Traceback" not in "\n".join(client.lines)


def test_ctrl_c_says_how_to_go_on_and_resume_measures_the_rest(fleet):
    client = fleet.measure("--processes", "3")
    wait_for_processes(fleet, 2)
    client.process.send_signal(signal.SIGINT)
    assert client.ended() == 130
    assert "--resume goes on from mnv2bench.jsonl" in client.lines[-1]
    killed = fleet.measure("--processes", "3", "--resume")
    wait_for_processes(fleet, 5)
    killed.kill()
    before = {name: measured(fleet, name) for name in fleet.machines}
    fleet.scheduler.kill()
    fleet.scheduler, fleet.place = fleet.serve(fleet.place.removeprefix("tls://"))
    fleet.scheduler.line("2 in the fleet")
    last = fleet.measure("--processes", "3", "--resume")
    assert last.ended() == 0, last.lines
    for name in fleet.machines:
        after = measured(fleet, name)
        assert after[: len(before[name])] == before[name]  # nothing was measured twice, and nothing was lost
        assert len(set(after)) == len(after)
        assert Journal(journal(fleet, name)).read()[1]
    assert sorted(measured(fleet, "ann") + measured(fleet, "bob")) == [(c, n) for c in CASES for n in range(3)]
    assert fleet.measure("--processes", "2", "--resume").ended() == 2
