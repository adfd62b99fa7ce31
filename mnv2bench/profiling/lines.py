"""Profiles and probes as lines of a journal, written and read."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from mnv2bench.profiling.records import (
    Probes,
    Profile,
    probes_from_json,
    probes_to_json,
    profile_from_json,
    profile_to_json,
)
from mnv2bench.records.journal import Journal
from mnv2bench.records.lines import Head, naming_damage, naming_line
from mnv2bench.records.reading import Contents, contents_of

PROFILE, PROBES = "profile", "probes"


def write_profile(journal: Journal, profile: Profile) -> None:
    """Append a profile to a journal, as a line of its own."""
    journal.other(PROFILE, profile_to_json(profile))


def write_probes(journal: Journal, probes: Probes) -> None:
    """Append probes to a journal, as a line of their own."""
    journal.other(PROBES, probes_to_json(probes))


def profiles(path: Path) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes of a journal or a saved file; most files have none. Raises Unusable."""
    return profiles_of(contents_of(path), path)


def profiles_of(contents: Contents, path: Path) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes among the contents of a file. Raises Unusable, naming the file and the line."""
    profiles: list[Profile] = []
    probes: list[Probes] = []
    processes: set[tuple[object, int]] = set()
    with naming_damage(path):
        for other in contents.others:
            with naming_line(other.number):
                new_profiles, new_probes = decoded([other.fields], contents.schema)
                for profile in new_profiles:
                    _require_new((profile.case, profile.number), profile.case.id, processes, contents.head)
                for probe in new_probes:
                    _require_new((probe.threads, probe.number), f"{probe.threads} threads", processes, contents.head)
            profiles += new_profiles
            probes += new_probes
    return tuple(profiles), tuple(probes)


def _require_new(process: tuple[object, int], name: str, before: set[tuple[object, int]], head: Head) -> None:
    """ValueError for a process that stands in the file twice, or that its plan does not have."""
    number = process[1]
    if process in before:
        raise ValueError(f"process {number} of {name} stands in it twice")
    if number >= head.plan.processes:
        raise ValueError(f"process {number} of a plan of {head.plan.processes}, which begins at 0")
    before.add(process)


def written(journal: Journal) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes of a campaign's journal."""
    with naming_damage(journal.path):
        return decoded(journal.others)


def decoded(lines: Iterable[Mapping[str, object]], schema: int = 0) -> tuple[tuple[Profile, ...], tuple[Probes, ...]]:
    """The profiles and the probes among these lines. ValueError for a damaged one."""
    profiles, probes = [], []
    for line in lines:
        if line["line"] == PROFILE:
            profiles.append(profile_from_json(_fields(line), schema))
        elif line["line"] == PROBES:
            probes.append(probes_from_json(_fields(line), schema))
    return tuple(profiles), tuple(probes)


def _fields(line: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in line.items() if name != "line"}
