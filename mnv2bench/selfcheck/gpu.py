"""A GPU held against what docs/gpu.md says of it: outputs, each clock against the others, engines, what NVML tells."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign import Campaign, all_backends, run
from mnv2bench.cases import Case, cases
from mnv2bench.flags import flags
from mnv2bench.gpu.times import clock_agreement, conditions, energy, gpu_memory, gpu_times
from mnv2bench.precisions import FP16, FP32
from mnv2bench.records import Plan, Record
from mnv2bench.records.journal import Journal
from mnv2bench.selfcheck.device import between
from mnv2bench.statistics.latency import latency
from mnv2bench.statistics.once import output_error
from mnv2bench.statistics.rounds import kept_share
from mnv2bench.terminal import Display
from mnv2bench.texts import one_line

PLAN = Plan(processes=2, rounds=5, warmup_cap_s=1.0)
PRECISIONS = (FP32.name, FP16.name)
MAX_BETWEEN = 0.02  # of a round outside the timed calls, which take tens of microseconds here
MAX_GPU_OVER_WALL = 1.05  # a call's work on the GPU is a part of it, but for the resolution of events
MAX_DISAGREEMENT = 0.25  # of a call's time by events and by the wall while calls are in flight


def checked(device: str) -> tuple[Case, ...]:
    """The smallest variant of every backend that runs on GPUs."""
    return cases([(0.35, 96)], backends=all_backends("cuda"), devices=(device,), precisions=PRECISIONS)


def faults(record: Record) -> Iterator[str]:
    """What of a record is not as it must be."""
    if record.status != "ok":
        yield f"{record.status}: {record.reason}"
        return
    times = gpu_times(record)
    if times is None:
        yield "the GPU's own clock is missing from its rounds"
        return
    if (share := between(record)) > MAX_BETWEEN:
        yield f"{share:.1%} of a round lies between calls (goal <= {MAX_BETWEEN:.0%})"
    over = times.gpu.median_s / latency(record).median_s
    if over > MAX_GPU_OVER_WALL:
        yield f"a call takes {over:.2f} times as long by events as by the wall (goal <= {MAX_GPU_OVER_WALL})"
    if abs(clock_agreement(record) - 1) > MAX_DISAGREEMENT:
        yield f"events say {clock_agreement(record):.2f} of the wall in flight (goal 1 +- {MAX_DISAGREEMENT})"
    yield from (flag for flag in flags(record) if flag.startswith("precision"))


def shown(record: Record) -> str:
    """What a record that was measured well shows, in one line."""
    times = gpu_times(record)
    if times is None or record.status != "ok":
        return ""
    said = [
        f"error {output_error(record) or 0:.1e}",
        f"wall {1e3 * latency(record).median_s:.4f} ms",
        f"gpu {1e3 * times.gpu.median_s:.4f}",
        f"enqueue {1e3 * times.enqueue.median_s:.4f}",
        f"end to end {1e3 * times.end_to_end.median_s:.4f}",
        f"events / wall in flight {clock_agreement(record):.2f}",
        f"{between(record):.2%} of a round between calls",
        f"{kept_share(record):.0%} of rounds undisturbed",
    ]
    if record.artifact and record.artifact.format == "plan":
        built = f"{record.artifact.bytes / 1e6:.1f} MB, built in {record.artifact.export_s:.0f} s"
        said.append(f"engine {built}")
    return ", ".join([*said, *(f"{name} {value}" for name, value in record.samples[0].settings.items())])


def unreadable(records: Sequence[Record]) -> list[str]:
    """What NVML told of no case that was measured."""
    good = [record for record in records if gpu_times(record)]
    seen = [found.during for record in good if (found := conditions(record))]
    memory = [counted for record in good if (counted := gpu_memory(record))]
    told: dict[str, list[object]] = {
        "SM clock": [s.sm_mhz for s in seen],
        "temperature": [s.celsius for s in seen],
        "reasons for lower clocks": [s.reasons for s in seen],
        "other processes": [s.others for s in seen],
        "energy": [energy(record) for record in good],
        "memory of this process": [m.process for m in memory],
    }
    return [name for name, values in told.items() if good and all(value is None for value in values)]


def gpu(device: str, out: Console) -> bool:
    """Run it and print a line for each case; True where nothing contradicts the docs, and something ran at all."""
    with tempfile.TemporaryDirectory() as folder, Display() as display:
        records = run(Campaign(checked(device), Journal(Path(folder) / "gpu.jsonl"), PLAN, progress=display))
    return told(records, out)


def told(records: Sequence[Record], out: Console) -> bool:
    """What stands in the records; a backend that is not installed is no failure, as long as another one ran."""
    passed = True
    for record in records:
        found = list(faults(record))
        absent = record.status in ("unavailable", "unsupported")
        passed = passed and (absent or not found)
        how = "did not run" if absent else "NOT as it should be" if found else "as it should be"
        line = "; ".join(filter(None, (*found, shown(record))))
        out.print(f"{how}: {record.case.id}: {one_line(line)}", markup=False)
    for name in unreadable(records):
        out.print(f"unreadable: {name}: NVML does not tell it here", markup=False)
    ran = any(record.status == "ok" for record in records)
    if not ran:
        out.print("nothing ran: the reasons above end in what to do")
    return ran and passed
