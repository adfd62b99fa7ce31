"""The words of what to ship on each machine and of the cheapest of them, as plain texts.

Some are texts of files: whoever puts them into Markdown or HTML escapes them.
"""

from collections.abc import Iterator, Sequence

from mnv2bench.recommendation.block import MACHINE, SETTING, SHOWN, texts_of
from mnv2bench.recommendation.block import spare_columns as spare_of_answers
from mnv2bench.recommendation.goal import Goal
from mnv2bench.recommendation.ladder import headline_row
from mnv2bench.recommendation.per_machine.cheapest import Cheapest, cheapest
from mnv2bench.recommendation.per_machine.choices import MachineChoice
from mnv2bench.recommendation.per_machine.prices import HOURS_OF_A_MONTH, Prices
from mnv2bench.recommendation.phrases import goal_text, latency_text, setting_text, ties_text
from mnv2bench.recommendation.words import headline
from mnv2bench.report.cells import NONE, plain

NOTHING_FITS, NOT_USABLE, NOTHING_TIMED = "nothing fits", "do not use", "not timed"
TITLE = "{within}: what to ship on each machine."
ANY_ACCURACY = (
    "The top-1 of what these machines ship differs, and only budgets and prices were compared: name an accuracy to "
    "compare machines that are as good."
)
MONTHS = f"A month is {HOURS_OF_A_MONTH} hours."
NO_PRICE_FITS = "No machine with a price meets the budgets."


def title(choices: Sequence[MachineChoice]) -> str:
    """The budgets, and the setting where all machines have the same one."""
    if not choices:
        return ""
    settings = _settings(choices)
    setting = f" {settings[0][0].upper()}{settings[0][1:]}." if len(settings) == 1 else ""
    return TITLE.format(within=goal_text(choices[0].goal)) + setting


def columns(prices: Prices | None) -> tuple[str, ...]:
    """The columns of the table, the prices last."""
    of_case = tuple(name for name in SHOWN if name != "budget")
    return (MACHINE, SETTING, *of_case, *(_price_columns(prices) if prices else ()))


def spare_columns(goal: Goal, prices: Prices | None) -> tuple[str, ...]:
    """The columns that a narrow terminal does without, the first of them first."""
    if not goal.is_for_throughput:
        return (*spare_of_answers(goal), "kept of fp32 %")
    return (*spare_of_answers(goal), *(_price_columns(prices)[:1] if prices else ()), "p99 ms")


def _price_columns(prices: Prices) -> tuple[str, str]:
    return f"{prices.currency}\nan hour", f"{prices.currency}\nfor 1M\nimages"


def rows(choices: Sequence[MachineChoice], prices: Prices | None) -> list[dict[str, str]]:
    """A line for each machine: its texts by the columns, a dash where there is none."""
    is_shared = len(_settings(choices)) < 2
    return [_row(choice, prices, is_shared) for choice in choices]


def remarks(choices: Sequence[MachineChoice], prices: Prices | None) -> tuple[str, ...]:
    """What a reader must know beside the table; with prices the first sentence names the cheapest machine."""
    of_prices = price_sentences(cheapest(choices), choices, prices) if prices else ()
    return (*of_prices, *sentences(choices))


def sentences(choices: Sequence[MachineChoice]) -> Iterator[str]:
    """What a reader must know of single machines: why nothing is shipped there, and the ties of what is."""
    for choice in choices:
        row = headline_row(choice.answer) if choice.best and choice.answer else None
        if choice.answer and not choice.best:
            yield f"{_label(choice)}: {headline(choice.answer)}"
        elif row and row.ties:
            yield f"A tie on {_label(choice)}: {ties_text(row)}."


def price_sentences(chosen: Cheapest, choices: Sequence[MachineChoice], prices: Prices) -> Iterator[str]:
    """The cheapest machine first, then what cannot be told from it, what nearly fits, and what has no price."""
    first = chosen.choice
    yield f"The cheapest machine that meets the budgets is {_priced(first, prices)}." if first else NO_PRICE_FITS
    for tie in chosen.ties:
        yield f"It cannot be told from {_priced(tie, prices)}."
    for choice in chosen.nearly:
        nearest = choice.answer.nearest if choice.answer else None
        if nearest:
            yield (
                f"{_priced(choice, prices)}, costs less, and misses the budget only by its interval: "
                f"{latency_text(nearest)} ms. Measure it with more processes."
            )
    if chosen.unpriced:
        names = ", ".join(map(_label, chosen.unpriced))
        yield f"Without a price, though the budgets are met, and perhaps cheaper: {names}."
    accuracies = {choice.best.accuracy for choice in choices if choice.best}
    if choices and choices[0].goal.accuracy is None and len(accuracies) > 1:
        yield ANY_ACCURACY
    if unmatched := prices.unmatched([choice.machine for choice in choices]):
        yield plain(f"Prices of machines that these files are not of: {', '.join(unmatched)}.")
    if prices.of_months:
        yield MONTHS


def _settings(choices: Sequence[MachineChoice]) -> tuple[str, ...]:
    """The different settings in which something fits."""
    settings = [setting_text(choice.answer.setting) for choice in choices if choice.answer and choice.best]
    return tuple(dict.fromkeys(settings))


def _row(choice: MachineChoice, prices: Prices | None, is_shared: bool) -> dict[str, str]:
    row = headline_row(choice.answer) if choice.best and choice.answer else None
    texts = texts_of(row) if row else {"variant": _why_nothing(choice)}
    if row and choice.answer and not is_shared:
        texts[SETTING] = setting_text(choice.answer.setting)
    texts[MACHINE] = _label(choice)
    texts |= dict(zip(_price_columns(prices), _amounts(choice), strict=True)) if prices else {}
    return {name: texts.get(name, NONE) for name in columns(prices)}


def _why_nothing(choice: MachineChoice) -> str:
    if choice.answer is None:
        return NOTHING_TIMED
    return NOTHING_FITS if choice.answer.is_usable else NOT_USABLE


def _amounts(choice: MachineChoice) -> tuple[str, str]:
    """The price of an hour, and that of a million images."""
    of_million = choice.per_million_images[0] if choice.per_million_images else None
    of_hour, of_images = (amount_text(amount) if amount else NONE for amount in (choice.price_per_hour, of_million))
    return of_hour, of_images


def _per_million(choice: MachineChoice) -> str:
    """`0.0412 (0.0405–0.0421)`; "" where it is not known."""
    if not choice.per_million_images:
        return ""
    middle, low, high = map(amount_text, choice.per_million_images)
    return f"{middle} ({low}–{high})"


def _priced(choice: MachineChoice, prices: Prices) -> str:
    """`example-2c-00000001, 0.08 EUR an hour`."""
    of_hour = f"{amount_text(choice.price_per_hour or 0.0)} {prices.currency} an hour"
    of_million = _per_million(choice)
    if not of_million:
        return f"{_label(choice)}, {of_hour}"
    return f"{_label(choice)}, {of_million} {prices.currency} for a million images at {of_hour}"


def amount_text(amount: float) -> str:
    """An amount of money in three digits: `0.0412`, `12`, `1,230`."""
    return f"{float(f'{amount:.3g}'):,.12g}"


def _label(choice: MachineChoice) -> str:
    return plain(choice.machine.label)
