"""The case that a text names: by its id, or by a part that one id alone has."""

import itertools
from collections.abc import Iterable, Iterator

from mnv2bench import backends, networks
from mnv2bench.campaign import all_backends
from mnv2bench.campaign.described import describe
from mnv2bench.case import Case, cases
from mnv2bench.machine import cores
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.networks import Variant
from mnv2bench.selection.reading import Selection
from mnv2bench.selection.suites import require_cores, selected_cases


def named_case(text: str, selection: Selection) -> Case:
    """The case of an id, or the only case that has the text in its id: of those that the options choose, else of any.

    ValueError, in one line, for a text that is no part of an id, and for one that is a part of several.
    """
    try:
        case = Case.parse(text)
    except ValueError as error:
        case = _case_with(text, selection, error)
    require_cores((case,))
    describe((case,))
    return case


def _case_with(text: str, selection: Selection, error: ValueError) -> Case:
    """The only case that has the text in its id."""
    for candidates in _named_candidates(selection):
        ids = [case.id for case in candidates]
        if matching_names(text, ids):
            return Case.parse(matching_name(text, ids))
    raise ValueError(f"{error}, nor a part of one") from None


def _named_candidates(selection: Selection) -> Iterator[tuple[Case, ...]]:
    """The cases that a text may name: those that the options choose, all of their networks, all of every network."""
    yield selected_cases(selection)
    yield _all_cases(selection.networks)
    yield _all_cases(networks.names())


def _all_cases(names: Iterable[str]) -> tuple[Case, ...]:
    """Every variant of these networks, backend and precision on this processor, at batch 1, on one thread and all."""
    return tuple(
        case
        for network in map(networks.network, names)
        for backend in all_backends()
        for case in cases(
            [Variant(network.name, *size) for size in itertools.product(network.widths, network.resolutions)],
            backends=(backend,),
            precisions=backends.runtime(backend).runs["cpu"],
            threads=dict.fromkeys((1, cores())),
        )
    )
