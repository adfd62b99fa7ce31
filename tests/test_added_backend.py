"""CONTRIBUTING's recipes for a backend and for a precision of it, done by a package that is not in the tree."""

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

NAME = "their_backend"
MODULE = '''\
"""TorchScript as somebody else opens it."""

from pathlib import Path

import numpy as np
import torch

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="torchscript",
    runs={"cpu": ("fp32",)},
    distributions=("their-backend",),
)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TheirSession(Session):
    def __init__(self, case: Case, path: Path) -> None:
        torch.set_num_threads(case.threads)
        torch.set_grad_enabled(False)
        self.network = torch.jit.load(path)
        self.dtype = DTYPES[case.precision]

    def put(self, images: Images) -> None:
        self.images = torch.from_numpy(images).to(self.dtype)

    def run(self) -> None:
        self.logits = self.network(self.images)

    def get(self) -> Images:
        return np.array(self.logits.float().numpy())


def open(case: Case, path: Path) -> Session:
    require(case)
    return TheirSession(case, path)
'''
SMALL = ("--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1", "--rounds", "1")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A folder as pip leaves one, on the path of every process."""
    folder = tmp_path / "site"
    facts = folder / "their_backend-1.5.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: their-backend\nVersion: 1.5\n")
    (facts / "entry_points.txt").write_text(f"[mnv2bench.backends]\n{NAME} = their_module\n")
    (folder / "their_module.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(folder), prepend=":")
    monkeypatch.chdir(tmp_path)
    return folder


def section(page, title):
    """The text of a section, which may be folded."""
    (body,) = re.findall(
        rf"^(?:## |<summary>){re.escape(title)}(?:</summary>)?\n(.*?)^(?:## |</?details>)", page, re.M | re.S
    )
    return body


def test_a_backend_of_another_package_is_listed_run_reported_and_profiled_like_ours(package, command, tmp_path):
    listed = command("mnv2bench", "backends", NAME, COLUMNS="200")
    assert re.search(rf"{NAME}\s.*cpu\s.*works\s", listed.stdout), listed.stdout + listed.stderr
    assert "torch_script" not in listed.stdout

    backends = f"{NAME},torch_script"
    ran = command("mnv2bench", "run", "--suites", "latency", "--backends", backends, *SMALL, "--out", "run.jsonl")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert command("mnv2bench", "report", "run.jsonl").returncode == 0
    page = (tmp_path / "run.md").read_text()
    assert f"| {NAME} |" in re.sub(" +", " ", section(page, "Latency, ms"))
    assert "their-backend 1.5" in section(page, "The machine")

    case = f"mobilenet_v2_0.35_96-b1-{NAME}-cpu-fp32-t1"
    profiled = command("mnv2bench", "profile", case, *SMALL[4:], "--out", "profile.jsonl", "--quiet", COLUMNS="300")
    reason = f"there is no profiler for {NAME}: write one as in mnv2bench/profiling/profilers"
    assert reason in (tmp_path / "profile.profile.md").read_text().replace("\\", "")
    assert f"unsupported: {reason}" in profiled.stdout


def test_a_precision_is_one_word_in_the_declaration_and_its_numbers_stand_apart(package, command, tmp_path):
    words = ("--backends", NAME, "--precisions", "fp32,bf16", "--suites", "latency", *SMALL)
    refused = command("mnv2bench", "run", *words, "--out", "refused.jsonl", COLUMNS="200")
    case = f"mobilenet_v2_0.35_96-b1-{NAME}-cpu-bf16-t1"
    assert f"unsupported: {case}: {NAME} runs fp32 on cpu here, not bf16" in refused.stdout

    (package / "their_module.py").write_text(MODULE.replace('("fp32",)}', '("fp32", "bf16")}'))
    ran = command("mnv2bench", "run", *words, "--out", "both.jsonl")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    command("mnv2bench", "report", "both.jsonl")
    page = (tmp_path / "both.md").read_text()
    for title in ("Latency, ms", "Throughput, images/s", "Tails and noise", "Memory, MB"):
        body = section(page, title)
        assert body.count("mobilenet_v2_0.35_96") == 2
        assert body.index("cpu, fp32") < body.index("cpu, bf16")


def test_a_package_that_sets_torch_to_less_than_fp32_is_wrong_and_the_setting_is_named(package, command, tmp_path):
    setting = 'torch.backends.mkldnn.conv.fp32_precision = "bf16"'
    (package / "their_module.py").write_text(
        MODULE.replace("    require(case)\n", f"    require(case)\n    {setting}\n")
    )
    words = ("--backends", NAME, "--suites", "latency", *SMALL)
    ran = command("mnv2bench", "run", *words, "--out", "less.jsonl", COLUMNS="300")
    case = f"mobilenet_v2_0.35_96-b1-{NAME}-cpu-fp32-t1"
    reason = "torch.backends.mkldnn.conv.fp32_precision is bf16: torch computes in fewer bits than fp32 with it"
    assert f"wrong: {case}: {reason}" in ran.stdout


def test_a_package_names_a_profiler_of_its_own(package):
    declared = 'distributions=("their-backend",),'
    (package / "their_module.py").write_text(MODULE.replace(declared, f'{declared} profiler="theirs.profiler",'))
    (package / "theirs").mkdir()
    (package / "theirs" / "profiler.py").write_text("def open(case, path, folder):\n    return f'profiles {case.id}'\n")
    code = f"""
from pathlib import Path
from mnv2bench.case import Case
from mnv2bench.profiling import profilers
print(repr(profilers.why_not({NAME!r})))
print(profilers.open(Case(backend={NAME!r}), Path("model"), Path("folder")))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["''", f"profiles mobilenet_v2_1.0_224-b1-{NAME}-cpu-fp32-t1"]


def test_a_backend_that_declares_nothing_says_what_to_add(package, command):
    (package / "their_module.py").write_text(MODULE.replace("RUNTIME", "SOMETHING"))
    ran = command("mnv2bench", "backends", NAME)
    assert "their_module declares nothing: add RUNTIME = Runtime(...)" in ran.stderr
    (package / "their_module.py").write_text(MODULE.replace('"fp32",)}', '"fp31",)}'))
    ran = command("mnv2bench", "backends", NAME)
    assert "their_module: RUNTIME cannot be read: precision 'fp31' is not one of fp32, tf32, fp16, bf16" in ran.stderr


def test_a_broken_backend_that_is_merely_installed_ends_no_campaign_without_it(package, command):
    (package / "their_module.py").write_text("def (\n")
    ran = command("mnv2bench", "run", "--suites", "latency", "--backends", "fake", *SMALL, "--out", "fake.jsonl")
    assert (ran.returncode, ran.stderr) == (0, "")
    ran = command("mnv2bench", "run", "--suites", "latency", "--backends", NAME, *SMALL, "--out", "theirs.jsonl")
    assert ran.returncode == 1
    assert "their_module cannot be read (invalid syntax (<unknown>, line 1)): correct it, or uninstall" in ran.stdout
