"""Machines side by side on the page of a report: cases down, machines across, and nothing ranked."""

import re

from markdown_it import MarkdownIt
from measured_cases import MACHINE, MONDAY, OTHER_MACHINE, TUESDAY, evaluated, measured

from mnv2bench.comparison.chapters import Chapter
from mnv2bench.comparison.page import page
from mnv2bench.comparison.side_by_side import side_by_side
from mnv2bench.comparison.web_page import web_page
from mnv2bench.recommendation import by_machine
from mnv2bench.records import Plan, Process, record, replace

HERE, THERE = "example-2c-00000001", "other-4c-00000002"
HOSTILE = "<script>alert(1)</script> | [x](http://example.org) `a` **b**"


def failed(machine, **facts):
    """The record of a case whose only process ended badly."""
    case = measured(1, machine=machine, **facts).case
    return record(case, Plan(processes=1), machine, [Process(case, 0, 0, 0, "failed", "killed", 1.0)])


def sections(*evaluations):
    """The sections of these evaluations by their titles, their cells without the spaces that align them."""
    shown = side_by_side(by_machine(evaluations), evaluations)
    return {section.title: re.sub(r" +", " ", section.body) for section in shown}


def two(there=OTHER_MACHINE):
    """A machine with two runtimes, one of which failed on the other machine, and a case that only the other has."""
    here = evaluated(measured(4, 4, 5), measured(3, 3, 3, backend="litert"), source="a.json", saved_at=MONDAY)
    records = [
        measured(1, 1, 1, machine=there),
        failed(there, backend="litert"),
        measured(9, 9, 9, machine=there, variant="1.4@224"),
    ]
    return [*here, *evaluated(*records, source="b.json", saved_at=TUESDAY)]


def test_a_line_for_each_case_and_a_column_for_each_machine_with_its_own_interval():
    text = sections(*two())["Each case on each machine: latency, ms"]
    assert text.splitlines()[0] == "**mobilenet_v2, batch 1, 1 thread, cpu, fp32**"
    assert [line.split(" | ") for line in text.splitlines()[4:]] == [
        ["| 1.4@224", "openvino", "not asked", "9.00 (9.00–9.00) |"],
        ["| 1.0@224", "litert", "3.00 (3.00–3.00)", "failed |"],
        ["| 1.0@224", "openvino", "4.00 (3.13–5.93)", "1.00 (1.00–1.00) |"],
    ]
    assert text.splitlines()[2] == f"| variant | runtime | {HERE} | {THERE} |"


def test_no_cell_is_marked_as_the_fastest_and_the_page_says_that_nothing_is_ranked():
    evaluations = two()
    _, latencies = side_by_side(by_machine(evaluations), evaluations)
    assert latencies.text.startswith("Columns are machines, each with the median of its own processes and its own 95 %")
    assert "They are not ranked" in latencies.text
    assert "**" not in latencies.body.partition("\n")[2]


def test_the_machines_are_named_with_their_files_and_the_software_that_differs():
    there = replace(OTHER_MACHINE, libraries={"openvino": "2026.5.0", "torch": "2.13.0"}, python="3.12.1")
    here = replace(MACHINE, libraries={"openvino": "2026.4.0", "torch": "2.13.0"}, python="3.11.7")
    evaluations = [
        *evaluated(measured(4, 4, 4, machine=here), source="a.json", saved_at=MONDAY),
        *evaluated(measured(1, 1, 1, machine=there), failed(there, backend="ncnn"), source="b.json"),
    ]
    (machines, _) = side_by_side(by_machine(evaluations), evaluations)
    assert machines.text == (
        "**The machines differ in software or settings**: openvino, Python. A difference between two columns may come "
        "from these."
    )
    assert [re.split(r" *\| *", line)[1:-1] for line in machines.body.splitlines()[2:]] == [
        ["machine", "Example CPU (2 cores, virtual machine)", "Other CPU (4 cores)"],
        ["files", "a.json, 2026-11-23", "b.json"],
        ["cases that are ok", "1 of 1", "1 of 2"],
        ["openvino", "2026.4.0", "2026.5.0"],
        ["Python", "3.11.7", "3.12.1"],
    ]


