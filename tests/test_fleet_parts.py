"""The parts of a fleet without a network: who measures what, what is unlike, and journals that arrive in pieces."""

import io
import json
import re

import pytest
from saved_nights import samples

from mnv2bench.case import Case
from mnv2bench.fleet import bench, kept, unit
from mnv2bench.fleet.agreement import clock_remarks, differences, likeness
from mnv2bench.fleet.kept import Share, new_campaign
from mnv2bench.fleet.lanes import requests
from mnv2bench.fleet.mirror import Mirror, mirror_path
from mnv2bench.fleet.placement import heirs, placed, seconds
from mnv2bench.fleet.unit import Envelope, Inventory, Lines, Opening, Preparing, Refusal, Refused, Unit, head_digest
from mnv2bench.records import Artifact, Machine, Plan, Process, Weights, replace
from mnv2bench.records.encoding import parse_case
from mnv2bench.records.journal import Head, Journal, load
from mnv2bench.terminal import FleetDisplay

FAKE = Case(width=0.35, resolution=96, backend="fake")
CASES = tuple(replace(FAKE, resolution=resolution) for resolution in (96, 128, 160, 192))
BRIEF = Plan(processes=2, rounds=1)
MISSING = Refusal("unavailable", "fake is not installed")


def inventory(name, fingerprint="epyc-2c", seconds=None, refused=(), clock_s=1000.0, **facts):
    """A machine that needs so many seconds for the four cases, or 10 s for each."""
    machine = Machine(fingerprint=fingerprint, python="3.11", libraries={"torch": "2.12.0"}, **facts)
    times = dict(zip(CASES, seconds or (10.0,) * 4, strict=True))
    return Inventory(
        name,
        f"{name}.local",
        machine,
        clock_s,
        {case.id: MISSING for case in refused},
        {case.id: times[case] for case in CASES if case not in refused},
    )


# placement


def test_machines_of_one_fingerprint_share_the_cases_so_that_they_end_together():
    machines = [inventory("ann", seconds=(40, 10, 20, 10)), inventory("bob", seconds=(40, 10, 20, 10))]
    of_machine = placed(machines, CASES)
    assert of_machine == {"ann": (CASES[0],), "bob": CASES[1:]}
    assert [seconds(machine, of_machine[machine.name]) for machine in machines] == [40, 40]


def test_machines_of_other_fingerprints_each_measure_every_case_that_they_can():
    machines = [inventory("ann"), inventory("pi", "cortex-4c", refused=CASES[:1])]
    assert placed(machines, CASES) == {"ann": CASES, "pi": CASES[1:]}


def test_machines_of_one_fingerprint_with_unlike_software_share_nothing():
    other = inventory("bob")
    other = replace(other, machine=replace(other.machine, libraries={"torch": "2.11.0"}))
    assert placed([inventory("ann"), other], CASES) == {"ann": CASES, "bob": CASES}


def test_with_each_machine_none_shares():
    assert placed([inventory("ann"), inventory("bob")], CASES, each_machine=True) == {"ann": CASES, "bob": CASES}


def test_a_case_goes_to_the_machine_that_has_what_it_needs():
    machines = [inventory("ann", refused=CASES[:3]), inventory("bob", refused=CASES[3:])]
    assert placed(machines, CASES) == {"ann": CASES[3:], "bob": CASES[:3]}


def test_a_case_that_no_machine_can_run_goes_to_the_first_one_which_says_why():
    machines = [inventory("ann", refused=CASES[:1]), inventory("pi", "cortex-4c", refused=CASES[:1])]
    assert placed(machines, CASES) == {"ann": CASES, "pi": CASES[1:]}


def test_the_cases_of_a_lost_machine_go_to_those_of_its_fingerprint_that_can_run_them():
    machines = [inventory("bob", refused=CASES[:1]), inventory("pi", "cortex-4c")]
    lost = likeness(inventory("ann").machine)
    assert heirs(machines, lost, CASES[:2]) == {"bob": CASES[1:2]}
    assert heirs(machines[1:], lost, CASES) == {}


def test_a_machine_has_the_blocks_that_it_would_have_alone():
    campaign = new_campaign(CASES, BRIEF, 3, Weights()).with_shares({"ann": Share("epyc-2c", (CASES[0].id,))})
    work = requests(campaign, "ann", CASES[:3], 0.0, [case.id for case in CASES[:3]])
    assert [type(request) for request in work[:2]] == [Opening, Preparing]
    units = [(request.case, request.number) for request in work if isinstance(request, Unit)]
    first, second = units[:3], units[3:]
    assert {number for _, number in first} == {0} and {number for _, number in second} == {1}
    assert [case for case, _ in second] == [case for case, _ in reversed(first)]  # every other block is reversed
    assert {case for case, _ in first} == {case.id for case in CASES[:3]}


# what is unlike


