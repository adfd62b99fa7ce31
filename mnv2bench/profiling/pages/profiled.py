"""Profiled cases, from which all tables and pictures are made: each case's profile, its record and its roof."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.case import EAGER, Case, is_gpu
from mnv2bench.networks import Layer, blocks, layers, roles
from mnv2bench.precisions import NAMES
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, CaseProfile, ProfileRow, case_profile
from mnv2bench.profiling.mapping import network
from mnv2bench.profiling.records import Probes, Profile
from mnv2bench.profiling.roofline import (
    Attainable,
    Roof,
    attainable,
    case_limit_doubt,
    ceilings,
    limit_doubt,
    roof,
    roofline_share,
)
from mnv2bench.records import Record
from mnv2bench.report.layout import setting, title

LAST = (LAYOUT, UNMAPPED)  # rows that are always shown and never fused with others
Setting = tuple[str, str, int, int, int, str]


@dataclass(frozen=True)
class ProfiledCase:
    """A case with its profile, its record and its roof.

    The roof is None without probes of the case's number of threads, and on a GPU, because probes measure processors.
    """

    profile: CaseProfile
    record: Record | None
    roof: Roof | None

    @property
    def case(self) -> Case:
        return self.profile.case

    @property
    def setting(self) -> Setting:
        """What all cases of a table share; only the backend differs."""
        return (*setting(self.case), self.case.variant)

    @property
    def setting_title(self) -> str:
        return f"{self.case.variant}, {title(setting(self.case))}"

    @property
    def limit_share(self) -> float | None:
        """The share of the roofline that the whole network reaches, as `roofline_share`."""
        return roofline_share(self.roof, self.profile) if self.roof else None

    @property
    def limit_doubt(self) -> str:
        """Why the limit is none where the case is faster than it, beyond its interval; else ""."""
        return case_limit_doubt(self.roof, self.profile, self.record) if self.roof else ""

    def row_limit_doubt(self, row: ProfileRow) -> str:
        """The same of a row of its profile, by the quartiles of its time."""
        least = self.attainable(row.layers)
        return limit_doubt(least.seconds, row.time.high_s, len(row.layers)) if least and row.time.median_s else ""

    def attainable(self, names: Iterable[str]) -> Attainable | None:
        """The least time of these layers of the network; None without layers or without a roof."""
        layers = tuple(names)
        return attainable(self.roof, self.case, layers) if self.roof and layers else None

    def whole(self) -> Attainable | None:
        """The least time of the whole network; None without a roof."""
        return self.attainable(layer.name for layer in network(self.case))


def profiled_cases(
    profiles: Sequence[Profile], probes: Sequence[Probes] = (), records: Sequence[Record] = ()
) -> tuple[ProfiledCase, ...]:
    """Each case that was profiled: by setting, the largest network first, eager first and then by name."""
    by_case: dict[Case, list[Profile]] = {}
    for profile in profiles:
        by_case.setdefault(profile.case, []).append(profile)
    record_of = {record.case: record for record in records}
    roof_of = roofs(probes)
    cases = [
        ProfiledCase(
            profile=case_profile(of_case, record_of.get(case)),
            record=record_of.get(case),
            roof=None if is_gpu(case.device) else roof_of.get(case.threads),
        )
        for case, of_case in by_case.items()
    ]
    return tuple(sorted(cases, key=_order))


def _order(profiled: ProfiledCase) -> tuple[object, ...]:
    device, precision, *others, variant = profiled.setting
    case = profiled.case
    madds = case.count.madds
    return (device, NAMES.index(precision), *others, -madds, variant, case.backend != EAGER, case.backend)


def roofs(probes: Sequence[Probes]) -> dict[int, Roof]:
    """The roof of each number of threads whose probes measured something."""
    by_threads = {}
    for threads in sorted({process.threads for process in probes}):
        measured = ceilings(probes, threads)
        caches: dict[str, int] = {}
        for process in probes:
            if process.threads == threads:
                caches |= process.caches
        if measured:
            by_threads[threads] = roof(measured, threads, caches)
    return by_threads


def settings(cases: Sequence[ProfiledCase]) -> list[tuple[str, list[ProfiledCase]]]:
    """The title of each setting and its cases that have a whole profile, in their order."""
    groups: dict[str, list[ProfiledCase]] = {}
    for profiled in cases:
        if profiled.profile.status == "ok":
            groups.setdefault(profiled.setting_title, []).append(profiled)
    return list(groups.items())


def network_layers(group: Iterable[ProfiledCase]) -> tuple[Layer, ...]:
    """The layers of the cases' networks, each variant once."""
    variants = dict.fromkeys(profiled.case.spec for profiled in group)
    return tuple(layer for variant in variants for layer in layers(*variant))


def in_order(names: Iterable[str], net: Sequence[Layer]) -> list[str]:
    """Names of blocks or of roles, each once, as the network runs; a fused row stands behind its first layer.

    Layout and unmapped come last, whether they are among the names or not.
    """
    of_layers = {*names} - {*LAST}
    parts = {part for name in of_layers for part in name.split("+")}
    order = blocks(net) if parts <= {*blocks(net)} else roles(net)
    return [*sorted(of_layers, key=lambda name: [order.index(part) for part in name.split("+")]), *LAST]


def gmadds_per_s(row: ProfileRow) -> float | None:
    """Billions of multiply-adds a second; None for a row without multiply-adds or without time."""
    return row.madds / row.time.median_s / 1e9 if row.madds and row.time.median_s else None


def madds_per_byte(row: ProfileRow) -> float | None:
    """Multiply-adds for each byte that is moved; None for a row without layers."""
    return row.madds / row.bytes if row.bytes else None
