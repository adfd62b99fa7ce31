"""Types of numbers and texts with their ranges: what is outside them in a file is refused where it is decoded."""

from typing import Annotated

from msgspec import Meta

MAX_WHOLE = 2**63 - 1  # what Arrow, numpy and pandas hold
MAX_BYTES = 2**50  # a petabyte
MAX_FLOAT = 1.7976931348623157e308  # json reads 1e999 as infinity
MAX_TEXT = 10_000  # characters
MAX_ENTRIES = 1_000  # of an object or a list that is not one of calls, rounds, cases or lines
PACKED = "packed"  # in the `extra` of a Meta: on disk the numbers are one text, "1 2 3"

Whole = Annotated[int, Meta(ge=0, le=MAX_WHOLE)]
Integer = Annotated[int, Meta(ge=-MAX_WHOLE, le=MAX_WHOLE)]
Positive = Annotated[int, Meta(gt=0, le=MAX_WHOLE)]
Bytes = Annotated[int, Meta(ge=0, le=MAX_BYTES)]
NotNegative = Annotated[float, Meta(ge=0, le=MAX_FLOAT)]
Separation = Annotated[float, Meta(ge=0, le=2)]  # of two images' logits, over the largest logit of both
Finite = Annotated[float, Meta(ge=-MAX_FLOAT, le=MAX_FLOAT)]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Texts = Annotated[dict[Text, Text], Meta(max_length=MAX_ENTRIES)]
# The calls of one round in order, integer nanoseconds: at least one call, and none that took no time
Durations = Annotated[tuple[Positive, ...], Meta(min_length=1, extra={PACKED: True})]
# The same by a profiler's clock, which may be too coarse for an operator
ProfiledDurations = Annotated[tuple[Whole, ...], Meta(extra={PACKED: True})]
