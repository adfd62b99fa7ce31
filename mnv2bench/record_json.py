"""Records as JSON and back: one line a process, strict, and nothing believed that is not of its type."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from mnv2bench.cases import KINDS, Case
from mnv2bench.records import STATUSES, Counts, Memory, Process, Round, Samples, Told


def _packed(value: Any) -> Any:
    """Durations as one string a round: a saved file stays readable and one line long per round when indented."""
    if isinstance(value, dict):
        return {k: " ".join(map(str, v)) if k == "durations_ns" else _packed(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(v) for v in value]
    return value


def _round(fields: dict[str, Any]) -> Round:
    durations = tuple(map(int, fields["durations_ns"].split()))
    if not durations or min(durations) <= 0 or fields["wall_ns"] < sum(durations):
        raise ValueError("a round without durations, or longer than its wall time")
    return Round(**{**fields, "durations_ns": durations})


def samples_to_json(samples: Samples) -> dict[str, Any]:
    packed: dict[str, Any] = _packed(asdict(samples))
    return packed


def _require_numbers(fields: dict[str, Any], names: Iterable[str]) -> None:
    for name in names:
        if not isinstance(fields.get(name), int | float | None):
            raise ValueError(f"{name} is no number")


def samples_from_json(fields: dict[str, Any]) -> Samples:
    memory = fields.get("memory")
    _require_numbers(fields, ("import_s", "open_s", "cold_open_s", "first_s", "error", "separation"))
    return Samples(
        **{
            **fields,
            "warmup": tuple(map(_round, fields.get("warmup", ()))),
            "rounds": tuple(map(_round, fields.get("rounds", ()))),
            "memory": Memory(**memory) if memory else None,
        }
    )


def process_to_json(process: Process) -> dict[str, Any]:
    """A line says its kind, and holds only what that kind has: no field of a count could be taken for a latency."""
    packed: dict[str, Any] = _packed(asdict(process))
    unused = [name for name in ("counts", "told", "target") if not packed[name]]
    if process.counts or process.told or process.case.kind == KINDS[2]:
        unused.append("samples")
    kept = {name: value for name, value in packed.items() if name not in unused}
    return {**kept, "case": process.case.id, "kind": process.case.kind}


def process_from_json(fields: dict[str, Any]) -> Process:
    case = Case.parse(fields["case"])
    if fields["status"] not in STATUSES:
        raise ValueError(f"status {fields['status']!r} is not one of {', '.join(STATUSES)}")
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
        "target": dict(fields.get("target", {})),
    }


def counts_from_json(fields: dict[str, Any]) -> Counts:
    instructions = tuple(fields["instructions"])
    numbers = (*instructions, fields.get("empty", 0), *fields.get("classes", {}).values())
    if not instructions or not all(isinstance(n, int) and n >= 0 for n in numbers):
        raise ValueError("counts that are no whole numbers")
    if min(instructions) <= fields.get("empty", 0):
        raise ValueError("an inference with no more instructions than its marks")
    _require_numbers(fields, ("error", "separation"))
    return Counts(**{**fields, "instructions": instructions})


def told_from_json(fields: dict[str, Any]) -> Told:
    _require_numbers(fields, ("min_ms", "max_ms", "mean_ms", "median_ms", "std_ms", "init_ms", "peak_mb"))
    return Told(**{**fields, **{name: tuple(fields.get(name, ())) for name in ("durations_ms", "notes")}})


def dumps(value: Any) -> str:
    """One line of strict JSON: no NaN, no surprises for other readers."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
