"""What processes pay that do not have our setting of the allocator, as sentences."""

from mnv2bench.records.selfcheck import AllocatorCase, AllocatorCheck
from mnv2bench.statistics.allocator import allocator_cost


def allocator_lines(checked: AllocatorCheck) -> list[str]:
    """A sentence on what was compared, and one on each case: "torch_eager without it: +3 %"."""
    head = (
        f"Allocator, measured on {checked.when:%Y-%m-%d}: every process here has the setting {checked.setting}. Your "
        "own processes do not have it. Without it, and where every large tensor is mapped anew in each call:"
    )
    return [head, *map(_line, checked.cases)]


def _line(measured: AllocatorCase) -> str:
    cost = allocator_cost(measured)
    plain, mapped = cost.plain_s / cost.ours_s - 1, cost.mapped_s / cost.ours_s - 1
    return (
        f"{cost.case.backend} {cost.case.variant} without it: {plain:+.0%}, mapped anew: {mapped:+.0%} "
        f"({1e3 * cost.ours_s:.3g}, {1e3 * cost.plain_s:.3g} and {1e3 * cost.mapped_s:.3g} ms; "
        f"{cost.faults:,.0f} page faults a call)"
    )
