"""Nothing measured is ever lost: journals beside other files, behind links, on full disks, deleted while they grow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mnv2bench.case import Case
from mnv2bench.records import Machine, MachineState, Plan, Weights, replace
from mnv2bench.records.appended import AppendedFile
from mnv2bench.records.journal import Head, Journal, lines, load

HEAD = Head((Case(backend="fake"),), Plan(processes=2), 7, Weights(), Machine(cores=2, fingerprint="here"))
NOTE = MachineState(load_1min=0.5)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("content", [b"case,ms\nx,1\n", b"my notes", b'{"mnv2bench": []}', b"\x00"])
def test_a_file_that_is_no_journal_is_refused_and_stays(tmp_path, content):
    (tmp_path / "x.csv").write_bytes(content)
    with pytest.raises(FileExistsError, match=r"x\.csv is not a journal, and is not written over: name another file"):
        Journal(tmp_path / "x.csv").begin(HEAD)
    assert (tmp_path / "x.csv").read_bytes() == content
    assert names(tmp_path) == ["x.csv"]


@pytest.mark.parametrize("content", [b"", b'{"li'])
def test_an_empty_file_and_the_beginning_of_a_line_are_no_obstacle(tmp_path, content):
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    Journal(path).begin(HEAD)
    assert [line["line"] for line in lines(path)] == ["head"]


@pytest.mark.parametrize(
    ("name", "aside"),
    [
        ("night.jsonl", "night.1.jsonl"),
        ("run.2026.jsonl", "run.2026.1.jsonl"),
        ("a_0.35", "a_0.35.1.jsonl"),
        ("x.csv", "x.csv.1.jsonl"),
    ],
)
def test_an_older_journal_keeps_its_whole_name(tmp_path, name, aside):
    Journal(tmp_path / name).begin(HEAD)
    older = (tmp_path / name).read_bytes()
    assert Journal(tmp_path / name).begin(replace(HEAD, seed=8)) == tmp_path / aside
    assert (tmp_path / aside).read_bytes() == older
    assert names(tmp_path) == sorted([name, aside])


def test_thousands_of_older_journals_are_no_obstacle(tmp_path):
    Journal(tmp_path / "x.jsonl").begin(HEAD)
    for number in range(1, 10_050):
        (tmp_path / f"x.{number}.jsonl").touch()
    assert Journal(tmp_path / "x.jsonl").begin(HEAD).name == "x.10050.jsonl"


def test_a_name_that_is_too_long_for_a_number_is_refused_and_its_journal_stays(tmp_path):
    path = tmp_path / ("x" * 249 + ".jsonl")
    Journal(path).begin(HEAD)
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match=r"cannot be kept as x+\.1\.jsonl \(File name too long\): name another"):
        Journal(path).begin(HEAD)
    assert path.read_bytes() == before
    assert names(tmp_path) == [path.name]


def test_a_link_is_written_through_and_the_older_journal_stays_beside_its_target(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "link.jsonl"
    link.symlink_to(tmp_path / "disk" / "real.jsonl")
    for _ in range(2):
        Journal(link).begin(HEAD)
    assert link.is_symlink()
    assert names(tmp_path / "disk") == ["real.1.jsonl", "real.jsonl"]
    assert [record.seed for record in load(link)] == [7]


@pytest.mark.parametrize("place", ["/dev/null", "/dev/stdout", "/dev/fd/2"])
def test_a_device_and_the_output_of_the_program_are_no_place(place, tmp_path):
    words = [Path(sys.executable).parent / "mnv2bench", "run", "--backends", "fake", "--out", place]
    with (tmp_path / "out.txt").open("w") as out, (tmp_path / "err.txt").open("w") as err:
        ran = subprocess.run(words, stdout=out, stderr=err)
    assert ran.returncode == 2
    assert (tmp_path / "err.txt").read_text() == f"mnv2bench: {place} is not a file: name another\n"
    assert (tmp_path / "out.txt").read_text() == ""


@pytest.mark.parametrize("lost", ["deleted", "renamed", "folder"])
def test_a_journal_that_is_deleted_or_renamed_while_it_grows_is_there_again(tmp_path, lost):
    path = tmp_path / "folder" / "x.jsonl"
    journal = Journal(path)
    journal.begin(HEAD)
    journal.note(NOTE)
    if lost == "renamed":
        path.rename(tmp_path / "elsewhere.jsonl")
    else:
        path.unlink()
    if lost == "folder":
        path.parent.rmdir()
    journal.note(NOTE)
    journal.note(NOTE)
    assert [line["line"] for line in lines(path)] == ["head", "state", "state", "state"]


def test_a_journal_whose_place_was_taken_is_kept_beside_it_and_the_campaign_ends(tmp_path):
    journal = Journal(tmp_path / "x.jsonl")
    journal.begin(HEAD)
    journal.note(NOTE)
    (tmp_path / "other").write_text("somebody else's")
    (tmp_path / "other").rename(tmp_path / "x.jsonl")
    with pytest.raises(FileExistsError, match=r"x\.jsonl was replaced by another file meanwhile: .* in .*x\.1\.jsonl"):
        journal.note(NOTE)
    assert (tmp_path / "x.jsonl").read_text() == "somebody else's"
    assert [line["line"] for line in lines(tmp_path / "x.1.jsonl")] == ["head", "state", "state"]


GROWING = """
import resource, signal, sys
from pathlib import Path
from mnv2bench.records.appended import AppendedFile
file = AppendedFile(Path(sys.argv[1]))
file.begin(b"{", b"{first}\\n")
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, -1))
try:
    file.append(b"x" * 2000 + b"\\n")
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, -1))
file.append(b"{last}\\n")
"""


def test_a_line_that_does_not_fit_leaves_no_half_of_it_behind(tmp_path):
    path = tmp_path / "x.jsonl"
    ran = subprocess.run([sys.executable, "-c", GROWING, path], capture_output=True, text=True, check=True)
    assert ran.stdout == f"[Errno 27] File too large: '{path}'\n"
    assert path.read_text() == "{first}\n{last}\n"


BEGINNING = """
import resource, sys
from pathlib import Path
from mnv2bench.records.appended import AppendedFile
resource.setrlimit(resource.RLIMIT_FSIZE, (100, -1))
try:
    AppendedFile(Path(sys.argv[1])).begin(b"{", b"{" + 200 * b" " + b"}\\n")
except ValueError as error:
    print(error)
"""


def test_a_full_disk_does_not_move_the_older_journal(tmp_path):
    path = tmp_path / "x.jsonl"
    Journal(path).begin(HEAD)
    before = path.read_bytes()
    ran = subprocess.run([sys.executable, "-c", BEGINNING, path], capture_output=True, text=True, check=True)
    reason = "could not be written (File too large); what stood there is as it was: make room, or name another file"
    assert ran.stdout == f"{path} {reason}\n"
    assert path.read_bytes() == before
    assert names(tmp_path) == ["x.jsonl"]


def test_a_file_of_lines_leaves_no_descriptor_open(tmp_path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    for number in range(10):
        file = AppendedFile(tmp_path / f"{number}")
        file.begin(b"{", json.dumps({}).encode() + b"\n")
        file.append(b"{}\n")
    del file
    assert len(list(Path("/proc/self/fd").iterdir())) == before
