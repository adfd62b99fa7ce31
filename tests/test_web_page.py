"""The HTML pages of report and compare in a real browser: what a reader sees and does, and what no file can do."""

import shutil
from pathlib import Path

import browser as browsers
import pytest
from browser import LARGE, SMALL, Visit
from test_report import MACHINE_FACTS, machine_from_json, recorded

from mnv2bench.comparison.chapters import Chapter, chapters
from mnv2bench.comparison.web_page import web_page

SKIPPED = browsers.why_none()
pytestmark = pytest.mark.skipif(bool(SKIPPED), reason=SKIPPED)

RESULTS = Path(__file__).parents[1] / "results"
PUBLISHED = next(RESULTS.glob("intel-*-2c-*/*/0001_published.json"))  # 22 variants, 7 runtimes
LARGEST_MB = 3
LONGEST_PAINT_MS = 2_000
ATTACK = '<img src=x onerror="attacked=1"></script><script>attacked=1</script>'


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browsers.program(), args=list(browsers.OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The published grid's page, as the verb writes it."""
    import sys

    from mnv2bench.cli import main

    folder = tmp_path_factory.mktemp("published")
    saved = folder / "run #1, 100% done.json"  # a name that is no address
    shutil.copy(PUBLISHED, saved)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["mnv2bench", "report", str(saved), "--html", str(folder / "page.html")])
        with pytest.raises(SystemExit) as ended:
            main()
    assert not ended.value.code
    return folder / "page.html"


@pytest.fixture
def page_of(tmp_path):
    """page_of(records): the file of their page."""

    def write(*records, name="first.json", conditions=(), file="page.html"):
        path = tmp_path / file
        path.write_text(web_page(chapters([(name, records)]), {name: conditions} if conditions else {}, "first.csv"))
        return path

    return write


def rows(page):
    return page.locator("#cases tbody tr")


def column(page, heading):
    """The texts of a column, from the top."""
    headings = page.locator("#cases thead th").all_inner_texts()
    (place,) = (place for place, text in enumerate(headings) if text.startswith(heading))
    return [texts.split("\t")[place] for texts in rows(page).all_inner_texts()]


def points(page):
    """The points of the picture that the page drew itself."""
    page.wait_for_selector("figure.live")
    return page.locator("figure.live .mark-symbol.role-mark path")


def test_the_page_is_one_file_that_loads_nothing_and_reports_no_error(chromium, published):
    visit = Visit(chromium, published)
    with visit as page:
        page.wait_for_selector("figure.live")
        assert visit.messages == []
        assert visit.other_requests == []
        policy = page.locator('meta[http-equiv="Content-Security-Policy"]').get_attribute("content")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert published.stat().st_size < LARGEST_MB * 1e6


def test_the_first_screen_has_the_answer_its_table_and_the_picture(chromium, published):
    with Visit(chromium, published) as page:
        headline = page.locator(".answer")
        assert headline.inner_text().startswith(
            "Within 5 ms, ship mobilenet_v2_1.0_192 on openvino in fp32: 3.90 (3.80–3.97)"
        )
        table = page.get_by_role("table", name="The best within each budget")
        assert table.locator("tbody tr").count() == 4
        for part in (headline, table, page.locator("figure")):
            assert part.bounding_box()["y"] < LARGE["height"]


def test_the_link_to_the_csv_leads_to_the_file_whatever_its_name(chromium, published):
    with Visit(chromium, published) as page:
        with page.expect_download() as download:
            page.get_by_role("link", name="All numbers as CSV").click()
        assert download.value.path().read_text() == (published.parent / "run #1, 100% done.csv").read_text()


def test_a_filter_leaves_its_rows_and_its_points(chromium, published):
    from playwright.sync_api import expect

    with Visit(chromium, published) as page:
        assert rows(page).count() == 154
        assert points(page).count() == 148  # six rows are noisy
        for runtime in ("torch_eager", "onnxruntime", "torch_compile_freezing", "torch_script", "torch_aoti"):
            page.get_by_label(runtime, exact=True).uncheck()
        assert set(column(page, "runtime")) == {"openvino", "torch_compile"}
        assert page.get_by_role("status").inner_text() == "44 of 154 rows pass the filters."
        expect(points(page)).to_have_count(42)
        page.get_by_role("searchbox").fill("0.35_96")
        assert column(page, "variant") == ["mobilenet_v2_0.35_96"] * 2
        page.get_by_role("button", name="Show all").click()
        expect(rows(page)).to_have_count(154)
        expect(points(page)).to_have_count(148)


