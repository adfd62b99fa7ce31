"""What the published numbers are, and that ours and the documentation's equal them."""

from pathlib import Path

import pytest

from mnv2bench.networks import Variant, count, layers, torchinfo_totals
from mnv2bench.networks.families.mobilenet_v2 import HEAD_CHANNELS, ROWS, STEM_CHANNELS
from mnv2bench.paper import official, published, table
from mnv2bench.report.network import network_page
from mnv2bench.report.paper import paper_markdown, paper_table

WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
DOCUMENT = (Path(__file__).parent.parent / "docs" / "networks.md").read_text(encoding="utf-8")


def test_all_46_rows_are_read_and_each_has_a_source():
    assert len(published()) == 46
    assert all(row.source for row in published())
    assert published()[0].model == "mobilenet_v2_1.4_224"
    assert published()[0].latency_device == "Pixel 1 CPU, TF-Lite, large core"


def test_an_empty_cell_is_none_and_never_zero():
    (row,) = [row for row in published() if row.model == "Mobilenet_V2_1.0_224" and row.latency_ms == 117]
    assert (row.madds_m, row.params_m, row.top1) == (None, None, 71.8)


def test_the_official_rows_are_five_resolutions_of_four_widths_and_two_wide_ones_at_224():
    narrow = {(width, resolution) for width in (0.35, 0.5, 0.75, 1.0) for resolution in (96, 128, 160, 192, 224)}
    assert set(official()) == narrow | {(1.3, 224), (1.4, 224)}
    row = official()[0.35, 96]
    assert (row.madds_m, row.params_m, row.top1, row.top5, row.latency_ms) == (11, 1.66, 45.5, 70.4, 4.5)


@pytest.mark.parametrize(("width", "resolution"), official())
def test_madds_cut_off_to_millions_equal_the_published_ones(width, resolution):
    assert int(count("mobilenet_v2", width, resolution).madds / 1e6) == official()[width, resolution].madds_m


@pytest.mark.parametrize(
    ("width", "params_m"), [(0.35, 1.66), (0.5, 1.95), (0.75, 2.61), (1.0, 3.47), (1.3, 5.34), (1.4, 6.06)]
)
def test_params_of_1001_classes_without_batch_norm_equal_the_published_ones(width, params_m):
    params = count("mobilenet_v2", width, 224, classes=1001).params_without_bn
    assert params // 10_000 / 100 == params_m == official()[width, 224].params_m


def test_table_2_is_the_spec():
    rows = table("paper_table2")
    bottlenecks = [tuple(int(row[key]) for key in "tcns") for row in rows if row["operator"] == "bottleneck"]
    assert bottlenecks == [tuple(row) for row in ROWS]
    assert (int(rows[0]["c"]), int(rows[8]["c"])) == (STEM_CHANNELS, HEAD_CHANNELS) == (32, 1280)


def test_table_2_inputs_are_the_layers_inputs():
    inputs = {row["input"] for row in table("paper_table2")}
    ours = {f"{layer.in_size[0]}x{layer.in_size[1]}x{layer.in_channels}" for layer in layers("mobilenet_v2", 1.0, 224)}
    assert inputs <= ours


def test_table_3_is_16_bit_tensors_in_thousands_of_bytes():
    rows = [r for r in table("paper_table3") if r["network"] == "MobileNetV2" and r["paper_text"].startswith("later")]
    printed = {r["size"]: (int(r["channels"]), int(r["memory_kb"])) for r in rows if r["size"] != "max"}
    kilobytes = {size: int(size.split("x")[0]) ** 2 * channels * 2 / 1000 for size, (channels, _) in printed.items()}
    assert kilobytes == {
        "112x112": 401.408,  # printed 400
        "56x56": 200.704,
        "28x28": 100.352,
        "14x14": 62.72,
        "7x7": 31.36,  # printed 32
        "1x1": 2.56,
    }
    assert [kb for _, kb in printed.values()] == [400, 200, 100, 62, 32, 2]


def test_table_3_channels_are_those_of_the_row_fed_from_each_size():
    fed_from = {}
    for row in table("paper_table2")[3:8]:
        fed_from[row["input"].rpartition("x")[0]] = int(row["c"])
    rows = [r for r in table("paper_table3") if r["network"] == "MobileNetV2"]
    printed = {r["size"]: int(r["channels"]) for r in rows if r["size"] in fed_from}
    assert printed == fed_from == {"56x56": 32, "28x28": 64, "14x14": 160, "7x7": 320}


