"""What a record says of the GPU that it ran on: its state, its memory, which GPU it was, CUDA graphs."""

from collections.abc import Iterable
from dataclasses import dataclass

from mnv2bench.records import GpuMemory, Record
from mnv2bench.records.rounds import GpuState
from mnv2bench.statistics.processes import medians_by_field
from mnv2bench.statistics.rounds import measured


@dataclass(frozen=True)
class StateRange:
    """The state of a GPU over several moments: least and most of each number; None where NVML never reported it.

    `reasons` are why its clocks were not higher; `others` is the largest number of other processes on it.
    """

    sm_mhz: tuple[int, int] | None
    memory_mhz: tuple[int, int] | None
    celsius: tuple[int, int] | None
    reasons: tuple[str, ...] | None
    others: int | None


@dataclass(frozen=True)
class Conditions:
    """The GPU's state before the model was opened, while calls were in flight, and after; over all processes."""

    before: StateRange
    during: StateRange
    after: StateRange


def conditions(record: Record) -> Conditions | None:
    """Over all rounds, those that did not count included; None where no process ran on a GPU."""
    processes = [samples for samples in measured(record) if samples.gpu]
    if not processes:
        return None
    return Conditions(
        before=_range_of(samples.gpu.before for samples in processes if samples.gpu),
        during=_range_of(r.gpu.state for samples in processes for r in samples.rounds if r.gpu),
        after=_range_of(samples.gpu.after for samples in processes if samples.gpu),
    )


def _range_of(states: Iterable[GpuState | None]) -> StateRange:
    known = [state for state in states if state]
    reasons = [state.reasons for state in known if state.reasons is not None]
    return StateRange(
        sm_mhz=_least_and_most(state.sm_mhz for state in known),
        memory_mhz=_least_and_most(state.memory_mhz for state in known),
        celsius=_least_and_most(state.temperature_c for state in known),
        reasons=tuple(dict.fromkeys(reason for state in reasons for reason in state)) if reasons else None,
        others=max((state.others for state in known if state.others is not None), default=None),
    )


def _least_and_most(values: Iterable[int | None]) -> tuple[int, int] | None:
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else None


def gpu_memory(record: Record) -> GpuMemory | None:
    """Medians over processes, each field by itself, as no two of them count the same; None without a GPU."""
    return medians_by_field([samples.gpu.memory for samples in measured(record) if samples.gpu])


def cuda_graph(record: Record) -> str | None:
    """`yes`, `no`, or `no: ` and the reason; each different text of the processes. None where none has it."""
    return _joined(samples.settings.get("CUDA graph") for samples in measured(record))


def gpu_fact(record: Record, name: str) -> str | None:
    """A fact of the GPU that the driver and NVML reported; each different text of the processes."""
    return _joined(samples.gpu.facts.get(name) for samples in measured(record) if samples.gpu)


def _joined(texts: Iterable[str | None]) -> str | None:
    return " / ".join(dict.fromkeys(text for text in texts if text)) or None