def test_a_picture_without_a_case_says_so(chromium, published):
    with Visit(chromium, published) as page:
        for box in page.locator("fieldset input").all():
            box.uncheck()
        assert page.get_by_text("No case of this picture passes the filters.").is_visible()
        assert rows(page).count() == 0


def test_a_heading_sorts_numbers_as_numbers_and_cells_without_one_come_last(chromium, page_of):
    file = page_of(
        recorded("torch_eager", 20.0, 20.2, 20.4),
        recorded("openvino", 3.0, 3.0, 3.0, status="wrong", reason="outputs differ from eager fp32 by 1.2e-02"),
        recorded("onnxruntime", 6.10, 6.13, 6.17),
        recorded("torch_script", 100.0, 100.1, 100.3),
        recorded("torch_compile", status="unavailable", reason="no C++ compiler: apt install g++"),
    )
    with Visit(chromium, file) as page:
        button = page.get_by_role("button", name="ms (95 %)")
        heading = page.locator("#cases thead th", has=button)
        assert heading.get_attribute("aria-sort") == "none"
        button.click()
        assert heading.get_attribute("aria-sort") == "ascending"
        assert column(page, "runtime") == ["onnxruntime", "torch_eager", "torch_script", "openvino", "torch_compile"]
        assert column(page, "ms")[0] == "6.13 (6.05–6.22)"
        assert column(page, "ms")[3:] == ["–", "–"]  # a wrong number is none
        button.click()
        assert heading.get_attribute("aria-sort") == "descending"
        assert column(page, "runtime") == ["torch_script", "torch_eager", "onnxruntime", "openvino", "torch_compile"]


def test_sorting_ranks_no_machine_against_another(chromium, page_of):
    other = machine_from_json(MACHINE_FACTS | {"fingerprint": "faster-cpu-8c-00000000", "cores": 8})
    file = page_of(
        recorded("torch_eager", 20.0, 20.2, 20.4),
        recorded("onnxruntime", 6.10, 6.13, 6.17),
        recorded("torch_eager", 10.0, 10.2, 10.4, machine=other),
        recorded("onnxruntime", 3.10, 3.13, 3.17, machine=other),
    )
    with Visit(chromium, file) as page:
        assert page.get_by_text("none is ranked against another").is_visible()
        page.get_by_role("button", name="ms (95 %)").click()
        assert [text.split()[0] for text in column(page, "ms")] == ["6.13", "20.20", "3.13", "10.20"]


def test_the_reason_of_a_row_is_folded_in_it(chromium, page_of):
    file = page_of(
        recorded("onnxruntime", 6.10, 6.13, 6.17),
        recorded("torch_compile", status="unavailable", reason="no C++ compiler: apt install g++"),
    )
    with Visit(chromium, file) as page:
        reason = rows(page).get_by_text("no C++ compiler: apt install g++")
        assert not reason.is_visible()
        rows(page).get_by_text("unavailable").click()
        assert reason.is_visible()


def test_sections_are_folded_until_a_reader_opens_them(chromium, published):
    with Visit(chromium, published) as page:
        processor = page.get_by_text("Flags that matter")
        assert not processor.is_visible()
        page.get_by_text("The machine", exact=True).click()
        assert processor.is_visible()


def test_the_pointer_over_a_point_shows_its_case_its_interval_and_its_memory(chromium, page_of):
    file = page_of(recorded("onnxruntime", 6.10, 6.13, 6.17))
    with Visit(chromium, file) as page:
        points(page).first.hover()
        assert page.locator(".tip").inner_text().split("\n") == [
            "case: mobilenet_v2_1.0_224-b1-onnxruntime-cpu-fp32-t1",
            "latency (95 %): 6.13 (6.05–6.22) ms",
            "peak memory: 80 MB",
            "kept of fp32: –",
        ]
        page.mouse.move(5, 5)
        assert not page.locator(".tip").is_visible()


