"""What an environment of a release holds besides it, which of them leave the cache, and the commits of a checkout."""

import os
import subprocess

import msgspec
import pytest

from mnv2bench.bisection.commits import checkout_commits
from mnv2bench.bisection.environments import FACTS, Environments, Facts, root
from mnv2bench.bisection.installing import Uninstallable
from mnv2bench.bisection.releases import Release
from mnv2bench.bisection.requirements import missing_requirements, own_distributions
from mnv2bench.bisection.subject import Subject


def installed(folder, name, version, *requirements):
    """A distribution in a folder as an installer leaves one."""
    facts = folder / f"{name}-{version}.dist-info"
    facts.mkdir(parents=True)
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}", *(f"Requires-Dist: {r}" for r in requirements)]
    (facts / "METADATA").write_text("\n".join(lines) + "\n")


# requirements


def test_what_the_environment_behind_meets_is_not_installed_and_the_rest_is(tmp_path):
    installed(tmp_path, "runtime", "1.0", "numpy<2.3,>=1.16", "packaging", "telemetry>=2", "none; python_version<'3'")
    behind = {"NumPy": "2.4.6", "packaging": "26.3", "torch": "2.13.0+cpu"}
    assert missing_requirements(tmp_path, behind) == ["numpy<2.3,>=1.16", "telemetry>=2"]
    installed(tmp_path, "numpy", "2.2.6")
    installed(tmp_path, "telemetry", "3.0", "small-thing")
    assert missing_requirements(tmp_path, behind) == ["small-thing"]
    assert own_distributions(tmp_path) == {"runtime": "1.0", "numpy": "2.2.6", "telemetry": "3.0"}


def test_an_extra_that_is_asked_for_brings_its_requirements_and_no_other_does(tmp_path):
    installed(tmp_path, "runtime", "1.0", "Plugin_X[fast]")
    installed(tmp_path, "plugin-x", "1.0", "quick; extra=='fast'", "slow; extra=='slow'")
    assert missing_requirements(tmp_path, {}) == ["quick"]


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("torch<2.5", "it requires torch<2.5, and torch 2.13.0+cpu of this environment is kept"),
        ("thing @ https://example.org/x.whl", "which is a link and no release"),
    ],
)
def test_torch_is_never_exchanged_and_a_link_is_never_followed(tmp_path, requirement, reason):
    installed(tmp_path, "runtime", "1.0", requirement)
    with pytest.raises(Uninstallable, match=reason.replace("+", r"\+")):
        missing_requirements(tmp_path, {"torch": "2.13.0+cpu"})


# the cache


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path))
    return tmp_path


def release_environments(most_bytes, count=4):
    releases = tuple(Release(f"1.{number}", f"1.{number}") for number in range(count))
    return Environments(Subject("package", "", releases, {}), most_bytes, lambda doing, done, total: None)


def kept(environments, number, last_used_s):
    """A whole environment of 100 bytes, last used then."""
    folder = root() / environments._folder_name(number)
    folder.mkdir(parents=True)
    facts = Facts({"package": f"1.{number}"}, "uv", 100)
    (folder / FACTS).write_bytes(msgspec.json.encode(facts))
    os.utime(folder / FACTS, (last_used_s, last_used_s))
    return folder


def test_the_least_recently_used_environments_go_when_all_hold_too_much(cache):
    environments = release_environments(most_bytes=250)
    folders = [kept(environments, number, last_used_s) for number, last_used_s in enumerate((100, 400, 300, 200))]
    assert environments.environment(0).installed == {"package": "1.0"}  # now the last that was used
    assert [folder.is_dir() for folder in folders] == [True, True, False, False]


def test_the_two_that_are_measured_stay_also_where_they_hold_too_much(cache):
    environments = release_environments(most_bytes=1)
    folders = [kept(environments, number, 100) for number in range(3)]
    environments.environment(0)
    assert [folder.is_dir() for folder in folders] == [True, False, False]
    folders[1] = kept(environments, 1, 100)
    environments.environment(1)
    assert [folder.is_dir() for folder in folders] == [True, True, False]


def test_an_environment_whose_making_was_interrupted_is_removed(cache):
    environments = release_environments(most_bytes=1000)
    kept(environments, 0, 100)
    half = root() / "package-1.1-half"
    half.mkdir()
    environments.environment(0)
    assert not half.exists()


# commits


def git(folder, *words):
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    ran = subprocess.run(["git", "-C", str(folder), *names, *words], check=True, capture_output=True, text=True)
    return ran.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "runtime"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for title in ("good", "merged", "bad"):
        git(folder, "commit", "-q", "--allow-empty", "-m", title)
    git(folder, "tag", "v1", "HEAD~2")
    return folder


def test_commits_are_read_from_good_to_bad_with_their_titles(checkout):
    commits, left_out = checkout_commits(checkout, "v1", "main")
    assert [commit.title for commit in commits] == ["good", "merged", "bad"]
    assert commits[0].identity == git(checkout, "rev-parse", "v1")
    assert commits[2].identity.startswith(commits[2].name)
    assert left_out == {}


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        ("main", "v1", "--good main is no ancestor of --bad v1"),
        ("v1", "v1", "--good v1 and --bad v1 are the same commit"),
        ("v9", "main", "--good 'v9' is no commit of "),
        ("--all", "main", "--good '--all' is no commit of "),
    ],
)
def test_commits_that_cannot_be_meant_are_refused(checkout, good, bad, reason):
    with pytest.raises(ValueError, match=reason):
        checkout_commits(checkout, good, bad)
