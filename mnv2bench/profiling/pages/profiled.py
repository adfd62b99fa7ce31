"""What every table and picture of profiles is made from: each case's profile, its record, and the roof over it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mnv2bench.cases import EAGER, Case, is_gpu
from mnv2bench.networks import Layer, blocks, count, layers, roles
from mnv2bench.profiling.case_profile import LAYOUT, UNMAPPED, CaseProfile, Row, case_profile
from mnv2bench.profiling.records import Probes, Profile
from mnv2bench.profiling.roofline import Attainable, Roof, attainable, ceilings, roof, roofline_share
from mnv2bench.records import Record
from mnv2bench.report.tables import title

LAST = (LAYOUT, UNMAPPED)  # always shown, and never a part of a fused row
Setting = tuple[str, str, int, int, str]


@dataclass(frozen=True)
class Profiled:
    """A case with its roof: None without probes of its number of threads, and on a GPU, as probes are of processors."""

    profile: CaseProfile
    record: Record | None
    roof: Roof | None

    @property
    def case(self) -> Case:
        return self.profile.case

    @property
    def setting(self) -> Setting:
        """What cases of one table share; only the backend differs."""
        return (self.case.device, self.case.precision, self.case.threads, self.case.batch, self.case.variant)

    @property
    def setting_title(self) -> str:
        return f"{self.case.variant}, {title(*self.setting[:4])}"

    @property
    def limit_share(self) -> float | None:
        """Of the whole network, as `roofline_share`."""
        return roofline_share(self.roof, self.profile) if self.roof else None

    def attainable(self, names: Iterable[str]) -> Attainable | None:
        """Of these layers of the network; None of none, and without a roof."""
        asked = tuple(names)
        return attainable(self.roof, self.case, asked) if self.roof and asked else None

    def whole(self) -> Attainable | None:
        """Of the whole network."""
        return self.attainable(layer.name for layer in layers(self.case.network, self.case.width, self.case.resolution))


def profiled(
    profiles: Sequence[Profile], probes: Sequence[Probes] = (), records: Sequence[Record] = ()
) -> tuple[Profiled, ...]:
    """Each case that was profiled: by setting, the largest network first, eager first and then by name."""
    of_case: dict[Case, list[Profile]] = {}
    for profile in profiles:
        of_case.setdefault(profile.case, []).append(profile)
    measured = {record.case: record for record in records}
    over = roofs(probes)
    found = [
        Profiled(
            case_profile(mine, measured.get(case)),
            measured.get(case),
            None if is_gpu(case.device) else over.get(case.threads),
        )
        for case, mine in of_case.items()
    ]
    return tuple(sorted(found, key=_place))


def _place(one: Profiled) -> tuple[object, ...]:
    *where, variant = one.setting
    counted = count(one.case.network, one.case.width, one.case.resolution)
    return (*where, -counted.madds, variant, one.case.backend != EAGER, one.case.backend)


def roofs(probes: Sequence[Probes]) -> dict[int, Roof]:
    """By number of threads; only of those whose probes measured something."""
    found = {}
    for threads in sorted({probed.threads for probed in probes}):
        measured = ceilings(probes, threads)
        caches = {level: size for p in probes if p.threads == threads for level, size in p.caches.items()}
        if measured:
            found[threads] = roof(measured, threads, caches)
    return found


def settings(found: Sequence[Profiled]) -> list[tuple[str, list[Profiled]]]:
    """The title of each setting and its cases that were profiled to their end, in the order of `found`."""
    groups: dict[str, list[Profiled]] = {}
    for one in found:
        if one.profile.status == "ok":
            groups.setdefault(one.setting_title, []).append(one)
    return list(groups.items())


def network_layers(group: Iterable[Profiled]) -> tuple[Layer, ...]:
    """The layers of the cases' networks, those of one variant once."""
    variants = dict.fromkeys((one.case.network, one.case.width, one.case.resolution) for one in group)
    return tuple(layer for variant in variants for layer in layers(*variant))


def in_order(names: Iterable[str], net: Sequence[Layer]) -> list[str]:
    """Names of blocks or of roles, each once, as the network runs; a fused one stands behind its first layer.

    Layout and unmapped come last, whether they are among the names or not.
    """
    of_layers = {*names} - {*LAST}
    parts = {part for name in of_layers for part in name.split("+")}
    order = blocks(net) if parts <= {*blocks(net)} else roles(net)
    return [*sorted(of_layers, key=lambda name: [order.index(part) for part in name.split("+")]), *LAST]


def gmadds_per_s(row: Row) -> float | None:
    """Billions of multiply-adds a second; None of what multiplies nothing."""
    return row.madds / row.time.median_s / 1e9 if row.madds and row.time.median_s else None


def madds_per_byte(row: Row) -> float | None:
    return row.madds / row.bytes if row.bytes else None
