"""The verbs about this machine: `backends` and `env`."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from mnv2bench import precisions, processor
from mnv2bench.backends import HERE, missing_instructions, runtime
from mnv2bench.campaign import Campaign, Patience, all_backends
from mnv2bench.campaign import run as measure
from mnv2bench.case import Case, cases, of_network
from mnv2bench.cli.app import conclude, console, verb
from mnv2bench.cli.options import Wait
from mnv2bench.conclusion import Requested, conclusion
from mnv2bench.machine import this_machine
from mnv2bench.precisions import FP32
from mnv2bench.records import Plan, Weights
from mnv2bench.records.journal import Journal
from mnv2bench.records.machine import machine_to_json
from mnv2bench.terminal import Display

PROBE = Plan(processes=1, rounds=1, warmup_s=0.0, warmup_runs=1)


@verb("backends")
def backends(
    names: Annotated[list[str] | None, typer.Argument(help="Backends to check. Default: every backend.")] = None,
    wait: Wait = False,
) -> None:
    """Check which backends work here: each runs a small network now, and its outputs are compared with eager fp32."""
    for name in names or ():
        runtime(name)  # raises ValueError for an unknown name before anything is measured
    smallest = [(0.35, 96)]
    small: list[Case] = []
    for device in HERE:
        chosen = [name for name in names or all_backends(device) if device in runtime(name).runs]
        small += cases(of_network(smallest), backends=chosen, devices=(device,))
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        journal, patience = Journal(Path(folder) / "probe.jsonl"), Patience(wait, idle_s=0.0)
        records = measure(Campaign(tuple(small), journal, PROBE, 0, Weights(), display, patience=patience))
    table = Table("backend", "device", "here", "precisions", "why, or how far from eager fp32")
    for record in records:
        errors = [samples.error for samples in record.samples if samples.error is not None]
        works = record.status == "ok"
        why = f"largest difference {max(errors):.1e} of the largest logit" if works and errors else record.reason
        here = "works" if works else record.status
        table.add_row(record.case.backend, record.case.device, here, _runnable(record.case), escape(why))
    console().print(table)
    working = {record.case.backend for record in records if record.status == "ok"}
    elsewhere = ("unavailable", "unsupported")  # on another device, of a backend that works on one
    ended = [record for record in records if record.case.backend not in working or record.status not in elsewhere]
    conclude(conclusion(ended, Requested(values={"backend": tuple(names or ())})))


def _runnable(case: Case) -> str:
    """The precisions that a backend runs on a device, as far as this processor has the instructions for them."""
    device = "cpu" if case.gpu is None else "cuda"
    names = runtime(case.backend).runs[device]
    return " ".join(name for name in names if device != "cpu" or not missing_instructions(case.backend, name))


@verb("env")
def env() -> None:
    """Print this machine as JSON, as every record describes it, and which precisions its processor has."""
    facts = machine_to_json(this_machine()) | {"precisions": _precisions()}
    typer.echo(json.dumps(facts, indent=2))


def _precisions() -> dict[str, str]:
    """For each precision that runs on processors: the instructions that this one has for it, or what it lacks."""
    here = processor.instructions()
    reasons = {}
    for precision in precisions.PRECISIONS:
        present = [flag for flag in precision.cpu_flags if flag in here]
        missing = precision.missing_instructions(here)
        if precision.cpu_flags:
            reasons[precision.name] = f"no: {missing}" if missing else f"yes: {', '.join(present) or 'not known'}"
    return {FP32.name: "yes"} | reasons
