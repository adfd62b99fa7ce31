"""Programs of torch.export and LiteRT files of users through real runtimes: measured, checked and shown."""

import numpy as np
import pytest
import torch
from ai_edge_quantizer import quantizer, recipe
from test_pt2_files import Several, Small, exported, saved
from test_tflite_files import written

from mnv2bench.backends.shared.arrays import arranged
from mnv2bench.networks import ImageShape, images
from mnv2bench.records.journal import load

pytestmark = pytest.mark.slow

QUICKLY = ("--suites", "latency", "--threads", "1", "--processes", "1", "--rounds", "1", "--no-wait", "--no-accuracy")


def measured(command, folder, *words):
    """(records, report) of a campaign, with its files' own folder gone."""
    out = folder / "out.jsonl"
    ran = command("mnv2bench", "run", *words, *QUICKLY, "--out", str(out), "--quiet")
    assert "Traceback" not in ran.stdout + ran.stderr
    for file in folder.glob("net.*"):
        file.unlink()  # what was measured is shown without the files
    report = command("mnv2bench", "report", str(out))
    assert report.returncode == 0, report.stderr
    return load(out), out.with_suffix(".md").read_text()


def states(records):
    return {f"{record.case.backend} {record.case.precision}": record.status for record in records}


def largest_error(records):
    return max(process.samples.error for record in records for process in record.processes)


def test_a_program_runs_on_what_is_made_from_torch_and_agrees_with_eager(command, tmp_path):
    torch.manual_seed(0)
    (tmp_path / "net.pt2").write_bytes(saved(exported(Small(), (2, 3, 32, 32), any_batch=True)))
    backends = "torch_eager,torch_script,onnxruntime,openvino,ncnn"
    words = ("--model", str(tmp_path / "net.pt2"), "--backends", backends, "--precisions", "fp32")
    records, report = measured(command, tmp_path, *words)
    assert states(records) == dict.fromkeys([f"{backend} fp32" for backend in backends.split(",")], "ok")
    assert largest_error(records) < 1e-5
    assert "net.pt2" in report


def test_a_program_in_fp16_with_several_outputs_runs_in_its_own_precision_and_in_fp32(command, tmp_path):
    torch.manual_seed(0)
    (tmp_path / "net.pt2").write_bytes(saved(exported(Several(), (1, 1, 16, 16), element=torch.float16)))
    words = ("--model", str(tmp_path / "net.pt2"), "--backends", "torch_eager,onnxruntime")
    records, _ = measured(command, tmp_path, *words)
    assert states(records)["torch_eager fp32"] == "ok"
    assert {record.case.precision for record in records} == {"fp32", "fp16"}
    assert {record.case.classes for record in records} == {4 * 16 * 16 + 4 * 32 * 32 + 1}


def test_a_file_of_litert_runs_there_and_on_openvino_with_its_channels_last(command, tmp_path):
    (tmp_path / "net.tflite").write_bytes(written((1, 32, 32, 3)))
    words = ("--model", str(tmp_path / "net.tflite"), "--backends", "litert,openvino,onnxruntime")
    records, report = measured(command, tmp_path, *words)
    assert states(records) == {"litert fp32": "ok", "openvino fp32": "ok", "onnxruntime fp32": "unsupported"}
    assert largest_error([record for record in records if record.status == "ok"]) < 1e-5
    assert "nothing makes a .onnx file of a LiteRT file soundly" in report


@pytest.mark.filterwarnings("ignore:Warning. Enabling")  # of the quantiser about its own calibration
def test_a_quantised_file_of_litert_takes_whole_numbers_and_is_in_int8(command, tmp_path):
    float_file = tmp_path / "float.tflite"
    float_file.write_bytes(written((1, 32, 32, 3), averaged=False))
    file = quantizer.Quantizer(str(float_file), recipe.static_wi8_ai8())
    seeded = [images(seed, 1, ImageShape(3, 32, 32)) for seed in range(8)]
    pixels = [arranged(image, (1, 32, 32, 3), "int8").astype(np.float32) / 128 for image in seeded]
    ranges = file.calibrate({"serving_default": [{"images0": image} for image in pixels]})
    (tmp_path / "net.tflite").write_bytes(file.quantize(ranges).quantized_model)
    words = ("--model", str(tmp_path / "net.tflite"), "--backends", "litert,openvino")
    records, _ = measured(command, tmp_path, *words)
    assert states(records) == {"litert int8": "ok", "openvino int8": "ok"}
