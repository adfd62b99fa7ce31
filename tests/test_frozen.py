"""Saved files of every schema say the same numbers as when their CSVs were made: these are compared byte for byte."""

import csv
import gzip
import io
import shutil
from pathlib import Path

import pytest

FROZEN = Path(__file__).parent / "frozen"
RESULTS = FROZEN.parents[1] / "results"
CANDIDATES = (*FROZEN.glob("*.jsonl"), *RESULTS.glob("**/*.json*"))
SAVED = sorted(path for path in CANDIDATES if (FROZEN / f"{path.stem}.csv").exists())


def frozen_csvs(name: str) -> dict[str, bytes]:
    """The CSVs that were made of a saved file, by the name that `mnv2bench report` gives them."""
    csvs = {path.name: path.read_bytes() for path in FROZEN.glob(f"{name}*.csv")}
    packed = {path.stem: gzip.decompress(path.read_bytes()) for path in FROZEN.glob(f"{name}*.csv.gz")}
    return csvs | packed


def columns_of(written: bytes, expected: bytes) -> bytes:
    """The columns of a CSV that an older one has, too: a column that was added since is left out."""
    names = next(csv.reader(io.StringIO(expected.decode())))
    chosen = io.StringIO()
    writer = csv.DictWriter(chosen, names, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(csv.DictReader(io.StringIO(written.decode())))
    return chosen.getvalue().encode()


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: path.name)
def test_a_saved_file_still_gives_the_same_csv_to_the_byte(saved, command, tmp_path):
    copied = shutil.copy(saved, tmp_path)
    ran = command("mnv2bench", "report", str(copied))
    assert (ran.returncode, ran.stderr) == (0, "")
    expected = frozen_csvs(saved.stem)
    written = {path.name: path.read_bytes() for path in tmp_path.glob("*.csv")}
    assert written.keys() == expected.keys()
    for name, content in expected.items():
        same_columns = columns_of(written[name], content)
        assert same_columns.splitlines() == content.splitlines(), name  # a readable difference first
        assert same_columns == content, name


def test_files_of_schemas_1_to_5_are_among_them():
    assert len(SAVED) == 9
    schemas = {path.read_text().partition('"schema"')[2].lstrip(" :")[0] for path in SAVED}
    assert schemas == {"1", "2", "3", "4", "5"}
