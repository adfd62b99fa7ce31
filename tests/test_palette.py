"""Colours of pictures: readable on white and on a dark page, and told apart by those who do not see all colours."""

import re
from itertools import combinations
from xml.etree import ElementTree

import numpy as np
import pytest
from saved_profiles import CURVED, RECORDS, profiles
from test_bisection_pages import CASE, OPENVINO, ROWS, STEP
from test_history_verb import NIGHTS, SMALL

from mnv2bench.bisection import picture as bisection_picture
from mnv2bench.bisection.answers import CaseAnswer
from mnv2bench.bisection.search import Direction
from mnv2bench.case import of_network
from mnv2bench.profiling.pages import roofline_picture, shares
from mnv2bench.profiling.pages.profiled import profiled_cases
from mnv2bench.regression.pages import picture
from mnv2bench.report import activations, palette, svg

SVG = "{http://www.w3.org/2000/svg}"
SIGHTS = {  # linear RGB as it is seen: doi:10.1109/TVCG.2009.113, table 1, severity 1.0
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(colour):
    """Linear RGB of `#rrggbb`."""
    colour = {"white": "#ffffff", "black": "#000000", "#000": "#000000", "#ddd": "#dddddd", "#888": "#888888"}.get(
        colour, colour
    )
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def contrast(colour, other):
    """As WCAG 2 computes it: from 1 to 21."""
    low, high = sorted(float(TO_XYZ[1] @ linear(each)) for each in (colour, other))
    return (high + 0.05) / (low + 0.05)


def lab(colour, sight):
    xyz = TO_XYZ @ np.clip(np.array(SIGHTS[sight]) @ linear(colour), 0, 1) / TO_XYZ.sum(axis=1)
    x, y, z = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def test_contrast_is_what_wcag_gives():
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("colour", [*palette.COLOURS, palette.BASELINE])
def test_a_colour_of_a_runtime_is_readable_on_white_and_on_a_dark_page(colour):
    assert contrast(colour, "white") >= 3
    assert contrast(colour, svg.DARK["white"]) >= 3


@pytest.mark.parametrize("sight", SIGHTS)
def test_no_two_colours_look_alike(sight):
    distances = [np.linalg.norm(lab(a, sight) - lab(b, sight)) for a, b in combinations(palette.COLOURS, 2)]
    assert min(distances) >= 23


def test_no_two_of_twelve_runtimes_have_colour_and_shape_in_common():
    names = ["torch_eager", *(f"runtime{number:02}" for number in range(11))]
    colours, shapes = palette.runtime_colours(names), palette.runtime_shapes(names)
    assert len({(colours[name], shapes[name]) for name in names}) == 12
    assert (colours["torch_eager"], shapes["torch_eager"]) == ("#6e7781", "cross")
    assert list(colours) == list(shapes) == names


def pictures():
    cases = profiled_cases(profiles(), CURVED, RECORDS)
    return {
        "roofline": roofline_picture.svg(cases, CURVED),
        "shares": shares.svg(cases),
        "history": picture.svg(SMALL.id, NIGHTS, ["0004_n"]),
        "memory": activations.svg(of_network([(0.35, 96)])),
        "bisection": bisection_picture.svg(OPENVINO, Direction.SLOWER, [CaseAnswer(CASE, STEP, ROWS)]),
    }


@pytest.fixture(scope="module")
def drawn():
    return pictures()


@pytest.mark.parametrize("name", ["roofline", "shares", "history", "memory", "bisection"])
def test_every_text_is_readable_in_light_and_in_dark(drawn, name):
    on_bars = {shares.DARK_TEXT, shares.LIGHT_TEXT}
    texts = [text for text in ElementTree.fromstring(drawn[name]).iter(f"{SVG}text") if text.get("fill")]
    colours = {text.get("fill") for text in texts} - on_bars
    assert colours
    for colour in colours:
        assert contrast(colour, "white") >= 4, colour
        assert contrast(svg.DARK.get(colour, colour), svg.DARK["white"]) >= 4, colour


@pytest.mark.parametrize("name", ["roofline", "shares", "history", "memory", "bisection"])
def test_a_picture_brings_its_background_and_a_dark_one_for_dark_pages(drawn, name):
    root = ElementTree.fromstring(drawn[name])
    assert root.find(f"{SVG}rect").get("fill") == "white"
    style = root.find(f"{SVG}style").text
    assert style.startswith("@media (prefers-color-scheme: dark){")
    assert '[fill="white"]{fill:#0d1117}' in style
    neutral = {mark.get("stroke") for mark in root.iter() if mark.get("stroke")} & {"#444444", "#ececec", "#888"}
    assert neutral
    for colour in neutral:
        assert f'[stroke="{colour}"]{{stroke:{svg.DARK[colour]}}}' in style


@pytest.mark.parametrize("part", ["#169edb", "#9b481e", "#8c0fff", "#b868ff", "#8f959b"])
def test_a_text_on_a_bar_is_readable(part):
    assert contrast(part, shares._text_colour(part)) >= 4


def test_the_legend_has_room_for_a_wider_font(drawn):
    """vl-convert measures texts in one font, and a browser may draw them in another that is a fifth wider."""
    root = ElementTree.fromstring(drawn["roofline"])
    names = [text for text in root.iter(f"{SVG}text") if text.text in ("torch_eager", "onnxruntime")]
    assert len(names) == 2
    assert re.fullmatch(r"0 0 \d+ \d+", root.get("viewBox"))
    assert svg.PADDING["right"] >= 0.2 * 7 * len("torch_compile_cudagraphs")
