"""The picture of an answer: what it draws of which candidates, and that every reader can tell its marks apart."""

import dataclasses
import math
import xml.etree.ElementTree as ElementTree

import pytest
from test_report import MACHINE_FACTS, machine_from_json, recorded

from mnv2bench.comparison.chapters import evaluations
from mnv2bench.recommendation import Cost, Goal, answers
from mnv2bench.recommendation.drawing import NARROW, NOTHING_TO_DRAW, POINTS, WIDE
from mnv2bench.recommendation.picture import answer_figure, chart, svg
from mnv2bench.records import Weights, replace

CASES = (
    recorded("onnxruntime", 6.10, 6.13, 6.17),
    recorded("torch_eager", 20.0, 20.2, 20.4),
    recorded("onnxruntime", 0.45, 0.452, 0.46, width=0.35, resolution=96),
    recorded("openvino", 3.0, 3.0, 3.0, status="wrong", reason="outputs differ from eager fp32 by 1.2e-02"),
    recorded("torch_script", 30.0),  # of one process: it has no interval
)


def answer(*records, goal=Goal()):  # noqa: B008  it is frozen
    """The answer for records of which none shows the spread of another."""
    (only,) = answers([evaluation for each in records for evaluation in evaluations([each])], goal)
    return only


def specification(*records, goal=Goal(), size=WIDE):  # noqa: B008  it is frozen
    return chart(answer(*records, goal=goal), size=size).to_dict()


def rows_of(specified):
    """The rows of the candidates, which bars and points share."""
    places = [specified, *specified["layer"]]
    return next(place["data"]["values"] for place in places if place.get("data", {}).get("name") == POINTS)


def layers(specified, mark):
    return [layer for layer in specified["layer"] if layer["mark"]["type"] == mark]


def data(specified, layer):
    return specified["datasets"][layer["data"]["name"]]


def test_each_candidate_is_a_point_at_its_median_and_its_published_accuracy():
    rows = rows_of(specification(*CASES))
    assert [(row["runtime"], row["cost"], row["place"]) for row in rows] == [
        ("onnxruntime", pytest.approx(6.13), 71.8),
        ("onnxruntime", pytest.approx(0.452), 45.5),
        ("torch_eager", pytest.approx(20.2), 71.8),
    ]


def test_a_bar_is_the_interval_and_wrong_or_unbounded_numbers_are_not_drawn():
    specified = specification(*CASES)
    row = rows_of(specified)[0]
    assert (row["low"], row["high"]) == (pytest.approx(6.05, abs=0.01), pytest.approx(6.22, abs=0.01))
    (bars,) = layers(specified, "rule")
    assert bars["encoding"]["x"]["field"] == "low"
    assert bars["encoding"]["x2"]["field"] == "high"
    assert {row["runtime"] for row in rows_of(specified)} == {"onnxruntime", "torch_eager"}


def test_latencies_stand_on_a_log_scale_with_steps_of_one_two_and_five():
    (points,) = layers(specification(*CASES), "point")
    axis = points["encoding"]["x"]
    assert axis["scale"]["type"] == "log"
    assert axis["axis"]["values"] == [0.5, 1, 2, 5, 10, 20]


def test_the_front_is_drawn_as_steps_at_the_upper_bounds():
    specified = specification(*CASES)
    (line,) = layers(specified, "line")
    assert line["mark"]["interpolate"] == "step-after"
    steps = [(round(row["cost"], 2), row["place"]) for row in data(specified, line)]
    assert steps == [(0.47, 45.5), (6.22, 71.8)]


def test_the_variants_of_the_front_have_labels_left_of_every_interval_of_their_accuracy():
    specified = specification(*CASES)
    (labels,) = layers(specified, "text")
    assert [(row["label"], round(row["cost"], 2)) for row in data(specified, labels)] == [
        ("1.0@224", 6.05),
        ("0.35@96", 0.44),
    ]


def test_labels_that_would_cover_each_other_are_left_out():
    near = recorded("openvino", 8.1, 8.2, 8.3, width=1.3), recorded("openvino", 9.1, 9.2, 9.3, width=1.4)
    specified = specification(*CASES, *near)
    (labels,) = layers(specified, "text")
    assert [row["label"] for row in data(specified, labels)] == ["1.4@224", "1.0@224", "0.35@96"]


def test_a_budget_is_a_line_where_the_axis_has_it():
    with_budget = specification(*CASES, goal=Goal(latency_ms=7))
    assert len(layers(with_budget, "rule")) == 2
    assert len(layers(specification(*CASES, goal=Goal(latency_ms=7000)), "rule")) == 1


def test_memory_and_percentiles_take_the_axis_that_is_requested():
    memory = specification(*CASES, goal=Goal(cost=Cost.MEMORY))
    assert layers(memory, "point")[0]["encoding"]["x"]["title"].startswith("peak of resident memory, MB")
    assert {row["cost"] for row in rows_of(memory)} == {80.0}
    p90 = specification(*CASES, goal=Goal(percentile=90))
    assert layers(p90, "point")[0]["encoding"]["x"]["title"] == "upper bound of the 90th percentile of latency, ms"
    assert {row["low"] for row in rows_of(p90)} == {None}


