"""The section on the machine that measured: its hardware, system, libraries, and the plan."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from mnv2bench.networks import CLASSES, IMAGE_CHANNELS
from mnv2bench.records import Plan, Record, Weights, WeightsKind
from mnv2bench.report.cells import escape
from mnv2bench.texts import duration_text


def machine(name: str, records: Sequence[Record], saved_at: datetime | None = None) -> str:
    """What the records of one campaign share. Every fact is a text from a file; what could not be read says so."""
    record = records[0]
    facts = record.machine
    virtual = "virtual" if facts.hypervisor else "physical"
    changed = " (with local changes)" if str(facts.commit).endswith("+") else ""
    why_no_commit = f" ({escape(facts.why_no_commit)})" if facts.why_no_commit else ""
    lines = {
        "CPU": f"{_known(facts.cpu_model)} (family/model {_known(facts.cpu_family)}, "
        f"stepping {_known(facts.cpu_stepping)})",
        "Cores": f"{_known(facts.cores)} usable, {_known(facts.cores_physical)} physical, SMT {_known(facts.smt)}, "
        f"quota {_known(facts.cpu_quota_cores, 'none')}, isolated {_known(facts.isolated_cores, 'none')}, "
        f"{virtual} machine",
        "Flags that matter": escape(" ".join(facts.cpu_flags)) or "none",
        **({"GPU": "; ".join(pairs(gpu.known) for gpu in facts.gpus)} if facts.gpus else {}),
        "Memory": f"{_known(facts.memory_gb)} GB",
        "System": f"{_known(facts.os)}, kernel {_known(facts.kernel)}, governor {_known(facts.governor, 'unreadable')}",
        "Python": _known(facts.python),
        "Libraries": pairs(facts.libraries) or "unknown",
        "Commit": f"{_known(facts.commit)}{changed}{why_no_commit}",
        **({"Allocator": escape(facts.allocator)} if facts.allocator else {}),
        **({"Variables that passed": pairs(facts.variables)} if facts.variables else {}),
        **({"Variables that were set": escape(" ".join(record.plan.environment))} if record.plan.environment else {}),
        "Plan": _plan(record.plan),
        "Seed": str(record.seed),
        **_weights(records),
        "Fingerprint": _known(facts.fingerprint or None),
        "Date": f"{saved_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if saved_at else "the file does not say",
        "File": escape(name),
    }
    return "\n".join(f"- {key}: {value}" for key, value in lines.items())


def _weights(records: Sequence[Record]) -> dict[str, str]:
    """The weights of a campaign, and the classes and channels of its families where these are not the usual ones."""
    families = [record for record in records if record.weights.kind(record.case) != WeightsKind.MODEL]
    owners = [_of_whom(record.weights) for record in families[:1]]
    if len(families) < len(records):
        owners.append("those of users' files are their own")
    lines = {"Weights": escape("; ".join(owners))}
    classes, channels = ({getattr(record.case, name) for record in families} for name in ("classes", "channels"))
    if len(classes) == 1 and CLASSES not in classes:
        lines["Classes"] = f"{classes.pop()} and not {CLASSES}: MAdds and parameters are of such a classifier"
    if len(channels) == 1 and IMAGE_CHANNELS not in channels:
        lines["Channels"] = f"{channels.pop()} and not {IMAGE_CHANNELS}: MAdds and parameters are of such images"
    return lines


def _of_whom(weights: Weights) -> str:
    if weights.file:
        reading = f": {weights.reading}" if weights.reading else ""
        return f"{weights.file} (sha256 {weights.content[:16]}){reading}"
    if weights.digits:
        return f"trained on handwritten digits ({weights.digits}); others made from seed {weights.seed}"
    return f"made from seed {weights.seed}"


def pairs(values: Mapping[str, object]) -> str:
    """Names and values from a file, escaped, in one line."""
    return ", ".join(f"{escape(name)} {escape(value)}" for name, value in values.items())


def _known(fact: object, otherwise: str = "unknown") -> str:
    return otherwise if fact is None else escape(fact)


def _plan(plan: Plan) -> str:
    processes = f"{plan.processes} fresh processes a case"
    if plan.budget_s:
        budget = duration_text(plan.budget_s)
        processes = f"a budget of {budget}, of which a case gets {plan.processes} fresh processes at most,"
    return (
        f"{processes} in shuffled blocks, {plan.rounds} undisturbed rounds of "
        f"{1e3 * plan.round_s:g} ms each, after a warm-up of {plan.warmup_s:g} to {plan.warmup_cap_s:g} s"
    )
