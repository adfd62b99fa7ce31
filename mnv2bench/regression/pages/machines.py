"""Tonight on all machines as a page: what regressed where, what changed there, and what each machine's gate said."""

from collections.abc import Callable, Iterator, Sequence

from mnv2bench.exit_codes import ExitCode
from mnv2bench.files import Sort
from mnv2bench.regression.gate.machines import FleetJudgement, MachineNight
from mnv2bench.regression.gate.onset import Difference, Onset
from mnv2bench.regression.gate.spread import MOST, SINGLE, SOME, RegressionOnMachines
from mnv2bench.regression.pages.gate import tally
from mnv2bench.report.blocks import Block, Heading, Listing, TableBlock, markdown
from mnv2bench.report.cells import NONE, escape, plain
from mnv2bench.texts import counted

PAGE = Sort("summary of the gate on all machines")
MACHINE_COLUMNS = ("machine", "night", "saved UTC", "commit", "gate")
REGRESSION_COLUMNS = ("case", "slower on", "new / old", "by chance", "where")
COMMIT = 12  # characters
LISTED = 5  # differences that a sentence lists
CAUSES = {
    MOST: "a change of the code or of a library",
    SINGLE: "look at that machine before the code",
    SOME: "look at what these machines share and the others lack",
}
TOO_FEW_CAUSE = "too few machines can say to tell the code from the machine"
HOW_TO_READ = (
    "Each row is of pairs of processes on the machines themselves; new / old is the smallest and the largest ratio of "
    "the slower ones.",
    "slower on: confirmed there, of the machines that can say. One can say where pairs cleared the case, or where it "
    "is unchanged and a change of this size would have shown in 19 of 20 nights.",
    "most machines: two at least, and more than half of those that can say. a single machine: one, where two others at "
    "least would have shown it. By chance: how often at most so many machines have a false REGRESSION of one case.",
    "Columns are no ranking: machines are different, and each is compared with its own history.",
)
Inert = Callable[[str], str]


def fleet_markdown(judgement: FleetJudgement) -> str:
    """The page; every text of a file is escaped."""
    return markdown(fleet_blocks(judgement, escape))


def fleet_blocks(judgement: FleetJudgement, inert: Inert = plain) -> list[Block]:
    """The page; `inert` makes the texts of a file fit for where the page stands."""
    rows = [regression_row(row, inert) for row in judgement.rows]
    regressed: list[Block] = [TableBlock(REGRESSION_COLUMNS, rows)] if rows else []
    points = sentences(judgement, inert)
    listed: list[Block] = [Listing(points)] if points else []
    advice: list[Block] = [Heading("How to read this"), Listing(HOW_TO_READ)] if rows else []
    return [
        Heading(headline(judgement, inert), 1),
        *regressed,
        *listed,
        Heading("Machines"),
        TableBlock(MACHINE_COLUMNS, [machine_row(machine, inert) for machine in judgement.machines], texts=5),
        *advice,
    ]


def sentences(judgement: FleetJudgement, inert: Inert = plain) -> tuple[str, ...]:
    """What to make of each regression, and of each machine that has no judged night or measured another commit."""
    of_machines = (
        f"{inert(machine.fingerprint)}: {remark}"
        for machine in judgement.machines
        for remark in _remarks(judgement, machine, inert)
    )
    return (*(sentence(judgement, row, inert) for row in judgement.rows), *of_machines)


def _remarks(judgement: FleetJudgement, machine: MachineNight, inert: Inert) -> Iterator[str]:
    if machine.trouble:
        yield inert(machine.trouble)
    if machine.takes_part and machine.night and machine.night.commit != judgement.commit:
        commits = f"{short(machine.night.commit, inert)} and not {short(judgement.commit, inert)}"
        yield f"it measured the commit {commits}, and is not counted among the others"


def headline(judgement: FleetJudgement, inert: Inert = plain) -> str:
    """The series, the date and the result, on one line."""
    spreads = [row.spread for row in judgement.rows]
    results = [
        f"{counted(spreads.count(spread), 'regression')} on {spread}"
        for spread in dict.fromkeys(sorted(spreads, key=[*CAUSES, *spreads].index))
    ]
    missing = sum(not machine.takes_part for machine in judgement.machines)
    if not results:
        code = judgement.code
        results = ["nothing is confirmed" if code == ExitCode.DONE else "nothing is confirmed, and not all was judged"]
    if missing:
        results.append(f"{missing} of {counted(len(judgement.machines), 'machine')} not judged tonight")
    return f"{inert(judgement.series)}, {judgement.newest:%Y-%m-%d}: {'; '.join(results)}"


