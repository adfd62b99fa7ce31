"""`mnv2bench ship` from a real measurement to a folder whose program runs where there is no mnv2bench."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_added_backend import MODULE, NAME, package  # noqa: F401  a fixture

from mnv2bench import backends
from mnv2bench.artifacts import path as cached
from mnv2bench.backends.interface.registry import missing_instructions
from mnv2bench.campaign import Campaign, run
from mnv2bench.case import Case
from mnv2bench.records import Plan
from mnv2bench.records.journal import Journal
from mnv2bench.records.reading import load
from mnv2bench.selfcheck.shipped import own_environment, program_median
from mnv2bench.shipping.verification import program_outputs

BRIEF = Plan(processes=1, rounds=1, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
ALONE = ("onnxruntime", "openvino", "litert", "ncnn")  # in environments of their own
MEASURED = [
    Case(width=0.35, resolution=96, backend=name, precision=precision)
    for name, precisions in {
        "onnxruntime": ("fp32",),
        "openvino": ("fp32", "int8"),
        "litert": ("fp32", "fp16"),
        "ncnn": ("fp32", "bf16"),
        "executorch": ("fp32",),
        "torch_script": ("fp32", "bf16"),
        "torch_aoti": ("fp32",),
    }.items()
    for precision in precisions
    if not missing_instructions(name, precision)
]
HELD = {  # the files of each, beside those that every folder holds
    "onnxruntime": {"net.onnx"},
    "openvino": {"net.onnx"},
    "openvino int8": {"net.xml", "net.bin"},
    "litert": {"net.tflite"},
    "ncnn": {"net.param", "net.bin"},
    "executorch": {"net.pte"},
    "torch_script": {"net.ts"},
    "torch_aoti": {"net.pt2"},
}
NOT_ITS_TOP1 = (
    "| top-1 that its authors published of their own weights for ImageNet, which are not in this folder | 45.5 % |"
)
ALWAYS = {"README.md", "run.py", "images.npy", "requirements.txt", "LICENSE-digits.txt", "SHA256SUMS"}


def lacks(case):
    """Why a case cannot be measured here, "" where it can."""
    try:
        backends.backend(case.backend)
    except backends.interface.registry.Unavailable as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A journal with a brief process of each case that can be measured here."""
    journal = tmp_path_factory.mktemp("measured") / "run.jsonl"
    cases = tuple(case for case in MEASURED if not lacks(case))
    records = run(Campaign(cases, Journal(journal), BRIEF, accuracy=False))
    assert [(record.case.id, record.reason) for record in records if record.status != "ok"] == []
    return journal


@pytest.fixture
def shipped(measured, verb, tmp_path):
    """The folder of a case, as the verb writes it."""

    def ship(case, to="out"):
        if why := lacks(case):
            pytest.skip(why)
        ran = verb("ship", case.id, "--from", measured, "--to", tmp_path / to, "--quiet")
        assert (ran.returncode, ran.err) == (0, "")
        assert f"with the numbers of {measured}" in ran.out
        return tmp_path / to

    return ship


def clean_environment():
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


@pytest.mark.slow
@pytest.mark.parametrize("case", MEASURED, ids=lambda case: f"{case.backend}-{case.precision}")
def test_a_folder_holds_the_measured_file_and_a_program_that_was_verified(shipped, measured, case):
    folder = shipped(case)
    names = {file.name for file in folder.iterdir()}
    assert names - ALWAYS == HELD[f"{case.backend} {case.precision}" if case.precision == "int8" else case.backend]
    assert names >= ALWAYS
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    page = (folder / "README.md").read_text()
    (record,) = (record for record in load(measured) if record.case == case)
    assert f"The artifact is the measured one, byte by byte: SHA-256 {record.artifact.sha256}." in page
    assert "When this folder was written, run.py ran with these files in a process of its own" in page
    assert "was measured in version" not in page
    assert "Do not rely on its times: " in page  # one process has no interval
    assert NOT_ITS_TOP1 in page
    assert "The weights tell ten handwritten digits apart and nothing else" in page


