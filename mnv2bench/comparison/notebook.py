"""What a notebook shows of measurements and of recommendations: HTML without scripts, with the picture in it."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.comparison.case_table import case_table
from mnv2bench.comparison.shown_answers import Drawn, ShownChoices, shown_machine
from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.block import MACHINES, NO_CASE, Conditions, RowsOf
from mnv2bench.recommendation.ladder import budget_rows
from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.recommendation.picture import svg
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.web.document import fragment

MOST_CASES = 50  # of a table in a notebook: to_frame() has all


@dataclass(frozen=True)
class _ShownCases:
    """A table of cases."""

    summary: str
    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def answers_html(
    machines: Sequence[MachineAnswers],
    conditions: Conditions,
    evaluations: Sequence[Evaluation] = (),
    rows_of: RowsOf = budget_rows,
    choices: ShownChoices | None = None,
) -> str:
    """The answers of each machine as an HTML fragment, and a table of these evaluations where there are any.

    `rows_of` chooses the rows of an answer, and `choices` are what to ship on each machine, where that is shown. Every
    text of a file is escaped, and the picture is an image, in which no script runs.
    """
    return fragment(
        "notebook.html",
        machines=[shown_machine(machine, conditions, _picture, rows_of) for machine in machines],
        table=_cases(evaluations) if evaluations else None,
        choices=choices,
        nothing=NO_CASE,
        side_by_side=MACHINES,
    )


def _picture(place: int, answer: Answer) -> Drawn:
    """The picture of the first answer of a machine."""
    return Drawn(address=_address(answer) if place == 0 else "")


def _address(answer: Answer) -> str:
    """The picture as an address that holds it; "" where nothing can be drawn."""
    try:
        drawn = svg(answer)
    except ValueError:
        return ""
    return f"data:image/svg+xml;base64,{b64encode(drawn.encode('utf-8')).decode('ascii')}"


def _cases(evaluations: Sequence[Evaluation]) -> _ShownCases:
    """The first cases, as the page in HTML has them."""
    shown = case_table(evaluations[:MOST_CASES])
    counted = f"{len(evaluations)} cases"
    if len(evaluations) > MOST_CASES:
        counted = f"The first {MOST_CASES} of {counted}; to_frame() has all"
    rows = [tuple(cell.text for cell in row) for row in shown.rows]
    return _ShownCases(f"{counted}. {shown.caption}".strip(), tuple(heading.text for heading in shown.headings), rows)
