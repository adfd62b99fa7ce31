"""Programs of torch.export in their archives, rewritten so that nothing in them can run when torch loads them.

torch.export.load unpickles, evaluates texts as Python, takes any attribute of torch as an operator, and writes names
into code that it compiles. Here an archive is taken apart, each part is held against what torch.export.save writes of a
network, and a new archive is made of the parts that were checked.
"""

import ast
import io
import json
import keyword
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import torch
from torch._ops import OpOverload

from mnv2bench.artifacts.weights import MAX_BYTES

ADVICE = "save it with torch.export.save(torch.export.export(network.eval(), (images,)), FILE) of this torch"
MAX_ENTRIES = 20_000
MAX_JSON = 64 << 20  # bytes of the description of a graph; NASNet's has 2 MB
MAX_DEPTH = 100  # of values within values
MAX_ELEMENTS = 1 << 29  # of one tensor
MODEL = "models/model.json"
WEIGHTS, CONSTANTS = "data/weights/model_weights_config.json", "data/constants/model_constants_config.json"
SAMPLE = "data/sample_inputs/model.pt"  # pickled, and needed by nobody: the new archive has an empty one
PLAIN_FILES = {"archive_format": b"pt2", "archive_version": b"0", "byteorder": b"little"}
HIDDEN = ".data/"  # of the archive itself
EXTRA = "extra/"  # a user's own files, which no network reads
TENSOR_FILE = re.compile(r"(weight|tensor)_\d{1,6}")
NAME = re.compile(r"[A-Za-z0-9_.+-]{0,1000}")  # of a tensor, a module, a version
WORD = re.compile(r"[A-Za-z0-9_., >-]{0,200}")  # of an operator's options, such as "bilinear" or "bij,bjk->bik"
MODULES = re.compile(r"[A-Za-z0-9_.,;:@\[\]() $-]{0,10000}")  # the modules that a node comes from
SYMBOL = re.compile(r"[suz]{1,2}\d{1,9}")
# What a size may be computed with, as torch and sympy write it
FUNCTIONS = {"FloorDiv", "CeilDiv", "CleanDiv", "ModularIndexing", "Mod", "PythonMod", "Max", "Min", "Add", "Mul"}
FUNCTIONS |= {"Eq", "Ne", "And", "Or", "Not", "Identity", "floor", "ceiling", "TruncToInt", "IntTrueDiv", "ToFloat"}
FUNCTIONS |= {"Integer", "Rational", "Equality", "Unequality", "GreaterThan", "LessThan"}
FUNCTIONS |= {"StrictGreaterThan", "StrictLessThan"}
LARGEST_POWER = 4
EXPRESSIONS = (
    ast.Expression,
    ast.BinOp,
    ast.UnaryOp,
    ast.Compare,
    ast.BoolOp,
    ast.Call,
    ast.Name,
    ast.Load,
    ast.Constant,
    ast.Add,
    ast.Sub,
    ast.Mult,
    ast.Div,
    ast.FloorDiv,
    ast.Mod,
    ast.USub,
    ast.cmpop,
    ast.boolop,
    ast.keyword,
)
OPERATOR = re.compile(r"torch\.ops\.aten\.(\w+)\.(\w+)")
ON_FILES = {"from_file", "save"}  # operators of torch that open a file
ON_SIZES = re.compile(
    r"_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|eq|ne|lt|le|gt|ge|and_|or_|not_)"
    r"|torch\.sym_(int|float|max|min|not|ite|sum)|math\.(ceil|floor|trunc)"
)
WITHOUT_GRADIENTS = "torch.ops.higher_order.wrap_with_set_grad_enabled"  # a block under torch.no_grad()
CONTAINERS = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}


