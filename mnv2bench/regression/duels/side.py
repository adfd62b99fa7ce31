"""One side of a duel: an environment with an interpreter of its own, which makes what its cases need itself."""

import importlib.metadata
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnv2bench.artifacts import Weights
from mnv2bench.campaign.child import Ended, child
from mnv2bench.campaign.ready import EXPORT_TIMEOUT_S, Ready, ready
from mnv2bench.cases import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Artifact, Machine
from mnv2bench.records.machine import machine_from_json, machine_to_json
from mnv2bench.workers.outcome import outcome

CONTRACT = 3  # of the jobs that this module and measure.worker take, and of what they answer
MODULE = "mnv2bench.regression.duels.side"


@dataclass(frozen=True)
class Side:
    """`ready` holds, by case id, what a worker is given, or how making it ended."""

    interpreter: tuple[str, ...]
    machine: Machine
    distributions: dict[str, str]
    ready: dict[str, Ready | Ended]

    @property
    def versions(self) -> dict[str, str]:
        """Of Python and of every distribution, and the commit of its mnv2bench where that is a checkout."""
        commit = self.machine.commit
        other = {"Python": str(self.machine.python)} | ({"commit of mnv2bench": commit} if commit else {})
        return self.distributions | other


def side(python: str, cases: Sequence[Case], weights: Weights, trt_level: int = 3) -> Side:
    """The environment of an interpreter, asked in a process of its own.

    ValueError where there is no such interpreter, or its mnv2bench is missing or of another contract.
    """
    found = shutil.which(python)
    if not found:
        raise ValueError(f"there is no interpreter {python}: give the path of an environment's bin/python")
    interpreter = (found, "-P")  # without the folder we stand in: a checkout there would be measured on both sides
    job = {
        "contract": CONTRACT,
        "cases": [asdict(case) for case in cases],
        "weights": asdict(weights),
        "trt_level": trt_level,
    }
    ended = child(MODULE, job, {}, EXPORT_TIMEOUT_S * max(1, len(cases)), interpreter)
    if ended.status != "ok":
        mend = f"{python} -m pip install --upgrade mnv2bench"
        raise ValueError(f"the environment of {python} cannot duel ({ended.reason}): {mend}")
    said = ended.measured
    return Side(
        interpreter,
        machine_from_json(said["environment"]),
        said["distributions"],
        {k: _read(v) for k, v in said["ready"].items()},
    )


def _read(said: dict[str, Any]) -> Ready | Ended:
    if "status" in said:
        return Ended(**said)
    return Ready(**{**said, "artifact": Artifact(**said["artifact"])})


def main(job: dict[str, Any]) -> dict[str, Any]:
    if job["contract"] != CONTRACT:
        other = f"it speaks contract {CONTRACT} of workers, the duel speaks {job['contract']}"
        raise ValueError(f"{other}; install one version of mnv2bench on both sides, or versions that are nearer")
    weights = Weights(**job["weights"])
    made = {
        case.id: ready(case, weights, trt_level=job["trt_level"])
        for case in (Case(**fields) for fields in job["cases"])
    }
    distributions = {d.metadata["Name"]: d.version for d in importlib.metadata.distributions()}
    return {
        "measured": {
            "environment": machine_to_json(this_machine()),
            "distributions": distributions,
            "ready": {name: asdict(given) for name, given in made.items()},
        }
    }


if __name__ == "__main__":
    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
