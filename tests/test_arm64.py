"""arm64 for real, without a phone: runtimes' arm64 builds under qemu, outputs against torch, counts to the instruction.

From nothing it downloads about 45 MB of wheels and 17 MB from Debian (half of it a list of packages).
"""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mnv2bench.campaign.preparation import Preparation, prepare
from mnv2bench.case import Case
from mnv2bench.networks import images
from mnv2bench.records import Plan, Weights
from mnv2bench.refusals import Unavailable
from mnv2bench.remote import transports
from mnv2bench.remote.runners import android, answer, bundles, contract
from mnv2bench.remote.transports.qemu import plugin
from mnv2bench.workers.outputs import Reference

CPUS = ("cortex-a53", "cortex-a72", "cortex-a76")
BACKENDS = ("litert", "executorch", "ncnn")
COMPILER, QEMU = "aarch64-linux-gnu-gcc", "qemu-aarch64"
COUNTED = Plan(rounds=3)
TOLERANCE = 1e-4

missing = [name for name in (QEMU, COMPILER, "aarch64-linux-gnu-g++") if not shutil.which(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(missing), reason=f"no {', '.join(missing)} here: apt-get install qemu-user g++-aarch64-linux-gnu"
    ),
]


def entered(cpu):
    """A place to enter, with an emulated processor; skips, saying why, where this machine has none that counts."""
    try:
        place = transports.transport(f"qemu:{cpu}")
        with place:
            return place
    except Unavailable as error:
        pytest.skip(str(error))


def prepared(backend, case):
    """The artifact and the bundle of a case, or a skip that says what to install."""
    made = prepare(case, Weights())
    if not isinstance(made, Preparation):
        pytest.skip(made.reason)
    try:
        return made, bundles.bundle(backend, "linux-aarch64")
    except Unavailable as error:
        pytest.skip(str(error))


def inputs(case, folder):
    path = folder / "inputs"
    path.write_bytes(b"".join(images(seed, case.batch, case.image).tobytes() for seed in (1, 2, 3, 4, 5, 6)))
    return path


def model(made, folder):
    link = folder / f"model{Path(made.path).suffix}"
    if not link.exists():
        link.symlink_to(made.path)
    return link


def counted(cpu, case, made, bundle, folder):
    """One process: what it counted, and how far its outputs are from torch's."""
    place, network = entered(cpu), model(made, folder)
    with place:
        place.push([*bundle.paths, network, inputs(case, folder)])
        words = answer.arguments(
            case, COUNTED, mode="count", limit_s=110, model=network.name, inputs="inputs", outputs="outputs"
        )
        ran = place.run([*bundle.start, *words], 120)
        assert ran.code == 0, ran.err
        parsed = answer.parse(ran.out)
        for name in ("outputs", "counts.jsonl"):
            place.pull(name, folder / name)
    runs = answer.counts((folder / "counts.jsonl").read_text(), parsed.marks)
    reference = Reference(Path(made.reference)).of((1, 2, 3, 5, 6))
    outputs = np.fromfile(folder / "outputs", np.float32).reshape(reference.shape)
    error = float(np.abs(outputs - reference).max() / np.abs(reference).max())
    return runs.instructions, runs.empty, runs.classes, error, parsed.samples.settings


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cpu", CPUS)
def test_outputs_are_torchs_and_three_processes_count_the_same_instructions(backend, cpu, tmp_path):
    case = Case(width=0.35, resolution=96, backend=backend)
    made, bundle = prepared(backend, case)
    seen = [counted(cpu, case, made, bundle, tmp_path) for _ in range(3)]
    totals, empty, classes, error, settings = seen[0]
    assert [other[:3] for other in seen] == [(totals, empty, classes)] * 3
    assert error < TOLERANCE
    assert settings["threads"] == "1"
    assert settings["delegate"] == ("none" if backend == "ncnn" else "XNNPACK")
    if backend == "litert":
        assert len(set(totals)) == 1
        assert settings["fully accelerated"] == "yes"
    parts = sum(n for name, n in classes.items() if name not in ("fma", "dot"))
    assert parts == totals[-1]
    assert 5_000_000 < totals[-1] - empty < 15_000_000  # 11 million MAdds, up to four of them an instruction
    assert 2_500_000 < classes["fma"] < classes["simd_fp"]
    assert bundle.facts["libc"].startswith("glibc 2.36 (Debian GLIBC 2.36-")


