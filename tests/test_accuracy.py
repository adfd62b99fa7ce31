"""Accuracy: what a backend gets right of the labelled images, kept in the record and measured once."""

import json

import numpy as np
import psutil
import pytest

from mnv2bench import Case, Plan
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.child import Task, run_side_by_side
from mnv2bench.digits.images import held_out
from mnv2bench.imagesets import Digits
from mnv2bench.networks import ImageShape
from mnv2bench.records import Accuracy, Machine, Weights, default_weights, replace
from mnv2bench.records.journal import Head, Journal, Unusable, lines, load
from mnv2bench.workers.accuracy import LabelledReference, accuracy, batches
from mnv2bench.workers.programs import Program

BRIEF = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
EAGER = Case(width=0.35, resolution=32)
MEASURED = Accuracy("ok", "", 2.5, "digits", 597, 597, 580, 590, 582)


# the record


@pytest.fixture
def journal(tmp_path):
    """A campaign of two cases that differ in batch and threads, and one of another precision; nothing ran."""
    cases = (EAGER, replace(EAGER, batch=8, threads=2), replace(EAGER, precision="bf16"))
    journal = Journal(tmp_path / "out.jsonl")
    journal.begin(Head(cases, BRIEF, 0, default_weights(), Machine(cores=2, fingerprint="here")))
    return journal


def test_an_accuracy_is_that_of_all_cases_that_differ_in_threads_and_batch_alone(journal):
    journal.accuracy(EAGER, MEASURED)
    assert [record.accuracy for record in load(journal.path)] == [MEASURED, MEASURED, None]


def test_an_accuracy_has_a_line_and_is_not_measured_again_after_an_interruption(journal):
    journal.accuracy(EAGER, MEASURED)
    assert lines(journal.path)[1] == {
        "line": "accuracy",
        "case": "mobilenet_v2_0.35_32-b1-torch_eager-cpu-fp32-t1",
        "status": "ok",
        "reason": "",
        "wall_s": 2.5,
        "image_set": "digits",
        "labelled": 597,
        "images": 597,
        "right": 580,
        "agreeing": 590,
        "reference_right": 582,
    }
    again = Journal(journal.path)
    again.resume()
    assert again.accuracies == {EAGER: MEASURED}


@pytest.mark.parametrize(
    ("changes", "damage"),
    [
        ({"images": 0}, "an accuracy on 0 of 597 images"),
        ({"images": 598}, "an accuracy on 598 of 597 images"),
        ({"right": 598}, "an accuracy with more right or agreeing images than 597"),
        ({"agreeing": 596}, "an accuracy that differs from eager fp32's by more images than do not agree"),
        ({"status": "failed", "reason": "worker ended by SIGSEGV"}, "an accuracy that ended as failed and has numbers"),
        ({"status": "failed"}, "it is failed without a reason"),
        ({"case": "mobilenet_v2_0.35_96-b1-torch_eager-cpu-fp32-t1"}, "is no case of this campaign"),
        ({"right": -1}, "Expected `int` >= 0"),
    ],
)
def test_an_accuracy_that_contradicts_itself_is_refused(journal, changes, damage):
    journal.accuracy(EAGER, MEASURED)
    head, line = journal.path.read_text().splitlines()
    journal.path.write_text(f"{head}\n{json.dumps(json.loads(line) | changes)}\n")
    with pytest.raises(Unusable, match=damage):
        load(journal.path)


def test_a_file_of_an_older_schema_has_no_accuracy(journal):
    journal.accuracy(EAGER, MEASURED)
    lines_of_file = [json.loads(line) for line in journal.path.read_text().splitlines()]
    lines_of_file[0]["schema"] = 5
    del lines_of_file[0]["networks"], lines_of_file[0]["began"], lines_of_file[0]["plan"]["budget_s"]
    for name in ("digits", "images", "images_content"):
        del lines_of_file[0]["weights"][name]
    journal.path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines_of_file))
    with pytest.raises(Unusable, match=r"line 2: a line 'accuracy' in a file of schema 5: there are such since 6"):
        load(journal.path)


def test_a_second_accuracy_of_a_case_is_refused(journal):
    journal.accuracy(EAGER, MEASURED)
    journal.accuracy(replace(EAGER, batch=8, threads=2), MEASURED)
    with pytest.raises(Unusable, match=r"a second accuracy of mobilenet_v2_0\.35_32-b8-torch_eager"):
        load(journal.path)


# the images and the count


def test_every_held_out_digit_is_tested_once_and_the_last_batch_is_padded():
    whole = list(batches(Digits(), batch=100, shape=ImageShape(3, 32, 32)))
    assert [images.shape for images in whole] == [(100, 3, 32, 32)] * 6
    assert all(images.dtype == np.float32 and images.flags.c_contiguous for images in whole)
    tested = np.concatenate(whole)
    assert len(np.unique(tested[:597], axis=0)) == len(np.unique(held_out()[0], axis=0)) == 597
    assert (tested[597:] == tested[596]).all()


def test_some_of_the_images_are_the_first_ones():
    (few,) = batches(Digits(), batch=64, shape=ImageShape(3, 32, 32), images=5)
    assert (few[:5] == next(iter(Digits().labelled(ImageShape(3, 32, 32)))).images[:5]).all()
    assert (few[5:] == few[4]).all()


