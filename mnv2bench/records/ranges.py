"""Types of numbers with their ranges: what is outside them in a file is refused where it is decoded."""

from typing import Annotated

from msgspec import Meta

Whole = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
# The calls of one round in order, integer nanoseconds: at least one call, and none that took no time
Durations = Annotated[tuple[Positive, ...], Meta(min_length=1)]
# The same by a profiler's clock, which may be too coarse for an operator
ProfiledDurations = tuple[Whole, ...]
