"""The report that `pytest suites --report` writes beside the file that pytest-benchmark saves."""

from pathlib import Path

import pytest
from pytest_benchmark.storage.file import FileStorage

from mnv2bench.files import beside, printable

NO_FILE = "--report writes beside the saved file: name one with --benchmark-save=NAME, in a folder"


def require_saved_file(config: pytest.Config) -> None:
    """UsageError where no file is to be saved that a report could stand beside."""
    option = config.option
    is_saved = option.benchmark_save or option.benchmark_autosave
    if not is_saved or not option.benchmark_storage.startswith("file://"):
        raise pytest.UsageError(NO_FILE)


def saved_files(storage: object) -> tuple[Path, ...]:
    """The files that pytest-benchmark has saved so far in a storage; none in one that is no folder."""
    return tuple(map(Path, storage.query())) if isinstance(storage, FileStorage) else ()


def written_report(file: Path, results: Path) -> list[str]:
    """Write the pages and the CSV of a saved file beside it, and return a line for each; `results` has the A/A floors.

    ValueError, in one line that names the file, where one cannot be written.
    """
    from mnv2bench.library.results import load

    measured = load(file, results=results)
    written = measured.report(markdown=beside(file, ".md"), csv=beside(file, ".csv"), html=beside(file, ".html"))
    return [f"written: {printable(path)}" for path in written]
