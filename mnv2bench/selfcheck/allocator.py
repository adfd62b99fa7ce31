"""The check `allocator`: what a process pays that does not have our setting of glibc's allocator."""

import itertools
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from mnv2bench import backends
from mnv2bench.campaign import all_backends
from mnv2bench.campaign.preparation import Failure, prepare
from mnv2bench.campaign.processes import run_process
from mnv2bench.case import Case, cases, of_network
from mnv2bench.machine import this_machine
from mnv2bench.records import Plan, Samples, Weights, replace
from mnv2bench.records.selfcheck import AllocatorCase, AllocatorCheck, AllocatorTimes, file_of, keep, read
from mnv2bench.report.allocator import allocator_lines
from mnv2bench.statistics.latency import process_median
from mnv2bench.statistics.rounds import used_rounds
from mnv2bench.texts import one_line
from mnv2bench.workers.environment import ALLOCATOR, allocator

VARIANTS = [(1.0, 224), (0.35, 96)]
PLAIN = tuple(f"{name}=" for name in sorted(ALLOCATOR))  # set to nothing: the process does not get it
SETTINGS = {"ours": (), "plain": PLAIN, "mapped": (*PLAIN, "MALLOC_MMAP_THRESHOLD_=131072")}


def chosen_backends() -> tuple[str, ...]:
    """The backends whose tensors come from the system's allocator: those of torch, eager first, and ncnn."""
    return tuple(name for name in all_backends() if {"torch", "ncnn"} & set(backends.runtime(name).distributions))


def check_allocator(plan: Plan, out: Console, results: Path | None = None, chosen: Sequence[Case] = ()) -> bool:
    """Measure cases in alternating processes with our setting, with none, and with every large tensor mapped anew.

    True where anything was measured. With `results`, it is kept in the machine's folder there.
    """
    if not allocator():
        out.print("allocator: this C library is not glibc: our setting has no effect, and nothing is measured")
        return True
    machine = this_machine()
    if results:
        read(results, machine.fingerprint)
    measured = [
        each
        for case in chosen or cases(of_network(VARIANTS), backends=chosen_backends())
        if (each := _measured(case, plan, out)) is not None
    ]
    if not measured:
        out.print("allocator: nothing was measured: the reasons above end in what to do")
        return False
    when = datetime.now(UTC)
    checked = AllocatorCheck(when, machine.commit, machine.libraries, str(machine.allocator), tuple(measured))
    for line in allocator_lines(checked):
        out.print(line, markup=False)
    if results:
        keep(results, machine.fingerprint, allocator=checked)
        out.print(f"kept: {file_of(results, machine.fingerprint)}", markup=False)
    return True


def _measured(case: Case, plan: Plan, out: Console) -> AllocatorCase | None:
    """The times of a case with each setting, in alternating processes; None, with the reason printed, without them."""
    preparation = prepare(case, Weights())
    if isinstance(preparation, Failure):
        out.print(one_line(f"  {case.id}: left out: {preparation.reason}"), markup=False)
        return None
    samples: dict[str, list[Samples]] = {name: [] for name in SETTINGS}
    names = itertools.cycle([tuple(SETTINGS), tuple(SETTINGS)[::-1]])
    for number, order in zip(range(plan.processes), names, strict=False):
        for name in order:
            setting = replace(plan, environment=SETTINGS[name])
            outcome = run_process(case, preparation, setting, number)
            if outcome.status != "ok" or outcome.result is None:
                out.print(one_line(f"  {case.id}: left out: {outcome.reason}"), markup=False)
                return None
            samples[name].append(outcome.result.samples)
    times = {name: _times(case, processes) for name, processes in samples.items()}
    shown = ", ".join(f"{name} {1e3 * statistics.median(each.medians_s):.3f} ms" for name, each in times.items())
    out.print(f"  {case.id}: {shown}", markup=False)
    return AllocatorCase(case.id, **times)


def _times(case: Case, processes: Sequence[Samples]) -> AllocatorTimes:
    return AllocatorTimes(
        medians_s=tuple(process_median(samples, case.threads) for samples in processes),
        faults=tuple(_faults(case, samples) for samples in processes),
    )


def _faults(case: Case, samples: Samples) -> float:
    """Minor page faults a call in the rounds of a process that count."""
    rounds = used_rounds(samples, case.threads)
    return sum(each.minor_faults or 0 for each in rounds) / sum(len(each.durations_ns) for each in rounds)