@pytest.mark.slow
@pytest.mark.parametrize("name", ALONE)
def test_in_an_environment_of_its_own_the_program_computes_the_same_logits(shipped, tmp_path, name):
    folder = shipped(Case(width=0.35, resolution=96, backend=name))
    python = own_environment(tmp_path / "own", folder / "requirements.txt")
    moved = tmp_path / "elsewhere"
    shutil.move(folder, moved)

    asked = subprocess.run([python, "-P", "-c", "import mnv2bench"], capture_output=True, env=clean_environment())
    assert b"No module named 'mnv2bench'" in asked.stderr
    images = np.load(moved / "images.npy")
    assert images.shape == (1, 3, 96, 96)
    alone = program_outputs(python, moved, images)
    here = program_outputs(Path(sys.executable), moved, images)
    np.testing.assert_array_equal(alone, here)
    assert alone.shape == (1, 1000)

    other = images[:, :, ::-1].copy()
    assert not np.array_equal(program_outputs(python, moved, other), alone)
    likeliest = r"class \d+ -?\d+\.\d{4}"
    ran = subprocess.run(
        [python, moved / "run.py"], capture_output=True, text=True, check=True, env=clean_environment()
    )
    assert re.fullmatch(rf"image 0: {likeliest}, {likeliest}, {likeliest}\n", ran.stdout)


@pytest.mark.slow
def test_a_program_times_itself(shipped):
    folder = shipped(Case(width=0.35, resolution=96, backend="onnxruntime"))
    assert 1e-5 < program_median(Path(sys.executable), folder, threads=1, seed=0) < 1


@pytest.mark.slow
def test_a_folder_is_shipped_again_over_itself_and_never_over_other_files(shipped, verb, measured, tmp_path):
    case = Case(width=0.35, resolution=96, backend="torch_script")
    words = ("ship", case.id, "--from", measured, "--quiet", "--to")
    before = {file.name: file.read_bytes() for file in shipped(case).iterdir()}
    assert {file.name: file.read_bytes() for file in shipped(case).iterdir()} == before

    folder = tmp_path / "out"
    (folder / "run.py").write_text("print('mine')\n")
    ran = verb(*words, folder)
    assert ran.returncode == 2
    assert f"{folder} holds run.py, which mnv2bench ship did not write so: name another folder with --to" in ran.err
    assert (folder / "run.py").read_text() == "print('mine')\n"

    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "thesis.tex").write_text("years of work")
    ran = verb(*words, tmp_path / "home")
    assert (ran.returncode, "holds thesis.tex, which mnv2bench ship did not write so" in ran.err) == (2, True)
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["thesis.tex"]
    ran = verb(*words, tmp_path / "no" / "such")
    assert (ran.returncode, "make it first" in ran.err) == (2, True)
    (tmp_path / "file").write_text("x")
    ran = verb(*words, tmp_path / "file")
    assert (ran.returncode, "file is no folder" in ran.err) == (2, True)
    (tmp_path / "link").symlink_to(tmp_path / "home")
    ran = verb(*words, tmp_path / "link")
    assert (ran.returncode, "link is no folder" in ran.err) == (2, True)


@pytest.mark.slow
def test_an_artifact_that_is_made_again_is_said_not_to_be_the_measured_one_where_it_is_another(
    measured, verb, tmp_path
):
    case = Case(width=0.35, resolution=96, backend="torch_script")
    (record,) = (record for record in load(measured) if record.case == case)
    other = tmp_path / "other.jsonl"
    other.write_text(measured.read_text().replace(record.artifact.sha256, "ab" * 32))
    ran = verb("ship", case.id, "--from", other, "--to", tmp_path / "out", "--quiet")
    assert ran.returncode == 0
    page = (tmp_path / "out" / "README.md").read_text()
    assert f"It is NOT the measured file, byte by byte: that one has {'ab' * 32}." in page

    hostile = tmp_path / "hostile.jsonl"
    secret = cached("onnx", "secret")
    secret.write_text("secret")
    hostile.write_text(measured.read_text().replace(record.artifact.key, "../../../etc/x"))
    ran = verb("ship", case.id, "--from", hostile, "--to", tmp_path / "third", "--quiet")
    assert ran.returncode == 0
    assert "secret" not in (tmp_path / "third" / "README.md").read_text()


