"""Check of a GPU against docs/gpu.md: outputs, each clock against the others, engines, and what NVML reports."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign import Campaign, Patience, all_backends, run
from mnv2bench.case import Case, cases, of_network
from mnv2bench.flags import flags
from mnv2bench.gpu.conditions import conditions, gpu_memory
from mnv2bench.gpu.doubts import ENQUEUE_BOUND
from mnv2bench.gpu.times import clock_agreement, energy, gpu_times
from mnv2bench.precisions import FP16, FP32
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal, load
from mnv2bench.selfcheck.device import between
from mnv2bench.statistics.latency import latency
from mnv2bench.statistics.processes import output_error
from mnv2bench.statistics.rounds import record_undisturbed_share
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line

PLAN = Plan(processes=2, rounds=5, warmup_cap_s=1.0)
PRECISIONS = (FP32.name, FP16.name)
MAX_BETWEEN = 0.02  # of a round outside the timed calls, which take tens of microseconds here
MAX_GPU_OVER_WALL = 1.05  # a call's work on the GPU is a part of it, but for the resolution of events
MAX_DISAGREEMENT = 0.25  # of a call's time by events and by the wall while calls are in flight


def cases_to_check(device: str) -> tuple[Case, ...]:
    """The smallest variant of every backend that runs on GPUs."""
    return cases(of_network([(0.35, 96)]), backends=all_backends("cuda"), devices=(device,), precisions=PRECISIONS)


def faults(record: Record) -> Iterator[str]:
    """Faults of a record, one phrase each.

    The GPU's clock is compared with the host's only where the host does not set the pace. Where enqueueing takes most
    of a call, both clocks time the host, in different passes, and differ as much as the host's speed does between them.
    """
    if record.status != "ok":
        yield f"{record.status}: {record.reason}"
        return
    times = gpu_times(record)
    if times is None:
        yield "the GPU's own clock is missing from its rounds"
        return
    if (share := between(record)) > MAX_BETWEEN:
        yield f"{share:.1%} of a round lies between calls (goal <= {MAX_BETWEEN:.0%})"
    if not host_sets_the_pace(record):
        over = times.gpu.median_s / latency(record).median_s
        if over > MAX_GPU_OVER_WALL:
            yield f"a call takes {over:.2f} times as long by events as by the wall (goal <= {MAX_GPU_OVER_WALL})"
        if abs(clock_agreement(record) - 1) > MAX_DISAGREEMENT:
            yield f"events say {clock_agreement(record):.2f} of the wall in flight (goal 1 +- {MAX_DISAGREEMENT})"
    yield from (flag for flag in flags(record) if flag.startswith("precision"))


def host_sets_the_pace(record: Record) -> bool:
    """Whether enqueueing alone takes most of a call by the host's own clock."""
    times = gpu_times(record)
    return times is not None and times.enqueue.median_s >= ENQUEUE_BOUND * latency(record).median_s


def figures(record: Record) -> str:
    """What a record that was measured well shows, in one line; "" for any other."""
    times = gpu_times(record)
    if times is None or record.status != "ok":
        return ""
    phrases = [
        f"error {output_error(record) or 0:.1e}",
        f"wall {1e3 * latency(record).median_s:.4f} ms",
        f"gpu {1e3 * times.gpu.median_s:.4f}",
        f"enqueue {1e3 * times.enqueue.median_s:.4f}",
        f"end to end {1e3 * times.end_to_end.median_s:.4f}",
        f"events / wall in flight {clock_agreement(record):.2f}",
        f"{between(record):.2%} of a round between calls",
        f"{record_undisturbed_share(record):.0%} of rounds undisturbed",
    ]
    if host_sets_the_pace(record):
        phrases.append("the host sets the pace, so its clock and the GPU's are not compared")
    if record.artifact and record.artifact.format == "plan":
        phrases.append(f"engine {record.artifact.bytes / 1e6:.1f} MB, built in {record.artifact.export_s:.0f} s")
    return ", ".join([*phrases, *(f"{name} {value}" for name, value in record.samples[0].settings.items())])


def unreadable(records: Sequence[Record]) -> list[str]:
    """What NVML reported for no case that was measured."""
    timed = [record for record in records if gpu_times(record)]
    conditions_during = [seen.during for record in timed if (seen := conditions(record))]
    memories = [memory for record in timed if (memory := gpu_memory(record))]
    readings: dict[str, list[object]] = {
        "SM clock": [seen.sm_mhz for seen in conditions_during],
        "temperature": [seen.celsius for seen in conditions_during],
        "reasons for lower clocks": [seen.reasons for seen in conditions_during],
        "other processes": [seen.others for seen in conditions_during],
        "energy": [energy(record) for record in timed],
        "memory of this process": [memory.process for memory in memories],
    }
    return [name for name, values in readings.items() if timed and all(value is None for value in values)]


def check_gpu(device: str, out: Console, files: Sequence[Path] = ()) -> bool:
    """Measure the cases of the check, or take the records of these files, and print a line for each.

    True where nothing contradicts docs/gpu.md and something ran at all. Raises Unusable for a file that does not read.
    """
    if files:
        records = [record for file in files for record in load(file) if record.case.gpu is not None]
        return report(records, out)
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        journal, patience = Journal(Path(folder) / "gpu.jsonl"), Patience(idle_s=0.0)
        measured = run(Campaign(cases_to_check(device), journal, PLAN, progress=display, patience=patience))
    return report(measured, out)


def report(records: Sequence[Record], out: Console) -> bool:
    """Print what the records show; a backend that is not installed is no failure, as long as another one ran."""
    passed = True
    for record in records:
        contradictions = list(faults(record))
        absent = record.status in ("unavailable", "unsupported")
        if absent:
            verdict = "did not run"
        elif contradictions:
            verdict, passed = "NOT as it should be", False
        else:
            verdict = "as it should be"
        line = "; ".join(filter(None, (*contradictions, figures(record))))
        out.print(f"{verdict}: {record.case.id}: {one_line(line)}", markup=False)
    for name in unreadable(records):
        out.print(f"unreadable: {name}: NVML does not report it here", markup=False)
    ran = any(record.status == "ok" for record in records)
    if not ran:
        out.print("nothing ran: the reasons above end in what to do")
    return ran and passed
