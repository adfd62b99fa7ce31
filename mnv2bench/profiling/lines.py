"""Profiles and probes as lines of a journal, written and read."""

from collections.abc import Iterable
from pathlib import Path

from mnv2bench.profiling.records import (
    Probes,
    Profile,
    probes_from_json,
    probes_to_json,
    profile_from_json,
    profile_to_json,
)
from mnv2bench.records.journal import Journal, Unusable, lines
from mnv2bench.texts import one_line

PROFILE, PROBES = "profile", "probes"


def write_profile(journal: Journal, profile: Profile) -> None:
    """Append a profile to a journal, as a line of its own."""
    journal.other(PROFILE, profile_to_json(profile))


def write_probes(journal: Journal, probes: Probes) -> None:
    """Append probes to a journal, as a line of their own."""
    journal.other(PROBES, probes_to_json(probes))


def profiles(path: Path) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes of a journal or a saved file; most files have none. Raises Unusable."""
    return decoded(path, lines(path))


def written(journal: Journal) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes of a campaign's journal."""
    return decoded(journal.path, journal.others)


def decoded(path: Path, lines: Iterable[dict[str, object]]) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes among these lines of a file. Raises Unusable, naming the file."""
    profiles, probes = [], []
    try:
        for line in lines:
            if line["line"] == PROFILE:
                profiles.append(profile_from_json(_fields(line)))
            elif line["line"] == PROBES:
                probes.append(probes_from_json(_fields(line)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Unusable(f"{path} is damaged ({one_line(str(error))})") from error
    return tuple(profiles), tuple(probes)


def _fields(line: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in line.items() if name != "line"}
