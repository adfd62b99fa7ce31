"""The nightly gate: tonight against its history, and what is suspect against the pinned baseline environment."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnv2bench.cases import Case
from mnv2bench.regression.duels.confirm import Answer
from mnv2bench.regression.gate.baseline import Series, series
from mnv2bench.regression.gate.counts import unmeasured
from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.verdicts import Verdict, open_changes
from mnv2bench.regression.judging import judgement as words
from mnv2bench.regression.judging.detectable import NOT_GATED_ABOVE, detectable
from mnv2bench.regression.judging.judgement import CellVerdict, Judgement
from mnv2bench.regression.judging.pairs import CLEARED, IMPROVEMENT, INCONCLUSIVE, REGRESSION
from mnv2bench.regression.judging.questions import Questions, questions
from mnv2bench.regression.judging.screen import LEARNING, Screen, q_values, screen

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Screened:
    """Stage 1 done: the series, what stands out, who can be judged, and what stage 2 is asked."""

    series: Series
    tonight: "pd.DataFrame"
    screen: Screen
    detectable: NDArray[np.float64]
    gated: NDArray[np.bool_]
    asked: Questions
    still_open: dict[int, str]

    @property
    def bad(self) -> bool:
        return self.series.nights[-1] in self.series.bad

    def cases(self) -> dict[Case, int]:
        """The cases that stage 2 is asked about, and their columns."""
        return {Case.parse(self.series.cases[cell]): cell for cell in sorted(self.asked.asked)}

    @property
    def seed(self) -> int:
        return zlib.crc32(self.series.nights[-1].encode())


def screened(
    frame: "pd.DataFrame", night: str, epochs: Sequence[Epoch], verdicts: dict[str, dict[str, Verdict]]
) -> Screened:
    """Stage 1 of one night of a machine's series."""
    found = series(frame, night, epochs, verdicts)
    tonight = frame[frame["night"] == night].drop_duplicates("case", keep="last").set_index("case")
    seen = screen(found.levels, found.accepted)
    least = np.array(
        [
            detectable(sd, int(n), spread if np.isfinite(spread) else 0.0)
            if n >= LEARNING and np.isfinite(sd)
            else np.nan
            for sd, n, spread in zip(seen.sd, seen.nights, found.process_sd, strict=True)
        ]
    )
    sound = tonight.loc[list(found.cases), "doubt"].astype(str).to_numpy() == ""
    gated = sound & np.isfinite(found.levels[-1]) & (least <= NOT_GATED_ABOVE) & ~seen.learning
    earlier = {name: said for name, said in verdicts.items() if name != night}
    still = open_changes(earlier, epochs, found.nights)
    columns = {found.cases.index(case): said.verdict for case, said in still.items() if case in found.cases}
    asked = questions(seen, gated, columns, night)
    if night in found.bad:
        asked = Questions({}, bad=True, common=False, unasked=())
    return Screened(found, tonight, seen, least, gated, asked, columns)


def judged(
    found: Screened,
    answers: Mapping[Case, Answer] | None,
    notes: Sequence[str],
    baseline: str,
    counts: Sequence[CellVerdict] = (),
) -> Judgement:
    """Every cell's verdict, those of `counts` as they are; `answers` is None where there is no baseline environment."""
    first = found.tonight.iloc[0]
    by_id = {case.id: answer for case, answer in (answers or {}).items()}
    q = q_values(found.screen, found.gated)
    alone = {int(cell) for slower in (True, False) for cell in found.screen.unconfirmed(slower)}
    rows = [
        _row(found, column, case, q, by_id.get(case), answers is not None, column in alone)
        for column, case in enumerate(found.series.cases)
    ]
    failed = any(answer.judged.pairs == 0 for answer in by_id.values())
    standing = [case for case in _standing(found) if rows[case].verdict not in (REGRESSION, IMPROVEMENT, CLEARED)]
    if standing:
        names = ", ".join(found.series.cases[case] for case in standing)
        notes = [*notes, f"A regression of an earlier night stands and could not be tested again: {names}."]
    return Judgement(
        night=found.series.nights[-1],
        saved_at=str(first["saved_at"]),
        fingerprint=str(first["fingerprint"]),
        rows=(*rows, *counts),
        shift=float(np.expm1(found.screen.shift)),
        notes=(*_notes(found, rows, answers), *notes),
        baseline=baseline,
        unjudged=found.bad or found.asked.bad or failed or bool(standing),
    )