def test_everything_works_with_the_keyboard_alone(chromium, published):
    with Visit(chromium, published) as page:
        page.get_by_role("searchbox").focus()
        page.keyboard.type("1.4_224")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.type") == "checkbox"
        page.keyboard.press("Space")
        assert rows(page).count() == 6
        page.get_by_role("button", name="ms (95 %)").focus()
        page.keyboard.press("Enter")
        assert column(page, "runtime")[0] == "openvino"
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        page.locator("summary", has_text="Cold path").focus()
        page.keyboard.press("Enter")
        assert page.get_by_text("Export: making the artifact, once.").is_visible()


def test_a_browser_that_runs_no_scripts_shows_the_table_and_the_picture(chromium, published):
    with Visit(chromium, published, scripts=False) as page:
        assert rows(page).count() == 154
        assert page.locator("figure svg").is_visible()
        assert page.locator("figure .mark-symbol.role-mark path").count() == 148
        assert not page.locator(".filters").is_visible()
        assert page.get_by_text("Without scripts this table shows 154 of 154 cases").is_visible()


def test_a_dark_screen_has_a_dark_page_and_paper_is_white(chromium, published):
    background = "getComputedStyle(document.body).backgroundColor"
    with Visit(chromium, published, scheme="dark") as page:
        assert page.evaluate(background) == "rgb(13, 17, 23)"
        page.emulate_media(media="print")
        assert page.evaluate(background) == "rgb(255, 255, 255)"
        assert not page.locator(".filters").is_visible()
        assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_telephone_only_tables_and_pictures_are_wider_than_the_screen(chromium, published, scripts):
    with Visit(chromium, published, size=SMALL, scripts=scripts) as page:
        if scripts:
            page.wait_for_selector("figure.live")
            assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
        else:
            assert page.locator("main").bounding_box()["width"] <= SMALL["width"]
        assert page.locator(".answer").bounding_box()["width"] <= SMALL["width"]


def hostile(backend, *medians, **facts):
    """A record whose machine tries everything that HTML would run."""
    machine = machine_from_json(
        MACHINE_FACTS
        | {"cpu_model": ATTACK, "libraries": {ATTACK: ATTACK}, "commit": ATTACK, "os": "[x](javascript:attacked=1)"}
        | {"fingerprint": ATTACK, "variables": {"![x](x)": "&lt;b&gt; {{ 7*7 }} ${7*7}"}}
    )
    return recorded(backend, *medians, machine=machine, **facts)


def test_text_of_a_hostile_file_stays_text(chromium, page_of):
    records = hostile("onnxruntime", 6.1, 6.2, 6.3), hostile("torch_script", status="failed", reason=ATTACK)
    file = page_of(*records, name=f"{ATTACK}.json", conditions=[ATTACK])
    visit = Visit(chromium, file)
    with visit as page:
        page.evaluate("document.querySelectorAll('details').forEach((folded) => { folded.open = true; })")
        points(page).first.hover()
        page.get_by_role("button", name="status").click()
        assert page.evaluate("typeof attacked") == "undefined"
        assert page.locator("img").count() == 0
        assert page.locator("a:not([href$='.csv'])").count() == 0
        assert ATTACK in page.locator("h1").inner_text()
        assert ATTACK in rows(page).first.text_content()
        assert "{{ 7*7 }} ${7*7}" in page.locator("main").inner_text()
        assert visit.messages == []
        assert visit.other_requests == []


def test_no_script_but_the_pages_own_can_run(chromium, page_of):
    file = page_of(recorded("onnxruntime", 6.1, 6.2, 6.3))
    file.write_text(file.read_text().replace("</main>", f"{ATTACK}<b onclick='attacked=1'>x</b></main>"))
    visit = Visit(chromium, file)
    with visit as page:
        page.locator("b").last.click()
        assert page.evaluate("typeof attacked") == "undefined"
    assert any("Content Security Policy" in message for message in visit.messages)


