"""The variant that a text names: a network, one of its variants, a part of one, a network of timm or a file."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from mnv2bench import networks
from mnv2bench.campaign.described import describe, file_description
from mnv2bench.case import Case, parsed_variant, variants
from mnv2bench.matching import matching_name, matching_names
from mnv2bench.networks import Variant, is_described, parsed_resolution, sides
from mnv2bench.networks.described import FILE_KINDS


def named_variant(text: str, options: Mapping[str, Any]) -> Variant:
    """The variant of a text; `options` are those of width, resolution, channels and classes that are given.

    What no family declares is read, in a process of its own. ValueError, in one line, for what names no network.
    """
    chosen = dict(options)
    if "resolution" in chosen:
        try:
            chosen["resolution"] = parsed_resolution(chosen["resolution"])
        except ValueError as error:
            raise ValueError(f"--resolution: {error}") from None
    if Path(text).suffix.removeprefix(".").lower() in FILE_KINDS:
        variant = _of_file(text, chosen)
    elif text in networks.names() or is_described(text):
        variant = _usual(text)._replace(**chosen)
    else:
        variant = _spelt(text)
        if {"width", "resolution"} & chosen.keys():
            raise ValueError(f"{text} has a width and a resolution: leave --width and --resolution out")
        variant = variant._replace(**chosen)
    describe([Case.of(variant)])
    return variant


def _of_file(file: str, chosen: Mapping[str, Any]) -> Variant:
    """The network of a file, whose width and numbers of channels and classes are its own."""
    if own := [name for name in chosen if name != "resolution"]:
        raise ValueError(f"{file} has its own {own[0]}: leave --{own[0]} out")
    known = file_description(file, sides(chosen["resolution"]) if "resolution" in chosen else None)
    return Variant(known.network, 1.0, known.resolution, known.classes, known.image.channels)


def _usual(network: str) -> Variant:
    """The variant of a network that stands for it: the first one that is not scaled."""
    declared = variants("full", network=network)
    return next((variant for variant in declared if variant.width == 1.0), declared[0])


def _spelt(text: str) -> Variant:
    """The variant that is written so, else the only one of which the text is a part."""
    variant = _parsed(text)
    if variant is None:
        usual = _declared([networks.DEFAULT])
        names = usual if matching_names(text, usual) else _declared(networks.names())
        variant = _parsed(matching_name(text, names, "unknown network", "variants"))
    assert variant
    return variant


def _parsed(text: str) -> Variant | None:
    """The variant as cases and narrow tables write it, None where it is of no network that is known."""
    with suppress(ValueError):
        variant = parsed_variant(text.replace("@", "_"))
        if variant.network in networks.names() or is_described(variant.network):
            return variant
    return None


def _declared(names: Iterable[str]) -> list[str]:
    """Every variant that these networks declare."""
    return [Case.of(variant).variant for name in names for variant in variants("full", network=name)]
