"""Real duels: of two identical environments, and of one whose timed calls are slowed by a known amount."""

import math
import os
import random
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from mnv2bench.artifacts import Weights
from mnv2bench.campaign.preparation import silent
from mnv2bench.campaign.processes import run_process
from mnv2bench.cases import Case, cases
from mnv2bench.records import Plan
from mnv2bench.regression.duels.confirm import confirm
from mnv2bench.regression.duels.duel import Duel, begin, pairs
from mnv2bench.regression.duels.side import Side, side
from mnv2bench.regression.judging.pairs import IMPROVEMENT, LOOKS, REGRESSION, judge, log_ratios, trimmed
from mnv2bench.statistics.intervals import clopper_pearson
from mnv2bench.statistics.latency import detection, process_median

BACKENDS = ("onnxruntime", "openvino", "torch_script", "torch_aoti")
CELLS = cases([(0.35, 96), (1.0, 224)], backends=BACKENDS)
PLAN = Plan(processes=10 * LOOKS[-1], rounds=10)
SIZES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)
SLOWED = Path(__file__).parent / "slowed"
HOG = """
import sys, time
share = float(sys.argv[1])
while True:
    end = time.perf_counter() + 0.1 * share
    while time.perf_counter() < end:
        pass
    time.sleep(0.1 * (1 - share))
"""


def alike(pythons: tuple[str, str], minutes: float, out: Path, console: Console) -> bool:
    """Two identical environments, pairs of all cells for so long; judged as duels of at most 30 pairs, one by one.

    Writes OUT.old.jsonl, OUT.new.jsonl and the levels of every pair to OUT.csv, which `nights` draws from. Goes on with
    what OUT already holds.
    """
    end = time.monotonic() + 60 * minutes
    duel = begin(CELLS, pythons, out, PLAN, seed=1, progress=silent, resume=True)
    pairs(duel, CELLS, PLAN.processes, lambda: time.monotonic() > end)
    return told_alike(duel, out.with_name(f"{out.name}.csv"), console)


def told_alike(duel: Duel, csv: Path, console: Console) -> bool:
    """What pairs of identical environments say: verdicts, each of which but cleared is wrong, and spreads."""
    import pandas as pd

    ratios = {old.case: log_ratios(old, new) for old, new in zip(duel.old.records(), duel.new.records(), strict=True)}
    count = min(map(len, ratios.values()))
    if count < LOOKS[0]:
        raise ValueError(f"{count} pairs of each cell are too few: the same command with more --minutes goes on")
    said: Counter[str] = Counter()
    for start in range(0, count - LOOKS[0] + 1, LOOKS[-1]):
        said += Counter(replay(ratios[case][start : start + LOOKS[-1]], len(ratios)) for case in ratios)
    sittings = range(0, count - LOOKS[0] + 1, LOOKS[0])
    alarmed = sum(
        any(replay(ratios[case][start : start + LOOKS[0]], len(ratios)) in (REGRESSION, IMPROVEMENT) for case in ratios)
        for start in sittings
    )
    high = clopper_pearson(alarmed, len(sittings))[1]
    console.print(
        f"duels: A/A of {len(ratios)} cells, {count} pairs each: as duels of up to {LOOKS[-1]} pairs "
        f"{dict(said)}; as sittings of {LOOKS[0]} pairs {alarmed} of {len(sittings)} with an alarm, "
        f"at most {high:.0%}",
        markup=False,
    )
    for backend in BACKENDS:
        mine = {case: ratios[case] for case in ratios if case.backend == backend}
        for case, seen in mine.items():
            found = trimmed(seen)
            console.print(
                f"  {backend:14}{case.variant:24} sd of log ratios {statistics.stdev(seen):.2%}, over all pairs "
                f"{math.expm1(found.mean):+.2%} +- {1.96 * found.se:.2%}",
                markup=False,
            )
    rows = [
        {"case": old.case.id, "pair": a.number, "old": detection(a.samples, 1), "new": detection(b.samples, 1)}
        for old, new in zip(duel.old.records(), duel.new.records(), strict=True)
        for a in old.processes
        for b in new.processes
        if a.number == b.number and a.status == b.status == "ok"
    ]
    pd.DataFrame(rows).to_csv(csv, index=False, float_format="%.6f", lineterminator="\n")
    console.print(f"  written: {csv}", markup=False)
    return alarmed == 0 and not said.keys() & {REGRESSION, IMPROVEMENT}


def replay(seen: Sequence[float], rivals: int) -> str:
    """The verdict that these pairs would have led to."""
    looks = [look for look in LOOKS if look <= len(seen)]
    for look in looks:
        said = judge(seen[:look], rivals, last=look == looks[-1])
        if said.verdict:
            return said.verdict
    return "too few"


def injections(pythons: tuple[str, str], repeats: int, out: Path, busy: bool, seed: int, console: Console) -> bool:
    """The new environment's timed calls slowed by 0, 1, 2, 3, 5 or 10 % of each cell's median, drawn by seed.

    The busy loop is inside the timed region (see `slowed`); `busy` adds a process that loads one core at 30 %. Prints
    found and missed per size; True where nothing was called that was not there.
    """
    with loaded_core() if busy else nothing():
        medians = calibrated(side(pythons[0], CELLS, Weights()))
        tally: dict[float, Counter[str]] = {size: Counter() for size in SIZES}
        for repeat in range(repeats):
            draw = random.Random(f"{seed} {repeat}")
            sizes = dict(zip(CELLS, draw.sample(SIZES * 2, len(CELLS)), strict=True))
            added = {case: round(1e9 * medians[case] * size) for case, size in sizes.items()}
            with tempfile.TemporaryDirectory() as folder:
                launcher = slower(pythons[1], added, Path(folder))
                where = out.with_name(f"{out.name}.{seed}.{repeat}{'.busy' * busy}")
                duel = begin(CELLS, (pythons[0], launcher), where, PLAN, draw.randrange(2**31), resume=True)
                for case, answer in confirm(duel).items():
                    said = answer.judged
                    tally[sizes[case]][said.verdict] += 1
                    achieved = "no ratio" if said.ratio is None else f"{said.ratio - 1:+.2%} measured"
                    console.print(
                        f"  {case.id}: {sizes[case]:+.0%} injected, {achieved}, {said.pairs} pairs: {said.verdict}"
                        f"{f' ({answer.reason})' * bool(answer.reason)}",
                        markup=False,
                    )
    kind = "with a process that loads one core at 30 %" if busy else "with nothing of ours beside it"
    for size, verdicts in tally.items():
        console.print(f"injections, {kind}: {size:+.0%}: {dict(verdicts)}", markup=False)
    return tally[0.0][REGRESSION] + sum(verdicts[IMPROVEMENT] for verdicts in tally.values()) == 0


def calibrated(old: Side) -> dict[Case, float]:
    """Seconds: the median of each cell now, of two processes."""
    return {case: statistics.median(_process_median(old, case, seed) for seed in (1, 2)) for case in CELLS}


def _process_median(old: Side, case: Case, seed: int) -> float:
    """Seconds: the median of one process; ValueError with its reason where it did not end well."""
    outcome = run_process(case, old.preparations[case.id], replace(PLAN, rounds=3), seed, old.interpreter)
    if outcome.status != "ok" or outcome.result is None:
        raise ValueError(f"{case.id}: {outcome.status}: {outcome.reason}")
    return process_median(outcome.result.samples, case.threads)


def slower(python: str, added_ns: Mapping[Case, int], folder: Path) -> str:
    """The path of a launcher: the same interpreter, in whose workers these cases spin on for so long."""
    words = ",".join(f"{case.id}={added}" for case, added in added_ns.items() if added)
    launcher = folder / "python"
    path = f'{shlex.quote(str(SLOWED))}"${{PYTHONPATH:+:$PYTHONPATH}}"'  # after ours, what the other side has too
    settings = f"PYTHONPATH={path} MNV2BENCH_SLOWED={shlex.quote(words)}"
    launcher.write_text(f'#!/bin/sh\n{settings} exec {shlex.quote(python)} "$@"\n')
    launcher.chmod(0o755)
    return str(launcher)


@contextmanager
def loaded_core(share: float = 0.3) -> Iterator[None]:
    """Another process keeps one core busy for this share of the time, at the same priority."""
    hog = subprocess.Popen([sys.executable, "-c", HOG, str(share)], env=dict(os.environ))
    try:
        yield
    finally:
        hog.kill()
        hog.wait()


@contextmanager
def nothing() -> Iterator[None]:
    yield
