"""The cache: what lies there is what was written, or it is made again, once, and that is said."""

import os

import pytest

from mnv2bench import Case, artifacts, backends
from mnv2bench.artifacts import compiled
from mnv2bench.artifacts.compiled import SEAL
from mnv2bench.campaign.preparation import Failure, Preparation, prepare
from mnv2bench.campaign.processes import run_process
from mnv2bench.files import write_whole
from mnv2bench.records import Artifact, Plan, Weights, replace
from mnv2bench.remote.runners.cached import cached_folder

FAKE = Case(width=0.35, resolution=64, backend="fake")
BRIEF = Plan(processes=1, rounds=1, round_s=0.01, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """A cache of the test's own."""
    monkeypatch.setenv("MNV2BENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def kept(own_cache):
    """An artifact in the cache, as an exporter leaves it."""
    path = artifacts.path("onnx", "0" * 16)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"content of an artifact")
    artifact = Artifact("onnx", "0" * 16, path.stat().st_size, 1.0, artifacts.digest(path))
    artifacts.keep(artifact)
    return artifact


def damaged(path, how):
    """Damage a file really: cut it, empty it, change a byte of it, or delete it."""
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        path.write_bytes({"truncated": content[:-1], "empty": b"", "changed": b"X" + content[1:]}[how])


DAMAGES = {
    "truncated": "onnx-0000000000000000.onnx has 21 bytes of 22",
    "empty": "onnx-0000000000000000.onnx has 0 bytes of 22",
    "changed": "onnx-0000000000000000.onnx does not have the content that was written",
    "deleted": "onnx-0000000000000000.onnx cannot be read: No such file or directory",
}


@pytest.mark.parametrize("how", DAMAGES)
def test_an_artifact_that_is_not_what_was_written_is_damaged(kept, how):
    assert artifacts.facts("onnx", kept.key) == kept
    assert artifacts.damage(kept) == ""
    damaged(artifacts.path("onnx", kept.key), how)
    assert artifacts.damage(kept) == DAMAGES[how]


def test_an_artifact_that_an_earlier_version_kept_without_a_hash_is_not_trusted(kept):
    earlier = replace(kept, sha256=None)
    assert artifacts.damage(earlier) == DAMAGES["changed"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b'{"format": "onnx"}', b'{"format":1,"key":"a","bytes":1,"export_s":1}']
)
def test_facts_that_do_not_read_are_no_facts(kept, content):
    write_whole(artifacts.path("onnx", kept.key).with_suffix(".json"), content)
    assert artifacts.facts("onnx", kept.key) is None


def test_a_damaged_file_is_made_again_once_and_that_is_said(own_cache):
    lines = []
    first = prepare(FAKE, Weights(), lambda doing, done, total: lines.append(doing))
    assert isinstance(first, Preparation)
    reference = artifacts.path("reference", first.artifact.key)
    assert reference.stat().st_size == first.artifact.bytes
    assert artifacts.digest(reference) == first.artifact.sha256
    reference.write_bytes(os.urandom(first.artifact.bytes))
    lines.clear()
    again = prepare(FAKE, Weights(), lambda doing, done, total: lines.append(doing))
    assert isinstance(again, Preparation)
    assert artifacts.damage(again.artifact) == ""
    assert lines == [
        f"{reference.name} does not have the content that was written: making it again",
        "exporting reference for mobilenet_v2_0.35_64, batch 1",
    ]
    lines.clear()
    assert prepare(FAKE, Weights(), lambda doing, done, total: lines.append(doing)) == again
    assert lines == []


# compile caches


@pytest.fixture
def folder(tmp_path):
    """A compile cache with two files, sealed."""
    for name in ("ab/kernel.so", "graph"):
        (tmp_path / "cache" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / name).write_bytes(b"compiled")
    compiled.seal(tmp_path / "cache")
    return tmp_path / "cache"


def test_a_folder_that_is_not_there_is_not_damaged_and_gets_no_seal(tmp_path):
    compiled.seal(tmp_path / "nothing")
    assert compiled.damage(tmp_path / "nothing") == ""


def test_a_folder_in_which_nothing_was_compiled_is_not_damaged(tmp_path):
    """As an exporter leaves it that only imports a compiler."""
    assert compiled.damage(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("how", ["truncated", "empty", "changed"])
def test_a_compiled_file_that_is_not_what_was_written_is_named(folder, how):
    assert compiled.damage(folder) == ""
    damaged(folder / "ab" / "kernel.so", how)
    assert compiled.damage(folder) == "ab/kernel.so does not have the content that was written"


def test_a_compiled_file_that_is_gone_is_named_and_one_more_is_none_of_our_business(folder):
    (folder / "more").write_text("of a later process")
    assert compiled.damage(folder) == ""
    damaged(folder / "graph", "deleted")
    assert compiled.damage(folder) == "graph cannot be read: No such file or directory"


def test_a_folder_without_a_seal_or_with_a_damaged_seal_is_compiled_again(folder):
    damaged(folder / SEAL, "truncated")
    assert compiled.damage(folder) == "no process that used it ended well"
    (folder / SEAL).unlink()
    assert compiled.damage(folder) == "no process that used it ended well"
    compiled.clear(folder)
    assert not folder.exists()


def test_a_later_process_may_add_to_a_folder_and_change_it(folder):
    (folder / "more").write_text("1")
    (folder / "graph").write_text("tuned again")
    compiled.seal(folder)
    assert compiled.damage(folder) == ""
    damaged(folder / "more", "empty")
    assert compiled.damage(folder) == "more does not have the content that was written"


def test_a_damaged_folder_of_a_runner_is_made_again(own_cache):
    makings = []

    def make(to):
        makings.append(to)
        (to / "runner").write_bytes(b"program")

    folder = cached_folder("linux-aarch64-x", ["1"], make)
    assert cached_folder("linux-aarch64-x", ["1"], make) == folder
    assert len(makings) == 1
    damaged(folder / "runner", "truncated")
    assert cached_folder("linux-aarch64-x", ["1"], make) == folder
    assert (folder / "runner").read_bytes() == b"program"
    assert len(makings) == 2
    (folder / SEAL).unlink()  # as an earlier version left it
    assert cached_folder("linux-aarch64-x", ["1"], make) == folder
    assert len(makings) == 2


COMPILED = Case(width=0.35, resolution=32, backend="torch_compile")


@pytest.mark.slow
def test_a_really_damaged_compile_cache_is_compiled_again(own_cache):
    lines = []
    preparation = prepare(COMPILED, Weights())
    if isinstance(preparation, Failure) or not backends.runtime("torch_compile"):
        pytest.skip(preparation.reason)
    first = run_process(COMPILED, preparation, BRIEF, 1)
    if first.status == "unavailable":
        pytest.skip(first.reason)  # no C++ compiler
    assert (first.status, first.result.samples.cold) == ("ok", True)
    libraries = sorted(own_cache.rglob("*.so"))
    assert libraries
    for library in libraries:
        damaged(library, "truncated")
    again = prepare(COMPILED, Weights(), lambda doing, done, total: lines.append(doing))
    assert len(lines) == 1
    assert lines[0].startswith(f"what was compiled for {COMPILED.id} is not whole (")
    assert lines[0].endswith(".so does not have the content that was written): it is compiled again")
    second = run_process(COMPILED, again, BRIEF, 1)
    assert (second.status, second.reason, second.result.samples.cold) == ("ok", "", True)
    third = run_process(COMPILED, again, BRIEF, 1)
    assert (third.status, third.result.samples.cold) == ("ok", False)
