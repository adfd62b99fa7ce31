"""The self-check of a remote device: outputs, threads, the runner's own cost, and what of its state is readable."""

import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign import Campaign, Patience, run
from mnv2bench.case import Case, Kind
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal
from mnv2bench.selection import mobile_backends
from mnv2bench.statistics.processes import output_error
from mnv2bench.statistics.rounds import record_undisturbed_share, threads_used, used_rounds
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line

PLAN = Plan(processes=2, rounds=5, warmup_cap_s=1.0)
MIN_TWO_THREADS = 1.3  # CPU time over wall time of a process with two threads
MAX_BETWEEN = 0.005  # the part of a round outside the timed calls, which is the runner's own loop
MAX_COUNT_RATIO = 1.0001  # the largest count over the smallest


def cases(device: str) -> tuple[Case, ...]:
    """The smallest variant of every mobile runtime, on one thread and, where time is measured, on two."""
    single = tuple(Case(width=0.35, resolution=96, backend=name, device=device) for name in mobile_backends())
    if single[0].kind == Kind.COUNTED:
        return single
    return (*single, *(replace(case, threads=2) for case in single))


def verdict(record: Record) -> tuple[bool, str]:
    """Whether a record passes, and what it shows; a runtime that does not run on this device passes."""
    if record.status in ("unavailable", "unsupported"):
        return True, f"{record.status}: {record.reason}"
    if record.status != "ok":
        return False, f"{record.status}: {record.reason}"
    if record.case.kind == Kind.COUNTED:
        return _count_verdict(record)
    share, threads = between(record), threads_used(record)
    summary = (
        f"error {output_error(record) or 0:.1e}, {threads:.2f} threads used, {share:.2%} of a round between calls, "
        f"{record_undisturbed_share(record):.0%} of rounds undisturbed"
    )
    enough_threads = record.case.threads == 1 or threads >= MIN_TWO_THREADS
    return share <= MAX_BETWEEN and enough_threads, summary


def _count_verdict(record: Record) -> tuple[bool, str]:
    sequences = {counts.net for counts in record.counts}
    smallest, largest = min(map(min, sequences)), max(map(max, sequences))
    spread = "every process the same" if len(sequences) == 1 else f"processes differ by {largest / smallest - 1:.1e}"
    error = max(counts.error or 0.0 for counts in record.counts)
    summary = f"{smallest / 1e6:.6g} M instructions, {spread}, error {error:.1e}"
    return largest < smallest * MAX_COUNT_RATIO, summary


def between(record: Record) -> float:
    """The part of the used rounds that lies outside every timed call."""
    rounds = [r for samples in record.samples for r in used_rounds(samples, record.case.threads)]
    return 1 - sum(sum(r.durations_ns) for r in rounds) / sum(r.wall_ns for r in rounds)


def device(name: str, out: Console) -> bool:
    """Run the self-check; True where every record passes and at least one of them was measured."""
    if not name:
        raise ValueError("which device? selfcheck --device adb:SERIAL; mnv2bench devices lists what is there")
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        journal, patience = Journal(Path(folder) / "device.jsonl"), Patience(idle_s=0.0)
        records = run(Campaign(cases(name), journal, PLAN, progress=display, patience=patience))
    verdicts = [verdict(record) for record in records]
    for record, (passed, summary) in zip(records, verdicts, strict=True):
        result = "as it should be" if passed else "NOT as it should be"
        out.print(f"{result}: {record.case.id}: {one_line(summary)}", markup=False)
    for line in unreadable(records):
        out.print(one_line(line), markup=False)
    ran = any(record.status == "ok" for record in records)
    if not ran:
        out.print("nothing ran: the reasons above end in what to do")
    return ran and all(passed for passed, _ in verdicts)


def unreadable(records: tuple[Record, ...]) -> list[str]:
    """The values of the device's state that the last process could not read, each with its reason."""
    targets = [p.target for record in records for p in record.processes if p.target]
    reasons = targets[-1].after.unreadable if targets else {}
    return [f"unreadable: {name}: {reason}" for name, reason in (reasons or {}).items()]