def test_another_processor_gets_other_kernels_and_so_another_count(tmp_path):
    case = Case(width=0.35, resolution=96, backend="litert")
    made, bundle = prepared("litert", case)
    small, large = (counted(cpu, case, made, bundle, tmp_path)[0][0] for cpu in ("cortex-a53", "cortex-a76"))
    assert small > 1.4 * large


def test_a_runner_under_qemu_ends_itself_when_its_time_is_over(tmp_path):
    case = Case(width=0.35, resolution=96, backend="litert")
    made, bundle = prepared("litert", case)
    place, network = entered("cortex-a53"), model(made, tmp_path)
    with place:
        place.push([*bundle.paths, network, inputs(case, tmp_path)])
        plan = Plan(warmup_s=1000, warmup_cap_s=1000, warmup_cap_rounds=10**4)
        words = answer.arguments(
            case, plan, mode="time", limit_s=3, model=network.name, inputs="inputs", outputs="outputs"
        )
        ran = place.run([*bundle.start, *words], 60)
    assert ran.code == contract.TOO_LATE
    assert "the runner ended itself" in ran.err


LOOP = """\
.arch armv8.2-a+dotprod
.macro mark label
    movz x0, #\\label
    movk x0, #0x6d76, lsl #16
    mov x8, #155
    svc #0
.endm
.globl _start
_start:
    mark 10
    mark 11
    mark 12
    mark 13
    mark 14
    mark 15
    mark 100
    mov x1, #1000
1:  fmla v0.4s, v1.4s, v2.4s
    fmls v0.4s, v1.4s, v2.s[1]
    fmadd s3, s4, s5, s6
    sdot v7.4s, v1.16b, v2.16b
    udot v7.4s, v1.16b, v2.4b[0]
    fmul v0.4s, v1.4s, v2.4s
    ldr q0, [sp]
    str x1, [sp, #-16]
    madd x2, x3, x4, x5
    nop
    subs x1, x1, #1
    b.ne 1b
    mark 101
    mov x0, #0
    mov x8, #93
    svc #0
"""


def test_the_plugin_counts_a_loop_to_the_instruction_and_by_its_classes(tmp_path):
    source, program = tmp_path / "loop.S", tmp_path / "loop"
    source.write_text(LOOP)
    subprocess.run([COMPILER, "-nostdlib", "-static", "-o", program, source], check=True)
    with entered("cortex-a76") as place:
        place.push([program])
        assert place.run(["./loop"], 60).code == 0
        place.pull("counts.jsonl", tmp_path / "counts")
    runs = answer.counts((tmp_path / "counts").read_text(), answer.Marks(3, 1))
    assert runs.empty == 4  # two moves, a third for the call's number, the call
    assert runs.instructions[0] - runs.empty == 1 + 12 * 1000
    assert runs.classes == {
        "ldst": 2000,
        "branch_sys": 2000 + 1,  # nop and b.ne, and the mark's svc
        "dp_imm": 1000 + 1 + 3,  # subs, the loop's mov, and the mark's moves
        "dp_reg": 1000,
        "simd_fp": 6000,
        "sve": 0,
        "other": 0,
        "fma": 3000,
        "dot": 2000,
    }


@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="no qemu-x86_64 here: apt-get install qemu-user")
def test_the_plugin_refuses_a_program_of_another_processor():
    """Its classes are those of AArch64's encodings: counts of anything else would be nonsense."""
    ran = subprocess.run(
        ["qemu-x86_64", "-plugin", f"file={plugin()},out=/dev/null", "/bin/true"], capture_output=True, check=False
    )
    assert ran.returncode != 0
    assert b"plugin" in ran.stderr


