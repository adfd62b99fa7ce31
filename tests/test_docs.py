"""The documentation compared with the code: commands, links, paths, and a place for everything that users name."""

import importlib
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mnv2bench import backends, precisions
from mnv2bench.cli import app
from mnv2bench.selection import OPTIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "results/README.md",
    *(f"docs/{p.name}" for p in sorted((ROOT / "docs").iterdir())),
]
ENTRY_POINTS = {"mnv2bench.backends", "mnv2bench.networks", "mnv2bench.jsonl"}  # groups, and a file
VERBS = sorted(get_command(app).commands)
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def _commands():
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [command.strip() for line in lines for command in line.split("&&") if command.strip()]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_stands_in_the_readme_and_has_help(verb):
    assert f"`mnv2bench {verb}" in README
    shown = CliRunner().invoke(app, [verb, "--help"])
    assert shown.exit_code == 0
    assert get_command(app).commands[verb].help


def test_every_verb_in_the_readme_exists():
    assert sorted(set(re.findall(r"\| `mnv2bench ([\w-]+)", README))) == VERBS


@pytest.mark.parametrize("backend", backends.names())
def test_every_backend_stands_in_the_readme(backend):
    assert f"| `{backend}` |" in README


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_every_extra_stands_in_the_readme(extra):
    assert f"`{extra}`" in README or f"mnv2bench[{extra}]" in README


def _options(verb):
    return {name for parameter in get_command(app).commands[verb].params for name in parameter.opts}


def test_every_option_of_the_readmes_commands_exists():
    for command in _commands():
        program, *words = shlex.split(command)
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        if program.endswith("mnv2bench"):
            assert used <= _options(words[0]), command
        elif program.endswith("pytest"):
            assert used <= {f"--{name}" for name in OPTIONS} | {"--benchmark-save", "--profile"}, command
    assert any("--baseline" in command for command in _commands())


@pytest.mark.parametrize("page", [f"docs/{p.name}" for p in sorted((ROOT / "docs").iterdir())])
def test_every_verb_and_option_on_a_page_exists(page):
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    for command in (part.strip() for line in lines for part in line.split("&&")):
        if command.startswith("mnv2bench "):
            _, verb, *words = shlex.split(command)
            assert verb in VERBS
            assert {word.partition("=")[0] for word in words if word.startswith("--")} <= _options(verb)


def test_the_readmes_programs_and_make_targets_exist():
    programs = {shlex.split(command)[0] for command in _commands()}
    assert programs == {"make", "python3", ".venv/bin/python", ".venv/bin/pytest", ".venv/bin/mnv2bench",
                        ".venv/bin/ruff", ".venv/bin/mypy", ".venv/bin/lint-imports"}  # fmt: skip
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {shlex.split(c)[1] for c in _commands() if c.startswith("make ")} <= targets


def _anchors(page):
    """The anchors that GitHub makes of a page's headings."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    titles = [re.sub(r"[^\w\- ]", "", title.lower()) for title in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]
    return {title.replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_to_one_of_its_headings(page):
    for link in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


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


def test_every_page_is_reached_from_the_readme():
    linked = set(re.findall(r"\]\((docs/[\w-]+\.md)\)", README.partition("## Where to look")[2]))
    assert linked == {page for page in PAGES if page.startswith("docs/")}


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
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_release_note_is_under_a_heading():
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text()
