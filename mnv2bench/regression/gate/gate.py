"""The nightly gate: tonight against its baseline, then suspects against the pinned baseline environment."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mnv2bench.case import Case
from mnv2bench.regression.duels.confirm import Answer, Question
from mnv2bench.regression.gate.baseline import NightLevels, night_levels
from mnv2bench.regression.gate.counts import unmeasured
from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.verdicts import Verdict, open_changes
from mnv2bench.regression.judging.judgement import (
    LEARNING,
    NOISY,
    NOT_GATED,
    NOT_JUDGED,
    SUSPECT,
    UNCHANGED,
    CellVerdict,
    Judgement,
)
from mnv2bench.regression.judging.pairs import CLEARED, IMPROVEMENT, INCONCLUSIVE, REGRESSION
from mnv2bench.regression.judging.questions import Questions, questions
from mnv2bench.regression.judging.screen import MIN_BASELINE_NIGHTS, Screen, q_values, screen
from mnv2bench.regression.judging.series import TIME, Series

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Screened:
    """Stage 1 of one series in one night. Arrays and numbers of cells are in the order of `nights.cases`.

    `tonight`: rows by case. `gated`: which cells can be judged. `questions`: what stage 2 measures. `still_open`: the
    confirmed change of each cell that nobody has accepted. `series` is whose levels they are.
    """

    nights: NightLevels
    tonight: "pd.DataFrame"
    screen: Screen
    detectable: NDArray[np.float64]
    gated: NDArray[np.bool_]
    questions: Questions
    still_open: dict[int, str]
    series: Series = TIME

    @property
    def bad(self) -> bool:
        """Whether too many processes of tonight were disturbed."""
        return self.nights.nights[-1] in self.nights.bad

    def cases(self) -> dict[Case, int]:
        """The cases that stage 2 measures, and their cells."""
        return {Case.parse(self.nights.cases[cell]): cell for cell in sorted(self.questions.directions)}

    def pair_questions(self) -> list[Question]:
        """What stage 2 is to say of each of them; the risk of a case is divided by its rivals."""
        return [
            Question(case, self.questions.directions[cell], self.questions.rivals(cell), self.series)
            for case, cell in self.cases().items()
        ]

    @property
    def seed(self) -> int:
        """The same for a night whenever it is judged."""
        return zlib.crc32(self.nights.nights[-1].encode())


def screened(
    frame: "pd.DataFrame",
    night: str,
    epochs: Sequence[Epoch],
    verdicts: dict[str, dict[str, Verdict]],
    series: Series = TIME,
) -> Screened:
    """Stage 1 of one night, from the rows of one machine and name; `verdicts` are those of the series."""
    nights = night_levels(frame, night, epochs, verdicts, series)
    tonight = frame[frame["night"] == night].drop_duplicates("case", keep="last").set_index("case")
    screen_of_cells = screen(nights.levels, nights.eligible, series.screen_limits)
    smallest = _smallest_detectable(screen_of_cells, nights.process_sd, series)
    undoubtful = tonight.loc[list(nights.cases), "doubt"].astype(str).to_numpy() == ""
    measured = np.isfinite(nights.levels[-1])
    gated = undoubtful & measured & (smallest <= series.not_gated_above) & ~screen_of_cells.learning
    earlier = {name: of_night for name, of_night in verdicts.items() if name != night}
    confirmed = open_changes(earlier, epochs, nights.nights)
    still_open = {nights.cases.index(case): v.verdict for case, v in confirmed.items() if case in nights.cases}
    chosen = questions(screen_of_cells, gated, still_open, night)
    if night in nights.bad:
        chosen = Questions({}, bad=True, common=False, beyond_cap=())
    return Screened(nights, tonight, screen_of_cells, smallest, gated, chosen, still_open, series)


def _smallest_detectable(
    screen_of_cells: Screen, process_sd: NDArray[np.float64], series: Series
) -> NDArray[np.float64]:
    """The minimum detectable effect of each cell; nan where its baseline is too short."""
    spreads = np.where(np.isfinite(process_sd), process_sd, 0.0)
    return np.array(
        [
            series.detectable(sd, int(nights), spread) if nights >= MIN_BASELINE_NIGHTS and np.isfinite(sd) else np.nan
            for sd, nights, spread in zip(screen_of_cells.sd, screen_of_cells.baseline_nights, spreads, strict=True)
        ]
    )


def judged(
    stage1: Screened,
    tails: Screened,
    answers: Mapping[Question, Answer] | None,
    notes: Sequence[str],
    baseline: str,
    counts: Sequence[CellVerdict] = (),
    strict: bool = False,
) -> Judgement:
    """Every cell's verdict of its time and of its tail, and those of `counts` as they are.

    `answers` is None without a baseline environment.
    """
    first_row = stage1.tonight.iloc[0]
    rows, of_tails = (_rows(series, answers) for series in (stage1, tails))
    without_pairs = any(answer.judged.pairs == 0 for answer in (answers or {}).values())
    standing = [cell for cell in _open_regressions(stage1) if not _settled(rows[cell])]
    standing_tails = [cell for cell in _open_regressions(tails) if not _settled(of_tails[cell])]
    return Judgement(
        night=stage1.nights.nights[-1],
        saved_at=str(first_row["saved_at"]),
        fingerprint=str(first_row["fingerprint"]),
        rows=(*rows, *counts),
        shift=float(np.expm1(stage1.screen.shift)),
        notes=(
            *_notes(stage1, rows, answers),
            *_tail_notes(tails),
            *notes,
            *_standing_notes(stage1, standing),
            *_standing_notes(tails, standing_tails),
        ),
        baseline=baseline,
        unjudged=stage1.bad or stage1.questions.bad or without_pairs or bool(standing or standing_tails),
        strict=strict,
        tails=tuple(of_tails),
    )


def _rows(stage1: Screened, answers: Mapping[Question, Answer] | None) -> list[CellVerdict]:
    """The verdict of every cell in one series."""
    by_id = {
        question.case.id: answer for question, answer in (answers or {}).items() if question.series is stage1.series
    }
    q = q_values(stage1.screen, stage1.gated)
    unconfirmed = {int(cell) for slower in (True, False) for cell in stage1.screen.unconfirmed(slower)}
    return [
        _row(stage1, cell, case, q, by_id.get(case), answers is not None, cell in unconfirmed)
        for cell, case in enumerate(stage1.nights.cases)
    ]


def _tail_notes(tails: Screened) -> list[str]:
    """Sentences on the tails of the night as a whole."""
    notes = []
    if tails.questions.bad:
        notes.append("More than 20 % of the gated cells have longer tails: the night is suspect, not its cells.")
    if tails.questions.common:
        moved = f"{np.expm1(tails.screen.shift):+.1%}"
        notes.append(f"The tails (p90 over p50) of all cells moved together by {moved}: the machine, or everything.")
    return notes


def _open_regressions(stage1: Screened) -> list[int]:
    """Cells with a confirmed regression that nobody accepted and no pairs have cleared."""
    return [cell for cell, verdict in stage1.still_open.items() if verdict == REGRESSION]


def _settled(row: CellVerdict) -> bool:
    """Whether tonight's pairs gave a verdict."""
    return row.verdict in (REGRESSION, IMPROVEMENT, CLEARED)


