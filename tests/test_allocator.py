"""What the allocator's setting is worth on a machine: measured by real processes, kept, and named on the page."""

from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from mnv2bench import Case
from mnv2bench.comparison import chapters
from mnv2bench.comparison.page import page
from mnv2bench.machine import this_machine
from mnv2bench.records import Machine, Plan, Process, Samples, record
from mnv2bench.records.rounds import Round
from mnv2bench.records.selfcheck import AllocatorCase, AllocatorCheck, AllocatorTimes, file_of, keep, read
from mnv2bench.selfcheck.allocator import check_allocator, chosen_backends
from mnv2bench.workers.environment import allocator

EAGER = Case()
BRIEF = Plan(processes=2, rounds=1, round_s=0.02, warmup_s=0.0, warmup_cap_s=0.05)
CHECKED = AllocatorCheck(
    datetime(2026, 11, 26, tzinfo=UTC),
    None,
    {},
    "glibc: MALLOC_MMAP_MAX_=0",
    (
        AllocatorCase(
            EAGER.id,
            AllocatorTimes((0.0156, 0.0158), (0.0, 0.0)),
            AllocatorTimes((0.0162, 0.0162), (0.0, 0.0)),
            AllocatorTimes((0.0511, 0.0513), (18_964.0, 18_964.0)),
        ),
    ),
)


def test_the_backends_are_those_whose_tensors_come_from_the_system():
    names = chosen_backends()
    assert names[0] == "torch_eager"
    assert {"torch_script", "torch_compile", "torch_aoti", "ncnn"} <= set(names)
    assert "onnxruntime" not in names


@pytest.mark.slow
@pytest.mark.skipif(not allocator(), reason="this C library is not glibc: the setting has no effect here")
def test_what_it_is_worth_is_measured_by_alternating_processes_and_kept(tmp_path):
    out = Console(file=StringIO(), width=300)
    eager = Case(width=1.0, resolution=96)
    assert check_allocator(BRIEF, out, tmp_path, [eager])
    (kept,) = read(tmp_path, this_machine().fingerprint).allocator.cases
    assert kept.case == eager.id
    assert [len(times.medians_s) for times in (kept.ours, kept.plain, kept.mapped)] == [2, 2, 2]
    assert max(kept.ours.faults) < 50
    assert min(kept.mapped.faults) > 10 * max(kept.ours.faults)
    printed = out.file.getvalue()
    assert "torch_eager mobilenet_v2_1.0_96 without it: " in printed
    assert f"kept: {file_of(tmp_path, this_machine().fingerprint)}" in printed


def test_the_page_names_it_where_it_was_saved_of_the_machine(tmp_path):
    machine = Machine(fingerprint="here-0")
    keep(tmp_path, "here-0", allocator=CHECKED)
    measured = Samples(rounds=(Round((15_600_000,) * 10, 156_000_000, 156_000_000),) * 4)
    one = record(EAGER, Plan(), machine, [Process(EAGER, 0, 0, 0, "ok", "", 1.0, measured)])
    sources = [("a.json", [one])]
    with_it = page(chapters(sources, allocator_of=lambda machine: read(tmp_path, machine.fingerprint).allocator))
    line = (
        "- torch_eager mobilenet_v2_1.0_224 without it: +3%, mapped anew: +226% "
        "(15.7, 16.2 and 51.2 ms; 18,964 page faults a call)\n"
    )
    assert line in with_it.replace("\\", "")
    assert "without it" not in page(chapters(sources))


def test_a_machine_without_glibc_is_told_that_nothing_is_to_be_measured(monkeypatch, tmp_path):
    """The C library's own answer is the one thing that no test can replace on this machine."""
    monkeypatch.setattr("mnv2bench.selfcheck.allocator.allocator", lambda: "")
    out = Console(file=StringIO(), width=300)
    assert check_allocator(BRIEF, out, tmp_path, [EAGER])
    assert "this C library is not glibc" in out.file.getvalue()
    assert list(tmp_path.iterdir()) == []


def test_a_case_that_stands_twice_in_the_check_is_refused():
    with pytest.raises(ValueError, match="a case that stands twice"):
        AllocatorCheck(CHECKED.when, None, {}, CHECKED.setting, CHECKED.cases * 2)
