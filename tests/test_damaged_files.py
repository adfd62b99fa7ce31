"""Files are never believed: what is not exactly a file of ours is refused by name, within seconds and little memory."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnv2bench.case import Case
from mnv2bench.files import source_names
from mnv2bench.profiling.lines import profiles
from mnv2bench.records import Artifact, Machine, MachineState, Memory, Plan, Process, Samples, Weights
from mnv2bench.records.journal import End, Head, Journal, Unusable, load, load_saved
from mnv2bench.records.rounds import Round

FIRST, SECOND = Case(backend="fake"), Case(width=0.35, resolution=96, backend="fake")
STRANGER = Case(backend="ncnn")
MS = 1_000_000
ROUND = Round((MS,) * 3, 3 * MS, 3 * MS, 0, 0, 0, minor_faults=0, system_ns=0)
SAMPLES = Samples((ROUND,), (ROUND,) * 4, 0.25, 0.5, 0.5, True, 0.03, Memory(10, 20, 30, 50, 40), 2e-6, 0.5)
PLAN = Plan(processes=2)


@pytest.fixture
def journal(tmp_path):
    """A finished campaign of two cases, in two processes each."""
    written = Journal(tmp_path / "night.jsonl")
    written.begin(Head((FIRST, SECOND), PLAN, 7, Weights(), Machine(cores=2, fingerprint="here")))
    written.artifact(FIRST, Artifact("reference", "abc", 8266, 0.25))
    written.note(MachineState(load_1min=0.5))
    for position, (case, number) in enumerate([(FIRST, 0), (SECOND, 0), (SECOND, 1), (FIRST, 1)]):
        written.process(Process(case, number, position, 11, "ok", "", 1.5, SAMPLES))
    written.note(End(50_000_000))
    return written.path


def lines_of(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()]


def rewritten(journal, lines):
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return journal


def refused(path):
    with pytest.raises(Unusable) as refusal:
        load(path)
    message = str(refusal.value)
    assert message.startswith(f"{path} ") and "\n" not in message
    return message.removeprefix(f"{path} ")


HEAD, ARTIFACT, STATE, PROCESS, END = 0, 1, 2, 3, 7


def test_the_file_of_these_tests_is_whole(journal):
    assert [(record.status, len(record.processes)) for record in load(journal)] == [("ok", 2), ("ok", 2)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda lines: lines.insert(4, lines[PROCESS]), f"line 5: process 0 of {FIRST.id} stands in it twice"),
        (lambda lines: lines[6].update(number=7), "line 7: process 7 of a plan of 2, which begins at 0"),
        (lambda lines: lines.pop(PROCESS), f"line 6: process 1 of {FIRST.id} comes where 0 is due"),
        (lambda lines: lines.pop(6), f"it has an end, and 1 of the 2 processes of {FIRST.id})"),
        (lambda lines: lines[PROCESS].update(case=STRANGER.id), f"line 4: {STRANGER.id} is no case of this campaign"),
        (lambda lines: lines[ARTIFACT].update(case=STRANGER.id), f"line 2: {STRANGER.id} is no case of this campaign"),
        (lambda lines: lines.insert(1, lines[HEAD]), "line 2: a second head: a file holds one campaign"),
        (lambda lines: lines.append(lines.pop(HEAD)), "line 1: it does not begin with the head of a campaign"),
        (lambda lines: lines[HEAD].update(environment={}), "line 1: it does not say which machine measured"),
        (lambda lines: lines[HEAD].pop("environment"), "line 1: a HeadLine without the field 'environment'"),
        (lambda lines: lines[HEAD].update(cases=[FIRST.id] * 2), f"line 1: the case {FIRST.id} stands in it twice"),
        (lambda lines: lines[6].update(position=0), "line 7: position 0 stands in it twice"),
        (lambda lines: lines.append(lines[PROCESS]), "line 9: a line 'process' behind the end"),
        (lambda lines: lines.append(lines[END]), "line 9: a line 'end' behind the end"),
        (lambda lines: lines.insert(3, lines[END]), "line 5: a line 'process' behind the end"),
        (lambda lines: lines.insert(3, {"line": "weather"}), "line 4: 'weather' is no line of ours"),
        (lambda lines: lines.insert(2, lines[ARTIFACT] | {"bytes": 1}), f"line 3: a second artifact of {FIRST.id}"),
        (lambda lines: lines[STATE].update(load_1min="high"), "line 3: Expected `float | null`, got `str`"),
        (lambda lines: lines[HEAD].update(schema=0), "line 1: there is no schema 0"),
        (lambda lines: lines[HEAD].update(schema=6), "line 1: a HeadLine with the unknown field 'began'"),
        (lambda lines: lines[HEAD]["plan"].pop("budget_s"), "line 1: a Plan without the field 'budget_s'"),
        (lambda lines: lines[HEAD]["weights"].pop("digits"), "line 1: a Weights without the field 'digits'"),
        (lambda lines: lines[PROCESS]["samples"].pop("layers"), "line 4: a Samples without the field 'layers'"),
        (lambda lines: lines[PROCESS].pop("wall_s"), "line 4: a ProcessLine without the field 'wall_s'"),
        (lambda lines: lines[PROCESS]["samples"]["rounds"][0].pop("major_faults"), "line 4: a Round without the field"),
        (lambda lines: lines[HEAD]["environment"].update(cores="two"), "line 1: Expected `int | null`, got `str`"),
        (lambda lines: lines[HEAD]["environment"].update(sun=1), "line 1: a Machine with the unknown field 'sun'"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_stand_where_it_does_is_refused_with_its_number(journal, change, says):
    lines = lines_of(journal)
    change(lines)
    assert refused(rewritten(journal, lines)).startswith(f"is damaged ({says}")


IN_ROUND = ("samples", "rounds", 1)


@pytest.mark.parametrize(
    ("place", "values", "says"),
    [
        (IN_ROUND, {"cpu_ns": -1e9}, "Expected `int`, got `float`"),
        (IN_ROUND, {"cpu_ns": 10**15}, "cpu_ns is more than a round of 3000000 ns can have"),
        (IN_ROUND, {"cpu_ns": 2_000_000_000}, "a round with 2000000000 ns of CPU time in 3000000 ns on 2 cores"),
        (IN_ROUND, {"wall_ns": 1e15}, "Expected `int`, got `float`"),
        (IN_ROUND, {"wall_ns": 10**15}, "a process of 1.5 s that measured for 1e+06 s"),
        (IN_ROUND, {"wall_ns": 10**30}, "Expected `int` <= 9223372036854775807"),
        (IN_ROUND, {"wall_ns": 2 * MS}, "a round longer than its wall time"),
        (IN_ROUND, {"wall_ns": True}, "Expected `int`, got `bool`"),
        (IN_ROUND, {"durations_ns": "1000000  1000000"}, "Expected `array`, got `str`"),
        (IN_ROUND, {"durations_ns": "1000000,1000000"}, "Expected `array`, got `str`"),
        (IN_ROUND, {"system_ns": 200 * MS}, "a round in which the kernel worked longer than all of the CPU time"),
        (IN_ROUND, {"steal_ns": -1}, "Expected `int` >= 0"),
        (("samples",), {"open_s": -5}, "Expected `float` >= 0.0"),
        (("samples",), {"open_s": 90.0, "cold": False}, "a process of 1.5 s that measured for 90"),
        (("samples",), {"first_s": 7}, "a process of 1.5 s that measured for 7"),
        (("samples",), {"cold_open_s": None}, "it opened cold, and cold_open_s does not say how long that took"),
        (("samples",), {"cold_open_s": 0.25}, "it opened cold, and cold_open_s is not its open_s"),
        (("samples",), {"settings": ["threads"]}, "Expected `object`, got `array`"),
        (("samples",), {"error": 0.001}, "it is ok with an error of 0.001, where fp32 may have 0.0001"),
        (("samples",), {"separation": 3}, "Expected `float` <= 2.0"),
        (("samples",), {"rounds": []}, "it is ok without rounds"),
        (("samples", "memory"), {"peak": 10}, "memory.floor is more than memory.peak"),
        (("samples", "memory"), {"loaded": 12}, "memory.floor is more than memory.loaded"),
        (("samples", "memory"), {"interpreter": 2**51}, "Expected `int` <= 1125899906842624"),
        ((), {"status": "wrong"}, "it is wrong without a reason"),
        ((), {"reason": "it is not"}, "it is ok and has a reason: it is not"),
        ((), {"status": "great"}, "status 'great' is not one of ok, wrong, failed"),
        ((), {"status": "failed", "reason": "killed"}, "a process that ended as failed and has numbers"),
        ((), {"wall_s": 0.5}, "a process of 0.5 s that measured for 0.7"),
        ((), {"wall_s": 1e6}, "a process of 1e+06 s, which was to end after 300 s"),
        ((), {"case": "mobilenet_v2_1.00_224-b1-fake-cpu-fp32-t1"}, "is not how the case mobilenet_v2_1.0_224-b1-fake"),
        ((), {"case": "mobilenet_v2_1.0_224-b1-fake-cpu-fp32-t1000000000"}, "threads must be a whole number from 1 to"),
        ((), {"case": "mobilenet_v2_-1.0_224-b1-fake-cpu-fp32-t1"}, "-cpu-fp32-t1' is not a case id"),
        ((), {"case": "x" * 1_000_000}, "a text of 1000000 characters is no case id"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_is_refused_by_name(journal, place, values, says):
    lines = lines_of(journal)
    fields = lines[PROCESS]
    for step in place:
        fields = fields[step]
    fields.update(values)
    message = refused(rewritten(journal, lines))
    assert message.startswith("is damaged (line 4: ")
    assert says in message


@pytest.mark.parametrize(
    ("good", "bad", "says"),
    [
        ('"cold":true', '"cold":true,"cold":false', "the field 'cold' stands twice in one object"),
        ('"wall_s":1.5', '"wall_s":NaN', "NaN is no number of JSON"),
        ('"wall_s":1.5', '"wall_s":-Infinity', "-Infinity is no number of JSON"),
        ('"wall_s":1.5', '"wall_s":1e999', "1e999 is more than a number can be"),
        ('"reason":""', '"reason":"\\ud83d"', "surrogates not allowed"),
        ('"reason":""', '"reason":"\x00"', "Invalid control character"),
    ],
)
def test_what_json_reads_leniently_is_refused(journal, good, bad, says):
    text = journal.read_text()
    assert good in text
    journal.write_text(text.replace(good, bad, 1))
    assert says in refused(journal)


@pytest.mark.parametrize("year", ["1970", "0001", "2101", "9999"])
def test_a_file_that_was_saved_in_an_impossible_year_is_refused(journal, tmp_path, year):
    saved = tmp_path / "0001_nightly.json"
    saved.write_text(json.dumps({"datetime": f"{year}-01-01T02:00:00", "mnv2bench": lines_of(journal)}))
    with pytest.raises(Unusable, match=r"0001_nightly.json is damaged \(it says that it was saved in the year"):
        load_saved(saved)


def test_a_profile_that_stands_twice_is_refused(journal):
    profile = {
        "line": "profile", "case": FIRST.id, "number": 0, "status": "unsupported", "reason": "no profiler",
        "wall_s": 0.0, "profiler": "", "operators": [], "calls_ns": "", "arena_bytes": None, "arena": "", "notes": [],
        "error": None,
    }  # fmt: skip
    lines = lines_of(journal)
    lines[4:4] = [profile, profile]
    rewritten(journal, lines)
    with pytest.raises(Unusable, match=rf"night.jsonl is damaged \(line 6: process 0 of {FIRST.id} stands in it twice"):
        profiles(journal)


def test_a_finished_campaign_that_is_resumed_has_one_end_again(journal):
    again = Journal(journal)
    again.resume()
    again.note(MachineState(load_1min=0.25))
    again.note(End(60_000_000))
    names = [line["line"] for line in lines_of(journal)]
    assert names == ["head", "artifact", "state", *["process"] * 4, "state", "end"]
    assert len(load(journal)[0].processes) == 2


LIMIT_S, LIMIT_BYTES = 5.0, 500_000_000
READ = """
import sys, time
from pathlib import Path
from mnv2bench.records.journal import load
from mnv2bench.workers.noise import resident_bytes  # ru_maxrss begins at that of the parent
start = time.monotonic()
try:
    load(Path(sys.argv[1]))
