"""The mobile runtimes of this machine: which are here, and what a process of its own prints that opens one."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

NEEDED = {
    "litert": ("ai_edge_litert", "ai_edge_quantizer", "litert_torch"),
    "executorch": ("executorch", "torchao"),
    "ncnn": ("ncnn", "pnnx"),
}
HERE = [name for name, modules in NEEDED.items() if all(map(find_spec, modules))]


def needs(name):
    return pytest.mark.skipif(name not in HERE, reason=f"needs pip install 'mnv2bench[{name}]'")


def only(*names):
    """Of these backends, those whose runtime is here; the others are skipped with the command that installs them."""
    return [pytest.param(name, marks=needs(name)) for name in names]


def printed(source, *words):
    """What a process of its own prints last, as these runtimes stay in no process of the tests."""
    command = [sys.executable, "-c", source, *map(str, words)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])
