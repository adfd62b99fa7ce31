"""Which variant, runtime and precision to ship: the front, ties, budgets, and when nobody should choose."""

import itertools
import json
import re
from pathlib import Path

import pytest
from gpu_records import steady
from hypothesis import given, settings
from hypothesis import strategies as st
from measured_cases import MONDAY, OF_USER, OTHER_MACHINE, TUESDAY, evaluated, floor, measured, right
from mobile_records import counted, on_phone, told

from mnv2bench.comparison.recommended import recommended
from mnv2bench.recommendation import Cost, Goal, answers, budget_rows, by_machine
from mnv2bench.recommendation.as_json import as_json
from mnv2bench.recommendation.block import answer_block, block
from mnv2bench.recommendation.budget_table import HEADER, cells, table
from mnv2bench.recommendation.filters import Filters
from mnv2bench.recommendation.ladder import front_rows
from mnv2bench.recommendation.remarks import remarks
from mnv2bench.recommendation.words import coverage_text, headline, usability_text
from mnv2bench.records import Weights, replace
from mnv2bench.records.reading import contents_of

FRONT = Goal()  # without a budget
ROOT = Path(__file__).parents[1]
REAL_FILES = [*sorted(ROOT.glob("results/**/*.json")), *sorted(ROOT.glob("results/**/*.jsonl")),
              *sorted(ROOT.glob("tests/frozen/*.jsonl"))]  # fmt: skip


def answer(*records, goal=FRONT, **file):
    """The only answer for these records."""
    (only,) = answers(evaluated(*records, **file), goal)
    return only


def ids(candidates):
    return [f"{candidate.variant} {candidate.case.backend}" for candidate in candidates]


def ladder(an_answer):
    return [(row.budget, row.candidate.variant, row.candidate.case.backend) for row in budget_rows(an_answer)]


# Budgets


def test_a_case_fits_a_budget_when_the_upper_end_of_its_interval_does():
    wide = measured(3.0, 4.0, 5.0)  # 3.91 in the middle, 2.06 to 7.43
    narrow = measured(4.5, 4.5, 4.5, variant="0.75@224")
    within = answer(wide, narrow, goal=Goal(latency_ms=5))
    assert within.best.variant == "0.75@224"
    assert within.nearest is None
    assert answer(wide, narrow, goal=Goal(latency_ms=7.5)).best.variant == "1.0@224"


def test_the_front_has_what_no_other_case_beats_in_accuracy_and_cost():
    front = answer(
        measured(5, 5, 5, variant="1.0@224"),
        measured(4, 4, 4, variant="1.0@224", backend="litert"),
        measured(6, 6, 6, variant="0.75@224"),  # slower than what is more accurate
        measured(1, 1, 1, variant="0.35@96"),
    ).front
    assert ids(front) == ["1.0@224 litert", "0.35@96 openvino"]


def test_budgets_are_steps_of_1_2_and_5_and_the_smallest_stands_for_all_that_have_the_same_best():
    records = (
        measured(14, 14, 14, variant="1.4@224"),  # top-1 75.0
        measured(4.2, 4.2, 4.2, variant="1.0@224"),  # 71.8
        measured(3.1, 3.1, 3.1, variant="1.0@192"),  # 70.7: within 5 ms 1.0@224 is better
        measured(0.2, 0.2, 0.2, variant="0.35@96"),
    )
    assert ladder(answer(*records)) == [
        (20.0, "1.4@224", "openvino"),
        (5.0, "1.0@224", "openvino"),
        (0.2, "0.35@96", "openvino"),
    ]
    assert ladder(answer(*records, goal=Goal(latency_ms=4))) == [
        (20.0, "1.4@224", "openvino"),
        (5.0, "1.0@224", "openvino"),
        (4.0, "1.0@192", "openvino"),
        (0.2, "0.35@96", "openvino"),
    ]
    assert ladder(answer(*records, goal=Goal(latency_ms=6)))[1] == (6.0, "1.0@224", "openvino")