def test_machines_with_the_same_software_say_so():
    evaluations = two()
    assert side_by_side(by_machine(evaluations), evaluations)[0].text.startswith("The machines have the same libraries")


def test_a_table_has_five_machines_at_most():
    named = [replace(OTHER_MACHINE, fingerprint=f"m-{number}") for number in range(6)]
    evaluations = [each for there in named for each in evaluated(measured(2, 2, 2, machine=there))]
    shown = sections(*evaluations)
    latencies = [line for line in shown["Each case on each machine: latency, ms"].splitlines() if "variant" in line]
    assert latencies == ["| variant | runtime | m-0 | m-1 | m-2 |", "| variant | runtime | m-3 | m-4 | m-5 |"]
    headers = [line for line in shown["The machines"].splitlines() if line.startswith("| | m-")]
    assert headers == ["| | m-0 | m-1 | m-2 | m-3 | m-4 |", "| | m-5 |"]


def test_of_a_case_in_two_files_of_a_machine_the_larger_latency_counts():
    files = [evaluated(measured(ms, ms, ms), source=f"{ms}.json") for ms in (4, 5)]
    evaluations = [*files[1], *files[0], *evaluated(measured(1, 1, 1, machine=OTHER_MACHINE))]
    (_, latencies) = side_by_side(by_machine(evaluations), evaluations)
    assert "5.00 (5.00–5.00)" in latencies.body
    assert "4.00" not in latencies.body
    assert latencies.text.endswith("Where several files of a machine have a case, the largest latency counts.")


def test_batches_that_were_swept_stand_in_images_a_second_too():
    machines = {"a.json": MACHINE, "b.json": OTHER_MACHINE}
    evaluations = [
        each
        for source, machine in machines.items()
        for each in evaluated(*(measured(4, 4, 4, batch=b, machine=machine) for b in (1, 8)), source=source)
    ]
    rates = sections(*evaluations)["Each case on each machine: images/s"].splitlines()
    assert rates[2] == f"| variant | runtime | batch | {HERE} | {THERE} |"
    assert sorted(rates[4:]) == [
        "| 1.0@224 | openvino | 1 | 250 (250–250) | 250 (250–250) |",
        "| 1.0@224 | openvino | 8 | 2,000 (2,000–2,000) | 2,000 (2,000–2,000) |",
    ]


def test_a_page_without_room_for_every_case_has_what_the_machines_are():
    evaluations = two()
    shown = side_by_side(by_machine(evaluations), evaluations, has_cases=False)
    assert [section.title for section in shown] == ["The machines"]


def test_the_marks_of_rows_are_said_above_the_table():
    noisy = measured(4, 4, 4, noisy=True, machine=OTHER_MACHINE)
    evaluations = [*evaluated(measured(4, 4, 4)), *evaluated(noisy, source="b.json")]
    (_, latencies) = side_by_side(by_machine(evaluations), evaluations)
    assert "4.00 (4.00–4.00) †" in latencies.body
    assert "\n- † (noisy) marks rows that had most rounds of a process disturbed by other programs." in latencies.text


def test_one_machine_has_nothing_to_stand_beside():
    evaluations = evaluated(measured(4, 4, 4))
    assert side_by_side(by_machine(evaluations), evaluations) == ()


def test_both_pages_show_the_machines_and_their_cases_and_texts_of_files_stay_texts():
    there = replace(OTHER_MACHINE, cpu_model=HOSTILE, fingerprint=HOSTILE, libraries={HOSTILE: HOSTILE})
    evaluations = two(there)
    chapters = [Chapter("a.json", tuple(evaluations[:2])), Chapter(HOSTILE, tuple(evaluations[2:]))]
    text = page(chapters)
    tokens = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(text)
    raw = "".join(token.content for token in tokens if token.type.startswith("html"))
    assert set(re.findall(r"<(\w+)", raw)) <= {"details", "summary", "picture", "source", "img"}
    assert not [child for token in tokens for child in token.children or () if child.type == "link_open"]
    assert (
        text.index("## The machines\n") < text.index("<summary>Each case on each machine") < text.index("## 1. a.json")
    )
    web = web_page(chapters)
    assert "<h2>Machines side by side</h2>" in web
    assert "<script>alert" not in web
    assert "<a href" not in web
