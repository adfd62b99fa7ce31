"""Answers as plain values for JSON; names have their unit, and null is a number that does not exist."""

from collections.abc import Sequence
from dataclasses import asdict

from mnv2bench.recommendation.answer import Answer
from mnv2bench.recommendation.block import NO_CONDITIONS, Conditions, unusual_conditions
from mnv2bench.recommendation.candidates import Candidate
from mnv2bench.recommendation.ladder import budget_rows
from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.recommendation.remarks import remarks
from mnv2bench.recommendation.ties import least_confidence, separation
from mnv2bench.recommendation.words import headline

Json = dict[str, object]


def as_json(machines: Sequence[MachineAnswers], conditions: Conditions = NO_CONDITIONS) -> Json:
    """Every machine with its files and answers; what was unusual about it is by the name of a file."""
    return {"machines": [_machine(machine, unusual_conditions(machine, conditions)) for machine in machines]}


def _machine(machine: MachineAnswers, conditions: Sequence[str]) -> Json:
    return {
        **machine_values(machine),
        "notes": list(machine.notes),
        "conditions": list(conditions),
        "answers": [_answer(answer, conditions) for answer in machine.answers],
        "throughput": [_answer(answer, conditions) for answer in machine.throughput],
    }


def machine_values(machine: MachineAnswers) -> Json:
    """Which machine it is, and its files."""
    return {
        "fingerprint": machine.fingerprint,
        "name": machine.name,
        "files": [
            {"name": source.name, "saved_at": source.when.isoformat() if source.when else None}
            for source in machine.sources
        ],
    }


def _answer(answer: Answer, conditions: Sequence[str]) -> Json:
    budgets = [
        {
            "budget": row.budget,
            "unit": row.goal.unit,
            "case": row.candidate.id,
            "ties": [tie.id for tie in row.ties],
        }
        for row in budget_rows(answer)
    ]
    return {
        "goal": asdict(answer.goal),
        "setting": answer.setting._asdict(),
        "usability": asdict(answer.usability) | {"usable": answer.is_usable, "usable_cases": answer.usability.usable},
        "headline": headline(answer, conditions),
        "remarks": list(remarks(answer)),
        "best": _optional(answer.best),
        "ties": [candidate_values(candidate) for candidate in answer.ties],
        "confidence": least_confidence(answer.best, answer.allowed, answer.goal) if answer.best else None,
        "separation": _separation(answer, answer.best) if answer.best and answer.ties else None,
        "runner_up": _optional(answer.runner_up),
        "next_up": _optional(answer.next_up),
        "nearest": _optional(answer.nearest),
        "front": [candidate_values(candidate) for candidate in answer.front],
        "budgets": budgets,
    }


def _separation(answer: Answer, best: Candidate) -> Json:
    """The processes that would tell each tie from the best, null where none would, and the minutes of all of them."""
    needed = separation(answer.ties, best, answer.allowed, answer.goal)
    ids = [tie.id for tie in answer.ties]
    return {"processes": dict(zip(ids, needed.processes, strict=True)), "minutes": needed.minutes}


def _optional(candidate: Candidate | None) -> Json | None:
    return candidate_values(candidate) if candidate else None


def candidate_values(candidate: Candidate) -> Json:
    """A case with its numbers."""
    case = candidate.case
    low_ms, high_ms = candidate.interval_ms or (None, None)
    low_rate, high_rate = candidate.images_per_s_interval or (None, None)
    return {
        "case": case.id,
        "variant": case.variant,
        "backend": case.backend,
        "precision": case.precision,
        "batch": case.batch,
        "threads": case.threads,
        "streams": case.streams,
        "file": candidate.evaluation.source,
        "median_ms": candidate.median_ms,
        "low_ms": low_ms,
        "high_ms": high_ms,
        "interval": candidate.method.value or None,
        "p90_ms": candidate.percentile_ms(90),
        "p99_ms": candidate.percentile_ms(99),
        "p99_9_ms": candidate.percentile_ms(99.9),
        "images_per_s": candidate.images_per_s,
        "images_per_s_low": low_rate,
        "images_per_s_high": high_rate,
        "cpu_ms_per_image": candidate.cpu_ms_per_image,
        "peak_mb": candidate.peak_mb,
        "largest_peak_mb": candidate.largest_peak_mb,
        "mj_per_image": candidate.mj_per_image,
        "top1_percent": candidate.accuracy,
        "top1_source": candidate.accuracy_source,
        "fp32_agreement_percent": candidate.fp32_agreement,
        "flags": list(candidate.evaluation.flags),
    }
