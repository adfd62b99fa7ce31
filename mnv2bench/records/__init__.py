"""Records: what was measured, as it is kept on disk."""

from mnv2bench.records.machine import GpuFacts, Machine, MachineState
from mnv2bench.records.record import (
    ENDED,
    QUICK,
    SCHEMA,
    STATUSES,
    Artifact,
    Checks,
    Counts,
    ExternalResult,
    Gpu,
    GpuMemory,
    Memory,
    Plan,
    Process,
    Record,
    Samples,
    record,
    replace,
)
from mnv2bench.records.weights import Weights, WeightsKind, default_weights

__all__ = [
    "ENDED",
    "QUICK",
    "SCHEMA",
    "STATUSES",
    "Artifact",
    "Checks",
    "Counts",
    "ExternalResult",
    "Gpu",
    "GpuFacts",
    "GpuMemory",
    "Machine",
    "MachineState",
    "Memory",
    "Plan",
    "Process",
    "Record",
    "Samples",
    "Weights",
    "WeightsKind",
    "default_weights",
    "record",
    "replace",
]
