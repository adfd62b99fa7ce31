"""Saved files of every schema say the same numbers as when their CSVs were made: these are compared byte for byte.

The ends of latency intervals are those of Student's t alone there. A report shrinks them towards the spread of other
cases since, so that they are compared with the interval of each case by itself.
"""

import csv
import gzip
import io
import shutil
from pathlib import Path

import pytest

from mnv2bench.records.journal import load
from mnv2bench.statistics.latency import latency
from mnv2bench.statistics.rounds import measured

FROZEN = Path(__file__).parent / "frozen"
INTERVALS = ("latency_low_ms", "latency_high_ms")
RESULTS = FROZEN.parents[1] / "results"
CANDIDATES = (*FROZEN.glob("*.jsonl"), *RESULTS.glob("**/*.json*"))
SAVED = sorted(path for path in CANDIDATES if (FROZEN / f"{path.stem}.csv").exists())


def frozen_csvs(name: str) -> dict[str, bytes]:
    """The CSVs that were made of a saved file, by the name that `mnv2bench report` gives them."""
    csvs = {path.name: path.read_bytes() for path in FROZEN.glob(f"{name}*.csv")}
    packed = {path.stem: gzip.decompress(path.read_bytes()) for path in FROZEN.glob(f"{name}*.csv.gz")}
    return csvs | packed


def columns_of(written: bytes, expected: bytes) -> bytes:
    """The columns of a CSV that an older one has, too, but for intervals: a column that was added since is left out."""
    names = [name for name in next(csv.reader(io.StringIO(expected.decode()))) if name not in INTERVALS]
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
        before, now = columns_of(content, content), columns_of(written[name], content)
        assert now.splitlines() == before.splitlines(), name  # a readable difference first
        assert now == before, name


@pytest.mark.parametrize("saved", SAVED, ids=lambda path: path.name)
def test_the_interval_of_a_case_by_itself_is_what_it_was(saved):
    rows = {
        row["case"]: row for row in csv.DictReader(io.StringIO(frozen_csvs(saved.stem)[f"{saved.stem}.csv"].decode()))
    }
    for record in load(saved):
        row = rows[record.case.id]
        if record.timed and measured(record):
            ends = latency(record).low_s, latency(record).high_s
            expected = tuple("" if end is None else f"{1e3 * end:.6g}" for end in ends)
            assert tuple(row[name] for name in INTERVALS) == expected


def test_files_of_schemas_1_to_5_are_among_them():
    assert len(SAVED) == 9
    schemas = {path.read_text().partition('"schema"')[2].lstrip(" :")[0] for path in SAVED}
    assert schemas == {"1", "2", "3", "4", "5"}
