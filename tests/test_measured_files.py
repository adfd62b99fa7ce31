"""Reports of many cases: files are read one by one, only their numbers are kept, and these are the same numbers."""

import csv
import io
from pathlib import Path

import pytest
from test_damaged_files import journal  # noqa: F401  a fixture

from mnv2bench.comparison import measured_files as module
from mnv2bench.comparison.chapters import chapters
from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.comparison.measured_files import csv_of, has_many_cases, measured_files
from mnv2bench.comparison.tidy import frame, without_empty_columns
from mnv2bench.recommendation.machines import by_machine
from mnv2bench.records.journal import Unusable, load
from mnv2bench.report.csv import as_csv
from mnv2bench.selfcheck.history import Synthetic
from mnv2bench.statistics.latency import process_median

FROZEN = Path(__file__).parent / "frozen"
FILES = [FROZEN / name for name in ("schema5.jsonl", "schema4_elsewhere.jsonl", "schema4_gpu.jsonl", "schema3.jsonl")]


@pytest.fixture
def many(monkeypatch):
    """Every report has more cases than a page shows."""
    monkeypatch.setattr(module, "has_many_cases", lambda paths: True)


def read(paths):
    return list(measured_files(paths, [path.name for path in paths], Path("results")))


def evaluations(files):
    return [evaluation for file in files for chapter in file.chapters for evaluation in chapter.evaluations]


@pytest.mark.parametrize("all_columns", [False, True])
def test_the_csv_of_many_files_is_that_of_one_table(many, all_columns):
    table = frame(chapters([(path.name, load(path)) for path in FILES]))
    expected = as_csv(table if all_columns else without_empty_columns(table))
    assert "".join(csv_of(read(FILES), all_columns)) == expected


def test_the_csv_without_a_row_has_every_column(many, tmp_path):
    assert "".join(csv_of([])) == ",".join(column.name for column in COLUMNS) + "\n"


def test_the_answers_are_the_same_without_the_samples(many):
    kept = by_machine(evaluations(read(FILES)))
    whole = by_machine(evaluations(module.read_file(Path("results"), False, path, path.name) for path in FILES))
    assert [[_texts(answer) for answer in machine.answers] for machine in kept] == [
        [_texts(answer) for answer in machine.answers] for machine in whole
    ]
    assert any(machine.answers for machine in kept)


def _texts(answer):
    front = [(candidate.id, candidate.median_ms, candidate.peak_mb) for candidate in answer.front]
    return answer.setting, answer.usability, front, [(tie.id, tie.interval_ms) for tie in answer.ties]


def test_a_number_that_nobody_computed_before_the_samples_were_dropped_is_an_error_and_not_a_wrong_number(
    many,
    journal,  # noqa: F811
):
    (file,) = read([journal])
    record = evaluations([file])[0].record
    assert not file.chapters[0].has_samples
    assert record.timed
    with pytest.raises(LookupError, match="samples were dropped"):
        process_median(record.samples[0], 1)
    with pytest.raises(LookupError, match="`wall_s` of processes whose samples were dropped"):
        [process.wall_s for process in record.processes]


def test_a_file_that_cannot_be_used_stands_between_the_others_with_its_reason(many, journal, tmp_path):  # noqa: F811
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    first, second, third = read([journal, empty, FROZEN / "schema5.jsonl"])
    assert (first.name, third.name) == ("night.jsonl", "schema5.jsonl")
    assert isinstance(second, Unusable)
    assert str(second) == f"{empty} is damaged (Input data was truncated)"


def test_reports_of_more_than_2000_cases_are_known_by_the_heads_of_their_files(tmp_path):
    nights = Synthetic(tmp_path)
    nights.grow(7)
    paths = sorted(nights.folder.glob("*.json"))
    assert not has_many_cases(paths[:6])  # 1,800 cases
    assert has_many_cases(paths)  # 2,100
    assert not has_many_cases([tmp_path / "no such file", *FILES])


@pytest.mark.slow
def test_several_processes_read_the_same_as_one(monkeypatch, tmp_path):
    nights = Synthetic(tmp_path)
    nights.grow(8)
    paths = sorted(nights.folder.glob("*.json"))
    monkeypatch.setattr(module, "cores", lambda: 1)
    alone = "".join(csv_of(read(paths)))
    monkeypatch.setattr(module, "cores", lambda: 2)
    monkeypatch.setattr(module, "PARALLEL_FROM", 1)
    files = read(paths)
    assert "".join(csv_of(files)) == alone
    assert len(list(csv.DictReader(io.StringIO(alone)))) == 2400
    assert [file.path for file in files] == paths


def test_a_report_of_many_cases_has_its_answer_its_refused_rows_and_the_place_of_all_rows(verb, tmp_path):
    nights = Synthetic(tmp_path)
    nights.grow(7)
    paths = sorted(nights.folder.glob("*.json"))
    page, table, web = tmp_path / "r.md", tmp_path / "r.csv", tmp_path / "r.html"
    assert verb("report", *paths, "--markdown", page, "--csv", table, "--html", web).returncode == 0
    text = page.read_text()
    assert "These are 2,100 cases, more than a page has room for: all rows are in r.csv and r.html." in text
    assert "## 7. 0007_nightly.json" in text
    assert "### Latency, ms" not in text
    assert len(list(csv.DictReader(io.StringIO(table.read_text())))) == 2100
    assert "0007_nightly.json" in web.read_text()