def test_the_headline_is_for_the_named_budget_else_for_the_middle_of_the_table_and_says_so():
    records = (
        measured(14, 14, 14, variant="1.4@224"),
        measured(2.5, 2.6, 2.7, accuracy=right(500, agreeing=484, image_set="digits"), precision="bf16"),
        measured(0.2, 0.2, 0.2, variant="0.35@96"),
    )
    middle = answer(*records)
    assert headline(middle) == (
        "Within 5 ms, ship mobilenet_v2_1.0_224 on openvino in bf16: 2.60 (2.36–2.86) ms, top-1 71.8 % (published), "
        "96.8 % of 500 digits as in fp32."
    )
    assert remarks(middle)[0] == "No budget was named: the headline is for the middle one of 1, 2, 5, ... ms."
    assert headline(answer(*records[1:])) == headline(middle)  # of two in the middle the larger budget
    named = answer(*records, goal=Goal(latency_ms=1))
    assert headline(named).startswith("Within 1 ms, ship mobilenet_v2_0.35_96 on openvino in fp32: 0.200 ")


def test_the_runner_up_and_the_next_more_accurate_case_have_their_price():
    an_answer = answer(
        measured(2.0, 2.0, 2.0, peak_mb=120),
        measured(2.5, 2.5, 2.5, backend="litert", peak_mb=90),
        measured(9.0, 9.0, 9.0, variant="1.4@224", peak_mb=180),
        goal=Goal(latency_ms=5),
    )
    assert remarks(an_answer) == (
        "With a confidence over 99 % it is the fastest of 2 cases that are as accurate.",
        "Runner-up: mobilenet_v2_1.0_224 on litert in fp32, 2.50 (2.50–2.50) ms: +0.5 ms, the same top-1, -30.0 MB.",
        "More accurate: mobilenet_v2_1.4_224 on openvino in fp32, 9.00 (9.00–9.00) ms: +7 ms, +3.2 points of top-1, "
        "+60.0 MB.",
    )


def test_an_accuracy_without_a_budget_wants_the_least_latency_that_has_it():
    an_answer = answer(
        measured(9, 9, 9, variant="1.4@224"),
        measured(4, 4, 4),
        measured(5, 5, 5, backend="litert"),
        measured(1, 1, 1, variant="0.35@96"),
        goal=Goal(accuracy=70),
    )
    assert headline(an_answer).startswith("For a top-1 of 70 % at least, ship mobilenet_v2_1.0_224 on openvino in fp32")
    assert (ids([an_answer.best]), ids([an_answer.runner_up])) == (["1.0@224 openvino"], ["1.0@224 litert"])
    both = answer(measured(4, 4, 4), goal=Goal(accuracy=70, memory_mb=120))
    assert headline(both).startswith("Within 120 MB, for a top-1 of 70 % at least, ship ")


def test_a_budget_of_memory_alone_wants_the_most_accurate_within_it_whatever_its_latency():
    records = [measured(ms, ms, ms, variant=v) for ms, v in ((9, "1.4@224"), (4, "1.0@224"), (1, "0.35@96"))]
    big = measured(8, 8, 8, variant="1.4@224", backend="litert", peak_mb=200)
    an_answer = answer(*records, big, goal=Goal(memory_mb=150))
    assert headline(an_answer).startswith("Within 150 MB, ship mobilenet_v2_1.4_224 on openvino in fp32: 9.00 ")
    assert remarks(an_answer)[0].startswith("Runner-up: mobilenet_v2_1.0_224 on openvino in fp32, 4.00 ")


def test_where_nothing_fits_the_nearest_is_named_with_what_it_misses():
    records = measured(4, 4, 4), measured(0.5, 0.5, 0.5, variant="0.35@96", peak_mb=80)
    missed = answer(*records, goal=Goal(latency_ms=0.4, accuracy=70))
    assert (missed.best, missed.ties, missed.runner_up) == (None, (), None)
    assert missed.nearest.variant == "0.35@96"
    assert headline(missed) == (
        "Nothing fits. The nearest is mobilenet_v2_0.35_96 on openvino in fp32: 0.500 (0.500–0.500) ms, top-1 45.5 % "
        "(published). Missed: 0.500 ms for a budget of 0.4 ms, top-1 45.5 % where 70 % are the least."
    )


def test_memory_is_the_largest_peak_of_any_process():
    records = (
        measured(2, 2, 2, peak_mb=(90, 90, 101)),
        measured(9, 9, 9, variant="0.75@224", peak_mb=80),
    )
    assert answer(*records, goal=Goal(memory_mb=100)).best.variant == "0.75@224"
    by_memory = answer(*records, goal=Goal(memory_mb=101, cost=Cost.MEMORY))
    assert headline(by_memory) == (
        "Within 101 MB, ship mobilenet_v2_1.0_224 on openvino in fp32: 2.00 (2.00–2.00) ms, peak 101.0 MB at most, "
        "top-1 71.8 % (published)."
    )
    assert ladder(by_memory) == [(101.0, "1.0@224", "openvino"), (100.0, "0.75@224", "openvino")]