@pytest.mark.slow
def test_the_weights_of_a_user_go_along_and_numbers_of_others_are_said_to_be_so(measured, verb, tmp_path):
    import torch

    from mnv2bench.networks import build

    weights = tmp_path / "own.pt"
    torch.save(build("mobilenet_v2", 0.35, seed=5).state_dict(), weights)
    case = Case(width=0.35, resolution=96, backend="torch_script")
    ran = verb("ship", case.id, "--from", measured, "--to", tmp_path / "out", "--weights", weights, "--quiet")
    assert (ran.returncode, ran.err) == (0, "")
    page = (tmp_path / "out" / "README.md").read_text()
    assert "NOT the measured weights: the numbers above are of digits" in page
    assert "The weights are your own, and so is their licence" in page
    assert "LICENSE-digits.txt" not in page

    own = tmp_path / "own.jsonl"
    campaign = Campaign((case,), Journal(own), BRIEF, weights=_file(weights), accuracy=False)
    assert [record.status for record in run(campaign)] == ["ok"]
    ran = verb("ship", case.id, "--from", own, "--to", tmp_path / "third", "--quiet")
    assert ran.returncode == 2
    line = r"was measured with a file of weights \(sha256 [0-9a-f]{16}\): name it with --weights FILE\n"
    assert re.search(line, ran.err)
    ran = verb("ship", case.id, "--from", own, "--to", tmp_path / "third", "--weights", weights, "--quiet")
    assert (ran.returncode, ran.err) == (0, "")
    assert "NOT the measured" not in (tmp_path / "third" / "README.md").read_text()


def _file(path):
    from mnv2bench.records import Weights

    return Weights(file=str(path))


THEIR_PROGRAM = """
{% extends "run.py.jinja" %}
{% block imports %}
import torch
{% endblock %}
{% block opening %}
network = torch.jit.load(f"{here}/{{ file }}")
{% endblock %}
{% block call %}
    return network(torch.tensor(images)).detach()
{% endblock %}
{% block outputs %}
outputs = run().numpy()FAULT
{% endblock %}
"""


@pytest.mark.slow
def test_a_program_of_another_package_is_shipped_and_one_whose_outputs_are_wrong_is_not(package, command, tmp_path):  # noqa: F811
    def declare(program):
        wanted = f'distributions=("their-backend",), programs={{"cpu": {json.dumps(program)}}},'
        (package / "their_module.py").write_text(MODULE.replace('distributions=("their-backend",),', wanted))

    declare(THEIR_PROGRAM.replace("FAULT", ""))
    case = Case(width=0.35, resolution=96, backend=NAME)
    words = ("--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1", "--rounds", "1")
    ran = command("mnv2bench", "run", "--backends", NAME, "--suites", "latency", "--no-accuracy", *words, "--quiet")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    ran = command("mnv2bench", "ship", case.id, "--from", "mnv2bench.jsonl", "--to", "out")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "their-backend==1.5\n" in (tmp_path / "out" / "requirements.txt").read_text()

    declare(THEIR_PROGRAM.replace("FAULT", " * 1.01"))
    ran = command("mnv2bench", "ship", case.id, "--from", "mnv2bench.jsonl", "--to", "wrong")
    assert ran.returncode == 1
    assert f"{case.id}: run.py is wrong here: outputs differ from eager fp32 by" in ran.stdout
    assert "nothing is written" in ran.stdout
    assert not (tmp_path / "wrong").exists()

    declare(THEIR_PROGRAM.replace("FAULT", "; raise SystemExit('no licence on this host')"))
    ran = command("mnv2bench", "ship", case.id, "--from", "mnv2bench.jsonl", "--to", "wrong")
    assert (ran.returncode, "run.py does not run here: no licence on this host" in ran.stderr) == (2, True)
    assert not (tmp_path / "wrong").exists()