def test_unlike_software_is_named_and_unlike_hardware_is_not():
    old = inventory("bob", "cortex-4c", commit="a" * 40, cpu_model="Cortex")
    old = replace(old, machine=replace(old.machine, libraries={"torch": "2.11.0", "onnx": "1.23"}))
    rows = {row.name: dict(row.values) for row in differences([inventory("ann", commit="b" * 40 + "+"), old])}
    assert rows == {
        "mnv2bench, commit": {"ann": "b" * 12 + "+", "bob": "a" * 12},
        "torch": {"ann": "2.12.0", "bob": "2.11.0"},
        "onnx": {"ann": "-", "bob": "1.23"},
    }
    assert differences([inventory("ann"), inventory("bob", "cortex-4c")]) == ()


def test_a_clock_that_is_off_by_more_than_a_minute_is_named():
    machines = [inventory("ann", clock_s=1059.0), inventory("bob", clock_s=1000.0 - 86_400), inventory("eve")]
    assert clock_remarks(machines, 1000.0, 1001.0) == [
        "the clock of bob is 24.0 hours behind: nothing is timed by it, and the dates in its journal are this machine's"
    ]


# what travels


def test_a_request_of_another_version_is_refused_in_one_line():
    request = unit.packed(Unit("0" * 16, "ann", FAKE.id, 0))
    assert unit.unpacked(request) == Unit("0" * 16, "ann", FAKE.id, 0)
    other = json.loads(request) | {"contract": 1}
    refusal = json.loads(bench.answer(json.dumps(other).encode()))
    assert refusal["type"] == "Refused"
    assert "has contract" in refusal["reason"] and "that of the fleet 1: install one version" in refusal["reason"]


@pytest.mark.parametrize("name", ["../bob", "bob/eve", ".bob", "", "b\nob", "b" * 64])
def test_a_name_that_could_lead_to_another_file_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="is no name of a machine"):
        mirror_path(tmp_path / "night.jsonl", name)
    with pytest.raises(ValueError, match="is no name of a machine"):
        bench.journal_path("0" * 16, name)


def test_a_campaign_that_could_lead_to_another_file_is_refused():
    answer = unit.unpacked_answer
    for request in (Unit("../../etc", "ann", FAKE.id, 0), Preparing("", "ann", 0.0)):
        with pytest.raises(ValueError, match="names no campaign of a fleet"):
            answer(bench.answer(unit.packed(request)), Lines)
    assert json.loads(bench.answer(b"\x80\x04."))["type"] == "Refused"  # a pickle is not even looked at
    assert Envelope.__struct_fields__ == ("contract", "schema", "request")


def test_an_answer_of_another_sort_is_refused():
    with pytest.raises(ValueError, match="answered with Lines, not with Inventory"):
        unit.unpacked_answer(unit.packed_answer(Lines("", 0, "")), Inventory)
    with pytest.raises(ValueError, match="the disk is full"):
        unit.unpacked_answer(unit.packed_answer(Refused("the disk is full")), Lines)


# journals that arrive in pieces


@pytest.fixture
def written(tmp_path):
    """A journal on a machine, in the pieces in which it grew: its head, and a line for each of two processes."""
    journal = Journal(tmp_path / "machine" / "ann.jsonl")
    journal.begin(Head((FAKE,), BRIEF, 0, Weights(), Machine(cpu_model="Example CPU", cores=2)))
    pieces = [journal.path.read_bytes()]
    for number in (0, 1):
        journal.process(Process(FAKE, number, number, 0, "ok", "", 10.0, samples(1.0)))
        pieces.append(journal.path.read_bytes()[sum(map(len, pieces)) :])
    return pieces


def lines(pieces, number):
    """The answer with one of the pieces."""
    return Lines(head_digest(pieces[0]), sum(map(len, pieces[:number])), pieces[number].decode())


def test_a_journal_at_home_is_what_the_machine_has_written(written, tmp_path):
    mirror = Mirror(mirror_path(tmp_path / "night.jsonl", "ann"))
    assert mirror.path == tmp_path / "night.ann.jsonl"
    assert mirror.replace(lines(written, 0)) is None
    assert mirror.add(lines(written, 1)) and mirror.add(lines(written, 2))
    assert mirror.path.read_bytes() == b"".join(written)
    assert [len(record.processes) for record in load(mirror.path)] == [2]


def test_a_piece_that_is_not_the_next_one_is_not_appended_and_all_is_taken_then(written, tmp_path):
    mirror = Mirror(tmp_path / "night.ann.jsonl")
    mirror.replace(lines(written, 0))
    assert not mirror.add(lines(written, 2))
    assert not mirror.add(replace(lines(written, 1), head="of another journal"))
    assert mirror.path.read_bytes() == written[0]
    everything = Lines(head_digest(written[0]), 0, b"".join(written).decode())
    assert mirror.replace(everything) is None
    assert mirror.path.read_bytes() == b"".join(written)


