"""What checks a pull request: only bytes of measurements are read of it, and the exit code passes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from contributed_files import MACHINE, changed, contributed

ROOT = Path(__file__).parents[1]
WORKFLOW = ROOT / ".github" / "workflows" / "contribution.yml"
VARIABLES = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}


def git(folder, *words):
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    ran = subprocess.run(
        ["git", *identity, *words], cwd=folder, env=VARIABLES, capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


@pytest.fixture
def repository(tmp_path):
    """A checkout with the script and a known file, whose commit is the base of a pull request."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "contribution", tmp_path / ".ci")
    contributed(tmp_path / "results" / MACHINE.fingerprint / "known.jsonl")
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "--quiet", "--message=base")
    return tmp_path


def checked(repository, change):
    """Make a pull request of what a function changes, go back to its base, and check it: exit code, output, comment."""
    git(repository, "checkout", "--quiet", "-b", "theirs")
    change(repository)
    git(repository, "add", "-A")
    git(repository, "commit", "--quiet", "--allow-empty", "--message=theirs")
    git(repository, "checkout", "--quiet", "main")
    ran = subprocess.run(
        [".ci/contribution", "main", "theirs"],
        cwd=repository,
        env={**VARIABLES, "PYTHON": sys.executable, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    comment = repository / "contribution.md"
    return ran.returncode, ran.stdout + ran.stderr, comment.read_text() if comment.exists() else ""


def test_a_right_file_passes_and_a_wrong_one_fails_with_a_comment(repository):
    folder = repository / "results" / MACHINE.fingerprint

    def change(_):
        contributed(folder / "right one.jsonl", seed=3, began="2026-11-26T02:30:00+00:00").rename(
            folder / "right.jsonl"
        )
        wrong = contributed(folder / "wrong.jsonl", seed=4, began="2026-11-26T03:30:00+00:00")
        changed(wrong, lambda lines: lines[0]["environment"].update(cores=64))
        (folder / "right.md").write_text("# a page")
        (repository / "mnv2bench.py").write_text("raise SystemExit('code of a pull request ran')")

    code, output, comment = checked(repository, change)
    assert code == 1
    assert "2 files: 1 cannot be taken as it is" in output
    assert "Files below results/ that are no measurements and were not checked: 1." in comment
    assert comment.index("## wrong.jsonl") < comment.index("## right.jsonl")
    assert "code of a pull request" not in output


def test_a_link_and_a_strange_name_are_bytes_and_nothing_is_followed(repository):
    def change(_):
        (repository / "results" / "link.json").symlink_to("/etc/passwd")
        (repository / "results" / "--help; $(touch ran) `touch ran`\n.jsonl").write_text("{")

    code, output, comment = checked(repository, change)
    assert code == 1
    assert "root:" not in output + comment
    assert not (repository / "ran").exists()
    assert "2 files: 2 cannot be taken as it is" in output


def test_a_known_file_that_is_changed_is_refused(repository):
    known = repository / "results" / MACHINE.fingerprint / "known.jsonl"
    code, output, _ = checked(repository, lambda _: contributed(known, seed=5, began="2026-11-26T02:30:00+00:00"))
    assert (code, "A file of another content is there already" in output) == (1, True)


def test_a_pull_request_without_measurements_says_so(repository):
    code, _, comment = checked(repository, lambda _: (repository / "results" / "note.md").write_text("a note"))
    assert (code, "No measurement is added or changed." in comment) == (0, True)


def test_the_workflow_runs_the_code_of_the_base_and_only_the_job_that_reads_nothing_may_write():
    text = WORKFLOW.read_text()
    check, comment = text.split("  comment: #")
    assert "pull_request_target" in check
    assert re.findall(r"permissions:.*\n?(?:\s+\w[\w-]*: \w+)?", check) == [
        "permissions: {}\n",
        "permissions:\n      contents: read",
    ]
    assert "write" not in re.sub("#.*", "", check)
    assert "pull-requests: write" in comment
    assert "checkout" not in comment
    assert "ref:" not in text  # the commit of the pull request is never checked out
    for block in re.findall(r"run: (?!\|).*|run: \|\n(?:\s{10}.*\n)+", text):
        assert "${{" not in block  # a title or a branch would become a command
