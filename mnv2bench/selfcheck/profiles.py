"""Check of a profiler: our times of the operators compared with the tool that comes with the runtime."""

import re
import statistics
import tempfile
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign import Turn
from mnv2bench.case import Case
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import written
from mnv2bench.records import Plan
from mnv2bench.records.journal import Journal
from mnv2bench.selfcheck.harness import LARGE, SMALLEST, app_output, preparation_of

MAX_DISAGREEMENT = 0.10  # benchmark_app has its first call, which prepares weights, in its means
LARGEST = 10
COUNTER = re.compile(r"^\S.*? Status\.EXECUTED .* realTime \(ms\): ([0-9.]+) ", re.MULTILINE)


def parse_counters(text: str) -> tuple[float, ...]:
    """Milliseconds of each node that `benchmark_app -pc` executed; ValueError where it prints none."""
    milliseconds = tuple(float(number) for number in COUNTER.findall(text))
    if not milliseconds:
        raise ValueError(f"benchmark_app printed no counters: {text[-200:]!r}")
    return milliseconds


def openvino(repeats: int, out: Console) -> bool:
    """Compare profiles of our OpenVINO processes with `benchmark_app -pc`, alternating, on the same ONNX file."""
    agreed = True
    for width, resolution in (LARGE, SMALLEST):
        case = Case(width=width, resolution=resolution, backend="openvino")
        preparation = preparation_of(case)
        ours: list[tuple[float, ...]] = []
        theirs: list[tuple[float, ...]] = []
        with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
            journal = Journal(Path(folder, "profiles.jsonl"))
            for number in range(max(repeats, 5)):
                turn = Turn(number, number, seed=number)
                status = Profiling(case).measure(turn, preparation, Plan(processes=1), journal)
                profile = written(journal)[0][-1]
                if status != "ok":
                    raise ValueError(f"{case.id}: {profile.reason}")
                operators = profile.operators
                ours.append(tuple(statistics.median(o.durations_ns) / 1e6 for o in operators))
                theirs.append(parse_counters(app_output(preparation.path, "-ip", "f32", "-pc")))
        if len({*map(len, ours), *map(len, theirs)}) != 1:
            raise ValueError(f"{case.id}: profiles of {len(ours[0])} nodes, and {len(theirs[0])} of benchmark_app's")
        our_nodes = [statistics.median(processes) for processes in zip(*ours, strict=True)]
        app_nodes = [statistics.median(processes) for processes in zip(*theirs, strict=True)]
        largest = sorted(zip(our_nodes, app_nodes, strict=True), reverse=True)[:LARGEST]
        ratio = statistics.median(map(sum, ours)) / statistics.median(map(sum, theirs))
        each = [sum(a) / sum(b) for a, b in zip(ours, theirs, strict=True)]
        agreed = agreed and abs(ratio - 1) <= MAX_DISAGREEMENT
        out.print(
            f"profile_openvino: {case.variant}: sum of {len(our_nodes)} nodes, ours / benchmark_app's = {ratio:.3f} "
            f"({statistics.median(map(sum, ours)):.3f} / {statistics.median(map(sum, theirs)):.3f} ms, medians of "
            f"{len(ours)} processes each, pairs {min(each):.3f} to {max(each):.3f}; goal 1 +- {MAX_DISAGREEMENT}); the "
            f"{LARGEST} largest: {', '.join(f'{a / b:.2f}' for a, b in largest)}"
        )
    return agreed
