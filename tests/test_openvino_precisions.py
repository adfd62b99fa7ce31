"""OpenVINO in each precision: what it runs by its own graph, and what it refuses on this CPU."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from mnv2bench import Case, Plan, networks
from mnv2bench.campaign import Campaign, run
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles
from mnv2bench.profiling.mapping import layers_of
from mnv2bench.records.journal import Journal

pytestmark = pytest.mark.slow
openvino = pytest.importorskip("mnv2bench.backends.shared.openvino_without_telemetry").openvino

BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
SMALL = Case(width=0.35, resolution=96, backend="openvino")
INT8, BF16 = replace(SMALL, precision="int8"), replace(SMALL, precision="bf16")
PAIRS = replace(INT8, batch=2, threads=2)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The records of one campaign by precision and batch, and its profiles by precision."""
    journal = Journal(tmp_path_factory.mktemp("openvino") / "openvino.jsonl")
    cases = (SMALL, replace(SMALL, precision="fp16"), BF16, INT8, PAIRS)
    records = run(Campaign(cases, journal, BRIEF, extras=(Profiling(BF16), Profiling(INT8))))
    told, _ = profiles(journal.path)
    by_case = {(record.case.precision, record.case.batch): record for record in records}
    return by_case, {profile.case.precision: profile for profile in told}


@pytest.fixture(scope="module")
def records(measured):
    """By precision, at batch 1."""
    return {precision: record for (precision, batch), record in measured[0].items() if batch == 1}


@pytest.fixture(scope="module")
def listed():
    """The number formats that OpenVINO lists for this CPU, in our words."""
    capabilities = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    return {name.lower() for name in capabilities}


def test_every_convolution_and_the_classifier_are_counted_in_the_precision_that_they_ran_in(records):
    (samples,) = records["fp32"].samples
    assert samples.layers == {"fp32": 53}
    layers = networks.layers(SMALL.network, SMALL.width, SMALL.resolution)
    assert sum(layer.type in ("conv", "depthwise", "linear") for layer in layers) == 53


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_a_precision_that_the_cpu_has_runs_in_every_layer_and_one_that_it_lacks_is_unsupported(
    records, listed, precision
):
    record = records[precision]
    if precision not in listed:
        assert (record.status, record.samples) == ("unsupported", ())
        return
    assert (record.status, record.reason) == ("ok", "")
    (samples,) = record.samples
    assert samples.layers == {precision: 53}
    assert samples.error > 1e-4


def test_the_reduced_precisions_open_the_file_of_fp32(records):
    opened = [record.artifact for precision, record in records.items() if precision != "int8" and record.artifact]
    assert len(opened) >= 1
    assert len({artifact.key for artifact in opened}) == 1


@pytest.mark.parametrize("batch", [1, 2])
def test_every_convolution_and_the_classifier_run_in_int8_also_the_depthwise_ones(measured, batch):
    record = measured[0]["int8", batch]
    if record.status == "unsupported":
        assert "avx512_vnni" in record.reason
        return
    assert (record.status, record.reason) == ("ok", "")
    (samples,) = record.samples
    assert samples.layers == {"int8": 53}
    assert samples.error > 1e-4
    assert record.artifact.format == "openvino_int8"
    assert record.artifact.bytes < measured[0]["fp32", 1].artifact.bytes / 3


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_a_profile_of_a_reduced_precision_names_every_layer_once(measured, precision):
    profile = measured[1][precision]
    if profile.status == "unsupported":
        assert measured[0][precision, 1].status == "unsupported"
        return
    assert (profile.status, profile.reason) == ("ok", "")
    found = [name for layers in layers_of(profile) for name in layers]
    assert sorted(found) == sorted(layer.name for layer in networks.layers(SMALL.network, SMALL.width, 96))


WITHOUT_NNCF = """
import sys
from pathlib import Path
import torch
from mnv2bench import Case, networks
from mnv2bench.artifacts.export import export
from mnv2bench.records import default_weights
from mnv2bench.refusals import Unavailable

sys.modules["nncf"] = None  # as where it is not installed
case = Case(width=0.35, resolution=96, backend="openvino", precision="int8")
state = Path(sys.argv[1], "state.pt")
torch.save(networks.digits_state(case.network, case.width), state)
try:
    export(case, "openvino_int8", "0123", state, {}, default_weights())
except Unavailable as error:
    print(error)
"""


def test_without_nncf_int8_is_unavailable_with_the_command_that_installs_it(tmp_path):
    command = [sys.executable, "-c", WITHOUT_NNCF, str(tmp_path)]
    variables = os.environ | {"MNV2BENCH_CACHE": str(tmp_path)}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=variables)
    assert ran.stdout.strip() == "nncf is not installed: pip install 'mnv2bench[openvino]'"
    assert list((tmp_path / "artifacts").iterdir()) == []


def test_importing_openvino_starts_no_thread_and_loads_no_telemetry():
    code = """
import sys, threading
from mnv2bench import backends
backends.backend("openvino")
print(threading.active_count(), [name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "1 []"


def test_without_fp16_openvino_would_run_the_same_hint_in_another_precision_and_is_refused_in_words(listed):
    """The hint f16 gives bf16 kernels on a CPU with AVX512-BF16 and without AVX512-FP16, and no warning."""
    from mnv2bench.backends import openvino as backend
    from mnv2bench.refusals import Unsupported

    core = openvino.Core()
    if "fp16" in listed:
        backend.require_capability(core, "fp16")
        return
    with pytest.raises(Unsupported, match="would run another precision for fp16"):
        backend.require_capability(core, "fp16")
