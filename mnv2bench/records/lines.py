"""The lines of a file of records, but for those that `encoding` declares: the head, the sides of a duel, the end."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mnv2bench.case import Case
from mnv2bench.networks.described import Description, register_recorded
from mnv2bench.records.encoding import WHOLE_SINCE, built, parse_case
from mnv2bench.records.machine import Machine, machine_from_json
from mnv2bench.records.ranges import Bytes, Integer, Text, Texts
from mnv2bench.records.record import Plan
from mnv2bench.records.weights import Weights
from mnv2bench.texts import one_line

MAX_CASES = 20_000


class Unusable(ValueError):
    """A file that holds no records, or records that this version cannot read; the message names the file."""


class Refusal(ValueError):
    """Why a file is not read although nothing in it is damaged; the sentence goes on behind the file's name."""


class Head(Struct, frozen=True):
    """What a campaign set out to do: the first line of its journal.

    `began` is the time in UTC as 2026-11-26T20:30:00+00:00, "" before schema 7. `networks` are those of the cases that
    no family declares.
    """

    cases: tuple[Case, ...]
    plan: Plan
    seed: int
    weights: Weights
    machine: Machine
    runner: str = ""
    began: str = ""
    networks: tuple[Description, ...] = ()


class HeadLine(Struct, tag_field="line", tag="head", frozen=True, forbid_unknown_fields=True):
    """A Head on disk. `runner` is there since schema 2, `began` since schema 7, `networks` since schema 8."""

    schema: int
    cases: Annotated[tuple[str, ...], Meta(max_length=MAX_CASES)]
    plan: Plan
    seed: Integer
    weights: Weights
    environment: dict[str, object]  # other versions write other facts: see `machine_from_json`
    runner: Text = ""
    began: Text = ""
    networks: tuple[Description, ...] = ()

    def head(self) -> Head:
        """The head that the line tells of, whose networks are known from then on.

        Since schema 5 its environment must have every fact.
        """
        for description in self.networks:
            register_recorded(description)
        cases = tuple(map(parse_case, self.cases))
        if len({*cases}) < len(cases):
            twice, _ = Counter(self.cases).most_common(1)[0]
            raise ValueError(f"the case {twice} stands in it twice")
        if not self.environment:
            raise ValueError("it does not say which machine measured")
        machine = (
            built(self.environment, Machine, self.schema)
            if self.schema >= WHOLE_SINCE
            else machine_from_json(self.environment)
        )
        return Head(cases, self.plan, self.seed, self.weights, machine, self.runner, self.began, self.networks)


class SideLine(Struct, tag_field="line", tag="side", frozen=True, forbid_unknown_fields=True):
    """One side of a duel: its interpreter, and its distributions with their versions."""

    interpreter: Text
    distributions: Texts


class End(Struct, tag_field="line", tag="end", frozen=True, forbid_unknown_fields=True):
    """The last line of a campaign that was not interrupted."""

    parent_peak_rss_bytes: Bytes | None = None


class LineName(Struct):
    """Of any line: which one it is, and the schema of a head."""

    line: str
    schema: int = 0


class Saved(Struct):
    """Of a file that pytest-benchmark saved: when, and the names of the lines of the journal."""

    mnv2bench: list[LineName] | UnsetType | None = UNSET
    datetime: Raw = Raw(b"null")


class SavedLines(Struct):
    """Of a file that pytest-benchmark saved: the lines of the journal, not yet parsed."""

    mnv2bench: list[Raw]


@contextmanager
def naming_damage(path: Path) -> Iterator[None]:
    """Whatever reading a file raises becomes Unusable, which names the file."""
    try:
        yield
    except Unusable:
        raise
    except Refusal as error:
        raise Unusable(f"{path} {error}") from error
    except OSError as error:
        raise Unusable(f"{path} cannot be read ({error.strerror})") from error
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise Unusable(f"{path} is damaged ({one_line(str(error))})") from error


@contextmanager
def naming_line(number: int) -> Iterator[None]:
    """What is wrong with a line becomes a ValueError that says which line it is."""
    try:
        yield
    except (Refusal, Unusable):
        raise
    except (ValueError, TypeError, RecursionError, msgspec.MsgspecError) as error:
        raise ValueError(f"line {number}: {error}") from error
