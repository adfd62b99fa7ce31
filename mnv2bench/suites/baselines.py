"""The saved files that --benchmark-compare names: refused before anything is measured where they cannot be compared."""

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pytest
from pytest_benchmark.logger import Logger
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import get_machine_id, load_storage

from mnv2bench.records.journal import Unusable, load

NUMBERED = "[0-9][0-9][0-9][0-9]_*"  # of which pytest-benchmark takes the last one
SAVES_ONE = "pytest suites --benchmark-save=NAME saves one"
NAMED_CASES = 3  # that a message names
Files = Mapping[str, Collection[str]]  # of baselines: the names of the benchmarks in each, by its path


def require_baselines(config: pytest.Config) -> None:
    """UsageError where a baseline is missing or damaged: pytest-benchmark would take an older one, or none."""
    option = config.option
    if not option.benchmark_compare:
        if option.benchmark_compare_fail:
            raise pytest.UsageError("--benchmark-compare-fail compares with nothing: name --benchmark-compare too")
        return
    logger, machine = Logger(Logger.QUIET, config=config), get_machine_id()
    storage = load_storage(option.benchmark_storage, logger=logger, default_machine_id=machine, netrc="")
    if not isinstance(storage, FileStorage):
        return
    if option.benchmark_compare is True:
        files = storage.query(NUMBERED)[-1:]
    else:
        files = storage.query(option.benchmark_compare)
    if not files:
        raise pytest.UsageError(f"no baseline to compare with under {storage}: {SAVES_ONE}")
    for file in files:
        _require_readable(file)


def _require_readable(file: Path) -> None:
    """UsageError for a file that mnv2bench or pytest-benchmark cannot read."""
    try:
        load(file)
        saved = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(saved["machine_info"], dict) or not isinstance(saved["commit_info"], dict):
            raise ValueError("machine_info or commit_info is no object")
        for benchmark in saved["benchmarks"]:
            float(benchmark["stats"]["median"]), str(benchmark["fullname"])
    except Unusable as error:
        raise pytest.UsageError(f"the baseline {error}: restore it, or move it away") from error
    except (ValueError, KeyError, TypeError) as error:
        raise pytest.UsageError(f"the baseline {file} is damaged ({error!r}): restore it, or move it away") from error


def require_common_cases(names: Sequence[str], files: Files) -> None:
    """UsageError where none of the tests to come, by name, stands in a baseline."""
    if files and not compared(names, files):
        raise pytest.UsageError(
            f"{comparison_text(names, files)}: choose cases that {', '.join(map(str, files))} has, or another baseline"
        )


def compared(names: Sequence[str], files: Files) -> list[str]:
    """Those of the tests that stand in a baseline."""
    return [name for name in names if any(name in benchmarks for benchmarks in files.values())]


def comparison_text(names: Sequence[str], files: Files) -> str:
    """`3 of 5 cases compared; not in the baseline: ...`."""
    matching = compared(names, files)
    missing = [name for name in names if name not in matching]
    text = f"{len(matching)} of {len(names)} cases compared"
    if missing:
        more = f" and {len(missing) - NAMED_CASES} more" if len(missing) > NAMED_CASES else ""
        text += f"; not in the baseline: {', '.join(missing[:NAMED_CASES])}{more}"
    return text
