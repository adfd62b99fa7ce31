"""HTML documents without a browser: their policy, and texts that try to leave their place."""

import base64
import hashlib
import json
import re
from pathlib import Path

import pytest

from mnv2bench.files import address
from mnv2bench.report.web.document import from_markdown, html, inert_json, inert_script
from mnv2bench.report.web.table import Cell, Heading, Table

ATTACK = '</script><!-- <img src=x onerror="attacked=1"> &amp; \u2028'
EMPTY = Table("changes", "", (), [], 0)


def document(**values):
    texts = dict.fromkeys(("a", "b", "how_to_read", "how_to_read_counts", "csv"), "") | values
    lists = dict.fromkeys(("differ", "notes", "libraries"), ())
    return html("compare.html", **({**lists, "timed": EMPTY, "instructions": EMPTY} | texts))


def test_the_policy_names_the_digest_of_every_script_and_style_and_nothing_else():
    page = document()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1].replace("&#39;", "'")
    programs = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", page, flags=re.DOTALL)
    digests = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in programs}
    assert set(re.findall(r"'sha256-[^']*'", policy)) == digests
    assert re.sub(r"'sha256-[^']*'", "DIGEST", policy) == (
        "default-src 'none'; script-src DIGEST; style-src DIGEST; img-src data:; base-uri 'none'; form-action 'none'"
    )


def test_a_text_is_escaped_wherever_a_template_shows_it():
    page = document(a=ATTACK, differ=[ATTACK], notes=[ATTACK], libraries=[[ATTACK] * 3])
    assert "<img" not in page
    assert page.count("&lt;img src=x onerror=&#34;attacked=1&#34;&gt;") == 6


def test_json_in_a_page_cannot_end_its_element_and_says_the_same():
    text = str(inert_json({"case": ATTACK}))
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"case": ATTACK}


def test_a_program_in_a_page_cannot_end_its_element():
    assert inert_script('x = "</script><!--"') == 'x = "<\\/script><\\!--"'


def test_html_in_a_markdown_section_stays_text_and_numbers_are_aligned_by_a_class():
    shown = str(from_markdown("| a | b |\n|:--|--:|\n| <b>x</b> | 1 |\n\n![x](http://example.com/x)"))
    assert "&lt;b&gt;x&lt;/b&gt;" in shown
    assert '<td class="number">1</td>' in shown
    assert "style=" not in shown
    assert "<img" not in shown


def test_a_table_offers_filters_only_where_there_is_a_choice():
    headings = Heading("case"), Heading("runtime", is_filter=True), Heading("precision", is_filter=True)
    rows = [[Cell("x", "x"), Cell(runtime, runtime), Cell("fp32", "fp32")] for runtime in ("openvino", "litert")]
    assert Table("cases", "", headings, rows, 2).filters == [(1, "runtime", ["openvino", "litert"])]


@pytest.mark.parametrize(
    ("file", "page", "link"),
    [
        ("run.csv", "run.html", "run.csv"),
        ("run #1, 100%?.csv", "run.html", "run%20%231%2C%20100%25%3F.csv"),
        ("javascript:attacked().csv", "run.html", "javascript%3Aattacked%28%29.csv"),
        ("run.csv", "pages/run.html", "../run.csv"),
        ("run.csv", "/dev/null", ""),
    ],
)
def test_a_link_to_a_file_is_relative_and_never_a_scheme(tmp_path, file, page, link):
    (tmp_path / "pages").mkdir()
    assert address(tmp_path / file, Path(page) if page.startswith("/") else tmp_path / page) == link
