"""The types of TensorRT 11, written by hand: what was right for TensorRT 8 and 10 is reported by mypy, line by line."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TYPINGS = ROOT / "typings"
RIGHT = """
import tensorrt as trt

def session(plan: bytes, builder: trt.Builder, network: trt.INetworkDefinition, log: trt.ILogger, stream: int) -> None:
    engine = trt.Runtime(log).deserialize_cuda_engine(plan)
    assert engine is not None
    context = engine.create_execution_context()
    assert context is not None
    name = engine.get_tensor_name(0)
    config = builder.create_builder_config()
    assert config is not None
    assert context.set_input_shape(name, tuple(context.get_tensor_shape(name)))
    assert context.execute_async_v3(stream)
"""
MISTAKES = {  # a line more in that function: what mypy says of it
    "config.set_flag(trt.BuilderFlag.FP16)": '"type[BuilderFlag]" has no attribute "FP16"',
    "config.set_flag(trt.BuilderFlag.INT8)": '"type[BuilderFlag]" has no attribute "INT8"',
    "config.max_workspace_size = 1 << 30": '"IBuilderConfig" has no attribute "max_workspace_size"',
    "config.int8_calibrator = None": '"IBuilderConfig" has no attribute "int8_calibrator"',
    "builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.EXPLICIT_BATCH))": (
        '"type[NetworkDefinitionCreationFlag]" has no attribute "EXPLICIT_BATCH"'
    ),
    "builder.create_network(1 << trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)": "Unsupported operand types for <<",
    "builder.platform_has_fast_fp16": '"Builder" has no attribute "platform_has_fast_fp16"',
    "builder.build_engine(network, config)": '"Builder" has no attribute "build_engine"',
    "bytes(builder.build_serialized_network(network, config))": "IHostMemory | None",
    "engine.device_memory_size": '"ICudaEngine" has no attribute "device_memory_size"; maybe "device_memory_size_v2"?',
    "engine.num_bindings": '"ICudaEngine" has no attribute "num_bindings"',
    "engine.create_execution_context().infer_shapes()": 'Item "None" of "IExecutionContext | None" has no attribute',
    "trt.Runtime(log).deserialize_cuda_engine(plan).num_layers": 'Item "None" of "ICudaEngine | None" has no attribute',
    "context.execute_async_v2([0], stream)": '"IExecutionContext" has no attribute "execute_async_v2"',
    "context.set_tensor_address(name, 'cuda')": 'Argument 2 to "set_tensor_address"',
    "trt.Runtime()": 'Missing positional argument "logger"',
}


def mypy(folder, body):
    """What mypy says of each line, by its number. Types alone: neither torch nor numpy is looked at."""
    (folder / "session.py").write_text(body)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=", "--cache-dir", folder]
    environment = {**os.environ, "MYPYPATH": str(TYPINGS)}
    ran = subprocess.run([*command, "session.py"], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode in (0, 1), ran.stderr
    lines = re.findall(r"^session\.py:(\d+): error: (.*)$", ran.stdout, re.MULTILINE)
    return {int(number): said for number, said in lines}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    return mypy(tmp_path_factory.mktemp("types"), RIGHT + "".join(f"    {line}\n" for line in MISTAKES))


def test_a_session_as_it_should_be_has_nothing_said_against_it(said):
    written = len(RIGHT.splitlines())
    assert [number for number in said if number <= written] == []


@pytest.mark.parametrize("line", MISTAKES)
def test_a_call_of_an_older_tensorrt_or_an_unchecked_result_is_reported(said, line):
    number = len(RIGHT.splitlines()) + 1 + list(MISTAKES).index(line)
    assert MISTAKES[line] in said.get(number, "nothing")


def checked(module, stub=None):
    """Run the developer's check of the stub, or of a changed copy of it, against a module."""
    script = TYPINGS / "check_tensorrt.py"
    if stub is not None:
        (stub / "tensorrt").mkdir()
        changed = (TYPINGS / "tensorrt" / "__init__.pyi").read_text()
        changed = changed.replace("TF32: ", "FP16: ").replace("memory: int", "address: int")
        changed = changed.replace("def device_memory_size_v2", "def device_memory_size")
        (stub / "tensorrt" / "__init__.pyi").write_text(changed)
        script = stub / "check.py"
        script.write_text((TYPINGS / "check_tensorrt.py").read_text())
    return subprocess.run([sys.executable, script, module], capture_output=True, text=True, check=False)


def needs_the_stand_in(test):
    there = importlib.util.find_spec("tensorrt_rtx")
    return pytest.mark.skipif(not there, reason="needs the stand-in TensorRT-RTX: make test-tensorrt")(test)


@needs_the_stand_in
def test_every_name_of_the_types_is_one_of_the_stand_in_too():
    ran = checked("tensorrt_rtx")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert re.fullmatch(r"\d\d+ names of __init__\.pyi are those of tensorrt_rtx 1\.7\.\S+\n", ran.stdout)


@needs_the_stand_in
def test_a_name_or_parameter_that_the_bindings_lack_is_found(tmp_path):
    ran = checked("tensorrt_rtx", tmp_path)
    assert ran.returncode == 1
    assert ran.stdout.splitlines() == [
        "BuilderFlag.FP16 is not there",
        "IExecutionContext.set_tensor_address takes ['name', 'memory'], not ['name', 'address']",
        "ICudaEngine.device_memory_size is not there",
    ]
