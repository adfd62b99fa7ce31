"""What the page and the CSV say of phones, of emulated processors and of other people's tools."""

# ruff: noqa: E501  whole tables are compared as text
from pathlib import Path

import msgspec
import pytest
from markdown_it import MarkdownIt
from mobile_records import ARM64, DELEGATED, PHONE, counted, on_phone, told
from test_report import HOSTILE, TAMED, read, recorded, section, written

from mnv2bench.comparison import markdown, tidy
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.comparison.tidy import row as values
from mnv2bench.flags import flags
from mnv2bench.records import Machine, record, replace
from mnv2bench.records.journal import load
from mnv2bench.records.target import DeviceState, target_from_json
from mnv2bench.remote.conditions import condition, delegation
from mnv2bench.statistics.latency import Speedups, speedups
from mnv2bench.statistics.rounds import madds, measured

HOST = recorded("onnxruntime", 6.10, 6.13, 6.17)
LITERT, EXECUTORCH = on_phone("litert", 70.1, 70.5, 71.0, hot=1), on_phone("executorch", 68.0, 68.2, 68.4)
COUNTED = [
    counted("litert", (n,) * 3, (n,) * 3, width=width, resolution=resolution)
    for width, resolution, n in ((1.0, 224, 121_000_000), (0.5, 96, 9_000_000), (0.35, 96, 6_312_644))
]
RESTLESS = counted(
    "executorch", (6_471_301, 6_471_580, 6_471_400), (6_471_301, 6_471_580, 6_471_402), width=0.35, resolution=96
)
HEARSAY = told(74.0, 75.0)
EVERY_KIND = [HOST, LITERT, EXECUTORCH, *COUNTED, RESTLESS, HEARSAY]
PAGE = markdown([("night.json", EVERY_KIND)])


def mobile(title, page=PAGE):
    return section(f"\n{section(page, 'Mobile')}", title, "###")


def test_a_device_has_tables_of_its_own():
    assert (
        section(PAGE, "Latency, ms")
        == """\
**mobilenet_v2_1.0_224, batch 1, 1 thread, adb:R5CT@big, fp32**

| variant   |   top-1 % |          executorch |                litert |
|:----------|----------:|--------------------:|----------------------:|
| 1.0@224   |      71.8 | 68.20 (67.70–68.70) | 70.50 (69.42–71.66) ‖ |

**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, fp32**

| variant   |   top-1 % |      onnxruntime |
|:----------|----------:|-----------------:|
| 1.0@224   |      71.8 | 6.13 (6.05–6.22) |"""
    )


def test_a_device_of_which_every_second_row_throttled_is_not_to_be_used_and_has_no_bold():
    assert "\n**DO NOT USE: 1 of 2 rows throttled.**\n" in PAGE  # behind the answer of this processor
    assert "**68.20**" not in PAGE
    cool = on_phone("litert", 70.1, 70.5, 71.0)
    assert "**68.20** (67.70–68.70)" in markdown([("night.json", [cool, EXECUTORCH])])


def test_the_pixel_1_is_marked_as_another_device_beside_a_computer():
    assert "|   Pixel 1 ms (another device) |" in section(PAGE, "The variants")
    assert "|   Pixel 1 ms |" in section(markdown([("night.json", [LITERT, EXECUTORCH])]), "The variants")


@pytest.mark.parametrize("title", ["Latency, ms", "GMAdds/s", "Throughput, images/s", "Tails and noise"])
def test_counts_and_hearsay_stand_in_no_table_of_times(title):
    assert "qemu" not in section(PAGE, title)
    assert "ncnn" not in section(PAGE, title)


