"""Versions of distributions as they are imported: environments may be layered, with one in several of them.

The first layer of the import path that has a module is where it comes from, whatever the layers list as installed.
"""

import importlib.metadata
import importlib.util
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import Distribution
from pathlib import Path


def version(name: str) -> str | None:
    """The version of a distribution as its modules are imported here, None where it is not installed.

    Where a module comes from a folder that belongs to no distribution, it is the folder that is named.
    """
    return _version(list(Distribution.discover(name=name)))


def imported_versions(names: Iterable[str]) -> dict[str, str]:
    """The versions of those of these distributions of which this process has imported a module."""
    versions = {}
    for name in names:
        layers = list(Distribution.discover(name=name))
        if any(module in sys.modules for layer in layers for module in _modules(layer)):
            versions[name] = str(_version(layers))
    return versions


def installed_versions() -> dict[str, str]:
    """The version of every distribution of this environment, by name: of several layers, the one that is imported."""
    layers: dict[str, list[Distribution]] = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # a folder that a broken installation left has none
            layers.setdefault(re.sub(r"[-_.]+", "-", name).lower(), []).append(distribution)
    return {
        same[0].metadata["Name"]: same[0].version if len(same) == 1 else str(_version(same)) for same in layers.values()
    }


def _version(layers: list[Distribution]) -> str | None:
    """The version of the layer that is imported; `layers` are in the order of the import path."""
    if not layers:
        return None
    origins = {module: origin for layer in layers for module in _modules(layer) if (origin := _origin(module))}
    for layer in layers:
        folder = Path(str(layer.locate_file(""))).resolve()
        if any(origin.is_relative_to(folder / module) or origin.parent == folder for module, origin in origins.items()):
            return layer.version
    if not origins or any(map(_is_editable, layers)):
        return layers[0].version
    return f"of no distribution: {min(origins.values()).parent}"


def _modules(distribution: Distribution) -> tuple[str, ...]:
    """The names of a distribution's own top modules."""
    listed = distribution.read_text("top_level.txt")
    names = listed.split() if listed else _listed_modules(distribution)
    return tuple(dict.fromkeys(name for name in names if name.isidentifier() and not name.startswith("_")))


def _listed_modules(distribution: Distribution) -> Iterator[str]:
    for path in distribution.files or ():
        if len(path.parts) == 2 and path.name == "__init__.py":
            yield path.parts[0]
        elif len(path.parts) == 1 and path.suffix == ".py":
            yield path.stem


def _origin(module: str) -> Path | None:
    """The file that a module is imported from, or was; None where there is none, or where it is no ordinary file."""
    with suppress(ImportError, ValueError, AttributeError):
        spec = importlib.util.find_spec(module)
        if spec and spec.has_location and spec.origin:
            return Path(spec.origin).resolve()
    return None


def _is_editable(distribution: Distribution) -> bool:
    """Whether a distribution's modules lie elsewhere on purpose."""
    with suppress(ValueError, AttributeError, TypeError):
        return bool(json.loads(distribution.read_text("direct_url.json") or "{}").get("dir_info", {}).get("editable"))
    return False
