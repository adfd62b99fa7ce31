"""The command line application, the tables that verbs print, and how a verb fails."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Literal, NoReturn

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mnv2bench.conclusion import Conclusion
from mnv2bench.exit_codes import ExitCode, epilog
from mnv2bench.interrupts import interruptible
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.texts import one_line

DEFECTS = (  # what no verb raises on purpose
    *(RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, MemoryError, ImportError),
)
TEXT_COLUMNS = (
    "case",
    "verdict",
    "why",
    "95 %",
    "night",
    "saved UTC",
    "commit",
    "doubt",
    "gate",
    "epoch",
    "changed",
    "since",
)
FOLDED = {"case": 22, "why": 10, "verdict": 12, "doubt": 10, "epoch": 10, "changed": 10}  # characters at least
WIDE = 160  # characters: a terminal of this width shows every column
WIDEST = 10_000

app = typer.Typer(
    help="Benchmark MobileNetV2: verified latency, throughput and memory on every runtime, beside the paper.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def verb(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: a function as the verb of that name, whose help ends in its exit codes."""
    return app.command(name=name, epilog=epilog(name))


def conclude(*conclusions: Conclusion) -> NoReturn:
    """Print what was requested and not done, and end the verb with the code of the worst conclusion."""
    for sentence in dict.fromkeys(missed for conclusion in conclusions for missed in conclusion.missed):
        console().print(sentence, markup=False)
    raise typer.Exit(max(conclusion.code for conclusion in conclusions))


def console() -> Console:
    """A console for standard output, without markup of numbers and without wrapping."""
    return Console(highlight=False, soft_wrap=True)


def show(
    columns: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", caption: str = "", spare: Sequence[str] = ()
) -> None:
    """Print a table of texts, which may come from anybody's file.

    In a file or a log it has its full width. On a narrow terminal long texts fold and the `spare` columns are left out.
    """
    out = console()
    shown = [
        place for place, name in enumerate(columns) if not out.is_terminal or out.width >= WIDE or name not in spare
    ]
    table = Table(title=escape(title) or None, caption=caption or None, box=SIMPLE)
    table.title_justify = table.caption_justify = "left"
    for place in shown:
        name = columns[place]
        side: Literal["left", "right"] = "left" if name in TEXT_COLUMNS else "right"
        table.add_column(name, justify=side, no_wrap=name not in FOLDED, overflow="fold", min_width=FOLDED.get(name))
    for row in rows:
        table.add_row(*(escape(row[place]) for place in shown))
    if not out.is_terminal:
        out.width = out.measure(table, options=out.options.update(width=WIDEST)).maximum
    out.print(table)


def main() -> None:
    """Run a verb. Bad input ends in one line on standard error and exit code 2."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by `>&-`: what is printed goes nowhere
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        getattr(sys, name).reconfigure(errors="backslashreplace")  # a locale may have no dash
    try:
        with interruptible():
            app()
    except (ValueError, OSError, Unavailable, Unsupported) as error:
        print(f"mnv2bench: {one_line(str(error))}", file=sys.stderr)
        sys.exit(ExitCode.REFUSED)
    except DEFECTS as error:
        if os.environ.get("MNV2BENCH_TRACEBACK"):
            raise
        reason = one_line(f"{type(error).__name__}: {error}")
        advice = "MNV2BENCH_TRACEBACK=1 shows where; report it with that"
        print(f"mnv2bench: {reason}: this is a fault of mnv2bench or of a library: {advice}", file=sys.stderr)
        sys.exit(ExitCode.REFUSED)
