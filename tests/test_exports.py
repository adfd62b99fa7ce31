"""Exports side by side: what is not there is made before anything is timed, as much at once as there is room for."""

from types import SimpleNamespace

import pytest

from mnv2bench import Case, artifacts
from mnv2bench.campaign import exports
from mnv2bench.campaign.campaign import Campaign, run
from mnv2bench.campaign.estimate import estimate
from mnv2bench.campaign.exports import Export, at_once, make_missing, seconds
from mnv2bench.campaign.preparation import silent
from mnv2bench.records import Plan, Weights, replace
from mnv2bench.records.journal import Journal
from mnv2bench.workers.jobs import ExportJob

SMALL = Case(width=0.35, resolution=32, backend="fake")
SEEDED = Weights()
GB = 1_000_000_000


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache in which nothing is known."""
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize(("cores", "free", "side_by_side"), [(2, 20, 2), (8, 7, 2), (8, 100, 8), (1, 20, 1), (4, 1, 1)])
def test_there_is_one_export_for_each_core_as_far_as_there_is_memory(monkeypatch, cores, free, side_by_side):
    monkeypatch.setattr(exports, "cores", lambda: cores)
    monkeypatch.setattr(exports.psutil, "virtual_memory", lambda: SimpleNamespace(available=free * GB))
    assert at_once() == side_by_side


def test_an_estimate_knows_that_exports_run_side_by_side_and_each_after_its_source(own_cache, monkeypatch):
    """13 s of each: two of the formats are made from the state dict, and one from the ONNX file."""
    missing = [Export(format, SMALL, format) for format in ("state_dict", "onnx", "torchscript", "onnx_int8")]
    for number, expected in ((1, 4 * 13), (2, 3 * 13)):
        monkeypatch.setattr(exports, "at_once", lambda number=number: number)
        assert seconds(missing) == expected


def test_the_files_of_a_case_are_looked_up_once_in_an_estimate(own_cache, monkeypatch):
    looked_up = []
    monkeypatch.setattr(exports, "files", lambda chain, weights, files=exports.files: (
        looked_up.append((chain.case, chain.formats)) or files(chain, weights)
    ))  # fmt: skip
    estimate([SMALL], Plan(processes=1), None, accuracy=True)
    assert len(looked_up) == len(set(looked_up)) == 2  # of the case, and of the labelled images


def test_files_of_gpus_are_not_made_beside_others(own_cache):
    """Their builder times what it makes."""
    job = ExportJob(replace(SMALL, device="cuda"), SEEDED, "plan", "0" * 16)
    assert make_missing([Export("plan", job.case, "plan", job)], SEEDED, silent) == {}


@pytest.mark.slow
def test_files_are_made_side_by_side_after_their_sources_and_what_fails_is_not_tried_again(
    own_cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(exports, "at_once", lambda: 2)
    cases = (SMALL, replace(SMALL, resolution=40))
    lines, folder = [], own_cache / "artifacts"

    def progress(doing, done, total):
        lines.append((doing.partition(" (")[0], len(list(folder.glob("*.json")))))

    plan = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
    records = run(Campaign(cases, Journal(tmp_path / "out.jsonl"), plan, weights=SEEDED, progress=progress))
    assert [record.status for record in records] == ["ok", "ok"]
    exported = [(doing, files) for doing, files in lines if doing.startswith("exporting ")]
    assert exported == [
        ("exporting state_dict for mobilenet_v2_0.35_32, batch 1", 0),
        ("exporting reference for mobilenet_v2_0.35_32, batch 1", 1),
        ("exporting reference for mobilenet_v2_0.35_40, batch 1", 1),  # beside the other one
    ]
    broken = ExportJob(SMALL, SEEDED, "onnx_int8", "0" * 16, str(tmp_path / "nowhere.onnx"))
    failures = make_missing([Export("onnx_int8", SMALL, "broken", broken)], SEEDED, silent)
    ((place, failure),) = failures.items()
    assert (place, failure.status) == (("onnx_int8", "0" * 16), "failed")
    assert not list(folder.glob("onnx_int8*"))
    assert artifacts.facts("onnx_int8", "0" * 16) is None
