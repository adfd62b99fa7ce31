"""LiteRT, ExecuTorch and ncnn on this machine: four variants, their threads, their delegates, their faults."""

import re
import tomllib
import zipfile
from pathlib import Path

import pytest
from mobile_runtimes import HERE, NEEDED, only, printed

from mnv2bench import Case, Plan, artifacts
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.preparation import prepare
from mnv2bench.campaign.processes import run_process
from mnv2bench.records import Weights, replace
from mnv2bench.records.journal import Journal

pytestmark = pytest.mark.slow

FORMATS = {"litert": "tflite", "executorch": "pte", "ncnn": "ncnn"}
VARIANTS = ((0.35, 96), (0.5, 96), (0.75, 128), (1.0, 96))
BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
SMALL = Case(width=0.35, resolution=96)
OPENED = """
import json, os, sys, time
from pathlib import Path
from mnv2bench import Case, backends
from mnv2bench.networks import ImageShape, images

def cpu_ns():
    return {task.name: int((task / "schedstat").read_text().split()[0]) for task in Path("/proc/self/task").iterdir()}

name, path, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
case = Case(width=0.35, resolution=96, backend=name, threads=threads)
backend = backends.backend(name)
loaded = [module for module in ("ai_edge_litert", "executorch", "ncnn", "torch") if module in sys.modules]
before, end = cpu_ns(), time.monotonic() + 30
with backend.open(case, path) as session:
    session.put(images(1, 1, ImageShape(3, 96, 96)))
    session.run()
    first = session.get()
    session.put(images(2, 1, ImageShape(3, 96, 96)))
    session.run()
    second = session.get()
    session.put(images(1, 1, ImageShape(3, 96, 96)))
    started = []
    while True:
        for _ in range(3):
            session.run()
        started = [spent for task, spent in cpu_ns().items() if task not in before]
        if len(started) == threads - 1 and all(spent > 1e6 for spent in started) or time.monotonic() > end:
            break
    again = session.get()
    said = {"loaded": loaded, "threads that worked": 1 + sum(spent > 1e6 for spent in started)}
    said |= {"started": len(started), "settings": session.settings(), "shape": again.shape, "type": str(again.dtype)}
    said |= {"same": bool((again == first).all()), "other": float(abs(first - second).max())}
print(json.dumps(said))
os._exit(0)
"""
CUMULATIVE = """
import importlib, json, os, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore")
import torch
from mnv2bench import Case, backends
from mnv2bench.artifacts import Weights, job
from mnv2bench.backends.shared import torch_session
from mnv2bench.networks import ImageShape, images

class Sums(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 8, 3)
    def forward(self, images):
        return torch.cumsum(self.conv(images), 1).relu().mean((2, 3), keepdim=True)

name, format, target = sys.argv[1], sys.argv[2], Path(sys.argv[3])
torch.set_grad_enabled(False)
torch_session.network = job.network = lambda case, path: Sums().eval()
case = Case(width=0.35, resolution=32, backend=name)
importlib.import_module(f"mnv2bench.artifacts.formats.{format}").export(job.Job(case, target, target, Weights(), {}))
with backends.backend(name).open(case, target) as session:
    session.put(images(1, 1, ImageShape(3, 32, 32)))
    session.run()
    print(json.dumps(session.settings()))
os._exit(0)
"""


def measured(folder, *cases):
    journal = Journal(folder / "mobile.jsonl")
    return {record.case: record for record in run(Campaign(cases, journal, BRIEF))}


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """Of the runtimes that are here, each variant once."""
    cases = [Case(width=w, resolution=r, backend=name) for name in HERE for w, r in VARIANTS]
    return measured(tmp_path_factory.mktemp("mobile"), *cases)


@pytest.fixture(scope="module")
def small(records):
    """small("ncnn"): the artifact of the smallest variant."""

    def path(name):
        return artifacts.path(FORMATS[name], records[replace(SMALL, backend=name)].artifact.key)

    return path


@pytest.fixture(scope="module")
def opened(small):
    """What a process says that opened the smallest variant at one thread and at two."""
    return {(name, threads): printed(OPENED, name, small(name), threads) for name in HERE for threads in (1, 2)}


