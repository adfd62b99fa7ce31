"""Recommendations for scripts and notebooks: which variant, runtime and precision to ship."""

from collections.abc import Iterable
from numbers import Real
from pathlib import Path
from shutil import get_terminal_size
from typing import TypeVar

from mnv2bench.comparison.notebook import answers_html
from mnv2bench.comparison.recommended import Recommendation as Answers
from mnv2bench.comparison.shown_answers import ShownChoices, shown_choices
from mnv2bench.library.choice import Numbers, Resolutions, Words
from mnv2bench.networks import Resolution, parsed_resolutions
from mnv2bench.recommendation import Candidate
from mnv2bench.recommendation.block import RowsOf, block
from mnv2bench.recommendation.filters import Filters
from mnv2bench.recommendation.goal import Cost, Goal
from mnv2bench.recommendation.ladder import budget_rows, front_rows
from mnv2bench.recommendation.per_machine.choices import require_budget
from mnv2bench.recommendation.per_machine.prices import Prices, prices_of
from mnv2bench.recommendation.per_machine.text import text

N = TypeVar("N", int, float)


class Recommendation(Answers):
    """The answers of each machine: printed as the text of `mnv2bench recommend`, in a notebook with the picture.

    `machines` has the machines, each with its answers; `answers` are all of them, a setting each.
    """

    @property
    def best(self) -> Candidate | None:
        """The best case within the budgets, of the first setting; None where nothing fits or can be used.

        ValueError where the files are of several machines, which are not ranked against each other.
        """
        if len(self.machines) > 1:
            raise ValueError(f"the files are of {len(self.machines)} machines, which are not ranked: see `machines`")
        answer = next(iter(self.answers), None)
        return answer.best if answer and answer.is_usable else None

    @property
    def _rows_of(self) -> RowsOf:
        """What chooses the rows of the tables: the front where no budget was given."""
        has_budget = any(answer.goal.budget is not None for answer in self.answers)
        return budget_rows if has_budget else front_rows

    def __str__(self) -> str:
        if self.prices:
            return text(self.per_machine, self.prices, get_terminal_size().columns)
        return block(self.machines, get_terminal_size().columns, self.conditions, self._rows_of)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return answers_html(self.machines, self.conditions, rows_of=self._rows_of, choices=self._choices)

    @property
    def _choices(self) -> ShownChoices | None:
        """The table of machines and their prices; None without prices."""
        return shown_choices(self.per_machine, self.prices) if self.prices else None


def money(path: Path | None, goal: Goal) -> Prices | None:
    """The prices of a file, None without one. ValueError, in one line, where they cannot be meant."""
    if path is None:
        return None
    require_budget(goal)
    return prices_of(path)


def goal(
    latency_ms: float | None, memory_mb: float | None, accuracy: float | None, percentile: float | None, cost: str
) -> Goal:
    """The goal of these values. ValueError, in one line, for what cannot be meant."""
    for name, value in (("latency_ms", latency_ms), ("memory_mb", memory_mb), ("accuracy", accuracy)):
        if value is not None and not isinstance(value, Real):
            raise ValueError(f"{name} must be a number above 0, not {value!r}")
    if accuracy is not None and 0 < accuracy <= 1:
        raise ValueError(f"accuracy={accuracy:g} is one per cent at most: give per cent, such as 70")
    if cost not in [*Cost]:
        raise ValueError(f"cost {cost!r} is not one of {', '.join(Cost)}")
    return Goal(latency_ms, memory_mb, accuracy, percentile, Cost(cost))


def filters(
    networks: Words | None,
    widths: Numbers | None,
    resolutions: Resolutions | None,
    classes: int | Iterable[int] | None,
    channels: int | Iterable[int] | None,
    backends: Words | None,
    devices: Words | None,
    precisions: Words | None,
    threads: int | Iterable[int] | None,
    batches: int | Iterable[int] | None,
    streams: int | Iterable[int] | None,
) -> Filters:
    """The filters of these values, each a value or a list; None leaves every case."""
    return Filters(
        networks=_words(networks),
        widths=_numbers(widths),
        resolutions=_resolutions(resolutions),
        classes=_numbers(classes),
        channels=_numbers(channels),
        backends=_words(backends),
        devices=_words(devices),
        precisions=_words(precisions),
        threads=_numbers(threads),
        batches=_numbers(batches),
        streams=_numbers(streams),
    )


def _words(value: Words | None) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value or ()
    return tuple(name.strip() for name in names)


def _resolutions(value: Resolutions | None) -> tuple[Resolution, ...]:
    """Resolutions, each a number or a text such as 224x160."""
    words = str(value).split(",") if isinstance(value, str | int) else map(str, value or ())
    return parsed_resolutions("resolutions", map(str.strip, words))


def _numbers(value: N | Iterable[N] | None) -> tuple[N, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, Iterable) else (value,)