def _standing_notes(stage1: Screened, standing: Sequence[int]) -> list[str]:
    if not standing:
        return []
    names = ", ".join(stage1.nights.cases[cell] for cell in standing)
    regression = "regression" if stage1.series is TIME else "regression of the tail"
    return [f"A {regression} of an earlier night stands and could not be tested again: {names}."]


def _row(
    stage1: Screened,
    cell: int,
    case: str,
    q: NDArray[np.float64],
    answer: Answer | None,
    has_pairs: bool,
    unconfirmed: bool,
) -> CellVerdict:
    screen_of_cells, tonight = stage1.screen, stage1.tonight.loc[case]
    slower = screen_of_cells.deviation[cell] > 0
    verdict, reason = _verdict(stage1, cell, tonight, has_pairs, unconfirmed)
    pairs = answer.judged if answer else None
    if answer and pairs:
        verdict, reason = pairs.verdict, answer.reason
    return CellVerdict(
        case=case,
        verdict=verdict,
        latency_ms=_number(tonight["latency_ms"]),
        tail=None if tonight["tail"] is None else _number(np.exp(tonight["tail"])),
        nights=int(screen_of_cells.baseline_nights[cell]),
        deviation=_number(np.expm1(screen_of_cells.deviation[cell])),
        p=_number((screen_of_cells.p_slower if slower else screen_of_cells.p_faster)[cell]),
        q=_number(q[cell]),
        ratio=pairs.ratio if pairs else None,
        low=pairs.low if pairs else None,
        high=pairs.high if pairs else None,
        pairs=pairs.pairs if pairs else 0,
        detectable=_number(stage1.detectable[cell]),
        reason=reason,
    )


