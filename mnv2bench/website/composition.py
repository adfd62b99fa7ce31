"""Composition: every page and table of the site by its address, as texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.files import Sort
from mnv2bench.website import pages
from mnv2bench.website.addresses import CASES, INDEX, MACHINES, RUNTIMES, page_address
from mnv2bench.website.answers import answers_html
from mnv2bench.website.rows import Place, SiteFile, newest
from mnv2bench.website.summaries import checks_digest
from mnv2bench.website.table import TABLE, csv, lines

PAGE = Sort("page of the site")
ALL, CSV = "all.csv", ".csv"
Grouped = Mapping[str, Sequence[Place]]


@dataclass(frozen=True)
class Site:
    """The texts of a site by their addresses, and how many machines, cases and runtimes it has."""

    texts: Mapping[str, str]
    machines: int
    cases: int
    runtimes: int


def sort_of(address: str) -> Sort:
    """The sort of product at an address."""
    return TABLE if address.endswith(CSV) else PAGE


def composed(places: Sequence[Place], paths: Mapping[SiteFile, Path], results: Path, unread: Sequence[str]) -> Site:
    """The site of these places, the oldest file first; `paths` says where each file lies.

    `unread` has a line for each file that is not in the site.
    """
    of_machines = _grouped(places, lambda place: place.file.machine)
    of_cases = _grouped(places, lambda place: place.row.case)
    of_runtimes = _grouped(places, lambda place: place.row.backend)
    table_lines = dict(zip(places, lines(places), strict=True))
    checks = checks_digest(results)
    texts = {
        INDEX: pages.index_page(list(paths), of_machines, of_runtimes, of_cases, unread),
        ALL: csv(table_lines.values()),
    }
    for folder, groups in ((MACHINES, of_machines), (CASES, of_cases), (RUNTIMES, of_runtimes)):
        for name, own in groups.items():
            texts[page_address(folder, name, CSV)] = csv(table_lines[place] for place in own)
    for name, own in of_machines.items():
        answers = answers_html(list(newest(own)), paths, results, checks)
        texts[page_address(MACHINES, name)] = _machine_page(name, own, answers)
    for name, own in of_cases.items():
        on = _grouped(own, lambda place: place.file.machine)
        texts[page_address(CASES, name)] = pages.case_page(name, on, _csv_beside(CASES, name))
    for name, own in of_runtimes.items():
        on = _grouped(own, lambda place: place.file.machine)
        last = {machine: {place.row.case: place for place in newest(theirs)} for machine, theirs in on.items()}
        texts[page_address(RUNTIMES, name)] = pages.runtime_page(name, last, _csv_beside(RUNTIMES, name))
    return Site(texts, len(of_machines), len(of_cases), len(of_runtimes))


def _machine_page(name: str, places: Sequence[Place], answers: str) -> str:
    files = list(dict.fromkeys(place.file for place in places))
    return pages.machine_page(name, list(newest(places)), files, answers, _csv_beside(MACHINES, name))


def _csv_beside(folder: str, name: str) -> str:
    """The address of a page's table from the page's own folder."""
    return page_address(folder, name, CSV).rpartition("/")[2]


def _grouped(places: Iterable[Place], name_of: Callable[[Place], str]) -> dict[str, list[Place]]:
    """The places by a name, in the order of the names; those of a name stay in their order."""
    groups: dict[str, list[Place]] = {}
    for place in places:
        groups.setdefault(name_of(place), []).append(place)
    return {name: groups[name] for name in sorted(groups)}
