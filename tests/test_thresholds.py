"""docs/thresholds.md against the code: every constant that it lists, every constant that it should, every link."""

import ast
import importlib
import inspect
import math
import pkgutil
import re
from pathlib import Path

import pytest

import mnv2bench

ROOT = Path(mnv2bench.__file__).parents[1]
PAGE = ROOT / "docs" / "thresholds.md"
ROW = re.compile(r"^\| `(?P<name>\w+)` \| `(?P<value>[^`]+)` \| `(?P<module>[\w.]+)` \| .+ \| .+ \| .+ \|$")
LINK = re.compile(r"docs/thresholds\.md(?:#([a-z-]+))?")
DECIDING = (
    "mnv2bench.statistics",
    "mnv2bench.regression.judging",
    "mnv2bench.regression.gate",
    "mnv2bench.recommendation",
    "mnv2bench.allocation",
    "mnv2bench.contributions",
    "mnv2bench.bisection.search",
    "mnv2bench.bisection.beliefs",
)
NOT_STATISTICAL = {  # lengths, numbers that only speed depends on, units and schemas
    ("night", "OTHERS"),
    ("machines", "NAMED"),
    ("latency", "FEW"),
    ("known", "MOST_HEADS"),
    ("known", "MOST_FOLDERS"),
    ("names", "MOST_CHARACTERS"),
    ("examination", "MOST_BYTES"),
    ("samples", "SEEDED_SINCE"),
    ("samples", "ROUND_NS"),
    ("prices", "MOST_BYTES"),
}
SHOWN = {  # modules whose numbers are pixels, columns and words
    "mnv2bench.recommendation.picture",
    "mnv2bench.recommendation.drawing",
    "mnv2bench.recommendation.throughput_picture",
    "mnv2bench.recommendation.block",
    "mnv2bench.recommendation.words",
    "mnv2bench.recommendation.phrases",
    "mnv2bench.recommendation.machines",
}


def listed():
    rows = [ROW.match(line) for line in PAGE.read_text().splitlines() if line.startswith("| `")]
    assert all(rows), "a row of docs/thresholds.md has another number of cells"
    return [(row["module"], row["name"], row["value"]) for row in rows]


def value_of(text):
    """A Python literal, or the logarithm of one."""
    logarithm = re.fullmatch(r"log\((.+)\)", text)
    return math.log(ast.literal_eval(logarithm[1])) if logarithm else ast.literal_eval(text)


def resolved(path):
    """A module, or a value of one, by its dotted path; a class stands for an instance with its defaults."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        value = getattr(importlib.import_module(module), name)
        return value() if isinstance(value, type) else value


@pytest.mark.parametrize(("module", "name", "value"), listed(), ids=lambda text: str(text))
def test_a_listed_constant_has_the_value_that_the_page_gives(module, name, value):
    assert getattr(resolved(module), name) == value_of(value)


def numeric(value):
    """Whether a constant is a number, or holds nothing but numbers."""
    if isinstance(value, tuple):
        return bool(value) and all(map(numeric, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def constants(package):
    """(module, name) of each number in capitals that a package's modules, or a module, define themselves."""
    root = importlib.import_module(package)
    parts = pkgutil.walk_packages(getattr(root, "__path__", []), f"{package}.")
    for module in [root, *(importlib.import_module(part.name) for part in parts)]:
        lines = ast.parse(inspect.getsource(module) or "pass").body
        targets = [target for line in lines if isinstance(line, ast.Assign) for target in line.targets]
        names = [name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)]
        yield from ((module.__name__, name) for name in names if name.isupper() and numeric(getattr(module, name)))


@pytest.mark.parametrize("package", DECIDING)
def test_every_number_that_a_verdict_rests_on_is_listed(package):
    on_the_page = {(module, name) for module, name, _ in listed()}
    in_the_code = {
        (module, name)
        for module, name in constants(package)
        if module not in SHOWN and (module.rpartition(".")[2], name) not in NOT_STATISTICAL
    }
    assert in_the_code - on_the_page == set()


def test_every_link_from_the_code_has_its_heading():
    headings = set(re.findall(r"^## ([a-z-]+)$", PAGE.read_text(), re.MULTILINE))
    linked = [
        (path.relative_to(ROOT).as_posix(), anchor)
        for folder in ("mnv2bench", "suites", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for anchor in LINK.findall(path.read_text())
        if path.name != "test_thresholds.py"
    ]
    assert linked, "no code links to docs/thresholds.md"
    assert [(path, anchor) for path, anchor in linked if anchor not in headings] == []


def test_nothing_cites_notes_that_are_not_in_the_repository():
    cited = re.compile(r"shared (measuring )?notes|measuring notes|/work/shared|\.\./shared")
    texts = [p for f in ("mnv2bench", "suites", "docs", "tests") for p in sorted((ROOT / f).rglob("*"))]
    citing = [
        path.relative_to(ROOT).as_posix()
        for path in texts
        if path.suffix in (".py", ".md") and path.name != "test_thresholds.py" and cited.search(path.read_text())
    ]
    assert citing == []
