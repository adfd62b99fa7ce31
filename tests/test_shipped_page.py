"""The page that `mnv2bench ship` writes: its numbers, its doubts, what it says of other files, and hostile texts."""

import ast
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from saved_nights import samples

from mnv2bench.case import Case
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.records import Accuracy, Artifact, Machine, Plan, Process, Weights, default_weights, record, replace
from mnv2bench.shipping.artifact import Shipped
from mnv2bench.shipping.measurement import Measurement
from mnv2bench.shipping.program import program
from mnv2bench.shipping.readme import readme
from mnv2bench.shipping.requirements import Requirement
from mnv2bench.shipping.verification import Verification

CASE = Case(backend="openvino")
MACHINE = Machine(cpu_model="Example CPU", cores=2, python="3.11", fingerprint="example-2c-00000000")
MEASURED, OTHER = "ab" * 32, "cd" * 32
ARTIFACT = Artifact("onnx", "0123456789abcdef", 6, 1.0, MEASURED)
DAY = datetime(2026, 11, 26, 12, tzinfo=UTC)
VERSIONS = {"numpy": "2.4.6", "openvino": "2026.4.1"}
HOSTILE = "<script>alert(1)</script> ![x](http://e/x) | `code`"


def page_of(
    medians_ms=(2.0, 2.1, 1.9),
    machine=MACHINE,
    weights=None,
    measured_weights=None,
    artifact=ARTIFACT,
    file="run.jsonl",
    versions=VERSIONS,
    settings=None,
    environment=(),
    accuracy=None,
    shipped=ARTIFACT,
    case=CASE,
):
    """The page of a case with a process for each of these medians."""
    processes = [
        Process(case, number, number, 0, "ok", "", 9.0, replace(samples(ms), error=2e-6, settings=settings or {}))
        for number, ms in enumerate(medians_ms)
    ]
    own = measured_weights or default_weights()
    measured = record(case, Plan(environment=environment), machine, processes, artifact, 0, own, accuracy)
    (evaluation,) = evaluations((measured,), file)
    return readme(
        Measurement(evaluation, Path(file), DAY),
        weights or own,
        Shipped(shipped, Path("net.onnx"), Path("reference.npz"), artifact.sha256),
        Verification(3e-7, "", versions),
        [Requirement("numpy", "2.4.6"), Requirement("openvino", "2026.4.1")],
        {"run.py": b"print()\n", "net.onnx": b"onnx"},
    )


def test_the_page_begins_with_the_measured_time_its_interval_the_machine_and_the_day():
    page = page_of()
    start = (
        "# mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1\n\n`mnv2bench ship` wrote this folder. A call took **2.00 ms**"
    )
    assert page.startswith(start)
    assert " on Example CPU (2 cores), 2026-11-26.\n" in page
    assert "| latency, median of 3 fresh processes | 2.00 ms |" in page
    assert re.search(r"\| its 95 % interval \| 1\.7\d to 2\.2\d ms \|", page)
    assert "| file, and its day | run.jsonl, 2026-11-26 |" in page
    assert "| machine | Example CPU (2 cores), example-2c-00000000 |" in page


def test_the_published_accuracy_is_said_not_to_be_that_of_these_weights():
    line = (
        "| top-1 that its authors published of their own weights for ImageNet, which are not in this folder | 71.8 % |"
    )
    assert line in page_of()


def test_what_was_tested_of_these_weights_stands_beside_it():
    page = page_of(accuracy=Accuracy("ok", "", 1.0, "digits", 597, 597, 579, 590, 580))
    assert "| right of 597 digits | 97.0 % |" in page
    assert "| same class as eager fp32 | 98.8 % |" in page


def test_one_process_has_no_interval_and_the_page_says_not_to_rely_on_it():
    page = page_of(medians_ms=(2.0,))
    assert "**Do not rely on its times: without a bound of latency.** A call took 2.00 ms on Example CPU" in page
    assert "its 95 % interval" not in page


