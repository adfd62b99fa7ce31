"""What a reader of the CSV and of the Markdown page finds, from Records written down by hand."""

# ruff: noqa: E501  whole tables are compared as text
import csv
import html
import io
import re
from datetime import datetime, timedelta, timezone

import pytest
from markdown_it import MarkdownIt

from mnv2bench.case import Case
from mnv2bench.comparison import csv as table_text
from mnv2bench.comparison import markdown, tidy
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.comparison.tidy import row as values
from mnv2bench.records import (
    Accuracy,
    Artifact,
    Machine,
    Memory,
    Plan,
    Process,
    Record,
    Samples,
    Weights,
    record,
    replace,
)
from mnv2bench.records.machine import machine_from_json
from mnv2bench.records.rounds import Round
from mnv2bench.report import cells
from mnv2bench.report.ranking import Ranking

MS = 1_000_000
MB = 1_000_000
MACHINE_FACTS = {
    "cpu_model": "Example CPU",
    "cpu_family": "6/207",
    "cpu_stepping": "2",
    "cpu_flags": ["avx2", "fma"],
    "cores": 2,
    "cores_physical": 1,
    "smt": "on",
    "cpu_quota_cores": 1.5,
    "isolated_cores": None,
    "governor": None,
    "memory_gb": 25.3,
    "kernel": "6.1.0",
    "os": "debian 12",
    "python": "3.11",
    "hypervisor": True,
    "libraries": {"torch": "2.13.0+cpu", "numpy": "2.4.6"},
    "commit": "0123abc+",
    "fingerprint": "example-cpu-2c-752de294",
}
MACHINE = machine_from_json(MACHINE_FACTS)


def machine_with(**facts: object) -> Machine:
    """The example machine as a file tells of it, with other facts."""
    return machine_from_json(MACHINE_FACTS | facts)


def recorded(
    backend: str,
    *medians_ms: float,
    width: float = 1.0,
    resolution: int = 224,
    threads: int = 1,
    batch: int = 1,
    status: str = "ok",
    reason: str = "",
    used: float = 0.0,
    machine: Machine = MACHINE,
    device: str = "cpu",
    network: str = "mobilenet_v2",
) -> Record:
    """A process for each median, of four rounds of twenty equal iterations; one empty process where none is given."""
    case = Case(network, width, resolution, batch, backend, device, "fp32", threads)
    processes = []
    for number, ms in enumerate(medians_ms or (None,)):
        samples = Samples()
        if ms is not None:
            wall_ns = round(20 * ms * MS)
            ran = Round((round(ms * MS),) * 20, wall_ns, round((used or threads) * wall_ns))
            memory = Memory(14 * MB, 50 * MB, 64 * MB, 80 * MB, first=72 * MB)
            samples = Samples((), (ran,) * 4, 0.25, 1.5, None, False, 0.03, memory, 2e-6, 0.5, {"provider": "CPU"})
        processes.append(Process(case, number, number, number, status, reason, 1.0, samples))
    artifact = Artifact("onnx", "abc", 14 * MB, 3.5) if medians_ms else None
    return record(case, Plan(), machine, processes, artifact, seed=7)


EAGER = recorded("torch_eager", 20.0, 20.2, 20.4)
FAST = recorded("onnxruntime", 6.10, 6.13, 6.17)
WRONG = recorded("openvino", 3.0, 3.0, 3.0, status="wrong", reason="outputs differ from eager fp32 by 1.2e-02")
ABSENT = recorded("torch_compile", status="unavailable", reason="no C++ compiler: apt install g++")
SMALL = recorded("onnxruntime", 0.45, 0.452, 0.46, width=0.35, resolution=96)
CAMPAIGN = (EAGER, FAST, WRONG, ABSENT, SMALL)


def section(page: str, title: str, level: str = "##") -> str:
    """What stands under a heading, or what is folded under a title."""
    folded = f"<details>\n<summary>{html.escape(title)}</summary>\n"
    if folded in page:
        (found,) = page.split(folded)[1:]
        return found.partition("\n</details>")[0].strip()
    (found,) = (part for part in page.split(f"\n{level} ")[1:] if part.startswith(f"{title}\n"))
    return found.removeprefix(f"{title}\n").partition("\n<details>")[0].strip()


def test_the_latency_tables_have_the_fastest_runtime_first_and_those_of_pytorch_apart():
    assert (
        section(markdown([("first.json", CAMPAIGN)]), "Latency, ms")
        == """\
**mobilenet_v2, batch 1, 1 thread, cpu, fp32**

| variant   |   top-1 % |          onnxruntime |       openvino |
|:----------|----------:|---------------------:|---------------:|
| 1.0@224   |      71.8 | **6.13** (6.05–6.22) | ~~3.00~~ wrong |
| 0.35@96   |      45.5 |  0.452 (0.441–0.467) |      not asked |

| variant   |   top-1 % |         torch_eager |   torch_compile |
|:----------|----------:|--------------------:|----------------:|
| 1.0@224   |      71.8 | 20.20 (19.71–20.70) |     unavailable |"""
    )