@pytest.mark.parametrize("backend", ["litert", "executorch"])
def test_a_bundle_brings_all_that_it_needs_and_not_what_ends_on_old_cores(backend):
    _, bundle = prepared(backend, Case(width=0.35, resolution=96, backend=backend))
    program, folder = bundle.paths
    here = {path.name for path in folder.iterdir()}
    needed = set()
    for file in (program, *folder.iterdir()):
        told = subprocess.run(
            [COMPILER.replace("gcc", "readelf"), "-d", file], capture_output=True, text=True, check=True
        )
        needed |= set(re.findall(r"\(NEEDED\).*\[(.*)\]", told.stdout))
    assert needed <= here
    assert not any("WebGpu" in name for name in here)
    assert set(bundle.facts) == {"compiler", "runtime", "runner", "libc"}


def test_on_android_the_glibc_bundle_runs_until_one_is_built_and_says_that_nobody_tried(monkeypatch, tmp_path):
    """The NDK here is a double: a script in its place that calls the compiler for glibc. No NDK was there to try."""
    _, glibc = prepared("litert", Case(width=0.35, resolution=96, backend="litert"))
    before = bundles.bundle("litert", "android-arm64")
    assert (before.paths, before.start) == (glibc.paths, glibc.start)
    assert before.facts["unverified"] == "glibc bundle on Android: not run on a phone by us"
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    clang = tmp_path / "ndk" / "toolchains" / "llvm" / "prebuilt" / "linux-x86_64" / "bin" / "clang"
    clang.parent.mkdir(parents=True)
    clang.write_text(f'#!/bin/sh\n[ "$1" = --target=aarch64-linux-android24 ] && shift\nexec {COMPILER} "$@"\n')
    clang.chmod(0o755)
    made = bundles.build("litert", "android-arm64", ndk=str(tmp_path / "ndk"), libraries=str(glibc.paths[1]))
    assert made == tmp_path / "cache" / "runners" / "android-arm64" / "litert"
    after = bundles.bundle("litert", "android-arm64")
    assert after.paths == (made / "litert_runner", made / "lib")
    assert after.start == ("./litert_runner",)
    assert [path.name for path in after.paths[1].iterdir()] == ["libLiteRt.so"]
    assert after.facts["libc"] == "bionic (API 24)"
    assert after.facts["unverified"] == android.UNVERIFIED


@pytest.mark.parametrize(
    ("ndk", "libraries", "why"),
    [
        ("", "", "no NDK is named: give --ndk"),
        ("/nowhere", "", r"/nowhere holds no toolchains/.*/clang: give --ndk"),
    ],
)
def test_building_for_android_says_what_it_needs(ndk, libraries, why, monkeypatch):
    monkeypatch.delenv("ANDROID_NDK_HOME", raising=False)
    with pytest.raises(Unavailable, match=why):
        bundles.build("litert", "android-arm64", ndk, libraries)


@pytest.mark.skipif(not importlib.util.find_spec("ziglang"), reason="zig is not here: pip install ziglang")
def test_zig_builds_the_c_runner_too_with_debians_c_library(monkeypatch, tmp_path):
    case = Case(width=0.35, resolution=96, backend="litert")
    made, _ = prepared("litert", case)
    programs = tmp_path / "bin"
    programs.mkdir()
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith("aarch64-linux-gnu"):
            (programs / program.name).symlink_to(program)
    monkeypatch.setenv("PATH", str(programs))
    bundle = bundles.bundle("litert", "linux-aarch64")
    assert bundle.facts["compiler"].startswith("zig cc ")
    monkeypatch.undo()
    assert counted("cortex-a76", case, made, bundle, tmp_path)[3] < TOLERANCE
