"""Answers and pages of a file that has several networks: every row and every sentence says which network it is of."""

import pytest
from measured_cases import evaluated, measured

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.comparison.chapters import chapters
from mnv2bench.comparison.first_screen import first_screen, plain_title
from mnv2bench.comparison.recommended import closing
from mnv2bench.comparison.sections import FIT, HOW_TO_READ, MACHINE, WINNERS, ranking, sections
from mnv2bench.networks import ImageShape
from mnv2bench.networks.described import Description, file_network, register
from mnv2bench.recommendation import words
from mnv2bench.recommendation.answer import answers
from mnv2bench.recommendation.block import answer_block
from mnv2bench.recommendation.machines import by_machine
from mnv2bench.recommendation.remarks import remarks as remarks_of
from mnv2bench.report import column
from mnv2bench.report.layout import caption, labels

TIMM = "timm:hardcorenas_a"
FILE = file_network("my net.onnx", "ab12cd34" * 8)
LONG = file_network("a-name-that-is-as-long-as-those-of-experiments-with-every-setting-in-it.onnx", "0f1e2d3c" * 8)
SOURCES = "The authors of each network published its top-1 and trained it in their own way"


@pytest.fixture(autouse=True)
def described(monkeypatch):
    """Networks that no family declares, with layers that others have."""
    monkeypatch.setattr(networks.described, "_descriptions", {})
    for name, origin, shape, classes in (
        (TIMM, "timm 1.0.31", ImageShape(3, 224, 224), 1000),
        (FILE, "<b>|my net.onnx", ImageShape(3, 224, 224), 1000),
        (LONG, "long.onnx", ImageShape(1, 96, 64), 10),
    ):
        layers = networks.layers("mobilenet_v2", 0.75, shape.sides, classes, shape.channels)
        register(Description(name, origin, "counted by hand", shape, classes, layers))


def rivals():
    """The published ones of two families at two sizes, and networks of which no top-1 is known."""
    return [
        measured(5.0, 5.0, 5.0, network="mobilenet_v2"),
        measured(6.0, 6.0, 6.0, network="mobilenet_v2", backend="litert"),
        measured(1.0, 1.0, 1.0, network="mobilenet_v2", variant="0.35@96"),
        measured(8.0, 8.0, 8.0, network="mobilenet_v1"),
        measured(2.0, 2.0, 2.0, network="mobilenet_v1", variant="1.0@128"),
        measured(4.0, 4.0, 4.0, network=TIMM),
        measured(9.0, 9.0, 9.0, network=FILE, backend="onnxruntime"),
        measured(7.0, 7.0, 7.0, network=FILE),
    ]


def section(title, *records):
    """The text and the body of a section of these records' page."""
    (chapter,) = chapters([("a.json", records)])
    (shown,) = [each for each in sections(chapter, ranking(answers(chapter.evaluations))) if each.title == title]
    return f"{shown.text}\n\n{shown.body}"


# what names a variant


def test_where_there_are_several_networks_every_row_of_an_answer_names_its_own():
    published, unknown = answers(evaluated(*rivals()))
    assert [candidate.variant for candidate in published.front] == [
        "mobilenet_v2 1.0@224",
        "mobilenet_v1 1.0@128",
        "mobilenet_v2 0.35@96",
    ]
    assert [candidate.variant for candidate in unknown.front] == [f"{FILE} 224", f"{TIMM} 224"]
    (alone,) = answers(evaluated(*rivals()[:3]))
    assert [candidate.variant for candidate in alone.front] == ["1.0@224", "0.35@96"]


def test_the_name_of_a_file_that_is_too_long_keeps_its_beginning_and_what_tells_it_from_others():
    long = Case(LONG, resolution=(96, 64), classes=10, channels=1, backend="onnxruntime")
    assert long.long_variant == "a-name-that-is-as…ng-in-it.onnx-0f1e2d3c 96x64, 1 channel, 10 outputs"
    assert LONG in long.id


def test_variants_with_other_channels_or_classes_never_share_a_label():
    usual, grey = evaluated(measured(5, 5, 5), measured(1, 1, 1, channels=1, classes=10))
    label = labels([usual, grey])
    assert [label(usual), label(grey)] == ["1.0@224", "1.0@224, 1 channel, 10 classes"]
    assert caption([usual, grey]) == "mobilenet_v2, batch 1, 1 thread, cpu, fp32"
    smaller = evaluated(measured(1, 1, 1, variant="0.5@96", channels=1, classes=10))[0]
    assert labels([grey, smaller])(smaller) == "0.5@96"
    assert caption([grey, smaller]) == "mobilenet_v2, 1 channel, 10 classes, batch 1, 1 thread, cpu, fp32"


def test_a_case_is_no_rival_of_one_with_other_channels():
    (unknown,) = answers(evaluated(measured(5, 5, 5, channels=1), measured(1, 1, 1, channels=4)))
    assert [candidate.case.channels for candidate in unknown.front] == [1, 4]
    assert not [remark for remark in remarks_of(unknown) if "confidence" in remark]


# what an answer says


def test_an_answer_over_several_families_says_that_their_top_1_is_not_of_one_source():
    published, _ = answers(evaluated(*rivals()))
    assert any(remark.startswith(SOURCES) for remark in remarks_of(published))
    (alone,) = answers(evaluated(*rivals()[:3]))
    assert not any(remark.startswith(SOURCES) for remark in remarks_of(alone))


