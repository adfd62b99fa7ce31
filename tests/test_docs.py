"""What the documentation promises, held against what there is."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from mnv2bench import backends
from mnv2bench.cli import app
from mnv2bench.selection import OPTIONS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
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
                        ".venv/bin/ruff", ".venv/bin/mypy"}  # fmt: skip
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {shlex.split(c)[1] for c in _commands() if c.startswith("make ")} <= targets


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").iterdir())]
)
def test_every_link_leads_to_a_file(page):
    text = (ROOT / page).read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)]+)\)", text) if "://" not in link]
    assert [link for link in links if link and not (ROOT / page).parent.joinpath(link).exists()] == []


def test_ci_calls_the_readmes_test_command():
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_every_release_note_is_under_a_heading():
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text()
