"""One side of a duel: an environment with an interpreter of its own, which makes what its cases need itself."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import Struct

from mnv2bench.backends import runtime
from mnv2bench.campaign.child import Interpreter, run_child
from mnv2bench.campaign.preparation import EXPORT_TIMEOUT_S, Failure, Preparation, prepare
from mnv2bench.case import Case
from mnv2bench.machine import this_machine
from mnv2bench.records import Machine, Weights
from mnv2bench.workers import package
from mnv2bench.workers.distributions import installed_versions
from mnv2bench.workers.programs import Outcome, Program, serve


class SideJob(Struct, frozen=True):
    """The cases that an environment is to prepare; `profiled`: with the files that its profilers open."""

    cases: tuple[Case, ...]
    weights: Weights
    trt_level: int
    profiled: bool = False


class SideResult(Struct, frozen=True):
    """An environment: its machine, its distributions with their versions, and the preparations by case id."""

    machine: Machine
    distributions: dict[str, str]
    preparations: dict[str, Preparation | Failure]
    sources: str = ""


SIDE = Program("mnv2bench.regression.duels.side", SideJob, SideResult)


@dataclass(frozen=True)
class Side:
    """An interpreter and its environment; `preparations` holds the files of each case, or why there are none."""

    interpreter: Interpreter
    machine: Machine
    distributions: dict[str, str]
    preparations: dict[str, Preparation | Failure]

    @property
    def versions(self) -> dict[str, str]:
        """Versions of Python and of every distribution, and the commit of its mnv2bench where that is a checkout."""
        commit = self.machine.commit
        other = {"Python": str(self.machine.python)} | ({"commit of mnv2bench": commit} if commit else {})
        return self.distributions | other


def side(
    python: str, cases: Sequence[Case], weights: Weights, trt_level: int = 3, profiled: bool = False
) -> Side:  # fmt: skip
    """The environment of an interpreter, asked in a process of its own.

    `profiled`: its preparations are of the files that are opened to be profiled.
    ValueError where there is no such interpreter, or its mnv2bench is missing or of another contract.
    """
    path = shutil.which(python)
    if not path:
        raise ValueError(f"there is no interpreter {python}: give the path of an environment's bin/python")
    job = SideJob(tuple(cases), weights, trt_level, profiled)
    outcome = run_child(SIDE, job, {}, EXPORT_TIMEOUT_S * max(1, len(cases)), Interpreter(path))
    result = outcome.result
    if outcome.status != "ok" or result is None:
        fix_command = f"{python} -m pip install --upgrade mnv2bench"
        raise ValueError(f"the environment of {python} cannot duel ({outcome.reason}): {fix_command}")
    interpreter = Interpreter(path, result.sources, result.machine.libraries)
    return Side(interpreter, result.machine, result.distributions, result.preparations)


def main(job: SideJob) -> Outcome[SideResult]:
    """Prepare the cases with this interpreter."""
    preparations = {
        case.id: prepare(
            case,
            job.weights,
            trt_level=job.trt_level,
            format=runtime(case.backend).profiled_format(case.precision) if job.profiled else "",
        )
        for case in job.cases
    }
    return Outcome(result=SideResult(this_machine(), installed_versions(), preparations, package.digest()))


if __name__ == "__main__":
    serve(SIDE, main)
