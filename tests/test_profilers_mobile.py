"""LiteRT and ExecuTorch under their own profilers: XNNPACK's operators in order, and profiles that cannot be read."""

import importlib.util
import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import pytest

from mnv2bench import Case, Plan, artifacts
from mnv2bench.campaign import Campaign, run
from mnv2bench.networks import layers
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import profiles
from mnv2bench.profiling.readers import xnnpack
from mnv2bench.records.journal import Journal

pytestmark = pytest.mark.slow

NEEDED = {"litert": ("ai_edge_litert", "litert_torch"), "executorch": ("executorch",)}
HERE = [name for name, modules in NEEDED.items() if all(map(importlib.util.find_spec, modules))]
BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
RECORDED = Path(__file__).parent / "profiles"
CASES = {name: Case(width=0.35, resolution=96, backend=name) for name in NEEDED}
LAYERS = {"conv": "conv", "depthwise": "depthwise", "linear": "matmul", "add": "add", "pool": "pool"}
PROFILED = """
import importlib, json, os, sys, tempfile
from importlib import metadata
from pathlib import Path
from mnv2bench import Case
from mnv2bench.profiling import profilers
from mnv2bench.networks import ImageShape, images

def tasks():
    return len(os.listdir("/proc/self/task"))

def refused(open, *words):
    try:
        open(*words)
    except Exception as error:
        return f"{type(error).__name__}: {error}"

name, path = sys.argv[1], Path(sys.argv[2])
case, folder = Case(width=0.35, resolution=96, backend=name, threads=2), Path(tempfile.mkdtemp())
module = importlib.import_module(f"mnv2bench.profiling.profilers.{name}")
profilers.backends.backend(name)
before = tasks()
session = module.open(case, path, folder)
session.put(images(1, 1, ImageShape(3, 96, 96)))
session.run()
first = session.get()
said = {"started": tasks() - before}
session.start()
for _ in range(3):
    session.run()
    session.ran()
said["same"] = bool((session.get() == first).all())
said["calls"] = [len(operator.durations_ns) for operator in session.stop()]
session.put(images(2, 1, ImageShape(3, 96, 96)))
session.run()
said["other"] = float(abs(session.get() - first).max())
said["gone"] = refused(module.open, case, folder / "gone", folder)
metadata.version = lambda distribution: "2.4.0"
said["another version"] = refused(module.open, case, path, folder)
print(json.dumps(said))
os._exit(0)
"""


def only(*names):
    """Of these backends, those whose runtime is here; the others are skipped with the command that installs them."""
    reasons = {name: f"needs pip install 'mnv2bench[{name}]'" for name in names}
    return [pytest.param(name, marks=pytest.mark.skipif(name not in HERE, reason=reasons[name])) for name in names]


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """The journal's records and profiles: each runtime once, and once more with a trace asked for."""
    folder = tmp_path_factory.mktemp("profiles")
    cases, found = tuple(CASES[name] for name in HERE), {}
    for trace in ("", str(folder / "trace.json")):
        journal = Journal(folder / f"{bool(trace)}.jsonl")
        records = run(Campaign(cases, journal, BRIEF, extras=tuple(Profiling(case, trace) for case in cases)))
        found |= {(profile.case.backend, bool(trace)): profile for profile in profiles(journal.path)[0]}
    return found, {record.case.backend: record for record in records}


@pytest.fixture(scope="module")
def told(measured):
    """What a process says that opened a profiler at two threads."""

    def say(name):
        artifact = artifacts.path({"litert": "tflite", "executorch": "pte"}[name], measured[1][name].artifact.key)
        command = [sys.executable, "-c", PROFILED, name, artifact]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert ran.returncode == 0, ran.stderr[-2000:]
        return json.loads(ran.stdout.splitlines()[-1])

    return {name: say(name) for name in HERE}