def _verdict(stage1: Screened, cell: int, tonight: Any, has_pairs: bool, unconfirmed: bool) -> tuple[str, str]:
    """Verdict and reason of stage 1 alone."""
    baseline_nights = int(stage1.screen.baseline_nights[cell])
    if str(tonight["status"]) != "ok":
        return unmeasured(str(tonight["status"]), str(tonight["reason"]), baseline_nights)
    if isinstance(tonight["told_by"], str):
        return NOT_GATED, f"reported by {tonight['told_by']}: outputs not checked, no raw samples"
    if str(tonight["doubt"]):
        return NOISY, f"tonight was {tonight['doubt']} here"
    if stage1.bad:
        return NOT_JUDGED, "too many processes of the night were disturbed"
    if baseline_nights < MIN_BASELINE_NIGHTS:
        return LEARNING, f"{baseline_nights} of {MIN_BASELINE_NIGHTS} nights"
    if not np.isfinite(stage1.nights.levels[-1, cell]):
        return NOT_GATED, "too few calls in a round for a p90"
    if not stage1.gated[cell]:
        return NOT_GATED, f"its own noise hides changes of {stage1.series.not_gated_above:.0%}".replace("%", " %")
    if cell in stage1.questions.beyond_cap and has_pairs:
        return INCONCLUSIVE, "more suspects than are measured in a night"
    if unconfirmed and not has_pairs:
        return SUSPECT, "two nights running, or the mean of three; no baseline environment to confirm it"
    return UNCHANGED, ""


def _notes(stage1: Screened, rows: Sequence[CellVerdict], answers: Mapping[Question, Answer] | None) -> list[str]:
    """Sentences on the night as a whole."""
    notes = []
    if stage1.bad:
        notes.append("This night cannot be judged: 20 % of its processes or more were disturbed.")
    elif stage1.questions.bad:
        notes.append("More than 20 % of the gated cells look slower: the night is suspect, not its cells.")
    if stage1.questions.common:
        moved = f"All cells moved together by {np.expm1(stage1.screen.shift):+.1%}: the machine, or everything."
        notes.append(moved + _common_cause(answers))
    missing = stage1.nights.missing
    if missing:
        names = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
        notes.append(f"{len(missing)} cases of the night before are not in this one: {names}.")
    if rows and not any(row.nights for row in rows):
        reason = "No earlier night of this machine, series and plan may be in a baseline"
        notes.append(f"{reason}: there is nothing to compare this one with.")
    return notes


def _common_cause(answers: Mapping[Question, Answer] | None) -> str:
    """What pairs say about a change that all cells share."""
    if answers is None:
        return " Without a baseline environment nothing can tell which."
    verdicts = [answer.judged.verdict for answer in answers.values()]
    if verdicts and all(verdict == CLEARED for verdict in verdicts):
        return " Pairs against the baseline environment show no difference: it was the machine."
    return ""


def _number(value: Any) -> float | None:
    return None if value is None or not np.isfinite(float(value)) else float(value)


def to_verdicts(rows: Iterable[CellVerdict]) -> list[Verdict]:
    """Rows as they are kept in verdicts.jsonl."""
    names = Verdict.__struct_fields__
    return [Verdict(**{name: getattr(row, name) for name in names}) for row in rows]
