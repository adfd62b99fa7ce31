"""Cases: their ids, the grids, and what makes no case."""

import dataclasses

import pytest

from mnv2bench.case import Case, cases, grid, of_network, variants


def test_an_id_spells_out_the_whole_case():
    case = Case("mobilenet_v2", 0.35, 96, 8, "onnxruntime", "cpu", "fp32", 2)
    assert case.id == "mobilenet_v2_0.35_96-b8-onnxruntime-cpu-fp32-t2"
    assert Case(width=1, backend="onnxruntime").id == "mobilenet_v2_1.0_224-b1-onnxruntime-cpu-fp32-t1"
    assert case.variant == "mobilenet_v2_0.35_96"


@pytest.mark.parametrize(
    ("device", "gpu"),
    [("cpu", None), ("cuda", 0), ("cuda:0", 0), ("cuda:11", 11), ("cuda-1", None), ("ssh:cuda", None)],
)
def test_a_case_knows_which_of_cudas_devices_it_runs_on(device, gpu):
    assert Case(device=device).gpu == gpu
    assert Case(device="cuda:1").kind == "host-measured"


@pytest.mark.parametrize(
    "case",
    [
        Case(),
        Case("mobilenet_v2_article", 1.4, 96, 32, "torch_compile_freezing", threads=64),
        Case(device="cuda", precision="fp16", batch=256),
        Case(device="cuda:1", precision="tf32"),
        Case(device="cuda-0"),
        Case(device="android-R58M-10.0.0.7-fp32-t2"),
        Case(width=1),
        Case(width=0.1 + 0.2),
        Case(width=0.00001),
    ],
    ids=lambda case: case.id,
)
def test_the_case_of_an_id_is_the_case(case):
    assert Case.parse(case.id) == case


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mobilenet_v2",
        "mobilenet_v2_1.0_224-b1-openvino-cpu-fp32",
        "mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1 ",
        "mobilenet_v2_1.0.0_224-b1-openvino-cpu-fp32-t1",
        "mobilenet_v2_1.0_16-b1-openvino-cpu-fp32-t1",
        "mobilenet_v2_1.0_224-b1-openvino-cpu-int3-t1",
        "lenet_1.0_224-b1-openvino-cpu-fp32-t1",
    ],
)
def test_a_text_that_is_no_id_is_refused(text):
    with pytest.raises(ValueError) as refused:
        Case.parse(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("network", "lenet"),
        ("network", "lenet\nfive"),
        *(("width", value) for value in (0, -1.0, float("nan"), float("inf"), 11, True, "1.0", None)),
        *(("resolution", value) for value in (0, -224, 31, 4097, 224.0, True, "224", None)),
        *(("batch", value) for value in (0, -1, 4097, 1.0, True, "1", None)),
        *(("threads", value) for value in (0, -1, 4097, 1.0, True, "1", None)),
        *(("precision", value) for value in ("int4", "", None)),
        *(("backend", value) for value in ("", "two-words", "two\nlines", None)),
        *(("device", value) for value in ("", "two\nlines", None)),
    ],
)
def test_what_makes_no_case_is_refused_in_one_line_that_names_it(field, value):
    with pytest.raises(ValueError, match=field) as refused:
        Case(**{field: value})
    assert "\n" not in str(refused.value)


def test_a_case_is_frozen_and_equal_cases_are_one_key():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Case().width = 1.4
    assert {Case(width=1): "first", Case(width=1.0): "second"} == {Case(): "second"}


def test_the_grids_hold_the_published_variants_every_pair_and_two_corners():
    assert {name: len(grid(name)) for name in ("published", "full", "quick", "brief")} == {
        "published": 22,
        "full": 30,
        "quick": 6,
        "brief": 2,
    }
    assert grid("brief") == ((0.35, 96), (1.0, 224))
    assert grid("quick") == ((0.35, 96), (0.5, 128), (0.5, 192), (1.0, 160), (1.0, 224), (1.4, 224))
    assert [row for row in grid("published") if row[0] > 1] == [(1.3, 224), (1.4, 224)]
    assert [row for row in grid("published") if row[0] == 0.5] == [(0.5, r) for r in (224, 192, 160, 128, 96)]
    assert set(grid("published")) < set(grid("full"))