def test_the_table_of_variants_has_what_is_counted_and_what_was_published_of_each():
    assert section(markdown([("first.json", CAMPAIGN)]), "The variants").endswith("""\
| variant   |   MAdds M |   params M |   top-1 % |   Pixel 1 ms (another device) |
|:----------|----------:|-----------:|----------:|------------------------------:|
| 1.0@224   |     300.8 |       3.50 |      71.8 |                          73.8 |
| 0.35@96   |      11.9 |       1.68 |      45.5 |                           4.5 |""")


def test_a_wrong_number_is_struck_out_and_never_the_fastest():
    page = markdown([("first.json", CAMPAIGN)])
    assert "~~3.00~~ wrong" in page
    assert "**3.00**" not in page
    assert "**6.13**" in page


def test_the_only_number_of_a_row_is_not_the_fastest_of_anything():
    assert "**6.13**" not in markdown([("first.json", [FAST, WRONG, ABSENT])])


def test_what_did_not_run_stands_in_the_page_with_its_reason():
    assert (
        section(markdown([("first.json", CAMPAIGN)]), "Did not run, or came out wrong")
        == """\
| case                                              | status      | reason                                    |
|:--------------------------------------------------|:------------|:------------------------------------------|
| mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1      | wrong       | outputs differ from eager fp32 by 1.2e-02 |
| mobilenet_v2_1.0_224-b1-torch_compile-cpu-fp32-t1 | unavailable | no C++ compiler: apt install g++          |"""
    )


def test_speed_ups_are_only_of_right_results_that_eager_has_too():
    assert section(markdown([("first.json", CAMPAIGN)]), "Speed-up over torch_eager").endswith("""\
| variant   |   onnxruntime |   openvino |
|:----------|--------------:|-----------:|
| 1.0@224   |          3.30 |      wrong |
| 0.35@96   |             – |  not asked |

| variant   |   torch_compile |
|:----------|----------------:|
| 1.0@224   |     unavailable |""")


def in_precision(measured: Record, precision: str) -> Record:
    """The same record of the case in another precision."""
    case = replace(measured.case, precision=precision)
    return replace(measured, case=case, processes=tuple(replace(p, case=case) for p in measured.processes))


def test_two_precisions_on_a_cpu_share_no_cell_of_any_table():
    """Each table that names no case has both numbers, each under a line with its precision."""
    halved = in_precision(recorded("onnxruntime", 4.00, 4.01, 4.02), "bf16")
    page = markdown([("first.json", [EAGER, FAST, halved])])
    for title, fp32, bf16 in [
        ("Latency, ms", "6.13", "4.01"),
        ("GMAdds/s", "49.07", "75.01"),
        ("Throughput, images/s", "163.1", "249.4"),
        ("Tails and noise", "6.17", "4.02"),
        ("Memory, MB", "80.0", "80.0"),
        ("Cold path", "3.50", "3.50"),
    ]:
        body = section(page, title)
        first, second = body.index(", fp32"), body.index(", bf16")
        assert first < second
        assert fp32 in body[first:second]
        assert bf16 in body[second:]
        assert body[first:second].count("onnxruntime") == 1
    settings = section(page, "What the runtimes say of themselves").splitlines()
    assert settings[1:] == [
        "- onnxruntime, 1 thread, cpu, fp32: provider CPU",
        "- onnxruntime, 1 thread, cpu, bf16: provider CPU",
    ]


def with_layers(measured: Record, precision: str, **layers: int) -> Record:
    """The same record in a precision, with what the runtime's own graph says of its layers."""
    of_case = in_precision(measured, precision)
    samples = [replace(process.samples, layers=layers, error=2e-2) for process in of_case.processes]
    pairs = zip(of_case.processes, samples, strict=True)
    return replace(of_case, processes=tuple(replace(process, samples=s) for process, s in pairs))


def test_a_speed_up_says_what_it_is_over_and_is_over_nothing_of_another_precision():
    halved = with_layers(recorded("onnxruntime", 4.00, 4.01, 4.02), "bf16", bf16=53)
    text = section(markdown([("first.json", [EAGER, FAST, halved])]), "Speed-up over torch_eager")
    assert "**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, fp32**\n\nOver torch_eager in fp32.\n" in text
    assert "bf16" not in text
    eager = with_layers(recorded("torch_eager", 8.01, 8.02, 8.03), "bf16", bf16=53)
    text = section(markdown([("first.json", [EAGER, FAST, eager, halved])]), "Speed-up over torch_eager")
    assert "**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, bf16**\n\nOver torch_eager in bf16.\n" in text
    assert [values(e)["speedup_over_eager"] for e in evaluations([EAGER, FAST, eager, halved])] == [
        pytest.approx(1.0),
        pytest.approx(20.2 / 6.13),
        pytest.approx(1.0),
        pytest.approx(2.0),
    ]


