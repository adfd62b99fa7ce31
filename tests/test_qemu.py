"""arm64 programs under the real qemu-user, and instructions counted to the last one."""

import json
import os
import shutil
import subprocess

import pytest

from mnv2bench.refusals import Unavailable
from mnv2bench.remote.transports import TimedOut, TransportError, qemu, transport

pytestmark = pytest.mark.slow

COMPILER = "aarch64-linux-gnu-gcc"
PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
extern char **environ;
int main(int argc, char **argv) {
  if (argc > 2 && !strcmp(argv[1], "count")) {
    long n = atol(argv[2]);
    getpgid(0x6d760000 + 100);
    __asm__ volatile("1: add x9, x9, #1\n subs %0, %0, #1\n nop\n b.ne 1b\n" : "+r"(n) : : "x9", "cc");
    getpgid(0x6d760000 + 101);
    return 0;
  }
  if (argc > 1 && !strcmp(argv[1], "crash")) *(volatile int *)0 = 1;
  if (argc > 1 && !strcmp(argv[1], "hang")) sleep(60);
  char text[4096];
  FILE *file = fopen(argc > 1 ? argv[1] : "/proc/cpuinfo", "r");
  size_t size = file ? fread(text, 1, sizeof text, file) : 0;
  fwrite(text, 1, size, stdout);
  printf("%ld processors\n", sysconf(_SC_NPROCESSORS_ONLN));
  for (char **e = environ; *e; e++) puts(*e);
  fputs("a word on stderr\n", stderr);
  return 7;
}
"""
LACKS = [name for name in ("qemu-aarch64", COMPILER, "cc") if not shutil.which(name)]
here = pytest.mark.skipif(
    bool(LACKS),
    reason=f"{', '.join(LACKS)} is not here: apt-get install qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc",
)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """A static arm64 program: prints files, counts to a number, hangs or crashes."""
    folder = tmp_path_factory.mktemp("arm64")
    (folder / "program.c").write_text(PROGRAM)
    build = [COMPILER, "-O1", "-static", "-o", str(folder / "program"), str(folder / "program.c")]
    subprocess.run(build, check=True)
    return folder / "program"


@here
@pytest.mark.parametrize(("cpu", "part"), [("cortex-a53", "0xd03"), ("cortex-a72", "0xd08"), ("cortex-a76", "0xd0b")])
def test_a_program_sees_the_processor_it_was_asked_for_and_nothing_of_this_machine(program, cpu, part, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    with transport(f"qemu:{cpu}") as t:
        t.push([program])
        ran = t.run(["./program"], 30)
        folder = t.folder
        assert folder.is_dir()
    assert ran.code == 7
    assert ran.err == "a word on stderr\n"
    assert ran.out.count(f"CPU part\t: {part}\n") == 4
    assert ("atomics" in ran.out) is (cpu == "cortex-a76")
    assert ran.out.splitlines()[-4] == "4 processors"
    variables = [f"HOME={folder}", "PATH=/usr/bin:/bin", "PYTHONHASHSEED=0"]
    assert sorted(ran.out.splitlines()[-3:]) == variables
    assert not folder.parent.exists()


def counted(t, steps):
    assert t.run(["./program", "count", str(steps)], 30).code == 0
    t.pull("counts.jsonl", t.folder / "pulled")
    seen = [json.loads(line) for line in (t.folder / "pulled").read_text().splitlines()]
    at = {line["label"]: line["instructions"] for line in seen}
    return at[101] - at[100]


@here
def test_a_loop_of_four_instructions_is_counted_to_the_instruction(program):
    with transport("qemu:cortex-a76") as t:
        t.push([program])
        few, many, again = counted(t, 1000), counted(t, 100_000), counted(t, 1000)
    assert many - few == 4 * 99_000
    assert few == again
    assert 4000 < few < 4100


@here
def test_counts_are_of_the_last_run_and_a_question_counts_nothing(program):
    with transport("qemu:cortex-a53") as t:
        t.push([program])
        assert counted(t, 1000) > 0
        (t.folder / "counts.jsonl").unlink()
        assert t.ask(["./program"]).code == 7
        with pytest.raises(
            TransportError, match=r"^qemu:cortex-a53 has no counts\.jsonl in its folder: look at what the program"
        ):
            t.pull("counts.jsonl", t.folder / "pulled")


@here
def test_folders_are_pushed_whole_and_pulled_by_name(program, tmp_path):
    (tmp_path / "bundle" / "lib").mkdir(parents=True)
    (tmp_path / "bundle" / "lib" / "text").write_text("from a folder\n")
    with transport("qemu:cortex-a53") as t:
        t.push([program, tmp_path / "bundle"])
        assert t.run(["./program", "bundle/lib/text"], 30).out.startswith("from a folder\n4 processors\n")


@here
def test_a_hang_is_late_and_a_crash_is_its_signal(program):
    with transport("qemu:cortex-a76") as t:
        t.push([program])
        with pytest.raises(TimedOut, match=r"^no result after 1 s: ended$"):
            t.run(["./program", "hang"], 1)
        assert t.run(["./program", "crash"], 30).code == 139


@here
def test_the_version_and_the_processor_belong_to_every_count(program):
    with transport("qemu:cortex-a53") as t:
        assert t.facts().keys() == {"qemu", "cpu"}
        assert t.facts()["cpu"] == "cortex-a53"
        assert t.facts()["qemu"][0].isdigit()
        assert (t.kind, t.target) == ("emulated-count", "linux-aarch64")


@here
def test_two_emulated_processors_have_two_folders():
    with transport("qemu:cortex-a53") as one, transport("qemu:cortex-a53") as other:
        assert one.folder != other.folder


def shim(folder, name, text):
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


QEMU = 'case "$*" in *version*) echo "qemu-aarch64 version {0}";; *help*) echo "{1}";; esac'


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH with nothing on it but the shell, and the programs that a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def refusal():
    with pytest.raises(Unavailable) as refused, transport("qemu:cortex-a76"):
        pass
    return str(refused.value)


def test_what_is_missing_ends_in_the_command_that_installs_it(path):
    assert refusal() == "qemu-aarch64 is not installed: apt-get install qemu-user"
    shim(path, "qemu-aarch64", QEMU.format("10.0.2 (Debian)", "-cpu -L"))
    assert refusal() == "setarch is not installed: apt-get install util-linux"
    shim(path, "setarch", 'shift; exec "$@"')
    assert refusal() == (
        "qemu 10.0.2 (Debian) is built without plugins, so nothing can be counted: "
        "apt-get install qemu-user (not qemu-user-static)"
    )
    shim(path, "qemu-aarch64", QEMU.format("5.2.0", "-plugin cortex-a53"))
    assert refusal() == (
        "qemu 5.2.0 has no cortex-a76 (cortex-a76 came with 7.0): apt-get install qemu-user from a newer Debian"
    )
    shim(path, "qemu-aarch64", QEMU.format("7.2.22", "-plugin cortex-a76"))
    shim(path, "setarch", "echo 'setarch: failed to set personality: Operation not permitted' >&2; exit 1")
    assert refusal() == (
        "setarch -R is refused here (setarch: failed to set personality: Operation not permitted), "
        "and without it counts vary: in a container, start it with --security-opt seccomp=unconfined"
    )


def test_the_counting_plugin_needs_its_source_and_a_compiler(path, tmp_path, monkeypatch):
    shim(path, "qemu-aarch64", QEMU.format("7.2.22", "-plugin cortex-a76"))
    shim(path, "setarch", 'shift; exec "$@"')
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("MNV2BENCH_ICOUNT", str(tmp_path / "nothing.c"))
    assert refusal() == (
        "the counting plugin is not in the wheel (GPL): run from a checkout of mnv2bench, "
        "or set MNV2BENCH_ICOUNT to its icount.c"
    )
    (tmp_path / "nothing.c").write_text("int nothing;\n")
    assert refusal() == "no C compiler here for the counting plugin: apt-get install gcc libc6-dev"
    shim(path, "cc", "echo 'nothing.c:1:1: error: stdint.h: No such file' >&2; exit 1")
    assert refusal() == (
        "the counting plugin does not compile (nothing.c:1:1: error: stdint.h: No such file): "
        "apt-get install gcc libc6-dev"
    )
    assert [file for _, _, files in os.walk(tmp_path / "cache") for file in files] == []


@here
def test_the_plugin_is_compiled_once_for_its_source(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path))
    first = qemu.plugin()
    made = first.stat().st_mtime_ns
    assert qemu.plugin() == first
    assert first.stat().st_mtime_ns == made
    assert first.parent == tmp_path / "runners"