def test_an_unknown_grid_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"^grid 'huge' is not one of brief, quick, published, full$"):
        grid("huge")


@pytest.mark.parametrize(
    ("name", "widths", "resolutions", "chosen"),
    [
        ("brief", [], [], ((0.35, 96), (1.0, 224))),
        ("quick", [1.0], [], ((1.0, 160), (1.0, 224))),
        ("quick", [], [96], ((0.35, 96),)),
        ("published", [1.3, 1.4], [], ((1.3, 224), (1.4, 224))),
        ("published", [], [96], ((0.35, 96), (0.5, 96), (0.75, 96), (1.0, 96))),
        ("quick", [0.5, 3.0], [33, 96], ((0.5, 33), (0.5, 96), (3.0, 33), (3.0, 96))),
    ],
)
def test_one_axis_chooses_rows_of_the_grid_and_both_make_their_product(name, widths, resolutions, chosen):
    assert variants(name, widths, resolutions) == of_network(chosen)


@pytest.mark.parametrize(
    ("widths", "resolutions", "reason"),
    [
        (
            [1.0, 0.75],
            [],
            "grid quick of mobilenet_v2 has no variant with 0.75: name --resolutions too, or another grid",
        ),
        ([], [100], "grid quick of mobilenet_v2 has no variant with 100: name --widths too, or another grid"),
    ],
)
def test_a_value_outside_the_grid_needs_the_other_axis(widths, resolutions, reason):
    with pytest.raises(ValueError) as refused:
        variants("quick", widths, resolutions)
    assert str(refused.value) == reason


def test_cases_are_every_combination_once_in_the_order_given():
    chosen = cases(
        of_network([(1.0, 224), (0.35, 96), (1, 224)]),
        backends=["openvino", "torch_eager"],
        threads=[2, 1],
        batches=[8],
    )
    assert [case.id for case in chosen] == [
        "mobilenet_v2_1.0_224-b8-openvino-cpu-fp32-t2",
        "mobilenet_v2_1.0_224-b8-openvino-cpu-fp32-t1",
        "mobilenet_v2_1.0_224-b8-torch_eager-cpu-fp32-t2",
        "mobilenet_v2_1.0_224-b8-torch_eager-cpu-fp32-t1",
        "mobilenet_v2_0.35_96-b8-openvino-cpu-fp32-t2",
        "mobilenet_v2_0.35_96-b8-openvino-cpu-fp32-t1",
        "mobilenet_v2_0.35_96-b8-torch_eager-cpu-fp32-t2",
        "mobilenet_v2_0.35_96-b8-torch_eager-cpu-fp32-t1",
    ]


def test_another_number_of_classes_is_part_of_the_name_and_the_usual_one_is_not():
    assert Case(classes=10).id == "mobilenet_v2_1.0_224_10classes-b1-torch_eager-cpu-fp32-t1"
    assert Case.parse("mobilenet_v2_0.35_96_1001classes-b8-onnxruntime-cpu-fp32-t2") == Case(
        width=0.35, resolution=96, batch=8, backend="onnxruntime", threads=2, classes=1001
    )
    assert Case(classes=1000).id == "mobilenet_v2_1.0_224-b1-torch_eager-cpu-fp32-t1"


@pytest.mark.parametrize("classes", [0, -1, 100_001, 10.0, True, "10"])
def test_a_number_of_classes_that_no_network_has_is_refused_in_one_line(classes):
    with pytest.raises(ValueError, match="classes must be a whole number from 1 to 100000, such as 1000, not"):
        Case(classes=classes)


def test_a_file_that_gives_other_than_1000_numbers_says_how_many_in_the_name_of_its_case():
    case = Case("my-net.onnx-0f1e2d3c", resolution=96, classes=10, channels=1, backend="onnxruntime")
    assert case.id == "my-net.onnx-0f1e2d3c_1.0_96_1channel_10outputs-b1-onnxruntime-cpu-fp32-t1"
    assert Case.parse(case.id) == case
    assert Case("my-net.onnx-0f1e2d3c").variant == "my-net.onnx-0f1e2d3c_1.0_224"
