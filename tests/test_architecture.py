"""What import contracts cannot check: clocks, printing, exceptions, shells, and how light an import is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "mnv2bench"
FILES = sorted([*PACKAGE.rglob("*.py"), *(ROOT / "suites").rglob("*.py")])
RUNTIMES = ("onnxruntime", "openvino", "ai_edge_litert", "executorch", "ncnn", "tensorrt")
HEAVY = ("torch", *RUNTIMES, "onnx", "onnxscript", "litert_torch", "pnnx", "scipy", "pandas")


def imports(file):
    """Every module or name that a file imports, at its top or inside a function, spelt out in full."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def below(name, module):
    return name == module or name.startswith(module + ".")


def forbidden_imports(files, forbidden):
    return sorted(
        f"{file.relative_to(ROOT)} imports {name}"
        for file in files
        for name in imports(file)
        if any(below(name, module) for module in forbidden)
    )


def modules(name):
    """The files of a package, or the only module of that name."""
    files = sorted((PACKAGE / name).rglob("*.py")) or [PACKAGE / f"{name}.py"]
    assert all(file.exists() for file in files)
    return files


def test_the_reader_of_imports_sees_those_that_are_there():
    worker, torch = PACKAGE / "workers" / "worker.py", PACKAGE / "backends" / "shared" / "torch_session.py"
    assert {"mnv2bench.backends", "mnv2bench.workers.opening.time_streams", "shutil"} <= set(imports(worker))
    assert forbidden_imports([torch], ["torch"])[0] == "mnv2bench/backends/shared/torch_session.py imports torch"


def concrete_backends():
    return [file for file in sorted((PACKAGE / "backends").glob("*.py")) if file.name != "__init__.py"]


def opening():
    """Every backend, and what they share."""
    return [*concrete_backends(), *modules("backends/shared")]


@pytest.mark.parametrize("file", opening(), ids=lambda file: file.stem)
def test_a_backend_knows_the_interface_and_what_backends_share_but_no_other_backend(file):
    others = [f"mnv2bench.backends.{other.stem}" for other in concrete_backends()]
    assert forbidden_imports([file], others) == []


@pytest.mark.parametrize("file", opening(), ids=lambda file: file.stem)
def test_a_backend_never_times_itself(file):
    clocks = forbidden_imports([file], ["time", "timeit"])
    assert clocks == (["mnv2bench/backends/fake.py imports time"] if file.stem == "fake" else [])


@pytest.mark.parametrize(
    "file",
    [*opening(), *modules("profiling/profilers"), *modules("profiling/readers"), *modules("profiling/probes")],
    ids=lambda file: f"{file.parent.stem}/{file.stem}",
)
def test_what_opens_a_runtime_prints_nothing_and_catches_nothing(file):
    tree = list(ast.walk(ast.parse(file.read_text())))
    assert [node for node in tree if isinstance(node, ast.Try) and node.handlers] == []
    assert [node for node in tree if isinstance(node, ast.Call) and ast.unparse(node.func) == "print"] == []


def test_the_loop_does_not_know_which_backend_it_times():
    names = [f"mnv2bench.backends.{file.stem}" for file in concrete_backends()]
    assert forbidden_imports(modules("workers"), names) == []
    text = "".join(file.read_text() for file in modules("workers"))
    assert [file.stem for file in concrete_backends() if f'"{file.stem}"' in text] == []


def test_only_the_verbs_print():
    printing = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "typer.echo", "sys.stdout.write")
    }
    assert {Path(name).parts[0] for name in printing} == {"cli"}


@pytest.mark.parametrize(
    ("statement", "light"),
    [
        ("import mnv2bench", [*HEAVY, "numpy", "pytest"]),
        ("import mnv2bench.case", [*HEAVY, "numpy", "pytest"]),
        ("from mnv2bench import Case, Plan, Record, Results, cases, load", [*HEAVY, "pytest"]),
        ("from mnv2bench import run", [*HEAVY, "pytest"]),
        ("from mnv2bench.campaign import Campaign, run", [*HEAVY, "pytest"]),
        ("import mnv2bench.cli", [*HEAVY, "pynvml", "pytest"]),
    ],
)
def test_importing_is_light(statement, light):
    code = f"import sys\n{statement}\nprint([name for name in {light!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_what_users_import_is_there_and_what_is_not_says_so():
    import mnv2bench

    assert all(getattr(mnv2bench, name) is not None for name in mnv2bench.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        mnv2bench.nothing  # noqa: B018


@pytest.mark.parametrize("file", [f for f in FILES if PACKAGE in f.parents], ids=lambda f: str(f.relative_to(ROOT)))
def test_a_module_starts_with_the_line_of_its_entry_in_the_tree(file):
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    assert docstring
    assert docstring.splitlines()[0].strip()


def calls(name):
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == name:
                yield file, {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}


def test_no_state_dict_can_run_code():
    loads = [keywords.get("weights_only") for _, keywords in calls("torch.load")]
    assert loads
    assert set(loads) == {"True"}
    assert forbidden_imports(FILES, ["pickle", "cloudpickle", "dill", "marshal", "shelve"]) == []


def test_no_command_goes_through_a_shell():
    nodes = [node for file in FILES for node in ast.walk(ast.parse(file.read_text()))]
    assert [node for node in nodes if isinstance(node, ast.keyword) and node.arg == "shell"] == []
    called = {ast.unparse(node.func) for node in nodes if isinstance(node, ast.Call)}
    assert called & {"os.system", "os.popen", "subprocess.getoutput", "eval", "exec"} == set()
    assert "subprocess.Popen" in called


def test_exceptions_of_any_kind_are_caught_once():
    broad = [
        str(file.relative_to(ROOT))
        for file in FILES
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in ("Exception", "BaseException"))
    ]
    assert broad == [
        "mnv2bench/artifacts/export.py",
        "mnv2bench/files.py",
        "mnv2bench/fleet/ssh.py",
        "mnv2bench/workers/programs.py",
    ]  # all but the last one clean up and raise
