"""Names and docstrings: a name is a noun with its subject, and a docstring begins with a whole sentence."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mnv2bench"
FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "suites").rglob("*.py")])
INTERFACE = {
    "open",
    "open_streams",
    "export",
}  # of backends, profilers and formats: the interface documents them once
REFUSED = {"found", "said", "told", "mine", "one", "asked", "given", "mend", "fought", "weighed"}


def names(tree):
    """(line, name) of everything that a file names itself: functions, classes, variables, parameters and fields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.alias) and node.asname:
            yield node.lineno, node.asname
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.lineno, node.name


def refused(file):
    path = file.relative_to(ROOT).as_posix()
    tree = ast.parse(file.read_text())
    return [f"{path}:{line}: {name}" for line, name in names(tree) if name.strip("_") in REFUSED]


def undocumented(file):
    """A line for each module, public class and public function whose docstring does not begin with a sentence."""
    path = file.relative_to(ROOT).as_posix()
    tree = ast.parse(file.read_text())
    parts = [(1, path, tree)]
    parts += [(node.lineno, node.name, node) for node in public_parts(tree) if node.name not in INTERFACE]
    for line, name, node in parts:
        text = ast.get_docstring(node)
        if not text or not text.splitlines()[0].endswith("."):
            yield f"{path}:{line}: {name}"


def public_parts(tree):
    """The public classes and functions of a module."""
    parts = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    return [node for node in tree.body if isinstance(node, parts) and not node.name.startswith("_")]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT).as_posix())
def test_no_name_is_a_verb_or_a_pronoun_where_a_noun_belongs(file):
    assert refused(file) == []


@pytest.mark.parametrize("file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: file.relative_to(ROOT).as_posix())
def test_every_module_and_public_part_begins_with_a_sentence(file):
    assert list(undocumented(file)) == []


def test_the_names_of_a_file_are_all_seen():
    code = """
import numpy as one
class told: field: int
def found(given, *mine, said=1):
    self.asked = [fought for fought in ()]
    with open("x") as mend, (weighed := 1): pass
"""
    assert {name for _, name in names(ast.parse(code))} == REFUSED | {"field"}
