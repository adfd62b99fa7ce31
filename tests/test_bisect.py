"""Bisections in real processes: releases of a package that slows a case, from an index of its own, by real duels."""

import os
import re
import signal
import subprocess
import sys

import pytest
from planted_releases import CRASH, PACKAGE, Planted, local_index

from mnv2bench import Case
from mnv2bench.records.journal import lines

pytestmark = pytest.mark.slow

CASE = Case(width=0.35, resolution=96, backend="fake")
SLOW = {CASE.id: 30_000}  # of 200,000 ns
RELEASES = (
    Planted("1.0", {}),
    Planted("1.2", {}, yanked="built from the wrong branch"),
    Planted("1.3", SLOW, requires="no-such-thing-of-mnv2bench>=1"),
    Planted("1.4", SLOW),
    Planted("1.5", SLOW, tag="cp27-cp27m-win32"),
    Planted("1.6", SLOW, start=CRASH),
    Planted("2.0rc1", SLOW),
    Planted("2.0", SLOW),
)


def bisected(command, index, *words):
    """The verb with an index of its own and nothing else to install from."""
    return command("mnv2bench", "bisect", *words, "--package", PACKAGE, "--rounds", "1", **variables(index))


def variables(index):
    return {"PIP_INDEX_URL": index, "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": ""}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return local_index(tmp_path_factory.mktemp("index"), RELEASES)


@pytest.fixture(scope="module")
def whole(command, wait_for, index, tmp_path_factory):
    """A bisection with its page and its picture, interrupted after its first processes and resumed."""
    folder = tmp_path_factory.mktemp("bisect")
    out = folder / "out"
    words = (CASE.id, "--package", PACKAGE, "--rounds", "1", "--good", "1.0", "--bad", "2.0.0", "--out", str(out))
    running = subprocess.Popen(
        [sys.executable, "-m", "mnv2bench", "bisect", *words],
        env=os.environ | variables(index),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's "&" would have it ignored
    )
    try:
        wait_for(lambda: len(processes(out)) >= 3)
    finally:
        running.send_signal(signal.SIGINT)
        output, complaint = running.communicate(timeout=60)
    kept = {path.name: path.read_bytes() for path in out.glob("*.jsonl")}
    products = ("--markdown", str(folder / "page.md"), "--svg", str(folder / "picture.svg"))
    ran = command("mnv2bench", "bisect", *words, *products, "--resume", **variables(index))
    ran.folder, ran.kept, ran.interruption = folder, kept, (running.returncode, output, complaint)
    return ran


def processes(folder):
    """(journal, case, number) of each process that the journals in a folder hold."""
    return [
        (journal.name, line["case"], line["number"])
        for journal in folder.glob("*.jsonl")
        for line in lines(journal)
        if line["line"] == "process"
    ]


def test_the_first_slower_release_is_named_with_its_ratio_and_what_was_skipped(whole):
    assert (whole.returncode, whole.stderr) == (0, "")
    answer = whole.stdout.splitlines()[-1]
    pattern = (
        rf"{CASE.id}: planted-delay 1.4 is slower than 1.0: (1\.1\d\d) \((1\.1\d\d) to (1\.1\d\d)\), "
        r"probability of error (at most )?[\d.]+ %; between them, 1.3 does not install"
    )
    ratio, low, high, _ = re.fullmatch(pattern, answer).groups()
    assert float(low) <= float(ratio) <= float(high)
    assert float(ratio) == pytest.approx(1.15, abs=0.03)


def test_releases_that_are_left_out_are_named_with_the_reason_and_pre_releases_are_no_candidates(whole):
    said = whole.stdout
    assert "5 releases of planted-delay: 1.0, 1.3, 1.4, 1.6, 2.0\n" in said
    assert "planted-delay 1.2 is left out: yanked for reason: built from the wrong branch\n" in said
    assert "planted-delay 1.5 is left out: it has no wheel for this Python on this machine\n" in said
    assert "2.0rc1" not in said


def test_nothing_but_the_release_differs_between_the_two_that_the_answer_compares(whole):
    assert "Between 1.0 and 1.4, nothing else differs.\n" in whole.stdout


def test_only_the_pairs_that_the_search_asks_for_are_measured(whole):
    journals = {journal.name for journal in (whole.folder / "out").glob("*.jsonl")}
    assert journals == {"1.0-1.4.old.jsonl", "1.0-1.4.new.jsonl", "1.0-2.0.old.jsonl", "1.0-2.0.new.jsonl"}
    assert len(processes(whole.folder / "out")) == 24


def test_the_page_says_the_answer_first_and_has_a_row_for_every_release(whole):
    page = (whole.folder / "page.md").read_text()
    assert page.startswith("# The first slower release of planted-delay\n\n**planted-delay 1.4 is slower than 1.0: 1.1")
    rows = [line for line in page.splitlines() if re.match(r"\| \d", line)]
    assert [row.split()[1] for row in rows] == ["1.0", "1.3", "1.4", "1.6", "2.0"]
    assert "no-such-thing-of-mnv2bench" in rows[1]
    assert "![The ratio of each release to the good one](picture.svg)" in page


def test_the_picture_shows_the_releases_and_the_answer(whole):
    picture = (whole.folder / "picture.svg").read_text()
    for text in ("1.0", "1.4", "2.0", "the first", "planted-delay 1.4 is slower than 1.0"):
        assert text in picture