MIXED = (
    EAGER,
    with_layers(FAST, "fp32", fp32=53),
    with_layers(recorded("onnxruntime", 3.0, 3.01, 3.02), "int8", int8=36, fp32=17),
    with_layers(recorded("openvino", 2.4, 2.41, 2.42), "bf16", bf16=53),
    in_precision(recorded("openvino", status="unsupported", reason="this processor has no avx512_fp16"), "fp16"),
    with_layers(recorded("openvino", 2.2, status="wrong", reason="requested int8"), "int8", fp32=53),
    SMALL,
)


def test_the_table_of_precisions_has_speed_ups_over_fp32_layers_error_and_memory_of_each():
    assert (
        section(markdown([("first.json", MIXED)]), "Precisions").partition("\n\n")[2]
        == """\
**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu**

| backend     | precision   |           median ms |   own fp32 |   eager fp32 |   layers |   agrees % |     error |   file MB |   peak MB |
|:------------|:------------|--------------------:|-----------:|-------------:|---------:|-----------:|----------:|----------:|----------:|
| openvino    | fp16        |         unsupported |          – |            – |        – |          – |         – |         – |         – |
| openvino    | bf16        |    2.41 (2.39–2.44) |          – |         8.38 | 53 of 53 |          – |     2e-02 |     14.00 |      80.0 |
| openvino    | int8        |      ~~2.20~~ wrong |          – |            – |  0 of 53 |          – | ~~2e-02~~ | ~~14.00~~ |  ~~80.0~~ |
| onnxruntime | fp32        |    6.13 (6.07–6.20) |       1.00 |         3.30 | 53 of 53 |          – |     2e-02 |     14.00 |      80.0 |
| onnxruntime | int8        |  3.01 (2.98–3.04) ◐ |       2.04 |         6.71 | 36 of 53 |          – |     2e-02 |     14.00 |      80.0 |
| torch_eager | fp32        | 20.20 (19.97–20.43) |       1.00 |         1.00 |        – |          – |     2e-06 |     14.00 |      80.0 |"""
    )


def test_a_campaign_of_fp32_alone_has_no_table_of_precisions():
    assert "Precisions" not in markdown([("first.json", CAMPAIGN)])


def test_a_backend_that_runs_fp32_alone_stands_in_no_table_of_precisions():
    refused = in_precision(recorded("litert", status="unsupported", reason="litert runs fp32 on cpu here"), "bf16")
    page = markdown([("first.json", [*MIXED, recorded("litert", 5.0), refused])])
    assert "litert" not in section(page, "Precisions")
    assert "litert-cpu-bf16-t1" in section(page, "Did not run, or came out wrong")
    assert "## Precisions" not in markdown([("first.json", [EAGER, refused])])


def test_a_row_of_which_not_all_layers_ran_in_its_precision_has_a_mark_and_a_doubt():
    page = markdown([("first.json", MIXED)])
    assert "3.01 (2.98–3.04) ◐" in section(page, "Latency, ms")
    assert section(page, "What to doubt") == (
        "- 2 of 6 rows ran some of their layers in another precision (layers ◐); such as "
        "mobilenet_v2_1.0_224-b1-onnxruntime-cpu-int8-t1: 36 of 53 int8, 17 fp32."
    )
    assert section(page, "The doubts of each row") == (
        "- mobilenet_v2_1.0_224-b1-onnxruntime-cpu-int8-t1: layers: 36 of 53 int8, 17 fp32\n"
        "- mobilenet_v2_1.0_224-b1-openvino-cpu-int8-t1: layers: 0 of 53 int8, 53 fp32"
    )


def test_the_csv_has_the_layers_and_both_speed_ups_over_fp32():
    rows = {(row["backend"], row["precision"]): row for row in read(written([("first.json", MIXED)]))}
    names = ("speedup_over_eager", "speedup_over_fp32", "speedup_over_eager_fp32", "layers")
    assert {key: tuple(row[name] for name in names) for key, row in rows.items() if key[0] != "torch_eager"} == {
        ("onnxruntime", "fp32"): ("", "1", "", ""),  # the last of the file: the smallest variant, without eager
        ("onnxruntime", "int8"): ("", "2.03654", "6.71096", "36 of 53 int8, 17 fp32"),
        ("openvino", "bf16"): ("", "", "8.38174", "53 of 53 bf16"),
        ("openvino", "fp16"): ("", "", "", ""),
        ("openvino", "int8"): ("", "", "", "0 of 53 int8, 53 fp32"),
    }


def test_gmadds_are_the_counted_ones_over_the_median():
    assert section(markdown([("first.json", CAMPAIGN)]), "GMAdds/s").endswith("""\
| variant   |   onnxruntime |        openvino |
|:----------|--------------:|----------------:|
| 1.0@224   |         49.07 | ~~100.3~~ wrong |
| 0.35@96   |         26.40 |       not asked |

| variant   |   torch_eager |   torch_compile |
|:----------|--------------:|----------------:|
| 1.0@224   |         14.89 |     unavailable |""")


