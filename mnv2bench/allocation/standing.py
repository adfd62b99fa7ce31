"""Standing: what is known of a case while its campaign runs."""

from collections.abc import Mapping
from dataclasses import dataclass

from mnv2bench.case import Case
from mnv2bench.statistics.location import Location, Spread, location, logs_of
from mnv2bench.statistics.spread import Group, spread_group


@dataclass(frozen=True)
class Standing:
    """A case, the medians of its processes so far, and the price of its next one.

    `cost_s` is how long the next process takes, with its opening. `open` says whether the case may get another process:
    it has failed in none and has fewer than the plan allows.
    """

    case: Case
    medians_s: tuple[float, ...]
    cost_s: float
    open: bool = True

    def location(self, spreads: Mapping[Group, Spread]) -> Location:
        """Where the logs of its medians lie; the case has been measured."""
        return location(logs_of(self.medians_s), spreads.get(spread_group(self.case)))
