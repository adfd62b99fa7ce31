"""Options of pytest and its plugins under which nothing would be measured, or something else than they say."""

import os
import shlex
from argparse import Namespace

import pytest

REFUSED_OPTIONS = {  # options of pytest-benchmark that cannot apply: what to use instead, or why not
    "--benchmark-min-rounds": "--rounds and --processes set how much is measured",
    "--benchmark-max-time": "--rounds and --processes set how long is measured",
    "--benchmark-min-time": "a round is 150 ms by plan",
    "--benchmark-precision": "--rounds and --processes set how much is measured",
    "--benchmark-confidence": "intervals are of 95 %",
    "--benchmark-timer": "the clock of the machine times every backend",
    "--benchmark-calibration-precision": "nothing is calibrated: every inference is timed by itself",
    "--benchmark-warmup": "every process warms up until it is steady",
    "--benchmark-warmup-iterations": "every process warms up until it is steady",
    "--benchmark-disable-gc": "gc is always off in the rounds",
    "--benchmark-cprofile": "no profiler runs inside a timed process",
    "--benchmark-cprofile-loops": "no profiler runs inside a timed process",
    "--benchmark-cprofile-top": "no profiler runs inside a timed process",
    "--benchmark-cprofile-dump": "no profiler runs inside a timed process",
}
SIDE_BY_SIDE = "cases that run side by side slow each other, and pytest-benchmark then measures nothing: leave -n out"


def refuse_options(config: pytest.Config, parser: pytest.Parser) -> None:
    """UsageError for an option that cannot apply, whether the command line, $PYTEST_ADDOPTS or an ini file has it."""
    if not config.pluginmanager.hasplugin("benchmark"):
        raise pytest.UsageError("pytest-benchmark is switched off, and nothing can be measured without it: leave it on")
    if not config.pluginmanager.hasplugin("terminal"):
        raise pytest.UsageError("-p no:terminal does not apply to mnv2bench: what is measured is shown there; use -q")
    if _runs_side_by_side(config.option):
        raise pytest.UsageError(f"-n does not apply to mnv2bench: {SIDE_BY_SIDE}")
    words = {word.partition("=")[0] for word in _words(config)}
    defaults = parser.parse_known_args([])
    for name, reason in REFUSED_OPTIONS.items():
        place = name.removeprefix("--").replace("-", "_")
        value, default = getattr(config.option, place, None), getattr(defaults, place, None)
        if name in words or str(value) != str(default):  # a timer is a new object each time, and has its name as text
            raise pytest.UsageError(f"{name} does not apply to mnv2bench: {reason}")


def _runs_side_by_side(option: Namespace) -> bool:
    """Whether pytest-xdist would spread the tests over processes."""
    return bool(
        getattr(option, "numprocesses", None)
        or getattr(option, "tx", None)
        or getattr(option, "dist", "no") != "no"
        or getattr(option, "looponfail", False)
    )


def _words(config: pytest.Config) -> list[str]:
    """The words of all sources of options, as they are written there."""
    of_variable = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    return [*map(str, config.invocation_params.args), *of_variable, *config.getini("addopts")]
