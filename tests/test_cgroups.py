"""Limits of control groups along the process's own path: real folder trees, and a real group where one may be made."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from mnv2bench.workers import cgroups

CPU_1 = Path("/sys/fs/cgroup/cpu")


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_stat", ".stat").replace("cpu_", "cpu.")).write_text(f"{text}\n")


@pytest.fixture
def process(tmp_path):
    """A /proc/self with these two files; mount points are folders of the test."""
    cgroups.own_groups.cache_clear()

    def make(groups, *mounts):
        folder = tmp_path / "self"
        folder.mkdir()
        (folder / "cgroup").write_text("".join(f"{line}\n" for line in groups))
        (folder / "mountinfo").write_text("".join(f"{line}\n" for line in mounts))
        return folder

    return make


def mount_2(point, root="/"):
    return f"30 23 0:26 {root} {point} rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"


def mount_1(point, root="/", controllers="cpu,cpuacct"):
    return f"33 31 0:30 {root} {point} rw,relatime - cgroup cgroup rw,{controllers}"


def test_the_smallest_limit_of_all_nested_groups_of_version_2_applies(process, tmp_path):
    top = tmp_path / "cg"
    write(top, cpu_stat="usage_usec 5")
    write(top / "user.slice", cpu_max="150000 100000", cpu_stat="usage_usec 5\nthrottled_usec 7")
    write(top / "user.slice" / "session", cpu_max="max 100000", cpu_stat="usage_usec 5\nthrottled_usec 0")
    write(top / "user.slice" / "session" / "job", cpu_max="400000 100000", cpu_stat="throttled_usec 2")
    write(top / "other.slice", cpu_max="1000 100000")
    here = process(["0::/user.slice/session/job"], mount_2(top))
    assert cgroups.quota_cores(here) == 1.5
    assert cgroups.throttled_ns(here) == 9_000


def test_the_smallest_limit_of_all_nested_groups_of_version_1_applies(process, tmp_path):
    top = tmp_path / "cpu,cpuacct"
    write(top, cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000", cpu_stat="throttled_time 0")
    write(top / "docker", cpu_cfs_quota_us="250000", cpu_cfs_period_us="100000", cpu_stat="throttled_time 5")
    write(top / "docker" / "x", cpu_cfs_quota_us="-1", cpu_cfs_period_us="100000", cpu_stat="throttled_time 6")
    here = process(["4:cpu,cpuacct:/docker/x", "3:cpuset:/elsewhere", "0::/"], mount_1(top))
    assert cgroups.quota_cores(here) == 2.5
    assert cgroups.throttled_ns(here) == 11


def test_a_container_that_sees_its_own_group_as_the_mounted_root_reads_that_one(process, tmp_path):
    """Without a namespace of cgroups the path is the host's, and only its end is mounted."""
    point = tmp_path / "cgroup"
    write(point, cpu_max="50000 100000")
    write(point / "inner", cpu_max="max 100000")
    here = process(["0::/kubepods/pod7/inner"], mount_2(point, "/kubepods/pod7"))
    assert cgroups.quota_cores(here) == 0.5


@pytest.mark.parametrize(("path", "root"), [("/../..", "/"), ("/elsewhere", "/kubepods/pod7"), ("/../x", "/..")])
def test_a_path_that_is_not_mounted_here_leaves_the_mounted_group(process, tmp_path, path, root):
    point = tmp_path / "cgroup"
    write(point, cpu_max="120000 100000")
    assert cgroups.quota_cores(process([f"0::{path}"], mount_2(point, root))) == 1.2


def test_a_mount_point_with_a_space_and_a_hierarchy_of_other_controllers(process, tmp_path):
    write(tmp_path / "a b", cpu_max="110000 100000")
    write(tmp_path / "memory", cpu_max="1000 100000")
    escaped = str(tmp_path / "a b").replace(" ", "\\040")
    here = process(["5:memory:/", "0::/"], mount_1(tmp_path / "memory", controllers="memory"), mount_2(escaped))
    assert cgroups.quota_cores(here) == 1.1


@pytest.mark.parametrize("limit", ["max 100000", "", "nonsense", "1 0", "-1 100000"])
def test_what_is_no_limit_is_none(process, tmp_path, limit):
    write(tmp_path / "cg", cpu_max=limit)
    assert cgroups.quota_cores(process(["0::/"], mount_2(tmp_path / "cg"))) is None


def test_without_proc_there_is_no_limit_and_no_count(tmp_path):
    assert cgroups.own_groups(tmp_path / "nothing") == ()
    assert cgroups.quota_cores(tmp_path / "nothing") is None
    assert cgroups.throttled_ns(tmp_path / "nothing") is None


# a real group


BUSY = """
import json, sys, time
from mnv2bench.workers import cgroups, noise
before, end = noise.counters(True), time.monotonic() + 0.6
while time.monotonic() < end:
    pass
after = noise.counters()
from mnv2bench.machine import cores
print(json.dumps([cgroups.quota_cores(), cores(), after.throttled_ns - before.throttled_ns, len(cgroups.own_groups())]))
"""


@pytest.fixture
def nested_group():
    """A group of version 1 with half a core, and one within it without a limit: only root may make them."""
    outer = CPU_1 / f"mnv2bench-{uuid.uuid4().hex[:8]}"
    inner = outer / "inner"
    try:
        outer.mkdir()
        (outer / "cpu.cfs_quota_us").write_text("50000")
        inner.mkdir()
    except OSError as error:
        pytest.skip(f"no group can be made in {CPU_1} ({error.strerror}): the trees above stand for it")
    yield inner
    inner.rmdir()
    outer.rmdir()


def test_a_real_quota_of_the_group_above_is_seen_and_its_throttling_counted(nested_group):
    entered = f"open({str(nested_group / 'cgroup.procs')!r}, 'w').write('0')\n"
    ran = subprocess.run([sys.executable, "-c", entered + BUSY], capture_output=True, text=True, check=True)
    quota, cores, throttled_ns, groups = json.loads(ran.stdout)
    assert (quota, cores) == (0.5, 1)
    counted = int((nested_group.parent / "cpu.stat").read_text().split("throttled_time ")[1].split()[0])
    assert 0 <= throttled_ns <= counted  # a sandboxed kernel keeps the limit without throttling anybody
    assert throttled_ns > 100_000_000 or counted < 200_000_000
    assert groups >= 3


def test_all_threads_are_those_that_the_quota_allows(tmp_path):
    """The affinity and the quota of this very process: neither is exceeded."""
    from mnv2bench.machine import cores

    quota = cgroups.quota_cores()
    assert 1 <= cores() <= len(os.sched_getaffinity(0))
    assert quota is None or cores() <= max(1, int(quota))
