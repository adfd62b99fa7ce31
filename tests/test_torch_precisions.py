"""torch's backends in bf16, fp16 and int8 on a CPU: what ran by torch's own word, and the settings that are refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mnv2bench import Case, Plan, precisions, processor
from mnv2bench.backends.shared import torch_layers, torch_session
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.preparation import prepare
from mnv2bench.networks import build, digits_state, layers
from mnv2bench.networks.folding import fold_norms
from mnv2bench.records import default_weights
from mnv2bench.records.journal import Journal
from mnv2bench.refusals import Wrong
from mnv2bench.workers import proof

SMALL = Case(width=0.35, resolution=32)
BRIEF = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=2, warmup_cap_rounds=1)
CONVOLUTION = (
    "onednn_verbose,v1,primitive,exec,cpu,convolution,jit_dw:avx512_core,forward_training,src:{}:a:blocked:aBcd16b::f0 "
    "wei:f32:a:blocked:Abcde16a::f0 bia:undef::undef::: dst:f32:a:blocked:aBcd16b::f0,attr-scratchpad:user{},"
    "alg:convolution_direct,g16mb1_ic16oc16_ih64oh62kh3sh1dh0ph0_iw64ow62kw3sw1dw0pw0,0.23"
)
MATMUL = (
    "onednn_verbose,v1,primitive,exec,cpu,matmul,brg_matmul:avx512_core,undef,src:f32::blocked:ab::f0 "
    "wei:f32::blocked:ba::f0 dst:f32::blocked:ab::f0,attr-scratchpad:user attr-fpmath:bf16 attr-post-ops:sum,,"
    "8x64:64x64,0.013"
)
REORDER = (
    "onednn_verbose,v1,primitive,exec,cpu,reorder,jit:uni,undef,src:f32::blocked:ab::f0 dst:bf16::blocked:ab::f0,"
    "attr-scratchpad:user,,16x3x3x3,0.001"
)
SGEMM = "MKL_VERBOSE SGEMM(T,N,64,8,64,0x7ffc,0x55,64,0x55,64,0x7ffc,0x55,64) 35.22us CNR:OFF Dyn:0 FastMM:1 NThr:1"
BANNER = "MKL_VERBOSE oneMKL 2024.0 Update 2 Product build 20240605 for Intel(R) 64 architecture"


def digits_network():
    module = build("mobilenet_v2", 0.35, seed=None)
    module.load_state_dict(digits_state("mobilenet_v2", 0.35))
    return module.eval()


def runs_here(name):
    """Whether this processor has instructions for a precision."""
    return not precisions.named(name).missing_instructions(processor.instructions())


def test_layers_are_read_from_the_lines_of_onednn_and_mkl_and_nothing_else_is():
    lines = [
        BANNER,
        REORDER,
        CONVOLUTION.format("f32", ""),
        CONVOLUTION.format("bf16", ""),
        CONVOLUTION.format("u8", " attr-scales:src0:0:f32+dst:0:f32+wei:2:f32"),
        CONVOLUTION.format("f32", " attr-fpmath:bf16"),
        MATMUL,
        SGEMM,
        "something that another program prints",
    ]
    assert torch_layers.layers_of_lines("\n".join(lines)) == {"fp32": 2, "bf16": 3, "int8": 1}
    assert torch_layers.layers_of_lines("") == {}


@pytest.mark.parametrize(
    ("element", "name"), [(torch.float32, "fp32"), (torch.bfloat16, "bf16"), (torch.float16, "fp16")]
)
def test_every_layer_that_torch_dispatches_is_counted_in_the_number_format_that_it_has(element, name):
    module = digits_network().to(element)
    images = torch.zeros(2, 3, 32, 32, dtype=element)
    with torch.no_grad():
        assert torch_layers.dispatched_layers(lambda: module(images)) == {name: 53}


def test_a_network_of_which_one_layer_is_in_fp32_has_52_layers_in_bf16():
    module = digits_network().to(torch.bfloat16)
    classifier = module.get_submodule("classifier.1").float()
    module.set_submodule("classifier.1", torch.nn.Identity())
    images = torch.zeros(1, 3, 32, 32, dtype=torch.bfloat16)
    with torch.no_grad():
        counted = torch_layers.dispatched_layers(lambda: classifier(module(images).float()))
    assert counted == {"bf16": 52, "fp32": 1}


def test_folding_batch_norm_changes_nothing_but_rounding_and_keeps_every_path():
    plain, images = digits_network(), torch.from_numpy(np.float32(np.random.default_rng(3).random((2, 3, 32, 32))))
    folded = fold_norms(digits_network(), layers("mobilenet_v2", 0.35, 224))
    with torch.no_grad():
        expected, logits = plain(images), folded(images)
    assert float((logits - expected).abs().max() / expected.abs().max()) < 1e-5
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert [path for path, _ in folded.named_modules()] == [path for path, _ in plain.named_modules()]


def test_rounding_is_smaller_where_batch_norm_is_folded_first():
    images = torch.from_numpy(np.float32(np.random.default_rng(3).random((8, 3, 32, 32))))
    case = Case(width=0.35, resolution=32, backend="torch_eager", precision="bf16")
    with torch.no_grad():
        expected = digits_network()(images)
        unfolded = digits_network().to(torch.bfloat16)(images.to(torch.bfloat16)).float()
        folded = torch_session.typed(case, digits_network())(images.to(torch.bfloat16)).float()
    assert (folded - expected).norm() < (unfolded - expected).norm()


@pytest.fixture
def session(monkeypatch):
    """A session of an eager network on the CPU; torch's settings are as before afterwards."""
    monkeypatch.setattr(torch, "set_num_interop_threads", lambda threads: None)  # torch takes it once in a process
    case = Case(width=0.35, resolution=32, backend="torch_eager")
    threads = torch.get_num_threads()
    torch_session.prepare(case)
    yield torch_session.session(case, digits_network())
    torch.set_num_threads(threads)
    torch.set_grad_enabled(True)
    torch.set_float32_matmul_precision("highest")
    torch.backends.mkldnn.fp32_precision = "none"
    torch.backends.mkldnn.conv.fp32_precision = torch.backends.mkldnn.matmul.fp32_precision = "none"


