"""Filters: which cases of saved files a recommendation may choose from."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from mnv2bench.networks import Resolution, resolution_text
from mnv2bench.report.evaluation import Evaluation

FIELDS = {  # of a case, by the name of the filter
    "networks": "network",
    "widths": "width",
    "resolutions": "resolution",
    "classes": "classes",
    "channels": "channels",
    "backends": "backend",
    "devices": "device",
    "precisions": "precision",
    "threads": "threads",
    "batches": "batch",
    "streams": "streams",
}


@dataclass(frozen=True)
class Filters:
    """The values that the cases may have; an empty filter leaves every case."""

    networks: tuple[str, ...] = ()
    widths: tuple[float, ...] = ()
    resolutions: tuple[Resolution, ...] = ()
    classes: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    backends: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    precisions: tuple[str, ...] = ()
    threads: tuple[int, ...] = ()
    batches: tuple[int, ...] = ()
    streams: tuple[int, ...] = ()

    def kept(self, evaluations: Iterable[Evaluation]) -> tuple[Evaluation, ...]:
        """The evaluations whose cases have these values.

        Raises ValueError for a value that no case has, and where no case has all of them.
        """
        every = tuple(evaluations)
        kept = every
        for filter in fields(self):
            name = FIELDS[filter.name]
            values = getattr(self, filter.name)
            measured = {getattr(evaluation.case, name) for evaluation in every}
            if unknown := [value for value in values if value not in measured]:
                there = ", ".join(map(_text, sorted(measured, key=_order)))
                raise ValueError(f"no case has {name} {_text(unknown[0])}: there are {there}")
            kept = tuple(each for each in kept if not values or getattr(each.case, name) in values)
        if every and not kept:
            raise ValueError("no case has all of these values together: leave an option out")
        return kept


def _order(value: Any) -> tuple[Any, ...]:
    """What values of a field are sorted by: square resolutions are numbers among pairs."""
    return value if isinstance(value, tuple) else (value,)


def _text(value: Any) -> str:
    return resolution_text(value) if isinstance(value, tuple) else str(value)