def test_ctrl_c_says_how_to_go_on_and_resume_measures_only_what_is_missing(whole):
    out = whole.folder / "out"
    code, output, complaint = whole.interruption
    assert (code, complaint) == (130, "")
    assert f"interrupted: the same command with --resume goes on from {out}\n" in output
    for name, content in whole.kept.items():
        assert (out / name).read_bytes().startswith(content[: content.rindex(b"\n") + 1])
    measured = processes(out)
    assert len(measured) == len(set(measured))


def test_resuming_another_bisection_is_refused(whole, command, index):
    out = str(whole.folder / "out")
    ran = bisected(command, index, CASE.id, "--good", "1.4", "--bad", "2.0.0", "--out", out, "--resume")
    assert ran.returncode == 2
    assert ran.stderr == (
        "mnv2bench: the interrupted bisection had another good: repeat its command with --resume, or drop it\n"
    )


def test_a_good_release_that_does_not_install_leaves_the_case_undecided(command, index, tmp_path):
    products = ("--markdown", str(tmp_path / "page.md"), "--svg", str(tmp_path / "picture.svg"))
    words = (CASE.id, "--good", "1.3", "--bad", "2.0", "--out", str(tmp_path / "out"), *products)
    ran = bisected(command, index, *words)
    assert (ran.returncode, ran.stderr) == (3, "")
    undecided = "planted-delay: undecided between 1.3 and 2.0: the good one cannot be measured (does not install: "
    assert ran.stdout.splitlines()[-1].startswith(f"{CASE.id}: {undecided}")
    assert "no picture is written: no release was measured against the good one" in ran.stdout
    assert undecided in (tmp_path / "page.md").read_text()
    assert not (tmp_path / "picture.svg").exists()
    assert processes(tmp_path / "out") == []


def test_a_release_whose_python_does_not_start_leaves_the_case_undecided_where_it_is_the_bad_one(
    command, index, tmp_path
):
    ran = bisected(command, index, CASE.id, "--good", "1.0", "--bad", "1.6", "--out", str(tmp_path / "out"))
    assert (ran.returncode, ran.stderr) == (3, "")
    assert "undecided between 1.0 and 1.6: the bad one cannot be measured (does not run it: " in ran.stdout


# commits


def git(folder, *words):
    names = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", "-C", str(folder), *names, *words], check=True, capture_output=True)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Three commits of a package, of which the second does not build."""
    folder = tmp_path_factory.mktemp("checkout") / "planted"
    folder.mkdir()
    git(folder, "init", "-q")
    module, setup = folder / "planted_delay.py", folder / "setup.py"
    start = "import setuptools; setuptools.setup(name='planted-delay', version='1', py_modules=['planted_delay'])\n"
    for title, source, recipe in (
        ("fast", "x = 1\n", start),
        ("broken", "x = 2\n", "raise SystemExit('this commit does not build')\n"),
        ("later", "x = 3\n", start),
    ):
        module.write_text(source)
        setup.write_text(recipe)
        git(folder, "add", ".")
        git(folder, "commit", "-q", "-m", title)
    return folder


def test_commits_are_installed_from_a_work_tree_of_their_own_and_one_that_does_not_build_is_named(
    command, checkout, tmp_path
):
    words = (CASE.id, "--git", str(checkout), "--good", "HEAD~2", "--bad", "HEAD", "--out", str(tmp_path / "out"))
    ran = command(
        "mnv2bench", "bisect", *words, "--install-only", PIP_NO_BUILD_ISOLATION="0", UV_NO_BUILD_ISOLATION="1"
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    said = ran.stdout
    assert "3 commits of planted: " in said
    assert said.count(": planted-delay 1\n") == 2
    assert re.search(r"planted [0-9a-f]{7,} does not install: .*this commit does not build", said)
    trees = subprocess.run(
        ["git", "-C", str(checkout), "worktree", "list"], capture_output=True, text=True, check=True
    ).stdout
    assert len(trees.splitlines()) == 1


# bad input


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--good", "1", "--bad", "2"), "name one of --package NAME and --git DIR"),
        (("--package", "../x", "--good", "1", "--bad", "2"), "--package '../x' is no name of a package"),
        (("--package", PACKAGE, "--good", "1.0", "--bad", "9"), "--bad 9 is no release of planted-delay with a wheel"),
        (("--package", PACKAGE, "--good", "2.0", "--bad", "1.0"), "--good 2.0 must be a release before --bad 1.0"),
        (("--package", PACKAGE, "--good", "x", "--bad", "1.0"), "--good 'x' is no version such as 2026.1.0"),
        (("--package", "no-such-thing-of-mnv2bench", "--good", "1", "--bad", "2"), "has no release with a wheel"),
        (("--git", "/", "--good", "1", "--bad", "2"), "--git / is no checkout: name the folder of one"),
        (("--package", PACKAGE, "--good", "1.0", "--bad", "2.0", "--keep", "0"), "--keep is a number of gigabytes"),
        (("--package", PACKAGE, "--good", "1.0", "--bad", "2.0", "--processes", "3"), "--processes means nothing here"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(command, index, tmp_path, words, said):
    ran = command("mnv2bench", "bisect", CASE.id, *words, "--out", str(tmp_path / "out"), **variables(index))
    assert ran.returncode == 2
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.stderr), ran.stderr
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []
