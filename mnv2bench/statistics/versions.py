"""What differs between two environments."""

from collections.abc import Mapping

ABSENT = "–"


def unlike(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Name, old version, new version of everything that is not the same in both; a dash where a side has none."""
    names = sorted(old.keys() | new.keys())
    return [(name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in names if old.get(name) != new.get(name)]
