"""What is pushed to a device: built from compilers and downloads that may be missing, kept whole or not at all."""

import os
import platform
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnv2bench import backends
from mnv2bench.campaign.preparation import Preparation, prepare
from mnv2bench.case import Case
from mnv2bench.cli import devices
from mnv2bench.networks import ImageShape, images
from mnv2bench.records import Plan, Weights
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners import answer, bundles, debian, hosted, native, wheels
from mnv2bench.remote.runners.cached import cached_folder
from mnv2bench.workers.outputs import Reference

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "mnv2bench" / "remote" / "runners"
SMALL = Plan(rounds=2, round_s=0.02, warmup_s=0.02, warmup_cap_s=0.1, timeout_s=60.0)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the bundle for a PC is built on one")
@pytest.mark.parametrize("backend", ["litert", "executorch"])
def test_a_runner_for_a_pc_computes_what_torch_does(backend, tmp_path):
    case = Case(width=0.35, resolution=96, backend=backend)
    made = prepare(case, Weights())
    if not isinstance(made, Preparation):
        pytest.skip(made.reason)
    try:
        bundle = bundles.bundle(backend, "linux-x86_64")
    except Unavailable as missing:
        pytest.skip(str(missing))
    for path in bundle.paths:
        (tmp_path / path.name).symlink_to(path)
    batches = [images(seed, 1, ImageShape(3, 96, 96)) for seed in (1, 2, 3, 4, 5, 6)]
    (tmp_path / "inputs").write_bytes(b"".join(batch.tobytes() for batch in batches))
    words = answer.arguments(case, SMALL, mode="time", limit_s=60, model=made.path, inputs="inputs", outputs="outputs")
    ran = subprocess.run([*bundle.start, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    samples = answer.parse(ran.stdout).samples
    assert samples.settings["delegate"] == "XNNPACK"
    assert samples.settings["threads"] == "1"
    timed = [3 + span % 2 for span in range(1 + len(samples.rounds))]
    reference = Reference(Path(made.reference)).of([1, 2, *timed, 5, 6])
    outputs = np.fromfile(tmp_path / "outputs", np.float32).reshape(reference.shape)
    assert np.abs(outputs - reference).max() / np.abs(reference).max() < 1e-4
    assert set(bundle.facts) == {"compiler", "runtime", "runner"}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the bundle for a PC is built on one")
def test_the_verb_builds_a_runner_and_says_where_it_lies(command):
    ran = command("mnv2bench", "build-runner", "litert", "--target", "linux-x86_64")
    if ran.returncode == 2:
        pytest.skip(ran.stderr)  # it says which compiler or library is missing
    assert (ran.returncode, ran.stderr) == (0, "")
    assert Path(ran.stdout.removeprefix("built: ").strip()).is_dir()


def test_an_interpreter_of_the_device_needs_nothing_pushed():
    bundle = bundles.bundle("torch_eager", "linux-aarch64", interpreter="/opt/venv/bin/python3")
    assert bundle.paths == ()
    assert bundle.start == (
        "/opt/venv/bin/python3",
        "-m",
        "mnv2bench.remote.runners.session",
        "--backend",
        "torch_eager",
    )
    assert [bundles.is_python(word) for word in ("python3.11", "/usr/bin/python", "./benchncnn", "")] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("backend", "target", "error", "why"),
    [
        ("ncnn", "android-arm64", Unsupported, "no Android build on PyPI: --runner benchncnn"),
        ("onnxruntime", "android-arm64", Unsupported, "no Android build on PyPI: --backends litert or executorch"),
        ("torch_eager", "linux-aarch64", Unsupported, "give --runner the path of a Python there"),
        ("ncnn", "linux-x86_64", Unavailable, r"a Python there with mnv2bench\[ncnn\]"),
        ("litert", "linux-riscv64", Unsupported, "linux-aarch64, linux-x86_64, android-arm64, not for linux-riscv64"),
    ],
)
def test_where_nothing_of_ours_runs_it_says_what_would(backend, target, error, why):
    with pytest.raises(error, match=why):
        bundles.bundle(backend, target)


def installed(folder, name, version):
    """A distribution that says that it is installed."""
    place = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    place.mkdir(parents=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return str(folder)


def test_another_litert_than_the_one_declared_by_hand_is_refused(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(installed(tmp_path, "ai-edge-litert", "2.9.0"))
    with pytest.raises(
        Unavailable, match=r"for ai-edge-litert 2\.3\.0, and 2\.9\.0 is installed: pip install ai-edge-"
    ):
        bundles.bundle("litert", "linux-aarch64")


def test_a_missing_compiler_is_named_with_what_installs_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match=r"aarch64-linux-gnu-g\+\+ is not installed.*: apt-get install g\+\+-aarch64"):
        native.compiler("linux-aarch64", cxx=True)


@pytest.fixture
def wheel(tmp_path, monkeypatch):
    """A wheel in a folder, and no package index: pip looks where nobody listens."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "mnv2bench_tiny-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("tiny/lib.so", "library")
        archive.writestr("tiny/tests/big.so", "unneeded")
        archive.writestr(
            "mnv2bench_tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: mnv2bench-tiny\nVersion: 1.0\n"
        )
        archive.writestr("mnv2bench_tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("mnv2bench_tiny-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("MNV2BENCH_WHEELS", str(folder))
    return folder


def test_wheels_come_from_the_users_folder_first_and_are_cached_folder(wheel, tmp_path):
    found = wheels.wheel("mnv2bench-tiny", "1.0")
    wheels.unpack(found, tmp_path / "unpacked", lambda name: not any(u in name for u in hosted.UNNEEDED))
    assert (tmp_path / "unpacked" / "tiny" / "lib.so").read_text() == "library"
    assert not (tmp_path / "unpacked" / "tiny" / "tests").exists()
    shutil.rmtree(wheel)
    assert wheels.wheel("mnv2bench-tiny", "1.0") == found


def test_a_wheel_that_does_not_come_says_what_helps_and_leaves_nothing(wheel, tmp_path):
    with pytest.raises(Unavailable, match=r"mnv2bench-tiny 2\.0 did not come .*: be online, or set MNV2BENCH_WHEELS"):
        wheels.wheel("mnv2bench-tiny", "2.0")
    assert list((tmp_path / "cache" / "runners").iterdir()) == []


@pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt-get here: Debian's arm64 files come by it")
def test_debians_packages_that_do_not_come_say_what_helps_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"did not come by apt-get update \(.*\): be online, and behind a proxy set"):
        debian.packages(debian.LIBRARIES)
    assert list((tmp_path / "runners").iterdir()) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="apt-get is not here, which fetches Debian's arm64 files: install apt"):
        debian.packages(debian.LIBRARIES)


def test_a_folder_is_kept_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path))

    def half(to):
        (to / "half").touch()
        raise Unavailable("the rest did not come: be online")

    with pytest.raises(Unavailable):
        cached_folder("runner", ["1"], half)
    assert list((tmp_path / "runners").iterdir()) == []
    made = cached_folder("runner", ["1"], lambda to: (to / "whole").touch())
    assert sorted(path.name for path in made.iterdir()) == ["mnv2bench-seal.json", "whole"]
    assert cached_folder("runner", ["1"], half) == made


def test_the_plugin_stays_out_of_the_wheel_because_its_licence_is_another():
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["mnv2bench"]
    matched = {file.name for pattern in shipped for file in (ROOT / "mnv2bench").glob(pattern)}
    sources = {file.name for file in SOURCES.iterdir() if file.suffix in (".c", ".cpp", ".h")}
    assert sources - matched == {"icount.c"}
    licence = (SOURCES / "icount.c").read_text().splitlines()[3]
    assert licence == " * SPDX-License-Identifier: GPL-2.0-or-later"


@pytest.mark.parametrize("file", sorted(f.name for f in SOURCES.iterdir() if f.suffix in (".c", ".cpp", ".h")))
def test_a_c_source_has_250_lines_at_most_and_says_what_it_is(file):
    lines = (SOURCES / file).read_text().splitlines()
    assert len(lines) <= 250
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("/* ")


def test_the_sources_that_are_pushed_are_all_that_the_session_imports(tmp_path):
    """On this machine's Python, with only those sources on its path."""
    hosted._copy_sources(tmp_path)
    code = (
        "import sys; from mnv2bench import backends; import mnv2bench.remote.runners.inferences\n"
        "assert [backends.runtime(n).reads for n in ('litert', 'ncnn', 'onnxruntime')] == ['tflite', 'ncnn', 'onnx']\n"
        "import mnv2bench.backends.ncnn, mnv2bench.backends.onnxruntime\n"
        "print({m.__file__.split('/mnv2bench/')[0] for n, m in sys.modules.items() if n.startswith('mnv2bench.')})"
    )
    words = [sys.executable, "-B", "-c", code]
    ran = subprocess.run(words, env={"PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True, text=True)
    assert ran.stdout.strip() == f"{{{str(tmp_path)!r}}}", ran.stderr


def test_build_runner_offers_every_compiled_runner_for_every_target():
    assert set(devices.BUILDABLE) == set(native.NATIVE)
    assert set(devices.TARGETS) == set(native.TARGETS)


def test_every_backend_with_a_runner_is_a_backend():
    assert set(native.NATIVE) <= set(backends.names())
    assert [name for name in backends.names() if backends.runtime(name).wheels] == ["ncnn", "onnxruntime"]


def test_what_is_pushed_of_mnv2bench_is_all_that_a_session_imports(tmp_path):
    for source in hosted._sources():
        target = tmp_path / "mnv2bench" / source.relative_to(hosted.PACKAGE)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from mnv2bench import backends
from mnv2bench.remote.runners import inferences, session
print(backends.__file__, [backends.runtime(name).reads for name in ("ncnn", "onnxruntime")])
"""
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ran.stderr == ""
    assert ran.stdout == f"{tmp_path}/mnv2bench/backends/__init__.py ['ncnn', 'onnx']\n"