def set_convolutions():
    torch.backends.mkldnn.conv.fp32_precision = "bf16"


def set_products():
    torch.set_float32_matmul_precision("medium")


def set_everything():
    torch.backends.mkldnn.fp32_precision = "bf16"


SETTINGS = [
    (set_convolutions, "torch.backends.mkldnn.conv.fp32_precision is bf16"),
    (set_products, "torch.backends.mkldnn.matmul.fp32_precision is bf16"),
    (
        set_everything,
        "torch.backends.mkldnn.conv.fp32_precision is bf16, torch.backends.mkldnn.matmul.fp32_precision is bf16",
    ),
]


@pytest.mark.parametrize(("change", "name"), SETTINGS)
def test_a_setting_of_torch_that_makes_less_of_fp32_is_refused_by_name(session, change, name):
    assert session.settings()["fp32 products"] == "full"
    assert session.layers() == {"fp32": 53}
    assert proof.reduced_fp32(SMALL) == ""
    change()
    refusal = f"{name}: torch computes in fewer bits than fp32 with it; leave it out, or use --precisions bf16"
    assert proof.reduced_fp32(SMALL) == refusal  # of a process whose backend set it after it was opened
    with pytest.raises(Wrong) as refused:
        torch_session.prepare(Case(width=0.35, resolution=32, backend="torch_eager"))
    assert str(refused.value) == refusal
    assert session.settings()["fp32 products"] == name


def test_onednns_variable_is_refused_by_name_and_strict_is_not(monkeypatch):
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "STRICT")
    assert torch_layers.reduced_fp32() == ""
    monkeypatch.setenv("ONEDNN_DEFAULT_FPMATH_MODE", "BF16")
    assert torch_layers.reduced_fp32() == "ONEDNN_DEFAULT_FPMATH_MODE is BF16"
    with pytest.raises(Wrong, match=r"^ONEDNN_DEFAULT_FPMATH_MODE is BF16: torch computes in fewer bits"):
        torch_session.prepare(Case(width=0.35, resolution=32, backend="torch_eager"))


