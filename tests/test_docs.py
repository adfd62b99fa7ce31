"""The documentation compared with the code: commands, links, paths, and a place for everything that users name."""

import ast
import importlib
import inspect
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import mnv2bench
from mnv2bench import backends, precisions
from mnv2bench.cli import app
from mnv2bench.selection import BUDGET, OPTIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
DOCS = [f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md"))]
INDEX = "docs/README.md"
PAGES = ["README.md", "CONTRIBUTING.md", "results/README.md", *DOCS]
README_LINES = 125  # at most
CODE_COLUMNS = 110  # of GitHub's 1012 pixels
ENTRY_POINTS = {"mnv2bench.backends", "mnv2bench.networks", "mnv2bench.jsonl"}  # groups, and a file
VERBS = sorted(get_command(app).commands)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def _text(page):
    return (ROOT / page).read_text()


def _commands(page):
    """Each command in the shell blocks of a page, without its comment."""
    blocks = re.findall(r"```sh\n(.*?)```", _text(page), re.DOTALL)
    whole = [block.replace("\\\n", " ") for block in blocks]
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for block in whole for line in block.splitlines()]
    return [command.strip() for line in lines for command in line.split("&&") if command.strip()]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_on_its_page_and_has_help(verb):
    assert f"### mnv2bench {verb}\n" in _text("docs/verbs.md")
    shown = CliRunner().invoke(app, [verb, "--help"])
    assert shown.exit_code == 0
    assert get_command(app).commands[verb].help


def test_every_verb_on_that_page_exists():
    assert sorted(re.findall(r"^### mnv2bench ([\w-]+)$", _text("docs/verbs.md"), re.MULTILINE)) == VERBS
    assert "(docs/verbs.md)" in README


@pytest.mark.parametrize("backend", backends.names())
def test_every_backend_stands_on_its_page_and_in_the_readme(backend):
    page = _text("docs/backends.md")
    if backend == "fake":
        assert "`fake` computes nothing" in page
    else:
        assert f"| `{backend}` |" in page
        assert backend in README


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_extra_stands_on_the_page_of_backends(extra):
    page = _text("docs/backends.md")
    assert f"`{extra}`" in page


def _options(verb):
    return {name for parameter in get_command(app).commands[verb].params for name in parameter.opts}


@pytest.mark.parametrize("page", PAGES)
def test_every_verb_and_option_of_a_pages_commands_exists(page):
    for command in _commands(page):
        program, *words = shlex.split(command)
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        if program == "mnv2bench":
            assert words[0] in VERBS, command
            assert used <= _options(words[0]), command
        elif program == "pytest" and words[0].startswith("suites"):
            assert used <= {f"--{name}" for name in OPTIONS | BUDGET} | {"--benchmark-save", "--profile"}, command


@pytest.mark.parametrize("page", ["README.md", *DOCS])
def test_code_is_no_wider_than_a_page_on_github(page):
    blocks = re.findall(r"^```.*?^```", _text(page), re.DOTALL | re.MULTILINE)
    assert [line for block in blocks for line in block.splitlines() if len(line) > CODE_COLUMNS] == []


@pytest.mark.parametrize("page", ["README.md", *DOCS])
def test_commands_are_written_for_the_activated_environment(page):
    assert [command for command in _commands(page) if command.startswith((".venv/", "./.venv/"))] == []


def test_the_readme_activates_the_environment_before_it_calls_a_verb():
    commands = _commands("README.md")
    first_verb = next(place for place, command in enumerate(commands) if command.startswith("mnv2bench "))
    assert commands.index("make bench") < commands.index(". .venv/bin/activate") < first_verb
    assert any("--baseline" in command for command in commands)


def test_the_readmes_programs_and_make_targets_exist():
    commands = _commands("README.md")
    assert {shlex.split(command)[0] for command in commands} == {"make", ".", "mnv2bench", "pytest"}
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {shlex.split(c)[1] for c in commands if c.startswith("make ")} <= targets


def test_the_names_and_arguments_of_the_readmes_python_exist():
    """docs/python.md is run as it stands; this block would measure for five minutes."""
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    calls = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Call)]
    owners = {"mb": mnv2bench, "results": mnv2bench.Results}
    called = []
    for call in calls:
        if isinstance(call.func, ast.Attribute) and isinstance(call.func.value, ast.Name):
            function = getattr(owners[call.func.value.id], call.func.attr)
            arguments = {keyword.arg: None for keyword in call.keywords}
            inspect.signature(function).bind_partial(**arguments)
            called.append(call.func.attr)
    assert sorted(called) == ["cases", "load", "recommend", "run", "to_frame"]


def test_the_readme_is_short_and_has_a_picture_and_says_that_the_suites_need_a_checkout():
    assert len(README.splitlines()) <= README_LINES
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+\.svg)\)", README)
    assert (ROOT / picture).read_text().startswith("<svg")
    assert "`pytest suites` needs a checkout" in README