def test_throughput_has_a_line_for_each_batch_and_number_of_threads():
    more = [recorded("onnxruntime", 40.0, batch=batch, threads=2) for batch in (8, 1)]
    assert section(markdown([("first.json", [FAST, *more])]), "Throughput, images/s").endswith("""\
**mobilenet_v2_1.0_224, cpu, fp32**

| variant   |   batch |   threads |   onnxruntime |
|:----------|--------:|----------:|--------------:|
| 1.0@224   |       1 |         1 |         163.1 |
| 1.0@224   |       1 |         2 |         25.00 |
| 1.0@224   |       8 |         2 |         200.0 |""")


def test_the_memory_table_has_what_was_measured_and_what_was_computed():
    assert section(
        markdown([("first.json", [FAST, WRONG])]), "Memory, MB"
    ).endswith("""\
| variant   | backend          |   interpreter |    floor |   loaded |    first |     peak |   artifact |   weights |   activations |
|:----------|:-----------------|--------------:|---------:|---------:|---------:|---------:|-----------:|----------:|--------------:|
| 1.0@224   | onnxruntime      |          14.0 |     50.0 |     64.0 |     72.0 |     80.0 |       14.0 |      14.0 |           6.0 |
| 1.0@224   | openvino (wrong) |      ~~14.0~~ | ~~50.0~~ | ~~64.0~~ | ~~72.0~~ | ~~80.0~~ |   ~~14.0~~ |  ~~14.0~~ |       ~~6.0~~ |""")


def test_the_cold_path_has_a_dash_where_a_backend_compiles_nothing():
    assert section(markdown([("first.json", [FAST])]), "Cold path").endswith("""\
| variant   | backend     |   export s |   import s |   cold open s |   open s |   first inference ms |
|:----------|:------------|-----------:|-----------:|--------------:|---------:|---------------------:|
| 1.0@224   | onnxruntime |       3.50 |       0.25 |             – |     1.50 |                30.00 |""")


def test_percentiles_that_the_sample_does_not_support_are_dashes():
    assert section(
        markdown([("first.json", [FAST])]), "Tails and noise"
    ).endswith("""\
| variant   | backend     |   median ms |   min ms |   p90 ms |   p99 ms |   p99.9 ms |   rounds kept |   threads used |   processes |   iterations |   output error |
|:----------|:------------|------------:|---------:|---------:|---------:|-----------:|--------------:|---------------:|------------:|-------------:|---------------:|
| 1.0@224   | onnxruntime |        6.13 |     6.10 |     6.17 |        – |          – |          100% |           1.00 |           3 |          240 |          2e-06 |""")


def test_the_fit_stands_beside_the_law_of_the_pixel_1():
    widths = [recorded("onnxruntime", ms, ms, ms, width=w) for w, ms in ((0.35, 2.0), (0.5, 3.0), (1.0, 8.0))]
    assert section(
        markdown([("first.json", [*widths, EAGER])]), "Do MAdds predict latency?"
    ).endswith("""\
| backend                             |   variants |           line, ms |   R² of the line |    power law, ms |   R² of the law |       farthest from the law |
|:------------------------------------|-----------:|-------------------:|-----------------:|-----------------:|----------------:|----------------------------:|
| Pixel 1, published (another device) |         22 |   4.17 + 0.233 x M |            0.998 |  0.507 x M^0.877 |           0.997 | mobilenet_v2_0.75_96 (+11%) |
| onnxruntime                         |          3 | 0.562 + 0.0247 x M |            1.000 | 0.0603 x M^0.856 |           1.000 |  mobilenet_v2_0.5_224 (-1%) |

- onnxruntime: MAdds predict it well (R² 1.000, exponent 0.86): small variants cost more than their MAdds say (half the MAdds take 55% of the time); farthest off is mobilenet_v2_0.5_224, 1% faster than the law.""")


def test_fewer_than_three_variants_are_not_fitted():
    assert "Do MAdds predict" not in markdown([("first.json", CAMPAIGN)])


def test_a_doubted_number_has_a_mark_and_its_doubts_are_listed():
    page = markdown([("first.json", [recorded("onnxruntime", 4.0, threads=2, used=1.0)])])
    assert "4.00 §⁑ |" in section(page, "Latency, ms")
    case = "mobilenet_v2_1.0_224-b1-onnxruntime-cpu-fp32-t2"
    assert section(page, "What to doubt") == (
        f"- 1 of 1 rows used another number of threads than requested (threads §): {case}: used 1.0 of 2.\n"
        f"- 1 of 1 rows have more threads than there are cores for them (oversubscribed ⁑): {case}: "
        "2 threads share 1.5 cores of its cgroup and wait for each other: ask for 1 at most."
    )
    assert section(page, "The doubts of each row") == (
        f"- {case}: threads: used 1.0 of 2; "
        "oversubscribed: 2 threads share 1.5 cores of its cgroup and wait for each other: ask for 1 at most"
    )


