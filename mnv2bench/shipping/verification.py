"""The verification of a program: it runs here, alone, and its logits are held against eager fp32's."""

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnv2bench.artifacts import REFERENCE_SEEDS
from mnv2bench.imagesets import image_set
from mnv2bench.records import Record, Weights
from mnv2bench.texts import one_line
from mnv2bench.workers.environment import clean_variables
from mnv2bench.workers.outputs import Reference, compare

TIMEOUT_S = 600.0
PROGRAM = "run.py"
KEPT = """
import runpy, sys
path = sys.argv.pop(1)
outputs = runpy.run_path(sys.argv.pop(1), run_name="__main__")["outputs"]
import numpy
numpy.save(path, outputs)
"""


@dataclass(frozen=True)
class Verification:
    """How a program ended here: its largest error over the largest logit, or why its outputs are wrong.

    `versions` are those of its distributions that it ran with.
    """

    error: float | None
    wrong: str
    versions: Mapping[str, str]


def batches(record: Record, weights: Weights) -> list[NDArray[np.float32]]:
    """The two batches of images on which every process is checked before it measures."""
    case = record.case
    pictures = image_set(case, weights)
    return [pictures.batch(seed, case.batch, case.image) for seed in REFERENCE_SEEDS]


def verify(
    contents: Mapping[str, bytes], record: Record, weights: Weights, reference: Path, distributions: Iterable[str]
) -> Verification:
    """Run a program with its files in a folder of its own, once on each batch of images, and compare its outputs.

    Raises ValueError, with the last line that it printed, where it does not run.
    """
    images = batches(record, weights)
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        for name, content in contents.items():
            Path(folder, name).write_bytes(content)
        outputs = [program_outputs(Path(sys.executable), Path(folder), batch) for batch in images]
    comparison = compare(
        outputs, Reference(reference).of(REFERENCE_SEEDS), record.case.precision, weights.kind(record.case)
    )
    return Verification(comparison.error, comparison.wrong, _versions(distributions))


def program_outputs(python: Path, folder: Path, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The logits that the program of a folder computes of these images, run by a Python that needs no mnv2bench."""
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as own:
        np.save(Path(own, "batch.npy"), images)
        kept = Path(own, "outputs.npy")
        command = [str(python), "-P", "-c", KEPT, str(kept), str(folder / PROGRAM), str(Path(own, "batch.npy"))]
        ran = subprocess.run(
            command,
            env=clean_variables(os.environ, our_python=python == Path(sys.executable)),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_S,
            check=False,
        )
        if ran.returncode or not kept.is_file():
            last = one_line(ran.stderr.strip().rpartition("\n")[2]) or f"exit code {ran.returncode}"
            raise ValueError(f"{PROGRAM} does not run here: {last}")
        return np.asarray(np.load(kept), dtype=np.float32)


def _versions(distributions: Iterable[str]) -> dict[str, str]:
    """The versions of distributions that are installed here."""
    installed = {}
    for name in distributions:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed
