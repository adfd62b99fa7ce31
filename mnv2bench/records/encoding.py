"""Records as JSON and back: one line a process, strict, and nothing believed that is not of its type."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mnv2bench.cases import Case, Kind
from mnv2bench.records import STATUSES, Counts, Gpu, GpuMemory, Memory, Process, Samples, Told
from mnv2bench.records.rounds import GpuRound, GpuState, Round
from mnv2bench.records.target import target_from_json, target_to_json

PACKED = ("durations_ns", "gpu_ns", "enqueue_ns", "end_to_end_ns")


def _packed(value: Any) -> Any:
    """Durations as one string a round: a saved file stays readable and one line long per round when indented.

    What no CPU has is left out where it is None.
    """
    if isinstance(value, dict):
        said = {k: v for k, v in value.items() if k != "gpu" or v is not None}
        return {k: durations_to_text(v) if k in PACKED else _packed(v) for k, v in said.items()}
    if isinstance(value, list | tuple):
        return [_packed(v) for v in value]
    return value


def durations_to_text(durations: Iterable[int]) -> str:
    return " ".join(map(str, durations))


def durations_from_text(text: str) -> tuple[int, ...]:
    """Nanoseconds, none below 0: a profiler's clock may be too coarse for an operator. ValueError for anything else."""
    found = tuple(map(int, text.split()))
    if min(found, default=0) < 0:
        raise ValueError("a duration below 0")
    return found


def _durations(text: str) -> tuple[int, ...]:
    found = durations_from_text(text)
    if not found or min(found) == 0:
        raise ValueError("a round without durations")
    return found


def round_to_json(round: Round) -> dict[str, Any]:
    packed: dict[str, Any] = _packed(asdict(round))
    return packed


def round_from_json(fields: dict[str, Any]) -> Round:
    durations, gpu = _durations(fields["durations_ns"]), fields.get("gpu")
    if fields["wall_ns"] < sum(durations):
        raise ValueError("a round longer than its wall time")
    return Round(**{**fields, "durations_ns": durations, "gpu": _gpu_round(gpu) if gpu else None})


def _gpu_round(fields: dict[str, Any]) -> GpuRound:
    durations = {name: _durations(fields[name]) for name in PACKED[1:]}
    require_numbers(fields, ("energy_mj", "in_flight_ns", "in_flight_calls"))
    if min(fields["in_flight_calls"], fields["in_flight_ns"]) <= 0:
        raise ValueError("a round with nothing in flight")
    if fields["wall_ns"] < fields["in_flight_ns"] + sum(durations["enqueue_ns"] + durations["end_to_end_ns"]):
        raise ValueError("passes longer than their wall time")
    return GpuRound(**{**fields, **durations, "state": _gpu_state(fields.get("state"))})


def _gpu_state(fields: dict[str, Any] | None) -> GpuState | None:
    if fields is None:
        return None
    require_numbers(fields, ("sm_mhz", "memory_mhz", "temperature_c", "others"))
    reasons = fields.get("reasons")
    if not isinstance(reasons, list | None):
        raise ValueError("reasons are no list")
    return GpuState(**{**fields, "reasons": None if reasons is None else tuple(map(str, reasons))})


def _gpu(fields: dict[str, Any]) -> Gpu:
    memory = fields.get("memory", {})
    require_numbers(memory, GpuMemory.__dataclass_fields__)
    if min((bytes for name, bytes in memory.items() if bytes is not None and name != "device_delta"), default=0) < 0:
        raise ValueError("a process that holds less than nothing")
    return Gpu(
        facts={str(name): str(value) for name, value in fields.get("facts", {}).items()},
        before=_gpu_state(fields.get("before")),
        after=_gpu_state(fields.get("after")),
        memory=GpuMemory(**memory),
    )


def samples_to_json(samples: Samples) -> dict[str, Any]:
    packed: dict[str, Any] = _packed(asdict(samples))
    return packed


def require_numbers(fields: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if not isinstance(fields.get(name), int | float | None):
            raise ValueError(f"{name} is no number")


def require_status(fields: dict[str, Any]) -> None:
    if fields["status"] not in STATUSES:
        raise ValueError(f"status {fields['status']!r} is not one of {', '.join(STATUSES)}")


def samples_from_json(fields: dict[str, Any]) -> Samples:
    memory, gpu = fields.get("memory"), fields.get("gpu")
    require_numbers(fields, ("import_s", "open_s", "cold_open_s", "first_s", "error", "separation"))
    return Samples(
        **{
            **fields,
            "warmup": tuple(map(round_from_json, fields.get("warmup", ()))),
            "rounds": tuple(map(round_from_json, fields.get("rounds", ()))),
            "memory": _memory(memory) if memory else None,
            "gpu": _gpu(gpu) if gpu else None,
        }
    )


def _memory(fields: dict[str, Any]) -> Memory:
    require_numbers(fields, Memory.__dataclass_fields__)
    return Memory(**fields)


def process_to_json(process: Process) -> dict[str, Any]:
    """A line says its kind, and holds only what that kind has: no field of a count could be taken for a latency."""
    packed: dict[str, Any] = _packed(asdict(process))
    unused = [name for name in ("counts", "told", "target") if not packed[name]]
    if process.counts or process.told or process.case.kind == Kind.COUNTED:
        unused.append("samples")
    if process.target:
        packed["target"] = target_to_json(process.target)
    kept = {name: value for name, value in packed.items() if name not in unused}
    return {**kept, "case": process.case.id, "kind": process.case.kind}


def process_from_json(fields: dict[str, Any]) -> Process:
    case = Case.parse(fields["case"])
    require_status(fields)
    if fields.pop("kind", case.kind) != case.kind:
        raise ValueError(f"a process of {case.id} is {case.kind}, and the line says another kind")
    return Process(**{**fields, "case": case, **measured_from_json(fields)})


def measured_from_json(fields: dict[str, Any]) -> dict[str, Any]:
    """What a child measured, as fields of a Process: samples, counts or told, and target."""
    counts, told = fields.get("counts"), fields.get("told")
    return {
        "samples": samples_from_json(fields.get("samples", {})),
        "counts": counts_from_json(counts) if counts else None,
        "told": told_from_json(told) if told else None,
        "target": target_from_json(fields.get("target")),
    }


def counts_from_json(fields: dict[str, Any]) -> Counts:
    instructions = tuple(fields["instructions"])
    numbers = (*instructions, fields.get("empty", 0), *fields.get("classes", {}).values())
    if not instructions or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise ValueError("counts that are no whole numbers")
    if min(instructions) <= fields.get("empty", 0):
        raise ValueError("an inference with no more instructions than its marks")
    require_numbers(fields, ("error", "separation"))
    return Counts(**{**fields, "instructions": instructions})


def told_from_json(fields: dict[str, Any]) -> Told:
    require_numbers(fields, ("min_ms", "max_ms", "mean_ms", "median_ms", "std_ms", "init_ms", "peak_mb"))
    return Told(**{**fields, **{name: tuple(fields.get(name, ())) for name in ("durations_ms", "notes")}})


def dumps(value: Any) -> str:
    """One line of strict JSON: no NaN, no surprises for other readers."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