def test_the_machine_is_told_with_what_could_not_be_read():
    assert (
        section(markdown([("first.json", CAMPAIGN)]), "The machine")
        == """\
- CPU: Example CPU (family/model 6/207, stepping 2)
- Cores: 2 usable, 1 physical, SMT on, quota 1.5, isolated none, virtual machine
- Flags that matter: avx2 fma
- Memory: 25.3 GB
- System: debian 12, kernel 6.1.0, governor unreadable
- Python: 3.11
- Libraries: torch 2.13.0+cpu, numpy 2.4.6
- Commit: 0123abc+ (with local changes)
- Plan: 5 fresh processes a case in shuffled blocks, 15 undisturbed rounds of 150 ms each, after a warm-up of 0.5 to 3 s
- Seed: 7
- Weights: made from seed 0
- Fingerprint: example-cpu-2c-752de294
- Date: the file does not say
- File: first.json"""
    )


@pytest.mark.parametrize(
    ("weights", "network", "cell", "line"),
    [
        (Weights(seed=3), "mobilenet_v2", "seed 3", "made from seed 3"),
        (
            Weights(digits="0123abcd"),
            "mobilenet_v2",
            "digits",
            "trained on handwritten digits (0123abcd); others made from seed 0",
        ),
        (
            Weights(digits="0123abcd"),
            "mobilenet_v2_article",
            "seed 0",
            "trained on handwritten digits (0123abcd); others made from seed 0",
        ),
        (Weights(file="own.pt", content="ab" * 32), "mobilenet_v2", "own.pt", "own.pt (sha256 abababababababab)"),
    ],
)
def test_every_row_and_the_page_name_the_weights(weights, network, cell, line):
    record = replace(FAST, weights=weights, case=replace(FAST.case, network=network, width=0.5))
    (evaluation,) = evaluations([record])
    assert values(evaluation)["weights"] == cell
    assert f"\n- Weights: {line}\n" in markdown([("first.json", [record])])


def test_where_the_time_went_is_a_folded_table_with_the_share_inside_rounds():
    page = markdown([("first.json", [FAST, recorded("torch_eager", 9.0)])])
    rows = [
        re.split(r" *\| *", line)[1:-1] for line in section(page, "Where the time went").splitlines() if "|" in line
    ]
    assert rows[0] == ["backend", "processes", "wall s", "opening s", "warm-up s", "rounds s", "in rounds"]
    assert rows[2:] == [
        ["onnxruntime", "3", "3.0", "5.2", "0.0", "1.5", "49%"],
        ["torch_eager", "1", "1.0", "1.8", "0.0", "0.7", "72%"],
        ["all", "4", "4.0", "7.0", "0.0", "2.2", "55%"],
    ]


def test_sections_without_rows_are_left_out():
    page = markdown([("first.json", [ABSENT])])
    assert [line for line in page.splitlines() if line.startswith(("#", "<summary>"))] == [
        "# MobileNetV2 on Example CPU (2 cores, virtual machine)",
        "## Latency, ms",
        "<summary>How to read this</summary>",
        "## Did not run, or came out wrong",
        "<summary>The variants</summary>",
        "<summary>GMAdds/s</summary>",
        "<summary>Throughput, images/s</summary>",
        "<summary>The machine</summary>",
    ]


def test_two_files_are_two_chapters_and_nothing_is_compared_across_them():
    elsewhere = machine_with(fingerprint="other-cpu-4c-00000000")
    there = recorded("onnxruntime", 5.0, machine=elsewhere)
    page = markdown([("first.json", [EAGER]), ("second.json", [there])])
    assert (
        "\nThis page holds 2 campaigns from 2 files and 2 different machines. Each is a chapter of its own: nothing is "
        "compared, ranked or divided from one to another, but for the answers above, which are from all files of a "
        "machine.\n"
    ) in page
    assert [line for line in page.splitlines() if line.startswith("## ")] == [
        "## Example CPU (2 cores, virtual machine), example-cpu-2c-752de294",
        "## Example CPU (2 cores, virtual machine), other-cpu-4c-00000000",
        "## The machines",
        "## 1. first.json",
        "## 2. second.json",
    ]
    assert "Speed-up" not in page
    assert "**5.00**" not in page


def test_a_file_that_is_given_twice_is_not_merged_into_itself():
    page = markdown([("first.json", [EAGER]), ("first.json", [FAST])])
    assert "2 campaigns from 1 file and one machine" in page
    assert "Speed-up" not in page


def test_records_of_two_seeds_in_one_file_are_two_chapters():
    page = markdown([("first.json", [EAGER, replace(FAST, seed=8)])])
    assert [line for line in page.splitlines() if line.startswith("## ")] == ["## 1. first.json", "## 2. first.json"]


