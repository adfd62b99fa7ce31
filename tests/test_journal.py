"""The journal: nothing measured is lost, and nothing damaged is believed."""

import json
import os
import re
from datetime import UTC, datetime

import pytest
from msgspec import structs

from mnv2bench.case import Case
from mnv2bench.records import Artifact, Machine, MachineState, Plan, Process, Samples, Weights, replace
from mnv2bench.records.journal import End, Head, Journal, Unusable, lines, load
from mnv2bench.records.machine import machine_to_json
from mnv2bench.records.reading import contents_of, saved_at
from mnv2bench.records.rounds import Round

FIRST, SECOND = Case(backend="fake"), Case(width=0.35, resolution=96, backend="fake")
HEAD = Head((FIRST, SECOND), Plan(processes=2), 7, Weights(), Machine(cores=2, fingerprint="here"))
SAMPLES = Samples(rounds=(Round((1_000_000, 2_000_000), wall_ns=3_000_000, cpu_ns=3_000_000),), open_s=0.5)
PROCESSES = (
    Process(FIRST, 0, 0, 11, "ok", "", 1.5, SAMPLES),
    Process(SECOND, 0, 1, 12, "failed", "worker ended by SIGSEGV", 0.5, Samples()),
    Process(FIRST, 1, 3, 14, "ok", "", 1.25, SAMPLES),
)


@pytest.fixture
def journal(tmp_path):
    """A finished campaign of two cases."""
    journal = Journal(tmp_path / "night.journal.jsonl")
    journal.begin(HEAD)
    journal.artifact(FIRST, Artifact("reference", "abc", 8266, 0.25))
    journal.note(MachineState(load_1min=0.5))
    for process in PROCESSES:
        journal.process(process)
    journal.note(End(parent_peak_rss_bytes=50_000_000))
    return journal


def test_what_was_written_is_loaded_in_the_order_asked_for(journal):
    first, second = load(journal.path)
    assert (first.case, first.plan, first.seed, first.machine) == (FIRST, HEAD.plan, 7, HEAD.machine)
    assert (first.status, first.processes) == ("ok", (PROCESSES[0], PROCESSES[2]))
    assert first.artifact == Artifact("reference", "abc", 8266, 0.25)
    assert (second.case, second.status, second.reason) == (SECOND, "failed", "worker ended by SIGSEGV")
    assert second.artifact is None


@pytest.mark.parametrize(
    ("began", "when"),
    [
        ("2026-11-26T20:30:00+00:00", datetime(2026, 11, 26, 20, 30, tzinfo=UTC)),
        ("", None),
        ("tomorrow", None),
        ("1926-11-26T20:30:00+00:00", None),
    ],
)
def test_the_date_of_a_journal_is_when_its_campaign_began(tmp_path, began, when):
    journal = Journal(tmp_path / "night.journal.jsonl")
    journal.begin(replace(HEAD, began=began))
    assert saved_at(contents_of(journal.path)) == when


def test_every_process_is_one_line(journal):
    assert [line["line"] for line in lines(journal.path)] == ["head", "artifact", "state", *["process"] * 3, "end"]
    assert journal.path.read_bytes().count(b"\n") == 7


def test_resuming_takes_up_what_was_measured(journal):
    again = Journal(journal.path)
    assert again.resume() == HEAD
    assert again.processes == list(PROCESSES)
    assert again.artifacts == {FIRST.id: Artifact("reference", "abc", 8266, 0.25)}


@pytest.mark.parametrize("torn", [b"{", b'{"line":"process","case":"mobilen', b'{"line":"end"}', b"\xff\xfe"])
def test_a_half_written_last_line_is_cut_off_and_the_campaign_goes_on_behind_it(journal, torn):
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole + torn)
    assert len(load(journal.path)[0].processes) == 2  # it is readable before, too
    again = Journal(journal.path)
    again.resume()
    assert journal.path.read_bytes() == whole
    fourth = replace(PROCESSES[0], case=SECOND, number=1, position=4)
    again.process(fourth)
    assert load(journal.path)[1].processes == (PROCESSES[1], fourth)
    assert [line["line"] for line in lines(journal.path)] == ["head", "artifact", "state", *["process"] * 4]


def test_a_campaign_killed_before_its_first_process_is_all_unmeasured(tmp_path):
    journal = Journal(tmp_path / "new.jsonl")
    journal.begin(HEAD)
    assert [(r.status, r.reason[:12]) for r in load(journal.path)] == [("failed", "not measured")] * 2


def saved_file(journal):
    """What pytest-benchmark writes, indented, with the journal's lines in it."""
    saved = {"machine_info": {}, "benchmarks": [], "version": "5.3.1", "mnv2bench": lines(journal.path)}
    return json.dumps(saved, indent=4)


