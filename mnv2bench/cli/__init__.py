"""The verbs of the command line. Their exit codes stand in `mnv2bench.exit_codes`."""

from mnv2bench.cli import (
    accept,
    backends,
    bisect,
    check_contribution,
    compare,
    devices,
    duel,
    fleet,
    fleet_machines,
    gate,
    history,
    loadgen,
    networks,
    profile,
    recommend,
    report,
    run,
    selfcheck,
    ship,
    site,
    tails,
)
from mnv2bench.cli.app import app, main
from mnv2bench.cli.verbs import ORDER

app.registered_commands.sort(key=lambda command: ORDER.index(command.name or ""))  # help lists them so

__all__ = [
    "accept",
    "app",
    "backends",
    "bisect",
    "check_contribution",
    "compare",
    "devices",
    "duel",
    "fleet",
    "fleet_machines",
    "gate",
    "history",
    "loadgen",
    "main",
    "networks",
    "profile",
    "recommend",
    "report",
    "run",
    "selfcheck",
    "ship",
    "site",
    "tails",
]
