"""The site of saved files: what its pages say, where its links lead, and what a build writes again."""

import hashlib
import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from urllib.parse import unquote

import pytest
from saved_nights import LARGE, MACHINE, SMALL, content, save
from test_exit_codes import journal

from mnv2bench.case import Case
from mnv2bench.records.measured import measured_paths
from mnv2bench.regression.history import epochs, verdicts
from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.verdicts import Verdict
from mnv2bench.selection import SUITES, select, suite_cases
from mnv2bench.website.addresses import page_address
from mnv2bench.website.build import build
from mnv2bench.website.commands import measuring_command
from mnv2bench.website.summaries import summaries

RESULTS = Path(__file__).parents[1] / "results"
OTHER = "other-cpu-8c-0123abcd"


def night(results, machine, number, took, name="nightly", **facts):
    path = results / machine / "Linux" / f"{number:04}_{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content(took, number, fingerprint=machine, **facts))
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def results(tmp_path):
    """Three nights of one machine and one of another."""
    folder = tmp_path / "results"
    for number, ms in ((1, 1.0), (2, 1.0), (3, 1.2)):
        night(folder, MACHINE, number, {SMALL: [ms, 1.01 * ms, 1.02 * ms], LARGE: [5.0, 5.1, 5.2]})
    night(folder, OTHER, 1, {SMALL: [0.5, 0.51, 0.52]}, libraries={"torch": "2.13.0"})
    return folder


def site_of(results, folder=None, **options):
    folder = folder or results.parent / "site"
    return folder, build(folder, list(measured_paths(results, folder)), results, **options)


def page(folder, kind, name):
    return (folder / page_address(kind, name)).read_text()


def links(path):
    """Every address of a page, in its HTML and in the rows that its script shows."""
    text = path.read_text()
    in_tables = re.findall(r'"((?:\.\./)?(?:machines|cases|runtimes|files)/[^"]+)"', text)
    return {address for address in [*re.findall(r'href="([^"]+)"', text), *in_tables] if address != "data:,"}


def test_every_link_of_every_page_leads_to_a_file_of_the_site(results):
    folder, built = site_of(results)
    assert (built.files, built.machines, built.cases, built.runtimes, built.unread) == (4, 2, 2, 1, ())
    every = sorted(folder.rglob("*.html"))
    assert len(every) == 1 + 2 + 2 + 1
    for path in every:
        addresses = links(path)
        assert addresses
        for address in addresses:
            assert not address.startswith(("/", "http"))
            assert (path.parent / unquote(address)).is_file(), f"{path.name}: {address}"


def test_a_measured_file_stands_there_unchanged_under_the_digest_of_its_content(results):
    folder, _ = site_of(results)
    originals = {hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in results.rglob("*.json")}
    copies = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest()[:32] for path in (folder / "files").iterdir()}
    assert {*copies} == {*copies.values()} == originals


def test_a_case_has_a_point_for_each_night_and_each_is_a_link_to_its_file(results):
    folder, _ = site_of(results)
    text = page(folder, "cases", SMALL.id)
    newest = hashlib.sha256((results / MACHINE / "Linux" / "0003_nightly.json").read_bytes()).hexdigest()[:32]
    assert text.count('<circle class="usual"') == 4
    assert f'<a href="../files/{newest}.json" aria-label="2026-11-03 02:10: 1.21 (1.' in text
    assert "The newest number, of 2026-11-03: 1.21 (" in text


def test_what_the_gate_confirmed_and_a_person_accepted_stands_on_the_page_of_the_case(results):
    folder = results / MACHINE
    slower = Verdict(SMALL.id, "REGRESSION", 1.2, 1.18, 1.22, 10)
    verdicts.append(folder / "verdicts.jsonl", "0003_nightly", "2026-11-03T03:00:00+00:00", [slower])
    accepted = Epoch("0003_nightly", (SMALL.id,), "Ada", "2026-11-03T09:00:00+00:00", "a <b>new</b> build", None, {})
    epochs.append(folder / "epochs.toml", accepted)
    site, _ = site_of(results)
    text = page(site, "cases", SMALL.id)
    assert text.count('<path class="slower"') == 1
    assert text.count('<path class="epoch"') == 1
    assert "<li>2026-11-03: a &lt;b&gt;new&lt;/b&gt; build (Ada)</li>" in text
    assert '<path class="slower"' not in page(site, "cases", LARGE.id)


def test_a_damaged_file_of_verdicts_is_named_and_the_site_is_built(results):
    (results / MACHINE / "verdicts.jsonl").write_text("nonsense\n")
    folder, built = site_of(results)
    (reason,) = built.unread
    assert "verdicts.jsonl is damaged" in reason
    assert "verdicts.jsonl is damaged" in (folder / "index.html").read_text()


def test_a_machine_has_its_answer_and_the_newest_number_of_each_case(results):
    folder, _ = site_of(results)
    text = page(folder, "machines", MACHINE)
    assert re.search(r"<strong>[^<]*ship mobilenet_v2_[^<]* on fake in fp32", text)
    assert f"{MACHINE}: 2 cases in 3 files." in text
    (table,) = re.findall(r'<section class="cases" id="cases".*?</section>', text, re.DOTALL)
    assert "1.21 (" in table
    assert "1.01 (" not in table


