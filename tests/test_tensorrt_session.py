"""TensorRT's session against doubles of TensorRT, the driver and the queue: its control flow, and nothing of a GPU."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc for the double of libcuda: apt-get install gcc"),
]
OPENED = """
import ctypes, json, os, sys, types
from pathlib import Path
import numpy as np
import tensorrt
import torch
from mnv2bench import Case, backends
from mnv2bench.backends.shared import cuda_session, torch_session

class Queue(cuda_session.CudaQueue):
    "On the host: its stream is a number that no 32 bits hold, and every call is done when it returns."
    def __init__(self, case):
        self.device, self.stream = torch.device("cpu"), types.SimpleNamespace(cuda_stream=0x7f5700000003)
        self.stream.synchronize = self.synchronize
        self.input = torch.zeros(case.batch, 3, case.resolution, case.resolution)
        self.images, self.waited = self.input.clone(), 0
    def synchronize(self):
        self.waited += 1
    def copy_out(self):
        self.logits = self.output.clone()

cuda_session.CudaQueue = Queue
torch_session.prepare = backends.require  # this torch knows no GPU
import mnv2bench.profiling.profilers.tensorrt as tensorrt_profiler
libcuda = ctypes.CDLL("libcuda.so.1")
libcuda.double_said.restype = ctypes.c_char_p

def opened(told):
    os.environ.update(FAKE_TENSORRT=told.get("tensorrt", ""), FAKE_CUDA=told.get("cuda", ""))
    libcuda.double_reset()
    tensorrt.live.clear()
    case = Case(width=0.35, resolution=96, backend="tensorrt", device="cuda", precision=told.get("precision", "fp32"))
    said = {}
    try:
        with backends.backend("tensorrt").open(case, Path(sys.argv[1], told.get("plan", "net.plan"))) as session:
            session.put(np.full((1, 3, 96, 96), 5, np.float32))
            session.run()
            said["logits"] = [float(session.get()[0, number]) for number in (0, 999)]
            said["settings"], said["memory"] = session.settings(), session.device_memory()
            before = session.queue.waited
            profiled = tensorrt_profiler.TensorRtProfiledSession(session)
            profiled.start()
            for _ in range(3):
                profiled.run()
                profiled.ran()
            said["layers"] = {layer.name: [layer.type, *layer.durations_ns] for layer in profiled.stop()}
            said["waits"] = session.queue.waited - before
            said["contexts"] = [context.calls for context in tensorrt.live]
    except Exception as error:
        said["raised"] = [type(error).__name__, str(error)]
    return said | {"driver": libcuda.double_said().decode().split()}

