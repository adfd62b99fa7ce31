"""The command that every verb joins, and how a verb prints and fails."""

import sys

import typer
from rich.console import Console

FAILURES = ("wrong", "failed", "timeout")

app = typer.Typer(
    help="Benchmark MobileNetV2: verified latency, throughput and memory on every runtime, beside the paper.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def console(at_least: int = 0) -> Console:
    """For standard output; a log, unlike a terminal, is as wide as it has to be."""
    plain = Console(highlight=False, soft_wrap=True)
    return plain if plain.is_terminal else Console(highlight=False, soft_wrap=True, width=max(at_least, plain.width))


def main() -> None:
    """Run a verb; bad input ends in one line and exit code 2."""
    try:
        app()
    except (ValueError, OSError) as error:
        print(f"mnv2bench: {error}", file=sys.stderr)
        sys.exit(2)