except ValueError as error:
    print(f"{type(error).__name__} {time.monotonic() - start:.2f} {error}")
print(resident_bytes("VmHWM"))
"""


def sparse(path):
    with path.open("wb") as file:
        file.truncate(2_000_000_000)


HOSTILE = {
    "two gigabytes": sparse,
    "a pipe": lambda path: os.mkfifo(path),
    "a folder": lambda path: path.mkdir(),
    "an endless device": lambda path: path.symlink_to("/dev/zero"),
    "a link to itself": lambda path: path.symlink_to(path),
    "deep": lambda path: path.write_bytes(b'{"line":' + b"[" * 50_000_000 + b"\n"),
    "a long line": lambda path: path.write_bytes(b'{"line":"' + b"x" * 150_000_000 + b'"}\n'),
    "many quotes": lambda path: path.write_bytes(b'{"line":' + b'"' * 100_000_000 + b"\n"),
    "many lines": lambda path: path.write_bytes(b'{"line":"end"}\n' * 10_000_000),
    "many empty lines": lambda path: path.write_bytes(b'{"line":' + b"\n" * 150_000_000),
    "many numbers": lambda path: path.write_bytes(b'{"mnv2bench": [' + b"0," * 75_000_000 + b"0]}"),
    "many objects": lambda path: path.write_bytes(b'{"mnv2bench": [' + b'{"line":""},' * 12_000_000 + b'{"line":""}]}'),
    "packed": lambda path: path.write_bytes(gzip.compress(b'{"line":"head"}\n')),
    "utf-16": lambda path: path.write_bytes('{"line":"head"}\n'.encode("utf-16")),
    "byte order mark": lambda path: path.write_bytes(b'\xef\xbb\xbf{"line":"head"}\n'),
    "nul bytes": lambda path: path.write_bytes(b"\0" * 1000),
    "git-lfs": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_by_name_within_5_s_and_500_mb(tmp_path, name):
    path = tmp_path / "hostile.jsonl"
    HOSTILE[name](path)
    ran = subprocess.run([sys.executable, "-c", READ, str(path)], capture_output=True, text=True, timeout=60)
    path.unlink() if not path.is_dir() else path.rmdir()
    kind, seconds, message = ran.stdout.splitlines()[0].split(" ", 2)
    assert (kind, ran.stderr) == ("Unusable", "")
    assert message.startswith(f"{path} ") and len(message) < 1000
    assert float(seconds) < LIMIT_S
    assert int(ran.stdout.splitlines()[1]) < LIMIT_BYTES


def test_sources_are_told_apart_by_as_much_of_their_path_as_it_takes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert source_names([Path("a/0001.json")]) == ("0001.json",)
    assert source_names([Path("a/0001.json"), Path("c/0001.json")]) == ("a/0001.json", "c/0001.json")
    assert source_names([Path("a/x/1.json"), Path("c/x/1.json"), Path("2.json")]) == (
        "a/x/1.json",
        "c/x/1.json",
        "2.json",
    )
    with pytest.raises(ValueError, match=r"^a/\.\./1.json is named twice: name each file once$"):
        source_names([Path("a/../1.json"), Path("1.json")])
