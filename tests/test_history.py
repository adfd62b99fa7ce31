"""The history as one table: what is in it, and that its cache is never the truth."""

import io
import json
import math
import os
from datetime import UTC, datetime
from pathlib import Path

import grimp
import numpy as np
import pandas as pd
import pytest
from saved_nights import FIRST, LARGE, LIBRARIES, MACHINE, SMALL, content, save
from scipy import stats

import mnv2bench
from mnv2bench.comparison import tidy
from mnv2bench.records import Plan, journal
from mnv2bench.records.rounds import Round
from mnv2bench.regression.history import cache, date_notes, load, night, nights, reading
from mnv2bench.regression.history.schema import COLUMNS, documentation
from mnv2bench.selfcheck.history import history as measure_history
from mnv2bench.selfcheck.history import synthetic_cases
from mnv2bench.statistics.doubts import drift, slope_interval
from mnv2bench.statistics.latency import quantile


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A cache of this test's own; the folder is made when it is written."""
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "history"


@pytest.fixture
def results(tmp_path):
    for number in (1, 2, 3):
        save(tmp_path / "results", number, {SMALL: [0.5, 0.5, 0.52], LARGE: [6.0, 6.0, -6.1]})
    return tmp_path / "results"


def files(results):
    return sorted((results / MACHINE).glob("*/*.json"))


def parsed(monkeypatch):
    """The names of the files that are parsed from now on."""
    read, seen = journal.load_saved, []

    def noted(path):
        seen.append(path.name)
        return read(path)

    monkeypatch.setattr("mnv2bench.regression.history.night.load_saved", noted)
    return seen