@pytest.mark.parametrize(("width", "resolution"), VARIANTS)
@pytest.mark.parametrize("name", only(*NEEDED))
def test_a_mobile_runtime_computes_what_eager_fp32_computes(records, name, width, resolution):
    record = records[Case(width=width, resolution=resolution, backend=name)]
    assert (record.status, record.reason) == ("ok", "")
    assert 0 < record.samples[0].error <= 1e-4
    assert record.samples[0].separation > 1e-2


OPERATORS = {
    "litert": "70",
    "executorch": "153",
}  # of every variant: TFLite's graph has batch norm folded, the other not


@pytest.mark.parametrize(("width", "resolution"), VARIANTS)
@pytest.mark.parametrize("name", only(*OPERATORS))
def test_every_operator_is_delegated_to_xnnpack(records, name, width, resolution):
    settings = records[Case(width=width, resolution=resolution, backend=name)].samples[0].settings
    assert settings == {
        "threads": "1",
        "delegate": "XNNPACK",
        "delegated operators": OPERATORS[name],
        "operators not delegated": "0",
    }


@pytest.mark.parametrize(("name", "inside", "outside"), [("litert", "7", "1"), ("executorch", "3", "1")])
def test_an_operator_that_xnnpack_does_not_take_is_counted_as_not_delegated(tmp_path, name, inside, outside):
    if name not in HERE:
        pytest.skip(f"needs pip install 'mnv2bench[{name}]'")
    # Beside the sum both convolve, rectify and average; LiteRT also transposes three times and reshapes.
    settings = printed(CUMULATIVE, name, FORMATS[name], tmp_path / f"sums.{FORMATS[name]}")
    assert (settings["delegated operators"], settings["operators not delegated"]) == (inside, outside)


@pytest.mark.parametrize("name", only("ncnn"))
def test_ncnn_delegates_nothing_and_stays_in_fp32(records, name):
    settings = records[replace(SMALL, backend=name)].samples[0].settings
    assert settings == {"threads": "1", "delegate": "none", "reduced precision": "none", "spinning": "20 ms"}


@pytest.mark.parametrize("name", only("ncnn"))
def test_ncnn_keeps_fp32_weights_in_one_file_of_two(small, name):
    with zipfile.ZipFile(small(name)) as both:
        sizes = {entry.filename: entry.file_size for entry in both.infolist()}
    assert sorted(sizes) == ["net.bin", "net.param"]
    assert 6_600_000 < sizes["net.bin"] < 6_900_000  # 1.7 million weights of four bytes


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", only(*NEEDED))
def test_a_runtime_starts_the_threads_of_the_case_and_they_compute(opened, name, threads):
    said = opened[name, threads]
    assert said["started"] == threads - 1  # the one that calls is the first
    assert said["threads that worked"] == threads
    assert said["settings"]["threads"] == str(threads)


@pytest.mark.parametrize("name", only(*NEEDED))
def test_outputs_are_new_arrays_of_the_images_put_last_however_often_it_runs(opened, name):
    for threads in (1, 2):
        said = opened[name, threads]
        assert (said["shape"], said["type"], said["same"]) == ([1, 1000], "float32", True)
        assert said["other"] > 0.1


@pytest.mark.parametrize(
    ("name", "loads"), [("litert", ["ai_edge_litert"]), ("executorch", ["executorch", "torch"]), ("ncnn", ["ncnn"])]
)
def test_a_mobile_backend_loads_its_own_runtime_only(opened, name, loads):
    if name not in HERE:
        pytest.skip(f"needs pip install 'mnv2bench[{name}]'")
    assert opened[name, 1]["loaded"] == loads


def faulty(tmp_path, path, content):
    """How a process ends that opens a file of that name with this content, None for no file."""
    damaged = tmp_path / path.name
    if content is not None:
        damaged.write_bytes(content)
    name = {format: name for name, format in FORMATS.items()}[path.suffix[1:]]
    case = replace(SMALL, backend=name)
    preparation = replace(prepare(case, Weights()), path=str(damaged))
    outcome = run_process(case, preparation, Plan(processes=1, rounds=1), seed=0)
    return outcome.status, outcome.reason


