"""What a run ends with: the fastest cases, and why others were not measured."""

import io

import pytest
from measured_cases import MACHINE, MONDAY, evaluated, measured
from rich.console import Console

from mnv2bench.case import Case
from mnv2bench.records import Plan, Process, Weights, replace
from mnv2bench.records.journal import Head, Journal
from mnv2bench.records.selfcheck import Campaign, IdenticalCampaigns, IdenticalCase, keep
from mnv2bench.run_end import doubt_lines, fastest_table, print_end, unmeasured_lines

OTHER = Case(width=0.5, resolution=128)


def shown(table, width=80):
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]


@pytest.fixture
def journal(tmp_path):
    """A journal of 1.90 and 1.95 ms and of a case that failed."""
    records = [measured(1.90, 1.90, 1.90), measured(1.95, 1.95, 1.95, backend="litert")]
    failed = Process(Case(backend="ncnn"), 0, 0, 0, "failed", "it fell over", 1.0)
    path = tmp_path / "run.jsonl"
    written = Journal(path)
    written.begin(Head((*(record.case for record in records), failed.case), Plan(processes=3), 0, Weights(), MACHINE))
    processes = [process for record in records for process in record.processes]
    for position, process in enumerate([*processes, failed]):
        written.process(replace(process, position=position))
    return path


def printed(journal, results, **options):
    out = io.StringIO()
    print_end(journal, Console(file=out, width=100, soft_wrap=True, highlight=False), results, **options)
    return out.getvalue()


def test_the_end_of_a_run_shows_everything_in_one_order(journal, tmp_path):
    text = printed(journal, tmp_path, remarks=["a remark", "a remark"])
    places = [
        text.index(words)
        for words in (
            "Where the time went",
            "Fastest 2 of 2 cases of batch 1",
            "failed: mobilenet_v2_1.0_224-b1-ncnn-cpu-fp32-t1: ",
            "a remark\n",
            "Within 2 ms, ship ",
            f"records: {journal}\nreport:  mnv2bench report {journal}\n",
        )
    ]
    assert places == sorted(places)
    assert text.count("a remark") == 1


def test_a_quiet_run_ends_with_what_failed_and_its_remarks(journal, tmp_path):
    assert printed(journal, tmp_path, remarks=["a remark"], quiet=True) == (
        "failed: mobilenet_v2_1.0_224-b1-ncnn-cpu-fp32-t1: it fell over\na remark\n"
    )


def test_the_end_of_a_run_calls_a_tie_what_is_nearer_than_the_floor_of_the_machine(journal, tmp_path):
    separate = "More processes would not separate them"
    assert separate not in printed(journal, tmp_path)
    campaigns = (Campaign((0.0, 0.0), (1.0, 1.0)), Campaign((0.03, 0.03), (1.03, 1.03)))  # 3 % apart
    checked = IdenticalCase(OTHER.id, campaigns, "same")
    keep(tmp_path, MACHINE.fingerprint, aa=IdenticalCampaigns(MONDAY, None, {}, Plan(processes=2), (checked,)))
    assert separate in " ".join(printed(journal, tmp_path).split())


def test_the_five_fastest_cases_of_the_smallest_batch_are_shown():
    records = [measured(n, n, n, variant=f"0.35@{96 + 32 * n}") for n in (6, 3, 1, 5, 2, 4)]
    lines = shown(fastest_table(evaluated(*records, measured(0.5, 0.5, 0.5, variant="0.35@96", batch=8))))
    assert lines[0] == "Fastest 5 of 6 cases of batch 1"
    assert lines[1] == "variant runtime precision threads ms (95 %)"
    assert [line.split()[0] for line in lines[3:]] == ["0.35@128", "0.35@160", "0.35@192", "0.35@224", "0.35@256"]
    assert lines[3] == "0.35@128 openvino fp32 1 1.00 (1.00–1.00)"


def test_a_noisy_case_is_not_ranked_and_the_title_says_how_many_there_are():
    fast = measured(1, 1, 1, variant="0.35@96", noisy=True)
    lines = shown(fastest_table(evaluated(fast, measured(2, 2, 2), measured(3, 3, 3, backend="litert"))))
    assert " ".join(lines[:2]) == "Fastest 2 of 3 cases of batch 1; 1 noisy or doubtful case left out"
    assert lines[4].startswith("1.0@224 ")
    assert fastest_table(evaluated(fast)) is None
    assert fastest_table(evaluated(fast, measured(2, 2, 2))) is None  # only half of them can be chosen by


def test_nothing_was_measured():
    assert fastest_table(()) is None
    assert fastest_table(evaluated(measured(1, status="failed"))) is None


def test_the_longest_names_fold_at_80_columns_and_are_not_cut_off():
    record = measured(123.4, 123.5, 126.0, backend="torch_compile_cudagraphs", precision="int8")
    table = fastest_table(evaluated(record))
    out = io.StringIO()
    Console(file=out, width=80).print(table)
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert "torch_compile_cudagraphs " in out.getvalue()
    assert "123.5 (120.7–128.0)" in out.getvalue()


def test_a_reason_that_many_cases_of_a_backend_share_is_one_line():
    records = [measured(1, variant=f"0.35@{side}", status="failed") for side in (96, 128, 160)]
    assert unmeasured_lines([*records, measured(1, 1, 1)]) == [
        "failed: mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t1 and 2 more of openvino: "
    ]
    assert unmeasured_lines([measured(1, status="failed", backend="litert")]) == [
        "failed: mobilenet_v2_1.0_224-b1-litert-cpu-fp32-t1: "
    ]


def test_doubts_are_a_sentence_for_each_kind():
    noisy = [measured(n, n, n, variant=f"0.35@{96 + 32 * n}", noisy=True) for n in (1, 2)]
    lines = doubt_lines(evaluated(*noisy, measured(3, 3, 3), measured(1, status="failed", backend="litert")))
    assert len([line for line in lines if line.startswith("2 of 3 rows ")]) == 2  # noisy, and half of a thread
    assert not any("\\" in line for line in lines)  # no Markdown
