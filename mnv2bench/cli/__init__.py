"""The verbs. Exit codes: 0; 1 failed or slower; 2 bad input; 3 cannot be judged; 130 interrupted."""

from mnv2bench.cli import (
    accepting,
    backends,
    devices,
    history,
    judging,
    networks,
    profile,
    report,
    run,
    selfcheck,
)
from mnv2bench.cli.app import app, main

__all__ = [
    "accepting",
    "app",
    "backends",
    "devices",
    "history",
    "judging",
    "main",
    "networks",
    "profile",
    "report",
    "run",
    "selfcheck",
]
