"""Table 4 measured again: what each runtime of a machine takes for the networks of the paper's table, and beside them.

Nothing is compared from one machine or setting to another.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from mnv2bench import networks
from mnv2bench.allocation.contests import floor_gap
from mnv2bench.case import Case
from mnv2bench.files import Sort
from mnv2bench.paper import table4
from mnv2bench.paper.table4 import Row
from mnv2bench.recommendation.candidates import Candidate, candidates, forbidding_flag
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.machines import machine_name
from mnv2bench.report.csv import as_csv
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.layout import Setting, setting
from mnv2bench.statistics.architectures import Law, Timed, exact, law, places
from mnv2bench.statistics.location import Location

if TYPE_CHECKING:
    pass

COLUMNS = (
    *("machine", "device", "backend", "precision", "threads", "network", "variant", "madds", "paper_madds_m"),
    *("params", "paper_params_m", "paper_top1", "paper_ms", "ms", "ms_low", "ms_high", "place_first", "place_last"),
    *("unused_for", "status", "reason", "source"),
)
TABLE = Sort("table of the paper's Table 4", columns=COLUMNS)
LEAST_NETWORKS = 2  # of the table, that a setting must have to be shown


@dataclass(frozen=True)
class Runtime:
    """A runtime in one setting: its evaluations of the table's networks by their names, and all that may be compared.

    `timed` are all variants that the runtime was timed with, also those that are not of the table, without those whose
    numbers nobody should choose by.
    """

    name: str
    evaluations: Mapping[str, Evaluation]
    timed: tuple[Timed, ...]

    def of(self, row: Row) -> Timed | None:
        """The network of this line of the table, where it may be compared."""
        variant = Case.of(row.variant).variant
        return next((timed for timed in self.timed if timed.variant == variant), None)

    @property
    def of_table(self) -> tuple[Timed, ...]:
        """The networks of the table that may be compared, in its order."""
        every = (self.of(row) for row in table4.rows())
        return tuple(timed for timed in every if timed)

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """The first and the last place that each network of the table may have, by its variant."""
        return places(self.of_table)

    @property
    def law(self) -> Law | None:
        """The law of its latency over multiply-adds through all variants."""
        return law(self.timed)


@dataclass(frozen=True)
class Place:
    """A machine and a setting in which networks of the table were measured, by one runtime or several."""

    machine: str
    setting: Setting
    runtimes: tuple[Runtime, ...]

    @property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """Those of the table's networks."""
        return tuple(evaluation for runtime in self.runtimes for evaluation in runtime.evaluations.values())


def is_of_table(ids: Collection[str]) -> bool:
    """Whether cases of two of the table's families at least are among these ids."""
    starts = [(variant.network, f"{Case.of(variant).variant}-") for variant in table4.VARIANTS.values()]
    measured = {network for network, start in starts if any(id.startswith(start) for id in ids)}
    return len(measured) >= LEAST_NETWORKS


def published() -> Runtime:
    """The milliseconds that the table prints, beside our exact multiply-adds."""
    timed = [
        exact(Case.of(row.variant).variant, row.variant.network, networks.count(*row.variant).madds / 1e6, row.ms)
        for row in table4.rows()
        if row.ms is not None
    ]
    return Runtime(f"{table4.DEVICE} (paper)", {}, tuple(timed))


def measured_places(evaluations: Iterable[Evaluation]) -> tuple[Place, ...]:
    """Each machine and setting of batch 1 and one stream in which networks of the table ended well with a runtime.

    A case that was measured several times counts from the newest file.
    """
    groups: dict[tuple[str, str, Setting], dict[Case, Evaluation]] = {}
    for evaluation in sorted(evaluations, key=_age):
        case = evaluation.case
        if (case.batch, case.streams) == (1, 1):
            machine = evaluation.record.machine
            key = (machine.fingerprint or evaluation.source, machine_name(machine), setting(case))
            groups.setdefault(key, {})[case] = evaluation
    every = [Place(machine, of_group, _runtimes(by_case)) for (_, machine, of_group), by_case in groups.items()]
    return tuple(place for place in every if _networks_of(place) >= LEAST_NETWORKS)


def _age(evaluation: Evaluation) -> datetime:
    return evaluation.saved_at or datetime.min.replace(tzinfo=UTC)


def _networks_of(place: Place) -> int:
    """How many of the table's networks, at most, one runtime was timed with."""
    ended = [
        {evaluation.case.network for evaluation in runtime.evaluations.values() if evaluation.latency}
        for runtime in place.runtimes
    ]
    return max(map(len, ended), default=0)


def _runtimes(by_case: Mapping[Case, Evaluation]) -> tuple[Runtime, ...]:
    names = {Case.of(row.variant).variant: row.name for row in table4.rows()}
    usable: dict[str, list[Timed]] = {}
    for candidate in candidates(by_case.values()):
        if forbidding_flag(candidate) is None:
            usable.setdefault(candidate.case.backend, []).append(_timed(candidate))
    runtimes = []
    for backend in sorted({case.backend for case in by_case}):
        of_table = {names[c.variant]: e for c, e in by_case.items() if c.backend == backend and c.variant in names}
        if of_table:
            runtimes.append(Runtime(backend, of_table, tuple(usable.get(backend, ()))))
    return tuple(runtimes)


def _timed(candidate: Candidate) -> Timed:
    """A candidate's numbers; the place of one process, whose spread nothing shows, has no bounds."""
    location = candidate.location(Goal()) or Location(math.log(candidate.median_ms), math.inf, 1.0)
    case = candidate.case
    gap = floor_gap(candidate.evaluation.floor, [case])
    return Timed(case.variant, case.network, case.count.madds / 1e6, candidate.median_ms, location, gap)


def table_csv(every: Sequence[Place]) -> str:
    """A row for each runtime and network of the table; where nothing was measured, a row for each network."""
    import pandas as pd

    rows = [_values(place, runtime, row) for place in every for runtime in place.runtimes for row in table4.rows()]
    frame: pd.DataFrame = pd.DataFrame(rows or [_counts(row) for row in table4.rows()], columns=COLUMNS)
    return as_csv(frame)


def _counts(row: Row) -> dict[str, object]:
    """What is known of a network without measuring it."""
    counted = networks.count(*row.variant)
    return {
        "network": row.name,
        "variant": Case.of(row.variant).variant,
        "madds": counted.madds,
        "paper_madds_m": row.madds_m,
        "params": counted.params,
        "paper_params_m": float(row.params_m),
        "paper_top1": row.top1,
        "paper_ms": row.ms,
    }


def _values(place: Place, runtime: Runtime, row: Row) -> dict[str, object]:
    evaluation = runtime.evaluations.get(row.name)
    where = {
        "machine": place.machine,
        "device": place.setting.device,
        "backend": runtime.name,
        "precision": place.setting.precision,
        "threads": place.setting.threads,
    }
    if evaluation is None:
        return where | _counts(row) | {"status": "not measured"}
    times = evaluation.latency
    first, last = runtime.places.get(evaluation.case.variant, (None, None))
    return {
        **where,
        **_counts(row),
        "ms": times and 1e3 * times.median_s,
        "ms_low": times and times.low_s and 1e3 * times.low_s,
        "ms_high": times and times.high_s and 1e3 * times.high_s,
        "place_first": first,
        "place_last": last,
        "unused_for": times and forbidding_flag(Candidate(evaluation)),
        "status": evaluation.record.status,
        "reason": evaluation.record.reason,
        "source": evaluation.source,
    }
