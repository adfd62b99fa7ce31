"""ONNX Runtime asked for a GPU that it does not have: it falls back without an error, and no number is taken."""

from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from fake_cuda import FakeTorch
from onnx import TensorProto, helper

from mnv2bench import Case, backends
from mnv2bench.backends.shared import cuda_session, onnxruntime_cuda
from mnv2bench.refusals import Unavailable, Unsupported, Wrong

CASE = Case(width=0.35, resolution=32, backend="onnxruntime", device="cuda")
NODES = "Conv first, Relu, GlobalAveragePool pool (and 1 more) to CPUExecutionProvider"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        onnxruntime_cuda.PROVIDER in onnxruntime.get_available_providers(),
        reason="this onnxruntime has CUDA: only one without it falls back for certain",
    ),
]


def saved(path, kind, number):
    """A convolution of ones with what follows it: 8 logits, each the mean of what is left above zero."""
    weights = helper.make_tensor("w", kind, (8, 3, 3, 3), np.ones(216, number))
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"], name="first"),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["p"], name="pool"),
        helper.make_node("Flatten", ["p"], ["y"], name="flat"),
    ]
    images = helper.make_tensor_value_info("x", kind, (1, 3, 32, 32))
    logits = helper.make_tensor_value_info("y", kind, (1, 8))
    graph = helper.make_graph(nodes, "graph", [images], [logits], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, path)
    return path


@pytest.fixture
def path(tmp_path):
    return saved(tmp_path / "net.onnx", TensorProto.FLOAT, np.float32)


@pytest.fixture
def fake(monkeypatch):
    double = FakeTorch()
    monkeypatch.setattr(cuda_session, "torch", double)
    return double


def test_an_onnxruntime_without_cuda_is_mended_by_pip():
    with pytest.raises(Unavailable) as refused:
        onnxruntime_cuda.require_provider()
    assert str(refused.value) == (
        f"this onnxruntime ({onnxruntime.__version__}) has no CUDA: "
        "pip uninstall onnxruntime; pip install 'mnv2bench[cuda]'"
    )


def test_bf16_is_not_what_it_does(path):
    with pytest.raises(Unsupported, match="onnxruntime runs no bf16 on cuda here: its CUDA provider is said to lack"):
        backends.backend("onnxruntime").open(Case(backend="onnxruntime", device="cuda", precision="bf16"), path)


@pytest.mark.filterwarnings("ignore:Specified provider 'CUDAExecutionProvider':UserWarning")
def test_what_falls_back_to_the_cpu_is_wrong_and_named_node_by_node(fake, path):
    with pytest.raises(Wrong) as refused:
        onnxruntime_cuda.OnnxRuntimeCudaSession(CASE, path)
    assert str(refused.value) == (
        f"onnxruntime fell back from CUDAExecutionProvider: {NODES}; "
        "CUDAExecutionProvider did not load: check its CUDA and cuDNN"
    )


def placed(*parts):
    """A session that says so of its nodes, as get_provider_graph_assignment_info does."""
    said = [
        SimpleNamespace(ep_name=provider, get_nodes=lambda nodes=nodes: [SimpleNamespace(**node) for node in nodes])
        for provider, nodes in parts
    ]
    return SimpleNamespace(
        get_provider_graph_assignment_info=lambda: said,
        get_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
    )


def test_one_node_of_many_on_the_cpu_is_enough_to_be_wrong():
    on_gpu = ("CUDAExecutionProvider", [{"op_type": "Conv", "name": f"conv_{number}"} for number in range(52)])
    onnxruntime_cuda.require_all_there(placed(on_gpu))
    left = ("CPUExecutionProvider", [{"op_type": "Reshape", "name": "flatten"}])
    with pytest.raises(Wrong) as refused:
        onnxruntime_cuda.require_all_there(placed(on_gpu, left))
    fell = "onnxruntime fell back from CUDAExecutionProvider: Reshape flatten to CPUExecutionProvider"
    assert str(refused.value) == fell


@pytest.mark.parametrize(
    ("precision", "kind", "number"), [("fp32", "FLOAT", np.float32), ("fp16", "FLOAT16", np.float16)]
)
def test_what_is_bound_is_what_is_read_and_written(fake, monkeypatch, tmp_path, precision, kind, number):
    """On the CPU's provider, told to be CUDA's: the binding, its number format and its memory are the real ones."""
    case = Case(resolution=32, backend="onnxruntime", device="cuda", precision=precision)
    path = saved(tmp_path / "net.onnx", getattr(TensorProto, kind), number)
    providers = [("CPUExecutionProvider", {})]
    given = onnxruntime.InferenceSession

    def on_the_cpu(path, options, providers, enable_fallback):
        ((name, cuda),) = providers
        assert enable_fallback == 0
        assert (name, cuda["device_id"], cuda["user_compute_stream"], cuda["use_tf32"]) == (
            "CPUExecutionProvider", "0", "77", "0",
        )  # fmt: skip
        return given(path, options, providers=[name])

    monkeypatch.setattr(onnxruntime_cuda, "PROVIDER", providers[0][0])
    monkeypatch.setattr(onnxruntime_cuda.onnxruntime, "InferenceSession", on_the_cpu)
    session = onnxruntime_cuda.OnnxRuntimeCudaSession(case, path)
    for value in (1, 2):
        session.put(np.full((1, 3, 32, 32), value, np.float32))
        session.run()
        assert session.get().tolist() == [[27 * value] * 8]
    assert session.queue.output.dtype == {"fp32": torch.float32, "fp16": torch.float16}[precision]
    said = session.settings()
    assert (said["providers"], said["nodes on other providers"]) == ("CPUExecutionProvider", "0")
    assert (said["input"], said["CUDA graph"]) == (f"{np.dtype(number).name} NCHW", "no")


def test_only_tf32_lets_onnxruntime_use_it(monkeypatch, path):
    asked = {}

    def refused(path, options, providers, enable_fallback):
        asked.update(providers[0][1])
        raise RuntimeError("asked")

    monkeypatch.setattr(onnxruntime_cuda.onnxruntime, "InferenceSession", refused)
    for precision, allowed in (("fp32", "0"), ("tf32", "1"), ("fp16", "0")):
        case = Case(backend="onnxruntime", device="cuda:1", precision=precision)
        with pytest.raises(RuntimeError, match="asked"):
            onnxruntime_cuda.opened(case, path, 77)
        assert (asked["use_tf32"], asked["device_id"]) == (allowed, "1")
