"""The tidy table of profiles: a row for each operator, layer, block and role of every case."""

from collections.abc import Iterator, Sequence

from mnv2bench.files import Sort
from mnv2bench.profiling.case_profile import ProfileRow
from mnv2bench.profiling.pages.profiled import ProfiledCase, gmadds_per_s, madds_per_byte
from mnv2bench.report.csv import as_csv

LEVELS = ("operator", "layer", "block", "kind")  # as the files name them; "kind" is the role of layers
OF_CASE = ("case", "network", "width", "resolution", "batch", "backend", "device", "precision", "threads")
OF_ROW = ("level", "name", "kind", "layers", "time_ms", "low_ms", "high_ms", "share", "madds", "bytes")
DERIVED = ("madds_per_byte", "gmadds_per_s", "attainable_ms", "achieved_share", "limit_doubt")
OF_PROFILE = (
    *("sum_ms", "median_ms", "profiled_ms", "case_share", "case_limit_doubt"),
    *("profiler", "status", "reason", "source"),
)
TABLE = Sort("profile table", ".profile.csv", columns=(*OF_CASE, *OF_ROW, *DERIVED, *OF_PROFILE))
WHOLE = ("madds", "bytes")  # integers, which a case without a profile lacks


def csv(cases: Sequence[ProfiledCase], name: str) -> str:
    """The table as CSV; `layers` are joined by "; ". A case without a profile has one row, with its status and reason.

    Times are of one profiled call, quartiles over all calls. `attainable_ms` and `achieved_share` are empty where no
    probe measured the machine with that number of threads, and for rows without layers. `case_share` is the least time
    of the whole network over the undisturbed median. The doubts say where a time is shorter than the least one, beyond
    its interval: the probes were too slow, and the limit is none.
    """
    import pandas as pd

    rows = [row for profiled in cases for row in _rows(profiled, name)]
    frame = pd.DataFrame(rows, columns=list(TABLE.columns))
    return as_csv(frame.astype(dict.fromkeys(WHOLE, "Int64")))


def _rows(profiled: ProfiledCase, name: str) -> Iterator[dict[str, object]]:
    case, profile = profiled.case, profiled.profile
    shared = {**case.to_json(), "case": case.id, "status": profile.status, "reason": profile.reason, "source": name}
    if profile.status != "ok":
        yield shared
        return
    median = None if profile.median_s is None else 1e3 * profile.median_s
    shared |= {"sum_ms": 1e3 * profile.sum_s, "median_ms": median, "profiled_ms": 1e3 * profile.profiled_s}
    shared |= {"case_share": profiled.limit_share, "case_limit_doubt": profiled.limit_doubt or None}
    shared |= {"profiler": profile.profiler}
    levels = (profile.operators, profile.layers, profile.blocks, profile.roles)
    for level, rows in zip(LEVELS, levels, strict=True):
        for row in rows:
            yield shared | {"level": level} | _row(profiled, row)


def _row(profiled: ProfiledCase, row: ProfileRow) -> dict[str, object]:
    least = profiled.attainable(row.layers)
    return {
        "name": row.name,
        "kind": row.type,
        "layers": "; ".join(row.layers),
        "time_ms": 1e3 * row.time.median_s,
        "low_ms": 1e3 * row.time.low_s,
        "high_ms": 1e3 * row.time.high_s,
        "share": row.share,
        "madds": row.madds if row.layers else None,
        "bytes": row.bytes if row.layers else None,
        "madds_per_byte": madds_per_byte(row),
        "gmadds_per_s": gmadds_per_s(row),
        "attainable_ms": 1e3 * least.seconds if least else None,
        "achieved_share": least.seconds / row.time.median_s if least and row.time.median_s else None,
        "limit_doubt": profiled.row_limit_doubt(row) or None,
    }
