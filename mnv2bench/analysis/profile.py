"""Profiles of a case -> its time on the network's own layers: per operator, per layer, per block and per kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.cases import Case
from mnv2bench.profiles import Profile
from mnv2bench.records import Record

LAYOUT, UNMAPPED = "layout", "unmapped"  # rows of their own, as names and as kinds


@dataclass(frozen=True)
class Spread:
    """Seconds of one call: the median over processes of each process's median, and the quartiles over all calls."""

    median_s: float
    low_s: float
    high_s: float


@dataclass(frozen=True)
class Row:
    """Time of an operator, of a layer, of a block or of a kind, in one call of the whole batch.

    `layers` are the network's, as `networks.layers` names them; empty for "layout" and "unmapped". `share` is of the
    sum of all operators. `madds` and `bytes` are computed of the layers, for the whole batch: bytes are what each
    layer reads and writes once at the case's precision, its weights included, and of fused layers not what lies
    between them. 0 where there are no layers.
    """

    name: str
    kind: str
    layers: tuple[str, ...]
    time: Spread
    share: float
    madds: int
    bytes: int


@dataclass(frozen=True)
class CaseProfile:
    """What the profiles of one case say together. Rows are in the order of the network; layout and unmapped come last.

    `operators`, each by its own name. `layers`, one row for each group of layers that the runtime fuses, such as
    "block3.project+add", of the kind "project+add". `blocks`: stem, block0 to block16, head, pool, classifier; where an
    operator fuses layers of several, a row such as "head+pool". `kinds`: stem, expand, depthwise, project, add, head,
    pool, classifier, fused ones joined by "+". `sum_s` is the median of the sums of a call's operators; `median_s` the
    undisturbed median of the case's record, None without one; `profiled_s` the median call with the profiler on.
    Shares add up to 1. A case that could not be profiled has a status and a reason and empty rows.
    """

    case: Case
    status: str
    reason: str
    profiler: str
    processes: int
    calls: int
    operators: tuple[Row, ...]
    layers: tuple[Row, ...]
    blocks: tuple[Row, ...]
    kinds: tuple[Row, ...]
    sum_s: float
    median_s: float | None
    profiled_s: float
    mapped_share: float
    layout_share: float
    unmapped_share: float
    arena_bytes: int | None
    arena: str
    notes: tuple[str, ...]


def case_profile(profiles: Sequence[Profile], record: Record | None) -> CaseProfile:
    """Of one case: `profiles` are all of its processes, at least one, and `record` what was measured beside them."""
    raise NotImplementedError
