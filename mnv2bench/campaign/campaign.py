"""The campaign: artifacts first, then blocks of worker processes, each written down as it ends."""

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from mnv2bench.artifacts import Weights
from mnv2bench.campaign.child import Ended
from mnv2bench.campaign.ready import Progress, Ready, ready, silent, work
from mnv2bench.campaign.schedule import blocks
from mnv2bench.cases import Case
from mnv2bench.journal import Head, Journal, records
from mnv2bench.measure.environment import environment, state
from mnv2bench.measure.noise import resident_bytes
from mnv2bench.record_json import measured_from_json
from mnv2bench.records import Plan, Process, Record


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


def run(campaign: Campaign, resume: bool = False) -> tuple[Record, ...]:
    """Measure every case and return its Record; on resume, what the journal already holds is not measured again.

    Raises ValueError where the journal is of another campaign or machine, OSError where it cannot be written.
    """
    weights = asdict(campaign.weights) | {"content": campaign.weights.content}
    head = Head(campaign.cases, campaign.plan, campaign.seed, weights, environment(), campaign.runner)
    journal = campaign.journal
    open_journal(journal, head, resume, campaign.progress)
    done = {(p.case.id, p.number) for p in journal.processes}
    stopped = {p.case.id for p in journal.processes if p.status not in ("ok", "wrong")}
    whole = {case.id for case in campaign.cases if {(case.id, n) for n in range(campaign.plan.processes)} <= done}
    given = export(campaign, [case for case in campaign.cases if case.id not in stopped | whole])
    order = blocks(campaign.cases, campaign.plan.processes, campaign.seed)
    seeds = random.Random(campaign.seed)
    position, total = 0, len(campaign.cases) * campaign.plan.processes
    for number, block in enumerate(order):
        if len(done) < position + len(block):
            journal.note("state", state())
        for case in block:
            seed = seeds.randrange(2**31)
            if (case.id, number) not in done and case.id not in stopped:
                campaign.progress(f"block {number + 1} of {campaign.plan.processes}, {case.id}", position, total)
                mine = given[case.id]
                ended = work(case, mine, campaign.plan, seed) if isinstance(mine, Ready) else mine
                journal.process(process(case, number, position, seed, ended))
                if ended.status not in ("ok", "wrong"):
                    stopped.add(case.id)
            position += 1
    journal.note("state", state())
    journal.note("end", {"parent_peak_rss_bytes": resident_bytes("VmHWM")})
    campaign.progress("done", total, total)
    return records(head, journal.artifacts, journal.processes)


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
        mine = given[case.id] = ready(
            case, campaign.weights, campaign.progress, campaign.runner, campaign.plan.trt_level
        )
        if isinstance(mine, Ready):
            campaign.journal.artifact(case, mine.artifact)
    return given


def process(case: Case, number: int, position: int, seed: int, ended: Ended) -> Process:
    """What a journal keeps of a child that ended."""
    measured = measured_from_json(ended.measured)
    return Process(case, number, position, seed, ended.status, ended.reason, ended.wall_s, **measured)
