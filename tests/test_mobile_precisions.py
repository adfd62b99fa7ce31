"""LiteRT, ExecuTorch and ncnn in each precision: what ran by their own graphs, and how far from eager fp32 it is."""

import re
import zipfile

import numpy as np
import pytest
from mobile_runtimes import HERE, NEEDED, needs, only, printed

from mnv2bench import Case, Plan, artifacts, backends
from mnv2bench.campaign import Campaign, run
from mnv2bench.records import replace
from mnv2bench.records.journal import Journal
from mnv2bench.records.weights import default_weights

pytestmark = pytest.mark.slow

BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
SMALL = Case(width=0.35, resolution=96)
LAYERS = 53  # convolutions and the classifier


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Each precision that a runtime declares for this machine, and those that it refuses, in one campaign."""
    cases = [
        replace(SMALL, backend=name, precision=precision)
        for name in HERE
        for precision in ("fp32", "fp16", "bf16", "int8")
    ]
    journal = Journal(tmp_path_factory.mktemp("precisions") / "mobile.jsonl")
    finished = run(Campaign(tuple(cases), journal, BRIEF, weights=default_weights()))
    return {(record.case.backend, record.case.precision): record for record in finished}


def opened_or_unsupported(record):
    """The samples of a row; None where this processor lacks the instructions, which the row then names."""
    if record.status == "unsupported":
        assert record.case.precision in record.reason
        return None
    assert (record.status, record.reason) == ("ok", "")
    return record.samples[0]


@pytest.mark.parametrize("name", only(*NEEDED))
def test_fp32_rows_count_their_layers_too(records, name):
    samples = opened_or_unsupported(records[name, "fp32"])
    assert samples.layers == {"fp32": LAYERS}


@pytest.mark.parametrize("name", only("litert", "executorch"))
def test_int8_runs_in_every_layer_and_nothing_is_left_outside_xnnpack(records, name):
    samples = opened_or_unsupported(records[name, "int8"])
    if samples is None:
        return
    assert samples.layers == {"int8": LAYERS}
    assert samples.settings["operators not delegated"] == "0"


@pytest.mark.parametrize("name", only("litert", "executorch"))
def test_int8_is_calibrated_well_enough_to_be_near_eager_fp32(records, name):
    samples = opened_or_unsupported(records[name, "int8"])
    if samples is None:
        return
    assert 1e-4 < samples.error < 0.12  # with the quantizer's own moving average 0.43


@pytest.mark.parametrize("name", only("litert", "executorch"))
def test_an_int8_file_is_less_than_a_third_of_the_fp32_file(records, name):
    int8, fp32 = (records[name, precision].artifact for precision in ("int8", "fp32"))
    if int8 is not None:
        assert int8.bytes < fp32.bytes / 3


@needs("litert")
def test_litert_quantises_weights_by_channel_also_where_a_channel_is_all_zeros(records):
    """990 rows of the classifier are zeros: their logits are their biases, and the scales of all rows are above 0."""
    from ai_edge_litert.interpreter import Interpreter

    artifact = records["litert", "int8"].artifact
    if artifact is None:
        return
    interpreter = Interpreter(str(artifacts.path(artifact.format, artifact.key)))
    interpreter.allocate_tensors()
    tensors = {tensor["index"]: tensor for tensor in interpreter.get_tensor_details()}
    channels = []
    for operator in interpreter._get_ops_details():
        if operator["op_name"] in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
            scales = tensors[int(operator["inputs"][1])]["quantization_parameters"]["scales"]
            assert (scales > 0).all()
            channels.append(len(scales))
    assert len(channels) == LAYERS
    assert min(channels) > 1
    assert channels[-1] == 1000
    assert interpreter.get_input_details()[0]["dtype"] == interpreter.get_output_details()[0]["dtype"] == np.float32


def test_litert_opens_one_file_for_int8_and_another_for_fp32():
    runtime = backends.runtime("litert")
    assert (runtime.format("int8"), runtime.format("fp32")) == ("tflite_int8", "tflite")


@pytest.mark.parametrize("name", only("ncnn"))
def test_ncnn_keeps_all_but_the_depthwise_layers_in_bf16_and_says_which(records, name):
    samples = opened_or_unsupported(records[name, "bf16"])
    if samples is None:
        return
    assert samples.layers == {"bf16": 36, "fp32": 17}
    assert samples.settings["reduced precision"] == "use_bf16_storage"
    assert 1e-4 < samples.error < 0.1
    assert records[name, "bf16"].artifact.key == records[name, "fp32"].artifact.key


@pytest.mark.parametrize("name", only("ncnn"))
def test_ncnn_refuses_fp16_and_int8_in_words(records, name):
    refusals = {precision: records[name, precision] for precision in ("fp16", "int8")}
    assert [record.status for record in refusals.values()] == ["unsupported", "unsupported"]
    assert refusals["fp16"].reason == "ncnn has no fp16 on x86: none of its layers supports fp16 storage there"
    assert refusals["int8"].reason.startswith("ncnn's wheels have no tools for int8")


@needs("ncnn")
def test_no_layer_of_ncnn_supports_fp16_storage_on_x86_with_all_its_options_on(records, tmp_path):
    import ncnn

    if ncnn.cpu_support_arm_neon():
        return
    artifact = records["ncnn", "fp32"].artifact
    with zipfile.ZipFile(artifacts.path(artifact.format, artifact.key)) as both:
        both.extractall(tmp_path)
    net = ncnn.Net()
    assert (net.opt.use_fp16_packed, net.opt.use_fp16_storage, net.opt.use_fp16_arithmetic) == (True, True, True)
    assert net.load_param(str(tmp_path / "net.param")) == net.load_model(str(tmp_path / "net.bin")) == 0
    assert {layer.support_fp16_storage for layer in net.layers()} == {False}


ETDUMP = """
import json, os, sys, tempfile
from pathlib import Path
from mnv2bench import Case
from mnv2bench.profiling.profilers import executorch
from mnv2bench.networks import ImageShape, images