def test_a_journal_keeps_what_was_measured_of_cases_that_go_to_another_machine(tmp_path):
    mirror = Mirror(tmp_path / "night.bob.jsonl")
    journal = Journal(mirror.path)
    journal.begin(Head(CASES[:3], BRIEF, 0, Weights(), Machine(cpu_model="Example CPU", cores=2)))
    for case in CASES[:3]:
        journal.artifact(case, Artifact("reference", f"key of {case.id}", 10, 1.0, "ab" * 32))
    for number in (0, 1):
        journal.process(Process(CASES[number], 0, number, 0, "ok", "", 10.0, samples(1.0)))
    assert mirror.without([CASES[1].id, CASES[2].id]) == {CASES[2].id}
    assert [(record.case, len(record.processes)) for record in load(mirror.path)] == [(CASES[0], 1), (CASES[1], 1)]
    assert Mirror(tmp_path / "night.eve.jsonl").without([CASES[1].id]) == {CASES[1].id}


def test_a_journal_without_any_process_whose_cases_all_go_is_removed(tmp_path):
    mirror = Mirror(tmp_path / "night.bob.jsonl")
    Journal(mirror.path).begin(Head(CASES[:1], BRIEF, 0, Weights(), Machine(cpu_model="Example CPU", cores=2)))
    mirror.without([CASES[0].id])
    assert not mirror.path.exists()


def test_nothing_that_only_home_has_is_ever_written_over(written, tmp_path):
    mirror = Mirror(tmp_path / "night.ann.jsonl")
    mirror.replace(Lines(head_digest(written[0]), 0, b"".join(written).decode()))
    aside = mirror.replace(lines(written, 0))  # the machine's cache was emptied
    assert aside == tmp_path / "night.ann.1.jsonl"
    assert aside.read_bytes() == b"".join(written)
    assert mirror.path.read_bytes() == written[0]


def test_what_are_no_lines_of_a_journal_is_refused_and_not_written(written, tmp_path):
    mirror = Mirror(tmp_path / "night.ann.jsonl")
    mirror.replace(lines(written, 0))
    for text in ("rubbish\n", '{"line": "process"', "[]\n"):
        with pytest.raises(ValueError, match="no lines of a journal"):
            mirror.add(replace(lines(written, 1), text=text))
    assert mirror.path.read_bytes() == written[0]


def test_a_file_that_is_no_journal_is_not_written_over(written, tmp_path):
    (tmp_path / "night.ann.jsonl").write_text("my notes\n")
    with pytest.raises(FileExistsError, match="is not a journal"):
        Mirror(tmp_path / "night.ann.jsonl").replace(lines(written, 0))


# the file of the campaign


def test_a_campaign_is_read_again_as_it_was_written_and_another_command_does_not_go_on_with_it(tmp_path):
    out = tmp_path / "night.jsonl"
    campaign = new_campaign(CASES, BRIEF, 3, Weights()).with_shares({"ann": Share("epyc-2c", (CASES[0].id,))})
    assert kept.read(out) is None
    assert kept.begin(out, campaign) is None
    assert kept.read(out) == campaign
    assert kept.read(out).shares["ann"].due == (parse_case(CASES[0].id),)
    kept.require_same(campaign, new_campaign(CASES, BRIEF, 3, Weights()))
    with pytest.raises(ValueError, match="the interrupted campaign had other seed"):
        kept.require_same(campaign, new_campaign(CASES, BRIEF, 4, Weights()))
    assert kept.begin(out, replace(campaign, seed=5)) == tmp_path / "night.fleet.1.jsonl"


@pytest.mark.parametrize("text", ["{}", '{"fleet": 1}', "notes", ""])
def test_a_file_that_is_no_campaign_is_named_in_one_line(tmp_path, text):
    (tmp_path / "night.fleet.json").write_text(text)
    with pytest.raises(ValueError, match=r"night\.fleet\.json is no campaign of a fleet \("):
        kept.read(tmp_path / "night.jsonl")


# what a person reads meanwhile


def test_a_line_for_each_machine_fits_a_terminal_of_80_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    text = io.StringIO()
    text.isatty = lambda: True
    with FleetDisplay(text) as display:
        display("ann", "exporting [red]onnx[/red] for a network with a name that is longer than any terminal", 0, 30)
        display("raspberry-pi-4", CASES[0].id, 3, 30)
        display("ann", CASES[1].id, 1, 30)
        display("ann", "ann is lost: it left the fleet", 0, 0)
    colourless = re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue())
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\n", colourless).replace("\r", "\n").splitlines()
    assert max(map(len, shown)) <= 80
    assert "[red]onnx[/red]" in text.getvalue()
    assert any(line.startswith("raspberry-pi-4") and " 3/30" in line for line in shown)
    assert any("ann is lost: it left the fleet" in line for line in shown)


def test_in_a_log_each_machine_has_its_own_lines():
    text = io.StringIO()
    with FleetDisplay(text) as display:
        display("ann", "begins", 0, 2)
        display("bob", "begins", 0, 2)
        display("ann", CASES[0].id, 1, 2)  # within ten seconds
        display("ann", "done", 2, 2)
    assert (
        text.getvalue() == "ann: 0 of 2 processes; begins\nbob: 0 of 2 processes; begins\nann: 2 of 2 processes; done\n"
    )