def test_machines_stand_side_by_side_and_unlike_versions_are_named(results):
    folder, _ = site_of(results)
    text = page(folder, "runtimes", "fake")
    headings = re.findall(r'<th scope="col"[^>]*>([^<]*)</th>', text.partition('id="machines-1"')[2])
    assert headings == ["case", MACHINE, OTHER]
    assert "none is ranked against another" in text
    row = re.search(rf'<tr><th scope="row"><a[^>]*>{SMALL.id}</a></th>(.*?)</tr>', text).group(1)
    assert [number.split()[0] for number in re.findall(r">([0-9][^<]*)<", row)] == ["1.21", "0.510"]


def test_six_machines_are_two_tables(results):
    for number in range(4):
        night(results, f"more-cpu-{number}c-00000000", 1, {SMALL: [1.0, 1.0, 1.0]})
    folder, _ = site_of(results)
    text = page(folder, "runtimes", "fake")
    assert 'id="machines-1"' in text
    assert 'id="machines-2"' in text
    assert 'id="machines-3"' not in text


def test_the_csv_of_a_page_has_its_rows_and_that_of_all_has_every_row(results):
    folder, _ = site_of(results)
    (header, *rows) = (folder / "all.csv").read_text().splitlines()
    assert len(rows) == 3 * 2 + 1
    assert header.startswith("case,variant,network,width,")
    (own,) = (line for line in rows if OTHER in line)
    beside = folder / page_address("machines", OTHER, ".csv")
    assert beside.read_text().splitlines() == [header, own]
    assert len((folder / page_address("cases", LARGE.id, ".csv")).read_text().splitlines()) == 1 + 3


def test_nothing_is_written_again_where_nothing_changed(results):
    folder, first = site_of(results)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    _, second = site_of(results)
    assert first.written == len(before)
    assert (second.written, second.deleted) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()} == before


def test_only_a_new_file_is_parsed_and_only_the_pages_that_it_changes_are_written(results, monkeypatch):
    folder, _ = site_of(results)
    read = []
    from mnv2bench.website import summaries as module

    original = module.by_all_cores
    monkeypatch.setattr(
        module, "by_all_cores", lambda of, paths, names: read.extend(paths) or original(of, paths, names)
    )
    new = night(results, OTHER, 2, {SMALL: [0.6, 0.61, 0.62]})
    _, built = site_of(results)
    assert read == [new]
    # the index and all.csv, and with their tables the machine, the case and the runtime; and the file itself
    assert built.written == 2 + 3 * 2 + 1
    assert page(folder, "cases", SMALL.id).count('<circle class="usual"') == 5


def test_pages_of_what_is_not_measured_any_more_are_deleted(results):
    folder, _ = site_of(results)
    (results / OTHER / "Linux" / "0001_nightly.json").unlink()
    notes = folder / "machines" / "notes.html"
    notes.write_text("my own\n")
    _, built = site_of(results)
    assert built.deleted == 3  # the machine's page, its table, and the file
    assert not (folder / page_address("machines", OTHER)).exists()
    assert notes.read_text() == "my own\n"


def test_a_folder_with_other_files_is_refused_and_left_as_it_was(results, tmp_path):
    other = tmp_path / "homepage"
    other.mkdir()
    (other / "index.html").write_text("<h1>my homepage</h1>\n")
    with pytest.raises(ValueError, match="homepage holds files, and no site of mnv2bench"):
        site_of(results, other)
    assert [path.name for path in other.iterdir()] == ["index.html"]


def test_a_foreign_page_at_the_place_of_ours_is_refused(results):
    folder, _ = site_of(results)
    place = folder / page_address("machines", MACHINE)
    place.write_text("my own\n")
    with pytest.raises(ValueError, match="was not written as a page of the site"):
        site_of(results)
    assert place.read_text() == "my own\n"


def test_without_files_numbers_are_no_links_and_no_file_is_there(results):
    folder, _ = site_of(results, has_files=False)
    assert not (folder / "files").exists()
    assert "files/" not in page(folder, "cases", SMALL.id)
    assert "1.21 (" in page(folder, "cases", SMALL.id)


def test_files_that_do_not_read_are_named_with_the_reason_and_copies_are_shown_once(results):
    (results / "damaged.jsonl").write_text("{")
    (results / "copy.json").write_text((results / OTHER / "Linux" / "0001_nightly.json").read_text())
    folder, built = site_of(results)
    assert built.files == 4
    assert any("damaged.jsonl" in reason for reason in built.unread)
    assert any(f"{OTHER}/Linux/0001_nightly.json has the content of copy.json" in reason for reason in built.unread)
    assert "damaged.jsonl" in (folder / "index.html").read_text()


def test_a_site_below_the_results_is_no_source_of_itself(results):
    folder = results / "site"
    _, first = site_of(results, folder)
    _, second = site_of(results, folder)
    assert (first.files, second.files, second.unread) == (4, 4, ())