case = Case(width=0.35, resolution=96, backend="executorch", precision="int8")
session = executorch.open(case, Path(sys.argv[1]), Path(tempfile.mkdtemp()))
session.put(images(1, 1, ImageShape(3, 96, 96)))
session.start()
session.run()
session.ran()
print(json.dumps([operator.name for operator in session.stop()]))
os._exit(0)
"""


@needs("executorch")
def test_executorchs_counts_are_those_of_the_kernels_that_xnnpack_says_it_ran(records):
    artifact = records["executorch", "int8"].artifact
    if artifact is None:
        return
    kernels = printed(ETDUMP, artifacts.path(artifact.format, artifact.key))
    names = [name for name in kernels if re.match(r"Convolution|Fully Connected", name)]
    assert len(names) == LAYERS
    assert [name for name in names if not re.search(r"\((NHWC|NC), (QS8, )?Q[CS]8W?\)", name)] == []


FORCED = """
import json, os, sys
from pathlib import Path
from mnv2bench import Case
from mnv2bench.backends.shared.litert_compiled import CompiledModelSession
from mnv2bench.networks import ImageShape, images

case = Case(width=0.35, resolution=96, backend="litert", precision=sys.argv[2])
session = CompiledModelSession(case, Path(sys.argv[1]), profiled=False)
session.put(images(1, 1, ImageShape(3, 96, 96)))
session.run()
print(json.dumps({"logits": session.get()[0].tolist(), "layers": session.layers()}))
os._exit(0)
"""


@needs("litert")
def test_litert_computes_in_fp16_where_xnnpack_has_kernels_for_it_and_says_what_it_did(records):
    """Of the session alone: on a CPU without fp16 the row is unsupported, and XNNPACK converts or stays in fp32."""
    artifact = records["litert", "fp32"].artifact
    path = artifacts.path(artifact.format, artifact.key)
    fp32, fp16 = (printed(FORCED, path, precision) for precision in ("fp32", "fp16"))
    assert fp32["layers"] == {"fp32": LAYERS}
    assert sum(fp16["layers"].values()) == LAYERS
    error = np.abs(np.subtract(fp16["logits"], fp32["logits"])).max() / np.abs(fp32["logits"]).max()
    if "fp16" in fp16["layers"]:
        assert 1e-4 < error < 0.02
    else:
        assert error == 0


@needs("executorch")
def test_executorch_refuses_bf16_because_xnnpack_would_take_nothing_of_it(records):
    record = records["executorch", "bf16"]
    assert (record.status, record.samples) == ("unsupported", ())
    assert record.reason.startswith("XNNPACK takes no operator of a bf16 network")


@pytest.mark.parametrize("name", only("litert", "executorch"))
def test_fp16_runs_in_every_layer_on_a_cpu_that_has_it(records, name):
    samples = opened_or_unsupported(records[name, "fp16"])
    if samples is None:
        return
    assert samples.layers == {"fp16": LAYERS}
    assert 1e-4 < samples.error < 0.02