def test_the_tables_that_name_no_device_are_one_for_each():
    assert section(
        PAGE, "Tails and noise"
    ).endswith("""\
**mobilenet_v2_1.0_224, batch 1, 1 thread, adb:R5CT@big, fp32**

| variant   | backend    |   median ms |   min ms |   p90 ms |
|:----------|:-----------|------------:|---------:|---------:|
| 1.0@224   | executorch |       68.20 |    68.00 |    68.40 |
| 1.0@224   | litert     |       70.50 |    70.10 |    71.00 |

In all rows: rounds kept 100%, threads used 1.00, processes 3, iterations 240, output error 2e-06. No row has a number for p99 ms, p99.9 ms.

**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, fp32**

| variant   | backend     |   median ms |   min ms |   p90 ms |   p99 ms |   p99.9 ms |   rounds kept |   threads used |   processes |   iterations |   output error |
|:----------|:------------|------------:|---------:|---------:|---------:|-----------:|--------------:|---------------:|------------:|-------------:|---------------:|
| 1.0@224   | onnxruntime |        6.13 |     6.10 |     6.17 |        – |          – |          100% |           1.00 |           3 |          240 |          2e-06 |""")


def test_a_page_of_counts_alone_has_no_table_of_times_and_no_milliseconds():
    page = markdown([("night.json", COUNTED)])
    assert [line for line in page.splitlines() if line.startswith(("#", "<summary>"))] == [
        "# MobileNetV2 on Example CPU (2 cores, virtual machine)",
        "<summary>How to read this</summary>",
        "## Mobile",
        "### Instructions",
        "### Delegation",
        "<summary>The machine</summary>",
        "<summary>What the runtimes say of themselves</summary>",
    ]
    assert page.splitlines()[2] == "No case was timed here: there is nothing to recommend."
    assert " ms" not in section(page, "Mobile")
    assert "Pixel" not in section(page, "Mobile")


def test_the_instructions_stand_beside_the_madds_with_their_line_and_what_they_depend_on():
    assert (
        mobile("Instructions")
        == """\
Guest instructions of one call under an emulator, in millions, and in brackets per multiply-add. A count is not a time: caches, pipeline and frequency do not enter it, and counts of two processor models do not say which is faster. ≈: the processes did not repeat to the instruction.

**mobilenet_v2, batch 1, 1 thread, qemu:cortex-a76, fp32**

| variant   |   MAdds M |     executorch |        litert |
|:----------|----------:|---------------:|--------------:|
| 1.0@224   |     300.8 |      not asked | 121.0 (0.402) |
| 0.5@96    |      18.9 |      not asked | 9.000 (0.477) |
| 0.35@96   |      11.9 | ≈6.471 (0.542) | 6.313 (0.529) |

- executorch with qemu 7.2.22, cpu cortex-a76, libc glibc 2.36, runtime ai-edge-litert 2.3.0
- litert: 1.54 million + 0.3972 x MAdds, over 3 variants (R² 1.0000)
- litert with qemu 7.2.22, cpu cortex-a76, libc glibc 2.36, runtime ai-edge-litert 2.3.0"""
    )


def test_each_processor_model_has_a_table_and_a_wrong_count_is_no_number():
    old = counted("litert", (9_000,), device="qemu:cortex-a53", status="wrong")
    page = mobile("Instructions", markdown([("night.json", [COUNTED[0], old])]))
    assert page.index("qemu:cortex-a53") < page.index("qemu:cortex-a76")
    assert "| 1.0@224   |     300.8 |    wrong |" in page
    assert "0.009" not in page


def test_a_batch_is_counted_as_one_call_and_per_madd_of_the_batch():
    row = values(*evaluations([counted("litert", (968_000_000,), batch=8)]))
    assert (row["instructions"], row["counts_repeat"]) == (968_000_000, None)
    assert row["instructions_per_madd"] == pytest.approx(0.402295)


def test_the_devices_are_told_with_the_worst_that_they_were():
    assert (
        mobile("Devices")
        == """\
The worst reading of any process, before it and after it. Throttled: processes that ran while the device was too hot.

| device       | what it is       | cores   | governor   | before               | after                  |   cooled for |   throttled |
|:-------------|:-----------------|:--------|:-----------|:---------------------|:-----------------------|-------------:|------------:|
| adb:R5CT@big | Pixel 2, MSM8998 | mask f0 | schedutil  | status none, 33.0 °C | status severe, 35.5 °C |         20 s |  **1 of 8** |"""
    )