@pytest.mark.parametrize("name", only(*NEEDED))
def test_a_profile_is_of_outputs_that_are_right(measured, name):
    profile = measured[0][name, False]
    assert (profile.status, profile.reason) == ("ok", "")
    assert 0 < profile.error <= 1e-4
    assert 20 <= len(profile.calls_ns) <= 100


@pytest.mark.parametrize("name", only(*NEEDED))
def test_the_operators_are_the_networks_layers_in_order_and_what_moves_numbers(measured, name):
    kinds = [operator.type for operator in measured[0][name, False].operators]
    network = layers("mobilenet_v2", 0.35, 96)
    wanted = ["matmul" if layer.type == "conv" and layer.kernel == (1, 1) else LAYERS[layer.type] for layer in network]
    assert [kind for kind in kinds if kind != "layout"] == wanted
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "layout": {"litert": 1, "executorch": 3}[name],
        "conv": 1,
        "depthwise": 17,
        "matmul": 35,
        "add": 10,
        "pool": 1,
    }


@pytest.mark.parametrize("name", only(*NEEDED))
def test_no_time_is_counted_twice(measured, name):
    profile = measured[0][name, False]
    in_operators = [sum(call) for call in zip(*(o.durations_ns for o in profile.operators), strict=True)]
    assert len(in_operators) == len(profile.calls_ns)
    assert all(0 < inside < call for inside, call in zip(in_operators, profile.calls_ns, strict=True))


@pytest.mark.parametrize("name", only(*NEEDED))
def test_the_clock_of_xnnpack_counts_whole_microseconds_and_the_profile_says_so(measured, name):
    profile = measured[0][name, False]
    durations = list(chain.from_iterable(operator.durations_ns for operator in profile.operators))
    assert {ns % 1000 for ns in durations} == {0}
    assert any(ns % 10_000 for ns in durations)
    assert profile.notes[0] == (
        "XNNPACK times its operators in whole microseconds, cut off: each loses half a microsecond on average"
    )


@pytest.mark.parametrize(
    ("name", "profiler", "bytes", "words"),
    [
        ("litert", "LiteRT's profiler", None, ""),
        (
            "executorch",
            "ExecuTorch's ETDump",
            4_064,  # the logits, 1000 of four bytes, aligned; the images stay in their caller's memory
            "ExecuTorch's memory plan, which leaves out the workspace of the XNNPACK delegate",
        ),
    ],
)
def test_a_profile_says_who_tells_and_what_memory_was_planned(measured, name, profiler, bytes, words):
    if name not in HERE:
        pytest.skip(f"needs pip install 'mnv2bench[{name}]'")
    profile = measured[0][name, False]
    assert (profile.profiler, profile.arena_bytes, profile.arena) == (profiler, bytes, words)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("litert", "LiteRT's profiler writes no trace file: leave --trace out"),
        ("executorch", "ExecuTorch's ETDump is no Chrome trace: leave --trace out"),
    ],
)
def test_a_trace_that_the_runtime_does_not_write_is_refused(measured, name, reason):
    if name not in HERE:
        pytest.skip(f"needs pip install 'mnv2bench[{name}]'")
    profile = measured[0][name, True]
    assert profile.status == "unsupported"
    assert profile.reason == reason


@pytest.mark.parametrize("name", only(*NEEDED))
def test_a_profiled_session_computes_the_same_with_the_threads_of_the_case(told, name):
    said = told[name]
    assert said["started"] == 1  # and the one that calls
    assert said["same"]
    assert said["other"] > 0.1
    assert said["calls"] == [3] * {"litert": 65, "executorch": 67}[name]


@pytest.mark.parametrize("name", only("litert"))
def test_a_model_that_is_gone_is_a_failure_with_the_call_that_failed(told, name):
    assert told[name]["gone"].startswith("RuntimeError: LiteRtCreateModelFromFile failed with status ")


