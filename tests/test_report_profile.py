"""What a reader of a profile finds on the page and in the CSV, from profiles, probes and records written down by hand."""

# ruff: noqa: E501  whole tables are compared as text
import csv
import io

import pytest
from markdown_it import MarkdownIt
from saved_profiles import CURVED, EAGER, FUSED, NCNN, PROBES, RECORDS, SMALL, profiles

from mnv2bench.case import Case
from mnv2bench.profiling.pages.csv import csv as written
from mnv2bench.profiling.pages.page import COLUMNS, page, terminal_lines
from mnv2bench.profiling.pages.profiled import profiled_cases
from mnv2bench.profiling.records import Operator, Profile
from mnv2bench.records import replace
from mnv2bench.records.rounds import Round

NAME = "0001_example.json"


@pytest.fixture(scope="module")
def whole():
    return page(profiled_cases(profiles(), PROBES, RECORDS), PROBES, RECORDS, NAME)


@pytest.fixture(scope="module")
def rows():
    return list(csv.DictReader(io.StringIO(written(profiled_cases(profiles(), PROBES, RECORDS), NAME))))


def section(page, title):
    """What stands under a heading."""
    (found,) = (part for part in page.split("\n## ")[1:] if part.startswith(f"{title}\n"))
    return found


def table(text, number=0):
    """The cells of one of the tables of a text, without its ruler."""
    tables, before = [], False
    for line in text.splitlines():
        if line.startswith("|"):
            tables += [] if before else [[]]
            tables[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        before = line.startswith("|")
    return [cells for cells in tables[number] if not cells[0].startswith(":-")]


def line(text, name, number=0):
    (found,) = (cells for cells in table(text, number) if cells[0] == name)
    return found


def test_the_sections_stand_in_this_order(whole):
    assert [part.splitlines()[0] for part in whole.split("\n## ")] == [
        "# MobileNetV2 profiles",
        "The machine",
        "How to read this",
        "Cases",
        "Could not be profiled",
        "Remarks",
        "Per block",
        "Per layer role",
        "The limit",
        "Per operator",
        "Memory, MB",
        "What the profilers say of themselves",
    ]


def test_sections_without_anything_in_them_are_left_out():
    assert page([], [], [], NAME) == "# MobileNetV2 profiles\n"
    alone = page(profiled_cases(profiles()[:1]), [], [], NAME)
    assert "## Cases" in alone
    assert not any(f"## {title}" in alone for title in ("The machine", "The limit", "Memory", "Could not"))


def test_a_case_is_its_sum_of_operators_beside_the_undisturbed_median(whole):
    assert table(section(whole, "Cases")) == [
        ["case", "median ms", "operators ms", "sum/median", "call/median", "mapped", "layout", "unmapped", "of the roofline", "arena MB", "processes", "calls"],
        [EAGER.id, "1.00", "0.930", "93%", "110%", "100.0%", "0.0%", "0.0%", "36.5%", "–", "2", "6"],
        [FUSED.id, "–", "1.00", "–", "–", "93.0%", "6.0%", "1.0%", "36.5%", "1.2", "1", "3"],
    ]  # fmt: skip


def test_what_could_not_be_profiled_says_why(whole):
    refused = table(section(whole, "Could not be profiled"))
    assert refused[1:] == [[NCNN.id, "unsupported", "ncnn wheels have no profiler"]]


def test_remarks_name_their_case(whole):
    said = section(whole, "Remarks").splitlines()
    assert any(line.startswith(f"- {FUSED.id}: layout") and "6.0%" in line for line in said)


def test_blocks_stand_in_the_order_of_the_network_with_layout_and_unmapped_last(whole):
    blocks = table(section(whole, "Per block"))
    middle = [f"block{n}" for n in range(17)]
    assert [cells[0] for cells in blocks] == [
        "block",
        "stem",
        *middle,
        "head",
        "head+pool",
        "pool",
        "classifier",
        "layout",
        "unmapped",
    ]


def test_a_block_has_its_time_with_quartiles_and_its_share_in_each_runtime(whole):
    blocks = section(whole, "Per block")
    assert table(blocks)[0] == ["block", "MAdds M", "MB", "MAdds/byte", "torch_eager, ms", "onnxruntime, ms"]
    assert line(blocks, "block1")[:2] == ["block1", "1.35"]
    assert line(blocks, "block1")[4:] == ["0.0500 (0.0500–0.0500) 5.4%", "0.0500 (0.0500–0.0500) 5.0%"]
    assert line(blocks, "head+pool")[4:] == ["–", "0.0300 (0.0300–0.0300) 3.0%"]
    assert line(blocks, "layout") == ["layout", "–", "–", "–", "0", "0.0600 (0.0600–0.0600) 6.0%"]
    assert line(blocks, "unmapped") == ["unmapped", "–", "–", "–", "0", "0.0100 (0.0100–0.0100) 1.0%"]


def test_bytes_of_a_block_that_is_fused_differently_say_from_where_to_where(whole):
    low, high = map(float, line(section(whole, "Per block"), "block2")[2].split("–"))
    assert high - low == pytest.approx(2 * 4 * 8 * 24**2 / 1e6, abs=0.0011)  # the sum's one input, written and read


def test_a_fused_kind_is_a_row_of_its_own(whole):
    kinds = section(whole, "Per layer role")
    assert [cells[0] for cells in table(kinds)[1:]] == [
        "stem", "expand", "depthwise", "project", "project+add", "add", "head", "head+pool", "pool", "classifier",
        "layout", "unmapped",
    ]  # fmt: skip
    assert line(kinds, "project+add")[4] == "–"
    assert line(kinds, "add")[5] == "–"
    assert line(kinds, "expand")[4].endswith("34.4%")


def test_speed_is_the_counted_multiply_adds_over_the_time(whole):
    blocks = section(whole, "Per block")
    assert line(blocks, "stem", 1) == ["stem", "49.77", "49.77"]  # 995,328 in 20 µs
    assert "pool" not in [cells[0] for cells in table(blocks, 1)]


def test_the_slowest_operators_are_told_and_the_others_counted(whole):
    eager, fused = section(whole, "Per operator").split("**")[2::2]
    assert len(table(eager)) == 1 + 20
    assert "44 more, none of them slower than these, are in the CSV." in eager
    assert table(fused)[:3] == [
        ["operator", "type", "layers", "µs", "share", "MAdds M", "GMAdds/s"],
        ["nchwc \\", "reorder", "layout", "layout", "60.00 (60.00–60.00)", "6.0%", "–", "–"],
        ["op of head+pool", "conv+pool", "head, pool", "30.00 (30.00–30.00)", "3.0%", "1.29", "43.01"],
    ]


def test_the_limit_has_the_ceilings_with_spread_and_doubt(whole):
    limit = section(whole, "The limit")
    assert table(limit) == [
        ["probe", "library", "doubt", "threads", "buffers MB", "speed (95 % interval)", "processes"],
        ["fp32 matmul", "torch", "–", "1", "12.00", "100.0 (100.0–100.0) GFLOP/s", "2"],
        ["copy in L3", "torch", "–", "1", "16.00", "40.00 (40.00–40.00) GB/s", "2"],
        ["copy in memory", "torch", "noisy: 2 of 2 processes had under half of their rounds undisturbed, the worst 0%", "1", "400.00", "20.00 (20.00–20.00) GB/s", "2"],
    ]  # fmt: skip
    assert "Caches, as the system reports: L3 32 MiB." in limit


def test_the_limit_names_three_blocks_of_each_case_that_lose_most(whole):
    lost = line(section(whole, "The limit"), EAGER.id, 1)
    assert [words.split()[0] for words in lost[1].split(", ")] == ["block7", "block8", "block9"]
    assert lost[4:] == ["1.00", "36.5%"]


def test_each_block_is_told_beside_what_it_could_take(whole):
    blocks = table(section(whole, "The limit"), 2)
    assert blocks[0] == ["block", "attainable ms", "torch_eager, ms", "onnxruntime, ms"]
    stem = next(cells for cells in blocks if cells[0] == "stem")
    assert stem[1:] == ["0.0199", "0.0200 (100%)", "0.0200 (100%)"]  # 1.99 MFLOP at 100 GFLOP/s
    assert blocks[-2:] == [["layout", "–", "0", "0.0600"], ["unmapped", "–", "0", "0.0100"]]


def curved(record=RECORDS[0]):
    return page(profiled_cases(profiles(), CURVED, [record]), CURVED, [record], NAME)


def test_the_limit_has_the_best_product_of_each_library_and_the_bandwidth_of_each_working_set():
    limit = section(curved(), "The limit")
    assert "the best of 2 shapes" in limit
    assert table(limit, 0) == [
        ["precision", "library", "best shape", "threads", "GFLOP/s (of each process)", "processes"],
        ["fp32", "litert", "196x96x576", "1", "125.0 (125.0–125.0)", "2"],
        ["fp32", "torch", "256x256x256", "1", "100.0 (95.2–100.0)", "2"],
    ]
    assert table(limit, 1) == [
        ["working set, 1 thread", "copy, GB/s", "read, GB/s", "limit, GB/s"],
        ["16 KiB", "80.00 (80.00–80.00)", "200.0 (200.0–200.0)", "200.0"],
        ["1 MiB", "80.00 (80.00–80.00)", "40.00 (40.00–40.00)", "80.00"],
        ["64 MiB", "10.00 (10.00–10.00)", "20.00 (20.00–20.00)", "20.00"],
    ]
    assert "Caches, as the system reports: L3 480 MiB." in limit
    assert "probe too low" not in limit
    assert "The probe is too low" not in limit


def faster(record, status="ok"):
    """The same record with calls of 0.1 ms."""
    ran = Round((100_000,) * 200, 20_000_000, 20_000_000)
    process = record.processes[0]
    process = replace(process, status=status, samples=replace(process.samples, rounds=(ran,) * 4))
    return replace(record, status=status, processes=(process,))


def test_a_case_above_the_limit_is_in_the_headline_of_its_section_in_its_row_and_in_the_csv():
    fast = faster(RECORDS[0])
    limit = section(curved(fast), "The limit")
    assert limit.removeprefix("The limit\n\n").startswith(
        "**The probe is too low, and what is below is no limit:** 1 of 2 cases is faster than it beyond the interval, "
        f"the most {EAGER.id},"
    )
    shares = {cells[0]: cells[5] for cells in table(limit, 2)[1:]}
    assert shares[EAGER.id].endswith("% (probe too low)")
    assert not shares[FUSED.id].endswith("(probe too low)")
    rows = list(csv.DictReader(io.StringIO(written(profiled_cases(profiles(), CURVED, [fast]), NAME))))
    doubts = {row["backend"]: row["case_limit_doubt"] for row in rows}
    assert doubts["torch_eager"].startswith("probe too low: ")
    assert doubts["onnxruntime"] == doubts["ncnn"] == ""


def test_a_wrong_case_above_the_limit_is_no_reason_to_doubt_the_limit():
    assert "The probe is too low" not in curved(faster(RECORDS[0], "wrong"))


def test_a_row_above_the_limit_says_so_in_the_csv():
    quick = [
        replace(p, operators=tuple(replace(o, durations_ns=(1_000,) * 3) for o in p.operators)) for p in profiles()[:1]
    ]
    rows = list(csv.DictReader(io.StringIO(written(profiled_cases(quick, CURVED), NAME))))
    (stem,) = (row for row in rows if (row["level"], row["name"]) == ("block", "stem"))
    assert stem["limit_doubt"] == "probe too low: 785% of the limit at least"
    (pool,) = (row for row in rows if (row["level"], row["name"]) == ("block", "pool"))
    assert pool["limit_doubt"] == ""


def test_memory_is_of_the_record_with_the_arena_in_the_runtimes_words(whole):
    assert table(section(whole, "Memory, MB")) == [
        ["case", "interpreter", "floor", "loaded", "first inference", "peak", "peak − floor", "artifact", "weights", "largest tensor", "in + out", "alive", "arena"],
        [EAGER.id, "14.0", "50.0", "64.0", "–", "80.0", "30.0", "14.0", "6.7", "0.4", "0.6", "0.6", "–"],
    ]  # fmt: skip


def test_what_a_profiler_cannot_see_is_said_once(whole):
    notes = section(whole, "What the profilers say of themselves").splitlines()
    assert notes.count("- torch_eager: whole microseconds") == 1


def test_text_of_a_file_is_never_markup():
    hostile = Operator("<script>`a`|*b*", "conv", (10,), ("features.0.0",))
    profile = Profile(SMALL, 0, "ok", "", 1.0, "p\n# title", (hostile,), (10,), notes=("<b>[x](y)",), arena="|")
    html = MarkdownIt("commonmark").enable("table").render(page(profiled_cases([profile]), [], [], NAME))
    assert "<script>" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;`a`|*b*" in html
    assert html.count("<h1>") == 1


def test_the_csv_has_a_row_for_each_operator_layer_block_and_kind(rows):
    eager = [row for row in rows if row["case"] == EAGER.id]
    assert {level: sum(row["level"] == level for row in eager) for level in ("operator", "layer", "block", "kind")} == {
        "operator": 64,
        "layer": 64,
        "block": 21,
        "kind": 8,
    }
    assert sum(float(row["share"]) for row in eager if row["level"] == "block") == pytest.approx(1, abs=1e-4)


def test_a_row_of_the_csv_is_complete(rows):
    (stem,) = (row for row in rows if (row["case"], row["level"], row["name"]) == (EAGER.id, "block", "stem"))
    assert stem == {
        "case": EAGER.id, "network": "mobilenet_v2", "width": "0.35", "resolution": "96", "batch": "1",
        "backend": "torch_eager", "device": "cpu", "precision": "fp32", "threads": "1",
        "level": "block", "name": "stem", "kind": "stem", "layers": "stem",
        "time_ms": "0.02", "low_ms": "0.02", "high_ms": "0.02", "share": "0.0215054", "madds": "995328",
        "bytes": "259840", "madds_per_byte": "3.83054", "gmadds_per_s": "49.7664", "attainable_ms": "0.0199066",
        "achieved_share": "0.995328", "limit_doubt": "", "sum_ms": "0.93", "median_ms": "1", "profiled_ms": "1.1",
        "case_share": "0.365008", "case_limit_doubt": "",
        "profiler": "a profiler", "status": "ok", "reason": "", "source": NAME,
    }  # fmt: skip


def test_rows_without_layers_have_a_time_and_nothing_computed(rows):
    (moved,) = (row for row in rows if (row["case"], row["level"], row["name"]) == (FUSED.id, "kind", "layout"))
    assert (moved["time_ms"], moved["share"]) == ("0.06", "0.06")
    assert {moved[name] for name in ("layers", "madds", "bytes", "gmadds_per_s", "attainable_ms")} == {""}


def test_a_case_without_a_profile_has_one_row_with_its_reason(rows):
    (refused,) = (row for row in rows if row["case"] == NCNN.id)
    assert (refused["status"], refused["reason"]) == ("unsupported", "ncnn wheels have no profiler")
    assert (refused["backend"], refused["level"], refused["time_ms"]) == ("ncnn", "", "")


def test_a_case_of_which_one_process_failed_counts_as_failed(rows):
    good = profiles()[0]
    failed = replace(good, number=1, status="failed", reason="crashed", operators=(), calls_ns=())
    shown = page(profiled_cases([good, failed], PROBES), PROBES, (), NAME)
    assert line(section(shown, "Could not be profiled"), EAGER.id) == [EAGER.id, "failed", "crashed"]
    assert "## Per block" not in shown
    (row,) = csv.DictReader(io.StringIO(written(profiled_cases([good, failed], PROBES), NAME)))
    assert (row["status"], row["reason"], row["level"]) == ("failed", "crashed", "")


def test_probes_of_another_number_of_threads_and_of_a_processor_are_no_roof_of_a_case():
    good = profiles()[0]
    for case in (replace(EAGER, threads=2), replace(EAGER, device="cuda")):
        shown = page(profiled_cases([replace(good, case=case)], PROBES), PROBES, (), NAME)
        assert line(section(shown, "Cases"), case.id)[8] == "–"
        assert "attainable ms" not in section(shown, "The limit")


def test_probes_that_failed_say_so():
    failed = replace(PROBES[0], status="failed", reason="no torch", probes=())
    assert "- Probes with 1 thread: failed, no torch" in page([], [failed], (), NAME)


def test_settings_are_apart_and_the_larger_network_comes_first():
    good = profiles()[0]
    larger = replace(good, case=Case(width=1.0, resolution=224))
    shown = section(page(profiled_cases([good, larger]), [], [], NAME), "Per block")
    assert shown.split("**")[1::2] == [
        "mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, fp32",
        "mobilenet_v2_0.35_96, batch 1, 1 thread, cpu, fp32",
    ]


def with_int8(probes):
    """The same probes with a product of int8 that is four times as fast."""
    fp32 = next(probe for probe in probes.probes if probe.library == "torch" and probe.unit == "flop")
    rounds = tuple(
        replace(round, durations_ns=tuple(ns // 4 for ns in round.durations_ns), wall_ns=round.wall_ns // 4)
        for round in fp32.rounds
    )
    int8 = replace(fp32, name=fp32.name.replace("fp32", "int8"), library="onnxruntime", rounds=rounds)
    return replace(probes, probes=(int8, *probes.probes))


def test_each_precision_is_a_setting_of_its_own_held_to_its_own_products_and_bytes_and_fp32_comes_first():
    good, probes = profiles()[0], [with_int8(each) for each in CURVED]
    others = [replace(good, case=replace(EAGER, precision=precision)) for precision in ("int8", "bf16", "fp32")]
    cases = profiled_cases(others, probes)
    assert [profiled.case.precision for profiled in cases] == ["fp32", "bf16", "int8"]
    fp32, bf16, int8 = (profiled.attainable(["classifier"]) for profiled in cases)
    assert bf16 is None  # no library multiplied in it
    assert int8.compute_s == pytest.approx(fp32.compute_s * 125 / 400)  # 125 GFLOP/s by litert
    assert [profiled.profile.blocks[-1].bytes for profiled in cases] == [5_133_120, 2_566_560, 1_283_280]
    shown = page(cases, probes, (), NAME)
    assert [cells[:2] for cells in table(section(shown, "The limit"), 0)[1:]] == [
        ["fp32", "litert"], ["fp32", "torch"], ["int8", "onnxruntime"],
    ]  # fmt: skip
    assert [line(section(shown, "Cases"), profiled.case.id)[8] for profiled in cases][1] == "–"


def test_a_terminal_is_told_each_case_and_what_to_know_of_it():
    found = {row[0]: (row, said) for row, said in terminal_lines(profiled_cases(profiles(), PROBES, RECORDS), RECORDS)}
    assert list(found) == [EAGER.id, NCNN.id, FUSED.id]
    assert found[EAGER.id][0][1:4] == ("1.00", "0.930", "93%")
    assert found[NCNN.id] == ((NCNN.id, *["–"] * (len(COLUMNS) - 1)), ("unsupported: ncnn wheels have no profiler",))
    assert found[FUSED.id][1][0].startswith("layout")