def test_a_board_whose_state_is_unreadable_has_dashes():
    board = on_phone("litert", 93.0, device="ssh:pi", facts={"model": "Raspberry Pi 4 Model B Rev 1.5"})
    odd = {"facts": ["no"], "before": None, "after": {"hal": {}, "zones_c": 5, "governors": 7}, "cooling": "x"}
    board = replace(board, processes=(replace(board.processes[0], target=target_from_json(odd)),))
    line = mobile("Devices", markdown([("night.json", [board])])).splitlines()[-1]
    assert [cell.strip() for cell in line.strip("|").split("|")] == ["ssh:pi", *"–––––", "–", "no"]


def test_delegation_is_told_of_every_row_of_every_kind():
    settings = {"delegate": "none", "threads": "1"}
    process = HOST.processes[0]
    ncnn = replace(
        HOST,
        case=replace(HOST.case, backend="ncnn"),
        processes=(replace(process, samples=replace(process.samples, settings=settings)),),
    )
    assert mobile("Delegation", markdown([("night.json", [LITERT, ncnn, RESTLESS])])).endswith("""\
**adb:R5CT@big, fp32**

| backend   | variant              |   batch |   threads |   delegate |   delegated |   fell back |
|:----------|:---------------------|--------:|----------:|-----------:|------------:|------------:|
| litert    | mobilenet_v2_1.0_224 |       1 |         1 |    XNNPACK |    66 of 67 |           1 |

**cpu, fp32**

| backend   | variant              |   batch |   threads |   delegate |   delegated |   fell back |
|:----------|:---------------------|--------:|----------:|-----------:|------------:|------------:|
| ncnn      | mobilenet_v2_1.0_224 |       1 |         1 |       none |        none |           – |

**qemu:cortex-a76, fp32**

| backend    | variant              |   batch |   threads |   delegate |   delegated |   fell back |
|:-----------|:---------------------|--------:|----------:|-----------:|------------:|------------:|
| executorch | mobilenet_v2_0.35_96 |       1 |         1 |    XNNPACK |    66 of 67 |           1 |""")


@pytest.mark.parametrize(
    ("settings", "target", "text"),
    [
        (DELEGATED, {}, "66 of 67"),
        ({"delegate": "XNNPACK", "fully accelerated": "yes"}, {}, "all"),
        ({"delegate": "XNNPACK", "fully accelerated": "no"}, {}, "not all"),
        ({"delegate": "XNNPACK"}, {"delegation": DELEGATED}, "66 of 67"),
        ({}, {"delegation": {"delegate": "none"}}, "none"),
        ({"delegate": "XNNPACK", "delegated operators": "many"}, {}, ""),
    ],
)
def test_delegation_is_read_from_the_settings_or_from_the_target(settings, target, text):
    process = LITERT.processes[0]
    told = replace(process, samples=replace(process.samples, settings=settings), target=target_from_json(target))
    assert delegation(replace(LITERT, processes=(told,))).text == text


def test_what_other_tools_told_stands_apart_a_line_for_each_run():
    assert (
        mobile("Reported by external tools")
        == """\
Results that external tools printed of their own measurements: outputs are not checked and there are no raw samples, so they stand in no ranking.

**adb:R5CT@big, fp32**

| case                                              | tool      | notes                 |   mean ms |   min ms |   max ms |
|:--------------------------------------------------|:----------|:----------------------|----------:|---------:|---------:|
| mobilenet_v2_1.0_224-b1-ncnn-adb:R5CT@big-fp32-t1 | benchncnn | its own network; fp16 |     74.00 |    73.50 |    75.50 |
| mobilenet_v2_1.0_224-b1-ncnn-adb:R5CT@big-fp32-t1 | benchncnn | its own network; fp16 |     75.00 |    74.50 |    76.50 |

In all rows: runs 8. No row has a number for median ms."""
    )


def test_a_known_soc_stands_beside_what_was_published_of_it():
    assert mobile("Published for the same SoC").splitlines()[2] == (
        "- mobilenet_v2_1.0_224-b1-litert-adb:R5CT@big-fp32-t1: yours 70.50 ms; published for this SoC 73.48 ms "
        "(conditions differ): Qualcomm MSM8998 Snapdragon 835 (Kyro 2.45GHz x 4 + Kyro 1.9GHz x 4 + Adreno 540), "
        "1 thread, big cores"
    )