def checked(content: bytes) -> bytes:
    """The program in an archive as a new archive. ValueError, in one line, for what is no program of a network."""
    files = _files(content)
    graph = _json(files.pop(MODEL))
    parts = {MODEL: json.dumps(_program(graph)).encode()}
    for place in (WEIGHTS, CONSTANTS):
        configuration = _json(files.pop(place))
        parts[place] = json.dumps(configuration).encode()
        folder = place.rpartition("/")[0]
        for name in _tensor_files(configuration, folder, files):
            parts[f"{folder}/{name}"] = files[f"{folder}/{name}"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as new:
        for name, part in {**parts, SAMPLE: b"", **PLAIN_FILES, f"{HIDDEN}version": b"3\n"}.items():
            new.writestr(f"program/{name}", part)
    return archive.getvalue()


def _files(content: bytes) -> dict[str, bytes]:
    """The files of an archive by their paths in its folder."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _require_names({entry.filename.partition("/")[2] for entry in entries}, len(entries))
            if sum(entry.file_size for entry in entries) > MAX_BYTES:
                raise ValueError(f"unpacks to more than {MAX_BYTES / 1e9:.1f} GB: no network here is so large")
            return {entry.filename.partition("/")[2]: archive.read(entry) for entry in entries}
    except (zipfile.BadZipFile, NotImplementedError, OverflowError, EOFError, RuntimeError) as error:
        raise ValueError(f"is cut off or damaged, or no archive of torch.export.save: {ADVICE}") from error


def _require_names(names: set[str], number: int) -> None:
    if any(name.startswith("data/aotinductor/") for name in names):
        raise ValueError(f"holds machine code that AOTInductor compiled, which would run as it is: {ADVICE}")
    if "serialized_exported_program.json" in {name.rpartition("/")[2] for name in names} or "version" in names:
        raise ValueError(f"was written by a torch before 2.8, whose archives are pickled: {ADVICE}")
    if "constants.pkl" in names or "data.pkl" in names:
        raise ValueError(f"was written by torch.jit.save or torch.save, not by torch.export.save: {ADVICE}")
    models = [name for name in names if name.startswith("models/")]
    if models != [MODEL] or not {WEIGHTS, CONSTANTS} <= names:
        raise ValueError(f"holds {len(models)} programs that can be read, not one: {ADVICE}")
    if number != len(names) or number > MAX_ENTRIES:
        raise ValueError(f"has {number} entries, some of one name or too many: {ADVICE}")


def _json(content: bytes) -> Any:
    if len(content) > MAX_JSON:
        raise ValueError(f"describes its graph in {len(content) / 1e6:.0f} MB: no network here needs so much")
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"has a description that is damaged: {ADVICE}") from error


def _tensor_files(configuration: Any, folder: str, files: dict[str, bytes]) -> Iterator[str]:
    """The names of the files in a folder that hold tensors, each once."""
    tensors = configuration.get("config") if isinstance(configuration, dict) else None
    if not isinstance(tensors, dict):
        raise ValueError(f"has a description that is damaged: {ADVICE}")
    names: dict[str, None] = {}
    for tensor, facts in tensors.items():
        _require_plain(tensor, facts)
        name = facts.get("path_name", "")
        if facts.get("use_pickle") or not facts.get("tensor_meta") or not TENSOR_FILE.fullmatch(name):
            raise ValueError(
                f"holds a pickled object ({_short(tensor)}), which could run anything when it is read: save a network "
                "of plain tensors"
            )
        if f"{folder}/{name}" not in files:
            raise ValueError(f"lacks the values of {_short(tensor)}: {ADVICE}")
        elements = _elements(tensor, facts["tensor_meta"])
        if elements > MAX_ELEMENTS or (elements and not files[f"{folder}/{name}"]):
            raise ValueError(f"claims {elements} values for {_short(tensor)}: {ADVICE}")
        names[name] = None
    yield from names


def _require_plain(tensor: str, facts: Any) -> None:
    if not isinstance(facts, dict):
        raise ValueError(f"has a description that is damaged: {ADVICE}")
    _require_name(tensor)
    _checked_value(facts, "", MAX_DEPTH)


def _elements(tensor: str, facts: Any) -> int:
    elements = 1
    try:
        for size in facts["sizes"]:
            elements *= int(size["as_int"])
    except (TypeError, KeyError, ValueError) as error:
        raise ValueError(f"does not say how large {_short(tensor)} is: {ADVICE}") from error
    return elements


def _program(graph: Any) -> dict[str, Any]:
    """A program with what torch needs of it. ValueError for a text that could be more than it seems."""
    try:
        module = graph["graph_module"]
        kept = {
            **graph,
            "guards_code": [],
            "graph_module": {**module, "metadata": {}, "treespec_namedtuple_fields": {}},
        }
        kept["graph_module"]["module_call_graph"] = [call for call in module["module_call_graph"] if call["fqn"] == ""]
    except (TypeError, KeyError) as error:
        raise ValueError(f"has a description that is damaged: {ADVICE}") from error
    checked_program: dict[str, Any] = _checked_value(kept, "", MAX_DEPTH)
    return checked_program


def _checked_value(value: Any, key: str, depth: int) -> Any:
    """A value of the description, which stands under a key; its metadata cut down to the modules it comes from."""
    if not depth:
        raise ValueError(f"has a description that is nested too deep: {ADVICE}")
    if isinstance(value, dict):
        if "target" in value and "inputs" in value:
            _require_operator(value["target"])
        return {_checked_key(name, key): _checked_part(name, part, depth - 1) for name, part in value.items()}
    if isinstance(value, list):
        return [_checked_value(part, key, depth - 1) for part in value]
    if isinstance(value, str):
        _require_text(value, key)
    return value


def _checked_key(name: str, of: str) -> str:
    """A key, which is a name of the user's under some keys."""
    _require_name(name)
    if of == "tensor_values":
        _require_identifier(name)
    return name


def _checked_part(name: str, part: Any, depth: int) -> Any:
    if name == "metadata":
        modules = part.get("nn_module_stack") if isinstance(part, dict) else None
        is_plain = isinstance(modules, str) and MODULES.fullmatch(modules)
        return {"nn_module_stack": modules} if is_plain else {}
    if name in ("as_custom_obj", "as_operator", "custom_obj") and part:
        raise ValueError(f"holds an object of a class of its own, which only its code could make: {ADVICE}")
    return _checked_value(part, name, depth)


def _require_text(text: str, key: str) -> None:
    """ValueError unless a text is what may stand under its key."""
    if key == "expr_str":
        _require_expression(text)
    elif key in ("in_spec", "out_spec"):
        _require_containers(text)
    elif key in ("name", "as_name", "forward_arg_names") and text:
        _require_identifier(text)
    elif key in ("as_string", "as_strings"):
        if not WORD.fullmatch(text):
            raise ValueError(f"gives an operator the text {_short(text)}: {ADVICE}")
    else:
        _require_name(text)


def _require_name(name: str) -> None:
    if not NAME.fullmatch(name) or any(part.startswith("__") for part in name.split(".")):
        raise ValueError(f"uses {_short(name)} as a name: {ADVICE}")


def _require_identifier(name: str) -> None:
    if not name.isidentifier() or not name.isascii() or keyword.iskeyword(name) or name.startswith("__"):
        raise ValueError(f"uses {_short(name)} as the name of a tensor: {ADVICE}")


def _require_expression(text: str) -> None:
    """ValueError unless a size is computed from whole numbers and sizes alone: torch evaluates the text as Python."""
    try:
        tree = ast.parse(text, mode="eval") if len(text) <= 1000 else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        tree = None
    nodes = list(ast.walk(tree)) if tree else []
    if not nodes or not all(_is_of_size(node) for node in nodes):
        raise ValueError(f"computes a size by {_short(text)}: {ADVICE}")


def _is_of_size(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str(name))], keywords=facts):
            return SYMBOL.fullmatch(name) is not None and all(isinstance(fact.value, ast.Constant) for fact in facts)
        case ast.Call(func=ast.Name(id="Pow"), args=[_, ast.Call(args=[ast.Constant(value=int(power))])], keywords=[]):
            return power <= LARGEST_POWER
        case ast.Call(func=ast.Name(id=function), keywords=[]):
            return function in FUNCTIONS
        case ast.Name(id=name):
            return name in FUNCTIONS or name in ("Symbol", "Pow") or SYMBOL.fullmatch(name) is not None
        case ast.Constant(value=str(name)):
            return SYMBOL.fullmatch(name) is not None
        case ast.Constant(value=value):
            return isinstance(value, int | float)
        case ast.Call():
            return False
    return isinstance(node, EXPRESSIONS)