@pytest.fixture(scope="module")
def program():
    """The file of the quantised program at 0.35@32; its tests end where this processor lacks the instructions."""
    made = prepare(replace(SMALL, backend="torch_aoti", precision="int8"), default_weights(), format="pt2e")
    if not runs_here("int8"):
        assert "avx512_vnni" in made.reason
        pytest.skip(f"asserted: {made.reason}")
    return Path(made.path)


@pytest.mark.slow
def test_each_output_channel_has_a_scale_of_its_own_also_of_a_row_whose_weights_are_all_zero(program):
    tensors = torch_session.quantised_program(program).state_dict
    weights = [tensor for tensor in tensors.values() if tensor.dtype == torch.int8]
    assert len(weights) == 53
    classifier = next(tensor for tensor in weights if tensor.shape == (1000, 1280))
    assert classifier[:10].int().abs().amax(dim=1).min() > 100  # the ten classes of digits take the whole range
    assert not classifier[10:].any()
    scales = {len(tensor): tensor for name, tensor in tensors.items() if name.startswith("_scale_") and tensor.dim()}
    assert 0 < scales[1000].min() <= scales[1000].max() < 0.01
    assert scales[1000][10:].max() < scales[1000][:10].min()


@pytest.mark.slow
def test_the_quantised_program_holds_no_weights_in_float_and_takes_a_third_of_their_bytes(program):
    tensors = torch_session.quantised_program(program).state_dict.values()
    assert max(tensor.numel() for tensor in tensors if tensor.is_floating_point()) == 1280  # biases and scales
    assert program.stat().st_size < sum(tensor.nbytes for tensor in digits_state("mobilenet_v2", 0.35).values()) / 2


@pytest.mark.slow
def test_without_inductor_and_frozen_weights_torch_computes_the_quantised_program_in_float(program):
    module = torch_session.quantised_network(SMALL, program)
    images = torch.zeros(1, 3, 32, 32)
    with torch.no_grad():
        assert torch_layers.dispatched_layers(lambda: module(images)) == {"fp32": 53}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Of one campaign in real processes, by backend and precision."""
    journal = Journal(tmp_path_factory.mktemp("torch") / "torch.jsonl")
    runs = [
        ("torch_eager", "fp32"),
        ("torch_eager", "bf16"),
        ("torch_eager", "int8"),
        ("torch_script", "fp32"),
        ("torch_script", "bf16"),
        ("torch_script", "int8"),
        ("torch_compile", "int8"),
        ("torch_compile_freezing", "bf16"),
        ("torch_aoti", "int8"),
    ]
    cases = [replace(SMALL, backend=name, precision=precision) for name, precision in runs]
    return {
        (record.case.backend, record.case.precision): record for record in run(Campaign(tuple(cases), journal, BRIEF))
    }


def samples(record):
    """What a case measured; None where this processor lacks the instructions, and the row says so."""
    if not runs_here(record.case.precision):
        assert record.status == "unsupported"
        assert all(flag in record.reason for flag in precisions.named(record.case.precision).cpu_flags)
        return None
    assert (record.status, record.reason) == ("ok", "")
    return record.samples[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "precision"),
    [
        ("torch_eager", "bf16"),
        ("torch_script", "bf16"),
        ("torch_compile_freezing", "bf16"),
        ("torch_aoti", "int8"),
    ],
)
def test_all_53_layers_ran_in_the_requested_precision(records, name, precision):
    if sample := samples(records[name, precision]):
        assert sample.layers == {precision: 53}
        assert 1e-4 < sample.error < 0.2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch_eager", "torch_script"])
def test_all_53_layers_of_fp32_ran_in_fp32(records, name):
    sample = samples(records[name, "fp32"])
    assert sample.layers == {"fp32": 53}
    assert sample.settings["fp32 products"] == "full"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["torch_eager", "torch_script", "torch_compile"])
def test_int8_is_refused_where_torch_would_compute_it_in_float(records, name):
    record = records[name, "int8"]
    assert record.status == "unsupported"
    assert record.reason.endswith("torch_compile_freezing and torch_aoti do")
