"""The exporters, one function a format, and the process that runs one of them."""

import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mnv2bench import artifacts
from mnv2bench.artifacts import REFERENCE_SEEDS, Weights
from mnv2bench.backends import Unavailable
from mnv2bench.backends._torch import network, require_compiler
from mnv2bench.cases import Case
from mnv2bench.networks import build, images
from mnv2bench.outcomes import outcome
from mnv2bench.records import Artifact


def _state_dict(case: Case, state_dict: Path, target: Path, weights: Weights) -> None:
    if not weights.file:
        torch.save(build(case.network, width=case.width, seed=weights.seed).state_dict(), target)
        return
    module = build(case.network, width=case.width, seed=None)
    module.load_state_dict(torch.load(weights.file, weights_only=True, map_location="cpu"))
    torch.save(module.state_dict(), target)


def _images(case: Case, seed: int) -> torch.Tensor:
    return torch.from_numpy(images(seed, case.batch, case.resolution))


def _reference(case: Case, state_dict: Path, target: Path, weights: Weights) -> None:
    """Eager fp32 logits of two batches of images: what every backend is held against."""
    module = network(case, state_dict)
    logits = [module(_images(case, seed)).numpy() for seed in REFERENCE_SEEDS]
    with target.open("wb") as file:
        np.savez(file, logits=np.stack(logits))


def _onnx(case: Case, state_dict: Path, target: Path, weights: Weights) -> None:
    program = torch.onnx.export(network(case, state_dict), (_images(case, 1),), dynamo=True, verbose=False)
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    program.save(str(target))


def _torchscript(case: Case, state_dict: Path, target: Path, weights: Weights) -> None:
    traced: Any = torch.jit.trace(network(case, state_dict), (_images(case, 1),))  # type: ignore[no-untyped-call]
    torch.jit.save(torch.jit.freeze(traced), target)


def _pt2(case: Case, state_dict: Path, target: Path, weights: Weights) -> None:
    require_compiler()
    torch.set_num_threads(case.threads)  # Inductor writes the thread count into its C++
    program = torch.export.export(network(case, state_dict), (_images(case, 1),))
    torch._inductor.aoti_compile_and_package(program, package_path=str(target), inductor_configs={"freezing": True})


EXPORTERS: dict[str, Callable[[Case, Path, Path, Weights], None]] = {
    "state_dict": _state_dict,
    "reference": _reference,
    "onnx": _onnx,
    "torchscript": _torchscript,
    "pt2": _pt2,
}


def export(case: Case, format: str, key: str, state_dict: Path, weights: Weights) -> Artifact:
    """Make one artifact; it appears in the cache whole or not at all."""
    target = artifacts.path(format, key)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{os.getpid()}-{target.name}")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    start = time.perf_counter()
    try:
        EXPORTERS[format](case, state_dict, partial, weights)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, ModuleNotFoundError):
            raise Unavailable(f"{error.name} is not installed: pip install 'mnv2bench[{case.backend}]'") from error
        raise
    seconds = time.perf_counter() - start
    artifact = Artifact(format, key, partial.stat().st_size, seconds)
    partial.replace(target)
    artifacts.keep(artifact)
    return artifact


def main(job: dict[str, Any]) -> dict[str, Any]:
    warnings.simplefilter("ignore")  # converters deprecate themselves on stderr
    case, weights = Case(**job["case"]), Weights(**job["weights"])
    export(case, job["format"], job["key"], Path(job["state_dict"]), weights)
    return {}


if __name__ == "__main__":
    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
