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
from pathlib import Path
from types import MappingProxyType

from msgspec.structs import replace
from rich.console import Console

from mnv2bench.campaign.patience import Patience
from mnv2bench.campaign.preparation import silent
from mnv2bench.campaign.processes import run_process
from mnv2bench.case import Case, cases, of_network
from mnv2bench.files import Product, Sort, require_writable, write
from mnv2bench.records import Plan, Weights
from mnv2bench.regression.duels.confirm import Answer, confirm
from mnv2bench.regression.duels.duel import SIDES, Duel, begin_duel, journal_path, measure_pairs
from mnv2bench.regression.duels.side import Side, side
from mnv2bench.regression.judging.pairs import BOTH, IMPROVEMENT, LOOKS, REGRESSION, judge, log_ratios, trimmed
from mnv2bench.statistics.intervals import clopper_pearson
from mnv2bench.statistics.latency import detection, process_median
from mnv2bench.workers.environment import absolute_folders

BACKENDS = ("onnxruntime", "openvino", "torch_script", "torch_aoti")
CELLS = cases(of_network([(0.35, 96), (1.0, 224)]), backends=BACKENDS)
PLAN = Plan(processes=10 * LOOKS[-1], rounds=10)
PAIRS = Sort("table of pairs", columns=("case", "pair", "old", "new"))
SIZES = (0.0, 0.01, 0.02, 0.03, 0.05, 0.10)
AT_ONCE = Patience(idle_s=0.0)
SLOWED = Path(__file__).parent / "slowed"
NO_RUNS: Mapping[tuple[Case, str], int] = MappingProxyType({})
HOG = """
import os, sys, time
share, parent = float(sys.argv[1]), os.getppid()
while os.getppid() == parent:
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
    table = out.with_name(f"{out.name}.csv")
    require_writable([Product(table, PAIRS)], inputs=[journal_path(out, name) for name in SIDES])
    end = time.monotonic() + 60 * minutes
    duel = begin_duel(CELLS, pythons, out, PLAN, seed=1, progress=silent, resume=True, patience=AT_ONCE)
    measure_pairs(duel, CELLS, PLAN.processes, lambda: time.monotonic() > end)
    return judge_alike(duel, table, console)


def judge_alike(duel: Duel, csv: Path, console: Console) -> bool:
    """Print the verdicts of pairs of identical environments, and their spreads; True where nothing was a change."""
    ratios = {old.case: log_ratios(old, new) for old, new in zip(duel.old.records(), duel.new.records(), strict=True)}
    count = min(map(len, ratios.values()))
    if count < LOOKS[0]:
        raise ValueError(f"{count} pairs of each cell are too few: the same command with more --minutes goes on")
    verdicts: Counter[str] = Counter()
    for start in range(0, count - LOOKS[0] + 1, LOOKS[-1]):
        verdicts += Counter(replay(ratios[case][start : start + LOOKS[-1]], len(ratios)) for case in ratios)
    sittings = range(0, count - LOOKS[0] + 1, LOOKS[0])
    alarmed = sum(
        any(replay(ratios[case][start : start + LOOKS[0]], len(ratios)) in BOTH for case in ratios)
        for start in sittings
    )  # fmt: skip
    high = clopper_pearson(alarmed, len(sittings))[1]
    console.print(
        f"duels: A/A of {len(ratios)} cells, {count} pairs each: as duels of up to {LOOKS[-1]} pairs "
        f"{dict(verdicts)}; as sittings of {LOOKS[0]} pairs {alarmed} of {len(sittings)} with an alarm, "
        f"at most {high:.0%}",
        markup=False,
    )
    _print_spreads(ratios, console)
    _write_pairs(duel, csv)
    console.print(f"  written: {csv}", markup=False)
    return alarmed == 0 and not any(verdict in BOTH for verdict in verdicts)


def _print_spreads(ratios: Mapping[Case, Sequence[float]], console: Console) -> None:
    for case in sorted(ratios, key=lambda case: BACKENDS.index(case.backend)):
        estimate = trimmed(ratios[case])
        console.print(
            f"  {case.backend:14}{case.variant:24} sd of log ratios {statistics.stdev(ratios[case]):.2%}, "
            f"over all pairs {math.expm1(estimate.mean):+.2%} +- {1.96 * estimate.se:.2%}",
            markup=False,
        )


def _write_pairs(duel: Duel, csv: Path) -> None:
    """The levels of every pair that both sides finished well, as `selfcheck.nights` reads them."""
    import pandas as pd

    rows = [
        {"case": old.case.id, "pair": a.number, "old": detection(a.samples, 1), "new": detection(b.samples, 1)}
        for old, new in zip(duel.old.records(), duel.new.records(), strict=True)
        for a in old.processes
        for b in new.processes
        if a.number == b.number and a.status == b.status == "ok"
    ]
    table = pd.DataFrame(rows, columns=list(PAIRS.columns))
    write({Product(csv, PAIRS): table.to_csv(index=False, float_format="%.6f", lineterminator="\n")})


def replay(ratios: Sequence[float], rivals: int) -> str:
    """The verdict that these pairs would have led to."""
    looks = [look for look in LOOKS if look <= len(ratios)]
    for look in looks:
        judged = judge(ratios[:look], rivals, last=look == looks[-1])
        if judged.verdict:
            return judged.verdict
    return "too few"


def injections(pythons: tuple[str, str], repeats: int, out: Path, busy: bool, seed: int, console: Console) -> bool:
    """The new environment's timed calls slowed by 0, 1, 2, 3, 5 or 10 % of each cell's median, drawn by seed.

    The busy loop is inside the timed region (see `slowed`); `busy` adds a process that loads one core at 30 %. Prints
    the verdicts of each size; True where every cell was measured in enough pairs, and no change was confirmed that was
    not injected.
    """
    measured = True
    with loaded_core() if busy else nothing():
        medians = calibrated(side(pythons[0], CELLS, Weights()))
        tally: dict[float, Counter[str]] = {size: Counter() for size in SIZES}
        for repeat in range(repeats):
            draw = random.Random(f"{seed} {repeat}")
            sizes = dict(zip(CELLS, draw.sample(SIZES * 2, len(CELLS)), strict=True))
            added = {case: round(1e9 * medians[case] * size) for case, size in sizes.items()}
            suffix = ".busy" if busy else ""
            journals = out.with_name(f"{out.name}.{seed}.{repeat}{suffix}")
            with tempfile.TemporaryDirectory() as folder:
                launcher = slower(pythons[1], added, Path(folder))
                sides, seed_of_repeat = (pythons[0], launcher), draw.randrange(2**31)
                duel = begin_duel(CELLS, sides, journals, PLAN, seed_of_repeat, resume=True, patience=AT_ONCE)
                for case, answer in confirm(duel).items():
                    tally[sizes[case]][answer.judged.verdict] += 1
                    measured = measured and answer.judged.pairs >= LOOKS[0]
                    console.print(f"  {_injection_text(case, sizes[case], answer)}", markup=False)
    beside = "with a process that loads one core at 30 %" if busy else "with nothing of ours beside it"
    for size, verdicts in tally.items():
        console.print(f"injections, {beside}: {size:+.0%}: {dict(verdicts)}", markup=False)
    if not measured:
        console.print("injections: a cell was not measured on both sides: the reason stands in its line", markup=False)
    return measured and tally[0.0][REGRESSION] + sum(verdicts[IMPROVEMENT] for verdicts in tally.values()) == 0


def _injection_text(case: Case, size: float, answer: Answer) -> str:
    """What was injected into a case, what was measured, and the verdict."""
    judged = answer.judged
    achieved = "no ratio" if judged.ratio is None else f"{judged.ratio - 1:+.2%} measured"
    reason = f" ({answer.reason})" if answer.reason else ""
    return f"{case.id}: {size:+.0%} injected, {achieved}, {judged.pairs} pairs: {judged.verdict}{reason}"


def calibrated(old: Side) -> dict[Case, float]:
    """Seconds: the median of each cell now, of two processes."""
    return {case: statistics.median(_process_median(old, case, seed) for seed in (1, 2)) for case in CELLS}


def _process_median(old: Side, case: Case, seed: int) -> float:
    """Seconds: the median of one process; ValueError with its reason where it did not end well."""
    outcome = run_process(case, old.preparations[case.id], replace(PLAN, rounds=3), seed, old.interpreter)
    if outcome.status != "ok" or outcome.result is None:
        raise ValueError(f"{case.id}: {outcome.status}: {outcome.reason}")
    return process_median(outcome.result.samples, case.threads)


def slower(
    python: str, added_ns: Mapping[Case, int], folder: Path, added_runs: Mapping[tuple[Case, str], int] = NO_RUNS
) -> str:  # fmt: skip
    """The path of a launcher: the same interpreter, in whose workers these cases spin on for so long.

    `added_runs`: modules of cases that torch runs from Python, and how many times more they compute.
    """
    words = ",".join(f"{case.id}={added}" for case, added in added_ns.items() if added)
    modules = ",".join(f"{case.id}/{module}={runs}" for (case, module), runs in added_runs.items())
    launcher = folder / "python"
    # the processes of a duel get no PYTHONPATH: what this process imports from is named here
    path = os.pathsep.join(filter(None, [str(SLOWED), absolute_folders(os.environ.get("PYTHONPATH", ""))]))
    settings = f"PYTHONPATH={shlex.quote(path)} MNV2BENCH_SLOWED={shlex.quote(words)}"
    settings += f" MNV2BENCH_SLOWED_MODULES={shlex.quote(modules)}"
    launcher.write_bytes(os.fsencode(f'#!/bin/sh\n{settings} exec {shlex.quote(python)} "$@"\n'))
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
    """A context manager that does nothing."""
    yield