def test_a_budget_of_the_99th_percentile_is_for_its_upper_bound():
    steady = measured(4, 4, 4, calls=100)
    stalling = measured(3, 3, 3, calls=100, slowest_ms=12, backend="litert")
    goal = Goal(latency_ms=5, percentile=99)
    assert ids([answer(steady, stalling, goal=goal).best]) == ["1.0@224 openvino"]
    assert ids([answer(steady, stalling, goal=Goal(latency_ms=5)).best]) == ["1.0@224 litert"]
    by_p99 = answer(steady, stalling, goal=goal)
    assert headline(by_p99).startswith("Within 5 ms of p99, ship ")
    assert "4.00 (4.00–4.00) ms, p99 4.00 ms at most, top-1" in headline(by_p99)
    assert "p99 ms" in answer_block(by_p99).partition("budget")[2].splitlines()[0]
    few = answer(measured(4, 4, 4, calls=10), goal=goal)
    assert headline(few) == "DO NOT USE: 1 of 1 rows without a bound of p99."
    assert remarks(few) == ("Measure with more --processes, 3 at least, or more --rounds.",)


def test_a_budget_of_the_99_9th_percentile_shows_its_bound_in_a_column_of_its_own():
    steady = measured(4, 4, 4, calls=700)  # 10 rounds of 3 processes: 21,000 calls
    stalling = measured(3, 3, 3, calls=700, slowest_ms=12, backend="litert")
    by_tail = answer(steady, stalling, goal=Goal(latency_ms=5, percentile=99.9))
    assert ids([by_tail.best]) == ["1.0@224 openvino"]
    assert headline(by_tail).startswith("Within 5 ms of p99.9, ship ")
    assert "p99.9 4.00 ms at most" in headline(by_tail)
    assert "p99.9 ms" in answer_block(by_tail)
    assert "p99.9 ms" not in answer_block(answer(steady, goal=Goal(latency_ms=5)))


def test_the_cost_may_be_energy():
    records = measured(2, 2, 2, mj=30), measured(4, 4, 4, mj=20, backend="litert"), measured(1, 1, 1, backend="ncnn")
    by_energy = answer(*records, goal=Goal(cost=Cost.ENERGY))
    assert ids(by_energy.front) == ["1.0@224 litert"]
    assert by_energy.usability.left_out == {"without a bound of energy": 1}
    assert cells(budget_rows(by_energy)[0])[HEADER.index("mJ/image")] == "20.00"
    nowhere = answer(measured(1, 1, 1), goal=Goal(cost=Cost.ENERGY))
    assert remarks(nowhere) == (
        "Energy needs a processor whose counter may be read, often by root only, and 2 --processes or more.",
    )