def test_the_same_measurement_is_a_command():
    command = (
        "mnv2bench run --suites latency --networks mobilenet_v2 --widths 1.0 --resolutions 224 --backends openvino "
        "--devices cpu --precisions fp32 --threads 1 --batches 1 --processes 5 --rounds 15 --seed 0"
    )
    assert f"The same measurement again: {command}\n" in page_of()
    own = Weights(file="/home/a/own.pt", content="ee" * 32, images="/home/a/pictures", images_content="ff" * 32)
    page = page_of(measured_weights=own, environment=("OMP_WAIT_POLICY=passive",))
    assert f"{command} --weights FILE --images FOLDER --env OMP_WAIT_POLICY=VALUE\n" in page
    assert f"{command} --weights seeded\n" in page_of(measured_weights=Weights())


def test_the_command_names_unusual_classes_and_channels_and_the_sides_of_images_that_are_not_square():
    grey = replace(CASE, resolution=(224, 160), classes=10, channels=1)
    page = page_of(case=grey)
    assert page.startswith("# mobilenet_v2_1.0_224x160_1channel_10classes-b1-openvino-cpu-fp32-t1\n")
    assert "--widths 1.0 --resolutions 224x160 --classes 10 --channels 1 --backends openvino " in page
    own = Weights(file="own.pt", content="ee" * 32, images="pictures", images_content="ff" * 32)
    sentence = "the middle cropped; grey divided by 255, less (0.449,), over (0.226,)."
    assert sentence in page_of(case=grey, weights=own)
    assert "red, green and blue divided by 255, less (0.485, 0.456, 0.406)" in page_of(weights=own)


def test_the_digest_is_said_to_be_the_measured_one_another_one_or_unknown():
    assert f"- The artifact is the measured one, byte by byte: SHA-256 {MEASURED}.\n" in page_of()
    again = replace(ARTIFACT, sha256=OTHER)
    line = f"- The artifact was made again, SHA-256 {OTHER}. It is NOT the measured file, byte by byte: that one has"
    assert f"{line} {MEASURED}.\n" in page_of(shipped=again)
    assert "does not say which one was measured" in page_of(artifact=replace(ARTIFACT, sha256=None), shipped=again)


def test_other_weights_than_the_measured_ones_are_said():
    own = Weights(file="own.pt", content="ee" * 32)
    page = page_of(weights=own)
    assert "- NOT the measured weights: the numbers above are of digits (digits " in page
    assert f"and these are own.pt ({'ee' * 8}). Measure these with mnv2bench run --weights FILE.\n" in page
    assert "The weights are your own, and so is their licence" in page
    assert "NOT the measured weights" not in page_of()


def test_versions_that_differ_from_the_measured_ones_are_said():
    page = page_of(versions=VERSIONS | {"openvino": "2026.5.0"})
    assert "- openvino was measured in version 2026.4.1, and run.py was verified here in 2026.5.0.\n" in page
    assert "was measured in version" not in page_of()


def test_hostile_texts_of_a_file_are_plain_words_of_the_page():
    page = page_of(
        machine=replace(MACHINE, cpu_model=HOSTILE, fingerprint=HOSTILE, commit=HOSTILE, python=HOSTILE),
        file="a|b<b>.jsonl",
        settings={HOSTILE: HOSTILE},
        environment=(f"OMP_X={HOSTILE}", f"LD_PRELOAD={HOSTILE}"),
        accuracy=Accuracy("ok", "", 1.0, HOSTILE, 597, 597, 579, 590, 580),
    )
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(page)
    assert "<script" not in html
    assert "<img" not in html
    assert "<b>" not in html
    assert html.count("alert(1)") >= 8


def test_every_name_of_tensorrt_in_its_program_is_one_of_tensorrt():
    trt = pytest.importorskip("tensorrt_rtx", reason="needs pip install 'mnv2bench[test-tensorrt]'")
    case = Case(backend="tensorrt", device="cuda", precision="fp16")
    tree = ast.parse(program(record(case, Plan(), Machine(), []), "net.plan", 0.001))
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    classes = (trt, trt.Logger, trt.Runtime, trt.ICudaEngine, trt.IExecutionContext, trt.TensorIOMode)
    of_tensorrt = {
        *("Logger", "ERROR", "Runtime", "deserialize_cuda_engine", "create_execution_context", "get_tensor_name"),
        *("get_tensor_mode", "TensorIOMode", "INPUT", "OUTPUT", "set_tensor_address", "execute_async_v3"),
    }
    assert of_tensorrt <= used
    assert [name for name in sorted(of_tensorrt) if not any(hasattr(each, name) for each in classes)] == []
