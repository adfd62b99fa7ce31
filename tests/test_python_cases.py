"""`mnv2bench.cases`: what a script chooses is what the options of `mnv2bench run` choose."""

from pathlib import Path

import numpy as np
import pytest

import mnv2bench as mb
from mnv2bench.selection import select, suite_cases

ROOT = Path(__file__).parents[1]


def ids(cases):
    return [case.id for case in cases]


def test_widths_resolutions_and_backends_make_their_product():
    assert ids(mb.cases(widths=[0.5, 1.0], resolutions=[160, 224], backends=["openvino", "litert"], threads=1)) == [
        "mobilenet_v2_0.5_160-b1-openvino-cpu-fp32-t1",
        "mobilenet_v2_0.5_160-b1-litert-cpu-fp32-t1",
        "mobilenet_v2_0.5_224-b1-openvino-cpu-fp32-t1",
        "mobilenet_v2_0.5_224-b1-litert-cpu-fp32-t1",
        "mobilenet_v2_1.0_160-b1-openvino-cpu-fp32-t1",
        "mobilenet_v2_1.0_160-b1-litert-cpu-fp32-t1",
        "mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1",
        "mobilenet_v2_1.0_224-b1-litert-cpu-fp32-t1",
    ]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({}, {}),
        ({"grid": "published", "threads": [1]}, {"grid": "published", "threads": "1"}),
        ({"backends": "fake,torch_eager", "threads": "all"}, {"backends": "fake,torch_eager", "threads": "all"}),
        ({"devices": ["cuda"], "precisions": ("fp32", "fp16")}, {"devices": "cuda", "precisions": "fp32,fp16"}),
        ({"networks": "mobilenet_v2_article", "widths": 1.0}, {"networks": "mobilenet_v2_article", "widths": "1.0"}),
    ],
)
def test_the_cases_are_those_of_the_options(arguments, options):
    assert mb.cases(**arguments) == suite_cases("latency", select(options))


def test_batches_above_1_are_cases_of_throughput():
    chosen = mb.cases(widths=0.35, resolutions=96, backends="fake", batches=[1, 8], threads=2)
    assert ids(chosen) == [
        "mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t2",
        "mobilenet_v2_0.35_96-b8-fake-cpu-fp32-t2",
    ]


def test_a_value_a_list_and_numbers_of_numpy_mean_the_same():
    listed = mb.cases(widths=[0.35, 0.5], resolutions=[96], backends=["fake"], threads=[1])
    assert listed == mb.cases(widths=np.array([0.35, 0.5]), resolutions=np.int64(96), backends="fake", threads=1)
    assert listed == mb.cases(widths=(w for w in (0.35, 0.5)), resolutions=96, backends={"fake"}, threads="1")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"backends": []}, "--backends '' names nothing: name a value, or leave the option out"),
        ({"backends": "openvyno"}, "backend 'openvyno' is not one of executorch, "),
        ({"widths": ["wide"]}, "--widths takes numbers separated by commas, not 'wide'"),
        (
            {"widths": 0.36},
            "grid quick of mobilenet_v2 has no variant with 0.36: name --resolutions too, or another grid",
        ),
        ({"widths": 0.5, "resolutions": 7}, "resolution must be "),
        ({"resolutions": 96.5}, "--resolutions takes sides separated by commas: "),
        ({"precisions": "fp31"}, "precision 'fp31' "),
        ({"threads": 0, "backends": "fake"}, "threads must be a whole number from 1 to 4096, not 0"),
        ({"devices": "gpu:0"}, "device 'gpu:0' is not one of cpu, "),
        ({"grid": "huge"}, "grid 'huge' is not one of brief, quick, published, full"),
        ({"networks": "resnet"}, "unknown network 'resnet'; known networks: mobilenet_v1, mobilenet_v2, "),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_message_of_the_option(arguments, message):
    with pytest.raises(ValueError) as refusal:
        mb.cases(**arguments)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_the_function_is_there_after_the_modules_that_it_needs():
    from mnv2bench.case import Case

    assert mb.cases(widths=0.35, resolutions=96, backends="fake", threads=1) == (
        Case(width=0.35, resolution=96, backend="fake"),
    )