said = [opened(told) for told in json.loads(sys.argv[2])]
Path(sys.argv[1], "said.json").write_text(json.dumps(said))
"""
# what the doubles are told: what the driver was asked for then, and why there is no graph
NO_GRAPH = (
    ({"tensorrt": "capture"}, "begin end destroy", "Error Code 1: capture is told to fail"),
    ({"cuda": "begin"}, "begin", "cuStreamBeginCapture_v2: error 900 CUDA_ERROR_UNKNOWN"),
    ({"cuda": "end"}, "begin end", "cuStreamEndCapture: error 901 CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"),
    ({"tensorrt": "capture", "cuda": "end"}, "begin end", "Error Code 1: capture is told to fail"),
    (
        {"cuda": "instantiate"},
        "begin end instantiate destroy",
        "cuGraphInstantiateWithFlags: error 999 CUDA_ERROR_UNKNOWN",
    ),
)
VERSION = "TensorRT 11.4.0.106-double"
RAISED = (
    ({"tensorrt": "open"}, f"{VERSION} does not open net.plan: Error Code 1: open is told to fail"),
    ({"plan": "rotten.plan"}, f"{VERSION} does not open rotten.plan: it does not say why"),
    ({"tensorrt": "context"}, f"{VERSION} makes no context: Error Code 1: context is told to fail"),
    (
        {"tensorrt": "shape"},
        f"{VERSION} does not take images of the shape (1, 3, 96, 96): Error Code 1: shape is told to fail",
    ),
    ({"tensorrt": "address"}, f"{VERSION} does not take the memory of images: Error Code 1: address is told to fail"),
    ({"tensorrt": "infer"}, f"{VERSION} does not know the shapes of logits"),
    ({"tensorrt": "enqueue"}, f"{VERSION} does not enqueue its first call: Error Code 1: enqueue is told to fail"),
    ({"tensorrt": "capture,enqueue:2"}, f"{VERSION} does not enqueue: Error Code 1: enqueue:2 is told to fail"),
    ({"tensorrt": "profile"}, f"{VERSION} does not report its layers: Error Code 1: profile is told to fail"),
    ({"cuda": "launch"}, "cuGraphLaunch: error 719"),
)
WRONG = (
    ({"tensorrt": "type=HALF"}, "the plan's images is HALF, where fp32 is FLOAT"),
    ({"precision": "bf16"}, "the plan's images is FLOAT, where bf16 is BF16"),
    ({"tensorrt": "images=224"}, "the plan is for images of the shape (1, 3, 224, 224), not (1, 3, 96, 96)"),
)
FINE, TF32, WARNED = {}, {"precision": "tf32"}, {"tensorrt": "warn"}


def name(told):
    return " ".join(f"{double}={what}" for double, what in told.items()) if isinstance(told, dict) else ""


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Of what the doubles were told: what became of the session. All in one process, each with a plan of its own."""
    folder = tmp_path_factory.mktemp("doubles")
    shutil.copy(TESTS / "fake_tensorrt.py", folder / "tensorrt.py")
    (folder / "net.plan").write_bytes(b"plan of the double")
    (folder / "rotten.plan").write_bytes(b"something else")
    command = ["gcc", "-shared", "-fPIC", "-w", "-o", folder / "libcuda.so.1", TESTS / "fake_libcuda.c"]
    subprocess.run(command, check=True)
    told = [FINE, TF32, WARNED, *(first for first, *_ in (*NO_GRAPH, *RAISED, *WRONG))]
    environment = {**os.environ, "PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}
    command = [sys.executable, "-c", OPENED, folder, json.dumps(told)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")  # nothing that the logger is told is printed
    said = json.loads((folder / "said.json").read_text())
    return dict(zip(map(name, told), said, strict=True)).__getitem__


def test_a_call_is_captured_once_and_replayed(opened):
    said = opened(name(FINE))
    assert said["logits"] == [5.0, 1004.0]
    assert said["driver"] == ["begin", "end", "instantiate", "destroy", "launch", "close"]
    settings = {key: said["settings"][key] for key in ("input", "CUDA graph", "TensorRT", "layers")}
    assert settings == {
        "input": "float32 NCHW",
        "CUDA graph": "yes",
        "TensorRT": "11.4.0.106-double",
        "layers": "61, 0 auxiliary streams",
    }


def test_memory_is_what_the_plan_says_of_itself_beside_torchs(opened):
    memory = opened(name(FINE))["memory"]
    assert {key: memory[key] for key in ("engine_weights", "engine_activations")} == {
        "engine_weights": 6_706_000,
        "engine_activations": 2_408_448,
    }
    assert {"torch_allocated", "torch_reserved"} <= memory.keys()


def test_layers_are_profiled_in_a_context_of_their_own_and_one_name_twice_is_one_layer(opened):
    said = opened(name(FINE))
    # its first call is no sample; 0.25 ms a call so far, and 0.5 ms more under the same name
    assert said["layers"] == {
        "conv": ["conv", 1_000_000, 1_250_000, 1_500_000],
        "gemm": ["linear", 125_000, 125_000, 125_000],
    }
    assert said["contexts"] == [2, 4]  # one call before the capture and the captured one; one, and three profiled
    assert said["waits"] == 4


@pytest.mark.parametrize(("told", "driver", "why"), NO_GRAPH, ids=name)
def test_where_there_is_no_graph_a_new_context_is_called_and_the_row_says_why(opened, told, driver, why):
    said = opened(name(told))
    assert said["driver"] == driver.split()  # and nothing was launched
    assert said["settings"]["CUDA graph"] == f"no: {why}"
    assert said["logits"] == [5.0, 1004.0]
    assert said["contexts"][1:] == [2, 4]  # the one that takes over: its first call, and the run; then the profiled one


@pytest.mark.parametrize(("told", "message"), RAISED, ids=name)
def test_none_false_and_error_codes_are_errors_in_the_words_of_who_refused(opened, told, message):
    assert opened(name(told))["raised"] == ["RuntimeError", message]


@pytest.mark.parametrize(("told", "message"), WRONG, ids=name)
def test_a_plan_of_other_numbers_or_images_than_the_case_is_wrong_and_no_number_is_taken(opened, told, message):
    assert opened(name(told))["raised"] == ["Wrong", message]


def test_tf32_runs_a_plan_of_fp32_numbers_for_it_is_a_matter_of_the_builder(opened):
    assert opened(name(TF32))["logits"] == [5.0, 1004.0]


def test_what_tensorrt_warns_of_is_told_with_the_row(opened):
    warned = opened(name(WARNED))["settings"]["TensorRT warns"]
    assert warned == "Using an engine plan file across different models of devices"