MISSING = {
    "litert": "ValueError: Could not open '",
    "executorch": "RuntimeError: Failed to create MmapDataLoader from file ",
    "ncnn": "RuntimeError: ncnn-",
}


@pytest.mark.parametrize("name", only(*NEEDED))
def test_an_artifact_that_is_gone_is_a_failure_with_its_reason(tmp_path, small, name):
    status, reason = faulty(tmp_path, small(name), None)
    assert status == "failed"
    assert reason.startswith(MISSING[name])


CUT = {
    "litert": "ValueError: The model is not a valid Flatbuffer buffer",
    "executorch": "RuntimeError: Failed to load program, error: 0x:23",
    "ncnn": "RuntimeError: ncnn-",
}


@pytest.mark.parametrize("name", only(*NEEDED))
def test_an_artifact_that_was_cut_off_is_a_failure_with_its_reason(tmp_path, small, name):
    whole = small(name).read_bytes()
    status, reason = faulty(tmp_path, small(name), whole[: len(whole) // 2])
    assert status == "failed"
    assert reason.startswith(CUT[name])


@pytest.mark.parametrize("cut", ["net.param", "net.bin"])
@pytest.mark.parametrize("left", [0.0, 0.5])
@pytest.mark.parametrize("name", only("ncnn"))
def test_what_ncnn_cannot_load_is_a_failure_and_no_crash(tmp_path, small, name, cut, left):
    with zipfile.ZipFile(small(name)) as both:
        content = {entry: both.read(entry) for entry in both.namelist()}
    content[cut] = content[cut][: int(left * len(content[cut]))]
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as both:
        for entry, part in content.items():
            if part:
                both.writestr(entry, part)
    status, reason = faulty(tmp_path, small(name), (tmp_path / "cut.zip").read_bytes())
    assert status == "failed"
    assert f" is damaged (ncnn loads no {cut}, code -1): delete {tmp_path}" in reason


@pytest.mark.parametrize(
    ("name", "converter"), [("litert", "litert_torch"), ("executorch", "torchao"), ("ncnn", "pnnx")]
)
def test_a_missing_converter_is_unavailable_with_the_command_that_mends_it(tmp_path, monkeypatch, name, converter):
    if name not in HERE:
        pytest.skip(f"needs pip install 'mnv2bench[{name}]'")
    stub = tmp_path / converter
    stub.mkdir()
    source = f'raise ModuleNotFoundError("No module named {converter!r}", name={converter!r})'
    (stub / "__init__.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (record,) = measured(tmp_path, Case(width=0.35, resolution=64, backend=name)).values()
    why = f"{converter} is not installed: pip install 'mnv2bench[{name}]'"
    assert (record.status, record.reason) == ("unavailable", f"export to {FORMATS[name]}: {why}")


@pytest.mark.parametrize("name", only("ncnn"))
def test_ncnn_takes_a_batch_in_one_call(tmp_path, name):
    (record,) = measured(tmp_path, replace(SMALL, backend=name, batch=3)).values()
    assert (record.status, record.reason) == ("ok", "")
    assert 0 < record.samples[0].error <= 1e-4


@pytest.mark.parametrize("name", only("ncnn"))
def test_what_pnnx_writes_beside_stays_out_of_the_users_folders(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    (record,) = measured(tmp_path / "out", Case(width=0.35, resolution=32, backend=name)).values()
    assert record.status == "ok"
    assert [file.name for file in tmp_path.iterdir()] == ["out"]
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["mobile.jsonl"]
    made = (artifacts.root() / "artifacts").glob(f"*{record.artifact.key}*")
    assert sorted(file.suffix for file in made) == [".json", ".ncnn"]


@pytest.mark.parametrize(
    ("name", "distributions"),
    [
        ("litert", {"ai-edge-litert", "ai-edge-quantizer", "litert-torch"}),
        ("executorch", {"executorch"}),
        ("ncnn", {"ncnn", "pnnx"}),
    ],
)
def test_each_mobile_runtime_has_an_extra_of_its_own_that_drags_no_other_in(name, distributions):
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    assert {re.split("[>=]", line)[0] for line in extras[name]} == distributions
    assert extras["mobile"] == ["mnv2bench[litert,executorch,ncnn]"]
