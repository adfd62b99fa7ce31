"""What a campaign's end means for the exit code: which cases are bad, and what was requested and not measured."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mnv2bench.case import Case
from mnv2bench.exit_codes import ExitCode
from mnv2bench.selection import Selection
from mnv2bench.texts import one_line

FAILURES = ("wrong", "failed", "timeout")


class Ended(Protocol):
    """A record or a profile: how the measurement of a case ended, and why."""

    @property
    def case(self) -> Case: ...

    @property
    def status(self) -> str: ...

    @property
    def reason(self) -> str: ...


@dataclass(frozen=True)
class Requested:
    """What was requested by name: ids of cases, and values of fields of a case, by the name of the field."""

    case_ids: tuple[str, ...] = ()
    values: Mapping[str, Sequence[str | int]] = field(default_factory=dict)

    @classmethod
    def of(cls, selection: Selection, case_ids: Iterable[str] = ()) -> "Requested":
        """What the options and the arguments name. Ids of cases stand in place of the options."""
        if ids := tuple(case_ids):
            return cls(ids)
        return cls(
            values={
                "network": selection.networks,
                "backend": selection.backends,
                "device": selection.devices,
                "precision": selection.precisions,
                "threads": selection.threads,
                "batch": selection.batches,
                "streams": selection.streams,
            }
        )

    def names(self, case: Case) -> bool:
        """Whether the case itself or its backend is named: then this machine should have what it needs."""
        return case.id in self.case_ids or case.backend in self.values.get("backend", ())


@dataclass(frozen=True)
class Conclusion:
    """`failed`: whether a case is bad. `missed`: a sentence for each thing that was requested and not measured."""

    failed: bool
    missed: tuple[str, ...]

    @property
    def code(self) -> ExitCode:
        """BAD where something is bad or was missed."""
        return ExitCode.BAD if self.failed or self.missed else ExitCode.DONE


def conclusion(ended: Sequence[Ended], requested: Requested, verb: str = "measured") -> Conclusion:
    """How a campaign ended. `verb` is what should have been done to each case: measured, profiled."""
    failed = any(end.status in FAILURES for end in ended)
    if not any(end.status == "ok" for end in ended):
        return Conclusion(failed, (f"nothing was {verb}: {_why(ended)}",))
    missed = [*_unmeasured_values(ended, requested, verb), *_missing_here(ended, requested, verb)]
    return Conclusion(failed, tuple(missed))


def _unmeasured_values(ended: Sequence[Ended], requested: Requested, verb: str) -> Iterable[str]:
    """A sentence for each value of an option of which no case was measured, though the campaign had some."""
    for name, values in requested.values.items():
        for value in values:
            of_value = [end for end in ended if getattr(end.case, name) == value]
            if of_value and not any(end.status == "ok" for end in of_value):
                yield f"{name} {value} was requested, and nothing of it was {verb}: {_why(of_value)}"


def _missing_here(ended: Sequence[Ended], requested: Requested, verb: str) -> Iterable[str]:
    """A sentence for each case that is named, or whose backend is, and that this machine or the runtime cannot run."""
    for end in ended:
        named_case = end.case.id in requested.case_ids and end.status == "unsupported"
        if named_case or (end.status == "unavailable" and requested.names(end.case)):
            yield f"{end.case.id} was requested, and not {verb}: {_reason(end)}"


def _why(ended: Sequence[Ended]) -> str:
    """The first reason, and how many cases there are."""
    if not ended:
        return "there is no case"
    return one_line(f"{_reason(ended[0])} ({len(ended)} cases)" if len(ended) > 1 else _reason(ended[0]))


def _reason(end: Ended) -> str:
    return f"{end.status}: {end.reason}" if end.reason else end.status