def garble(path):
    """Make a file unreadable while its size and time stay what they were."""
    stat = path.stat()
    path.write_bytes(b"?" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def same(one, other):
    pd.testing.assert_frame_equal(one.frame, other.frame)
    assert one.skipped == other.skipped
    return True


# what is in the table


def test_a_row_is_a_row_of_the_tidy_table_with_its_night_and_its_level(results):
    frame = load(results, MACHINE).frame
    assert list(frame.columns) == list(COLUMNS)
    assert list(zip(frame["night"], frame["case"], strict=True)) == [
        (night, case.id) for night in ("0001_nightly", "0002_nightly", "0003_nightly") for case in (SMALL, LARGE)
    ]
    first = frame.iloc[0]
    assert (first["series"], first["saved_at"]) == ("nightly", pd.Timestamp("2026-11-01 02:10", tz="UTC"))
    assert math.exp(first["level"]) == pytest.approx(0.5e-3)
    assert first["process_sd"] == pytest.approx(0.0226, abs=1e-4)
    assert json.loads(first["libraries"]) == LIBRARIES
    assert list(json.loads(first["plan"])) == sorted(
        set(Plan.__struct_fields__) - {"processes", "timeout_s", "budget_s"}
    )
    table = tidy([("x", journal.load(files(results)[0]))])
    common = [name for name in COLUMNS if name in table.columns and name not in ("source", "saved_at")]
    assert common == [
        "fingerprint", "commit", "case", "kind", "status", "reason", "flags", "processes", "latency_ms", "told_by",
    ]  # fmt: skip
    night = frame.loc[frame["night"] == "0001_nightly", common].reset_index(drop=True)
    pd.testing.assert_frame_equal(_plain(night), _plain(table[common]), check_dtype=False)


def test_the_page_on_the_history_lists_the_columns_as_they_are_declared():
    page = (Path(mnv2bench.__file__).parents[1] / "docs" / "history.md").read_text()
    rows = [f"| `{name}` | {line} |" for name, line in documentation().items()]
    assert "\n".join(["| column | what it is |", "|---|---|", *rows, ""]) in page


def _plain(frame):
    """A missing number is nan in one table and None in the other."""
    return frame.astype(object).where(frame.notna(), "nothing")


def test_a_doubtful_night_says_why_and_a_failed_one_has_no_level(tmp_path):
    save(tmp_path, 1, {SMALL: [0.5, -0.5, -0.5], LARGE: [6.0, None]})
    frame = load(tmp_path, MACHINE).frame
    assert frame["doubt"].tolist() == ["noisy", ""]
    assert frame["noisy"].tolist()[0] == 2
    assert frame["status"].tolist() == ["ok", "failed"]
    assert frame["level"].isna().tolist() == [False, True]
    assert frame["noisy"].isna().tolist() == [False, True]


def test_nights_are_in_the_order_of_their_numbers_whatever_a_clock_said(tmp_path):
    save(tmp_path, 1, {SMALL: [0.5]}, when=datetime(2026, 11, 9, tzinfo=UTC))
    save(tmp_path, 2, {SMALL: [0.6]}, when=datetime(2026, 11, 8, tzinfo=UTC), libraries={"torch": "2.12.0"})
    save(tmp_path, 3, {SMALL: [0.7]}, name="b", when=datetime(2026, 11, 9, tzinfo=UTC), commit=None)
    found = nights(load(tmp_path, MACHINE).frame)
    assert [night.night for night in found] == ["0001_nightly", "0002_nightly", "0003_b"]
    assert [night.commit for night in found] == ["0001" * 10, "0002" * 10, None]
    assert found[1].libraries == {"torch": "2.12.0"}
    assert found[1].saved_at == datetime(2026, 11, 8, tzinfo=UTC)


def test_ten_thousand_nights_are_counted_and_not_spelt(tmp_path):
    for number in (9_999, 10_000, 2):
        save(tmp_path, number, {SMALL: [0.5]}, when=FIRST)
    assert [night.night for night in nights(load(tmp_path, MACHINE).frame)] == [
        "0002_nightly",
        "9999_nightly",
        "10000_nightly",
    ]


def test_a_date_that_does_not_fit_its_number_is_named_once(tmp_path):
    for number, year in ((1, 2026), (2, 2031), (3, 2026), (4, 2027)):
        save(tmp_path, number, {SMALL: [0.5]}, when=datetime(year, 11, number, 2, tzinfo=UTC))
    found = nights(load(tmp_path, MACHINE).frame)
    assert date_notes(found, now=datetime(2027, 12, 1, tzinfo=UTC)) == (
        "0003_nightly is dated 2026-11-03 02:00, before 0002_nightly of 2031-11-02 02:00: a clock was wrong. "
        "Nights are in the order of their numbers.",
    )
    assert date_notes(found[:2], now=datetime(2027, 12, 1, tzinfo=UTC)) == (
        "0002_nightly is dated 2031-11-02 02:00, which is still to come: set the clock.",
    )
    assert date_notes(found[:2], now=datetime(2031, 11, 2, 1, tzinfo=UTC)) == ()
    assert date_notes((), now=FIRST) == ()


def test_two_series_are_one_table_or_one_each(tmp_path):
    save(tmp_path, 1, {SMALL: [0.5]})
    save(tmp_path, 2, {LARGE: [6.0]}, name="weekly_full")
    assert load(tmp_path, MACHINE).frame["series"].tolist() == ["nightly", "weekly_full"]
    weekly = load(tmp_path, MACHINE, "weekly_full").frame
    assert weekly["case"].tolist() == [LARGE.id]
    assert weekly["case"].cat.categories.tolist() == [LARGE.id]
    assert load(tmp_path, MACHINE, "nothing").frame.empty


def test_no_files_are_an_empty_table_with_its_columns(tmp_path):
    for loaded in (load(tmp_path / "nowhere", MACHINE), load(tmp_path, MACHINE, "nightly")):
        assert list(loaded.frame.columns) == list(COLUMNS)
        assert (len(loaded.frame), loaded.skipped, nights(loaded.frame)) == (0, (), ())
    assert not (tmp_path / "cache").exists()


def test_what_does_not_read_is_skipped_with_a_line_and_the_rest_is_there(tmp_path):
    good = save(tmp_path, 1, {SMALL: [0.5]})
    texts = {
        "0002_a": "{",
        "0003_b": '{"benchmarks": []}',
        "0004_c": content({SMALL: [0.5]}).replace('"datetime"', '"date"'),
        "0005_d": content({SMALL: [0.5]}, fingerprint="other-cpu"),
        "0006_e": content({SMALL: [0.5]}).replace('"seed": 7', '"seed": "seven"', 1),
        "0007_f": content({SMALL: [0.5]}).replace(f'["{SMALL.id}"]', f'["{SMALL.id}", "{SMALL.id}"]'),
        "0012_k": content({}),
        "0008_g": content({SMALL: [0.5]}).replace('"schema": 8', '"schema": 99'),
        "0009_h": content({SMALL: [0.5]}, environment=3).replace('"libraries": {', '"libraries": 3, "x": {'),
        "notes": "{",
    }
    for name, text in texts.items():
        (good.parent / f"{name}.json").write_text(text)
    (good.parent / "0010_i.json").mkdir()
    (good.parent / "0011_j.json").symlink_to("nothing")
    for _ in range(2):  # from the files, then from the cache
        loaded = load(tmp_path, MACHINE)
        assert loaded.frame["night"].tolist() == ["0001_nightly"]
        assert [line.removeprefix(f"{good.parent}/")[:40] for line in loaded.skipped] == [
            "0002_a.json is damaged (Input data was t",
            "0003_b.json was not saved by mnv2bench: ",
            "0004_c.json is damaged (it does not say ",
            "0005_d.json is of another machine (other",
            "0006_e.json is damaged (line 1: Expected",
            "0007_f.json is damaged (line 1: the case",
            "0008_g.json is of a newer schema than 8:",
            "0009_h.json is damaged (line 1: a Machin",
            "0010_i.json cannot be read (Is a directo",
            "0011_j.json cannot be read (No such file",
            "0012_k.json holds no case: measure that ",
        ]


def test_a_night_is_there_once_even_where_two_files_have_its_name(tmp_path):
    first = save(tmp_path, 1, {SMALL: [0.5]}, platform="A")
    second = save(tmp_path, 1, {SMALL: [0.9]}, platform="B")
    loaded = load(tmp_path, MACHINE)
    assert loaded.frame["source"].tolist() == ["A/0001_nightly.json"]
    assert [(file.night, file.series) for file in loaded.unread] == [("0001_nightly", "nightly")]
    assert loaded.skipped == (f"{second} has the name of {first}: keep one of them, or give it another number",)


# the cache


def test_the_cache_gives_the_very_same_table(results, folder):
    cold = load(results, MACHINE)
    assert [path.suffix for path in folder.iterdir()] == [".parquet"]
    for file in files(results):
        garble(file)
    assert same(load(results, MACHINE), cold)


def test_a_new_night_is_all_that_is_read_and_the_table_is_that_of_no_cache(results, folder, monkeypatch):
    load(results, MACHINE)
    save(results, 4, {LARGE: [6.2], SMALL: [0.53]}, when=FIRST.replace(hour=1), cpu_model="renamed")
    seen = parsed(monkeypatch)
    grown = load(results, MACHINE)
    assert seen == ["0004_nightly.json"]
    assert nights(grown.frame)[3].night == "0004_nightly"
    next(folder.iterdir()).unlink()
    assert same(load(results, MACHINE), grown)
    assert len(seen) == 5


def test_a_changed_file_is_read_again(results, monkeypatch):
    load(results, MACHINE)
    seen = parsed(monkeypatch)
    file = save(results, 2, {SMALL: [0.9, 0.9, 0.9]})
    frame = load(results, MACHINE).frame
    assert seen == ["0002_nightly.json"]
    assert frame.loc[frame["night"] == "0002_nightly", "latency_ms"].tolist() == [pytest.approx(0.9)]
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    load(results, MACHINE)
    assert seen == ["0002_nightly.json"] * 2


def test_a_vanished_file_leaves_nothing_behind(results):
    save(results, 4, {SMALL: [0.5]}, commit="gone")
    load(results, MACHINE)
    files(results)[-1].unlink()
    frame = load(results, MACHINE).frame
    assert [night.night for night in nights(frame)] == ["0001_nightly", "0002_nightly", "0003_nightly"]
    assert "gone" not in frame["commit"].cat.categories
    for file in files(results):
        file.unlink()
    assert load(results, MACHINE).frame.empty


def test_a_file_that_is_mended_comes_back(results, monkeypatch):
    file = files(results)[1]
    whole = file.read_text()
    file.write_text(whole[:-20])
    assert len(load(results, MACHINE).skipped) == 1
    seen = parsed(monkeypatch)
    assert (len(load(results, MACHINE).skipped), seen) == (1, [])
    file.write_text(whole)
    loaded = load(results, MACHINE)
    assert (len(loaded.frame), loaded.skipped, seen) == (6, (), ["0002_nightly.json"])


def inside(content):
    """The Parquet file that stands behind the first line of a cache."""
    import pyarrow as pa

    return pa.BufferReader(content.partition(b"\n")[2])


def test_rows_that_somebody_changed_in_the_cache_are_not_believed(results, folder):
    import pyarrow as pa
    from pyarrow import compute, parquet

    cold = load(results, MACHINE)
    (file,) = folder.iterdir()
    digest, _, _ = file.read_bytes().partition(b"\n")
    rows = parquet.read_table(inside(file.read_bytes()))
    place = rows.schema.get_field_index("latency_ms")
    doubled = compute.multiply(rows["latency_ms"], 2.0)
    forged, table = rows.set_column(place, rows.schema.field(place), doubled), pa.BufferOutputStream()
    parquet.write_table(forged, table)
    file.write_bytes(digest + b"\n" + table.getvalue().to_pybytes())
    assert load(results, MACHINE).frame["latency_ms"].tolist() == cold.frame["latency_ms"].tolist()


@pytest.mark.parametrize("damage", ["empty", "text", "cut", "flipped", "other code", "no facts", "wrong facts"])
def test_a_damaged_or_stale_cache_is_made_anew(results, folder, monkeypatch, damage):
    from pyarrow import parquet

    cold = load(results, MACHINE)
    (file,) = folder.iterdir()
    whole = file.read_bytes()
    if damage in ("no facts", "wrong facts"):
        facts = {} if damage == "no facts" else {cache.KEY: json.dumps({"identity": cache.identity(), "files": 3})}
        table = io.BytesIO()
        parquet.write_table(parquet.read_table(inside(whole)).replace_schema_metadata(facts), table)
        file.write_bytes(cache._digest(table.getvalue()) + b"\n" + table.getvalue())
    elif damage == "other code":
        monkeypatch.setattr(cache, "identity", lambda: "other")
    else:
        middle = whole[:200] + bytes(byte ^ 255 for byte in whole[200:260]) + whole[260:]
        file.write_bytes({"empty": b"", "text": b"PAR1 or not", "cut": whole[:-9], "flipped": middle}[damage])
    seen = parsed(monkeypatch)
    assert same(load(results, MACHINE), cold)
    assert len(seen) == 3
    load(results, MACHINE)
    assert len(seen) == 3


def test_other_code_that_the_numbers_come_from_is_another_cache():
    """All that a night's rows import is in the cache's identity, but for networks, digits and texts of errors."""
    package = Path(mnv2bench.__file__).parent
    imported = grimp.build_graph("mnv2bench", exclude_type_checking_imports=True).find_upstream_modules(night.__name__)
    hashed = {path.relative_to(package).with_suffix("").as_posix().replace("/", ".") for path in cache.source_files()}
    names = {module.removeprefix("mnv2bench.") for module in imported} - {"mnv2bench"}
    unhashed = {name for name in names if name not in hashed and f"{name}.__init__" not in hashed}
    assert {name.split(".")[0] for name in unhashed} == {"digits", "files", "matching", "networks", "refusals", "texts"}


def test_a_cache_that_cannot_be_written_costs_only_time(results, tmp_path, monkeypatch):
    cold = load(results, MACHINE)
    (tmp_path / "file").write_text("not a folder")
    for place in (tmp_path / "file", "/proc/mnv2bench"):  # not even root can write there
        monkeypatch.setenv("MNV2BENCH_CACHE", str(place))
        assert same(load(results, MACHINE), cold)


def test_several_processes_read_the_same_table_as_one(results, folder, monkeypatch):
    (results / MACHINE / "Linux-CPython-3.11-64bit" / "0004_damaged.json").write_text("{")
    alone = load(results, MACHINE)
    next(folder.iterdir()).unlink()
    monkeypatch.setattr(reading, "PARALLEL_FROM", 0)
    monkeypatch.setattr(reading, "cores", lambda: 2)
    monkeypatch.setattr(night, "load_saved", None)  # this process reads nothing
    assert same(load(results, MACHINE), alone)
    assert len(alone.skipped) == 1


def test_machines_and_folders_have_caches_of_their_own(results, tmp_path, folder):
    save(tmp_path / "others", 1, {SMALL: [0.7]})
    assert len(load(results, MACHINE).frame) == 6
    assert len(load(tmp_path / "others", MACHINE).frame) == 1
    assert len(load(results, MACHINE).frame) == 6
    assert len(list(folder.iterdir())) == 2


def test_the_quick_quantile_is_numpys_to_the_last_bit():
    random = np.random.default_rng(1)
    for count in (1, 2, 3, 4, 5, 10, 11, 150):
        for part in (0.1, 0.25, 0.5, 0.9):
            whole = random.integers(10**5, 10**9, count).tolist()
            real = random.normal(1e6, 1e4, count).tolist()
            assert quantile(whole, part) == float(np.quantile(whole, part))
            assert quantile(real, part) == float(np.quantile(real, part))


def test_the_quick_drift_is_what_the_whole_theil_sen_interval_says():
    random, seen = np.random.default_rng(2), set()
    for count in (4, 6, 15):
        for slope in (0.0, 0.002, 0.006, 0.008, 0.02):
            for _ in range(20):
                medians = [1e6 * (1 + slope * n + random.normal(0, 0.003)) for n in range(count)]
                rounds = [Round((round(median),), 2_000_000, 2_000_000) for median in medians]
                whole = [float(r.durations_ns[0]) for r in rounds]
                moved = np.median(whole[-(count // 2) :]) / np.median(whole[: count // 2]) - 1
                interval, limit = stats.theilslopes(whole), 0.005 * np.median(whole)
                sloping = interval.low_slope > limit or interval.high_slope < -limit
                expected = moved if sloping or abs(moved) > 0.02 else None
                assert drift(rounds) == expected
                assert slope_interval(whole) == (interval.low_slope, interval.high_slope)
                tied = [round(median, -4) for median in whole]
                assert slope_interval(tied) == tuple(stats.theilslopes(tied))[2:]
                seen.add((bool(sloping), abs(moved) > 0.02))
    assert len(seen) == 4


# the script that measures it


def test_the_script_prints_what_small_histories_cost(capsys, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr("mnv2bench.selfcheck.history.MAX_WARM_S", 60.0)  # other tests may run beside this one
    assert len(synthetic_cases()) == 300
    assert measure_history(1, Console(soft_wrap=True), sizes=(2, 3), chosen=[SMALL, LARGE])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "history: synthetic-not-measured nights of 2 cells, 3 processes each"
    assert [line.split("files")[0] for line in said[1:3]] == [
        "      2 nights, 4 records, ",
        "      3 nights, 6 records, ",
    ]
    assert said[3].startswith("  one night more: ")
