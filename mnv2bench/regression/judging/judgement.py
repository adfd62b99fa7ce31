"""The judgement of one night: a row for every cell, notes on the night as a whole, and the exit code."""

from collections.abc import Iterable
from dataclasses import dataclass

from mnv2bench.exit_codes import ExitCode
from mnv2bench.regression.judging.pairs import IMPROVEMENT, REGRESSION
from mnv2bench.remote.counts import FELL, ROSE, CountChange

SUSPECT, UNCHANGED, LEARNING, NOT_GATED = "suspect", "unchanged", "learning", "not gated"
NOISY, BROKEN, NOT_MEASURED, NOT_JUDGED = "noisy", "broken", "not measured", "not judged"
ORDER = (
    REGRESSION, BROKEN, SUSPECT, "inconclusive", ROSE, FELL, IMPROVEMENT, "cleared", NOT_JUDGED, NOISY, NOT_GATED,
    LEARNING, UNCHANGED, NOT_MEASURED,
)  # fmt: skip
UNCOMPARED = (LEARNING, NOT_GATED, NOISY, NOT_JUDGED, NOT_MEASURED, BROKEN)


@dataclass(frozen=True)
class CellVerdict:
    """Numbers are parts of one: 0.03 is 3 %. None where there is no such number.

    `nights`: how many its baseline has. `deviation`: tonight against the baseline, less what all cells share; `p` its
    one-sided p in its own direction, `q` that p after Benjamini-Hochberg over all cells. `ratio`, `low`, `high`: new
    over old of the pairs. `detectable`: the smallest slowdown that would be found in 19 of 20 nights.

    A verdict of a tail has the same numbers of p90 over p50, and in `tail` tonight's p90 over p50.

    `counted`: the case is counted and takes no time. Then `count` is tonight against the last earlier night that
    stands, and `ratio` is exact.
    """

    case: str
    verdict: str
    latency_ms: float | None = None
    tail: float | None = None
    nights: int = 0
    deviation: float | None = None
    p: float | None = None
    q: float | None = None
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int = 0
    detectable: float | None = None
    reason: str = ""
    counted: bool = False
    count: CountChange | None = None


@dataclass(frozen=True)
class Judgement:
    """`baseline` says against which environment suspects were confirmed, empty where there was none.

    `shift`: what all cells moved by, as a part: 0.03 is 3 % slower; `notes` are sentences on the night as a whole.
    `strict`: whether a suspect is as bad as a confirmed regression. `tails`: a row for the tail of every timed cell.
    """

    night: str
    saved_at: str
    fingerprint: str
    rows: tuple[CellVerdict, ...]
    shift: float
    notes: tuple[str, ...]
    baseline: str
    unjudged: bool
    strict: bool = False
    tails: tuple[CellVerdict, ...] = ()

    @property
    def code(self) -> ExitCode:
        """BAD: a confirmed regression, or a suspect where `strict`. NOT_JUDGED: no case has a verdict, or one broke."""
        verdicts = {row.verdict for row in self.rows}
        if self.has(REGRESSION) or self.strict_suspect:
            return ExitCode.BAD
        unmeasured = verdicts <= {NOT_MEASURED}
        return ExitCode.NOT_JUDGED if self.unjudged or unmeasured or BROKEN in verdicts else ExitCode.DONE

    @property
    def strict_suspect(self) -> bool:
        """Whether a suspect fails the night."""
        return self.strict and self.has(SUSPECT)

    def has(self, verdict: str) -> bool:
        """Whether the time or the tail of any cell has this verdict."""
        return any(row.verdict == verdict for row in (*self.rows, *self.tails))

    @property
    def compared(self) -> bool:
        """Whether tonight was compared with something in at least one case."""
        return any(row.verdict not in UNCOMPARED for row in self.rows)

    @property
    def gated(self) -> bool:
        """Whether a slower case could have failed the night."""
        return bool(self.baseline) or self.strict

    def ordered(self) -> list[CellVerdict]:
        """The rows by urgency of their verdict, and within one verdict the largest deviation first."""
        return by_urgency(self.rows)

    def ordered_tails(self) -> list[CellVerdict]:
        """The same of the tails."""
        return by_urgency(self.tails)


def by_urgency(rows: Iterable[CellVerdict]) -> list[CellVerdict]:
    """Rows by urgency of their verdict, and within one verdict the largest deviation first."""
    return sorted(rows, key=lambda row: (ORDER.index(row.verdict), -abs(row.deviation or 0.0), row.case))
