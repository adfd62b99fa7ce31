"""`mnv2bench.run` and `mnv2bench.load`: campaigns from a script, with the fake backend, and the tables of results."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import mnv2bench as mb
from mnv2bench.records.journal import Unusable, load
from mnv2bench.selection import MAX_PROCESSES

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "results/intel-r-xeon-r-processor-2c-752de294/Linux-CPython-3.11-64bit/0001_published.json"
SMALL = "mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1"


def small_cases(**options):
    return mb.cases(widths=0.35, resolutions=96, backends="fake", threads=1, **options)


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """The journal of a run of two precisions, three processes each."""
    path = tmp_path_factory.mktemp("runs") / "precisions.jsonl"
    mb.run(small_cases(precisions=["fp32", "int8"]), processes=3, rounds=1, out=str(path), quiet=True, accuracy=False)
    return path


@pytest.fixture(scope="module")
def results(journal):
    return mb.load(journal)


def test_a_run_returns_what_its_journal_holds(results, journal):
    assert [record.status for record in results.records] == ["ok", "ok"]
    assert [len(record.processes) for record in results.records] == [3, 3]
    assert [case.id for case in results.cases] == [SMALL, SMALL.replace("fp32", "int8")]
    assert results.records == load(journal)
    assert results.paths == (journal,)
    assert len(results) == 2


def test_the_frame_is_tidy_with_units_in_names_the_variant_versions_and_where_it_is_from(results):
    frame = results.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.variant) == ["mobilenet_v2_0.35_96", "mobilenet_v2_0.35_96"]
    assert list(frame.precision) == ["fp32", "int8"]
    assert list(frame.processes) == [3, 3]
    assert (frame.latency_low_ms < frame.latency_ms).all()
    assert (frame.latency_ms < frame.latency_high_ms).all()
    assert frame.latency_ms.between(0.19, 20).all()  # the fake backend spins for 0.2 ms
    assert list(frame.source) == ["precisions.jsonl", "precisions.jsonl"]
    assert {"saved_at", "runtime_version", "peak_rss_mb", "fingerprint"} <= set(results.to_frame(all_columns=True))


def test_the_frame_leaves_out_columns_that_are_empty_in_every_row_unless_all_are_requested(results):
    assert "gpu_ms" not in results.to_frame()
    whole = results.to_frame(all_columns=True)
    assert whole.gpu_ms.isna().all()
    assert len(whole.columns) > len(results.to_frame().columns)


def test_a_file_and_its_frame_hold_the_published_grid():
    published = mb.load(str(PUBLISHED))
    frame = published.to_frame()
    assert len(published) == len(frame) == 154
    row = frame.set_index("case").loc["mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1"]
    assert (row.variant, row.published_top1, row.madds_m) == ("mobilenet_v2_1.0_224", 71.8, pytest.approx(300.8, 0.01))


def test_several_files_load_together_however_they_are_named(journal):
    both = mb.load(journal, PUBLISHED)
    assert len(both) == 2 + 154
    assert list(dict.fromkeys(both.to_frame().source)) == ["precisions.jsonl", "0001_published.json"]
    assert mb.load([journal, str(PUBLISHED)]).paths == both.paths
    assert mb.load(path for path in (journal, PUBLISHED)).paths == both.paths


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ((), "no file is named: name a saved file or a journal"),
        (([],), "no file is named: name a saved file or a journal"),
        ((PUBLISHED, str(PUBLISHED)), "is named twice: name each file once"),
        ((ROOT / "nothing.jsonl",), "nothing.jsonl"),
        ((ROOT / "pyproject.toml",), "pyproject.toml"),
    ],
)
def test_what_cannot_be_loaded_is_named_in_one_line(files, message):
    with pytest.raises(ValueError) as refusal:
        mb.load(*files)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_file_that_is_no_measurement_is_unusable(tmp_path):
    (tmp_path / "other.json").write_text(json.dumps({"benchmarks": []}))
    with pytest.raises(Unusable, match=r"other\.json"):
        mb.load(tmp_path / "other.json")


def test_minutes_are_a_budget_in_which_a_case_has_no_more_processes_than_are_given(tmp_path):
    run = mb.run(small_cases(), minutes=2, processes=1, accuracy=False, out=tmp_path / "minutes.jsonl", quiet=True)
    assert [(record.status, len(record.processes)) for record in run.records] == [("ok", 1)]
    plan = run.records[0].plan
    assert (plan.processes, plan.rounds, plan.budget_s) == (1, 5, 120.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minutes": 0.001}, "the budget of 0 s is not enough for one process of each case (1 case"),
        ({"minutes": math.nan}, "minutes must be a number above 0, not nan"),
        ({"processes": 0}, "processes must be at least 1, not 0"),
        ({"processes": MAX_PROCESSES + 1}, "--processes is at most 10000, not 10001"),
        ({"rounds": "many"}, "--rounds takes numbers separated by commas, not 'many'"),
        ({"images": "photos"}, "--images are pictures for the classes of your own weights or model: "),
        ({"weights": "none.pt"}, "--weights none.pt: "),
        ({"env": ["NONSENSE"]}, ""),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_measured(tmp_path, arguments, message):
    out = tmp_path / "refused.jsonl"
    with pytest.raises(ValueError) as refusal:
        mb.run(small_cases(), out=out, **arguments)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)
    assert not out.exists()


@pytest.mark.parametrize("cases", [(), [SMALL], "mobilenet", [None]])
def test_what_is_no_case_is_refused(tmp_path, cases):
    with pytest.raises(ValueError, match=r"mnv2bench\.cases\(\) makes cases"):
        mb.run(cases, out=tmp_path / "refused.jsonl")


def test_a_journal_that_stands_there_is_kept_and_an_interrupted_one_goes_on_with_its_own_plan(tmp_path):
    out = tmp_path / "again.jsonl"
    first = mb.run(small_cases(), processes=2, rounds=1, accuracy=False, out=out, quiet=True)
    whole = out.read_text().splitlines(keepends=True)
    last_process = max(number for number, line in enumerate(whole) if '"line":"process"' in line)
    out.write_text("".join(whole[:last_process]))
    resumed = mb.run(small_cases(), minutes=1, accuracy=False, out=out, resume=True, quiet=True)
    assert resumed.records[0].processes[0] == first.records[0].processes[0]
    assert [process.number for process in resumed.records[0].processes] == [0, 1]
    assert resumed.records[0].plan.processes == 2
    mb.run(small_cases(), processes=1, rounds=1, accuracy=False, out=out, quiet=True)
    assert len(list(tmp_path.glob("again*.jsonl"))) == 2


def test_progress_is_lines_in_a_file_and_nothing_when_quiet(tmp_path, capsys):
    mb.run(small_cases(), processes=1, rounds=1, accuracy=False, out=tmp_path / "a.jsonl", quiet=True)
    assert capsys.readouterr().out == ""
    mb.run(small_cases(), processes=1, rounds=1, accuracy=False, out=tmp_path / "b.jsonl")
    assert "1 of 1 processes" in capsys.readouterr().out


def test_an_interrupted_run_says_where_it_goes_on(tmp_path):
    """A person presses Ctrl-C, or the stop button of a notebook, when the first process begins."""
    script = (
        "import os, signal, mnv2bench as mb\n"
        "from mnv2bench.terminal import Display\n"
        "Display.draw = lambda self, doing, left, done, total: os.kill(os.getpid(), signal.SIGINT)\n"
        "cases = mb.cases(widths=0.35, resolutions=96, backends='fake', threads=1)\n"
        "mb.run(cases, processes=2, rounds=1, accuracy=False, out='stopped.jsonl')\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "KeyboardInterrupt" in ran.stderr
    assert "what was measured so far is in stopped.jsonl: resume=True goes on from it" in ran.stderr
    resumed = mb.run(small_cases(), processes=2, rounds=1, accuracy=False, out=tmp_path / "stopped.jsonl", resume=True)
    assert [record.status for record in resumed.records] == ["ok"]
