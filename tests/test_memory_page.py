"""The page of activation memory, the paper's Table 3 computed again, the picture and the verb."""

import csv
import io
from xml.etree import ElementTree

import pytest

from mnv2bench.case import of_network
from mnv2bench.networks import Variant
from mnv2bench.paper import table
from mnv2bench.paper.table3 import SIZES, bottlenecks, cells
from mnv2bench.report.activations import svg
from mnv2bench.report.memory import live_csv, memory_page

SMALL, LARGE = of_network([(0.35, 96), (1.0, 224)])
SVG = "{http://www.w3.org/2000/svg}"


def of(text, network, size):
    (found,) = (c for c in cells() if (c.text, c.network.partition(" ")[0], c.size) == (text, network, size))
    return found


def section(page, heading):
    return page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def drawn(page):
    """The cells of every row of the tables of a page, the headers left out."""
    lines = [line for line in page.splitlines() if line.startswith("|")]
    headers = [place - 1 for place, line in enumerate(lines) if line.startswith("|:")]
    rows = [line for place, line in enumerate(lines) if place not in headers and not line.startswith("|:")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


# Table 3


def test_every_cell_of_both_texts_is_there():
    assert len(cells()) == 42
    assert {(c.text, c.size) for c in cells()} == {(t, s) for t in ("earlier", "later") for s in (*SIZES, "max")}
    assert [(c.channels, c.memory) for c in cells()] == [
        (row["channels"], row["memory_kb"]) for row in table("paper_table3")
    ]


def test_a_cell_is_size_x_size_x_channels_x_2_bytes_in_thousands():
    assert of("later", "MobileNetV1", "112x112").kb == 1605.632
    assert of("later", "MobileNetV2", "14x14").kb == 62.72
    assert of("later", "ShuffleNet", "28x28").kb == 627.2


def test_a_print_without_the_last_digits_agrees():
    prints = [("MobileNetV2", "14x14", "62"), ("ShuffleNet", "14x14", "310"), ("ShuffleNet", "28x28", "600K")]
    for network, size, memory in prints:
        cell = of("later", network, size)
        assert (cell.memory, cell.word) == (memory, "agrees")


def test_exactly_these_cells_do_not_agree():
    assert {(c.text, c.network.partition(" ")[0], c.size): c.word for c in cells() if c.word != "agrees"} == {
        ("earlier", "MobileNetV1", "112x112"): "no number",
        ("earlier", "MobileNetV2", "112x112"): "no number",
        ("earlier", "ShuffleNet", "112x112"): "no number",
        ("earlier", "MobileNetV1", "7x7"): "1.98 times the computed",
        ("later", "MobileNetV1", "7x7"): "1.98 times the computed",
        ("earlier", "MobileNetV2", "7x7"): "rounded up",
        ("later", "MobileNetV2", "7x7"): "rounded up",
        ("later", "ShuffleNet", "max"): "0.75 times the computed",
    }


def test_the_notes_of_the_file_are_on_cells_that_do_not_agree():
    noted = [cell for cell, row in zip(cells(), table("paper_table3"), strict=True) if row["note"]]
    assert [(c.text, c.network, c.size) for c in noted] == [
        (text, network, "7x7") for text in ("later", "earlier") for network in ("MobileNetV1", "MobileNetV2")
    ]
    assert "agrees" not in {c.word for c in noted}


def test_the_largest_is_held_against_the_numbers_of_its_own_text():
    assert of("earlier", "MobileNetV2", "max").kb == 200.704  # 56x56: the earlier text has no number at 112x112
    assert of("later", "MobileNetV2", "max").kb == 401.408
    assert of("later", "ShuffleNet", "max").kb == 802.816  # 112x112, and the print is still 600K


def test_the_v2_column_has_the_row_that_three_of_the_sizes_feed():
    assert [(b.size, b.here, b.fed, b.printed, b.word) for b in bottlenecks()] == [
        ("112x112", (16,), (24,), 16, "tensor of this size"),
        ("56x56", (24,), (32,), 32, "row fed from this size"),
        ("28x28", (32,), (64,), 64, "row fed from this size"),
        ("14x14", (64, 96), (160,), 160, "row fed from this size"),
        ("7x7", (160, 320), (), 320, "tensor of this size"),
        ("1x1", (1280,), (), 1280, "tensor of this size"),
    ]
    assert [round(b.kb, 2) for b in bottlenecks()] == [401.41, 150.53, 50.18, 37.63, 31.36, 2.56]


# the page


def test_the_peaks_of_the_variants_are_told_with_their_layers():
    rows = drawn(memory_page([SMALL, LARGE]).partition("\n## ")[0])
    first, second, third = "block1.expand", "block1.depthwise", "block1.depthwise"
    assert rows == [
        ["mobilenet_v2_0.35_96", "0.44", first, "0.55", second, "0.55", third, "6.71"],
        ["mobilenet_v2_1.0_224", "4.82", first, "6.02", second, "6.02", third, "14.02"],
    ]
    assert "What a residual keeps alive raises the peak of none of these.\n" in memory_page([SMALL])


def test_a_row_is_of_both_texts_where_they_say_the_same():
    rows = drawn(section(memory_page([SMALL]), "Table 3 of the paper"))
    assert len(rows) == 27
    assert sum(row[2] == "both" for row in rows) == 15
    v1, shuffle = "MobileNetV1", "ShuffleNet (2x,g=3)"
    assert rows[:2] == [
        ["112x112", v1, "earlier", "no number", "1", "O(1)", "–"],
        ["112x112", v1, "later", "agrees", "64", "1600", "1,605.63"],
    ]
    assert ["7x7", v1, "both", "1.98 times the computed", "1024", "199", "100.35"] in rows
    assert rows[-2:] == [
        ["max", shuffle, "earlier", "agrees", "–", "600K", "627.20"],
        ["max", shuffle, "later", "0.75 times the computed", "–", "600K", "802.82"],
    ]


def test_misprints_are_named_in_sentences():
    said = section(memory_page([SMALL]), "Table 3 of the paper")
    assert [line for line in said.splitlines() if line.startswith("- ")] == [
        "- MobileNetV1, 112x112: the earlier text prints 1/O(1), the later one 64/1600.",
        "- MobileNetV1, 7x7: 199 is not 100.35 kB, which 1024 channels are (1.98 times the computed).",
        "- MobileNetV1, max: the earlier text prints 800K, the later one 1600K.",
        "- MobileNetV2, 112x112: the earlier text prints 1/O(1), the later one 16/400.",
        "- MobileNetV2, 7x7: 32 is not 31.36 kB, which 320 channels are (rounded up).",
        "- MobileNetV2, max: the earlier text prints 200K, the later one 400K.",
        "- ShuffleNet (2x,g=3), 112x112: the earlier text prints 1/O(1), the later one 32/800.",
        "- ShuffleNet (2x,g=3), 28x28: 600K has a K that no other size has; it is 627.20 kB like the rest.",
        "- ShuffleNet (2x,g=3), max: 600K is not 802.82 kB, which another size of the same text has "
        "(0.75 times the computed).",
    ]


def test_what_the_paper_leaves_out_is_told_beside_it():
    said = section(memory_page([SMALL]), "The channels of its V2 column")
    assert "block1.expand's: 2,408.45 kB at 16 bits, 6.0 times the largest tensor between blocks.\n" in said
    assert [row[:3] for row in drawn(said)][1] == ["56x56", "row fed from this size", "32"]


def test_the_csv_has_a_row_for_each_layer_in_bytes():
    rows = list(csv.DictReader(io.StringIO(live_csv([SMALL, LARGE]))))
    assert len(rows) == 2 * 64
    block2 = [row for row in rows if (row["variant"], row["layer"]) == ("mobilenet_v2_1.0_224", "block2.depthwise")]
    assert block2 == [
        {
            "variant": "mobilenet_v2_1.0_224",
            "place": "7",
            "layer": "block2.depthwise",
            "read_bytes": "1806336",
            "written_bytes": "1806336",
            "held_bytes": "301056",
            "live_bytes": "3913728",
        }
    ]


# the picture


def test_the_picture_has_a_panel_for_each_variant_with_its_largest_marked():
    picture = ElementTree.fromstring(svg([SMALL, LARGE]))
    texts = [text for text in picture.itertext() if text.strip()]
    for text in ("input", "output", "held for the residual", "mobilenet_v2_0.35_96", "0.55 MB at block1.depthwise",
                 "mobilenet_v2_1.0_224", "6.02 MB at block1.depthwise"):  # fmt: skip
        assert texts.count(text) == 1
    bars = [e for e in picture.iter(f"{SVG}path") if e.get("aria-roledescription") == "bar"]
    assert len(bars) == 2 * 64 * 3


def test_layers_stand_in_the_order_of_the_network():
    texts = [text for text in ElementTree.fromstring(svg([SMALL])).itertext() if text.strip()]
    names = [text for text in texts if text in ("stem", "pool", "classifier") or text.startswith("block")]
    assert names[:3] == ["stem", "block0.depthwise", "block0.project"]
    assert names[-2:] == ["pool", "classifier"]


def test_of_no_variant_there_is_no_picture():
    with pytest.raises(ValueError, match="no variant to draw: leave --svg out"):
        svg([])


# the verb


def test_the_verb_shows_the_page_and_writes_what_it_is_asked_for(command, tmp_path):
    files = ("--csv", str(tmp_path / "m.csv"), "--svg", str(tmp_path / "m.svg"))
    ran = command("mnv2bench", "memory", "--widths", "0.5", "--resolutions", "128", *files)
    variant = Variant("mobilenet_v2", 0.5, 128)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.startswith("Activation memory\n\nComputed, not measured: ")
    assert "  0.5@128 " in ran.stdout
    assert ran.stdout.endswith(f"CSV: {tmp_path / 'm.csv'}\nSVG: {tmp_path / 'm.svg'}\n")
    page = command("mnv2bench", "memory", "--width", "0.5", "--resolution", "128", "--markdown", str(tmp_path / "m.md"))
    assert page.stdout == f"Markdown: {tmp_path / 'm.md'}\n"
    assert (tmp_path / "m.md").read_text().startswith(memory_page([variant]))
    assert (tmp_path / "m.csv").read_text() == live_csv([variant])
    for option, name in (("--csv", "m.svg"), ("--svg", "m.csv")):
        before = (tmp_path / name).read_bytes()
        ran = command("mnv2bench", "memory", option, str(tmp_path / name))
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "was not written as a " in ran.stderr
        assert (tmp_path / name).read_bytes() == before
    assert ElementTree.parse(tmp_path / "m.svg").getroot().tag == f"{SVG}svg"


def test_the_verb_takes_the_quick_grid_where_nothing_is_asked(command):
    ran = command("mnv2bench", "memory", "--network", "mobilenet_v2_article", "--markdown", "/dev/stdout")
    assert [row[0] for row in drawn(ran.stdout.partition("\n## ")[0])] == [
        "mobilenet_v2_article_0.35_96",
        "mobilenet_v2_article_0.5_128",
        "mobilenet_v2_article_0.5_192",
        "mobilenet_v2_article_1.0_160",
        "mobilenet_v2_article_1.0_224",
        "mobilenet_v2_article_1.4_224",
    ]


def test_the_verb_says_what_it_cannot_mean(command):
    ran = command("mnv2bench", "memory", "--network", "resnet")
    assert (ran.returncode, ran.stdout) == (2, "")
    known, _, others = ran.stderr.partition(", timm:NAME")
    assert known.startswith("mnv2bench: unknown network 'resnet'; known networks: ")
    assert {"mobilenet_v2", "mobilenet_v2_article"} <= {*known.partition("networks: ")[2].split(", ")}
    assert others == " for any of timm's, and files with --model\n"
