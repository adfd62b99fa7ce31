"""The newest nights of every machine under a folder of results, with what each machine's own gate said of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mnv2bench.exit_codes import ExitCode
from mnv2bench.regression.gate.gate import screened
from mnv2bench.regression.gate.night import Tonight, UnreadNight, tonight
from mnv2bench.regression.gate.onset import Difference, Onset, differing_facts, onset
from mnv2bench.regression.gate.spread import SINGLE, RegressionOnMachines, regressions
from mnv2bench.regression.history import Night, Verdict, nights
from mnv2bench.regression.history import epochs as epochs_file
from mnv2bench.regression.history.frame import AHEAD
from mnv2bench.regression.history.night import series_name
from mnv2bench.regression.history.reading import saved_files
from mnv2bench.regression.history.verdicts import open_changes
from mnv2bench.regression.judging.judgement import BROKEN, NOT_JUDGED, NOT_MEASURED
from mnv2bench.regression.judging.pairs import REGRESSION
from mnv2bench.regression.judging.series import TAIL
from mnv2bench.texts import counted, one_line

# Where each comes from: docs/gate.md#several-machines
TOGETHER = timedelta(hours=12)  # nights that were saved so near to the newest one are tonight's
RETIRED = timedelta(days=14)  # a machine without a newer night is named, and is no reason to warn
NAMED = 3  # cases that a sentence names
Files = tuple[Path, ...]


@dataclass(frozen=True)
class MachineNight:
    """The newest night of a machine. `takes_part`: it is tonight's, and the machine's own gate has judged it.

    `trouble` says why it takes no part, or why it cannot be called good; "" otherwise. `is_retired`: a machine that has
    measured nothing for long. `onsets`: by case, where each of its regressions began; `tail_onsets` those of tails.
    """

    fingerprint: str
    night: Night | None
    takes_part: bool
    trouble: str
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    tails: Mapping[str, Verdict] = field(default_factory=dict)
    is_retired: bool = False
    onsets: Mapping[str, Onset] = field(default_factory=dict)
    tail_onsets: Mapping[str, Onset] = field(default_factory=dict)

    def onset_of(self, row: RegressionOnMachines) -> Onset:
        """Where a regression of this machine began."""
        return (self.tail_onsets if row.tail else self.onsets)[row.case]


@dataclass(frozen=True)
class FleetJudgement:
    """Tonight on all machines: what regressed where. `commit` is what most of them measured.

    A machine that measured another commit is compared with those of its own commit alone. `facts` of a single machine
    that differ between two of its nights are by the files of these.
    """

    series: str
    newest: datetime
    commit: str | None
    machines: tuple[MachineNight, ...]
    rows: tuple[RegressionOnMachines, ...]
    facts: Mapping[Files, tuple[Difference, ...]] = field(default_factory=dict)

    @property
    def code(self) -> ExitCode:
        """BAD: a machine confirmed a regression. NOT_JUDGED: a machine that is not retired has no judged night."""
        if self.rows:
            return ExitCode.BAD
        troubled = any(machine.trouble and not machine.is_retired for machine in self.machines)
        judging = any(machine.takes_part for machine in self.machines)
        return ExitCode.NOT_JUDGED if troubled or not judging else ExitCode.DONE

    def machine(self, fingerprint: str) -> MachineNight:
        """The machine of a fingerprint."""
        return next(machine for machine in self.machines if machine.fingerprint == fingerprint)


def judged_fleet(results: Path, series: str = "", now: datetime | None = None) -> FleetJudgement:
    """What the gates of all machines said tonight; nothing is measured and nothing is written.

    Tonight's nights are those saved within 12 hours of the newest one, which no clock of tomorrow decides. ValueError
    where no machine has a night of the series.
    """
    now = now or datetime.now(UTC)
    read, troubles = _newest_nights(results, series)
    dated = {name: _own_night(night) for name, night in read.items()}
    possible = [night.saved_at for night in dated.values() if night.saved_at <= now + AHEAD]
    if not possible:
        if troubles:
            raise ValueError("; ".join(f"{name}: {reason}" for name, reason in troubles.items()))
        of_series = f" of {series}" if series else ""
        raise ValueError(f"no machine has a night{of_series} under {results}: --results and --series name others")
    newest = max(possible)
    if not series:
        series = next(read[name].series for name, night in dated.items() if night.saved_at == newest)
        return judged_fleet(results, series, now)
    commit = _shared_commit([night for night in dated.values() if newest - TOGETHER <= night.saved_at <= newest])
    machines = [_machine(read[name], dated[name], newest, now) for name in read]
    machines += [MachineNight(name, None, takes_part=False, trouble=reason) for name, reason in troubles.items()]
    machines.sort(key=lambda machine: machine.fingerprint)
    judgement = FleetJudgement(series, newest, commit, tuple(machines), tuple(_rows(machines, commit)))
    return replace(judgement, facts=dict(_facts_of_singles(judgement)))


def _rows(machines: Sequence[MachineNight], commit: str | None) -> Iterator[RegressionOnMachines]:
    """The regressions of the machines of each commit, those of the commit of most machines first."""
    by_commit: dict[str | None, list[MachineNight]] = {commit: []}
    for machine in machines:
        if machine.takes_part and machine.night:
            by_commit.setdefault(machine.night.commit, []).append(machine)
    for group in by_commit.values():
        yield from regressions({machine.fingerprint: machine.verdicts for machine in group})
        yield from regressions({machine.fingerprint: machine.tails for machine in group}, tail=True)


def _facts_of_singles(judgement: FleetJudgement) -> Iterator[tuple[Files, tuple[Difference, ...]]]:
    """What differs of a machine between the nights in which a regression of it alone began."""
    singles = [row for row in judgement.rows if row.spread == SINGLE]
    for files in dict.fromkeys(judgement.machine(row.slower[0]).onset_of(row).files for row in singles):
        yield files, differing_facts(files)


def _newest_nights(results: Path, series: str) -> tuple[dict[str, Tonight], dict[str, str]]:
    """The newest night of each machine, and of each machine that has none which reads the reason."""
    read: dict[str, Tonight] = {}
    troubles: dict[str, str] = {}
    folders = [folder for folder in sorted(results.glob("*")) if folder.is_dir() and _has_nights(folder, series)]
    earlier_names = _earlier_names(folders)
    for folder in folders:
        if folder.name in earlier_names:
            continue
        try:
            read[folder.name] = tonight(results, folder.name, series)
        except (UnreadNight, ValueError) as error:
            troubles[folder.name] = one_line(str(error))
    return read, troubles


def _has_nights(folder: Path, series: str) -> bool:
    return any(series in ("", series_name(Path(name))) for name in saved_files(folder).stamps)


def _earlier_names(folders: Sequence[Path]) -> set[str]:
    """The fingerprints that a machine had before an update, as its epochs.toml names them; a damaged one names none."""
    names = set()
    for folder in folders:
        try:
            names |= {entry.fingerprint for entry in epochs_file.continuations(folder / "epochs.toml")}
        except ValueError:
            continue  # `tonight` says so of that machine
    return names


def _own_night(night: Tonight) -> Night:
    return next(known for known in nights(night.frame) if known.night == night.name)


def _shared_commit(tonights: Sequence[Night]) -> str | None:
    """The commit that most machines measured; of two that are as frequent, that of the newer night."""
    frequency = Counter(night.commit for night in tonights)
    return max(tonights, key=lambda night: (frequency[night.commit], night.saved_at)).commit


def _machine(night: Tonight, dated: Night, newest: datetime, now: datetime) -> MachineNight:
    reason = _why_not_tonight(night, dated, newest, now)
    if reason:
        is_retired = dated.saved_at < newest - RETIRED
        return MachineNight(night.machine, dated, takes_part=False, trouble=reason, is_retired=is_retired)
    verdicts, tails = night.verdicts[night.name], night.tail_verdicts[night.name]
    return MachineNight(
        fingerprint=night.machine,
        night=dated,
        takes_part=True,
        trouble="; ".join(_troubles(night)),
        verdicts=verdicts,
        tails=tails,
        onsets={case: onset(night, case, night.verdicts) for case in _regressed(verdicts)},
        tail_onsets={case: onset(night, case, night.tail_verdicts) for case in _regressed(tails)},
    )


def _why_not_tonight(night: Tonight, dated: Night, newest: datetime, now: datetime) -> str:
    """Why the newest night of a machine is not compared with those of the others; "" where it is."""
    when = f"{dated.saved_at:%Y-%m-%d %H:%M}"
    if dated.saved_at > now + AHEAD:
        return f"its newest night is dated {when}, which is still to come: set the clock of that machine"
    if dated.saved_at < newest - TOGETHER:
        return f"it measured nothing tonight: its newest night is {dated.night} of {when}"
    if night.name not in night.verdicts:
        command = f"mnv2bench gate {night.name} --series {night.series}"
        return f"{night.name} was not judged: {command} on that machine judges it"
    return ""


def _troubles(night: Tonight) -> Iterator[str]:
    """Why a night that was judged cannot be called good, as its own gate's exit code 3 did."""
    stage1 = screened(night.frame, night.name, night.epochs, night.verdicts)
    tails = screened(night.frame, night.name, night.epochs, night.tail_verdicts, TAIL)
    names = {verdict.verdict for verdict in night.verdicts[night.name].values()}
    if stage1.bad or NOT_JUDGED in names:
        yield "too many processes of the night were disturbed"
    elif stage1.questions.bad or tails.questions.bad:
        yield "more than 20 % of the gated cells look slower: the night is suspect, not its cells"
    if names <= {NOT_MEASURED}:
        yield "nothing was measured"
    if BROKEN in names:
        broken = [case for case, verdict in night.verdicts[night.name].items() if verdict.verdict == BROKEN]
        yield f"{counted(len(broken), 'case')} broke: {_some(broken)}"
    for kind, verdicts in (("regression", night.verdicts), ("regression of a tail", night.tail_verdicts)):
        if standing := _standing(night, verdicts):
            verb = "stands and was" if len(standing) == 1 else "stand and were"
            plural = kind.replace("regression", "regressions")
            yield f"{counted(len(standing), kind, plural)} of earlier nights {verb} not tested again: {_some(standing)}"


def _standing(night: Tonight, verdicts: dict[str, dict[str, Verdict]]) -> list[str]:
    """The cases whose regression nobody accepted and no pairs of tonight tested."""
    names = [known.night for known in nights(night.frame)]
    latest = open_changes(verdicts, night.epochs, names[: names.index(night.name) + 1])
    regressed = _regressed(verdicts[night.name])
    return [case for case, verdict in latest.items() if verdict.verdict == REGRESSION and case not in regressed]


def _regressed(verdicts: Mapping[str, Verdict]) -> list[str]:
    return [case for case, verdict in verdicts.items() if verdict.verdict == REGRESSION]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