def test_a_run_that_cannot_be_used_says_so_first_and_draws_nothing(chromium, page_of):
    idle = [recorded(backend, 6.1, 6.2, 6.3, threads=2, used=1.0) for backend in ("onnxruntime", "torch_eager")]
    answer = "DO NOT USE: 2 of 2 rows on other threads than requested, busy: load 12.0."
    with Visit(chromium, page_of(*idle, conditions=["busy: load 12.0"])) as page:
        assert page.locator(".answer").inner_text() == answer
        assert page.locator("figure").count() == 0
        assert page.get_by_text("There is no picture").is_visible()


def test_a_file_without_a_time_has_a_page_that_says_why(chromium, page_of):
    with Visit(chromium, page_of(recorded("openvino", status="failed", reason="no memory: close programs"))) as page:
        assert page.get_by_text("No case can be chosen by").is_visible()
        assert rows(page).count() == 1


def test_ten_thousand_rows_are_painted_within_two_seconds_and_shown_in_parts(chromium, tmp_path):
    records = recorded("onnxruntime", 6.1, 6.2, 6.3), recorded("openvino", 3.1, 3.2, 3.3)
    (chapter,) = chapters([("large.json", records)])
    large = Chapter("large.json", chapter.evaluations * 6_000)
    file = tmp_path / "page.html"
    file.write_text(web_page([large]))
    with Visit(chromium, file) as page:
        (paint_ms,) = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint').map((entry) => entry.startTime)"
        )
        assert paint_ms < LONGEST_PAINT_MS
        assert page.get_by_text("These are the first 10,000 of 12,000 rows").is_visible()
        assert page.get_by_role("status").inner_text() == "10,000 of 10,000 rows pass the filters."
        assert rows(page).count() == 200
        parts = page.get_by_role("navigation", name="Parts of the table")
        assert parts.get_by_role("button", name="Previous rows").is_disabled()
        parts.get_by_role("button", name="Next rows").click()
        assert parts.get_by_text("Rows 201 to 400 of 10,000").is_visible()
        page.get_by_label("openvino", exact=True).uncheck()
        assert parts.get_by_text("Rows 1 to 200 of 5,000").is_visible()


def test_a_comparison_can_be_filtered_by_its_verdicts(chromium, verb, tmp_path):
    from test_compare import LARGE as LARGE_CASE
    from test_compare import SMALL as SMALL_CASE
    from test_compare import saved

    a = saved(tmp_path / "a.jsonl", {SMALL_CASE: (1.000, 1.001, 1.002), LARGE_CASE: (5.00, 5.01, 5.02)})
    b = saved(tmp_path / "b.jsonl", {SMALL_CASE: (1.000, 1.001, 1.002), LARGE_CASE: (5.50, 5.51, 5.52)})
    file = tmp_path / "comparison.html"
    assert verb("compare", a, b, "--html", file).returncode == 0
    visit = Visit(chromium, file)
    with visit as page:
        cells = page.locator("#changes tbody tr")
        assert cells.count() == 2
        page.get_by_label("same", exact=True).uncheck()
        assert cells.count() == 1
        texts = cells.inner_text().split("\t")
        assert texts[:7] == [LARGE_CASE.id, "fake", "fp32", "slower", "5.01", "5.51", "1.100"]
        assert visit.messages == []
        assert visit.other_requests == []


@pytest.mark.skipif(not browsers.AXE.is_file(), reason="axe-core is not installed: make test-browser")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [LARGE, SMALL], ids=["1280", "400"])
def test_axe_finds_no_serious_fault(chromium, page_of, scheme, size):
    records = (
        recorded("onnxruntime", 6.1, 6.2, 6.3),
        recorded("openvino", 3.1, 3.2, 3.3, threads=2),
        recorded("torch_script", status="failed", reason="no memory: close programs"),
    )
    with Visit(chromium, page_of(*records), size=size, scheme=scheme) as page:
        page.wait_for_selector("figure.live")
        page.evaluate("document.querySelectorAll('details').forEach((folded) => { folded.open = true; })")
        page.evaluate(f"{browsers.AXE.read_text()};0")
        faults = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    serious = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
    assert [(fault["id"], fault["nodes"][0]["target"]) for fault in serious] == []


