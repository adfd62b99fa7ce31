"""The exit codes of every verb and of `pytest suites`, declared once; `python -m` this module writes their page."""

import sys
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

PAGE = "docs/exit-codes.md"
SUITES = "pytest suites"


class ExitCode(IntEnum):
    """How a verb ends."""

    DONE = 0
    BAD = 1
    REFUSED = 2
    NOT_JUDGED = 3
    USAGE = 4
    NO_TESTS = 5
    INTERRUPTED = 130


MEANINGS = {
    ExitCode.DONE: "all that was requested was done, and nothing bad was seen",
    ExitCode.BAD: "something measured is bad, or nothing was measured or compared, or what was requested by name "
    "could not be",
    ExitCode.REFUSED: "bad input, or a place in which nothing can be measured; one line says which, and nothing was "
    "measured",
    ExitCode.NOT_JUDGED: "this night or this case cannot be judged",
    ExitCode.USAGE: "pytest's own code for options that cannot be meant; nothing was measured",
    ExitCode.NO_TESTS: "pytest's own code for no test, after `-k` or `-m`",
    ExitCode.INTERRUPTED: "interrupted by Ctrl-C, SIGTERM or SIGHUP; `--resume` goes on",
}
MEASURED = "every case that was requested by name was measured, and no case is bad"
NOT_MEASURED = (
    "a case is wrong, failed or timed out; or nothing was measured; or a value that an option names was not, such as "
    "a device that is not there"
)
BAD_INPUT = "an option or a file cannot be meant or read"
NO_PLACE = f"{BAD_INPUT}, or nothing can be measured here"
STOPPED = "interrupted; `--resume` goes on"
COMPUTED = "it is printed"
# What each code means for each verb. A verb never ends with a code that does not stand in its row.
CODES: Mapping[str, Mapping[ExitCode, str]] = {
    "run": {
        ExitCode.DONE: f"{MEASURED}; or `--dry-run` said what would be",
        ExitCode.BAD: NOT_MEASURED,
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.INTERRUPTED: STOPPED,
    },
    "fleet": {
        ExitCode.DONE: f"{MEASURED}; or `--dry-run` said what would be",
        ExitCode.BAD: f"{NOT_MEASURED}; or a machine was lost, whose cases are missing or began anew elsewhere",
        ExitCode.REFUSED: f"{BAD_INPUT}, or no machine answers, or the machines cannot measure together",
        ExitCode.INTERRUPTED: STOPPED,
    },
    SUITES: {
        ExitCode.DONE: f"{MEASURED}; or only tests ran that measure nothing; or `--dry-run` said what would be",
        ExitCode.BAD: f"{NOT_MEASURED}; or a test failed; or `--benchmark-compare-fail` saw a change; or no case that "
        "was measured stands in the baseline",
        ExitCode.REFUSED: "a journal cannot be resumed or written; or a test could not be collected, or Ctrl-C came "
        "while pytest collected",
        ExitCode.USAGE: "an option is refused, or the baseline is missing, damaged, of another machine or without a "
        "common case; nothing was measured",
        ExitCode.NO_TESTS: "no test is left after `-k` or `-m`",
        ExitCode.INTERRUPTED: STOPPED,
    },
    "profile": {
        ExitCode.DONE: "every case that was requested by name was measured and profiled, and no case is bad",
        ExitCode.BAD: f"{NOT_MEASURED}; the same of profiles",
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.INTERRUPTED: STOPPED,
    },
    "roofline": {
        ExitCode.DONE: "as for `profile`, and the limits of this machine were measured",
        ExitCode.BAD: f"{NOT_MEASURED}; the same of profiles and of the machine's limits",
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.INTERRUPTED: STOPPED,
    },
    "loadgen": {
        ExitCode.DONE: "LoadGen calls every run VALID, and all outputs are right",
        ExitCode.BAD: "a run is INVALID, or a case is wrong, failed, timed out or cannot run here",
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.INTERRUPTED: "interrupted; scenarios that had ended are kept",
    },
    "fleet-serve": {
        ExitCode.DONE: "a client shut the fleet down",
        ExitCode.REFUSED: f"{BAD_INPUT}, or nothing may or can listen at the address",
        ExitCode.INTERRUPTED: "ended by Ctrl-C",
    },
    "fleet-join": {
        ExitCode.DONE: "the scheduler was gone for longer than `--give-up`",
        ExitCode.BAD: "the worker of this machine was killed twice within an hour",
        ExitCode.REFUSED: f"{BAD_INPUT}, or this machine cannot join the scheduler",
        ExitCode.INTERRUPTED: "ended by Ctrl-C",
    },
    "duel": {
        ExitCode.DONE: "pairs were measured of every case, and none is a regression; a case may be inconclusive",
        ExitCode.BAD: "a regression of a time or of a tail",
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.NOT_JUDGED: "too few pairs of a case could be measured on both sides",
        ExitCode.INTERRUPTED: STOPPED,
    },
    "bisect": {
        ExitCode.DONE: "every case has an answer: the first changed release, several that add up, no change, or the "
        "other direction; or `--dry-run` and `--install-only` did what they say",
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.NOT_JUDGED: "a case is undecided: the time is spent, the noise is too large, or good or bad cannot be "
        "measured",
        ExitCode.INTERRUPTED: STOPPED,
    },
    "gate": {
        ExitCode.DONE: "nothing is confirmed; without `--baseline` no time can be",
        ExitCode.BAD: "a confirmed regression of a time or of a tail, more instructions, or with `--strict` a suspect; "
        "with `--fleet`, on any machine",
        ExitCode.REFUSED: f"{BAD_INPUT}, or there is no night",
        ExitCode.NOT_JUDGED: "the night cannot be judged: its file is damaged, nothing was measured, too much noise, a "
        "case broke, or a suspect could not be measured on both sides; with `--fleet`, a machine was not judged",
        ExitCode.INTERRUPTED: STOPPED,
    },
    "compare": {
        ExitCode.DONE: "at least one case was compared; `slower` is no failure, because only pairs confirm one",
        ExitCode.BAD: "no case was compared",
        ExitCode.REFUSED: f"{BAD_INPUT}, or the files are not comparable",
    },
    "report": {
        ExitCode.DONE: "a page was written, with a number of at least one case of each file",
        ExitCode.BAD: "a file was skipped, or no case of it was measured",
        ExitCode.REFUSED: f"{BAD_INPUT}, or there is none",
    },
    "tails": {
        ExitCode.DONE: "the rounds of the case are printed",
        ExitCode.REFUSED: f"{BAD_INPUT}, no case of the file or more than one has that name, or it was not measured",
    },
    "recommend": {
        ExitCode.DONE: "something fits the budgets on every machine; without a budget, something can be chosen",
        ExitCode.BAD: "nothing fits the budgets on a machine; the nearest is printed",
        ExitCode.REFUSED: f"{BAD_INPUT}, there is none, or no case of the files has a value that an option names",
        ExitCode.NOT_JUDGED: "the rows of a machine are too noisy to choose by, or none was timed",
    },
    "ship": {
        ExitCode.DONE: "the folder is written, and its `run.py` computed here what eager fp32 computes",
        ExitCode.BAD: "`run.py` did not compute that; nothing is written",
        ExitCode.REFUSED: f"{BAD_INPUT}; or the case was not measured, cannot be shipped or cannot be made here",
    },
    "check-contribution": {
        ExitCode.DONE: "nothing is wrong with any file; there may be questions",
        ExitCode.BAD: "a file is damaged, contradicts itself, cannot be what was measured, or is there already",
        ExitCode.REFUSED: "a file that is named is not there, or a page cannot be written",
    },
    "site": {
        ExitCode.DONE: "the site is built of every file",
        ExitCode.BAD: "the site is built, and a file was left out",
        ExitCode.REFUSED: f"{BAD_INPUT}, there is none, or the folder holds other files than a site",
    },
    "history": {
        ExitCode.DONE: "the nights are shown, with at least one number",
        ExitCode.BAD: "a file was skipped, or no night has a number",
        ExitCode.REFUSED: f"{BAD_INPUT}, or there is no night",
    },
    "accept": {
        ExitCode.DONE: "the acceptance is written",
        ExitCode.REFUSED: f"{BAD_INPUT}, or there is nothing to accept; nothing is written",
    },
    "backends": {
        ExitCode.DONE: "every backend that was named works on a device here; without names, at least one does",
        ExitCode.BAD: "a backend is wrong, failed or timed out; one that was named works nowhere here; or none works",
        ExitCode.REFUSED: NO_PLACE,
    },
    "devices": {ExitCode.DONE: "the list is printed; it says what is missing"},
    "build-runner": {
        ExitCode.DONE: "the program is built",
        ExitCode.REFUSED: "bad input, or something that building needs is missing",
    },
    "env": {ExitCode.DONE: COMPUTED},
    "memory": {ExitCode.DONE: COMPUTED, ExitCode.REFUSED: BAD_INPUT},
    "paper": {ExitCode.DONE: COMPUTED},
    "networks": {ExitCode.DONE: "the list is printed"},
    "network": {ExitCode.DONE: COMPUTED, ExitCode.REFUSED: BAD_INPUT},
    "selfcheck": {
        ExitCode.DONE: "every check met its goal",
        ExitCode.BAD: "a check did not meet its goal, or could not run",
        ExitCode.REFUSED: NO_PLACE,
        ExitCode.INTERRUPTED: "interrupted",
    },
}
INTRODUCTION = """\
# Exit codes

One table for every verb of `mnv2bench` and for `pytest suites`. "Requested by name" is what an option or an argument
names: a case, a backend, a device, a precision, a number of threads, a batch. Without such a name, what is not
installed here is left out without a failure, as long as something was measured.

This page is made from the declarations in the code: `python -m mnv2bench.exit_codes docs/exit-codes.md`.

| code | meaning |
|---:|:---|
"""
VERBS_HEADER = """
An unknown verb or option is 2 everywhere, and 4 for `pytest suites`. Ctrl-C is 130 everywhere, but 2 while pytest
collects. A code that stands in no row is an error in mnv2bench or in pytest: please report it.

| verb | code | when |
|:---|---:|:---|
"""


def epilog(verb: str) -> str:
    """The last line of a verb's help: its codes, and what each means."""
    codes = "; ".join(f"{code.value} {meaning.replace('`', '')}" for code, meaning in CODES[verb].items())
    return f"Exit codes ({PAGE}): {codes}."


def exit_codes_page() -> str:
    """docs/exit-codes.md: what each code means, then a line for each code of each verb."""
    meanings = [f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items()]
    return INTRODUCTION + "".join(meanings) + VERBS_HEADER + "".join(map(_rows, CODES))


def _rows(verb: str) -> str:
    name = verb if verb == SUITES else f"mnv2bench {verb}"
    return "".join(f"| `{name}` | {code.value} | {meaning} |\n" for code, meaning in CODES[verb].items())


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(exit_codes_page(), encoding="utf-8")
