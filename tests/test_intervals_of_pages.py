"""Which interval a page shows of few processes, and what never takes a spread from other cases."""

import math
import sys
from subprocess import run

import pytest
from measured_cases import MONDAY, evaluated, measured

from mnv2bench.comparison import markdown
from mnv2bench.comparison.chapters import chapters
from mnv2bench.comparison.page import page
from mnv2bench.comparison.tidy import row
from mnv2bench.recommendation import answers
from mnv2bench.recommendation.as_json import as_json
from mnv2bench.recommendation.block import answer_block
from mnv2bench.recommendation.machines import by_machine
from mnv2bench.records import Plan, replace
from mnv2bench.records.blocks import BlockLine, Reason
from mnv2bench.regression.judging.change import changes
from mnv2bench.statistics.floor import Floor
from mnv2bench.statistics.intervals import shrunk_t_interval, t_interval
from mnv2bench.statistics.latency import latency

GRID = ("0.35@96", "0.5@96", "0.75@96", "1.0@96", "1.0@224")


def campaign(*gaps, backend="openvino"):
    """A case of two processes for each gap between them, a part."""
    return [
        measured(2.0, 2.0 * (1 + gap), variant=variant, backend=backend)
        for variant, gap in zip(GRID, gaps, strict=False)
    ]


ALIKE = campaign(0.010, 0.012, 0.014, 0.011, 0.013)


def test_two_processes_have_the_spread_that_the_other_cases_of_their_campaign_show():
    (first, *_) = evaluated(*ALIKE)
    plain = latency(first.record)
    assert (plain.method, first.latency.method) == ("t", "shrunk t")
    assert (plain.low_s, plain.high_s) == pytest.approx(tuple(x / 1e3 for x in t_interval((2.0, 2.02))))
    assert first.spread.sd == pytest.approx(0.018, abs=0.01)
    low, high = shrunk_t_interval((2.0, 2.02), first.spread)
    assert (first.latency.low_s, first.latency.high_s) == pytest.approx((low / 1e3, high / 1e3))
    assert math.log(plain.high_s / plain.low_s) == pytest.approx(0.1264, abs=1e-4)  # +-6.3 %: 12.7 standard errors
    assert 0.02 < math.log(first.latency.high_s / first.latency.low_s) < 0.07


def test_what_is_not_of_the_interval_stays_to_the_last_digit():
    for alone, beside in ((latency(e.record), e.latency) for e in evaluated(*ALIKE)):
        assert alone.median_s == beside.median_s
        assert alone.process_medians == beside.process_medians
        assert (alone.p90_s, alone.min_s, alone.iterations) == (beside.p90_s, beside.min_s, beside.iterations)


def test_too_few_cases_show_no_spread_and_plain_t_stays():
    (first, second) = evaluated(*ALIKE[:2])
    assert first.spread is None
    assert first.latency == latency(first.record)
    assert second.latency.method == "t"


def test_the_a_a_floor_of_the_machine_shows_a_spread_too():
    checked = {f"mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t{threads}": 1.0 for threads in (1, 2)}
    floor = Floor(MONDAY, 5, {"openvino": 0.01}, {}, 0.0, 20, checked, {})
    (first, *_) = evaluated(*ALIKE[:2], floor=floor)
    assert first.latency.method == "shrunk t"


def test_from_15_processes_on_the_bootstrap_is_left_alone():
    many = [measured(*[2.0 + n / 100 for n in range(15)], variant=variant) for variant in GRID]
    for evaluation in evaluated(*many):
        assert evaluation.latency == latency(evaluation.record)
        assert evaluation.latency.method == "bootstrap"


def test_cases_of_another_device_or_campaign_show_nothing():
    here = measured(2.0, 2.2, 2.1, backend="litert", variant="0.35@96")
    (*_, last) = evaluated(*ALIKE, here)  # another plan: three processes
    assert last.spread is None


def test_the_legend_of_a_page_names_the_methods_that_occur():
    shrunk = (
        "Student t on the log scale, with the spread of its processes shrunk towards that of the campaign's other cases"
    )
    plain = "Student t on the log scale, with the spread of its own processes"

    def legend(*records):
        return markdown([("a.json", list(records))]).partition("In brackets its 95 % interval over processes: ")[2]

    assert legend(*ALIKE).startswith(f"{shrunk}.\n")
    assert legend(*ALIKE[:2]).startswith(f"{plain}.\n")
    assert legend(measured(2.0)).startswith("none for one process alone.\n")


def test_the_csv_and_the_json_name_the_method_of_each_row():
    first, *_ = shrunk = evaluated(*ALIKE)
    assert row(first)["latency_interval"] == "shrunk t"
    assert [row(e)["latency_interval"] for e in evaluated(measured(2.0), measured(2.0, 2.1))] == [None, "t"]
    (machine,) = as_json(by_machine(shrunk))["machines"]
    assert machine["answers"][0]["best"]["interval"] == "shrunk t"


def test_a_terminal_names_the_method_where_it_is_not_plain():
    about = "- Intervals are Student's t, shrunk towards the spread of other cases."
    (shrunk,), (plain,) = answers(evaluated(*ALIKE)), answers(evaluated(*ALIKE[:2]))
    assert about in answer_block(shrunk, 120)
    assert "shrunk" not in answer_block(plain, 120)


