"""The check `loadgen`: LoadGen's p90 of one image against ours, and what LoadGen adds to a query."""

import statistics
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from mnv2bench.backends import Images, Session
from mnv2bench.campaign.preparation import Failure, Preparation, silent
from mnv2bench.campaign.processes import run_process
from mnv2bench.case import Case, cases, of_network
from mnv2bench.loadgen import generator, logs, measuring
from mnv2bench.loadgen.jobs import LoadJob
from mnv2bench.loadgen.library import Library
from mnv2bench.loadgen.records import Load, Played
from mnv2bench.loadgen.scenarios import Scenario
from mnv2bench.loadgen.system import System
from mnv2bench.records import Plan, Weights, default_weights
from mnv2bench.statistics.latency import quantile
from mnv2bench.statistics.rounds import used_rounds
from mnv2bench.workers.streams import alone

VARIANTS = [(1.0, 224), (0.35, 96)]
BACKENDS = ("onnxruntime", "openvino", "litert")
MAX_DIFFERENCE = 0.03  # docs/thresholds.md#selfcheck
DURATION_S = 4.0  # of a process of LoadGen: about as long as the rounds of ours
PERCENTILE = 0.90
CLASSES = 1000


class Nothing(Session):
    """A session that does nothing: what a query takes is then LoadGen's, its binding's and ours."""

    def put(self, images: Images) -> None:
        pass

    def run(self) -> None:
        pass

    def get(self) -> Images:
        return np.zeros((1, CLASSES), np.float32)


def check_loadgen(repeats: int, out: Console) -> bool:
    """Run cases under LoadGen and in our own processes in turns; True where both have the same p90.

    Both are times of the runtime's call: what `run` does not time is taken off LoadGen's.
    """
    generator.require_loadgen()
    out.print(added_text(), markup=False)
    ratios = [_ratio(case, repeats, out) for case in cases(of_network(VARIANTS), backends=BACKENDS)]
    measured = [ratio for ratio in ratios if ratio is not None]
    if not measured:
        out.print("loadgen: nothing was measured: the reasons above end in what to do")
        return False
    out.print(
        f"loadgen: p90 of single-stream without what run does not time, over ours: {min(measured):.4f} to "
        f"{max(measured):.4f}, {len(measured)} of {len(ratios)} cases, medians of {repeats} processes each in turns "
        f"(goal 1 +- {MAX_DIFFERENCE})"
    )
    return len(measured) == len(ratios) and all(abs(ratio - 1) <= MAX_DIFFERENCE for ratio in measured)


def _load(seed: int) -> Load:
    return Load(Scenario.SINGLE_STREAM, min_duration_s=DURATION_S, min_queries=100, seed=seed)


def added_text() -> str:
    """The sentence that says how long a query takes whose session does nothing."""
    case = Case(width=VARIANTS[-1][0], resolution=VARIANTS[-1][1])
    library = Library(case, Weights(), Path())
    system = System(alone(Nothing()), case.batch, library, generator.completion())
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        chosen = generator.settings(_load(0), 1e-5, 1e5)
        generator.play(_load(0), chosen, system, library, Path(folder))
        latencies = logs.verdict(Path(folder), Scenario.SINGLE_STREAM).latencies
    parts = system.parts(latencies.p50)
    beside_us = (parts.beside_ns or 0.0) / 1e3
    return (
        f"loadgen: with a session that does nothing a query takes {latencies.p50 / 1e3:.1f} us at the median, p90 "
        f"{latencies.p90 / 1e3:.1f} us; {beside_us:.1f} us of the median are LoadGen, its Python binding and our "
        f"callback ({parts.calls:,} queries)"
    )


def _ratio(case: Case, repeats: int, out: Console) -> float | None:
    """LoadGen's p90 over ours; None, with the reason printed, where there is none."""
    weights = default_weights()
    files = measuring.files(case, weights, silent)
    if isinstance(files, Failure):
        out.print(f"  {case.id}: left out: {files.reason}", markup=False)
        return None
    preparation, library = files
    whole: list[float] = []
    without: list[float] = []
    ours: list[float] = []
    try:
        for seed in range(repeats):
            for is_ours in (True, False) if seed % 2 == 0 else (False, True):
                if is_ours:
                    ours.append(_our_p90_ns(case, preparation, seed))
                    continue
                played = _played(case, preparation, library, weights, seed)
                whole.append(played.verdict.latencies.p90)
                without.append(played.verdict.latencies.p90 - _not_timed_ns(played))
    except ValueError as error:
        out.print(f"  {case.id}: left out: {error}", markup=False)
        return None
    own = statistics.median(ours)
    ratio = statistics.median(without) / own
    out.print(
        f"  {case.id:58} p90 {statistics.median(whole) / 1e6:.4f} ms, ours {own / 1e6:.4f} ms: "
        f"{statistics.median(whole) / own:.4f}, without what run does not time {ratio:.4f}",
        markup=False,
    )
    return ratio


def _not_timed_ns(played: Played) -> float:
    """What a query takes besides the runtime's call, which is all that `run` times."""
    parts = played.parts
    return parts.put_p50_ns + parts.get_p50_ns + (parts.beside_ns or 0.0)


def _our_p90_ns(case: Case, preparation: Preparation, seed: int) -> float:
    """The p90 of one of our processes."""
    outcome = run_process(case, preparation, Plan(processes=1), seed)
    if outcome.status != "ok" or outcome.result is None:
        raise ValueError(f"{outcome.status}: {outcome.reason}")
    rounds = used_rounds(outcome.result.samples, case.threads)
    return quantile([duration for used in rounds for duration in used.durations_ns], PERCENTILE)


def _played(case: Case, preparation: Preparation, library: str, weights: Weights, seed: int) -> Played:
    """One process of the case under LoadGen."""
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        job = LoadJob(
            case=case,
            plan=Plan(processes=1),
            load=_load(seed),
            artifact=preparation.path,
            reference=preparation.reference,
            library_reference=library,
            folder=folder,
            weights=weights,
        )
        outcome = measuring.run_process(job, preparation)
    if outcome.status != "ok" or outcome.result is None:
        raise ValueError(f"{outcome.status}: {outcome.reason}")
    return outcome.result.played[0]
