"""The outputs that pages of the documentation show are what their commands print now."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "console_blocks.py"
WRITTEN = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [page for page in WRITTEN if "```console\n" in page.read_text()]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("console_blocks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_shows_what_its_commands_print(script, page):
    text = page.read_text()
    assert script.renewed(text) == text, f"python scripts/console_blocks.py {page.relative_to(ROOT)}"


def test_the_readme_and_the_tutorial_of_choosing_show_the_answer():
    assert {"README.md", "choosing.md"} <= {page.name for page in PAGES}
    for page in PAGES:
        assert "Within 5 ms, ship mobilenet_v2_1.0_224 on openvino in int8" in page.read_text()


def test_an_output_that_is_no_longer_right_is_replaced(script):
    page = "# A page\n```console\n$ mnv2bench --version\nold\nlines\n```\nend\n"
    head, version, end = script.renewed(page).partition("mnv2bench 0.")
    assert (head, bool(version)) == ("# A page\n```console\n$ mnv2bench --version\n", True)
    assert end.endswith("\n```\nend\n")
    assert "old" not in end


def test_only_commands_of_mnv2bench_are_run(script):
    with pytest.raises(ValueError, match="'rm' is not run here"):
        script.renewed("```console\n$ rm -rf x\n```\n")
