"""The versions that differ between two environments."""

from collections.abc import Mapping

ABSENT = "–"


def differing_versions(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Name, old version and new version of each library or fact that differs; a dash where a side has none."""
    names = sorted(old.keys() | new.keys())
    return [(name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in names if old.get(name) != new.get(name)]
