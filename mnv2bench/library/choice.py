"""The cases that a script chooses, by the rules of the options of `mnv2bench run`."""

from collections.abc import Iterable
from os import PathLike, fspath
from typing import TYPE_CHECKING

from mnv2bench.case import Case

if TYPE_CHECKING:
    from mnv2bench.selection import Selection

Words = str | Iterable[str]  # one name, several separated by commas, or a list of them
Numbers = float | Iterable[float]
Resolutions = int | str | Iterable[int | str]  # 224, "224x160" for images 224 high and 160 wide, or a list of them


def cases(
    *,
    grid: str | None = None,
    networks: Words | None = None,
    widths: Numbers | None = None,
    resolutions: Resolutions | None = None,
    channels: int | None = None,
    classes: int | None = None,
    backends: Words | None = None,
    devices: Words | None = None,
    precisions: Words | None = None,
    threads: int | str | Iterable[int | str] | None = None,
    batches: int | Iterable[int] | None = None,
    streams: int | Iterable[int] | None = None,
    sweep: Words | None = None,
    models: str | PathLike[str] | Iterable[str | PathLike[str]] = (),
) -> tuple[Case, ...]:
    """The cases that `mnv2bench run` has with the options of these names: latency, or throughput.

    It is throughput where a batch or a number of streams is not 1, and with a `sweep`. `models` are files of your own,
    as --model has them. What is left out has the default of its option. ValueError, in one line, for what cannot be
    meant.
    """
    from mnv2bench.selection import selected_cases

    chosen = selected_cases(
        selection(
            grid=grid,
            networks=networks,
            widths=widths,
            resolutions=resolutions,
            channels=channels,
            classes=classes,
            backends=backends,
            devices=devices,
            precisions=precisions,
            threads=threads,
            batches=batches,
            streams=streams,
            sweep=sweep,
            models=[models] if isinstance(models, str | PathLike) else models,
        )
    )
    if not chosen:
        raise ValueError("no case is left: these devices have no case with these backends and batches")
    return chosen


def selection(
    environment: Iterable[str] = (), models: Iterable[str | PathLike[str]] = (), **options: object
) -> "Selection":
    """What these values of options choose, checked as the options of the verbs are; None where one was left out.

    `environment` are variables for the processes that measure, as NAME=VALUE, and `models` files of the user. An
    underscore in a name is a dash there.
    """
    from mnv2bench.selection import option_text, select

    texts = {name.replace("_", "-"): _text(value) for name, value in options.items() if value is not None}
    checked = {name: option_text(name, text) for name, text in texts.items()}
    return select(checked, tuple(environment), [fspath(model) for model in models])


def _text(value: object) -> str:
    """A value as the text of an option: the members of a list are separated by commas."""
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ",".join(map(str, value))
    return str(value)
