"""Where a confirmed regression began in a machine's history: the two nights between, and what differs of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.records.journal import Unusable
from mnv2bench.records.machine import machine_to_json
from mnv2bench.records.reading import Contents, contents_of
from mnv2bench.regression.gate.night import Tonight
from mnv2bench.regression.history import Night, Verdict, nights
from mnv2bench.regression.history.verdicts import SETTLING
from mnv2bench.regression.judging.pairs import REGRESSION
from mnv2bench.statistics.conditions import conditions
from mnv2bench.statistics.versions import differing_versions

Difference = tuple[str, str, str]  # name, before and after
NO_FACTS = ("libraries", "commit", "why_no_commit", "sources", "fingerprint")  # they stand elsewhere


@dataclass(frozen=True)
class Onset:
    """A regression was first confirmed in `since`; `before` is the night before that, None where there is none.

    `libraries` differ between the two nights. `files` are the saved files of both, the later one last.
    """

    since: Night
    before: Night | None
    libraries: tuple[Difference, ...]
    files: tuple[Path, ...]


def onset(night: Tonight, case: str, verdicts: Mapping[str, Mapping[str, Verdict]]) -> Onset:
    """The beginning of a regression that stands tonight: pairs have said nothing else of the case since then."""
    known = nights(night.frame)
    place = first = next(place for place, each in enumerate(known) if each.night == night.name)
    while place >= 0:
        verdict = verdicts.get(known[place].night, {}).get(case)
        if verdict and verdict.verdict == REGRESSION:
            first = place
        elif verdict and verdict.verdict in SETTLING:
            break
        place -= 1
    before = known[first - 1] if first else None
    since = known[first]
    changed = differing_versions(before.libraries, since.libraries) if before else []
    files = [night.file(each.night) for each in (before, since) if each]
    return Onset(since, before, tuple(changed), tuple(files))


def differing_facts(files: tuple[Path, ...]) -> tuple[Difference, ...]:
    """The facts and the conditions of a machine that differ between two of its nights; () where one does not read."""
    if len(files) < 2:
        return ()
    try:
        before, after = (_facts(contents_of(file)) for file in files)
    except Unusable:
        return ()
    return tuple(differing_versions(before, after))


def _facts(contents: Contents) -> dict[str, str]:
    """What a file says of its machine but for its software, and how warm and busy that was while it measured."""
    facts = {
        name: str(fact)
        for name, fact in machine_to_json(contents.head.machine).items()
        if fact is not None and name not in NO_FACTS
    }
    temperatures = [state.temperature_c for state in contents.states if state.temperature_c is not None]
    if temperatures:
        facts["highest temperature"] = f"{max(temperatures):.0f} °C"
    return facts | {"conditions": "; ".join(conditions(contents.states)) or "nothing unusual"}
