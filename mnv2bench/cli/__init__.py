"""The verbs of the command line.

Exit codes: 0; 1 something failed or got slower; 2 bad input; 3 cannot be judged; 130 interrupted.
"""

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
