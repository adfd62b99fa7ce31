"""The doubts of a campaign summed up: a sentence for each kind of doubt, and the doubts of each case behind it."""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from mnv2bench.report.cells import MARKS, MEANINGS, escape, flag_names
from mnv2bench.report.evaluation import Evaluation

# The number in a flag's text by which its rows are ordered; a name that is not here has none.
FIGURES = {
    "noisy": re.compile(r"the worst ()(\d+)%"),
    "unsteady": re.compile(r"()([\d.]+)%$"),
    "kernel": re.compile(r"in the worst process ()(\d+)%"),
    "accuracy": re.compile(r"loses ()([\d.]+) points"),
}
LEAST_IS_WORST = ("noisy",)


class Doubt(NamedTuple):
    """What one row is doubted for: the name of the flag, its case, and the rest of its text."""

    name: str
    case: str
    text: str

    @property
    def size(self) -> float:
        """How bad it is beside others of its name; 0 where nothing says so."""
        figure = FIGURES[self.name].search(self.text) if self.name in FIGURES else None
        number = float(figure[2]) if figure else 0.0
        return -number if self.name in LEAST_IS_WORST else number


def sentences(evaluations: Sequence[Evaluation], inert: Callable[[str], str] = escape) -> list[str]:
    """`12 of 48 rows drifted within a process (‡); the largest: ...`: one for each kind of doubt.

    `inert` makes the texts of a file fit for where the sentences stand; without another it is Markdown.
    """
    rows = sum(evaluation.latency is not None or bool(evaluation.record.counts) for evaluation in evaluations)
    by_name: dict[str, list[Doubt]] = {name: [] for name in MARKS}
    for doubt in _doubts(evaluations):
        by_name[doubt.name].append(doubt)
    return [_sentence(doubts, rows, inert) for doubts in by_name.values() if doubts]


def _doubts(evaluations: Sequence[Evaluation]) -> Iterator[Doubt]:
    for evaluation in evaluations:
        for flag in evaluation.flags:
            for name in flag_names([flag]):
                yield Doubt(name, evaluation.case.id, flag.partition(": ")[2])


def _sentence(doubts: Sequence[Doubt], rows: int, inert: Callable[[str], str]) -> str:
    name, case, text = max(doubts, key=lambda doubt: doubt.size)
    counted = f"{len({doubt.case for doubt in doubts}):,} of {rows:,} rows"
    meaning = f"{counted} {MEANINGS[name]} ({name} {MARKS[name]})"
    if len({doubt.text for doubt in doubts}) == 1 and len(doubts) > 1:
        return f"{meaning}: {inert(text)}."
    if len(doubts) == 1:
        return f"{meaning}: {inert(case)}: {inert(text)}."
    example = "the worst is" if name in FIGURES else "such as"
    return f"{meaning}; {example} {inert(case)}: {inert(text)}."


def list_of_cases(evaluations: Sequence[Evaluation]) -> str:
    """A line for each case that is doubted, with all its flags."""
    doubted = [evaluation for evaluation in evaluations if evaluation.flags]
    return "\n".join(f"- {escape(e.case.id)}: {escape('; '.join(e.flags))}" for e in doubted)
