"""What `mnv2bench ship` refuses before it makes anything, and which file it takes its numbers from."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from test_exit_codes import journal
from test_shipped_programs import of

from mnv2bench.case import Case
from mnv2bench.digits import digest
from mnv2bench.records import Weights
from mnv2bench.shipping import measured_case, newest, read_files, shipped_weights
from mnv2bench.shipping.folder import require_free, write_folder

CASE = Case(width=0.35, resolution=96, backend="openvino")
OTHER = Case(backend="ncnn")
COMPILED = Case(width=0.35, resolution=96, backend="torch_compile")
COUNTED = Case(width=0.35, resolution=224, backend="litert", device="qemu:cortex-a76")
ROOT = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    journal(tmp_path / "a.jsonl", {CASE: 2.0, COMPILED: 3.0})
    journal(tmp_path / "wrong.jsonl", {CASE: 2.0}, "wrong")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("nonsense", "--from", "a.jsonl"), "'nonsense' is not a case id such as"),
        (
            ("mobilenet_v2_1.0_224-b1-ncnn-cpu-fp32-t1", "--from", "a.jsonl"),
            "was not measured in a.jsonl: measure it with",
        ),
        ((CASE.id,), f"{CASE.id} was not measured in any file, and there is none: measure it with mnv2bench"),
        ((CASE.id, "--from", "wrong.jsonl"), f"{CASE.id} is wrong in wrong.jsonl (why): ship another case"),
        ((COMPILED.id, "--from", "a.jsonl"), "torch.compile compiles in every process: ship torch_aoti"),
        ((CASE.id, "--from", "no.jsonl"), "no.jsonl"),
        ((CASE.id, "--from", "a.jsonl", "--images", "a"), "name them with --weights FILE"),
        ((CASE.id, "--from", "a.jsonl", "--weights", ""), "--weights '' names nothing"),
        ((CASE.id, "--from", "a.jsonl", "--weights", "no.pt"), "--weights no.pt: "),
    ],
)
def test_what_cannot_be_shipped_is_refused_in_one_line_before_anything_is_made(place, cache, verb, words, line):
    before = sorted(cache.rglob("*"))
    ran = verb("ship", *words, "--to", "out")
    assert ran.returncode == 2
    assert line in ran.err
    assert ran.err.count("\n") == 1
    assert not (place / "out").exists()
    assert sorted(cache.rglob("*")) == before


def test_the_numbers_are_of_the_newest_file_that_has_the_case_and_a_damaged_one_is_passed_over(place):
    machine = place / "results" / "machine-a"
    machine.mkdir(parents=True)
    for name, ms, day in (("old", 2.0, 1), ("new", 4.0, 20), ("middle", 3.0, 10)):
        path = journal(machine / f"{name}.jsonl", {CASE: ms})
        written = datetime(2026, 11, day, tzinfo=UTC).timestamp()
        os.utime(path, (written, written))
    journal(machine / "another.jsonl", {COMPILED: 1.0})
    (machine / "damaged.jsonl").write_text("{")
    measurement = newest(CASE, read_files((), place / "results"), place)
    assert (measurement.file.name, f"{measurement.day:%Y-%m-%d}") == ("new.jsonl", "2026-11-20")
    assert measurement.candidate.median_ms == pytest.approx(4.0)
    named = newest(CASE, read_files((machine / "old.jsonl", machine / "middle.jsonl"), place / "results"), place)
    assert named.file.name == "middle.jsonl"
    with pytest.raises(ValueError, match="damaged"):
        read_files((machine / "damaged.jsonl",), place / "results")


def test_what_was_only_counted_has_no_time_to_ship_by(place):
    (counted,) = (ROOT / "results").glob("*/counts_a76.jsonl")
    with pytest.raises(ValueError, match=f"{COUNTED.id} has no time of ours in .*counts_a76.jsonl: measure it with"):
        newest(COUNTED, read_files((counted,), place), place)


def test_any_part_of_an_id_that_no_other_measured_case_has_names_the_case(place):
    files = read_files((place / "a.jsonl",), place)
    assert measured_case("openvino", files) == CASE
    assert measured_case(CASE.id, ()) == CASE
    with pytest.raises(ValueError, match="torch_compile"):
        measured_case("96-b1", files)


class OfWeights:
    """A measurement as far as its weights go."""

    def __init__(self, **weights):
        self.record = of(CASE, weights=Weights(**weights))


def test_no_path_of_a_file_of_records_is_opened():
    for weights in ({"file": "/etc/passwd", "content": "ab" * 32}, {"images": "/etc"}):
        with pytest.raises(ValueError, match="name it with --weights FILE"):
            shipped_weights(OfWeights(**weights), None)


def test_digits_weights_that_are_not_there_any_more_are_not_taken_for_those_that_are():
    assert shipped_weights(OfWeights(digits="0123456789abcdef"), None) == Weights(digits=digest())
    assert shipped_weights(OfWeights(digits=digest(), seed=3), None) == Weights(digits=digest(), seed=3)
    assert shipped_weights(OfWeights(seed=3), None) == Weights(seed=3)


def test_a_folder_is_replaced_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    folder = tmp_path / "out"
    write_folder(folder, {"a": b"1", "b": b"2"})
    write_folder(folder, {"c": b"3"})
    assert sorted(file.name for file in folder.iterdir()) == ["SHA256SUMS", "c"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]

    def refused(path):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "mkdir", refused)
        with pytest.raises(ValueError, match=r"out could not be written .*: make room, or name another folder"):
            write_folder(folder, {"d": b"4"})
    assert (folder / "c").read_bytes() == b"3"
    require_free(folder)
    (folder / "c").write_bytes(b"changed")
    with pytest.raises(ValueError, match="holds c, which mnv2bench ship did not write so"):
        require_free(folder)