@pytest.mark.parametrize(
    "record",
    [
        on_phone("litert", 9.0, facts={"soc": "SM9999", "model": "SM8550X"}),
        on_phone("litert", 9.0, width=0.5),
        on_phone("litert", 9.0, threads=3),
        on_phone("litert", 9.0, facts={}),
        counted("litert", (9_000_000,), facts=ARM64 | {"soc": "MSM8998"}),
        told(74.0),
    ],
    ids=["unknown SoC", "another width", "nobody's threads", "no facts", "a count", "hearsay"],
)
def test_of_what_is_not_known_nothing_is_said(record):
    assert "Published for the same SoC" not in markdown([("night.json", [record])])


def test_a_count_of_which_not_all_layers_ran_in_its_precision_has_a_mark_and_a_doubt():
    mixed = counted("litert", (60_000_000,), precision="int8", error=0.02, layers={"int8": 36, "fp32": 17})
    page = markdown([("night.json", [mixed])])
    assert "60.000 (0.199) ◐ |" in section(page, "Instructions", "###")
    assert section(page, "What to doubt") == (
        "- 1 of 1 rows ran some of their layers in another precision (layers ◐): "
        "mobilenet_v2_1.0_224-b1-litert-qemu:cortex-a76-int8-t1: 36 of 53 int8, 17 fp32."
    )
    whole = counted("litert", (60_000_000,), precision="int8", error=0.02, layers={"int8": 53})
    assert "## What to doubt" not in markdown([("night.json", [whole])])


def test_the_counts_of_each_precision_stand_beside_each_other_and_as_a_part_of_fp32():
    fp32 = counted("litert", (120_000_000,), layers={"fp32": 53})
    int8 = counted("litert", (60_000_000,), precision="int8", error=0.02, layers={"int8": 53})
    page = markdown([("night.json", [fp32, int8, counted("executorch", (130_000_000,))])])
    assert (
        section(page, "Instructions by precision", "###")
        == """\
The same counts, and in a fraction of those of the same backend in fp32.

**mobilenet_v2_1.0_224, batch 1, 1 thread, qemu:cortex-a76**

| backend   | precision   |   M instructions |   of own fp32 |   layers |   agrees % |   error |   file MB |
|:----------|:------------|-----------------:|--------------:|---------:|-----------:|--------:|----------:|
| litert    | fp32        |    120.0 (0.399) |          1.00 | 53 of 53 |          – |   6e-07 |         – |
| litert    | int8        |   60.000 (0.199) |          0.50 | 53 of 53 |          – |   2e-02 |         – |"""
    )
    assert "### Instructions by precision" not in markdown([("night.json", [fp32])])


# the CSV


def test_a_count_is_a_row_without_any_time():
    (row,) = [r for r in read(written([("night.json", EVERY_KIND)])) if r["instructions"] == "6312644"]
    assert {name for name, cell in row.items() if cell and name.endswith(("_ms", "_s"))} == set()
    assert {row[name] for name in ("gmadds_per_s", "throughput_images_per_s", "speedup_over_eager")} == {""}
    said = {name: row[name] for name in ("kind", "status", "processes", "iterations", "delegated", "target")}
    assert said == {
        "kind": "emulated-count",
        "status": "ok",
        "processes": "2",
        "iterations": "6",
        "delegated": "66 of 67",
        "target": "qemu 7.2.22, cortex-a76",
    }
    assert (row["instructions_per_madd"], row["counts_repeat"], row["output_error"]) == ("0.528957", "True", "6e-07")


def test_a_device_is_told_with_its_mask_and_its_heat():
    (row,) = [r for r in read(written([("night.json", EVERY_KIND)])) if r["backend"] == "litert" and r["latency_ms"]]
    assert (row["kind"], row["mask"], row["target"]) == ("measured-device", "f0", "Pixel 2, MSM8998")
    assert row["thermal"] == "throttled in 1 of 3; status none to severe; 33.0 to 35.5 °C"
    assert row["flags"] == "throttled: 1 of 3 processes ran while the device was too hot"


