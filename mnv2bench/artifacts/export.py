"""Makes one artifact with the exporter of its format."""

import importlib
import os
import time
from pathlib import Path
from typing import Protocol

import torch

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import formats
from mnv2bench.artifacts.job import Job
from mnv2bench.case import Case
from mnv2bench.records import Artifact, Weights
from mnv2bench.refusals import Unavailable


class Exporter(Protocol):
    """The module of a format."""

    def export(self, job: Job) -> None:
        """Write the file `job.target`."""


def export(case: Case, format: str, key: str, source: Path, options: dict[str, str], weights: Weights) -> Artifact:
    """Make one artifact; it appears in the cache whole or not at all.

    Raises Unavailable where a converter is not installed.
    """
    target = artifacts.path(format, key)
    target.parent.mkdir(parents=True, exist_ok=True)
    # process ids repeat, from container to container
    partial = target.with_name(f"{os.urandom(6).hex()}-{target.name}")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    start = time.perf_counter()
    try:
        exporter: Exporter = importlib.import_module(f"{formats.__name__}.{format}")
        exporter.export(Job(case, source, partial, weights, options))
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, ModuleNotFoundError):
            fix_command = backends.fix_command(case.backend, error.name)
            raise Unavailable(f"{error.name} is not installed: {fix_command}") from error
        raise
    seconds = time.perf_counter() - start
    artifact = Artifact(format, key, partial.stat().st_size, seconds, artifacts.digest(partial))
    partial.replace(target)
    artifacts.keep(artifact)
    return artifact