def test_a_pytest_benchmark_file_with_the_lines_in_it_loads_alike(journal, tmp_path):
    saved = tmp_path / "0001_night.json"
    saved.write_text(saved_file(journal))
    assert load(saved) == load(journal.path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe\x80",
        b"[]",
        b"null",
        b"3",
        b'"mnv2bench"',
        b'{"benchmarks": [], "version": "5.3.1"}',
        b'{"mnv2bench": null}',
        b'{"mnv2bench": []}',
        b'{"mnv2bench": [1]}',
        b'{"mnv2bench": [{"line": "end"}]}',
        b'{"mnv2bench": [{"no": "line"}]}',
        b'{"line":"end"}\n',
        b'{"line":"head","schema":1}\n',
        b'{"line":"head"',
        b"[" * 100_000,
    ],
)
def test_a_file_without_records_is_refused_in_one_line_that_names_it(tmp_path, content):
    file = tmp_path / "other.json"
    file.write_bytes(content)
    with pytest.raises(Unusable, match=f"^{re.escape(str(file))} ") as refused:
        load(file)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("path", ["", "missing.json"])
def test_a_folder_and_a_missing_file_are_refused_alike(tmp_path, path):
    with pytest.raises(Unusable, match="cannot be read"):
        load(tmp_path / path)


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ('"status":"ok"', '"status":"gre'),
        ('"status":"ok"', '"status":"great"'),
        ('"durations_ns":"1000000 2000000"', '"durations_ns":"1000000 two"'),
        ('"durations_ns":"1000000 2000000"', '"durations_ns":[1000000,2000000]'),
        ('"process","case":"mobilenet_v2_1.0_224', '"process","case":"mobilenet_v2_1.0_'),
        ('"number":0,', ""),
        ('"number":0', '"weather":"fine","number":0'),
        ('"schema":8', '"schema":"one"'),
        ('"processes":2', '"processes":0'),
    ],
)
def test_a_damaged_line_in_the_middle_is_refused_with_the_files_name(journal, good, bad):
    text = journal.path.read_text()
    assert good in text
    journal.path.write_text(text.replace(good, bad, 1))
    for read in (load, lambda path: Journal(path).resume()):
        with pytest.raises(Unusable, match=f"^{re.escape(str(journal.path))} is damaged ") as refused:
            read(journal.path)
        assert "\n" not in str(refused.value)


def test_a_newer_schema_is_refused_with_the_command_that_mends_it(journal):
    journal.path.write_text(journal.path.read_text().replace('"schema":8', '"schema":9', 1))
    with pytest.raises(Unusable) as refused:
        load(journal.path)
    assert str(refused.value) == f"{journal.path} is of a newer schema than 8: pip install --upgrade mnv2bench"


def test_a_new_campaign_never_writes_over_an_older_one(journal):
    older = journal.path.read_bytes()
    aside = Journal(journal.path).begin(replace(HEAD, seed=8))
    assert (aside.name, aside.read_bytes()) == ("night.journal.1.jsonl", older)
    newer = journal.path.read_bytes()
    assert Journal(journal.path).begin(HEAD).name == "night.journal.2.jsonl"
    assert aside.with_name("night.journal.2.jsonl").read_bytes() == newer
    assert [r.seed for r in load(journal.path)] == [7, 7]


def test_the_first_campaign_moves_nothing_aside_and_makes_its_folder(tmp_path):
    assert Journal(tmp_path / "a" / "b" / "new.jsonl").begin(HEAD) is None
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["new.jsonl"]


def test_a_folder_is_not_moved_aside(tmp_path):
    (tmp_path / "results").mkdir()
    with pytest.raises((Unusable, OSError), match="results"):
        Journal(tmp_path / "results").begin(HEAD)
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_a_device_is_not_moved_aside(tmp_path):
    pipe = tmp_path / "pipe"  # as root, /dev/null would be renamed just so
    os.mkfifo(pipe)
    with pytest.raises((Unusable, OSError), match="pipe"):
        Journal(pipe).begin(HEAD)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert pipe.is_fifo()


def test_resuming_from_a_file_that_is_no_journal_leaves_it_as_it_is(journal, tmp_path):
    saved, notes = tmp_path / "0001_night.json", tmp_path / "notes.txt"
    saved.write_text(saved_file(journal))
    notes.write_text("first line\nlast line, without an end")
    for file in (saved, notes):
        before = file.read_bytes()
        with pytest.raises(Unusable, match=f"^{re.escape(str(file))} "):
            Journal(file).resume()
        assert file.read_bytes() == before


def test_the_head_says_all_that_the_campaign_set_out_to_do(journal):
    head = lines(journal.path)[0]
    assert head == {
        "line": "head",
        "schema": 8,
        "began": "",
        "cases": [FIRST.id, SECOND.id],
        "plan": structs.asdict(HEAD.plan) | {"environment": []},
        "seed": 7,
        "weights": {
            "seed": 0,
            "file": "",
            "content": "seed 0",
            "reading": "",
            "subnormal": None,
            "digits": "",
            "images": "",
            "images_content": "",
        },
        "environment": {**machine_to_json(Machine()), "cores": 2, "fingerprint": "here"},
        "runner": "",
        "networks": [],
    }
