"""Prices of machines: a CSV or TOML file of the user, read strictly."""

import csv
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct

from mnv2bench.recommendation.machines import MachineAnswers
from mnv2bench.records.contents import contents
from mnv2bench.records.lines import naming_damage, naming_line
from mnv2bench.records.ranges import MAX_ENTRIES, Text
from mnv2bench.texts import one_line

HOURS_OF_A_MONTH = 730  # docs/thresholds.md#recommendation
MOST_BYTES = 1_000_000
CURRENCY = re.compile("[A-Z]{3}")
FORMATS = "a price file is a .csv or a .toml: docs/recommending.md#prices"
L = TypeVar("L")
Amount = Annotated[float, Meta(ge=1e-6, le=1_000_000_000)]


class PriceLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a price file: a machine by its fingerprint or name, and what it costs an hour or a month."""

    machine: Text
    currency: Text
    price_per_hour: Amount | None = None
    price_per_month: Amount | None = None

    def __post_init__(self) -> None:
        if not self.machine.strip():
            raise ValueError("a machine needs its fingerprint or its name")
        if (self.price_per_hour is None) == (self.price_per_month is None):
            raise ValueError("a machine needs either price_per_hour or price_per_month")
        if not CURRENCY.fullmatch(self.currency):
            raise ValueError(f"a currency is three capital letters such as EUR, not {self.currency!r}")

    @property
    def per_hour(self) -> float:
        """The price of an hour."""
        return self.price_per_hour or (self.price_per_month or 0.0) / HOURS_OF_A_MONTH


@dataclass(frozen=True)
class Prices:
    """What an hour of each machine costs, all in one currency; machines by their fingerprints or names.

    `of_months` is whether a price of a month was divided by HOURS_OF_A_MONTH.
    """

    currency: str
    per_hour: Mapping[str, float]
    of_months: bool

    def of_each(self, machines: Sequence[MachineAnswers]) -> tuple[float | None, ...]:
        """What an hour of each machine costs, None where no price is given.

        ValueError, in one line, for a name that several machines have and for a machine with two prices.
        """
        for name in self.per_hour:
            labels = [machine.label for machine in machines if name in _names(machine)]
            if len(labels) > 1:
                raise ValueError(
                    one_line(f"the price of {name!r} is of {len(labels)} machines: name {' and '.join(labels)} instead")
                )
        return tuple(map(self._of, machines))

    def unmatched(self, machines: Sequence[MachineAnswers]) -> tuple[str, ...]:
        """The machines with a price that are none of these."""
        names = {name for machine in machines for name in _names(machine)}
        return tuple(name for name in self.per_hour if name not in names)

    def _of(self, machine: MachineAnswers) -> float | None:
        prices = [price for name, price in self.per_hour.items() if name in _names(machine)]
        if len(prices) > 1:
            raise ValueError(one_line(f"{machine.label} has two prices: by its fingerprint and by its name"))
        return prices[0] if prices else None


def prices_of(path: Path) -> Prices:
    """The prices of a .csv or .toml file. ValueError, in one line that names the file, for one that cannot be meant."""
    with naming_damage(path):
        text = contents(path, MOST_BYTES).decode("utf-8-sig")
        read = {".csv": _csv_lines, ".toml": _toml_lines}.get(path.suffix.lower())
        if read is None:
            raise ValueError(FORMATS)
        return _prices(read(text))


def _names(machine: MachineAnswers) -> tuple[str, str]:
    """What a machine is called in a price file."""
    return machine.label, machine.name


def _prices(lines: Sequence[PriceLine]) -> Prices:
    if not lines:
        raise ValueError("it has no price")
    currencies = sorted({line.currency for line in lines})
    if len(currencies) > 1:
        raise ValueError(f"prices are in {' and '.join(currencies)}: give all in one currency")
    per_hour: dict[str, float] = {}
    for line in lines:
        name = line.machine.strip()
        if name in per_hour:
            raise ValueError(f"{name!r} has two prices")
        per_hour[name] = line.per_hour
    return Prices(currencies[0], per_hour, any(line.price_per_month is not None for line in lines))


def _csv_lines(text: str) -> list[PriceLine]:
    """The lines below the header; an empty cell is no value."""
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    if not rows:
        return []
    (_, header), *others = rows
    names = [name.strip() for name in header]
    if len(set(names)) < len(names):
        raise ValueError("a column stands there twice")
    lines = []
    for number, row in _limited(others):
        with naming_line(number):
            if len(row) != len(names):
                raise ValueError(f"{len(row)} cells below {len(names)} names of columns")
            cells = {name: cell.strip() for name, cell in zip(names, row, strict=True) if cell.strip()}
            lines.append(msgspec.convert(cells, PriceLine, strict=False))
    return lines


def _toml_lines(text: str) -> list[PriceLine]:
    """The tables named [[price]]."""
    content = tomllib.loads(text)
    tables = content.pop("price", [])
    if content or not isinstance(tables, list):
        raise ValueError("it may have nothing but tables named [[price]]")
    lines = []
    for number, table in enumerate(_limited(tables), 1):
        try:
            lines.append(msgspec.convert(table, PriceLine))
        except msgspec.ValidationError as error:
            raise ValueError(f"price {number}: {error}") from error
    return lines


def _limited(rows: list[L]) -> list[L]:
    if len(rows) > MAX_ENTRIES:
        raise ValueError(f"{len(rows):,} prices, which is more than {MAX_ENTRIES:,}")
    return rows