@pytest.mark.parametrize(
    ("hostile", "plain"),
    [
        ("a | b", r"a \| b"),
        ("a \\| b", r"a \\\| b"),
        ("one\ntwo\r\nthree\tfour", "one two three four"),
        ("<img src=x onerror=alert(1)>", r"\<img src=x onerror=alert(1)\>"),
        ("`code` *bold* ~~gone~~", r"\`code\` \*bold\* \~\~gone\~\~"),
        ("![x](javascript:alert(1))", r"\!\[x\](javascript:alert(1))"),
        ("&lt;b&gt; $x$ # head", r"\&lt;b\&gt; \$x\$ \# head"),
        ("_slanted_ but torch_compile_freezing", r"\_slanted\_ but torch_compile_freezing"),
        ("\u202eright to left\u0000\u001b[31m", r"right to left \[31m"),
        ("x" * 600, "x" * 160 + " … " + "x" * 337),
        (None, "None"),
    ],
)
def test_a_text_from_a_file_is_shown_and_never_obeyed(hostile, plain):
    assert cells.escape(hostile) == plain


HOSTILE = "|\n# Fine\n<script>x</script> [a](http://b) `c` **d**"
TAMED = r"\| \# Fine \<script\>x\</script\> \[a\](http://b) \`c\` \*\*d\*\*"


def test_a_hostile_reason_stays_in_its_cell():
    page = markdown([("first.json", [recorded("openvino", status="failed", reason=HOSTILE)])])
    assert section(page, "Did not run, or came out wrong").splitlines()[-1].endswith(f" | failed   | {TAMED} |")


def test_a_hostile_precision_of_layers_is_plain_words():
    page = markdown([("first.json", [EAGER, with_layers(FAST, "int8", **{HOSTILE: 53})])])
    assert f"layers: 0 of 53 int8, 53 {TAMED}" in section(page, "The doubts of each row")
    assert f"0 of 53 int8, 53 {TAMED}." in section(page, "What to doubt")
    assert "<script>" not in page


def test_a_markdown_parser_sees_only_plain_text_in_what_was_hostile():
    page = markdown([("first.json", [recorded("openvino", status="failed", reason=HOSTILE + " _x_ ~~y~~ &lt;")])])
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(page)
    (cell,) = [token for token in tokens if token.type == "inline" and "Fine" in token.content]
    assert {child.type for child in cell.children or ()} <= {"text", "text_special"}
    shown = "".join(child.content for child in cell.children or ())
    assert shown == "| # Fine <script>x</script> [a](http://b) `c` **d** _x_ ~~y~~ &lt;"


@pytest.mark.parametrize("key", ["cpu_model", "kernel", "os", "python", "commit", "governor", "fingerprint", "smt"])
def test_a_hostile_fact_of_the_machine_stays_in_its_line(key):
    page = markdown([("first.json", [recorded("openvino", 1.0, machine=machine_with(**{key: HOSTILE}))])])
    assert TAMED in section(page, "The machine")
    assert "<script>" not in page


@pytest.mark.parametrize("key", ["libraries", "cpu_flags"])
@pytest.mark.parametrize("value", [None, 5, "text", [], {}])
def test_a_fact_of_the_wrong_kind_does_not_stop_the_report(key, value):
    page = markdown([("first.json", [recorded("openvino", 1.0, machine=machine_with(**{key: value}))])])
    assert "## Latency, ms" in page


def test_hostile_libraries_settings_devices_and_file_names_are_plain_words():
    library = recorded("openvino", 1.0, machine=machine_with(libraries={HOSTILE: HOSTILE}), device="_a_")
    samples = replace(library.processes[0].samples, settings={HOSTILE: HOSTILE})
    settings = replace(library, processes=(replace(library.processes[0], samples=samples),))
    page = markdown([(HOSTILE, [settings]), (HOSTILE, [settings])])
    assert f"- Libraries: {TAMED} {TAMED}" in page
    assert rf"- openvino, 1 thread, \_a\_, fp32: {TAMED} {TAMED}" in page
    assert f"## 1. {TAMED}" in page
    assert r"**mobilenet_v2_1.0_224, batch 1, 1 thread, \_a\_, fp32**" in page
    assert "<script>" not in page


def test_a_page_without_facts_of_the_machine_still_says_so():
    page = markdown([("first.json", [recorded("openvino", 1.0, machine=Machine())])])
    assert section(page, "The machine").startswith("- CPU: unknown (family/model unknown, stepping unknown)")


HEADER = (
    "case,variant,network,width,resolution,classes,channels,batch,backend,device,precision,threads,streams,status,reason,madds,madds_m,params,"
    "published_top1,published_pixel1_ms,latency_ms,latency_low_ms,latency_high_ms,latency_interval,p90_ms,p99_ms,p99_9_ms,min_ms,"
    "throughput_images_per_s,throughput_low_images_per_s,throughput_high_images_per_s,cpu_ms_per_image,gmadds_per_s,speedup_over_eager,speedup_over_fp32,speedup_over_eager_fp32,threads_used,kept_share,cpu_mj_per_image,flags,processes,allocation,iterations,"
    "export_s,open_s,cold_open_s,first_ms,import_s,wall_s,opening_s,warmup_s,rounds_s,floor_rss_mb,loaded_rss_mb,first_rss_mb,peak_rss_mb,interpreter_rss_mb,"
    "artifact_mb,weights_mb,activation_peak_mb,output_error,layers,tested_top1,tested_agreement,tested_images,kind,contract,gpu_ms,gpu_low_ms,gpu_high_ms,enqueue_ms,"
    "end_to_end_ms,cuda_graph,l2,trt_level,torch_allocated_mb,torch_reserved_mb,engine_weights_mb,"
    "engine_activations_mb,gpu_process_mb,gpu_device_delta_mb,power_w,mj_per_image,sm_mhz_low,sm_mhz_high,gpu_name,"
    "gpu_uuid,verified_on,instructions,instructions_per_madd,counts_repeat,"
    "told_ms,told_by,delegated,target,mask,thermal,fingerprint,cpu_model,runtime_version,commit,seed,weights,saved_at,source"
)


