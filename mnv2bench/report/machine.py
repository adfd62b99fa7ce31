"""The section on the machine that measured: its hardware, system, libraries, and the plan."""

from typing import Any

from mnv2bench.records import Plan, Record
from mnv2bench.report.cells import escape


def machine(name: str, record: Record) -> str:
    """Every fact is a text from a file; what could not be read says so."""
    facts = record.environment

    def fact(key: str, otherwise: str = "unknown") -> str:
        return otherwise if facts.get(key) is None else escape(facts[key])

    gpus = facts["gpus"] if isinstance(facts.get("gpus"), list) else []
    lines = {
        "CPU": f"{fact('cpu_model')} (family/model {fact('cpu_family')}, stepping {fact('cpu_stepping')})",
        "Cores": f"{fact('cores')} usable, {fact('cores_physical')} physical, SMT {fact('smt')}, "
        f"quota {fact('cpu_quota_cores', 'none')}, isolated {fact('isolated_cores', 'none')}, "
        f"{'virtual' if facts.get('hypervisor') else 'physical'} machine",
        "Flags that matter": _words(facts.get("cpu_flags")),
        **({"GPU": "; ".join(map(_known, gpus))} if gpus else {}),
        "Memory": f"{fact('memory_gb')} GB",
        "System": f"{fact('os')}, kernel {fact('kernel')}, governor {fact('governor', 'unreadable')}",
        "Python": fact("python"),
        "Libraries": pairs(facts.get("libraries")),
        "Commit": fact("commit") + " (with local changes)" * str(facts.get("commit")).endswith("+"),
        "Plan": _plan(record.plan),
        "Seed": str(record.seed),
        "Fingerprint": fact("fingerprint"),
        "File": escape(name),
    }
    return "\n".join(f"- {key}: {value}" for key, value in lines.items())


def pairs(values: Any) -> str:
    return ", ".join(f"{escape(k)} {escape(v)}" for k, v in values.items()) if isinstance(values, dict) else "unknown"


def _known(gpu: Any) -> str:
    """What is known of it: NVML tells of one GPU what it does not of another."""
    return pairs({k: v for k, v in gpu.items() if v is not None} if isinstance(gpu, dict) else gpu)


def _words(values: Any) -> str:
    return escape(" ".join(map(str, values))) if isinstance(values, list) and values else "none"


def _plan(plan: Plan) -> str:
    return (
        f"{plan.processes} fresh processes a case in shuffled blocks, {plan.rounds} undisturbed rounds of "
        f"{1e3 * plan.round_s:g} ms each, after a warm-up of {plan.warmup_s:g} to {plan.warmup_cap_s:g} s"
    )
