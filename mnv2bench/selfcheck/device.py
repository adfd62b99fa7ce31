"""A device held against what docs/mobile.md says of it: outputs, threads, the runner's own cost, what is readable."""

import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign import Campaign, run
from mnv2bench.cases import Case, Kind
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal
from mnv2bench.selection import mobile_backends
from mnv2bench.statistics.processes import output_error
from mnv2bench.statistics.rounds import record_undisturbed_share, threads_used, used_rounds
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line

PLAN = Plan(processes=2, rounds=5, warmup_cap_s=1.0)
MIN_TWO_THREADS = 1.3  # CPU over wall time that two threads must show somewhere
MAX_BETWEEN = 0.005  # of a round that is outside the timed calls: the runner's own loop


def cases(device: str) -> tuple[Case, ...]:
    """The smallest variant of every mobile runtime, one thread and, where time is taken, two."""
    one = [Case(width=0.35, resolution=96, backend=name, device=device) for name in mobile_backends()]
    counted = one[0].kind == Kind.COUNTED
    return (*one, *(() if counted else (replace(case, threads=2) for case in one)))


def verdict(record: Record) -> tuple[bool, str]:
    """Whether a record shows what it must, and what it shows; a runtime that is not for this device is no failure."""
    if record.status in ("unavailable", "unsupported"):
        return True, f"{record.status}: {record.reason}"
    if record.status != "ok":
        return False, f"{record.status}: {record.reason}"
    if record.case.kind == Kind.COUNTED:
        found = {counts.net for counts in record.counts}
        totals = sorted({n for net in found for n in net})
        alike = "every process the same" if len(found) == 1 else f"processes differ by {totals[-1] / totals[0] - 1:.1e}"
        errors = max(counts.error or 0.0 for counts in record.counts)
        return totals[-1] < totals[0] * 1.0001, f"{totals[0] / 1e6:.6g} M instructions, {alike}, error {errors:.1e}"
    share, threads = between(record), threads_used(record)
    said = (
        f"error {output_error(record) or 0:.1e}, {threads:.2f} threads used, {share:.2%} of a round between calls, "
        f"{record_undisturbed_share(record):.0%} of rounds undisturbed"
    )
    return share <= MAX_BETWEEN and (record.case.threads == 1 or threads >= MIN_TWO_THREADS), said


def between(record: Record) -> float:
    """The part of the used rounds that lies outside every timed call."""
    rounds = [r for samples in record.samples for r in used_rounds(samples, record.case.threads)]
    return 1 - sum(sum(r.durations_ns) for r in rounds) / sum(r.wall_ns for r in rounds)


def device(name: str, out: Console) -> bool:
    """Run it; True where nothing on the device contradicts the docs, and something ran at all."""
    if not name:
        raise ValueError("which device? selfcheck --device adb:SERIAL; mnv2bench devices lists what is there")
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        records = run(Campaign(cases(name), Journal(Path(folder) / "device.jsonl"), PLAN, progress=display))
    verdicts = [verdict(record) for record in records]
    for record, (good, said) in zip(records, verdicts, strict=True):
        how = "as it should be" if good else "NOT as it should be"
        out.print(f"{how}: {record.case.id}: {one_line(said)}", markup=False)
    for line in unreadable(records):
        out.print(one_line(line), markup=False)
    ran = any(record.status == "ok" for record in records)
    if not ran:
        out.print("nothing ran: the reasons above end in what to do")
    return ran and all(good for good, _ in verdicts)


def unreadable(records: tuple[Record, ...]) -> list[str]:
    """What of the device's state could not be read in the last process, each with its reason."""
    targets = [p.target for record in records for p in record.processes if p.target]
    reasons = targets[-1].after.unreadable if targets else {}
    return [f"unreadable: {name}: {reason}" for name, reason in (reasons or {}).items()]