def written(sources) -> str:
    """The CSV with every column."""
    return table_text(sources, all_columns=True)


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_has_one_row_per_case_and_all_columns():
    lines = written([("first.json", CAMPAIGN)]).splitlines()
    assert lines[0] == HEADER
    assert lines[2] == (
        "mobilenet_v2_1.0_224-b1-onnxruntime-cpu-fp32-t1,mobilenet_v2_1.0_224,mobilenet_v2,1,224,1000,3,1,onnxruntime,cpu,fp32,1,1,ok,,300774272,"
        "300.774,3504872,71.8,73.8,6.13,6.04668,6.22109,t,6.17,,,6.1,163.132,160.743,165.38,6.13,49.0659,3.29527,1,3.29527,1,1,,,3,,240,3.5,1.5,,30,0.25,3,5.25,,1.472,"
        "50,64,72,80,14,14,14.0195,6.02112,2e-06,,,,,host-measured,"
        "wall: one call by the clock of the machine that it runs on,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,example-cpu-2c-752de294,Example CPU,,0123abc+,7,seed 0,,first.json"
    )
    assert len(lines) == 1 + len(CAMPAIGN)


def test_a_column_that_is_empty_in_every_row_is_left_out_unless_all_are_wanted():
    short, whole = read(table_text([("first.json", CAMPAIGN)])), read(written([("first.json", CAMPAIGN)]))
    assert set(whole[0]) - set(short[0]) >= {"p99_ms", "cold_open_s", "gpu_ms", "instructions", "saved_at"}
    assert {name for row in whole for name, cell in row.items() if cell} == set(short[0])
    assert [list(row.values()) for row in short] == [[row[name] for name in short[0]] for row in whole]
    assert [*short[0]][:2] == ["case", "variant"]
    assert [*short[0]][-1] == "source"


def test_a_row_says_when_its_file_was_saved_and_on_which_version_it_ran():
    processes = [
        replace(process, samples=replace(process.samples, libraries={"onnxruntime": "1.32.0"}))
        for process in FAST.processes
    ]
    saved_at = datetime(2026, 11, 26, 18, 30, tzinfo=timezone(timedelta(hours=2)))
    both = [EAGER, replace(FAST, processes=tuple(processes))]
    rows = tidy([("first.json", both)], {"first.json": saved_at})
    assert list(rows["saved_at"]) == ["2026-11-26T16:30:00+00:00"] * 2
    assert list(rows["runtime_version"].fillna("")) == ["", "onnxruntime 1.32.0"]
    assert list(rows["variant"]) == ["mobilenet_v2_1.0_224"] * 2


def test_a_case_that_did_not_run_has_a_row_with_its_reason_and_no_numbers():
    (row,) = [r for r in read(written([("first.json", CAMPAIGN)])) if r["status"] == "unavailable"]
    assert row["reason"] == "no C++ compiler: apt install g++"
    assert row["madds"] == "300774272"
    assert {row[c] for c in row if c.startswith("latency_") or c.endswith("_rss_mb")} == {""}


def test_a_wrong_case_has_its_numbers_and_no_speed_up():
    (row,) = [r for r in read(written([("first.json", CAMPAIGN)])) if r["status"] == "wrong"]
    assert (row["latency_ms"], row["gmadds_per_s"], row["speedup_over_eager"]) == ("3", "100.258", "")


def test_what_is_published_of_the_reference_is_not_claimed_of_another_network():
    article = replace(FAST, case=replace(FAST.case, network="mobilenet_v2_article"))
    other = replace(FAST, case=replace(FAST.case, width=1.4, resolution=96))
    assert [values(e)["published_pixel1_ms"] for e in evaluations([FAST, article, other])] == [73.8, None, None]


def test_the_activation_peak_is_of_the_whole_batch():
    (evaluation,) = evaluations([recorded("onnxruntime", 9.0, batch=8)])
    assert values(evaluation)["activation_peak_mb"] == pytest.approx(8 * 6.02112)


def test_flags_are_one_cell():
    (row,) = read(written([("first.json", [recorded("onnxruntime", 4.0, threads=2, used=1.0)])]))
    assert row["flags"].startswith("threads: used 1.0 of 2; oversubscribed: 2 threads share 1.5 cores of its cgroup ")


