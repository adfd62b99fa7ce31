"""Reads the constant in which a module declares what it is, without importing the module."""

import ast
import importlib.util
import sys
from typing import Any, Protocol, TypeVar, cast

Declared = TypeVar("Declared")


class _Readable(Protocol):
    """A loader that has the source of its module: a file, or a file in a zip."""

    def get_source(self, fullname: str) -> str | None: ...


def declared(module: str, constant: str, kind: type[Declared]) -> Declared:
    """The constant of a module, of its source where the module is not imported: `CONSTANT = Kind(name=literal, ...)`.

    ValueError, in one line, where the module cannot be read, has no such constant or its values are not literals.
    """
    if loaded := sys.modules.get(module):
        value = getattr(loaded, constant, None)
        if isinstance(value, kind):
            return value
    try:
        source = ast.parse(_source(module))
    except (ImportError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(f"{module} cannot be read ({error}): correct it, or uninstall its package") from error
    for node in source.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [constant]:
            return _made(module, constant, kind, node.value)
    raise ValueError(f"{module} declares nothing: add {constant} = {kind.__name__}(...)")


def _source(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.loader is None or not hasattr(spec.loader, "get_source"):
        return ""
    return cast(_Readable, spec.loader).get_source(module) or ""


def _made(module: str, constant: str, kind: type[Declared], value: ast.expr) -> Declared:
    fields: dict[str, Any] = {}  # literals of a source file, checked by the class that they are given to
    try:
        if not isinstance(value, ast.Call) or value.args or any(word.arg is None for word in value.keywords):
            raise ValueError(f"write {kind.__name__}(name=literal, ...)")
        for word in value.keywords:
            fields[str(word.arg)] = ast.literal_eval(word.value)
        return kind(**fields)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{module}: {constant} cannot be read: {error}") from error
