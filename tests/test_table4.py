"""The paper's Table 4: what it prints, our counts beside it, and what is said of measurements written by hand."""

import csv
import io
import os
from xml.etree import ElementTree

import pytest
from measured_cases import MONDAY, OTHER_MACHINE, TUESDAY, evaluated, measured
from rich.console import Console
from rich.text import Text

from mnv2bench.case import Case
from mnv2bench.comparison.table4 import COLUMNS, is_of_table, measured_places, published, table_csv
from mnv2bench.comparison.table4_page import table4_page
from mnv2bench.comparison.table4_picture import svg
from mnv2bench.machine import this_machine
from mnv2bench.networks import count
from mnv2bench.paper import table4
from mnv2bench.records import Machine, Weights, replace
from mnv2bench.records.journal import Head, Journal
from mnv2bench.selection import select, suite_cases

NAMES = ("MobileNetV1", "ShuffleNet (1.5)", "ShuffleNet (x2)", "NasNet-A", "MobileNetV2", "MobileNetV2 (1.4)")
CLAIMS = "Does V2 beat V1 at half the MAdds, and is NASNet-A slower than its MAdds say?"
HERE = "Example CPU (2 cores, virtual machine): batch 1, 1 thread, cpu, fp32"
OPEN = "Whether NASNet-A is slower than its MAdds say cannot be told by a law through the others"
SHAKEN = (0.99, 1.0, 1.01)  # of a median, in three processes
AS_IN_THE_PAPER = dict(zip(NAMES, (11.3, 9.0, 14.0, 18.3, 7.5, 14.3), strict=True))
V2_SLOWER = AS_IN_THE_PAPER | {"MobileNetV2": 12.0}


def runtime(backend, ms, **settings):
    """The records of a runtime: three processes for each network of the table that has milliseconds."""
    for name, median in ms.items():
        network, width, *_ = table4.VARIANTS[name]
        yield measured(
            *(median * part for part in SHAKEN), network=network, variant=f"{width}@224", backend=backend, **settings
        )


def places_of(*records, **settings):
    return measured_places(evaluated(*records, **settings))


def section(page, heading):
    return page.partition(f"# {heading}\n")[2].partition("\n#")[0]


