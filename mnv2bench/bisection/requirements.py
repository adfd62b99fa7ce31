"""What the distributions in a folder require that neither the folder nor the environment behind it has."""

import importlib.metadata
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import TYPE_CHECKING

from mnv2bench.bisection.installing import Uninstallable

if TYPE_CHECKING:
    from packaging.requirements import Requirement

# Never exchanged in the environment of another package: torch is gigabytes, and mnv2bench is what measures
KEPT = ("torch", "mnv2bench")


def missing_requirements(folder: Path, behind: Mapping[str, str]) -> list[str]:
    """The requirements of the folder's distributions that are not met; `behind` are the versions of the environment.

    What the environment behind the folder meets is not looked into. Raises Uninstallable where a requirement is not met
    by one of KEPT, or is a link.
    """
    from packaging.utils import canonicalize_name

    own = own_distributions(folder)
    versions = {canonicalize_name(name): version for name, version in behind.items()}
    versions |= {canonicalize_name(name): version for name, version in own.items()}
    missing = []
    for requirement in _requirements(folder):
        name = canonicalize_name(requirement.name)
        version = versions.get(name)
        if version is not None and _meets(version, requirement):
            continue
        if name in KEPT:
            raise Uninstallable(f"it requires {requirement}, and {name} {version} of this environment is kept")
        if requirement.url:
            raise Uninstallable(f"it requires {requirement}, which is a link and no release")
        missing.append(f"{requirement.name}{requirement.specifier}")
    return list(dict.fromkeys(missing))


def _meets(version: str, requirement: "Requirement") -> bool:
    """Whether a version meets a requirement; modules that belong to no distribution meet each, as they are imported."""
    from packaging.version import InvalidVersion, Version

    try:
        return requirement.specifier.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def own_distributions(folder: Path) -> dict[str, str]:
    """The versions of the distributions in a folder, by name."""
    return {distribution.metadata["Name"]: distribution.version for distribution in _distributions(folder)}


def _distributions(folder: Path) -> list[Distribution]:
    return list(importlib.metadata.distributions(path=[str(folder)]))


def _requirements(folder: Path) -> "Iterator[Requirement]":
    """Every requirement of the folder's distributions that holds here, with those of the extras that they ask for."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    parsed = {
        canonicalize_name(distribution.metadata["Name"]): [Requirement(text) for text in distribution.requires or ()]
        for distribution in _distributions(folder)
    }
    todo: list[tuple[str, str]] = [(name, "") for name in parsed]
    done: set[tuple[str, str]] = set()
    while todo:
        name, extra = todo.pop()
        if (name, extra) in done:
            continue
        done.add((name, extra))
        for requirement in parsed.get(canonicalize_name(name), ()):
            if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(requirement.name), wanted) for wanted in requirement.extras]
                yield requirement
