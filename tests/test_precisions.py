"""The number formats: what each declares, and that nothing but their declaration knows them by name."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

import mnv2bench
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case
from mnv2bench.networks import ImageShape, build, images
from mnv2bench.precisions import BF16, FP16, FP32, INT8, NAMES, PRECISIONS, TF32, named
from mnv2bench.profiling.roofline import Roof, attainable
from mnv2bench.records import WeightsKind
from mnv2bench.workers.outputs import compare

SEEDED = WeightsKind.SEEDED
PACKAGE = Path(mnv2bench.__file__).parent


def test_the_precisions_are_these_in_this_order():
    assert NAMES == ("fp32", "tf32", "fp16", "bf16", "int8")
    assert [named(name) for name in NAMES] == [FP32, TF32, FP16, BF16, INT8]


def test_an_unknown_precision_is_refused_with_the_known_ones():
    with pytest.raises(ValueError) as refused:
        named("int4")
    assert str(refused.value) == "precision 'int4' is not one of fp32, tf32, fp16, bf16, int8"
    with pytest.raises(ValueError, match="precision 'int4' is not one of fp32, tf32, fp16, bf16, int8"):
        Case(precision="int4")


@pytest.mark.parametrize("precision", PRECISIONS, ids=NAMES)
def test_an_element_has_the_bytes_that_torch_gives_it(precision):
    stored = "int8" if precision is INT8 else precision.dtype  # its images and logits are float32
    assert getattr(torch, stored).itemsize == precision.element_bytes
    assert precision.meaning.endswith(".")


def test_significands_are_those_of_the_formats():
    assert [precision.significand_bits for precision in PRECISIONS] == [23, 10, 10, 7, 7]
    assert np.finfo(np.float32).nmant == FP32.significand_bits
    assert np.finfo(np.float16).nmant == FP16.significand_bits
    assert torch.finfo(torch.bfloat16).eps == 2.0**-BF16.significand_bits


def test_tf32_and_int8_are_made_from_the_files_of_fp32():
    assert [precision.files for precision in PRECISIONS] == ["fp32", "fp32", "fp16", "bf16", "fp32"]


def test_a_half_is_half_as_large_as_fp32_and_int8_a_quarter():
    assert [precision.size_ratio for precision in PRECISIONS] == [1.0, 1.0, 0.5, 0.5, 0.25]


def test_what_computes_in_tf32_is_held_to_the_fp32_products_of_a_cpu():
    roof = Roof(1, {"fp32": 1e11, "bf16": 4e11}, {"memory": 1e10}, {})
    limits = {name: attainable(roof, Case(precision=name), ["stem"]) for name in NAMES}
    assert limits["tf32"] == limits["fp32"]
    assert limits["fp32"].compute_s == pytest.approx(4 * limits["bf16"].compute_s)
    assert limits["fp16"] is None


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_torch_session_on_a_cpu_computes_in_the_cases_precision(precision):
    case = Case(width=0.35, resolution=96, precision=precision)
    exact = build(case.network, width=case.width).eval()
    batches = [images(seed, 1, ImageShape(3, 96, 96)) for seed in (1, 2)]
    outputs = []
    with torch.no_grad():
        reference = np.stack([exact(torch.from_numpy(batch)).numpy() for batch in batches])
        session = torch_session.session(case, torch_session.placed(case, exact))
        for batch in batches:
            session.put(batch)
            session.run()
            outputs.append(session.get())
    assert session.output.dtype == torch.float32
    assert session.layers() == {precision: 53}
    error, _, wrong = compare(outputs, reference, precision, SEEDED)
    assert wrong == ""
    assert (error == 0.0) == (precision == "fp32")


def test_a_precision_is_named_where_it_is_declared_in_backends_and_in_probes_of_their_libraries_alone():
    naming = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value == "bf16"
    }
    assert {name for name in naming if not name.startswith(("backends/", "profiling/probes/"))} == {"precisions.py"}