def test_a_runtime_is_a_colour_and_a_precision_a_shape():
    int8 = [_in_precision(record, "int8") for record in CASES[:2]]
    (points,) = layers(specification(*CASES, *int8), "point")
    colours, shapes = points["encoding"]["stroke"]["scale"], points["encoding"]["shape"]["scale"]
    assert colours["domain"] == ["onnxruntime", "torch_eager"]
    assert len(set(colours["range"])) == 2
    assert shapes == {"domain": ["fp32", "int8"], "range": ["circle", "diamond"]}


def _in_precision(record, precision):
    """The record in another precision, with an error that such a precision has."""
    case = dataclasses.replace(record.case, precision=precision)
    processes = [replace(p, case=case, samples=replace(p.samples, error=0.05)) for p in record.processes]
    return replace(record, case=case, processes=tuple(processes))


def test_of_two_runtimes_with_one_colour_the_later_is_hollow():
    names = "executorch litert ncnn onnxruntime openvino torch_aoti torch_compile torch_compile_freezing torch_script"
    records = [recorded(name, 6.10 + place, 6.13 + place, 6.17 + place) for place, name in enumerate(names.split())]
    (points,) = layers(specification(*records), "point")
    edges, insides = (points["encoding"][channel]["scale"]["range"] for channel in ("stroke", "fill"))
    assert edges[8] == edges[0]
    assert insides[:8] == edges[:8]
    assert insides[8] == "white"


def test_where_no_accuracy_is_known_each_variant_has_a_line():
    own = Weights(file="own.pt", content="0" * 64)
    specified = specification(*(replace(record, weights=own) for record in CASES))
    assert [row["place"] for row in rows_of(specified)] == ["0.35@96", "1.0@224", "1.0@224"]
    assert layers(specified, "point")[0]["encoding"]["y"]["type"] == "nominal"
    assert layers(specified, "line") == []


def test_numbers_that_are_not_to_be_used_are_not_drawn():
    other_threads = [recorded(backend, 6.1, 6.2, 6.3, threads=2, used=1.0) for backend in ("onnxruntime", "openvino")]
    with pytest.raises(ValueError, match=NOTHING_TO_DRAW):
        svg(answer(*other_threads))


def test_of_very_many_cases_the_front_and_an_even_choice_are_drawn():
    three = answer(*CASES)
    large, eager, small = three.candidates
    several = dataclasses.replace(three, candidates=(large, small, *[eager] * 5_000))
    specified = chart(several, size=WIDE).to_dict()
    assert len(rows_of(specified)) == 2 + 1_000
    assert "1,002 of 5,002 cases are drawn." in answer_figure(several).text


@pytest.mark.parametrize("dark", [False, True])
def test_a_hostile_name_is_text_in_the_picture(dark):
    attack = '<script>attacked()</script>"><image href="x"/>'
    machine = machine_from_json(MACHINE_FACTS | {"cpu_model": attack})
    drawn = svg(answer(recorded("onnxruntime", 6.10, 6.13, 6.17, machine=machine)), dark)
    elements = [element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawn).iter()]
    assert not {"script", "image", "foreignObject", "a"} & set(elements)
    assert attack in "".join(ElementTree.fromstring(drawn).itertext())


def test_the_file_is_dark_where_its_readers_pages_are_and_one_can_be_always_dark():
    both, dark = svg(answer(*CASES)), svg(answer(*CASES), dark=True)
    assert "prefers-color-scheme: dark" in both
    assert "prefers-color-scheme" not in dark
    assert 'fill="#0d1117"' in dark


def test_the_picture_of_a_page_has_its_rows_once_for_wide_and_narrow_screens():
    figure = answer_figure(answer(*CASES))
    assert [row["runtime"] for row in figure.rows] == ["onnxruntime", "onnxruntime", "torch_eager"]
    for specified in (figure.wide, figure.narrow):
        (points,) = (named for named in specified["data"] if named["name"] == figure.dataset)
        assert "values" not in points
    assert figure.narrow["width"] == NARROW.width
    assert "onnxruntime" not in str(figure.svg).partition("runtime")[0]


def test_labels_with_the_names_of_networks_stand_on_the_plot_or_are_left_out_where_it_is_narrow():
    rivals = (*CASES, recorded("openvino", 2.0, 2.0, 2.0, network="mobilenet_v1", width=0.5))
    wide, narrow = specification(*rivals), specification(*rivals, size=NARROW)
    (labels,), (left,) = layers(wide, "text"), layers(narrow, "text")
    assert [row["label"] for row in data(wide, labels)] == [
        "mobilenet_v2 1.0@224",
        "mobilenet_v1 0.5@224",
        "mobilenet_v2 0.35@96",
    ]
    assert [row["label"] for row in data(narrow, left)] == ["mobilenet_v2 1.0@224", "mobilenet_v1 0.5@224"]
    begin, end = layers(wide, "point")[0]["encoding"]["x"]["scale"]["domain"]
    pixels = 820 * math.log(0.44 / begin) / math.log(end / begin)  # left of the label's last character
    assert pixels > 8 + 20 * 6