def test_compare_takes_no_spread_from_other_cases():
    before, after = measured(2.0, 2.02, 2.01), measured(2.1, 2.12, 2.13)
    others = [measured(2.0, 2.3, 1.8, variant=variant) for variant in GRID[:4]]
    (alone,) = changes([before], [after])
    (beside, *_) = changes([before, *others], [after, *others])
    assert (alone.ratio, alone.low, alone.high) == (beside.ratio, beside.low, beside.high)
    assert (alone.low, alone.high) == pytest.approx((1.0376, 1.0688), abs=1e-4)


def test_nothing_that_judges_a_night_knows_of_spreads():
    judging = "import mnv2bench.regression.judging.change, mnv2bench.regression.gate.gate, sys; print(*sys.modules)"
    loaded = run([sys.executable, "-c", judging], capture_output=True, text=True, check=True).stdout.split()
    assert "mnv2bench.regression.judging.change" in loaded
    assert "mnv2bench.statistics.spread" not in loaded


def test_one_process_whose_spread_others_show_can_be_chosen_by():
    single = replace(measured(3.0, variant="1.0@192"), plan=ALIKE[0].plan)
    (an_answer,) = answers(evaluated(*ALIKE, single))
    assert an_answer.usability.left_out == {}
    (candidate,) = [each for each in an_answer.candidates if each.variant == "1.0@192"]
    spread = candidate.evaluation.spread  # 2.5706 is Student's t of 5 degrees of freedom
    assert spread.degrees == 5
    assert math.log(candidate.interval_ms[1] / 3.0) == pytest.approx(2.5706 * spread.sd, rel=1e-3)


# Contests, and what a time budget was spent on


BUDGETED = Plan(processes=5, budget_s=600.0)


def in_budget(*ms, **facts):
    """The record of a case in a campaign with a time budget, which gave it so many of five processes."""
    return replace(measured(*ms, **facts), plan=BUDGETED)


RACE = (
    in_budget(2.00, 2.01, 2.02, 2.00, 2.01),
    in_budget(2.10, 2.11, 2.12, 2.10, 2.11, backend="litert"),
    in_budget(4.0, 4.1, backend="ncnn"),
    in_budget(1.00, 1.02, 1.01, 1.00, variant="0.35@96"),
    in_budget(1.00, 1.02, 1.01, 1.01, variant="0.35@96", backend="litert"),
)


def test_the_fastest_of_each_variant_stands_with_its_confidence_and_what_it_cannot_be_told_from():
    text = markdown([("a.json", list(RACE))])
    body = text.partition("<summary>The fastest of each variant</summary>")[2].partition("</details>")[0]
    assert "Of 2 variants: 1 separated, 1 open." in body
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in body.splitlines() if line.startswith("| ")]
    assert [row[:2] + row[3:] for row in rows[1:]] == [
        ["1.0@224", "openvino fp32", "over 99 %", "separated"],
        ["0.35@96", "openvino fp32", "under 50 %", "open: litert fp32"],
    ]


def test_a_faster_case_that_is_too_noisy_to_be_compared_is_named_beside_the_fastest():
    text = markdown([("a.json", [*RACE, in_budget(1.5, 1.5, 1.5, backend="onnxruntime", noisy=True)])])
    body = text.partition("<summary>The fastest of each variant</summary>")[2].partition("</details>")[0]
    assert "| separated; faster, but left out: onnxruntime fp32 |" in body


def test_a_case_that_lost_before_it_had_all_processes_of_its_plan_says_so():
    text = markdown([("a.json", list(RACE))])
    spent = text.partition("<summary>Where the time went</summary>")[2].partition("</details>")[0]
    assert "- lost: 2 processes: mobilenet_v2_1.0_224-b1-ncnn-cpu-fp32-t1" in spent
    whole = [replace(record, plan=replace(record.plan, budget_s=0.0)) for record in RACE]
    assert "- lost:" not in markdown([("a.json", whole)])


def test_the_page_and_the_csv_say_why_processes_were_measured():
    first = in_budget(2.00, 2.01, 2.02)
    second = in_budget(2.10, 2.11, backend="litert")
    positions = {first.case: (0, 2, 4), second.case: (1, 3)}
    records = [
        replace(
            record,
            processes=tuple(
                replace(process, position=position)
                for process, position in zip(record.processes, positions[record.case], strict=True)
            ),
        )
        for record in (first, second)
    ]
    both = {record.case.id: Reason.FIRST for record in records}
    third = {first.case.id: Reason.FRONT}
    blocks = [BlockLine(0, 0, 0.0, both), BlockLine(1, 2, 9.0, both), BlockLine(2, 4, 18.0, third)]
    (chapter,) = chapters([("a.json", records)], blocks={"a.json": blocks})
    assert [row(evaluation)["allocation"] for evaluation in chapter.evaluations] == ["2 first, 1 front", "2 first"]
    spent = page([chapter]).partition("<summary>Where the time went</summary>")[2].partition("</details>")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in spent.splitlines() if line.startswith("| ")]
    assert rows[-3:] == [["reason", "processes", "wall s"], ["first", "4", "40.0"], ["front", "1", "10.0"]]