def machine_row(machine: MachineNight, inert: Inert = plain) -> list[str]:
    """The texts of a machine under MACHINE_COLUMNS."""
    night = machine.night
    if night is None:
        return [inert(machine.fingerprint), NONE, NONE, NONE, "no night that reads"]
    gate = tally(machine.verdicts.values()) or "not judged"
    if any(machine.tail_onsets):
        gate = f"{gate}; {counted(len(machine.tail_onsets), 'REGRESSION', 'REGRESSIONs')} of a tail"
    saved_at = f"{night.saved_at:%Y-%m-%d %H:%M}"
    return [inert(machine.fingerprint), inert(night.night), saved_at, short(night.commit, inert), gate]


def regression_row(row: RegressionOnMachines, inert: Inert = plain) -> list[str]:
    """The texts of a case under REGRESSION_COLUMNS."""
    case = f"tail of {inert(row.case)}" if row.tail else inert(row.case)
    chance = f"{100 * row.chance:.2g} %"
    return [case, f"{len(row.slower)} of {row.judging}", ratios_text(row), chance, row.spread]


def ratios_text(row: RegressionOnMachines) -> str:
    """The ratio of the slower machines, or the smallest and the largest of them."""
    if row.low is None or row.high is None:
        return NONE
    low, high = f"{row.low:.3f}", f"{row.high:.3f}"
    return low if low == high else f"{low}–{high}"


def sentence(judgement: FleetJudgement, row: RegressionOnMachines, inert: Inert = plain) -> str:
    """What to make of a case: where it is slower, what that says, and what changed there when it began."""
    case = f"the tail of {inert(row.case)}" if row.tail else inert(row.case)
    machines = ", ".join(inert(name) for name in row.slower)
    cause = CAUSES.get(row.spread, TOO_FEW_CAUSE)
    onsets = [judgement.machine(name).onset_of(row) for name in row.slower]
    parts = [f"{case} is slower on {machines}: {cause}", *_changes(onsets, inert)]
    if row.spread == SINGLE:
        facts = _listed(judgement.facts.get(onsets[0].files, ()), inert)
        parts.append(f"the machine's own facts: {facts or 'none of those that are recorded changed'}")
    if row.silent:
        parts.append(f"cannot say: {', '.join(inert(name) for name in row.silent)}")
    return ". ".join(part[0].upper() + part[1:] if part != parts[0] else part for part in parts) + "."


def _changes(onsets: Sequence[Onset], inert: Inert) -> Iterator[str]:
    """When the regression began, the commits between, and the libraries that changed on all of these machines."""
    beginnings = dict.fromkeys(f"{inert(onset.since.night)} ({onset.since.saved_at:%Y-%m-%d})" for onset in onsets)
    yield f"first confirmed in {', '.join(beginnings)}"
    if not all(onset.before for onset in onsets):
        return
    ranges = dict.fromkeys(_commits(onset, inert) for onset in onsets)
    yield f"commits: {', '.join(ranges)}"
    shared = [change for change in onsets[0].libraries if all(change in onset.libraries for onset in onsets)]
    none = "none" if len(onsets) == 1 else "none on all of them"
    yield f"libraries that changed then: {_listed(shared, inert) or none}"


def _commits(onset: Onset, inert: Inert) -> str:
    """The commits of the night before and of the first slower one."""
    before, since = (short(night.commit if night else None, inert) for night in (onset.before, onset.since))
    return f"{since}, as in the night before" if before == since else f"{before}..{since}"


def short(commit: str | None, inert: Inert = plain) -> str:
    """A commit in a few characters, with its plus sign where files differed from it."""
    if not commit:
        return "unknown"
    return inert(commit[:COMMIT] + ("+" if commit[COMMIT:].endswith("+") else ""))


def _listed(differences: Sequence[Difference], inert: Inert) -> str:
    shown = [f"{inert(name)} {inert(before)} → {inert(after)}" for name, before, after in differences[:LISTED]]
    more = len(differences) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])