def test_what_a_tool_told_is_no_latency_of_ours():
    (row,) = [r for r in read(written([("night.json", EVERY_KIND)])) if r["told_by"]]
    assert (row["told_by"], row["told_ms"], row["latency_ms"], row["processes"]) == ("benchncnn", "74.5", "", "2")
    assert values(*evaluations([told(74.0, 75.0, median_ms=70.0)]))["told_ms"] == 70.0


def test_instructions_are_whole_numbers_however_large():
    table = tidy([("night.json", EVERY_KIND)])
    assert str(table["instructions"].dtype) == "Int64"
    assert table["instructions"].dropna().tolist() == [121_000_000, 9_000_000, 6_312_644, 6_471_400]


# nothing is computed from the wrong kind


def test_counts_are_never_divided_by_or_into_times():
    eager = counted("torch_eager", (300_000_000,))
    of_case = speedups([HOST, eager, COUNTED[0], HEARSAY])
    assert of_case == {HOST.case: Speedups(over_eager=None, over_fp32=1.0, over_eager_fp32=None)}
    assert (measured(COUNTED[0]), flags(COUNTED[0]), madds(COUNTED[0])) == ((), (), 300_774_272)


def test_a_process_throttled_when_it_began_too_hot_or_the_phone_says_so_afterwards():
    found = condition([LITERT])
    assert (found.throttled, found.processes, found.waited_s) == (1, 3, 20.0)
    cool = msgspec.structs.replace(LITERT.processes[0].target, after=DeviceState(thermal_status="light"))
    record_ = record(LITERT.case, LITERT.plan, Machine(), [replace(LITERT.processes[0], target=cool)])
    assert condition([record_]).throttled == 1


# text from devices and tools


def test_hostile_texts_of_a_device_and_of_a_tool_stay_in_their_cells():
    phone = on_phone("litert", 70.0, facts=PHONE | {"model": HOSTILE, "soc": "msm8998"})
    process = phone.processes[0]
    before = DeviceState(governors={"0": HOSTILE}, thermal_status=HOSTILE)
    target = msgspec.structs.replace(process.target, mask=HOSTILE, before=before)
    samples = replace(process.samples, settings={"delegate": HOSTILE})
    phone = replace(phone, processes=(replace(process, target=target, samples=samples),))
    emulated = counted("litert", (1_000,), facts={HOSTILE: HOSTILE})
    page = markdown([("night.json", [phone, emulated, told(1.0, tool=HOSTILE, notes=(HOSTILE,))])])
    assert page.count(TAMED) == 9
    assert f"- litert with {TAMED} {TAMED}" in page
    assert "<script>" not in page
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(section(page, "Mobile"))
    inline = [child for token in tokens if token.children for child in token.children]
    assert {child.type for child in inline} <= {"text", "text_special", "strong_open", "strong_close", "softbreak"}
    assert section(page, "Mobile").count("yours 70.00 ms") == 1


def test_hostile_texts_of_a_device_are_no_formulas_in_the_csv():
    phone = on_phone("litert", 70.0, facts={"model": "=1+1\n\x1b[31m"})
    process = phone.processes[0]
    masked = msgspec.structs.replace(process.target, mask="@x")
    phone = replace(phone, processes=(replace(process, target=masked),))
    first, second = read(written([("night.json", [phone, told(1.0, tool="+1\r2")])]))
    assert (first["target"], first["mask"], second["told_by"]) == ("'=1+1 [31m", "'@x", "'+1 2")


# files of before


def test_a_published_file_of_schema_1_is_still_a_page_of_host_measurements():
    (file,) = Path(__file__).parents[1].glob("results/*/*/0001_published.json")
    rows = [values(evaluation) for evaluation in evaluations(load(file))]
    assert {row["kind"] for row in rows} == {"host-measured"}
    assert {row["instructions"] for row in rows} == {row["told_by"] for row in rows} == {None}
    assert all(row["latency_ms"] for row in rows if row["status"] == "ok")
    assert "## Mobile" not in markdown([(file.name, load(file))])