def test_the_grid_has_22_equal_rows_and_8_computed_only():
    grid = paper_table()
    assert len(grid) == 30
    assert list(grid["equal"]).count(True) == 22
    computed_only = grid[grid["equal"] == "computed only"]
    assert list(computed_only["variant"]) == [
        f"mobilenet_v2_{width}_{resolution}" for width in (1.4, 1.3) for resolution in (192, 160, 128, 96)
    ]
    assert computed_only[["published_madds_m", "published_params_m", "top1", "pixel1_ms"]].isna().all(axis=None)


def test_the_grid_in_the_documentation_is_the_computed_one():
    row = (
        "| mobilenet_v2_0.35_96 | 0.35 | 96 | 11,934,128 | 11 | 11 | True | 1,677,128 | 1,664,329 | 1.66 "
        "| 45.5 | 4.5 | 0.44 | 0.55 |\n"
    )
    assert paper_markdown().endswith(row)
    assert paper_markdown() in DOCUMENT


@pytest.mark.parametrize("width", WIDTHS)
def test_the_documented_comparison_with_the_article_is_the_computed_one(width):
    reference, article = count("mobilenet_v2", width, 224), count("mobilenet_v2_article", width, 224)
    params, madds = article.params / reference.params - 1, article.madds / reference.madds - 1
    assert (
        f"| {width} | {reference.params:,} | {article.params:,} | {100 * params:+.1f} % "
        f"| {reference.madds:,} | {article.madds:,} | {100 * madds:+.1f} % |\n"
    ) in DOCUMENT


def test_the_documented_rules_of_other_tools_are_the_computed_ones():
    counted, all_layers = count("mobilenet_v2", 1.0, 224), layers("mobilenet_v2", 1.0, 224)
    bn_params = sum(layer.bn_params for layer in all_layers)
    bn_elements = sum(layer.out_elements for layer in all_layers if layer.bn_params)
    assert (bn_params, bn_elements) == (34_112, 6_678_112)
    assert f"{torchinfo_totals('mobilenet_v2', 1.0, 224).mult_adds / 1e6:.2f} M" == "300.81 M"
    published_params = count("mobilenet_v2", 1.0, 224, classes=1001).params_without_bn
    for number in (counted.madds, counted.params_without_bn, published_params, bn_params, bn_elements):
        assert f"{number:,}" in DOCUMENT


@pytest.mark.parametrize(("width", "gmacs"), [(0.35, 0.07), (0.5, 0.10), (0.75, 0.22), (1.0, 0.31), (1.4, 0.60)])
def test_timm_counts_batch_norm_twice_and_the_pooling_input(width, gmacs):
    all_layers = layers("mobilenet_v2", width, 224)
    bn_elements = sum(layer.out_elements for layer in all_layers if layer.bn_params)
    pooled = sum(layer.in_elements for layer in all_layers if layer.type == "pool")
    assert round((count("mobilenet_v2", width, 224).madds + 2 * bn_elements + pooled) / 1e9, 2) == gmacs


def test_a_network_page_ends_in_the_totals_of_torchinfo_and_of_the_paper():
    page = network_page(Variant("mobilenet_v2_article", 1.0, 224))
    assert page.splitlines()[:7] == [
        "# Layers of mobilenet_v2_article_1.0_224",
        "",
        "mobilenet_v2_article, width 1.0, resolution 224: one fp32 image, 1000 classes.",
        "",
        "| layer             | type      | output shape   |    params |   BN params |      MAdds |",
        "|:------------------|:----------|:---------------|----------:|------------:|-----------:|",
        "| stem              | conv      | [32, 112, 112] |       864 |          64 | 10,838,016 |",
    ]
    assert page.splitlines()[-20:] == [
        "By torchinfo's rules (adds batch norm and bias; counts outputs twice, for a backward pass):",
        "",
        "| by torchinfo                    |    number |",
        "|:--------------------------------|----------:|",
        "| Total params                    | 3,505,960 |",
        "| Total mult-adds (M)             |    313.65 |",
        "| Input size (MB)                 |      0.60 |",
        "| Forward/backward pass size (MB) |    113.28 |",
        "| Params size (MB)                |     14.02 |",
        "| Estimated total size (MB)       |    127.91 |",
        "",
        "By the paper's rules (batch norm and ReLU6 folded):",
        "",
        "| by the paper                       |      number |",
        "|:-----------------------------------|------------:|",
        "| MAdds, conv and linear only        | 313,619,328 |",
        "| Params                             |   3,505,960 |",
        "| Params without batch norm          |   3,471,784 |",
        "| Largest tensor (MB)                |        4.82 |",
        "| Peak input + output of one op (MB) |        6.02 |",
    ]
