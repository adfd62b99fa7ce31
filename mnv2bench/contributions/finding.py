"""Finding: what one check says of a contributed file, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mnv2bench.texts import counted


class Severity(StrEnum):
    """What follows from a finding."""

    WRONG = "wrong"  # the file cannot be taken as it is
    QUESTION = "question"  # the contributor is to answer it
    UNCHECKED = "not checked"
    FINE = "fine"


@dataclass(frozen=True)
class Finding:
    """One sentence of one check. The sentence may hold texts of the file: a page has to escape it."""

    severity: Severity
    check: str
    text: str


def counted_examples(examples: Sequence[str], singular: str, plural: str = "", most: int = 3) -> str:
    """How many there are and the first of them: `1 case (A)`, `30 cases (A, B, C and more)`."""
    more = " and more" if len(examples) > most else ""
    return f"{counted(len(examples), singular, plural)} ({', '.join(examples[:most])}{more})"
