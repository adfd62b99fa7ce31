"""Measuring from a script or a notebook: a campaign over cases, whose measurements come back as `Results`."""

import math
from collections.abc import Iterable
from pathlib import Path

from mnv2bench.campaign import Campaign
from mnv2bench.campaign import run as measure
from mnv2bench.campaign.patience import patience
from mnv2bench.campaign.weights import fitted_cases
from mnv2bench.case import Case
from mnv2bench.files import printable
from mnv2bench.interrupts import interruptible
from mnv2bench.library.choice import selection
from mnv2bench.library.notebook import display
from mnv2bench.library.results import RESULTS, PathName, Results, load
from mnv2bench.policy import policy_of
from mnv2bench.records import Plan, replace
from mnv2bench.records.journal import Journal
from mnv2bench.records.reading import contents_of
from mnv2bench.selection import BUDGETED
from mnv2bench.terminal import steps

JOURNAL = Path("mnv2bench.jsonl")


def run(
    cases: Iterable[Case],
    minutes: float | None = None,
    *,
    processes: int | None = None,
    rounds: int | None = None,
    weights: PathName | None = None,
    images: PathName | None = None,
    accuracy: bool = True,
    out: PathName = JOURNAL,
    resume: bool = False,
    wait: bool = False,
    no_wait: bool = False,
    env: Iterable[str] = (),
    seed: int = 0,
    quiet: bool = False,
    results: PathName = RESULTS,
) -> Results:
    """Measure cases, each in fresh processes, and return what was measured; names are those of `mnv2bench run`.

    `minutes` are divided among the cases as `--budget` does: `processes` are then the most that a case gets, 30 where
    they are not given, and rounds are 5. Without it they are 5 and 15. `out` is the journal, to which each process is
    written when it ends: one that stands there is kept under another name, and with `resume` an interrupted one goes on
    with its own plan, or with more minutes. `results` is the folder with the A/A floors of the machines.

    Raises ValueError, in one line and before anything is measured, for what cannot be meant, for too few minutes, and
    where another campaign measures on this machine; OSError where the journal cannot be written. KeyboardInterrupt
    leaves what was measured in the journal.
    """
    numbers = {name: value for name, value in (("processes", processes), ("rounds", rounds)) if value is not None}
    options = selection(env, (), **numbers, weights=weights, images=images, seed=seed)
    requested = {name: getattr(options.plan, name) for name in numbers}
    if options.plan.environment:
        requested["environment"] = options.plan.environment
    journal = Journal(Path(out))
    goes_on = resume and journal.path.exists()
    planned = _plan(minutes)
    if goes_on:
        budget_s, planned = planned.budget_s, contents_of(journal.path).head.plan
        planned = replace(planned, budget_s=max(budget_s, planned.budget_s) if planned.budget_s else 0.0)
    plan = replace(planned, **requested)
    campaign = Campaign(
        cases=fitted_cases(_cases(cases), options.weights),
        journal=journal,
        plan=plan,
        seed=options.seed,
        weights=options.weights,
        patience=patience({"wait": wait, "no-wait": no_wait}),
        accuracy=accuracy,
        policy=policy_of(plan, Path(results)),
    )
    try:
        with interruptible(), display(quiet, steps(plan)) as shown:
            measure(replace(campaign, progress=shown), resume)
    except KeyboardInterrupt as interruption:
        interruption.add_note(f"what was measured so far is in {printable(journal.path)}: resume=True goes on from it")
        raise
    return load(journal.path, results=results)


def _plan(minutes: float | None) -> Plan:
    """The plan where nothing else is requested. ValueError for minutes that are no time."""
    if minutes is None:
        return Plan()
    if not 0 < minutes < math.inf:
        raise ValueError(f"minutes must be a number above 0, not {minutes}")
    return replace(BUDGETED, budget_s=60 * minutes)


def _cases(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases, each once. ValueError where there is none, for what is no case, and for streams that share cores."""
    from mnv2bench.selection import require_cores

    chosen = tuple(dict.fromkeys(cases))
    for case in chosen:
        if not isinstance(case, Case):
            raise ValueError(f"{case!r} is no case: mnv2bench.cases() makes cases, and Case.parse() reads an id")
    if not chosen:
        raise ValueError("there is no case to measure: mnv2bench.cases() makes cases")
    require_cores(chosen)
    return chosen