def rows(text):
    """The cells of each row of the tables in a part of a page, by its first cell."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {first.strip(): [cell.strip() for cell in cells] for first, *cells in lines}


def points(text):
    return [line.removeprefix("- ") for line in text.splitlines() if line.startswith("- ")]


# the table itself


def test_the_six_lines_are_those_that_the_paper_prints():
    every = table4.rows()
    assert tuple(row.name for row in every) == NAMES
    assert [row.madds_m for row in every] == [575, 292, 524, 564, 300, 585]
    assert [row.params_m for row in every] == ["4.2", "3.4", "5.4", "5.3", "3.4", "6.9"]
    assert [row.top1 for row in every] == [70.6, 71.5, 73.7, 74.0, 72.0, 74.7]
    assert [row.ms for row in every] == [113, None, None, 183, 75, 143]


def test_our_counts_stand_beside_the_printed_numbers_and_each_difference_has_a_sentence():
    page = table4_page(())
    assert rows(page)["MobileNetV1"] == ["575", "568.7", "4.2", "4.23 (4.21)", "70.6", "113"]
    assert rows(page)["ShuffleNet (x2)"] == ["524", "524.0", "5.4", "5.45 (5.40)", "73.7", "–"]
    assert rows(page)["NasNet-A"] == ["564", "563.6", "5.3", "5.29 (5.25)", "74.0", "183"]
    assert rows(page)["MobileNetV2 (1.4)"] == ["585", "582.2", "6.9", "6.11 (6.06)", "74.7", "143"]
    assert points(page) == [
        "MobileNetV1: the paper prints 575 M multiply-adds, 1.1% more than its network has.",
        "MobileNetV2 (1.4): the paper prints 585 M multiply-adds, 0.5% more than its network has.",
        "MobileNetV2 (1.4): the paper prints 6.9 M parameters, 13.0% more than its network has.",
        "The paper has no milliseconds for ShuffleNet (1.5) and ShuffleNet (x2).",
    ]


def test_a_print_is_a_number_rounded_or_cut_off():
    assert table4.is_print_of("524", 524.045)
    assert table4.is_print_of("564", 563.639)
    assert table4.is_print_of("5.4", 5.451, 5.402)
    assert not table4.is_print_of("575", 568.74)
    assert not table4.is_print_of("6.9", 6.11, 6.06)


def test_nasnet_and_v1_have_the_same_multiply_adds_but_for_1_per_cent():
    nasnet, v1 = (count(*table4.VARIANTS[name]).madds for name in ("NasNet-A", "MobileNetV1"))
    assert 0.99 < nasnet / v1 < 1


# the grid


def test_the_grid_is_the_six_networks_at_224():
    cases = suite_cases("latency", select({"grid": "table4", "threads": "1", "backends": "onnxruntime"}))
    assert [case.variant for case in cases] == [
        "mobilenet_v1_1.0_224",
        "shufflenet_v1_1.5_224",
        "shufflenet_v1_2.0_224",
        "nasnet_a_1.0_224",
        "mobilenet_v2_1.0_224",
        "mobilenet_v2_1.4_224",
    ]
    assert select({"grid": "table4"}).plan.processes == 5


def test_a_part_of_the_grid_can_be_chosen_and_another_network_has_no_part_in_it():
    variants = select({"grid": "table4", "networks": "shufflenet_v1,mobilenet_v2", "resolutions": "224"}).variants
    assert [variant[:2] for variant in variants] == [
        ("shufflenet_v1", 1.5),
        ("shufflenet_v1", 2.0),
        ("mobilenet_v2", 1.0),
        ("mobilenet_v2", 1.4),
    ]
    (variant,) = select({"grid": "table4", "networks": "shufflenet_v1", "widths": "1.5"}).variants
    assert variant[:3] == ("shufflenet_v1", 1.5, 224)
    with pytest.raises(ValueError, match="grid table4 has no variant of mobilenet_v2_article: its networks are mobile"):
        select({"grid": "table4", "networks": "mobilenet_v2_article"})


# what is said of a runtime


def test_a_runtime_as_the_paper_says():
    page = table4_page(places_of(*runtime("openvino", AS_IN_THE_PAPER)))
    times = section(page, HERE)
    assert rows(times)["Pixel 1 (paper)"] == ["113", "–", "–", "183", "75", "143", "–"]
    assert rows(times)["openvino"][:6] == ["11.30", "9.00", "14.00", "18.30", "7.50", "14.30"]
    answers = section(page, CLAIMS)
    assert points(answers) == [
        "V2 beats V1, as in the paper, with 1 of 1 runtime: openvino.",
        f"{OPEN}, with 1 of 1 runtime: openvino.",
        "NASNet-A is slower than V1, which has as many MAdds, with 1 of 1 runtime: it takes 1.62 times as long.",
    ]
    assert rows(answers)["Pixel 1 (paper)"][:2] == ["0.66", "1.62"]
    assert rows(answers)["openvino"][0].startswith("0.66 (0.65–0.68)")
    order = rows(section(page, "In which order are they?"))
    assert order["MAdds, counted"] == ["5", "1", "3", "4", "2", "6", "–", "–"]
    assert order["Pixel 1 (paper)"] == ["2", "–", "–", "4", "1", "3", "0.33", "–"]
    assert order["openvino"] == ["3", "2", "4-5", "6", "1", "4-5", "0.47", "1.00"]


def test_nasnet_far_off_the_law_of_the_others_is_slower_than_its_madds_say():
    far = {name: count(*table4.VARIANTS[name]).madds / 1e7 for name in NAMES}
    page = table4_page(places_of(*runtime("openvino", far | {"NasNet-A": 3 * far["NasNet-A"]})))
    answers = section(page, CLAIMS)
    assert "NASNet-A is slower than its MAdds say, as in the paper, with 1 of 1 runtime: openvino." in points(answers)
    assert rows(answers)["openvino"][2] == "3.00 (3.00–3.00)"
    predictions = section(page, "Do MAdds predict latency across architectures?")
    assert points(predictions) == [
        "MAdds do not predict latency across these networks (R² below 0.95), with 1 of 1 runtime: openvino."
    ]
    assert rows(predictions)["openvino"][-2] == "3.00"


def test_networks_whose_time_is_in_proportion_to_their_madds_are_predicted_well():
    proportional = {name: count(*table4.VARIANTS[name]).madds / 1e7 for name in NAMES}
    page = table4_page(places_of(*runtime("openvino", proportional)))
    predictions = section(page, "Do MAdds predict latency across architectures?")
    assert points(predictions) == [
        "MAdds predict latency across these networks well (R² from 0.99 on), with 1 of 1 runtime: openvino."
    ]
    assert rows(predictions)["openvino"] == ["6", "1.00 ±0.00", "1.00", "1.00", "1.00", "1.00", "1.00"]
    assert "these have 292 to 582 million" in " ".join(predictions.split())


def test_runtimes_that_answer_otherwise_are_named_apart():
    places = places_of(
        *runtime("openvino", AS_IN_THE_PAPER),
        *runtime("ncnn", V2_SLOWER),
        *runtime("litert", AS_IN_THE_PAPER | {"MobileNetV2": 11.32}),
        *runtime("executorch", {name: ms for name, ms in AS_IN_THE_PAPER.items() if name != "MobileNetV1"}),
    )
    assert points(section(table4_page(places), CLAIMS))[:4] == [
        "V2 beats V1, as in the paper, with 1 of 4 runtimes: openvino.",
        "V2 does not beat V1: it is slower, with 1 of 4 runtimes: ncnn.",
        "V2 and V1 cannot be told apart, with 1 of 4 runtimes: litert.",
        "V2 and V1 cannot be compared, with 1 of 4 runtimes: executorch.",
    ]  # fmt: skip


def test_noisy_numbers_are_shown_with_a_mark_and_are_in_no_comparison():
    others = {name: ms for name, ms in AS_IN_THE_PAPER.items() if name != "NasNet-A"}
    page = table4_page(places_of(*runtime("openvino", others), *runtime("openvino", {"NasNet-A": 18.3}, noisy=True)))
    assert rows(section(page, HERE))["openvino"][3] == "18.30†"
    assert (
        "- † These had most rounds of a process disturbed by other programs: they are in no comparison below." in page
    )
    assert rows(section(page, "In which order are they?"))["openvino"][3] == "–"
    assert "NASNet-A cannot be compared with a law through others, with 1 of 1 runtime: openvino." in page


def test_a_network_that_a_runtime_cannot_run_has_its_reason_below_the_table():
    (refused,) = runtime("executorch", {"NasNet-A": 1.0}, status="unsupported")
    refused = replace(refused, reason="no | <b>op</b>")
    others = {name: ms for name, ms in AS_IN_THE_PAPER.items() if name != "NasNet-A"}
    page = table4_page(places_of(*runtime("executorch", others), refused))
    assert r"- executorch, NASNet: unsupported: no \| \<b\>op\</b\>" in page


def test_settings_and_machines_stand_apart_and_the_newest_file_counts():
    old = evaluated(*runtime("openvino", V2_SLOWER), source="old.json", saved_at=MONDAY)
    new = evaluated(*runtime("openvino", AS_IN_THE_PAPER), source="new.json", saved_at=TUESDAY)
    elsewhere = evaluated(*runtime("openvino", V2_SLOWER, machine=OTHER_MACHINE), saved_at=TUESDAY)
    two_threads = evaluated(*runtime("openvino", V2_SLOWER, threads=2), saved_at=TUESDAY)
    places = measured_places((*new, *old, *elsewhere, *two_threads))
    assert [(place.machine, place.setting.threads) for place in places] == [
        ("Example CPU (2 cores, virtual machine)", 1),
        ("Other CPU (4 cores)", 1),
        ("Example CPU (2 cores, virtual machine)", 2),
    ]
    assert {evaluation.source for evaluation in places[0].evaluations} == {"new.json"}


def test_one_family_alone_is_no_table():
    v2 = {name: ms for name, ms in AS_IN_THE_PAPER.items() if name.startswith("MobileNetV2")}
    assert places_of(*runtime("openvino", v2)) == ()
    page = " ".join(table4_page(()).split())
    assert "mnv2bench run --grid table4 --suites latency --threads 1 --out table4.jsonl" in page
    assert not is_of_table([Case(width=width).id for width in (1.0, 1.4)])
    assert is_of_table([Case().id, Case("mobilenet_v1").id])


def test_other_variants_of_the_file_are_part_of_the_law_and_not_of_the_table():
    small = measured(2.0, 2.0, 2.0, variant="0.35@96")
    (place,) = places_of(*runtime("openvino", AS_IN_THE_PAPER), small)
    (of_openvino,) = place.runtimes
    assert (len(of_openvino.timed), len(of_openvino.of_table)) == (7, 6)
    assert of_openvino.law.fit.variants == 7


def test_the_papers_numbers_are_a_runtime_like_the_others():
    assert [timed.ms for timed in published().timed] == [113, 183, 75, 143]
    assert published().law.fit.power_r2 == pytest.approx(0.7191688)


# texts of a file


def test_a_machines_name_is_plain_text():
    machine = Machine(fingerprint="x-1c-00000003", cpu_model="<b>| CPU [link](http://x)\n# head", cores=1)
    places = places_of(*runtime("openvino", AS_IN_THE_PAPER, machine=machine))
    assert r"\<b\>\| CPU \[link\](http://x) \# head" in table4_page(places)


# CSV and picture


def test_the_csv_has_a_row_for_each_runtime_and_network():
    text = table_csv(places_of(*runtime("openvino", AS_IN_THE_PAPER), *runtime("ncnn", {"MobileNetV2": 7.5})))
    lines = list(csv.DictReader(io.StringIO(text)))
    assert tuple(lines[0]) == COLUMNS
    assert len(lines) == 12
    (v2,) = [line for line in lines if (line["backend"], line["network"]) == ("openvino", "MobileNetV2")]
    assert v2["variant"] == "mobilenet_v2_1.0_224"
    assert (v2["madds"], v2["paper_madds_m"], v2["params"], v2["paper_params_m"]) == (
        "300774272",
        "300",
        "3504872",
        "3.4",
    )
    assert (v2["paper_top1"], v2["paper_ms"], v2["ms"], v2["place_first"], v2["place_last"]) == (
        "72",
        "75",
        "7.5",
        "1",
        "1",
    )
    assert {line["status"] for line in lines if line["backend"] == "ncnn"} == {"ok", "not measured"}


def test_without_measurements_the_csv_has_the_counts():
    lines = list(csv.DictReader(io.StringIO(table_csv(()))))
    assert [line["madds"] for line in lines] == [
        "568740352",
        "292443552",
        "524045184",
        "563638816",
        "300774272",
        "582195824",
    ]


def test_the_picture_has_a_panel_for_each_runtime_and_one_for_the_paper():
    text = svg(places_of(*runtime("openvino", AS_IN_THE_PAPER), *runtime("ncnn", V2_SLOWER)))
    words = [element.text for element in ElementTree.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert {"Pixel 1 (paper): R² 0.72", "shufflenet_v1", "nasnet_a", "mobilenet_v1", "mobilenet_v2"} <= set(words)
    assert [word.partition(":")[0] for word in words if word and ": R²" in word] == [
        "Pixel 1 (paper)",
        "ncnn",
        "openvino",
    ]
    assert "prefers-color-scheme: dark" in text
    with pytest.raises(ValueError, match="leave --svg out"):
        svg(())


# the verb


def test_the_verb_shows_the_counts_alone_where_nothing_was_measured(verb, tmp_path):
    ran = verb("paper", "--table", "4", "--results", str(tmp_path))
    assert (ran.returncode, ran.err) == (0, "")
    assert "MobileNetV2 (1.4)" in ran.out
    assert "mnv2bench run --grid table4" in " ".join(ran.out.split())


def test_the_verb_refuses_other_tables_and_files_without_a_table(verb):
    for words, message in (
        (("--table", "3"), "mnv2bench: --table 3 is not computed: name 4; `mnv2bench memory` has table 3\n"),
        (("a.jsonl",), "mnv2bench: FILE, --csv and --svg are of --table 4: add it, or leave them out\n"),
        (("--table", "4", "none.jsonl"), "mnv2bench: none.jsonl"),
    ):
        ran = verb("paper", *words)
        assert ran.returncode == 2
        assert ran.err.startswith(message)


def saved(path, saved_at, *records):
    """A file of these records, saved at a time in seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    journal = Journal(path)
    first = records[0]
    journal.begin(Head(tuple(record.case for record in records), first.plan, 0, Weights(), first.machine))
    for process in (process for record in records for process in record.processes):
        journal.process(replace(process, position=len(journal.processes)))
    os.utime(path, (saved_at, saved_at))