@pytest.mark.parametrize(
    ("goal", "message"),
    [
        ({"latency_ms": 0}, "latency_ms must be a number above 0, not 0"),
        ({"memory_mb": float("nan")}, "memory_mb must be a number above 0, not nan"),
        ({"accuracy": 101}, "accuracy must be a number of per cent, 100 at most, not 101"),
        ({"percentile": 95}, "percentile must be one of 90, 99, 99.9, not 95"),
    ],
)
def test_a_goal_that_cannot_be_meant_is_refused(goal, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Goal(**goal)


# Ties


def test_what_cannot_be_told_apart_is_listed_with_the_minutes_that_would_do_it():
    best = measured(2.0, 2.1, 2.0, 2.1, 2.05, wall_s=12)
    tie = measured(2.05, 2.15, 2.05, 2.15, 2.1, wall_s=12, backend="litert")
    slower = measured(3, 3, 3, 3, 3, backend="ncnn")
    an_answer = answer(best, tie, slower, goal=Goal(latency_ms=5))
    assert (ids([an_answer.best]), ids(an_answer.ties)) == (["1.0@224 openvino"], ["1.0@224 litert"])
    assert ids([an_answer.runner_up]) == ["1.0@224 ncnn"]
    assert remarks(an_answer)[0] == (
        "It cannot be told from litert fp32, 2.10 (2.04–2.16) ms: with a confidence of 84 % it is the fastest. About 3 "
        "minutes more of --budget, 12 processes of each, would separate them."
    )  # 7 more processes of 12 s of both
    assert cells(budget_rows(an_answer)[0])[HEADER.index("tie")] == "litert fp32"


def test_the_fastest_is_named_with_the_confidence_that_it_is():
    an_answer = answer(
        measured(2.00, 2.04, 2.08),
        measured(2.20, 2.24, 2.28, backend="litert"),
        measured(2.30, 2.34, 2.38, backend="ncnn"),
        goal=Goal(latency_ms=5),
    )
    # Logs: sd 0.0186 of 3 and 0.0180 of the others, 0.0935 apart: 6.4 standard errors, twice the risk of 6 degrees
    assert an_answer.ties == ()
    assert remarks(an_answer)[0] == "With a confidence over 99 % it is the fastest of 3 cases that are as accurate."
    assert (
        as_json(by_machine([c.evaluation for c in an_answer.timed]))["machines"][0]["answers"][0]["confidence"] > 0.99
    )


def test_with_a_time_budget_the_confidence_is_corrected_for_the_looks_at_the_numbers():
    def confidence(budget_s):
        records = [measured(2.00, 2.04, 2.08), measured(2.08, 2.12, 2.16, backend="litert")]
        records = [replace(record, plan=replace(record.plan, budget_s=budget_s)) for record in records]
        (values,) = as_json(by_machine(evaluated(*records)))["machines"][0]["answers"]
        return values["confidence"], values["separation"]

    alone, looked_at = confidence(0.0)[0], confidence(600.0)[0]
    assert alone == pytest.approx(0.9647, abs=1e-4)  # Student's t of 2.45 standard errors, 4 degrees of freedom
    assert 1 - looked_at == pytest.approx(2 * (1 - alone))
    assert confidence(0.0)[1] is None
    assert confidence(600.0)[1] == {
        "processes": {"mobilenet_v2_1.0_224-b1-litert-cpu-fp32-t1": 4},
        "minutes": pytest.approx(1 / 3),
    }


def test_memory_is_separated_as_latency_is_but_not_by_a_time_budget():
    best = measured(2, 2, 2, peak_mb=(100, 104, 96))
    near = measured(2, 2, 2, peak_mb=(106, 102, 110), backend="litert")
    an_answer = answer(best, near, goal=Goal(memory_mb=200, cost=Cost.MEMORY))
    assert ids(an_answer.ties) == ["1.0@224 litert"]
    assert re.fullmatch(
        r"It cannot be told from litert fp32, 2.00 \(2.00–2.00\) ms: with a confidence of 92 % it is the one with the "
        r"least memory. About 1 minute more, 5 processes of each, would separate them.",
        remarks(an_answer)[0],
    ), remarks(an_answer)[0]


def test_what_is_nearer_than_the_floor_of_the_machine_is_a_tie_that_no_number_of_processes_separates():
    records = measured(2.0, 2.0, 2.0), measured(2.05, 2.05, 2.05, backend="litert")
    assert answer(*records, goal=Goal(latency_ms=5)).ties == ()
    floored = answer(*records, goal=Goal(latency_ms=5), floor=floor(0.02))  # two campaigns differ by up to 5.7 %
    assert ids(floored.ties) == ["1.0@224 litert"]
    assert remarks(floored)[0].endswith(
        "2.05 (2.05–2.05) ms. More processes would not separate them: they are nearer than 5.7 %."
    )


def test_of_many_ties_the_first_five_are_named():
    many = answer(*(measured(2, 2.2, 2.4, backend=f"runtime{number}") for number in range(9)), goal=Goal(latency_ms=5))
    (row,) = budget_rows(many)
    named = "runtime1 fp32, runtime2 fp32, runtime3 fp32, runtime4 fp32, runtime5 fp32, and 3 more"
    assert cells(row)[HEADER.index("tie")] == named
    assert ", and 3 more. More processes would not separate them: they are nearer than 1.5 %." in remarks(many)[0]


def test_a_published_accuracy_is_a_tie_only_with_itself():
    an_answer = answer(measured(2, 2.5, 3), measured(2, 2.5, 3, variant="1.0@192"), goal=Goal(latency_ms=20))
    assert (an_answer.best.variant, an_answer.ties) == ("1.0@224", ())


# When nobody should choose


def test_a_noisy_file_forbids_its_own_numbers_in_the_first_words():
    records = [measured(4, 4, 4, variant=f"{width}@224", noisy=True) for width in (0.35, 0.5, 0.75, 1.0)]
    noisy = answer(*records, goal=Goal(latency_ms=5))
    assert headline(noisy, ["busy: load 12.0"]) == "DO NOT USE: 4 of 4 rows noisy, busy: load 12.0."
    assert remarks(noisy) == ("Measure again while nothing else runs: --wait waits for that.",)
    assert not noisy.is_usable
    text = answer_block(noisy, conditions=["busy: load 12.0"])
    assert text.startswith("DO NOT USE: 4 of 4 rows noisy, busy: load 12.0.\n")
    assert "ship" not in text
    assert "4.00" not in text  # no table, no numbers


def test_noisy_rows_are_left_out_and_counted_where_most_are_not():
    records = measured(4, 4, 4), measured(1, 1, 1, noisy=True, backend="litert"), measured(5, 5, 5, backend="ncnn")
    an_answer = answer(*records, goal=Goal(latency_ms=5))
    assert ids(an_answer.candidates) == ["1.0@224 openvino", "1.0@224 ncnn"]
    assert usability_text(an_answer) == "2 of 3 rows steady; left out: 1 noisy."


def test_rows_of_one_process_have_no_interval_and_are_left_out():
    an_answer = answer(measured(4, 4, 4), measured(5, 5, 5, backend="ncnn"), measured(1, backend="litert"))
    assert ids(an_answer.candidates) == ["1.0@224 openvino", "1.0@224 ncnn"]
    assert usability_text(an_answer) == "3 of 3 rows steady; left out: 1 without a bound of latency."


def test_rows_that_lack_a_number_do_not_make_the_others_unusable():
    alone = [measured(4, variant=f"{width}@224") for width in (0.35, 0.5, 0.75)]
    assert headline(answer(measured(4, 4, 4), *alone)).startswith("Within 5 ms, ship mobilenet_v2_1.0_224")
    assert headline(answer(*alone)) == "DO NOT USE: 3 of 3 rows without a bound of latency."


def test_wrong_and_failed_cases_counts_and_figures_of_other_tools_are_no_candidates():
    here = measured(4, 4, 4)
    records = [
        here,
        measured(1, 1, 1, backend="litert", status="wrong"),
        measured(1, 1, 1, backend="ncnn", status="failed"),
        replace(counted("litert"), machine=here.machine),
        replace(told(1.0), machine=here.machine),
    ]
    timed = [c for each in answers([e for r in records for e in evaluated(r)]) for c in each.timed]
    assert ids(timed) == ["1.0@224 openvino"]
    assert by_machine(evaluated(measured(1, 1, 1, status="wrong")))[0].answers == ()


def test_a_small_grid_says_that_it_cannot_answer():
    quick = answer(measured(4, 4, 4), measured(1, 1, 1, variant="0.35@96"), measured(5, 5, 5, backend="litert"))
    assert coverage_text(quick) == (
        "2 variants x 2 runtimes x 1 precision, one thread, batch 1. "
        "2 of 22 variants: it works here; to choose, run make published."
    )
    some = answer(*(measured(4, 4, 4, variant=f"1.0@{side}") for side in (128, 160, 192, 224)))
    assert coverage_text(some).endswith("batch 1. 4 of 22 variants of the published grid.")


def test_partial_layers_and_drift_are_allowed_and_said():
    drifting = measured(4, 4, 4)
    first, *others = drifting.processes[0].samples.rounds
    slow = replace(first, durations_ns=(5_000_000,) * 20, wall_ns=100_000_000, cpu_ns=100_000_000)
    samples = replace(drifting.processes[0].samples, rounds=(slow, slow, *others[:2]), layers={"fp32": 53})
    drifting = replace(drifting, processes=(replace(drifting.processes[0], samples=samples), *drifting.processes[1:]))
    an_answer = answer(drifting, goal=Goal(latency_ms=9))
    assert an_answer.best is not None
    assert remarks(an_answer)[-1] == "Doubts about it: unsteady: 1 of 3 processes still drifted, by up to -20.0%."
    assert usability_text(an_answer) == "0 of 1 rows steady."


def test_a_runtime_that_nobody_ran_on_a_gpu_is_said_to_be_unverified():
    def about(backend):
        (an_answer,) = answers(evaluated(steady(100, 101, 102, backend=backend, precision="fp32", error=2e-6)))
        return [remark for remark in remarks(an_answer) if "hardware" in remark]

    assert about("tensorrt") == [
        "tensorrt on cuda is unverified on hardware: this project never checked it on a GPU.",
    ]
    assert about("torch_eager") == []


def test_a_precision_that_nobody_tested_is_said():
    an_answer = answer(measured(4, 4, 4, precision="int8"))
    assert remarks(an_answer)[-1] == "What int8 keeps of the accuracy of fp32 was not tested."


# Accuracy


def test_networks_without_a_published_accuracy_are_compared_by_latency_alone():
    odd = answer(
        measured(4, 4, 4, variant="0.6@150"),
        measured(3, 3, 3, variant="0.6@150", backend="litert"),
        measured(1, 1, 1, variant="0.5@150"),
        goal=Goal(latency_ms=9),
    )
    assert headline(odd) == (
        "No top-1 is known of these networks. The least latency has mobilenet_v2_0.5_150 on openvino in fp32: "
        "1.00 (1.00–1.00) ms."
    )
    assert ids(odd.front) == ["0.6@150 litert", "0.5@150 openvino"]
    assert ladder(odd) == [(3.0, "0.6@150", "litert"), (1.0, "0.5@150", "openvino")]
    assert "top-1 %" not in table(budget_rows(odd))[0]


def test_an_unknown_accuracy_never_stands_beside_a_known_one():
    known, unknown = answers(evaluated(measured(4, 4, 4), measured(1, 1, 1, variant="0.5@150")))
    assert (ids(known.front), ids(unknown.front)) == (["1.0@224 openvino"], ["0.5@150 openvino"])
    assert (known.setting.top1_of, unknown.setting.top1_of) == ("published", "unknown")


def test_with_images_of_the_user_the_accuracy_is_what_was_measured_on_them():
    best = measured(4, 4, 4, weights=OF_USER, accuracy=right(450))
    other = measured(4, 4, 4, backend="litert", weights=OF_USER, accuracy=right(300))
    near = measured(4, 4, 4, backend="ncnn", weights=OF_USER, accuracy=right(448))
    an_answer = answer(other, near, best, goal=Goal(latency_ms=5))
    assert headline(an_answer) == (
        "Within 5 ms, ship mobilenet_v2_1.0_224 on openvino in fp32: 4.00 (4.00–4.00) ms, top-1 90.0 % "
        "(measured on 500 pets)."
    )
    assert ids(an_answer.ties) == ["1.0@224 ncnn"]  # 89.6 % of 500 images are not fewer than 90.0 %
    no_images = measured(4, 4, 4, weights=Weights(file="mine.pt", content="ab" * 32))
    assert [each.setting.top1_of for each in answers(evaluated(no_images))] == ["unknown"]


# Settings, files and machines


def test_every_setting_has_its_own_answer_batch_1_and_one_thread_first():
    phone = replace(on_phone("litert", 1, 1, 1), machine=measured(1).machine)
    records = [measured(9, 9, 9, batch=8), measured(3, 3, 3, threads=2), measured(4, 4, 4), phone]
    settings = [(a.setting.device, a.setting.threads, a.setting.batch) for a in answers(evaluated(*records))]
    assert settings == [("cpu", 1, 1), ("adb:R5CT@big", 1, 1), ("cpu", 2, 1), ("cpu", 1, 8)]


def test_of_a_case_in_two_files_the_larger_latency_counts_and_each_number_has_its_file_and_day():
    monday = evaluated(measured(3, 3, 3), measured(9, 9, 9, backend="ncnn"), source="a.json", saved_at=MONDAY)
    tuesday = evaluated(measured(4, 4, 4), source="b.json", saved_at=TUESDAY)
    (machine,) = by_machine([*monday, *tuesday], Goal(latency_ms=5))
    (an_answer,) = machine.answers
    assert headline(an_answer).startswith(
        "Within 5 ms, ship mobilenet_v2_1.0_224 on openvino in fp32 (b.json, 2026-11-24): 4.00 "
    )
    assert an_answer.usability.repeated == 1
    assert remarks(an_answer)[-1] == (
        "Left out as other files have the case too: 1 measurements. The largest latency of each case counts."
    )
    assert [source.text for source in machine.sources] == ["a.json, 2026-11-23", "b.json, 2026-11-24"]
    assert machine.notes == (
        "The files are of different days: 2026-11-23, 2026-11-24.",
        "The files have different runtimes: a.json has 2; b.json has 1.",
    )
    assert "- From b.json, 2026-11-24: 5 ms." in answer_block(an_answer)


def test_files_that_differ_in_versions_weights_or_variables_say_so():
    older = measured(3, 3, 3)
    libraries = {"openvino": "2026.4.0", "torch": "2.13.0"}
    older = replace(older, machine=replace(older.machine, libraries=libraries))
    newer = replace(older, machine=replace(older.machine, libraries=libraries | {"openvino": "2026.5.0"}))
    newer = replace(newer, plan=replace(newer.plan, environment=("OMP_NUM_THREADS=1",)), weights=Weights(seed=1))
    litert = replace(newer, case=replace(newer.case, backend="litert"))
    (machine,) = by_machine([*evaluated(older), *evaluated(litert, source="b.json")])
    assert machine.notes == (
        "The files have different runtimes: a.json has openvino; b.json has litert.",
        "The files differ in weights: a.json has seed 0; b.json has seed 1.",
        "The files differ in variables: a.json has none; b.json has OMP_NUM_THREADS=1.",
        "The files differ in openvino: a.json has 2026.4.0; b.json has 2026.5.0.",
    )


def test_machines_stand_side_by_side_and_are_never_ranked():
    here = evaluated(measured(4, 4, 4), source="a.json")
    there = evaluated(measured(1, 1, 1, machine=OTHER_MACHINE), source="b.json")
    machines = by_machine([*here, *there])
    assert [machine.name for machine in machines] == ["Example CPU (2 cores, virtual machine)", "Other CPU (4 cores)"]
    assert [ids(each.front) for machine in machines for each in machine.answers] == [["1.0@224 openvino"]] * 2
    assert block(machines).startswith(
        "These are different machines: each has its own answer, and none is ranked\n  against another.\n"
    )


def test_filters_keep_cases_and_refuse_a_value_that_no_case_has():
    every = evaluated(measured(4, 4, 4), measured(3, 3, 3, backend="litert"), measured(2, 2, 2, threads=2))
    assert [e.case.backend for e in Filters(backends=("litert",)).kept(every)] == ["litert"]
    assert [e.case.threads for e in Filters(threads=(2,)).kept(every)] == [2]
    with pytest.raises(ValueError, match="no case has backend tensorrt: there are litert, openvino"):
        Filters(backends=("tensorrt",)).kept(every)
    with pytest.raises(ValueError, match="no case has all of these values together: leave an option out"):
        Filters(backends=("litert",), threads=(2,)).kept(every)


# Words and JSON


def test_a_column_without_any_number_is_left_out():
    header, lines = table(budget_rows(answer(measured(4, 4, 4, calls=10))))
    assert header == (
        "budget", "variant", "runtime", "precision", "ms (95 %)", "images/s", "top-1 %", "peak MB",
    )  # fmt: skip
    assert lines == [("5 ms", "1.0@224", "openvino", "fp32", "4.00 (4.00–4.00)", "250.0", "71.8", "100.0")]


def test_the_whole_front_has_what_each_row_needs_rounded_up():
    an_answer = answer(measured(4.12341, 4.12341, 4.12341), measured(1, 1, 1, variant="0.35@96"))
    assert [cells(row)[0] for row in front_rows(an_answer)] == ["4.124 ms", "1 ms"]


@pytest.mark.parametrize("file", REAL_FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
@pytest.mark.parametrize("rows_of", [budget_rows, front_rows])
def test_the_block_fits_80_columns_of_every_real_file(file, rows_of):
    recommendation = recommended({file.name: contents_of(file)}, Goal())
    text = block(recommendation.machines, 80, recommendation.conditions, rows_of)
    assert recommendation.machines
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_a_column_without_room_is_left_out_and_none_is_cut_off():
    (file,) = [path for path in REAL_FILES if path.name == "0001_published_precisions.json"]
    recommendation = recommended({file.name: contents_of(file)}, Goal(latency_ms=5, percentile=99))
    lines = block(recommendation.machines, 80).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("budget"))
    assert [" ".join(line.split()) for line in lines[first - 1 : first + 1]] == [
        "top-1 kept of",
        "budget variant runtime ms (95 %) p99 ms % fp32 %",
    ]


def test_texts_of_files_reach_a_terminal_without_control_characters():
    records = evaluated(measured(4, 4, 4), source="\x1b[31mred\x07.json"), evaluated(measured(3, 3, 3), source="b")
    unusual = {"\x1b[31mred\x07.json": ["busy: load 3.0\x1b"]}
    text = block(by_machine([each for file in records for each in file]), conditions=unusual)
    assert text.replace("\n", "").isprintable()


def test_json_has_every_number_by_its_unit():
    values = as_json(by_machine(evaluated(measured(4, 4, 4), saved_at=MONDAY), Goal(latency_ms=5)))
    (machine,) = json.loads(json.dumps(values, allow_nan=False))["machines"]
    assert machine["files"] == [{"name": "a.json", "saved_at": "2026-11-23T00:00:00+00:00"}]
    (only,) = machine["answers"]
    assert only["best"] == {
        "case": "mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1", "variant": "mobilenet_v2_1.0_224",
        "backend": "openvino", "precision": "fp32", "batch": 1, "threads": 1, "streams": 1, "file": "a.json",
        "median_ms": 4.0, "low_ms": 4.0, "high_ms": 4.0, "interval": "t", "p90_ms": 4.0, "p99_ms": None,
        "p99_9_ms": None,
        "images_per_s": 250.0, "images_per_s_low": 250.0, "images_per_s_high": 250.0, "cpu_ms_per_image": 4.0,
        "peak_mb": 100.0,
        "largest_peak_mb": 100.0, "mj_per_image": None, "top1_percent": 71.8,
        "top1_source": "published", "fp32_agreement_percent": None, "flags": [],
    }  # fmt: skip
    assert only["budgets"] == [{"budget": 5.0, "unit": "ms", "case": only["best"]["case"], "ties": []}]


# Properties

VARIANTS = ("0.35@96", "0.5@128", "0.75@160", "1.0@192", "1.0@224", "1.4@224")
BACKENDS = ("openvino", "litert", "ncnn")
TIMES = st.tuples(*[st.floats(0.1, 20)] * 3)
ROWS = st.dictionaries(st.tuples(st.sampled_from(VARIANTS), st.sampled_from(BACKENDS)), TIMES, min_size=1, max_size=8)


def of_rows(rows, goal=FRONT):
    return answer(*(measured(*ms, variant=v, backend=b) for (v, b), ms in rows.items()), goal=goal)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_nothing_on_the_front_is_beaten_and_all_else_is(rows):
    an_answer = of_rows(rows)
    numbers = [(each, each.accuracy, each.cost(an_answer.goal)) for each in an_answer.candidates]

    def is_beaten(candidate, accuracy, cost):
        return any(
            other is not candidate and a >= accuracy and c <= cost and (a, -c) != (accuracy, -cost)
            for other, a, c in numbers
        )

    for candidate, accuracy, cost in numbers:
        equals = [c for c in an_answer.front if (c.accuracy, c.cost(an_answer.goal)) == (accuracy, cost)]
        assert is_beaten(candidate, accuracy, cost) != bool(equals)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_means_nothing(rows, random):
    shuffled = list(rows.items())
    random.shuffle(shuffled)
    goal = Goal(latency_ms=5)
    ours, theirs = of_rows(rows, goal), of_rows(dict(shuffled), goal)
    for part in ("candidates", "front", "ties"):
        assert ids(getattr(ours, part)) == ids(getattr(theirs, part))
    assert answer_block(ours) == answer_block(theirs)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.lists(st.floats(0.01, 100), min_size=2, max_size=5))
def test_a_larger_budget_never_gives_less_accuracy(rows, budgets):
    best = [of_rows(rows, Goal(latency_ms=budget)).best for budget in sorted(budgets)]
    accuracies = [each.accuracy if each else 0.0 for each in best]
    assert accuracies == sorted(accuracies)
    steps = [(row.budget, row.candidate.accuracy) for row in budget_rows(of_rows(rows))]
    assert all(a[0] > b[0] and a[1] > b[1] for a, b in itertools.pairwise(steps))
