"""The verbs of the command line. Their exit codes stand in `mnv2bench.exit_codes`."""

from mnv2bench.cli import (
    accept,
    backends,
    compare,
    devices,
    duel,
    gate,
    history,
    networks,
    profile,
    report,
    run,
    selfcheck,
)
from mnv2bench.cli.app import app, main

__all__ = [
    "accept",
    "app",
    "backends",
    "compare",
    "devices",
    "duel",
    "gate",
    "history",
    "main",
    "networks",
    "profile",
    "report",
    "run",
    "selfcheck",
]