def _require_containers(text: str) -> None:
    """ValueError unless images and outputs lie in plain tuples, lists and dictionaries alone."""
    left = [_json(text.encode())]
    while left:
        value = left.pop()
        if isinstance(value, list):
            left += value
        elif isinstance(value, dict):
            if value.get("type") not in CONTAINERS:
                raise ValueError(f"takes or gives {_short(str(value.get('type')))}: return tensors, in a tuple or dict")
            context = value.get("context")
            if context is not None:
                _require_name(re.sub(r'[\[\]",: ]', "", str(context)))
            left += value.get("children_spec") or []


def _require_operator(name: Any) -> None:
    """ValueError for what is no operator of torch itself, or opens files: torch would call whatever is named."""
    match = OPERATOR.fullmatch(str(name))
    if match and match[1] not in ON_FILES:
        if isinstance(getattr(getattr(torch.ops.aten, match[1], None), match[2], None), OpOverload):
            return
    elif not match and (ON_SIZES.fullmatch(str(name)) or name == WITHOUT_GRADIENTS):
        return
    raise ValueError(f"uses {_short(str(name))}, which is no operator of torch that is known to be harmless: {ADVICE}")


def _short(text: str) -> str:
    return ascii(text if len(text) <= 60 else f"{text[:57]}...")