def test_the_verb_takes_the_newest_file_of_this_machine_with_two_families(verb, tmp_path):
    folder = tmp_path / this_machine().fingerprint / "Linux-CPython-3.11-64bit"
    v2 = {"MobileNetV2": 7.5, "MobileNetV2 (1.4)": 14.3}
    saved(folder / "0003_v2.json", 3_000, *runtime("openvino", v2))
    saved(folder / "0002_rivals.json", 2_000, *runtime("openvino", AS_IN_THE_PAPER))
    saved(folder / "0001_earlier.json", 1_000, *runtime("ncnn", AS_IN_THE_PAPER))
    saved(tmp_path / "other-4c" / "x" / "0001_there.json", 4_000, *runtime("litert", AS_IN_THE_PAPER))
    ran = verb("paper", "--table", "4", "--results", str(tmp_path), "--csv", str(tmp_path / "table4.csv"))
    assert (ran.returncode, ran.err) == (0, "")
    assert "V2 beats V1, as in the paper, with 1 of 1 runtime: openvino." in " ".join(ran.out.split())
    lines = list(csv.DictReader(io.StringIO((tmp_path / "table4.csv").read_text())))
    assert {(line["backend"], line["source"]) for line in lines} == {("openvino", "0002_rivals.json")}


def test_at_80_columns_no_table_is_wider(verb, monkeypatch, tmp_path):
    names = ("executorch", "litert", "ncnn", "onnxruntime", "openvino", "torch_compile_freezing", "torch_eager")
    saved(tmp_path / "a.jsonl", 1_000, *(each for name in names for each in runtime(name, AS_IN_THE_PAPER)))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(Console, "is_terminal", True)
    shown = Text.from_ansi(verb("paper", "--table", "4", str(tmp_path / "a.jsonl")).out).plain
    assert max(map(len, shown.splitlines())) <= 80
    assert "torch_compile_freezing" in shown
