"""Matching: the name that a person means by a part of it, among the names that there are."""

import difflib
import re
from collections.abc import Sequence

from mnv2bench.texts import one_line

MOST_NAMED = 5  # names in a message
SIZE = re.compile(r"(?<=\d)@(?=\d)")  # how tables write a variant: 1.0@224
SHAPES = (  # of a part in a name, the strictest first: t1 is not meant to be t16, and lenet is no part of mobilenet
    "(?<![^-]){}(?![^-])",
    "(?<![^-_]){}(?![^-_])",
    "(?<![^-_]){}",
)


def matching_names(text: str, names: Sequence[str]) -> list[str]:
    """The name that is the text; else the names that have it as whole words, or as the beginning of words.

    A variant may be written as tables write it: 1.0@224 is 1.0_224.
    """
    if text in names:
        return [text]
    part = re.escape(SIZE.sub("_", text))
    for shape in SHAPES:
        matches = [name for name in names if text and re.search(shape.format(part), name)]
        if matches:
            return matches
    return []


def matching_name(text: str, names: Sequence[str], missing: str = "there is no case", plural: str = "cases") -> str:
    """The one name that a text matches.

    ValueError, in one line with names to choose from, where it matches none or more than one. The line begins with
    `missing`, or calls the names by their `plural`.
    """
    matches = matching_names(text, names)
    if len(matches) == 1:
        return matches[0]
    if matches:
        more = f" and {len(matches) - MOST_NAMED} more" if len(matches) > MOST_NAMED else ""
        listed = ", ".join(matches[:MOST_NAMED])
        raise ValueError(one_line(f"{text!r} is part of {len(matches)} {plural}: name one of {listed}{more}"))
    similar = difflib.get_close_matches(text, names, MOST_NAMED, cutoff=0.0)
    advice = f": name one, such as {', '.join(similar)}" if similar else ""
    raise ValueError(one_line(f"{missing} {text!r}{advice}"))
