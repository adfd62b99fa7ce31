"""The campaign: artifacts first, then blocks of worker processes, each written down as it ends."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial

from mnv2bench.artifacts import Weights
from mnv2bench.campaign.child import Ended
from mnv2bench.campaign.ready import Progress, Ready, ready, silent, work
from mnv2bench.campaign.schedule import blocks
from mnv2bench.cases import Case
from mnv2bench.machine import environment, state
from mnv2bench.profiling import extras
from mnv2bench.profiling.extras import Extra
from mnv2bench.records import ENDED, Plan, Process, Record
from mnv2bench.records.encoding import measured_from_json
from mnv2bench.records.journal import Head, Journal, records
from mnv2bench.workers.noise import resident_bytes


@dataclass
class Campaign:
    """What to measure, how, and where to write it down."""

    cases: tuple[Case, ...]
    journal: Journal
    plan: Plan = field(default_factory=Plan)
    seed: int = 0
    weights: Weights = field(default_factory=Weights)
    progress: Progress = silent
    runner: str = ""  # what runs the cases of other devices instead of our own runners
    extras: tuple[Extra, ...] = ()  # what is measured among the cases, in processes of its own


def run(campaign: Campaign, resume: bool = False) -> tuple[Record, ...]:
    """Measure every case and return its Record; on resume, what the journal already holds is not measured again.

    Raises ValueError where the journal is of another campaign or machine, OSError where it cannot be written.
    """
    weights = asdict(campaign.weights) | {"content": campaign.weights.content}
    head = Head(campaign.cases, campaign.plan, campaign.seed, weights, environment(), campaign.runner)
    journal = campaign.journal
    open_journal(journal, head, resume, campaign.progress)
    done = {(p.case.id, p.number) for p in journal.processes} | extras.done(journal)
    ended_badly = [p for p in journal.processes if p.status not in ENDED]
    stopped = {p.case.id for p in ended_badly} | extras.stopped(journal)
    items = (*campaign.cases, *campaign.extras)
    whole = {item.id for item in items if {(item.id, n) for n in range(campaign.plan.processes)} <= done}
    left = [item for item in items if item.id not in stopped | whole]
    given = export(campaign, [item for item in left if isinstance(item, Case)])
    given |= extras.prepare(left, given, partial(_ready, campaign))
    seeds = random.Random(campaign.seed)
    position, total = 0, len(items) * campaign.plan.processes
    for number, block in enumerate(blocks(items, campaign.plan.processes, campaign.seed)):
        if len(done) < position + len(block):
            journal.note("state", state())
        for item in block:
            seed = seeds.randrange(2**31)
            if (item.id, number) not in done and item.id not in stopped:
                campaign.progress(f"block {number + 1} of {campaign.plan.processes}, {item.id}", position, total)
                status = _measure(campaign, item, number, position, seed, given)
                if status not in ENDED:
                    stopped.add(item.id)
            position += 1
    journal.note("state", state())
    journal.note("end", {"parent_peak_rss_bytes": resident_bytes("VmHWM")})
    campaign.progress("done", total, total)
    return records(head, journal.artifacts, journal.processes)


def _measure(
    campaign: Campaign, item: Case | Extra, number: int, position: int, seed: int, given: dict[str, Ready | Ended]
) -> str:
    """One process, written down as it ends; its status."""
    if not isinstance(item, Case):
        return extras.measure(item, number, given.get(item.id), campaign.plan, seed, campaign.journal)
    mine = given[item.id]
    ended = work(item, mine, campaign.plan, seed) if isinstance(mine, Ready) else mine
    campaign.journal.process(process(item, number, position, seed, ended))
    return ended.status


def open_journal(journal: Journal, head: Head, resume: bool, progress: Progress) -> None:
    """Begin the journal, or take up the interrupted one; ValueError where that is of something else."""
    if resume and journal.path.exists() and journal.path.stat().st_size:
        _require_same(journal.resume(), head)
    elif aside := journal.begin(head):
        progress(f"what stood in {journal.path} is kept as {aside}", 0, 0)


def _require_same(before: Head, now: Head) -> None:
    for name in ("cases", "plan", "seed", "weights", "runner"):
        if getattr(before, name) != getattr(now, name):
            raise ValueError(f"the interrupted campaign had other {name}: repeat its command with --resume, or drop it")
    if before.environment["fingerprint"] != now.environment["fingerprint"]:
        raise ValueError("the interrupted campaign ran on another machine: measure it anew, without --resume")
    if before.environment["libraries"] != now.environment["libraries"]:
        raise ValueError("libraries changed since the campaign was interrupted: measure it anew, without --resume")


def export(campaign: Campaign, cases: Sequence[Case]) -> dict[str, Ready | Ended]:
    """Make what the cases need, by case id; where that cannot be, how it ended."""
    given: dict[str, Ready | Ended] = {}
    for case in cases:
        mine = given[case.id] = _ready(campaign, case)
        if isinstance(mine, Ready):
            campaign.journal.artifact(case, mine.artifact)
    return given


def _ready(campaign: Campaign, case: Case, reads: str = "") -> Ready | Ended:
    return ready(case, campaign.weights, campaign.progress, campaign.runner, campaign.plan.trt_level, reads)


def process(case: Case, number: int, position: int, seed: int, ended: Ended) -> Process:
    """What a journal keeps of a child that ended."""
    measured = measured_from_json(ended.measured)
    return Process(case, number, position, seed, ended.status, ended.reason, ended.wall_s, **measured)
