"""Measuring from a script or a notebook: a campaign over cases, whose results come back as `Results`."""

from collections.abc import Iterable
from pathlib import Path

from mnv2bench.campaign import Campaign
from mnv2bench.campaign import run as measure
from mnv2bench.campaign.patience import patience
from mnv2bench.campaign.weights import with_classes
from mnv2bench.cases import Case
from mnv2bench.interrupts import interruptible
from mnv2bench.library.choice import selection
from mnv2bench.library.results import RESULTS, PathName, Results, load
from mnv2bench.records import Plan, replace
from mnv2bench.records.journal import Journal
from mnv2bench.terminal import Display

JOURNAL = Path("mnv2bench.jsonl")


def run(
    cases: Iterable[Case],
    *,
    processes: int | None = None,
    rounds: int | None = None,
    accuracy: bool = True,
    weights: PathName | None = None,
    images: PathName | None = None,
    env: Iterable[str] = (),
    seed: int = 0,
    out: PathName = JOURNAL,
    resume: bool = False,
    wait: bool = False,
    no_wait: bool = False,
    quiet: bool = False,
    results: PathName = RESULTS,
) -> Results:
    """Measure cases, each in fresh processes, and return what was measured; the names are those of `mnv2bench run`.

    `out` is the journal, which each process is written to when it ends; one that stands there is kept under another
    name, and with `resume` an interrupted one is continued.

    Raises ValueError, in one line and before anything is measured, for what cannot be meant, and where another campaign
    measures on this machine; OSError where the journal cannot be written.
    """
    chosen = selection(env, processes=processes, rounds=rounds, weights=weights, images=images, seed=seed)
    campaign_cases = with_classes(_cases(cases), chosen.weights)
    plan = replace(Plan(), processes=processes or Plan().processes, rounds=rounds or Plan().rounds)
    plan = replace(plan, environment=chosen.plan.environment)
    journal = Journal(Path(out))
    with interruptible(), Display(quiet=quiet) as display:
        campaign = Campaign(
            campaign_cases,
            journal,
            plan,
            seed=chosen.seed,
            weights=chosen.weights,
            progress=display,
            patience=patience({"wait": wait, "no-wait": no_wait}),
            accuracy=accuracy,
        )
        measure(campaign, resume)
    return load(journal.path, results=results)


def _cases(cases: Iterable[Case]) -> tuple[Case, ...]:
    """The cases, each once. ValueError where there is none, and for what is no case."""
    chosen = tuple(dict.fromkeys(cases))
    for case in chosen:
        if not isinstance(case, Case):
            raise ValueError(f"{case!r} is no case: mnv2bench.cases() makes cases, and Case.parse() reads an id")
    if not chosen:
        raise ValueError("there is no case to measure")
    return chosen