@pytest.mark.parametrize("formula", ["=HYPERLINK(1)", "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1", " =1"])
def test_a_spreadsheet_computes_nothing_that_a_reason_says(formula):
    (row,) = read(written([("first.json", [recorded("openvino", status="failed", reason=formula)])]))
    assert row["reason"] == f"'{formula.strip()}"


def test_a_reason_of_several_lines_commas_and_quotes_is_one_cell_on_one_line():
    reason = 'said "no", twice\r=1+1\nand again'
    text = written([("first.json", [recorded("openvino", status="failed", reason=reason)])])
    assert len(text.splitlines()) == 2
    assert read(text)[0]["reason"] == 'said "no", twice =1+1 and again'


def test_a_speed_up_is_never_over_another_files_eager():
    both = tidy([("first.json", [EAGER]), ("second.json", [FAST])])
    assert list(both["source"]) == ["first.json", "second.json"]
    assert list(both["speedup_over_eager"].isna()) == [False, True]


def test_the_tidy_table_has_numbers_as_numbers():
    table = tidy([("first.json", CAMPAIGN)])
    assert list(table.columns) == HEADER.split(",") == [column.name for column in COLUMNS]
    assert table["latency_ms"].dtype == table["p99_ms"].astype(float).dtype == float
    assert table["madds"].dtype == int


def test_nothing_at_all_is_a_table_of_columns_only():
    assert written([]) == HEADER + "\n"


def test_columns_of_backends_begin_with_the_fastest_and_end_with_those_without_a_number():
    rows = evaluations([ABSENT, EAGER, FAST])
    assert Ranking({row.case for row in rows}).backends(rows) == ["onnxruntime", "torch_eager", "torch_compile"]


def test_where_no_row_may_be_compared_the_columns_are_in_the_order_of_names_and_nothing_is_the_fastest():
    rows = evaluations([FAST, EAGER, ABSENT])
    assert Ranking(set()).backends(rows) == ["onnxruntime", "torch_compile", "torch_eager"]
    assert Ranking(set()).fastest(rows) == set()


# accuracy


def with_accuracy(measured: Record, right: int, agreeing: int, images: int = 597, of: str = "digits") -> Record:
    """The record with the accuracy of its backend, where eager fp32 gets 580 of 597 digits right."""
    reference = 580 if images == 597 else images - 1
    return replace(measured, accuracy=Accuracy("ok", "", 1.0, of, 597, images, right, agreeing, reference))


def test_the_accuracy_of_each_backend_stands_beside_the_published_one_and_not_in_its_column():
    eager, fast = with_accuracy(EAGER, 580, 597), with_accuracy(FAST, 579, 596)
    failed = replace(SMALL, accuracy=Accuracy("failed", "worker ended by SIGSEGV"))
    text = section(markdown([("first.json", [eager, fast, ABSENT, failed])]), "Top-1 on labelled images, %")
    assert text.startswith("What each backend got right of 597 digits, and in brackets on how many of them it agrees ")
    assert text.endswith("""\
**mobilenet_v2, batch 1, 1 thread, cpu, fp32**

| variant   |   onnxruntime |
|:----------|--------------:|
| 1.0@224   |   97.0 (99.8) |
| 0.35@96   |        failed |

| variant   |   torch_eager |   torch_compile |
|:----------|--------------:|----------------:|
| 1.0@224   |  97.2 (100.0) |     unavailable |""")


def test_an_accuracy_has_columns_of_its_own():
    some = with_accuracy(FAST, 60, 62, images=64)
    rows = read(written([("first.json", [with_accuracy(EAGER, 580, 597), some, SMALL])]))
    assert [
        (row["published_top1"], row["tested_top1"], row["tested_agreement"], row["tested_images"]) for row in rows
    ] == [
        ("71.8", "97.1524", "100", "597 digits"),
        ("71.8", "93.75", "96.875", "64 of 597 digits"),
        ("45.5", "", "", ""),
    ]


def test_a_row_that_loses_more_than_a_point_says_so_in_words():
    lost = with_accuracy(FAST, 566, 570)  # 14 of 597
    (evaluation,) = evaluations([lost])
    assert evaluation.flags == ("accuracy: loses 2.3 points, 94.8 % of 597 digits right, where eager fp32 gets 97.2 %",)
    page = markdown([("first.json", [with_accuracy(EAGER, 580, 597), lost])])
    assert "94.8 (95.5) ▼" in page
    assert evaluations([with_accuracy(FAST, 575, 580)])[0].flags == ()  # 0.8 points


def test_a_row_that_could_not_be_tested_says_why():
    (evaluation,) = evaluations([replace(FAST, accuracy=Accuracy("timeout", "no result after 300 s: killed"))])
    assert evaluation.flags == ("accuracy: not tested (timeout: no result after 300 s: killed)",)


def test_a_campaign_without_accuracies_has_no_section_of_them():
    assert "labelled images, %" not in markdown([("first.json", CAMPAIGN)])
