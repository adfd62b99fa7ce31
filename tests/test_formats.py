"""Artifact formats: what each declares, and what makes two artifacts the same."""

import importlib
import subprocess
import sys
from dataclasses import replace

import pytest

from mnv2bench.artifacts import Weights, formats, key, path
from mnv2bench.case import Case

CASE = Case(width=0.35, resolution=96, backend="onnxruntime")
SEEDED = Weights()


def test_every_format_has_a_suffix_of_its_own_and_an_exporter():
    suffixes = [formats.format(name).suffix for name in formats.names()]
    assert len(set(suffixes)) == len(suffixes) == 18
    for name in ("state_dict", "reference"):  # the others import converters, which deprecate themselves
        module = importlib.import_module(f"mnv2bench.artifacts.formats.{name}")
        assert callable(module.export)
        assert formats.format(name) == module.FORMAT
    assert path("onnx", "0123").name == "onnx-0123.onnx"


def test_an_unknown_format_says_what_to_add():
    with pytest.raises(
        ValueError, match=r"format 'gguf' is not one of labelled, ncnn, onnx, .*: add mnv2bench/artifacts/formats/"
    ):
        formats.format("gguf")


def test_formats_are_read_without_importing_a_converter():
    code = """
import sys
from mnv2bench.artifacts import formats
declarations = [formats.format(name) for name in formats.names()]
print([name for name in sys.modules if name.startswith("mnv2bench.artifacts.formats.")], "torch" in sys.modules)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[] False"


def test_a_file_is_made_from_the_state_dict_or_from_another_file():
    assert formats.steps("state_dict") == ("state_dict",)
    assert formats.steps("onnx") == ("state_dict", "onnx")
    assert formats.steps("plan") == ("state_dict", "onnx", "plan")
    assert formats.steps("onnx_int8") == ("state_dict", "onnx", "onnx_int8")
    assert [name for name in formats.names() if formats.format(name).is_converted] == [
        "onnx_int8",
        "plan",
        "pt2_int8",
        "pt2_int8_profiled",
        "tflite_int8",
    ]


def changed(format, **fields):
    """Whether a case with these other fields has another file."""
    return key(CASE, format, SEEDED, "a machine") != key(replace(CASE, **fields), format, SEEDED, "a machine")


def test_a_key_depends_on_what_the_format_declares():
    for format, batch, threads, bf16, tf32 in [
        ("state_dict", False, False, False, False),
        ("reference", True, False, False, False),
        ("onnx", True, False, True, False),
        ("pt2", True, True, True, False),
    ]:
        assert changed(format, batch=2) == batch
        assert changed(format, threads=2) == threads
        assert changed(format, precision="bf16") == bf16
        assert changed(format, precision="tf32") == tf32
        assert changed(format, width=0.5)
        assert not changed(format, backend="openvino")
    assert key(CASE, "pt2", SEEDED, "a machine") != key(CASE, "pt2", SEEDED, "another")
    assert key(CASE, "onnx", SEEDED, "a machine") == key(CASE, "onnx", SEEDED, "another")
    assert key(CASE, "onnx", SEEDED, "a machine") != key(CASE, "onnx", Weights(seed=1), "a machine")
