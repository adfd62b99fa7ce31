"""The name that a person means by a part of it."""

import pytest

from mnv2bench.matching import matching_name, matching_names
from mnv2bench.selection import named_case, select

IDS = (
    "mobilenet_v2_0.35_96-b1-torch_compile-cpu-fp32-t1",
    "mobilenet_v2_0.35_96-b1-torch_compile-cpu-fp32-t16",
    "mobilenet_v2_0.35_96-b1-torch_compile_freezing-cpu-fp32-t1",
    "mobilenet_v2_1.0_224-b1-openvino-cpu-int8-t1",
)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (IDS[0], 0),  # and not t16, which begins so
        ("torch_compile-cpu-fp32-t1", 0),
        ("t16", 1),
        ("torch_compile_freezing", 2),
        ("openvino", 3),
        ("openv", 3),
        ("1.0@224", 3),
        ("1.0_224-b1", 3),
    ],
)
def test_a_part_that_one_name_alone_has_is_that_name(text, place):
    assert matching_name(text, IDS) == IDS[place]


def test_whole_words_are_meant_before_their_beginnings():
    assert matching_names("torch_compile", IDS) == list(IDS[:2])


@pytest.mark.parametrize("text", ["", "lenet", "vino", "[", "x"])
def test_the_middle_of_a_word_is_no_part(text):
    assert matching_names(text, IDS) == []


def test_a_part_of_several_names_the_first_five():
    names = [f"night_{number}" for number in range(7)]
    with pytest.raises(ValueError, match=r"'night' is part of 7 nights: name one of night_0, .*, night_4 and 2 more$"):
        matching_name("night", names, plural="nights")


def test_a_name_that_is_not_there_names_similar_ones():
    with pytest.raises(ValueError, match=r"^there is no case 'openwino': name one, such as mobilenet"):
        matching_name("openwino", IDS)


@pytest.mark.parametrize(
    ("text", "case"),
    [
        ("torch_script", "mobilenet_v2_0.35_96-b1-torch_script-cpu-fp32-t1"),
        ("1.0@224-b1-openvino-cpu-int8-t1", "mobilenet_v2_1.0_224-b1-openvino-cpu-int8-t1"),
        ("0.75_160-b1-litert-cpu-int8-t1", "mobilenet_v2_0.75_160-b1-litert-cpu-int8-t1"),
        ("article_0.5_96-b1-ncnn-cpu-bf16-t1", "mobilenet_v2_article_0.5_96-b1-ncnn-cpu-bf16-t1"),
        ("mobilenet_v2_0.4_100-b8-nosuch-cpu-fp32-t1", "mobilenet_v2_0.4_100-b8-nosuch-cpu-fp32-t1"),
    ],
)
def test_a_case_is_one_of_those_that_the_options_choose_else_any(text, case):
    assert named_case(text, select({"widths": "0.35"})).id == case


def test_a_part_of_several_cases_is_refused_with_the_first_of_them():
    with pytest.raises(
        ValueError, match=r"^'openvino' is part of 2 cases: name one of mobilenet_v2_0.35_96-b1-openvino"
    ):
        named_case("openvino", select({"widths": "0.35"}))
    with pytest.raises(ValueError, match=r"'openwino' is not a case id such as .*-t1, nor a part of one$"):
        named_case("openwino", select({}))
