"""OpenVINO in each precision: what it runs by its own graph, and what it refuses on this CPU."""

from dataclasses import replace

import pytest

from mnv2bench import Campaign, Case, Journal, Plan, networks, run

pytestmark = pytest.mark.slow
openvino = pytest.importorskip("openvino")

BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
SMALL = Case(width=0.35, resolution=96, backend="openvino")
CASES = tuple(replace(SMALL, precision=precision) for precision in ("fp32", "fp16", "bf16"))


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """By precision, of one campaign."""
    journal = Journal(tmp_path_factory.mktemp("openvino") / "openvino.jsonl")
    return {record.case.precision: record for record in run(Campaign(CASES, journal, BRIEF))}


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
    assert len({record.artifact.key for record in records.values() if record.artifact}) == 1


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
