"""The check `aa`: two identical campaigns, one after the other, and what they differ by."""

import statistics
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign import Campaign, all_backends, run
from mnv2bench.case import Case, cases, of_network
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal
from mnv2bench.records.selfcheck import Campaign as MeasuredCampaign
from mnv2bench.records.selfcheck import IdenticalCampaigns, IdenticalCase, file_of, keep, read
from mnv2bench.regression.judging.change import changes
from mnv2bench.report.floor import floor_text
from mnv2bench.statistics.floor import floor
from mnv2bench.statistics.latency import detection, process_median
from mnv2bench.statistics.rounds import measured, record_undisturbed_share
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line

VARIANTS = [(1.0, 224), (0.35, 96)]


def aa(plan: Plan, out: Console, results: Path | None = None, chosen: Sequence[Case] = ()) -> bool:
    """Measure all backends in two campaigns and print what they differ by; True where anything was measured in both.

    With `results`, it is kept in the machine's folder there. Raises Unusable, before anything is measured, where what
    is kept there cannot be read.
    """
    fingerprint = this_machine().fingerprint
    if results:
        read(results, fingerprint)
    chosen = chosen or cases(of_network(VARIANTS), backends=all_backends())
    first, second = (_campaign(tuple(chosen), plan, seed) for seed in (1, 2))
    verdicts = {change.case: change.verdict for change in changes(first, second)}
    kept = []
    for a, b in zip(first, second, strict=True):
        if a.status == b.status == "ok":
            kept.append(IdenticalCase(a.case.id, (_measured(a), _measured(b)), verdicts[a.case.id]))
        else:
            reason = next(record.reason for record in (a, b) if record.status != "ok")
            out.print(one_line(f"  {a.case.id}: left out: {reason}"), markup=False)
    if not kept:
        out.print("A/A: nothing was measured in both campaigns: the reasons above end in what to do")
        return False
    machine = this_machine()
    checked = IdenticalCampaigns(datetime.now(UTC), machine.commit, machine.libraries, plan, tuple(kept))
    _print(checked, first, out)
    if results:
        keep(results, fingerprint, aa=checked)
        out.print(f"kept: {file_of(results, fingerprint)}", markup=False)
    return True


def _campaign(chosen: tuple[Case, ...], plan: Plan, seed: int) -> tuple[Record, ...]:
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder, Display() as display:
        journal = Journal(Path(folder) / "identical.jsonl")
        return run(Campaign(chosen, journal, plan, seed, progress=display))


def _measured(record: Record) -> MeasuredCampaign:
    processes, threads = measured(record), record.case.threads
    return MeasuredCampaign(
        levels=tuple(detection(samples, threads) for samples in processes),
        medians_s=tuple(process_median(samples, threads) for samples in processes),
    )


def _print(checked: IdenticalCampaigns, first: Sequence[Record], out: Console) -> None:
    """What the campaigns differ by, of each case and in one sentence."""
    machine_floor = floor(checked)
    undisturbed = {record.case.id: record_undisturbed_share(record) for record in first}
    for case in checked.cases:
        spreads = [statistics.stdev(c.levels) if len(c.levels) > 1 else 0.0 for c in case.campaigns]
        out.print(
            f"  {case.case:58} B/A {machine_floor.ratios[case.case]:.4f}   {case.verdict:12} "
            f"sd of levels {spreads[0]:.2%}, {spreads[1]:.2%}   rounds kept {undisturbed[case.case]:.0%}",
            markup=False,
        )
    for backend, sd in machine_floor.process_sd.items():
        between = machine_floor.campaign_sd[backend]
        out.print(f"  {backend:24} process to process {sd:6.2%}   campaign to campaign {between:6.2%}", markup=False)
    out.print(floor_text(machine_floor), markup=False)
