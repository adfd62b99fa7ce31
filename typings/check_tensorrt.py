"""Hold the hand-written stub of TensorRT against NVIDIA's bindings: every name, parameter and enum member of it.

    pip download --no-deps --dest . tensorrt_cu13_bindings==11.4.0.106
    python typings/check_tensorrt.py tensorrt_cu13_bindings-11.4.0.106-*.whl    # or a module's name: tensorrt_rtx

The bindings of the wheel are real; the libraries that they link are not on PyPI, so the loader is given empty ones:
nothing can be called, everything can be looked at. Needs gcc for that, and the wheel of this interpreter's version.
"""

import ast
import importlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

STUB = Path(__file__).with_name("tensorrt") / "__init__.pyi"
LIBRARIES = ("libnvinfer.so.11", "libnvinfer_plugin.so.11", "libnvonnxparser.so.11")
SYMBOLS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
NOT_THEIRS = ("_Enum", "__iter__")  # no base of enums; Dims are iterated by __getitem__, which mypy does not follow


def bindings(wheel: Path, folder: Path) -> ModuleType:
    """The module of a bindings wheel, unpacked, with empty libraries beside it."""
    zipfile.ZipFile(wheel).extractall(folder)
    source = folder / "empty.c"
    source.write_text("".join(f"void *{symbol}(void) {{ return 0; }}\n" for symbol in SYMBOLS))
    for library in LIBRARIES:
        target = folder / "tensorrt_bindings" / library
        subprocess.run(["gcc", "-shared", "-fPIC", f"-Wl,-soname,{library}", "-o", target, source], check=True)
    sys.path.insert(0, str(folder))
    return importlib.import_module("tensorrt_bindings")


def signatures(function: Any) -> list[list[str]]:
    """The parameters of each overload, without self, as pybind11 writes them into the docstring; "b=" has a default."""
    text, found = function.__doc__ or "", []
    for start in re.finditer(rf"^(?:\d+\. )?{re.escape(function.__name__)}\((?=self)", text, re.MULTILINE):
        depth, names, current = 1, [], ""
        for letter in text[start.end() :]:
            depth += (letter in "([<") - (letter in ")]>")
            if not depth or (depth == 1 and letter == ","):
                names.append(current.split(":")[0].strip() + "=" * (" = " in current))
                current = ""
            else:
                current += letter
            if not depth:
                break
        found.append(names[1:])
    return found


def takes(overload: list[str], names: list[str]) -> bool:
    """Whether a call with these parameters fits: unnamed ones fit any, and what has a default may be left out."""
    pairs = zip(overload, names, strict=False)
    rest = overload[len(names) :]
    fits = all(re.fullmatch(r"arg\d+", theirs) or theirs.rstrip("=") == ours for theirs, ours in pairs)
    return fits and len(names) <= len(overload) and all(name.endswith("=") for name in rest)


def against(found: type, member: ast.FunctionDef) -> str:
    """What is wrong with a method or property of the stub, "" where nothing is."""
    there = getattr(found, member.name, None)
    if there is None:
        return "is not there"
    reads = any(ast.unparse(decorator) == "property" for decorator in member.decorator_list)
    if reads != isinstance(there, property):
        return "is a method" if reads else "is a property"
    names = [argument.arg for argument in member.args.args[1:]]
    if reads or (member.name.startswith("__") and not names):
        return ""
    overloads = signatures(there)
    fits = any(takes(overload, names) for overload in overloads)
    return "" if fits else f"takes {' or '.join(map(str, overloads))}, not {names}"


def wrong(stub: ast.Module | ast.ClassDef, found: Any, place: str = "") -> Iterator[str]:
    """What the stub says and the module does not."""
    for member in stub.body:
        if isinstance(member, ast.ClassDef) and member.name not in NOT_THEIRS:
            inner = getattr(found, member.name, None)
            if inner is None:
                yield f"{place}{member.name} is not there"
            else:
                yield from wrong(member, inner, f"{place}{member.name}.")
        elif isinstance(member, ast.FunctionDef) and member.name not in NOT_THEIRS:
            if said := against(found, member):
                yield f"{place}{member.name} {said}"
        elif isinstance(member, ast.AnnAssign):
            name = ast.unparse(member.target)
            there = getattr(found, name, None)
            if there is None:
                yield f"{place}{name} is not there"
            elif isinstance(there, property) and there.fset is None:
                yield f"{place}{name} cannot be set"


def names(stub: ast.AST) -> int:
    kinds = (ast.FunctionDef, ast.AnnAssign, ast.ClassDef)
    return sum(isinstance(node, kinds) and getattr(node, "name", "") not in NOT_THEIRS for node in ast.walk(stub))


def main(source: str) -> int:
    """Print what is wrong; 1 where anything is."""
    stub = ast.parse(STUB.read_text())
    with tempfile.TemporaryDirectory() as folder:
        module = bindings(Path(source), Path(folder)) if source.endswith(".whl") else importlib.import_module(source)
        said = list(wrong(stub, module))
    print("\n".join(said) or f"{names(stub)} names of {STUB.name} are those of {module.__name__} {module.__version__}")
    return bool(said)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
