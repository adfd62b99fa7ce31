"""The option --explain of `gate` and `duel`, and what it prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mnv2bench.cli.app import console, show
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    from mnv2bench.explanations.explanation import Explanation

BUDGET = "Time for pairs, such as 10m, and as much again for --explain. What is not judged by then is inconclusive."
EXPLAIN = "Profile old and new of each confirmed case, and show the blocks of the network that moved most."


def show_explanations(explanations: "Sequence[Explanation]") -> None:
    """Print a table for each explained case, and its sentences."""
    from mnv2bench.explanations.page import COLUMNS, block_rows, explanation_sentences

    for explanation in explanations:
        if explanation.blocks:
            show(COLUMNS, block_rows(explanation), f"{explanation.case.id}: blocks that moved most")
        for sentence in explanation_sentences(explanation):
            console().print(one_line(f"{explanation.case.id}: {sentence}"), markup=False)
