"""The distributions that a program needs, each in the version that was measured."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from mnv2bench import backends
from mnv2bench.records import Record

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_-]*")  # what a file may give pip; anything else is no version
CPU_BUILD = "+cpu"  # of torch: not on PyPI
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


class Requirement(NamedTuple):
    """A distribution and its measured version; None where no record says it."""

    name: str
    version: str | None

    @property
    def line(self) -> str:
        return f"{self.name}=={self.version}" if self.version else f"{self.name}  # its version was not recorded"


def requirements(record: Record, modules: Iterable[str]) -> tuple[Requirement, ...]:
    """What has to be installed for a program that imports these modules.

    The versions are those that the measuring processes imported; of modules that are no distribution of the backend,
    and in files that do not say what was imported, those that the machine had.
    """
    imported = {name: version for samples in record.samples for name, version in samples.libraries.items()}
    installed = record.machine.libraries
    declared = backends.runtime(record.case.backend).distributions
    versions = {name: imported[name] for name in declared if name in imported}
    if not imported:
        versions = {name: installed[name] for name in declared if name in installed}
    for module in modules:
        if not any(name.replace("-", "_").startswith(module) for name in versions):
            name = module.replace("_", "-")
            versions[name] = installed.get(name, "")
    return tuple(Requirement(name, _checked(version)) for name, version in sorted(versions.items()))


def _checked(version: str) -> str | None:
    return version if VERSION.fullmatch(version) else None


def requirements_text(chosen: Iterable[Requirement]) -> str:
    """The text of requirements.txt, with the index that has torch's builds without CUDA where one is needed."""
    lines = [requirement.line for requirement in chosen]
    index = [f"--extra-index-url {CPU_INDEX}"] if any(line.endswith(CPU_BUILD) for line in lines) else []
    return "\n".join([*index, *lines]) + "\n"
