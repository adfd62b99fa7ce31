"""What to ship on each machine as text for a terminal, and the same as plain values for JSON."""

from collections.abc import Sequence
from dataclasses import asdict

from mnv2bench.recommendation.as_json import Json, candidate_values, machine_values
from mnv2bench.recommendation.block import LEAST_WIDTH, MACHINES, narrow_table, wrapped
from mnv2bench.recommendation.per_machine.cheapest import Cheapest, cheapest
from mnv2bench.recommendation.per_machine.choices import MachineChoice
from mnv2bench.recommendation.per_machine.prices import Prices
from mnv2bench.recommendation.per_machine.words import (
    columns,
    price_sentences,
    remarks,
    rows,
    sentences,
    spare_columns,
    title,
)
from mnv2bench.recommendation.words import headline


def text(choices: Sequence[MachineChoice], prices: Prices | None = None, width: int = LEAST_WIDTH) -> str:
    """A line for each machine, and below the table the cheapest of them where prices are given."""
    wide = max(width, LEAST_WIDTH)
    spare = spare_columns(choices[0].goal, prices) if choices else ()
    table = narrow_table(columns(prices), rows(choices, prices), spare, wide)
    below = remarks(choices, prices)
    above = ([MACHINES] if len(choices) > 1 else []) + list(below[:1] if prices else ())
    heads = "\n\n".join(wrapped(line, wide) for line in [*above, title(choices)])
    below = below[1:] if prices else below
    return "\n".join([heads, "", table, *([""] if below else []), *(wrapped(f"- {line}", wide) for line in below)])


def values(choices: Sequence[MachineChoice], prices: Prices | None = None) -> Json:
    """The same as plain values; names have their unit, and null is a number that does not exist."""
    return {
        "goal": asdict(choices[0].goal) if choices else None,
        "machines": [_values(choice, prices) for choice in choices],
        "cheapest": _cheapest(cheapest(choices), choices, prices) if prices else None,
        "remarks": list(sentences(choices)),
    }


def _values(choice: MachineChoice, prices: Prices | None) -> Json:
    answer, best = choice.answer, choice.best
    middle, low, high = choice.per_million_images or (None, None, None)
    return {
        **machine_values(choice.machine),
        "setting": answer.setting._asdict() if answer else None,
        "headline": headline(answer) if answer else None,
        "best": candidate_values(best) if best else None,
        "ties": [candidate_values(tie) for tie in answer.ties] if answer and best else [],
        "nearest": candidate_values(answer.nearest) if answer and answer.nearest else None,
        "currency": prices.currency if prices else None,
        "price_per_hour": choice.price_per_hour,
        "price_per_million_images": middle,
        "price_per_million_images_low": low,
        "price_per_million_images_high": high,
    }


def _cheapest(chosen: Cheapest, choices: Sequence[MachineChoice], prices: Prices) -> Json:
    """The machines by their fingerprints, or their files where they have none."""
    return {
        "machine": chosen.choice.machine.label if chosen.choice else None,
        "ties": [choice.machine.label for choice in chosen.ties],
        "nearly": [choice.machine.label for choice in chosen.nearly],
        "without_price": [choice.machine.label for choice in chosen.unpriced],
        "remarks": list(price_sentences(chosen, choices, prices)),
    }
