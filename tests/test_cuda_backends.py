"""The GPU sessions on a torch whose GPU is the CPU, and what is refused: their control flow, and nothing of a GPU."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fake_cuda import FakeTorch

from mnv2bench import Case
from mnv2bench.backends import torch_compile_cudagraphs, torch_eager, torch_script
from mnv2bench.backends.shared import cuda_session, torch_session
from mnv2bench.gpu import driver
from mnv2bench.networks import ImageShape, build, images
from mnv2bench.records import WeightsKind
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.workers.outputs import compare

SEEDED = WeightsKind.SEEDED
GPU = Case(width=0.35, resolution=96, device="cuda")
PAIR = Case(resolution=32, batch=2, device="cuda")


TORCHSCRIPT_IS_OLD = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")


@pytest.fixture
def fake(monkeypatch):
    """Both modules on the double, and a driver that has the GPU; the flags of the real torch end as they were."""
    double = FakeTorch()
    monkeypatch.setattr(cuda_session, "torch", double)
    monkeypatch.setattr(torch_session, "torch", double)
    found = driver.Device(0, "a double", "GPU-0", "9.0", 13000)
    monkeypatch.setattr(driver, "require", lambda *asked: double.cuda.done.append(asked) or found)
    allowed = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    with torch.no_grad():
        yield double
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = allowed


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "weights.pt"
    torch.save(build("mobilenet_v2", width=0.35).state_dict(), path)
    return path


def doubled(queue):
    """A network of one line: logits are twice the first two pixels of each image."""

    def call():
        queue.stream.done.append("call")
        queue.output = 2 * queue.input.flatten(1)[:, :2]

    return call


def opened(case, fake):
    queue = cuda_session.CudaQueue(case)
    queue.call = doubled(queue)
    fake.cuda.done.clear()
    return cuda_session.CudaSession(queue)


def pixels(case, first):
    given = np.zeros((case.batch, 3, case.resolution, case.resolution), np.float32)
    given[:, 0, 0, :2] = first
    return given


def test_the_stream_is_made_current_once_before_anything_is_queued(fake):
    queue = cuda_session.CudaQueue(PAIR)
    assert fake.cuda.done == ["set_device cpu", "set_stream"]
    assert fake.cuda.current is queue.stream


def test_a_queue_without_a_call_says_so(fake):
    with pytest.raises(ValueError, match="the queue has no call yet"):
        cuda_session.CudaQueue(PAIR).enqueue()


def test_a_run_is_the_call_and_a_wait_and_nothing_else(fake):
    session = opened(PAIR, fake)
    session.run()
    assert fake.cuda.done == ["call", "synchronize"]
    session.queue.enqueue()
    assert fake.cuda.done[2:] == ["call"]


def test_images_arrive_before_put_returns_and_logits_are_a_new_float32_array(fake):
    session = opened(PAIR, fake)
    session.put(pixels(PAIR, (1, 2)))
    assert fake.cuda.done == ["synchronize"]
    session.run()
    first = session.get()
    assert first.dtype == np.float32
    assert first.tolist() == [[2, 4], [2, 4]]
    session.put(pixels(PAIR, (3, 4)))
    session.run()
    assert session.get().tolist() == [[6, 8], [6, 8]]
    assert first.tolist() == [[2, 4], [2, 4]]


def test_copies_go_through_pinned_memory_that_is_made_once(fake):
    session = opened(PAIR, fake)
    for _ in range(3):
        session.put(pixels(PAIR, (1, 2)))
        session.run()
        session.get()
    assert [tensor.shape for tensor in fake.pinned] == [(2, 3, 32, 32), (2, 2)]
    session.queue.images.fill_(7)
    session.queue.copy_in()
    session.queue.call()
    session.queue.copy_out()
    assert session.queue.logits.tolist() == [[14, 14], [14, 14]]


@pytest.mark.parametrize(
    ("precision", "number"), [("fp32", "float32"), ("tf32", "float32"), ("fp16", "float16"), ("bf16", "bfloat16")]
)
def test_the_case_says_in_which_numbers_images_and_logits_travel(fake, precision, number):
    case = Case(resolution=32, batch=2, device="cuda", precision=precision)
    session = opened(case, fake)
    session.put(pixels(case, (1, 1 + 2**-9)))
    session.run()
    assert str(session.queue.input.dtype) == str(session.queue.images.dtype) == f"torch.{number}"
    assert session.settings() == {
        "input": f"{number} NCHW",
        "CUDA graph": "no",
        "host waits": "as CUDA does by default",
    }
    logits = session.get()
    assert str(session.queue.logits.dtype) == f"torch.{number}"
    assert logits.dtype == np.float32
    assert logits[0].tolist() == [2, 2 if precision == "bf16" else 2 + 2**-8]


def test_marks_are_recorded_once_before_they_are_used_and_tell_nanoseconds(fake):
    queue = opened(PAIR, fake).queue
    start, end = queue.mark(), queue.mark()
    assert fake.cuda.done == ["record", "record"]
    start.record()
    queue.enqueue()
    end.record()
    end.wait()
    assert fake.cuda.done == ["record", "record", "record", "call", "record", "wait"]
    assert end.ns_since(start) == 2_000_000


def test_the_l2_cache_is_cooled_by_twice_its_size_and_only_when_asked(fake):
    queue = opened(PAIR, fake).queue
    assert queue.cooling is None
    queue.cool_l2()
    first = queue.cooling
    assert (first.nbytes, int(first.abs().sum())) == (2048, 0)
    queue.cool_l2()
    assert queue.cooling is first


def test_memory_is_what_torch_counts(fake):
    assert opened(PAIR, fake).device_memory() == {"torch_allocated": 1_000_000, "torch_reserved": 2_000_000}


@pytest.mark.parametrize(("precision", "tf32"), [("fp32", "off"), ("tf32", "on"), ("fp16", "off")])
def test_eager_is_opened_in_the_number_format_of_the_case_with_tf32_as_it_says(fake, weights, precision, tf32):
    """The flags are those of the real torch, which here has no GPU to heed them."""
    case = Case(width=0.35, resolution=96, device="cuda", precision=precision)
    reference = []
    with torch_eager.open(case, weights) as session:
        outputs = []
        for seed in (1, 2):
            given = images(seed, 1, ImageShape(3, 96, 96))
            reference.append(build("mobilenet_v2", width=0.35)(torch.from_numpy(given)).numpy())
            session.put(given)
            session.run()
            outputs.append(session.get())
        said = session.settings()
    error, _, wrong = compare(outputs, np.stack(reference), precision, SEEDED)
    assert wrong == ""
    assert (error > 1e-3) == (precision == "fp16")
    assert (said["TF32"], said["CUDA graph"], said["cuDNN benchmark"]) == (tf32, "no", "off")
    assert torch.backends.cudnn.allow_tf32 == torch.backends.cuda.matmul.allow_tf32 == (tf32 == "on")


def test_a_driver_must_serve_the_major_version_that_torch_was_built_for(fake):
    fake.version = SimpleNamespace(cuda="12.8")
    torch_session.prepare(GPU)
    assert fake.cuda.done == [(0, 0, "torch_eager"), (0, 12000, f"torch {torch.__version__}")]


def test_a_torch_without_cuda_is_mended_by_pip(fake):
    fake.version = SimpleNamespace(cuda=None)
    with pytest.raises(Unavailable, match="has no CUDA: pip uninstall torch; pip install 'torch"):
        torch_session.prepare(GPU)


def test_a_torch_that_finds_no_gpu_says_how_to_learn_why(fake):
    fake.cuda.available = False
    with pytest.raises(Unavailable, match=r"finds no GPU where the driver does: .*torch.cuda.init"):
        torch_session.prepare(GPU)


def test_compiling_for_a_gpu_needs_triton_and_a_c_compiler(fake, monkeypatch, tmp_path):
    monkeypatch.setattr(torch_session, "find_spec", lambda name: None)
    with pytest.raises(Unavailable, match="needs Triton on a GPU: pip install triton"):
        torch_session.compiled(GPU, Path("/nowhere"))
    monkeypatch.setattr(torch_session, "find_spec", lambda name: name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(Unavailable, match="needs a C compiler on a GPU and found no gcc or clang: apt-get install gcc"):
        torch_compile_cudagraphs.open(Case(backend="torch_compile_cudagraphs", device="cuda"), Path("/nowhere"))


def test_cuda_graphs_are_refused_on_the_cpu():
    with pytest.raises(Unsupported, match="torch_compile_cudagraphs runs on cuda here, not on cpu"):
        torch_compile_cudagraphs.open(Case(backend="torch_compile_cudagraphs"), Path("/nowhere"))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Inductor's own, when it is imported
def test_a_cuda_graph_is_claimed_only_where_inductor_made_one_and_skipped_none(monkeypatch):
    from torch._dynamo.utils import counters
    from torch._inductor import cudagraph_trees
    from torch._inductor.cudagraph_utils import log_cudagraph_skip_and_bump_counter

    none = "no: Inductor recorded none (TORCH_LOGS=cudagraphs says why)"
    assert torch_compile_cudagraphs.graph(0) == none
    monkeypatch.setattr(cudagraph_trees, "get_manager", lambda index, **_: f"of {index}")
    assert torch_compile_cudagraphs.graph(0) == "yes"
    log_cudagraph_skip_and_bump_counter("skipping cudagraphs due to a test")
    said = torch_compile_cudagraphs.graph(0)
    counters.clear()
    assert said == "no: Inductor skipped it 1 times (TORCH_LOGS=cudagraphs says why)"


def traced(tmp_path):
    """Two convolutions of TorchScript, traced and frozen as the artifact is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU6(), torch.nn.Conv2d(4, 2, 3)).eval()
    inputs = torch.linspace(-1, 1, 3 * 8 * 8).reshape(1, 3, 8, 8)
    path = tmp_path / "traced.pt"
    torch.jit.save(torch.jit.freeze(torch.jit.trace(network, inputs)), path)
    return torch.jit.load(path), inputs


def said_of_tf32(script):
    convolutions = script.graph.findAllNodes("aten::_convolution")
    return [list(node.inputs())[torch_script.ALLOW_TF32].toIValue() for node in convolutions]


@TORCHSCRIPT_IS_OLD
def test_a_trace_lets_every_convolution_use_tf32_whatever_the_flag_says_later(tmp_path, fake):
    torch.backends.cudnn.allow_tf32 = True
    script, _ = traced(tmp_path)
    torch.backends.cudnn.allow_tf32 = False
    assert said_of_tf32(script) == [True, True]
    assert said_of_tf32(torch.jit.load(tmp_path / "traced.pt")) == [True, True]


@TORCHSCRIPT_IS_OLD
@pytest.mark.parametrize("allowed", [False, True])
def test_torchscript_on_a_gpu_says_of_every_convolution_what_the_case_says(tmp_path, fake, allowed):
    script, inputs = traced(tmp_path)
    before = script.forward(inputs)
    script, _ = traced(tmp_path)
    torch_script.allow_tf32(script.graph, allowed)
    assert said_of_tf32(script) == [allowed, allowed]
    assert torch.allclose(torch.jit.optimize_for_inference(script)(inputs), before, atol=1e-6)
