"""The check `ship`: whether a shipped program, in an environment of its own, takes the time that was measured."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from rich.console import Console

from mnv2bench import shipping
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.child import variables
from mnv2bench.campaign.preparation import Failure, prepare, silent
from mnv2bench.campaign.processes import run_process
from mnv2bench.case import Case, cases, of_network
from mnv2bench.records import Plan, Weights, default_weights
from mnv2bench.records.journal import Journal
from mnv2bench.shipping.verification import PROGRAM
from mnv2bench.statistics.latency import process_median
from mnv2bench.texts import one_line
from mnv2bench.workers.environment import clean_variables

VARIANTS = [(1.0, 224), (0.35, 96)]
BACKENDS = ("onnxruntime", "openvino", "litert", "ncnn")  # whose distributions are small
MAX_DIFFERENCE = 0.03  # docs/thresholds.md#selfcheck
FIRST = Plan(processes=1, rounds=1)  # of the record that a folder is made from; its times are compared with nothing
TIMEOUT_S = 600.0
MEDIAN = re.compile(r"^median ([0-9.]+) ms of \d+ calls$", re.MULTILINE)


def ship_check(repeats: int, out: Console) -> bool:
    """Ship cases, and measure their programs and our own processes in turns; True where all medians are the same.

    Every program runs in an environment that holds what its requirements.txt names, which pip fetches.
    """
    ratios = [_ratio(case, repeats, out) for case in cases(of_network(VARIANTS), backends=BACKENDS)]
    measured = [ratio for ratio in ratios if ratio is not None]
    if not measured:
        out.print("ship: nothing was measured: the reasons above end in what to do")
        return False
    agreed = all(abs(ratio - 1) <= MAX_DIFFERENCE for ratio in measured)
    out.print(
        f"ship: run.py over ours: {min(measured):.4f} to {max(measured):.4f}, {len(measured)} of {len(ratios)} "
        f"cases, medians of {repeats} processes each in turns (goal 1 +- {MAX_DIFFERENCE})"
    )
    return agreed and len(measured) == len(ratios)


def _ratio(case: Case, repeats: int, out: Console) -> float | None:
    """The median of the program over that of our processes; None, with the reason printed, where there is none."""
    weights = default_weights()
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as place:
        folder = Path(place, "shipped")
        try:
            _ship(case, weights, folder)
            python = own_environment(Path(place, "environment"), folder / "requirements.txt")
            ours, theirs = _in_turns(case, weights, folder, python, repeats)
        except ValueError as error:
            out.print(one_line(f"  {case.id}: left out: {error}"), markup=False)
            return None
    ratio = statistics.median(theirs) / statistics.median(ours)
    shown = f"{1e3 * statistics.median(theirs):.4f} / {1e3 * statistics.median(ours):.4f} ms"
    out.print(f"  {case.id:58} run.py / ours {ratio:.4f}   {shown}", markup=False)
    return ratio


def _ship(case: Case, weights: Weights, folder: Path) -> None:
    """Measure a case once, and write its folder. ValueError, in one line, where that cannot be done."""
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as place:
        journal = Path(place, "run.jsonl")
        run(Campaign((case,), Journal(journal), FIRST, weights=weights, accuracy=False))
        measurement = shipping.newest(case, shipping.read_files((journal,), Path(place)), Path(place))
        verification = shipping.ship(measurement, weights, folder, silent)
    if verification.wrong:
        raise ValueError(f"its program is wrong: {verification.wrong}")


def own_environment(folder: Path, requirements: Path) -> Path:
    """The Python of a new environment with what a requirements file names, and nothing of this one.

    Raises ValueError, with the last line of pip's, where it cannot be installed.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "-r", str(requirements)]
    installed = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if installed.returncode:
        raise ValueError(f"pip: {one_line(installed.stderr.strip().rpartition(chr(10))[2])}")
    return python


def _in_turns(
    case: Case, weights: Weights, folder: Path, python: Path, repeats: int
) -> tuple[list[float], list[float]]:
    """Seconds of the median of each of our processes and of each process of the program, in turns."""
    preparation = prepare(case, weights)
    if isinstance(preparation, Failure):
        raise ValueError(preparation.reason)
    ours: list[float] = []
    theirs: list[float] = []
    for seed in range(repeats):
        for is_ours in (True, False) if seed % 2 == 0 else (False, True):
            if not is_ours:
                theirs.append(program_median(python, folder, case.threads, seed))
                continue
            outcome = run_process(case, preparation, Plan(processes=1), seed)
            if outcome.status != "ok" or outcome.result is None:
                raise ValueError(f"{outcome.status}: {outcome.reason}")
            ours.append(process_median(outcome.result.samples, case.threads))
    return ours, theirs


def program_median(python: Path, folder: Path, threads: int, seed: int) -> float:
    """Seconds of the median that the program of a folder prints with --time, as a process with this seed."""
    ran = subprocess.run(
        [str(python), "-P", str(folder / PROGRAM), "--time"],
        env=clean_variables(os.environ, our_python=False) | variables(threads, seed),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=TIMEOUT_S,
        check=False,
        start_new_session=True,  # as our processes have: Linux shares a busy processor out by session
    )
    match = MEDIAN.search(ran.stdout)
    if ran.returncode or not match:
        raise ValueError(f"{PROGRAM} --time printed no median: {one_line(ran.stderr.strip().rpartition(chr(10))[2])}")
    return float(match[1]) / 1e3