def test_links_journals_of_suites_and_what_other_verbs_keep_are_no_measurements(results, tmp_path):
    outside = tmp_path / "outside.json"
    outside.write_text("{}")
    (results / "link.json").symlink_to(outside)
    (results / MACHINE / "nightly.journal.jsonl").write_text("{}")
    (results / MACHINE / "selfcheck.json").write_text("{}")
    (results / ".hidden").mkdir()
    (results / ".hidden" / "a.json").write_text("{}")
    assert len(list(measured_paths(results, tmp_path / "site"))) == 4


def test_a_case_that_failed_has_a_row_with_the_reason_and_no_point(results):
    night(results, OTHER, 2, {SMALL: [None]})
    folder, _ = site_of(results)
    text = page(folder, "cases", SMALL.id)
    assert text.count('<circle class="usual"') == 4
    assert "worker ended by SIGSEGV" in text
    assert "failed: worker ended by SIGSEGV" in text


def test_a_case_without_a_date_is_in_the_table_and_in_no_picture(tmp_path):
    path = journal(tmp_path / "a.jsonl", {SMALL: 1.0})
    folder = tmp_path / "site"
    built = build(folder, [(path, "a.jsonl")], tmp_path)
    assert built.files == 1
    text = page(folder, "cases", SMALL.id)
    assert "there is no picture" in text
    assert "no date" in text


def test_two_names_that_differ_in_capitals_alone_have_two_pages():
    first, second = page_address("machines", "Lab-1"), page_address("machines", "lab-1")
    assert first.casefold() != second.casefold()
    assert re.fullmatch(r"machines/lab-1-[0-9a-f]{12}\.html", first)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "a/b\\c", "con", "", ".hidden", "_jekyll", "ä" * 300, "x\ud800", "a\nb", "*?<>|:"]
)
def test_any_name_becomes_an_address_that_every_host_and_disk_takes(name):
    address = page_address("machines", name)
    assert re.fullmatch(r"machines/[a-z0-9][a-z0-9_.-]{0,95}\.html", address)
    assert ".." not in address


def test_the_command_of_a_case_measures_exactly_that_case_with_the_plan_of_its_file():
    paths = [path for path, _ in measured_paths(RESULTS, RESULTS / "none")]
    checked = 0
    for summary in summaries(paths, RESULTS):
        for row in summary.rows[:: max(1, len(summary.rows) // 8)]:
            words = measuring_command(row, summary).split()
            texts = {name.removeprefix("--"): value for name, value in zip(words[2::2], words[3::2], strict=True)}
            suite = texts.pop("suites")
            assert suite in SUITES
            selection = select(texts)
            assert suite_cases(suite, selection) == (Case.parse(row.case),)
            assert (selection.plan.processes, selection.plan.rounds) == (summary.processes, summary.rounds)
            checked += 1
    assert checked >= 40


def test_the_verb_says_what_it_built_and_what_it_left_out(results, verb):
    (results / "damaged.jsonl").write_text("{")
    ran = verb("site", results.parent / "site", "--results", results)
    assert ran.returncode == 1
    assert "4 files, 2 machines, 2 cases, 1 runtime: 12 pages and tables" in ran.out
    assert "left out: " in ran.err
    again = verb("site", results.parent / "site", "--results", results)
    assert "written: 0; deleted: 0" in again.out


def test_a_digest_that_is_kept_for_other_content_is_not_used(results):
    folder, _ = site_of(results)
    path = results / OTHER / "Linux" / "0001_nightly.json"
    saved = json.loads(path.read_text())
    path.write_text(json.dumps(saved).replace("2026-11-01", "2026-11-02"))
    site_of(results)
    assert "2026-11-02" in page(folder, "machines", OTHER)
    assert "2026-11-01" not in page(folder, "machines", OTHER)


def test_saved_files_of_the_history_are_read_as_well(tmp_path):
    save(tmp_path / "results", 1, {SMALL: [1.0, 1.0, 1.0]})
    _, built = site_of(tmp_path / "results")
    assert built.files == 1


def test_a_file_that_no_number_can_be_computed_of_is_left_out_and_ends_no_build(results, monkeypatch):
    from mnv2bench.website import summaries as module

    original = module.read_file

    def read_file(floors, many, path, name):
        if OTHER in str(path):
            raise ZeroDivisionError("division by zero")
        return original(floors, many, path, name)

    monkeypatch.setattr(module, "read_file", read_file)
    _, built = site_of(results)
    assert built.files == 3
    (reason,) = built.unread
    assert reason.endswith("0001_nightly.json is damaged (ZeroDivisionError: division by zero)")


def test_dates_of_another_time_zone_are_shown_in_utc(tmp_path):
    when = datetime(2026, 11, 27, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    night(tmp_path / "results", OTHER, 1, {SMALL: [1.0, 1.0, 1.0]}, when=when)
    folder, _ = site_of(tmp_path / "results")
    text = page(folder, "cases", SMALL.id)
    assert "2026-11-26 23:30" in text
    assert "2026-11-27 01:30" not in text
