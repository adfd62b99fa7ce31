"""What a run ends with: the fastest cases, and why others were not measured."""

import io

from measured_cases import measured
from rich.console import Console

from mnv2bench.terminal import doubt_lines, fastest_table, unmeasured_lines


def shown(table, width=80):
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return [" ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()]


def test_the_five_fastest_cases_of_the_smallest_batch_are_shown():
    records = [measured(n, n, n, variant=f"0.35@{96 + 32 * n}") for n in (6, 3, 1, 5, 2, 4)]
    lines = shown(fastest_table([*records, measured(0.5, 0.5, 0.5, variant="0.35@96", batch=8)]))
    assert lines[0] == "Fastest 5 of 6 cases of batch 1"
    assert lines[1] == "variant runtime precision threads ms (95 %)"
    assert [line.split()[0] for line in lines[3:]] == ["0.35@128", "0.35@160", "0.35@192", "0.35@224", "0.35@256"]
    assert lines[3] == "0.35@128 openvino fp32 1 1.00 (1.00–1.00)"


def test_a_noisy_case_is_not_ranked_and_the_title_says_how_many_there_are():
    fast = measured(1, 1, 1, variant="0.35@96", noisy=True)
    lines = shown(fastest_table([fast, measured(2, 2, 2), measured(3, 3, 3, backend="litert")]))
    assert " ".join(lines[:2]) == "Fastest 2 of 3 cases of batch 1; 1 noisy or doubtful case left out"
    assert lines[4].startswith("1.0@224 ")
    assert fastest_table([fast]) is None
    assert fastest_table([fast, measured(2, 2, 2)]) is None  # only half of them can be chosen by


def test_nothing_was_measured():
    assert fastest_table([]) is None
    assert fastest_table([measured(1, status="failed")]) is None


def test_the_longest_names_fold_at_80_columns_and_are_not_cut_off():
    table = fastest_table([measured(123.4, 123.5, 126.0, backend="torch_compile_cudagraphs", precision="int8")])
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
    lines = doubt_lines([*noisy, measured(3, 3, 3), measured(1, status="failed", backend="litert")])
    assert len([line for line in lines if line.startswith("2 of 3 rows ")]) == 2  # noisy, and half of a thread
    assert not any("\\" in line for line in lines)  # no Markdown