def _anchors(page):
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = [re.sub(r"[^\w\- ]", "", title.lower()) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {title.replace(" ", "-") for title in titles}


def _links(text):
    """The targets of a page's links and pictures, in Markdown and in HTML, without those of the web."""
    of_markdown = re.findall(r"\]\(([^)\s]+)\)", text)
    of_html = re.findall(r"<(?:img|source|a)\s[^>]*?(?:src|srcset|href)=\"([^\"]+)\"", text)
    return [link for link in (*of_markdown, *of_html) if "://" not in link]


def _missing(page, text):
    """The links of a page, with this text, that lead to no file or to none of its headings."""
    missing = []
    for link in _links(text):
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            missing.append(link)
    return missing


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_to_one_of_its_headings(page):
    assert _missing(page, _text(page)) == []


def test_a_link_that_leads_nowhere_is_seen():
    text = "[a](gate.md#no-such) ![b](none.svg) [c](gate.md#counts) [d](https://example.org/x) [e](#none)"
    text += '<img src="no.png"><img src="pictures/answer.svg">'
    assert _missing("docs/README.md", text) == ["gate.md#no-such", "none.svg", "#none", "no.png"]


def test_anchors_are_made_as_github_makes_them(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A night, judged\n```sh\n# no heading\n```\n## `gate` and p99\n")
    assert _anchors(page) == {"a-night-judged", "gate-and-p99"}


@pytest.mark.parametrize("page", PAGES)
def test_every_path_and_module_that_a_page_names_exists(page):
    text = (ROOT / page).read_text()
    for path in re.findall(r"`((?:mnv2bench|tests|docs|suites|typings|\.ci)/[\w./-]*)`", text):
        if "NAME" not in path:
            assert (ROOT / path).exists(), path
    for name in re.findall(r"`(mnv2bench(?:\.\w+)+)(?:\(.*?\))?`", text):
        if name not in ENTRY_POINTS:
            _resolve(name)


def _resolve(name):
    """The module or the public name with this dotted path; an error where there is none."""
    parts = name.split(".")
    value = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], 2):
        value = getattr(value, part, None) or importlib.import_module(".".join(parts[:place]))
    return value


def test_a_module_that_is_gone_is_seen():
    with pytest.raises(ModuleNotFoundError):
        _resolve("mnv2bench.analysis.profile")


KINDS = ["Tutorials", "How-to", "Reference", "Evidence"]


def test_every_page_stands_once_in_the_index_under_one_of_four_kinds():
    sections = re.split(r"^## ", _text(INDEX), flags=re.MULTILINE)[1:]
    assert [re.match(r"[\w-]+", section)[0] for section in sections] == KINDS
    rows = re.findall(r"^\| \[[\w./-]+\]\(([\w-]+\.md)\) \|", _text(INDEX), re.MULTILINE)
    assert sorted(f"docs/{name}" for name in rows) == sorted({*DOCS} - {INDEX})
    assert "(docs/README.md)" in README


@pytest.mark.parametrize("precision", precisions.NAMES)
def test_every_precision_stands_in_the_readme_and_in_a_table(precision):
    assert f"`{precision}`" in README
    assert f"`{precision}`" in (ROOT / "docs" / "gpu.md").read_text().partition("## Precisions")[2]


def _rows_of_precisions(first):
    """The rows of the table on the page of precisions whose first heading this is, by their first cell."""
    lines = iter((ROOT / "docs" / "precision.md").read_text().splitlines())
    header = next(line for line in lines if line.startswith(f"| {first} |"))
    next(lines)
    names = [cell.strip() for cell in header.strip("|").split("|")]
    rows = {}
    for line in lines:
        if not line.startswith("|"):
            return rows
        cells = dict(zip(names, (cell.strip() for cell in line.strip("|").split("|")), strict=True))
        rows[re.search(r"\w+", cells.pop(first))[0]] = cells
    return rows


def test_the_table_of_backends_and_precisions_is_what_the_backends_declare():
    on_cpu = {name: backends.runtime(name) for name in backends.names() if name != "fake"}
    on_cpu = {name: runtime for name, runtime in on_cpu.items() if "cpu" in runtime.runs}
    rows = _rows_of_precisions("backend")
    assert rows.keys() == on_cpu.keys()
    for name, runtime in on_cpu.items():
        *declared, arm64 = rows[name].items()
        assert {precision for precision, cell in declared if cell != "–"} == {*runtime.runs["cpu"]}, name
        there = runtime.runs.get("arm64", ("fp32",)) if runtime.mobile or runtime.wheels else ()
        assert arm64[1] == (", ".join(there) or "–"), name


def test_the_table_of_instructions_is_what_the_precisions_declare():
    rows = _rows_of_precisions("precision")
    assert rows.keys() == {precision.name for precision in precisions.PRECISIONS if precision.cpu_flags}
    for name, cells in rows.items():
        (flags,) = cells.values()
        assert tuple(re.findall(r"`(\w+)`", flags)) == precisions.named(name).cpu_flags, name


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_every_option_that_chooses_cases_says_what_it_takes(name):
    default, text = OPTIONS[name]
    assert text.endswith(".")
    assert isinstance(default, str)


def test_every_file_under_results_is_named_by_a_page():
    tracked = subprocess.run(
        ["git", "ls-files", "results"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    if not tracked:
        pytest.skip("no git checkout")
    pages = "".join((ROOT / page).read_text() for page in PAGES)
    assert [path for path in tracked.split() if f"`{Path(path).stem.partition('.')[0]}" not in pages] == [
        "results/README.md"
    ]


def test_ci_calls_the_readmes_test_command():
    assert "`make test`" in README
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_release_note_is_under_a_heading():
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text()