@pytest.fixture
def site_of_hostile_files(tmp_path, monkeypatch):
    """A site of two files of two machines, whose texts try everything that HTML would run."""
    from saved_nights import SMALL, content

    from mnv2bench.website.build import build

    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    files = []
    for number, fingerprint in enumerate((ATTACK, "other-cpu-2c-00000000"), 1):
        facts = {"fingerprint": fingerprint, "cpu_model": ATTACK, "commit": ATTACK, "libraries": {ATTACK: ATTACK}}
        path = tmp_path / f"{number}.json"
        path.write_text(content({SMALL: [1.0, 1.01, 1.02 * number]}, number, **facts))
        files.append((path, f"{number} {ATTACK}.json"))
    (tmp_path / "damaged.json").write_text(ATTACK)
    build(tmp_path / "site", [*files, (tmp_path / "damaged.json", ATTACK)], tmp_path)
    return tmp_path / "site"


def test_texts_of_hostile_files_stay_text_on_every_page_of_a_site(chromium, site_of_hostile_files):
    pages = sorted(site_of_hostile_files.rglob("*.html"))
    assert len(pages) == 1 + 2 + 1 + 1
    for file in pages:
        visit = Visit(chromium, file)
        with visit as page:
            page.evaluate("document.querySelectorAll('details').forEach((folded) => { folded.open = true; })")
            assert page.evaluate("typeof attacked") == "undefined"
            assert page.locator("img").count() == 0
            assert ATTACK in page.locator("main").inner_text() or "runtimes" in str(file)
            assert (
                page.locator("a:not([href^='../']):not([href^='machines/'])").evaluate_all(
                    "links => links.map((link) => link.getAttribute('href')).filter("
                    "(address) => !/^(cases|runtimes|files)[/]|^[a-z0-9_.-]+[.]csv$/.test(address))"
                )
                == []
            )
            assert visit.messages == []
            assert visit.other_requests == []


def test_a_reader_searches_a_site_and_goes_from_a_number_to_its_file(chromium, site_of_hostile_files):
    with Visit(chromium, site_of_hostile_files / "index.html") as page:
        search = page.locator("#names")
        search.get_by_role("searchbox").fill("0.35_96")
        assert search.locator("tbody tr").count() == 1
        search.locator("tbody a").click()
        assert page.locator("h1").inner_text() == "mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1"
        points = page.locator("svg.times a")
        assert points.count() == 2
        address = points.first.get_attribute("href")
        assert (site_of_hostile_files / "cases" / address).resolve().is_file()
        number = page.locator("#times tbody tr").first.locator("a").nth(1)
        assert number.inner_text().startswith("1.01")
        assert (site_of_hostile_files / "cases" / number.get_attribute("href")).resolve().is_file()
        page.locator("#times tbody details").last.locator("summary").click()
        assert page.get_by_text("Prints it: mnv2bench tails mobilenet_v2_0.35_96").last.is_visible()


def test_a_site_fits_a_telephone_and_works_without_scripts(chromium, site_of_hostile_files):
    for file in sorted(site_of_hostile_files.rglob("*.html")):
        with Visit(chromium, file, size=SMALL) as page:
            assert page.evaluate("document.documentElement.scrollWidth") <= SMALL["width"]
    with Visit(chromium, site_of_hostile_files / "index.html", scripts=False) as page:
        assert page.locator("#names tbody a").count() == 2 + 1 + 1


@pytest.mark.skipif(not browsers.AXE.is_file(), reason="axe-core is not installed: make test-browser")
def test_axe_finds_no_serious_fault_on_a_site(chromium, site_of_hostile_files):
    for file in sorted(site_of_hostile_files.rglob("*.html")):
        with Visit(chromium, file) as page:
            page.evaluate(f"{browsers.AXE.read_text()};0")
            faults = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
        serious = [fault for fault in faults if fault["impact"] in ("serious", "critical")]
        assert [(fault["id"], fault["nodes"][0]["target"]) for fault in serious] == []
