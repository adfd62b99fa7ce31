"""What identical campaigns on a machine differ by, as sentences."""

import math

from mnv2bench.case import Case
from mnv2bench.statistics.floor import Floor

MEASURE = "`mnv2bench selfcheck --only aa --save` measures what two identical campaigns on this machine differ by"
UNKNOWN = f"No A/A floor is kept of this machine, so that unsteady is a drift of over 2 %. {MEASURE}."


def floor_text(floor: Floor | None) -> str:
    """The A/A floor of a machine in plain words, or how to measure one."""
    if floor is None:
        return UNKNOWN
    moved = {case: abs(math.log(ratio)) for case, ratio in floor.ratios.items()}
    worst = max(moved, key=lambda case: moved[case])
    middle = sorted(moved.values())[len(moved) // 2]
    called = sum(verdict in ("slower", "faster") for verdict in floor.verdicts.values())
    limits = [floor.halves(Case.parse(case)) or 0.0 for case in floor.ratios]
    return (
        f"A/A floor of {floor.when:%Y-%m-%d}: the medians of two identical campaigns of {floor.processes} processes "
        f"differed by {math.expm1(middle):.1%} in the middle of {len(moved)} cases and by "
        f"{math.expm1(moved[worst]):.1%} at most ({worst}); compare called {called} of them slower or faster. Two "
        f"processes differ by up to {min(limits):.1%} to {max(limits):.1%}, by backend, and unsteady is a drift beyond "
        "that, and beyond 2 %."
    )