def _standing(found: Screened) -> list[int]:
    """Columns of confirmed regressions that nobody accepted and no pairs have cleared."""
    return [column for column, verdict in found.still_open.items() if verdict == REGRESSION]


def _row(
    found: Screened, column: int, case: str, q: NDArray[np.float64], answer: Answer | None, paired: bool, alone: bool
) -> CellVerdict:
    seen, tonight = found.screen, found.tonight.loc[case]
    slower = seen.deviation[column] > 0
    verdict, reason = _verdict(found, column, tonight, paired, alone)
    said = answer.judged if answer else None
    if answer and said:
        verdict, reason = said.verdict, answer.reason
    return CellVerdict(
        case=case,
        verdict=verdict,
        latency_ms=_number(tonight["latency_ms"]),
        nights=int(seen.nights[column]),
        deviation=_number(np.expm1(seen.deviation[column])),
        p=_number((seen.p_slower if slower else seen.p_faster)[column]),
        q=_number(q[column]),
        ratio=said.ratio if said else None,
        low=said.low if said else None,
        high=said.high if said else None,
        pairs=said.pairs if said else 0,
        detectable=_number(found.detectable[column]),
        reason=reason,
    )


def _verdict(found: Screened, column: int, tonight: Any, paired: bool, alone: bool) -> tuple[str, str]:
    """Without pairs: what stage 1 alone may say of a cell."""
    before = int(found.screen.nights[column])
    if str(tonight["status"]) != "ok":
        return unmeasured(str(tonight["status"]), str(tonight["reason"]), before)
    if isinstance(tonight["told_by"], str):
        return words.NOT_GATED, f"told by {tonight['told_by']}: outputs not checked, no raw samples"
    if str(tonight["doubt"]):
        return words.NOISY, f"tonight was {tonight['doubt']} here"
    if found.bad:
        return words.NOT_JUDGED, "too many processes of the night were disturbed"
    if before < LEARNING:
        return words.LEARNING, f"{before} of {LEARNING} nights"
    if not found.gated[column]:
        return words.NOT_GATED, "its own noise hides changes of 10 %"
    if column in found.asked.unasked and paired:
        return INCONCLUSIVE, "more suspects than are asked in a night"
    if alone and not paired:
        return words.SUSPECT, "two nights running, or the mean of three; no baseline environment to confirm it"
    return words.UNCHANGED, ""


def _notes(found: Screened, rows: Sequence[CellVerdict], answers: Mapping[Case, Answer] | None) -> list[str]:
    said = []
    if found.bad:
        said.append("This night cannot be judged: 20 % of its processes or more were disturbed.")
    elif found.asked.bad:
        said.append("More than 20 % of the gated cells look slower: the night is suspect, not its cells.")
    if found.asked.common:
        moved = f"All cells moved together by {np.expm1(found.screen.shift):+.1%}: the machine, or everything."
        said.append(moved + _common(found, answers))
    if found.series.missing:
        some = ", ".join(found.series.missing[:3]) + (", …" if len(found.series.missing) > 3 else "")
        said.append(f"{len(found.series.missing)} cases of the night before are not in this one: {some}.")
    if rows and not any(row.nights for row in rows):
        why = "No earlier night of this machine, series and plan is accepted"
        said.append(f"{why}: there is nothing to hold this one against.")
    return said


def _common(found: Screened, answers: Mapping[Case, Answer] | None) -> str:
    if answers is None:
        return " Without a baseline environment nothing can tell which."
    verdicts = [answer.judged.verdict for answer in answers.values()]
    if verdicts and all(verdict == CLEARED for verdict in verdicts):
        return " Pairs against the baseline environment show no difference: it was the machine."
    return ""


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(float(value)) else float(value)


def rivals(found: Screened) -> dict[Case, int]:
    """How many cells share the risk of each question."""
    return {case: found.asked.rivals(cell) for case, cell in found.cases().items()}


def to_verdicts(said: Judgement) -> list[Verdict]:
    """The rows as they are kept in verdicts.jsonl."""
    return [Verdict(**{kept.name: getattr(row, kept.name) for kept in fields(Verdict)}) for row in said.rows]
