"""The Markdown page of a report: its first screen, what it folds, the files beside it, and how wide it is on GitHub."""

import html
import json
import re
import shutil
import xml.etree.ElementTree as xml
from pathlib import Path
from urllib.parse import unquote

import browser as browsers
import pytest
from markdown_it import MarkdownIt
from test_report import CAMPAIGN, EAGER, FAST, HOSTILE, TAMED, machine_with, recorded, section

from mnv2bench.comparison import chapters, doubts, markdown
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.comparison.page import page
from mnv2bench.comparison.reports import reports_of
from mnv2bench.records import replace
from mnv2bench.records.rounds import Round

FROZEN = Path(__file__).parent / "frozen"
PUBLISHED = next((Path(__file__).parents[1] / "results").glob("intel-*-2c-*/*/0001_published.json"))
STYLE = """
body { margin: 0; font: 16px/1.5 "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif }
article { box-sizing: border-box; width: 1012px; padding: 32px; border: 1px solid }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-collapse: collapse }
th, td { padding: 6px 13px; border: 1px solid }
"""  # of a file on GitHub, as far as it decides about widths


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The page of the published grid, as the verb writes it beside its file; the name is no address."""
    saved = tmp_path_factory.mktemp("published") / "run #1, 100% done.json"
    shutil.copy(PUBLISHED, saved)
    assert _report(saved) == 0
    return saved.with_suffix(".md")


def _report(*words):
    """The exit code of `mnv2bench report`, run in this process."""
    from typer.testing import CliRunner

    from mnv2bench.cli import app

    return CliRunner().invoke(app, ["report", *map(str, words)], catch_exceptions=False).exit_code


def noisy(backend, *medians_ms, **facts):
    """A case of which other programs disturbed every round: they took half of its time."""
    steady = recorded(backend, *medians_ms, **facts)
    processes = []
    for process in steady.processes:
        rounds = [
            Round(r.durations_ns, r.wall_ns, r.cpu_ns // 2, run_queue_ns=r.wall_ns // 2) for r in process.samples.rounds
        ]
        processes.append(replace(process, samples=replace(process.samples, rounds=tuple(rounds))))
    return replace(steady, processes=tuple(processes))


# the first screen


def test_the_first_lines_are_the_machine_how_far_its_rows_can_be_used_and_what_to_ship(published):
    lines = published.read_text().splitlines()
    assert lines[0] == "# MobileNetV2 on Intel(R) Xeon(R) Processor (2 cores, virtual machine), 2026-11-24"
    assert lines[2] == (
        "90 of 154 rows steady; left out: 6 noisy. 22 variants x 7 runtimes x 1 precision, one thread, batch 1."
    )
    assert lines[4] == (
        "**Within 5 ms, ship mobilenet_v2_1.0_192 on openvino in fp32: 3.90 (3.80–3.97) ms, top-1 70.7 % (published).**"
    )
    assert lines[6].startswith("| budget   | variant   | runtime, precision   |           ms (95 %) |")
    assert lines[9] == (
        "| 5 ms     | 1.0@192   | openvino fp32        |    3.90 (3.80–3.97) |     4.15 |      257.2 |"
        "      70.7 |     147.8 |"
    )


def test_the_picture_lies_beside_the_page_for_light_and_for_dark_screens(published):
    links = re.search(
        r'<picture><source media="\(prefers-color-scheme: dark\)" srcset="(.+?)"><img .*? src="(.+?)">',
        published.read_text(),
    )
    dark, light = (published.parent / unquote(html.unescape(link)) for link in links.groups())
    assert (dark.name, light.name) == ("run #1, 100% done.answer-dark.svg", "run #1, 100% done.answer.svg")
    for picture in (dark, light):
        assert xml.parse(picture).getroot().tag.endswith("svg")
    assert light.read_text() != dark.read_text()


def test_a_page_without_a_folder_says_why_it_has_no_picture(published):
    text = page(chapters([("first.json", CAMPAIGN)]))
    assert "<picture>" not in text
    assert _report(published.with_suffix(".json"), "--markdown", "/dev/null", "--csv", "/dev/null") == 0


def test_every_file_of_a_report_is_one_that_a_report_may_write_again(published):
    assert _report(published.with_suffix(".json")) == 0
    assert reports_of(published.with_suffix(".json")) == (published,)


def test_somebody_elses_picture_is_not_written_over(tmp_path):
    from typer.testing import CliRunner

    from mnv2bench.cli import app

    shutil.copy(PUBLISHED, tmp_path / "run.json")
    (tmp_path / "run.answer.svg").write_text("<svg>mine</svg>\n")
    ran = CliRunner().invoke(app, ["report", str(tmp_path / "run.json")])
    assert "run.answer.svg was not written as a picture of an answer" in str(ran.exception)
    assert not (tmp_path / "run.md").exists()
    assert (tmp_path / "run.answer.svg").read_text() == "<svg>mine</svg>\n"


def test_where_most_rows_are_noisy_nothing_is_ranked_and_nothing_is_concluded():
    rows = [noisy("torch_eager", 20, 20, 20), noisy("onnxruntime", 6, 6, 6), noisy("openvino", 5, 5, 5)]
    more = [noisy(b, ms, ms, ms, width=0.5) for b, ms in (("torch_eager", 9), ("onnxruntime", 3))]
    more += [noisy(b, ms, ms, ms, width=0.35) for b, ms in (("torch_eager", 7), ("onnxruntime", 2))]
    text = page(chapters([("first.json", [*rows, *more])]), {"first.json": ["busy: load 12.0"]})
    assert text.splitlines()[2] == "**DO NOT USE: 7 of 7 rows noisy, busy: load 12.0.**"
    assert "\n- Measure again while nothing else runs: --wait waits for that.\n" in text
    assert not re.search(r"\*\*[\d.]+\*\*", text)
    assert "| variant   |   top-1 % |   onnxruntime |   openvino |".replace("   ", " ") in re.sub(" +", " ", text)
    for title in ("Speed-up over torch_eager", "Do MAdds predict latency?"):
        assert section(text, title).endswith(
            "Left out: most of these rows cannot be used, as the first lines of this page say."
        )
    assert "fastest" not in section(text, "How to read this").lower()


def test_what_was_unusual_about_the_machine_stands_below_a_usable_answer():
    text = page(chapters([("first.json", CAMPAIGN)]), {"first.json": ["on battery"]})
    assert "\nThe machine meanwhile: on battery.\n" in text


def test_two_machines_stand_side_by_side_with_an_answer_each(tmp_path):
    there = replace(FAST, machine=machine_with(fingerprint="other-cpu-4c-00000000", cpu_model="Other CPU"))
    text = markdown([("first.json", [EAGER, FAST]), ("second.json", [there])])
    assert text.splitlines()[0] == "# MobileNetV2 on 2 machines"
    first = text.index("## Example CPU (2 cores, virtual machine), example-cpu-2c-")
    second = text.index("## Other CPU (2 cores, virtual machine), other-cpu-4c-00000000\n")
    assert first < second < text.index("## 1. first.json")
    assert text.count("**Within 10 ms, ship mobilenet_v2_1.0_224 on onnxruntime in fp32: 6.13 (6.05–6.22) ms") == 2


def test_several_files_of_one_machine_have_one_answer_and_a_chapter_each():
    text = markdown([("first.json", [EAGER]), ("second.json", [FAST])])
    assert text.count("**Within") == 1
    assert "| 10 ms    | 1.0@224   | onnxruntime fp32     |" in text
    assert "second.json" in text.partition("This page holds")[0]
    assert [line for line in text.splitlines() if line.startswith("## ")] == ["## 1. first.json", "## 2. second.json"]


def test_other_settings_than_the_first_are_folded():
    text = markdown([("first.json", [FAST, recorded("onnxruntime", 40.0, 40.1, 40.2, batch=8)])])
    summary = "<summary>Other batches, numbers of threads and streams, and devices</summary>"
    folded = text.partition(summary)[2].partition("</details>")[0]
    assert "**one thread, batch 8**" in folded
    assert "ship mobilenet_v2_1.0_224 on onnxruntime in fp32: 40.10" in folded


def test_the_texts_of_a_hostile_file_are_plain_words_on_the_first_screen():
    record = replace(FAST, machine=machine_with(cpu_model=HOSTILE))
    text = page(chapters([(HOSTILE, [record])]), {HOSTILE: [HOSTILE]})
    assert text.startswith(f"# MobileNetV2 on {TAMED} (2 cores, virtual machine)\n")
    assert f"The machine meanwhile: {TAMED}." in text
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    raw = [token.content for token in tokens if token.type.startswith("html")]
    assert set(re.findall(r"<(\w+)", "".join(raw))) <= {"details", "summary", "picture", "source", "img"}
    assert not [child for token in tokens for child in token.children or () if child.type == "link_open"]


# tables


def test_no_table_has_more_than_five_runtimes_and_those_of_pytorch_stand_apart(published):
    text = section(published.read_text(), "Latency, ms")
    headers = [line for line in text.splitlines() if line.startswith("| variant")]
    runtimes = [[cell.strip() for cell in header.strip("|").split("|")][2:] for header in headers]
    assert runtimes == [
        ["openvino", "onnxruntime"],
        ["torch_aoti", "torch_compile_freezing", "torch_script"],
        ["torch_compile", "torch_eager"],
    ]


@pytest.mark.parametrize(("count", "tables"), [(1, [1]), (5, [5]), (6, [3, 3]), (11, [4, 4, 3])])
def test_runtimes_are_spread_evenly_over_as_few_tables_as_have_room_for_them(count, tables):
    names = [f"r{number:02}" for number in range(count)]
    records = [replace(FAST, case=replace(FAST.case, backend=name)) for name in names]
    text = section(markdown([("first.json", records)]), "Throughput, images/s")
    headers = [line for line in text.splitlines() if line.startswith("| variant")]
    assert [header.count("|") - 2 for header in headers] == tables


def test_a_number_is_bold_only_where_its_interval_lies_below_all_others():
    near = recorded("openvino", 6.10, 6.20, 6.16)
    assert "**6.13**" in markdown([("first.json", [EAGER, FAST])])
    overlapping = markdown([("first.json", [EAGER, FAST, near])])
    assert "**6.13**" not in overlapping
    assert "**6.16**" not in overlapping
    assert "- **Bold**" not in section(overlapping, "How to read this")


def test_a_disturbed_number_is_not_bold_and_no_other_one_is_in_its_place():
    rows = [noisy("openvino", 3.0, 3.01, 3.02), FAST, EAGER]
    text = section(markdown([("first.json", rows)]), "Latency, ms")
    assert "3.01 (" in text
    assert "**" not in text.replace("**mobilenet_v2_1.0_224, batch 1, 1 thread, cpu, fp32**", "")


def test_only_the_marks_that_occur_are_explained():
    text = section(markdown([("first.json", [noisy("openvino", 3.0, 3.0, 3.0), FAST, EAGER])]), "How to read this")
    assert "- † (noisy) marks rows that had most rounds of a process disturbed by other programs." in text
    assert "‡" not in text
    assert "Struck out" not in text


def test_all_but_the_answer_the_latencies_and_what_went_wrong_is_folded(published):
    text = published.read_text()
    unfolded = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    assert [line for line in unfolded.splitlines() if line.startswith("#")] == [
        "# MobileNetV2 on Intel(R) Xeon(R) Processor (2 cores, virtual machine), 2026-11-24",
        "## Latency, ms",
        "## What to doubt",
    ]
    assert text.count("<details>") == text.count("</details>") == 14


def test_what_runtimes_say_of_delegates_is_folded_where_no_case_ran_elsewhere():
    process = FAST.processes[0]
    here = replace(
        FAST, processes=(replace(process, samples=replace(process.samples, settings={"delegate": "XNNPACK"})),)
    )
    assert "<summary>Mobile</summary>\n\n### Delegation" in markdown([("first.json", [here])])


# doubts


def test_doubts_are_one_sentence_for_each_kind_with_the_worst_and_every_one_is_there_once_unfolded(published):
    text = published.read_text()
    kinds = section(text, "What to doubt").splitlines()
    assert kinds[0] == (
        "- 6 of 154 rows had most rounds of a process disturbed by other programs (noisy †); the worst is "
        "mobilenet_v2_0.5_128-b1-openvino-cpu-fp32-t1: 1 of 3 processes had under half of their rounds undisturbed, "
        "the worst 17%."
    )
    assert kinds[1].startswith(
        "- 62 of 154 rows drifted within a process (unsteady ‡); the worst is mobilenet_v2_0.75_96-b1-"
    )
    each = section(text, "The doubts of each row").splitlines()
    assert len(each) == 64
    assert each[0].startswith("- mobilenet_v2_0.35_224-b1-torch_compile-cpu-fp32-t1: unsteady: 1 of 3 processes ")


def test_one_text_for_many_rows_is_said_once():
    rows = [recorded("onnxruntime", 4.0, 4.0, 4.0, threads=4, used=4.0, width=width) for width in (0.5, 1.0)]
    assert doubts.sentences(evaluations(rows)) == [
        "2 of 2 rows have more threads than there are cores for them (oversubscribed ⁑): 4 threads share 1.5 cores of "
        "its cgroup and wait for each other: ask for 1 at most."
    ]


def test_cases_that_did_not_run_for_one_reason_are_one_line():
    rows = [recorded("ncnn", status="unsupported", reason="no int8", width=width) for width in (0.35, 0.5, 1.0)]
    text = section(markdown([("first.json", [FAST, *rows])]), "Did not run, or came out wrong")
    assert text.splitlines()[2:] == [
        "| 3 cases, such as mobilenet_v2_0.35_224-b1-ncnn-cpu-fp32-t1 | unsupported | no int8  |"
    ]


# JSON


def test_the_rows_as_json_are_those_of_the_csv_with_numbers_as_numbers(tmp_path):
    shutil.copy(FROZEN / "schema5.jsonl", tmp_path / "run.jsonl")
    assert _report(tmp_path / "run.jsonl", "--json", tmp_path / "rows.json") in (0, 1)
    rows = json.loads((tmp_path / "rows.json").read_text())
    header, *lines = (tmp_path / "run.csv").read_text().splitlines()
    assert list(rows[0]) == header.split(",")
    assert len(rows) == len(lines)
    assert {type(row["madds"]) for row in rows} == {int}
    assert {row["source"] for row in rows} == {"run.jsonl"}
    assert _report(tmp_path / "run.jsonl", "--json", tmp_path / "rows.json", "--all-columns") in (0, 1)
    assert "instructions" in json.loads((tmp_path / "rows.json").read_text())[0]


@pytest.mark.parametrize("content", ["[\n1\n]\n", '[\n{"case":"x"}\n]\n', '{"case": 1}\n', "[]"])
def test_somebody_elses_json_is_not_written_over(tmp_path, content):
    from typer.testing import CliRunner

    from mnv2bench.cli import app

    shutil.copy(FROZEN / "schema1.jsonl", tmp_path / "run.jsonl")
    (tmp_path / "rows.json").write_text(content)
    ran = CliRunner().invoke(app, ["report", str(tmp_path / "run.jsonl"), "--json", str(tmp_path / "rows.json")])
    if content == "[]":
        assert ran.exit_code in (0, 1)
    else:
        assert "rows.json was not written as a report rows by mnv2bench" in str(ran.exception)
        assert (tmp_path / "rows.json").read_text() == content


# as GitHub shows it


@pytest.mark.skipif(bool(browsers.why_none()), reason=browsers.why_none() or "chromium is here")
@pytest.mark.parametrize("name", ["schema5.jsonl", "published"])
def test_no_table_is_wider_than_a_page_on_github(published, tmp_path, name):
    from playwright.sync_api import sync_playwright

    text = published.read_text() if name == "published" else ""
    if not text:
        shutil.copy(FROZEN / name, tmp_path / name)
        _report(tmp_path / name)
        text = (tmp_path / name).with_suffix(".md").read_text()
    body = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)
    shown = tmp_path / "shown.html"
    shown.write_text(f"<!doctype html><meta charset='utf-8'><style>{STYLE}</style><article>{body}</article>")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.program(), args=list(browsers.OPTIONS))
        tab = browser.new_page(viewport={"width": 1012, "height": 900})
        tab.goto(f"file://{shown}")
        tab.evaluate("document.querySelectorAll('details').forEach((folded) => (folded.open = true))")
        wide = tab.evaluate(
            "[...document.querySelectorAll('table')].filter((table) => table.scrollWidth > 1.08 * table.clientWidth)"
            ".map((table) => table.rows[0].innerText)"
        )
        browser.close()
    assert wide == []
