"""Journals of campaigns: begun anew, or taken up where they are of the same campaign."""

from collections.abc import Mapping

from mnv2bench.campaign.retries import ended_by_machine
from mnv2bench.locks import Progress
from mnv2bench.records import Machine, replace
from mnv2bench.records.journal import Head, Journal


def open_journal(journal: Journal, head: Head, resume: bool, progress: Progress) -> None:
    """Begin the journal, or continue the interrupted one; ValueError where that one is of another campaign."""
    if not continue_journal(journal, head, resume, progress):
        begin_journal(journal, head, progress)


def continue_journal(journal: Journal, head: Head, resume: bool, progress: Progress) -> bool:
    """Take up an interrupted journal; False where a new one is to begin. ValueError for one of another campaign.

    A campaign with a budget may get a longer one: then it goes on also where it had come to its end.
    """
    if not resume:
        return False
    if not journal.path.exists() or not journal.path.stat().st_size:
        progress(f"nothing to resume in {journal.path}: a new campaign begins", 0, 0)
        return False
    before = journal.resume()
    longer = head.plan.budget_s > before.plan.budget_s > 0
    _require_same(replace(before, plan=replace(before.plan, budget_s=head.plan.budget_s)) if longer else before, head)
    if longer:
        journal.extend(head.plan.budget_s)
    if retried := journal.forget(ended_by_machine):
        progress(f"measured again, as the machine had ended them: {len(retried)} processes", 0, 0)
    return True


def begin_journal(journal: Journal, head: Head, progress: Progress) -> None:
    """Begin a journal; one that stands there is kept under another name."""
    if aside := journal.begin(head):
        progress(f"what stood in {journal.path} is kept as {aside}", 0, 0)


def _require_same(before: Head, now: Head) -> None:
    for name in ("cases", "plan", "seed", "weights", "runner"):
        if getattr(before, name) != getattr(now, name):
            raise ValueError(f"the interrupted campaign had other {name}: repeat its command with --resume, or drop it")
    if before.machine.allocator != now.machine.allocator or before.machine.variables != now.machine.variables:
        raise ValueError(
            "the interrupted campaign had another environment: set its variables again "
            f"({_words(before.machine.variables)}), or measure it anew, without --resume"
        )
    if before.machine.fingerprint != now.machine.fingerprint:
        raise ValueError("the interrupted campaign ran on another machine: measure it anew, without --resume")
    if _code(before.machine) != _code(now.machine):
        then, today = (head.machine.commit or "no commit" for head in (before, now))
        raise ValueError(
            f"mnv2bench itself changed since the campaign was interrupted ({then} then, {today} now): "
            "measure it anew, without --resume"
        )
    if before.machine.libraries != now.machine.libraries:
        raise ValueError("libraries changed since the campaign was interrupted: measure it anew, without --resume")


def _words(variables: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in variables.items()) or "none of those that are recorded"


def _code(machine: Machine) -> tuple[str | None, str | None]:
    """What tells one state of mnv2bench's code from another: its commit, and the digest of what ran."""
    return machine.commit, machine.sources
