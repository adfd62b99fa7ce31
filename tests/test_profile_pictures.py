"""The pictures of profiles: shares of time beside shares of multiply-adds, and the roofline."""

import re
from collections import Counter
from xml.etree import ElementTree

import pytest
from saved_profiles import CURVED, EAGER, FUSED, PROBES, RECORDS, profiles

from mnv2bench.case import Case
from mnv2bench.networks import layers, roles
from mnv2bench.profiling.pages import roofline_picture as roofline
from mnv2bench.profiling.pages import shares
from mnv2bench.profiling.pages.profiled import profiled_cases
from mnv2bench.records import replace
from mnv2bench.report import palette

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg):
    return [text.text or "" for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def marks(svg, kind):
    """The aria labels of what was drawn as one kind of mark."""
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    return [p.get("aria-label") for p in paths if p.get("aria-roledescription") == kind]


def points(svg):
    """The aria label and the colour of each."""
    paths = ElementTree.fromstring(svg).iter(f"{SVG}path")
    return [(p.get("aria-label"), p.get("fill")) for p in paths if p.get("aria-roledescription") == "point"]


@pytest.fixture(scope="module")
def bars():
    return shares.svg(profiled_cases(profiles(), records=RECORDS))


@pytest.fixture(scope="module")
def roofs():
    return roofline.svg(profiled_cases(profiles(), PROBES, RECORDS), PROBES)


def test_a_bar_for_each_runtime_stands_under_that_of_the_multiply_adds(bars):
    assert [text for text in texts(bars) if text in ("MAdds", "torch_eager", "onnxruntime", "ncnn")] == [
        "MAdds",
        "torch_eager",
        "onnxruntime",
    ]
    assert "mobilenet_v2_0.35_96, batch 1, 1 thread, cpu, fp32" in texts(bars)


def test_the_parts_of_a_bar_are_its_kinds_and_end_at_the_whole(bars):
    found = [re.findall(r"(\w+): ([^;]+)", label) for label in marks(bars, "bar")]
    parts = [dict(pairs) for pairs in found]
    assert Counter(part["bar"] for part in parts) == {"MAdds": 6, "torch_eager": 8, "onnxruntime": 9}
    ends = {part["bar"]: float(part["end"].rstrip("%")) for part in parts}
    assert ends == pytest.approx({"MAdds": 1, "torch_eager": 1, "onnxruntime": 1}, abs=0.01)


def test_the_legend_names_fused_kinds_and_stands_in_the_order_of_the_network(bars):
    kinds = ["stem", "expand", "depthwise", "project", "project+add", "add", "head", "head+pool", "pool", "classifier"]
    assert [text for text in texts(bars) if text in (*kinds, "layout", "unmapped")] == [*kinds, "layout", "unmapped"]


def test_every_kind_has_a_colour_of_its_own():
    several = ["project+add", "project+add+expand", "head+pool", "head+pool+classifier"]
    net = layers("mobilenet_v2", 1.0, 224)
    colours = shares.colours([*roles(net), "layout", "unmapped", *several], net)
    assert len(set(colours.values())) == len(colours) == 8 + 2 + 4


def test_a_part_of_a_bar_names_its_role_where_there_is_room_and_else_its_share(bars):
    of_multiply_adds = [text for text in texts(bars) if re.search(r"[1-9]%", text)][:6]
    assert of_multiply_adds == ["stem 8%", "expand 31%", "depthwise 13%", "project 26%", "head 11%", "11%"]


def test_a_panel_for_each_setting():
    larger = replace(profiles()[0], case=Case(width=1.0, resolution=224))
    titles = [text for text in texts(shares.svg(profiled_cases([*profiles(), larger]))) if "batch" in text]
    assert [title.split(",")[0] for title in titles] == ["mobilenet_v2_1.0_224", "mobilenet_v2_0.35_96"]


def test_without_a_profile_there_is_no_picture_of_shares():
    with pytest.raises(ValueError, match="no case was profiled to its end") as refused:
        shares.svg(profiled_cases(profiles()[-1:], records=RECORDS))
    assert "\n" not in str(refused.value)


def test_the_blocks_that_multiply_are_points_below_the_named_lines(roofs):
    # the stem, seventeen blocks and the classifier of both, the head of one and head+pool of the other
    assert Counter(re.findall(r"runtime: (\w+)", " ".join(marks(roofs, "point")))) == {
        EAGER.backend: 20,
        FUSED.backend: 20,
    }
    said = texts(roofs)
    assert {"fp32: 50 GMAdds/s", "L3: 40 GB/s", "memory: 20 GB/s"} <= set(said)
    assert {"MAdds per byte, computed", "GMAdds/s (2 FLOP each)"} <= set(said)
    assert "mobilenet_v2_0.35_96, batch 1, 1 thread, cpu, fp32" in said


def test_the_blocks_are_named_at_the_bottom_and_those_at_one_place_share_a_name(roofs):
    names = [text for text in texts(roofs) if re.match("block|stem|head|classifier", text)]
    assert names == [
        "classifier", "block1", "block0, 3", "block2", "block14–15", "block16", "block4–6, head", "block7–9, 13, …",
        "block10–12", "stem",
    ]  # fmt: skip


def test_a_name_that_is_too_long_for_its_place_is_cut_off():
    assert roofline._joined(["block7", "block13", "block9", "block8"]) == "block7–9, 13"
    assert roofline._joined(["block6", "block4", "head"]) == "block4, 6, head"
    assert roofline._joined(["head", "head+pool"]) == "head, head+pool"
    assert roofline._joined(["block1+block2", "block11", "block13"]) == "block1+block2,…"


def test_the_limit_of_another_precision_is_dashed():
    both = [
        replace(
            PROBES[0], probes=(*PROBES[0].probes, replace(PROBES[0].probes[0], name="bf16 matmul", work=8_000_000_000))
        )
    ]
    drawn = ElementTree.fromstring(roofline.svg(profiled_cases(profiles(), both), both))
    lines = [path for path in drawn.iter(f"{SVG}path") if path.get("aria-roledescription") == "line mark"]
    assert [line.get("stroke-dasharray") for line in lines] == ["1,0", "4,3", "1,0", "1,0"]  # fp32, bf16, L3, memory


def test_a_curve_of_bandwidth_is_drawn_as_its_levels_and_as_a_panel_of_its_own():
    said = texts(roofline.svg(profiled_cases(profiles(), CURVED, RECORDS), CURVED))
    # 125 GFLOP/s are 62.5 billion multiply-adds a second, in the unit of the axis
    assert {"fp32: 62.5 GMAdds/s", "up to 16 KiB: 200 GB/s", "up to 1 MiB: 80 GB/s", "larger: 20 GB/s"} <= set(said)
    assert {
        "Bandwidth, 1 thread: copies (circles), reads (squares) and the limit (line)",
        "working set, KiB",
        "GB/s",
    } <= set(said)


def test_speeds_that_hardly_differ_are_one_level():
    curve = ((16, 100e9), (32, 90e9), (64, 81e9), (128, 79e9), (256, 20e9))
    assert roofline.plateaus(curve) == {"up to 0.0625 KiB": 100e9, "up to 0.125 KiB": 79e9, "larger": 20e9}
    assert roofline.plateaus(((16, 100e9),)) == {"larger": 100e9}
    assert roofline.plateaus(()) == {}


def test_bf16_that_is_slower_than_fp32_is_emulated_and_not_drawn():
    emulated = replace(PROBES[0].probes[0], name="bf16 matmul", work=20_000_000)
    native = replace(emulated, work=8_000_000_000)
    for probe, drawn in ((emulated, False), (native, True)):
        probes = [replace(PROBES[0], probes=(*PROBES[0].probes, probe))]
        said = texts(roofline.svg(profiled_cases(profiles(), probes), probes))
        assert any(text.startswith("bf16") for text in said) == drawn


def test_runtimes_are_colours_and_shapes_in_the_legend(roofs):
    legend = ("runtime", "torch_eager", "onnxruntime")
    assert Counter(text for text in texts(roofs) if text in legend) == dict.fromkeys(legend, 1)
    fills = {label.split("runtime: ")[1].split(";")[0]: fill for label, fill in points(roofs)}
    assert fills == {"torch_eager": palette.BASELINE, "onnxruntime": palette.COLOURS[0]}
    paths = [p for p in ElementTree.fromstring(roofs).iter(f"{SVG}path") if p.get("aria-roledescription") == "point"]
    assert len({(p.get("fill"), p.get("d")) for p in paths}) == len({p.get("d") for p in paths}) == 2


def test_a_panel_for_each_number_of_threads_and_for_each_precision():
    others = [
        replace(p, case=replace(p.case, **changed))
        for changed in ({"threads": 2}, {"precision": "bf16"})
        for p in profiles()
    ]
    bf16 = replace(PROBES[0].probes[0], name="bf16 matmul", work=8_000_000_000)
    probes = [replace(PROBES[0], probes=(*PROBES[0].probes, bf16)), *(replace(p, threads=2) for p in PROBES)]
    said = texts(roofline.svg(profiled_cases([*profiles(), *others], probes), probes))
    assert [text.partition("batch 1, ")[2] for text in said if "batch 1" in text] == [
        "1 thread, cpu, fp32",
        "2 threads, cpu, fp32",
        "1 thread, cpu, bf16",
    ]


def test_a_point_above_its_roof_and_a_ceiling_below_every_point_are_inside_the_panel():
    probe = replace(PROBES[0].probes[0], name="bf16 matmul", work=20_000_000)  # 0.5 GMAdds/s
    slow = replace(PROBES[0].probes[0], work=200_000_000)
    probes = [replace(PROBES[0], probes=(slow, probe, *PROBES[0].probes[1:]))]
    said = texts(roofline.svg(profiled_cases(profiles(), probes), probes))
    ticks = [float(text) for text in said if re.fullmatch(r"[\d.]+", text)]
    assert min(ticks) <= 0.5
    assert max(ticks) >= 60  # the stem multiplies 49.8 billions a second


@pytest.mark.parametrize("probes", [[], [replace(PROBES[0], probes=PROBES[0].probes[:1])]])
def test_without_a_roof_there_is_no_roofline(probes):
    with pytest.raises(ValueError, match="run `mnv2bench roofline` on these cases first"):
        roofline.svg(profiled_cases(profiles(), probes, RECORDS), probes)
