"""The command line application, the tables that verbs print, and how a verb fails."""

import importlib.metadata
import os
import re
import sys
import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from mnv2bench.cli.verbs import group, help_end
from mnv2bench.conclusion import Conclusion
from mnv2bench.exit_codes import ExitCode
from mnv2bench.interrupts import interruptible
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.selection import plural
from mnv2bench.texts import one_line

if TYPE_CHECKING:
    from mnv2bench.report.blocks import Block, TableBlock

DEFECTS = (  # what no verb raises on purpose
    *(RuntimeError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, MemoryError, ImportError),
)
TEXT_COLUMNS = (
    "machine",
    "fingerprint",
    "software",
    "variant",
    "equal",
    "case",
    "verdict",
    "scenario",
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
    "block",
    "machine",
    "where",
)
FOLDED_FROM = 12  # characters of a text that may fold
LAYER = re.compile(r"^(block\d+\.)(?=\w+$)")
IDS, ID_WIDTH = ("case",), 30  # columns of case ids, and the characters of a line where they fold at their dashes
FOLDED = {"why": 10, "verdict": 12, "doubt": 10, "epoch": 10, "changed": 10}  # characters at least
WIDE = 160  # characters: a terminal of this width shows every column
WIDEST = 10_000


def _print_version(requested: bool) -> None:
    """Print the version of mnv2bench and end, where it is requested."""
    if requested:
        typer.echo(f"mnv2bench {importlib.metadata.version('mnv2bench')}")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "token_normalize_func": plural},
)


def verb(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Decorator: a function as the verb of that name, whose help ends in an example and in its exit codes."""
    return app.command(name=name, epilog=help_end(name), rich_help_panel=group(name))


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Benchmark MobileNetV2: verified latency, throughput and memory on every runtime, beside the paper."""


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
    shown = [place for place, name in enumerate(columns) if not _is_narrow() or name not in spare]
    lines = [[row[place] for place in shown] for row in rows]
    header = [columns[place] for place in shown]
    table = _table(header, lines, [place for place, name in enumerate(header) if name in TEXT_COLUMNS])
    table.title, table.caption = escape(title) or None, caption or None
    _print_table(table)


def _folded(column: str, cell: str) -> str:
    """The cell in lines: a case id ends them at its dashes, and the name of a layer behind its block."""
    if column in IDS:
        return _folded_id(cell)
    return LAYER.sub(r"\1\n", cell)


def _folded_id(text: str) -> str:
    """A case id in lines that end at its dashes."""
    lines = [""]
    for part in re.findall("[^-]*-?", text):
        if len(lines[-1]) + len(part) > ID_WIDTH and lines[-1]:
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _is_narrow() -> bool:
    """Whether the output is a terminal that has not the room for every column."""
    out = console()
    return out.is_terminal and out.width < WIDE


def _table(header: Sequence[str], lines: Sequence[Sequence[str]], texts: Collection[int]) -> Table:
    """A table whose texts fold where the terminal is narrow; numbers stay whole, and their headings fold instead."""
    table = Table(box=SIMPLE, title_justify="left", caption_justify="left")
    if _is_narrow():
        table.padding = (0, 1, 0, 0)
        lines = [[_folded(header[place], cell) for place, cell in enumerate(line)] for line in lines]
    for place, name in enumerate(header):
        longest = max((len(word) for line in lines for word in line[place].splitlines()), default=0)
        if place in texts:
            folds = longest > FOLDED_FROM and name not in IDS
            table.add_column(escape(name), no_wrap=not folds, overflow="fold", min_width=FOLDED.get(name))
        else:
            heading = textwrap.fill(name, max(longest, *map(len, name.split()))) if _is_narrow() else name
            table.add_column(escape(heading), justify="right", no_wrap=True)
    for line in lines:
        table.add_row(*map(escape, line))
    return table


def show_blocks(blocks: "Iterable[Block]") -> None:
    """Print a page: its texts in the width of the terminal, its tables as `show` prints them, folded and never cut."""
    from mnv2bench.report.blocks import Heading, Listing, Paragraph

    out = Console(highlight=False)
    for block in blocks:
        match block:
            case Heading(text):
                out.print(f"[bold]{escape(text)}[/bold]\n")
            case Paragraph(text):
                out.print(f"{escape(' '.join(text.split()))}\n")
            case Listing(sentences):
                for sentence in sentences:
                    out.print(Padding(escape(f"- {sentence}"), (0, 0, 0, 2)))
                out.print()
            case _:
                _print_table(_table(block.header, block.lines, _text_places(block)))


def _text_places(block: "TableBlock") -> list[int]:
    """The places of the columns that hold words."""
    words = [any(any(c.isalpha() for c in line[place]) for line in block.lines) for place in range(len(block.header))]
    return [place for place, has_words in enumerate(words) if has_words or place < block.texts]


def _print_table(table: Table) -> None:
    """Print a table: in a file or a log it has its full width."""
    out = console()
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