def test_networks_without_a_known_top_1_are_not_called_as_accurate_as_each_other():
    _, unknown = answers(evaluated(*rivals()))
    assert words.headline(unknown) == (
        "No top-1 is known of these networks. The table has the least latency of each variant; the least of all has "
        "timm:hardcorenas_a_1.0_224 on openvino in fp32: 4.00 (4.00–4.00) ms."
    )
    (alone,) = answers(evaluated(*rivals()[6:]))
    assert remarks_of(alone)[0].endswith("it is the fastest of 2 cases of its variant.")


def test_what_grids_lack_is_said_of_each_family_and_of_usual_images_alone():
    published, unknown = answers(evaluated(*rivals()))
    assert words.coverage_text(published) == (
        "4 variants x 2 runtimes x 1 precision, one thread, batch 1. Of the published grids: 2 of 16 of mobilenet_v1, "
        "2 of 22 of mobilenet_v2."
    )
    assert words.coverage_text(unknown) == "2 variants x 2 runtimes x 1 precision, one thread, batch 1."
    (grey,) = answers(evaluated(measured(5, 5, 5, channels=1)))
    assert words.coverage_text(grey) == "1 variant x 1 runtime x 1 precision, one thread, batch 1."


def test_an_answer_fits_80_columns_whatever_its_networks_are_called():
    long = measured(3, 3, 3, network=LONG, variant="1.0@96x64", channels=1, classes=10)
    for answer in answers(evaluated(*rivals(), long)):
        assert all(len(line) <= 80 for line in answer_block(answer, 80).splitlines())


# the page


def test_the_first_screen_shows_the_users_own_network_beside_the_answer_with_a_known_top_1():
    (machine,) = by_machine(evaluated(*rivals(), measured(9, 9, 9, batch=8)))
    text = "\n".join(first_screen([machine], {}, []))
    unfolded, folded = text.split("<details>", 1)
    assert "**one thread, batch 1, networks of which no top-1 is known**" in unfolded
    assert f"| {FILE} 224 " in " ".join(unfolded.split(" "))
    assert "**one thread, batch 8**" in folded


def test_a_title_names_two_networks_and_counts_more():
    machines = by_machine(evaluated(*rivals()))
    assert plain_title(machines, ["mobilenet_v2", "mobilenet_v1", "mobilenet_v2"]) == (
        "MobileNetV2 and MobileNetV1 on Example CPU (2 cores, virtual machine)"
    )
    assert plain_title(machines, ["mobilenet_v2", "mobilenet_v1", FILE]).startswith("3 networks on ")
    assert plain_title(machines, [FILE]).startswith(f"{FILE} on ")


def test_the_fastest_of_each_variant_names_the_network_of_each():
    body = section(WINNERS, *rivals())
    assert "| mobilenet_v2 1.0@224 " in body
    assert f"| {FILE} 224 " in body
    assert "| 1.0@224 " not in body


def test_latency_is_fitted_over_all_networks_and_the_published_one_is_that_of_its_network():
    body = section(FIT, *rivals())
    assert "| Pixel 1, mobilenet_v2 as published (another device) |         22 |" in body
    assert "| openvino, all networks " in body
    assert "published latencies of mobilenet_v2." in body
    sizes = {"1.0@224": 5, "0.5@224": 3, "0.35@96": 1}
    alone = section(FIT, *(measured(ms, ms, ms, variant=size) for size, ms in sizes.items()))
    assert "all networks" not in alone
    assert "| Pixel 1, published (another device) |" in alone


def test_the_page_says_whose_top_1_and_whose_device_stand_beside_several_networks():
    text = section(HOW_TO_READ, *rivals())
    assert "- Top-1 is what the authors of each network published of their own weights." in text
    assert "- Latencies of mobilenet_v2 on Pixel 1 (TF-Lite, large core) are the authors' own table" in text


def test_the_variants_say_how_a_network_that_no_family_declares_was_counted_and_escape_where_it_is_from():
    text = section(column.VARIANTS, *rivals())
    assert f"- timm 1.0.31, counted by hand: {TIMM}." in text
    assert "<b>" not in text
    assert "counted" not in section(column.VARIANTS, *rivals()[:5])
    assert "ms (another device)" not in section(column.VARIANTS, *rivals()[5:])


def test_the_weights_of_users_files_are_their_own():
    own = section(MACHINE, *rivals()[6:])
    assert "- Weights: those of users' files are their own\n" in own
    both = section(MACHINE, *rivals(), measured(3, 3, 3, network=LONG, variant="1.0@96x64", channels=1, classes=10))
    assert "- Weights: made from seed 0; those of users' files are their own\n" in both
    assert "- Classes:" not in both


def test_a_table_of_networks_without_any_published_top_1_has_no_column_for_it():
    assert "top-1" not in section(column.LATENCY, *rivals()[6:])
    assert "top-1" in section(column.LATENCY, *rivals())


def test_the_end_of_a_run_has_a_headline_for_networks_without_a_known_top_1_where_it_can_be_used():
    text = " ".join(closing("a.jsonl", evaluated(*rivals()), 80).split())
    assert "ship mobilenet_v1_1.0_128 on openvino in fp32" in text
    assert "No top-1 is known of these networks. The table has the least latency of each variant; the least" in text
    assert "more setting" not in text
    noisy = measured(9, 9, 9, network=FILE, noisy=True)
    assert "1 more setting: mnv2bench recommend a.jsonl" in closing("a.jsonl", evaluated(*rivals()[:5], noisy), 80)