def test_right_and_agreeing_images_are_counted_on_those_that_were_tested(tmp_path):
    np.savez(tmp_path / "labelled.npz", labels=np.array([1, 2, 3, 4, 5]), classes=np.array([1, 2, 3, 9, 9]))
    reference = LabelledReference(tmp_path / "labelled.npz")
    every = accuracy(np.array([1, 2, 7, 4, 9, 9]), reference, "digits")  # the sixth is padding
    assert every == Accuracy("ok", "", 0.0, "digits", 5, images=5, right=3, agreeing=3, reference_right=3)
    few = accuracy(np.array([1, 0]), reference, "digits")
    assert few == Accuracy("ok", "", 0.0, "digits", 5, images=2, right=1, agreeing=1, reference_right=2)


# campaigns


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Three backends at two settings each, tested on the digits; the first run of all that they need."""
    cases = tuple(
        replace(EAGER, backend=backend, batch=batch)
        for batch in (1, 8)
        for backend in ("torch_eager", "openvino", "onnxruntime")
    )
    path = tmp_path_factory.mktemp("accuracy") / "out.jsonl"
    records = run(Campaign(cases, Journal(path), BRIEF, accuracy=True))
    assert [record.reason for record in records] == [""] * 6
    return records, path


@pytest.mark.slow
def test_every_fp32_backend_gets_right_what_eager_gets_right(campaign):
    records, _ = campaign
    right = records[0].accuracy.right
    for record in records:
        assert record.accuracy.status == "ok"
        assert (record.accuracy.image_set, record.accuracy.labelled, record.accuracy.images) == ("digits", 597, 597)
        assert record.accuracy.agreeing >= 596
        assert abs(record.accuracy.right - right) <= 1
    assert records[0].accuracy.agreeing == 597


@pytest.mark.slow
def test_an_accuracy_is_measured_once_for_all_batches(campaign):
    _, path = campaign
    tested = sorted(line["case"].split("-")[1:3] for line in lines(path) if line["line"] == "accuracy")
    assert tested == [["b1", "onnxruntime"], ["b1", "openvino"], ["b1", "torch_eager"]]


@pytest.mark.slow
def test_a_second_campaign_takes_every_accuracy_from_the_cache(campaign, tmp_path):
    records, _ = campaign
    cases = tuple(record.case for record in records)
    again = run(Campaign(cases, Journal(tmp_path / "out.jsonl"), BRIEF, accuracy=True))
    assert [record.accuracy for record in again] == [record.accuracy for record in records]  # wall_s too


@pytest.mark.slow
def test_seeded_weights_have_no_accuracy(tmp_path):
    (record,) = run(Campaign((EAGER,), Journal(tmp_path / "out.jsonl"), BRIEF, weights=Weights(), accuracy=True))
    assert (record.status, record.accuracy) == ("ok", None)


# several processes at once

SLEEPER = """
import json, os, sys, time
envelope = json.load(open(sys.argv[1]))
seconds, marks = envelope["job"]["seconds"], envelope["job"]["marks"]
open(f"{marks}/{os.getpid()}", "w").close()
running = len(os.listdir(marks))
time.sleep(seconds)
os.remove(f"{marks}/{os.getpid()}")
json.dump({"status": "ok", "reason": "", "result": {"running": running}}, open(envelope["outcome"], "w"))
"""


@pytest.fixture
def sleepers(tmp_path):
    """Tasks that sleep, each for so many seconds, and tell how many ran when they began."""
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "marks").mkdir()
    program, marks = Program("sleeper", dict, dict), str(tmp_path / "marks")

    def tasks(*seconds, timeout_s=60.0):
        variables = {"PYTHONPATH": str(tmp_path)}
        return [Task(program, {"seconds": each, "marks": marks}, variables, timeout_s) for each in seconds]

    return tasks


def test_programs_that_are_not_timed_run_side_by_side_but_no_more_than_are_allowed(sleepers):
    ended = dict(run_side_by_side(sleepers(0.5, 0.5, 0.5, 0.5, 0.5), at_once=2))
    assert sorted(ended) == [0, 1, 2, 3, 4]
    assert {outcome.status for outcome in ended.values()} == {"ok"}
    assert max(outcome.result["running"] for outcome in ended.values()) == 2


def test_programs_of_one_group_run_one_at_a_time_beside_those_of_none(sleepers):
    compiling = [replace(task, group="compiling") for task in sleepers(0.6, 0.6)]
    began = []
    ended = [number for number, _ in run_side_by_side([*compiling, *sleepers(0.3)], 2, begins=began.append)]
    assert began == [0, 2, 1]  # the second of the group waits for the first
    assert ended == [2, 0, 1]


def test_no_program_begins_when_it_is_late_and_those_that_run_end(sleepers):
    ended = []
    for number, _ in run_side_by_side(sleepers(0.01, 0.01, 0.01, 0.01), at_once=1, is_late=lambda: len(ended) >= 2):
        ended.append(number)
    assert ended == [0, 1]
    assert list(run_side_by_side(sleepers(0.01), at_once=1, is_late=lambda: True)) == []


def test_one_program_that_hangs_is_killed_at_its_limit_and_delays_no_other(sleepers):
    (hanging,) = sleepers(3600, timeout_s=2.0)
    ended = list(run_side_by_side([hanging, *sleepers(0.01, 0.01)], at_once=2))
    assert [number for number, _ in ended] == [1, 2, 0]
    assert (ended[-1][1].status, ended[-1][1].reason) == ("timeout", "no result after 2 s: killed")


def test_programs_that_still_run_end_with_a_caller_that_stops_asking(sleepers, tmp_path, wait_for):
    running = run_side_by_side(sleepers(0.01, 3600), at_once=2)
    next(running)
    marks = tmp_path / "marks"
    wait_for(lambda: any(marks.iterdir()))  # the short one may end before the long one has begun
    (process,) = [psutil.Process(int(mark.name)) for mark in marks.iterdir()]
    running.close()
    assert wait_for(lambda: not process.is_running())