@pytest.mark.parametrize("name", only("litert"))
def test_another_litert_than_the_declared_one_is_refused(told, name):
    mending = "pip install ai-edge-litert==2.3.0"
    why = f"Unsupported: LiteRT's C API is declared for ai-edge-litert 2.3.0, not 2.4.0: {mending}"
    assert told[name]["another version"] == why


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Convolution (NHWC, F32) IGEMM #1", "conv"),
        ("Convolution (NHWC, F32) DWConv", "depthwise"),
        ("Fully Connected (NC, F32) GEMM #35", "matmul"),
        ("Add (ND)", "add"),
        ("Mean (ND) Reduce2", "pool"),
        ("Clamp (NC)", "activation"),
        ("Transpose (ND, X32) Transpose", "layout"),
        ("Static Reshape (NC) #1", "layout"),
        ("Softmax (NC, F32)", "other"),
        ("CUMSUM", "other"),
        ("", "other"),
    ],
)
def test_a_kind_is_read_from_xnnpacks_name(name, kind):
    assert xnnpack.operator_type(name) == kind


def test_operators_of_one_name_are_numbered():
    call = [("Add (ND)", 1000), ("Copy (NC, X32)", 0), ("Add (ND)", 2000)]
    operators = xnnpack.operators([call, call])
    assert [(o.name, o.durations_ns) for o in operators] == [
        ("Add (ND)", (1000, 1000)),
        ("Copy (NC, X32)", (0, 0)),
        ("Add (ND) #2", (2000, 2000)),
    ]


def test_a_profile_whose_calls_differ_or_that_is_empty_is_refused():
    one, two = [("Add (ND)", 1000)], [("Add (ND)", 1000), ("Mean (ND)", 1000)]
    with pytest.raises(ValueError, match="other operators from call to call"):
        xnnpack.operators([two, one])
    for empty in ([], [[]], [[], one]):
        with pytest.raises(ValueError, match="the profile is empty"):
            xnnpack.operators(empty)


def read(file, folder):
    """The calls of an ETDump; only the runtime's flatc reads it."""
    from mnv2bench.profiling.readers import etdump as _etdump

    return _etdump.calls(file, folder)


@pytest.mark.parametrize("name", only("executorch"))
def test_a_recorded_etdump_tells_of_each_call_and_its_operators(tmp_path, name):
    first, second = read(RECORDED / f"{name}_0.35_96.etdp", tmp_path)
    assert [operator for operator, _ in first] == [operator for operator, _ in second]
    assert len(first) == 67
    assert first[1][0] == "Convolution (NHWC, F32) IGEMM #1"


@pytest.mark.parametrize("name", only("executorch"))
def test_an_operator_that_no_delegate_took_is_told_once_and_what_contains_it_is_not(tmp_path, name):
    (call,) = read(RECORDED / f"{name}_cumsum.etdp", tmp_path)
    assert [operator for operator, _ in call] == [
        "Transpose (ND, X32) #1",
        "Convolution (NHWC, F32) IGEMM #1",
        "Transpose (ND, X32) #2",
        "native_call_cumsum.out",
        "Clamp (NC) #1",
        "Transpose (ND, X32) #1",
        "Mean (ND) Reduce2 #1",
        "Transpose (ND, X32) #2",
    ]


DAMAGED = {
    "empty": lambda whole: b"",
    "cut off": lambda whole: whole[: len(whole) // 2],
    "no ETDump": lambda whole: (96).to_bytes(4, "little") + b"this is text" * 8,
    "overwritten": lambda whole: whole[:64] + b"\xff" * 64 + whole[128:],
}


@pytest.mark.parametrize("damage", DAMAGED)
@pytest.mark.parametrize("name", only("executorch"))
def test_a_damaged_etdump_is_refused_in_one_line(tmp_path, name, damage):
    file = tmp_path / "profile.etdp"
    file.write_bytes(DAMAGED[damage]((RECORDED / f"{name}_0.35_96.etdp").read_bytes()))
    with pytest.raises(ValueError, match=r"^(the profile )?profile\.etdp is damaged: [^\n]*$"):
        read(file, tmp_path)
