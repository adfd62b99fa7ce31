"""Checks of the timing: the harness's own cost, and agreement with benchmark_app."""

import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from mnv2bench.campaign.preparation import Failure, Preparation, prepare
from mnv2bench.campaign.processes import run_process
from mnv2bench.case import Case
from mnv2bench.networks import images
from mnv2bench.records import Plan, Samples, Weights
from mnv2bench.statistics.latency import process_median
from mnv2bench.workers.loop import time_round

SMALLEST, LARGE = (0.35, 96), (1.0, 224)
MAX_OVERHEAD = 0.005
MAX_DISAGREEMENT = 0.02
OVERHEAD_ROUNDS = 20
CALLS = 500
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


def preparation_of(case: Case) -> Preparation:
    """The files of a case. Raises ValueError with the reason where they could not be made."""
    preparation = prepare(case, Weights())
    if isinstance(preparation, Failure):
        raise ValueError(f"{case.id}: {preparation.reason}")
    return preparation


def _samples(case: Case, preparation: Preparation, seed: int) -> Samples:
    outcome = run_process(case, preparation, Plan(processes=1), seed)
    if outcome.status != "ok" or outcome.result is None:
        raise ValueError(f"{case.id}: {outcome.status}: {outcome.reason}")
    return outcome.result.samples


def _bare_round(run: Callable[[], None], seconds: float) -> list[int]:
    """Durations, in nanoseconds, of a loop as anyone would write it by hand, without code of mnv2bench."""
    durations, clock, deadline = [], time.perf_counter_ns, time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        start = clock()
        run()
        durations.append(clock() - start)
    return durations


def overhead(repeats: int, out: Console) -> bool:
    """Compare onnxruntime's own call in a bare loop with the same call in the harness.

    Rounds alternate, and each repeat has a new session.
    """
    import onnxruntime

    from mnv2bench.backends import onnxruntime as backend

    case = Case(width=SMALLEST[0], resolution=SMALLEST[1], backend="onnxruntime")
    ratios = []
    path = Path(preparation_of(case).path)
    for _ in range(repeats):
        with backend.open(case, path) as session:
            assert isinstance(session, backend.OnnxRuntimeSession)
            native: onnxruntime.InferenceSession = session.session
            session.put(images(1, case.batch, case.image))

            def call(native: "onnxruntime.InferenceSession" = native, binding: object = session.binding) -> None:
                native.run_with_iobinding(binding)

            time_round(session, 0.5)
            harness: list[int] = []
            bare: list[int] = []
            for _ in range(OVERHEAD_ROUNDS):
                harness += time_round(session, 0.15).durations_ns
                bare += _bare_round(call, 0.15)
        ratios.append(statistics.median(harness) / statistics.median(bare))
    median = statistics.median(ratios)
    out.print(
        f"overhead: {case.id}: harness / bare loop = {median:.4f} (median of {repeats} sessions, "
        f"{min(ratios):.4f} to {max(ratios):.4f}; bare {statistics.median(bare) / 1e6:.3f} ms; "
        f"goal <= {1 + MAX_OVERHEAD})"
    )
    return median <= 1 + MAX_OVERHEAD


def parse_benchmark_app(text: str) -> float:
    """Seconds of the median latency that benchmark_app prints; ValueError where it prints none."""
    match = re.search(r"Median:\s+([0-9.]+) (us|ms|s)\b", text)
    if not match:
        raise ValueError(f"benchmark_app printed no median: {text[-200:]!r}")
    return float(match[1]) * UNITS[match[2]]


def require_app() -> Path:
    """OpenVINO's benchmark_app beside this interpreter; ValueError where it is not installed."""
    app = Path(sys.executable).with_name("benchmark_app")
    if not app.exists():
        raise ValueError("benchmark_app is not installed: pip install 'mnv2bench[openvino]'")
    return app


def app_output(path: str, *arguments: str) -> str:
    """Text that benchmark_app prints for a file on one thread in fp32."""
    options = ["-hint", "none", "-api", "sync", "-nthreads", "1", "-infer_precision", "f32", "-t", "3", *arguments]
    command = [str(require_app()), "-m", path, *options]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=120
    ).stdout


def call_cost(case: Case, path: Path) -> float:
    """Seconds that a call of OpenVINO's Python binding takes beyond the latency that the request reports; a median.

    benchmark_app reports the latency of the request. A caller in Python also waits for the binding.
    """
    from mnv2bench.backends import openvino as backend

    costs: list[float] = []
    with backend.open(case, path) as session:
        assert isinstance(session, backend.OpenVinoSession)
        session.put(images(1, case.batch, case.image))
        for _ in range(CALLS):
            start = time.perf_counter()
            session.run()
            costs.append(time.perf_counter() - start - session.request.latency / 1e3)
    return statistics.median(costs)


def benchmark_app(repeats: int, out: Console) -> bool:
    """Compare our OpenVINO processes with benchmark_app's, alternating, on the same ONNX file.

    The goal is for the ratio without the cost of the Python binding.
    """
    require_app()
    agreed = True
    for width, resolution in (LARGE, SMALLEST):
        case = Case(width=width, resolution=resolution, backend="openvino")
        ours, theirs = [], []
        preparation = preparation_of(case)
        for seed in range(max(repeats, 5)):
            ours.append(process_median(_samples(case, preparation, seed), case.threads))
            theirs.append(parse_benchmark_app(app_output(preparation.path)))
        cost = call_cost(case, Path(preparation.path))
        ratio = statistics.median(ours) / statistics.median(theirs)
        without_binding = (statistics.median(ours) - cost) / statistics.median(theirs)
        agreed = agreed and abs(without_binding - 1) <= MAX_DISAGREEMENT
        out.print(
            f"benchmark_app: {case.variant}: ours / theirs = {ratio:.4f} "
            f"({1e3 * statistics.median(ours):.3f} / {1e3 * statistics.median(theirs):.3f} ms, "
            f"medians of {len(ours)} processes each); without the {1e6 * cost:.0f} us of the Python call, which "
            f"benchmark_app leaves out, {without_binding:.4f} (goal 1 +- {MAX_DISAGREEMENT})"
        )
    return agreed
