"""The night's shell scripts and workflow, run: history grows, exit codes pass, no crash looks like a regression."""

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from mnv2bench.regression.history import verdicts

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
FAKE = "--backends fake --widths 0.35 --resolutions 96,64 --threads 1 --batches 1 --processes 1 --rounds 1"
PARTS = ("mnv2bench", "suites", ".ci", ".gitignore", "pyproject.toml", "constraints.txt")
MACHINE = "results/machine-1234"
NIGHTS = f"{MACHINE}/Linux-CPython-3.11-64bit"
GATE_FILES = "--markdown gate.md --junit gate.xml --comment gate-comment.md"
OURS = ("NEW_PYTHON", "BASELINE_PYTHON", "NIGHTLY_", "HISTORY_BRANCH", "GITHUB_", "GIT_", "PYTHON")

# An interpreter that measures nothing: what it is asked stands in asked.txt, and its environment says how it ends.
STUB = """\
#!/usr/bin/env bash
echo "$*" >>"$ASKED"
case "$*" in
  "-c import sys; "*) exit "${SAME:-0}" ;;
  "-c "*) echo machine-1234 ;;
  "-m pytest "*)
    nights=results/machine-1234/Linux-CPython-3.11-64bit
    mkdir -p "$nights"
    number=$(find "$nights" -name '*.json' | wc -l)
    [[ ${SAVES-yes} ]] && echo "{}" >"$nights/$(printf %04d $((number + 1)))_nightly.json"
    exit "${SUITE:-0}" ;;
  "-m mnv2bench gate "*)
    echo "$4" >>results/machine-1234/verdicts.jsonl
    [[ ${WRITES-yes} ]] && echo "<testsuites/>" >gate.xml && echo "a body" >gate-comment.md
    exit "${GATE:-0}" ;;
  "-m mnv2bench history --baseline "*) echo "$COMMIT"; exit "${HISTORY:-0}" ;;
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip "*) exit "${PIP:-0}" ;;
  *) exit 99 ;;
esac
"""


def clean(**variables):
    """The environment without anything that steers the script, git or Python."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **variables}


def git(folder, *words):
    identity = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    ran = subprocess.run(
        ["git", *identity, *words], cwd=folder, env=clean(), capture_output=True, text=True, check=True
    )
    return ran.stdout.strip()


def run(folder, *words, **variables):
    return subprocess.run(words, cwd=folder, env=clean(**variables), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Make a repository of the working tree as it is, files that nobody has committed included, with an origin."""

    def make():
        place = tmp_path_factory.mktemp("nightly")
        folder, origin = place / "checkout", place / "origin.git"
        listed = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard", "--", *PARTS], cwd=ROOT, capture_output=True, check=True
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).exists():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        git(place, "init", "--quiet", "--bare", str(origin))
        git(place, "init", "--quiet", "--initial-branch=main", str(folder))
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message=the working tree")
        git(folder, "remote", "add", "origin", str(origin))
        git(folder, "push", "--quiet", "origin", "main")
        return folder

    return make


def on_branch(folder, branch="history"):
    """Path -> content of what origin has on the branch."""
    origin = folder.parent / "origin.git"
    names = git(origin, "ls-tree", "-r", "--name-only", branch).splitlines()
    return {name: git(origin, "show", f"{branch}:{name}") for name in names}


# with the real interpreter, the fake backend and the real gate


@pytest.fixture(scope="module")
def two_nights(checkout, cache):
    folder = checkout()
    real = {
        "NEW_PYTHON": sys.executable,
        "BASELINE_PYTHON": sys.executable,
        "PYTHONPATH": str(folder),
        "NIGHTLY_SELECTION": FAKE,
        "HISTORY_BRANCH": "history",
        "MNV2BENCH_CACHE": str(cache),
    }
    where = run(folder, sys.executable, "-P", "-c", "import mnv2bench; print(mnv2bench.__file__)", **real)
    assert where.stdout.strip() == str(folder / "mnv2bench" / "__init__.py")
    return folder, real, [(run(folder, ".ci/nightly", **real), on_branch(folder)) for _ in range(2)]


def test_history_grows_by_a_night_and_a_line_of_verdicts(two_nights):
    folder, _, nights = two_nights
    for number, (ran, kept) in enumerate(nights, 1):
        saved = sorted(name for name in kept if name.endswith(".json"))
        assert [Path(name).name for name in saved] == ["0001_nightly.json", "0002_nightly.json"][:number], ran.stderr
        (said,) = (name for name in kept if name.endswith("/verdicts.jsonl"))
        assert list(verdicts.read(folder / said))[:number] == ["0001_nightly", "0002_nightly"][:number]
        assert len(kept[said].splitlines()) == number
        assert len(kept) == number + 1
        assert kept[saved[-1]] == (folder / saved[-1]).read_text().strip()


def test_the_night_ends_with_the_gates_own_code_and_says_each_step(two_nights):
    for ran, _ in two_nights[2]:
        (said,) = re.findall(r"^nightly: done: the gate said (\d)$", ran.stdout, re.MULTILINE)
        assert ran.returncode == int(said)
        assert said in "03"  # while it learns: 3 where this machine was disturbed
        steps = re.findall(r"^nightly: (\w+):", ran.stdout, re.MULTILINE)
        assert steps == ["machine", "history", "baseline", "suite", "suite", "gate", "history", "done"]


def test_the_night_is_of_the_checkout_and_leaves_it_as_it_was(two_nights):
    folder, _, nights = two_nights
    head = git(folder, "rev-parse", "HEAD")
    for name, text in nights[-1][1].items():
        if name.endswith(".json"):
            assert json.loads(text)["mnv2bench"][0]["environment"]["commit"] == head
    assert git(folder, "status", "--porcelain", "--branch") == "## main\n?? results/"
    assert git(folder, "branch", "--list") == "* main"
    assert "0002_nightly" in (folder / "gate.md").read_text()
    assert (folder / "gate.xml").read_text().startswith("<?xml")
    assert list(folder.glob("results/*/*.journal*")) == []  # its lines are in the saved file


def test_a_new_checkout_takes_the_history_from_the_branch(two_nights, tmp_path):
    folder, _, nights = two_nights
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(folder.parent / "origin.git"), "other")
    (machine,) = (folder / "results").iterdir()
    ran = run(tmp_path / "other", ".ci/history", "take", "history", f"results/{machine.name}")
    assert (ran.returncode, ran.stderr) == (0, "")
    found = {name: (tmp_path / "other" / name).read_text().strip() for name in nights[-1][1]}
    assert found == nights[-1][1]


def test_a_suite_that_cannot_run_is_a_night_that_cannot_be_judged(two_nights):
    folder, real, nights = two_nights
    ran = run(folder, ".ci/nightly", **real | {"NIGHTLY_SELECTION": "--grid huge"})
    assert ran.returncode == 3
    assert "nightly: suite: ended with 4 and saved nothing\n" in ran.stdout
    assert on_branch(folder) == nights[-1][1]


# with the stub


@pytest.fixture
def night(checkout, tmp_path):
    """Run a night of a checkout in which nothing is measured; night.folder is where."""
    folder, asked = checkout(), tmp_path / "asked.txt"
    stub = tmp_path / "python"
    stub.write_text(STUB)
    stub.chmod(0o755)

    def go(**variables):
        asked.write_text("")
        stubbed = {"NEW_PYTHON": str(stub), "ASKED": str(asked), "COMMIT": git(folder, "rev-parse", "HEAD")}
        ran = run(folder, ".ci/nightly", **stubbed | variables)
        go.asked = asked.read_text().splitlines()
        return ran

    go.folder = folder
    return go


@pytest.mark.parametrize("code", [0, 1, 2, 3])
def test_the_gates_code_is_the_nights_code(night, code):
    ran = night(GATE=str(code))
    assert ran.returncode == code
    assert f"nightly: done: the gate said {code}\n" in ran.stdout


@pytest.mark.parametrize(("code", "is_kept"), [(0, False), (1, True), (3, False)])
def test_the_body_of_an_issue_is_there_where_there_is_something_to_post(night, code, is_kept):
    night(GATE=str(code))
    assert (night.folder / "gate-comment.md").exists() == is_kept


def test_a_suite_with_failures_is_judged_all_the_same(night):
    assert night(SUITE="1").returncode == 0
    assert night.asked[-1] == f"-m mnv2bench gate 0001_nightly --series nightly {GATE_FILES}"


@pytest.mark.parametrize(
    "ended",
    [
        {"GATE": "1", "WRITES": ""},  # a traceback ends with 1, too
        {"GATE": "139"},
        {"SUITE": "1", "SAVES": ""},
        {"SUITE": "0", "SAVES": ""},
        {"SUITE": "139", "SAVES": ""},
    ],
)
def test_what_crashes_is_no_regression(night, ended):
    ran = night(**ended)
    assert ran.returncode == 3
    assert "nightly: exit 3: " in ran.stdout


@pytest.mark.parametrize("same", ["0", "1"])
def test_a_journal_goes_only_when_the_saved_file_holds_the_same(night, same):
    journal = night.folder / MACHINE / "nightly.journal.jsonl"
    journal.parent.mkdir(parents=True, exist_ok=True)
    journal.write_text("measured")
    ran = night(SAME=same)
    assert journal.exists() == (same == "1")
    kept = f"{MACHINE}/nightly.journal.jsonl holds, which is kept\n"
    assert (kept in ran.stdout) == (same == "1")
    journal.unlink(missing_ok=True)


def test_yesterdays_summary_is_not_tonights(night):
    assert night(GATE="1").returncode == 1
    assert night(GATE="1", WRITES="").returncode == 3


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"NIGHTLY_NAME": "../x"}, "NIGHTLY_NAME takes letters"),
        ({"HISTORY_BRANCH": "a..b"}, "HISTORY_BRANCH 'a..b' is no branch name"),
        ({"NEW_PYTHON": "/nowhere/python"}, "NEW_PYTHON '/nowhere/python' is no interpreter"),
        ({"BASELINE_PYTHON": "/nowhere/python"}, "BASELINE_PYTHON '/nowhere/python' is no interpreter"),
    ],
)
def test_bad_input_ends_before_anything_is_measured(night, variables, said):
    ran = night(**variables)
    assert (ran.returncode, ran.stderr.startswith(f"nightly: {said}")) == (2, True)
    assert [line for line in night.asked if "pytest" in line] == []


def test_the_selection_is_words_and_no_shell(night):
    assert night(NIGHTLY_SELECTION="--grid quick\n  --backends * $(touch x)").returncode == 0
    (suite,) = (line for line in night.asked if "pytest" in line)
    assert suite == "-m pytest suites --grid quick --backends * $(touch x) --benchmark-save=nightly"
    assert not (night.folder / "x").exists()


# the baseline environment


def test_the_first_night_has_no_baseline_and_the_second_builds_one_that_the_third_uses(night):
    head = git(night.folder, "rev-parse", "HEAD")
    assert night(COMMIT=head).returncode == 0
    assert [line for line in night.asked if "baseline" in line] == []

    assert night(COMMIT=head).returncode == 0
    folder = f".baseline/{head}"
    assert night.asked[1:4] == [
        "-m mnv2bench history --baseline --series nightly --fingerprint machine-1234",
        f"-m venv {folder}/.venv",
        f"-m pip install --quiet -c {folder}/constraints.txt -e {folder}[cpu,mobile]",
    ]
    gate = "-m mnv2bench gate 000{} --series nightly --baseline " + folder + "/.venv/bin/python --explain --markdown"
    assert night.asked[-1].startswith(gate.format("2_nightly"))
    assert git(night.folder / folder, "rev-parse", "HEAD") == head
    assert git(night.folder, "status", "--porcelain") == "?? results/"

    assert night(COMMIT=head).returncode == 0
    assert [line for line in night.asked if "venv" in line and "gate" not in line] == []
    assert night.asked[-1].startswith(gate.format("3_nightly"))


def test_a_new_baseline_takes_the_place_of_the_old_one(night):
    first = git(night.folder, "rev-parse", "HEAD")
    git(night.folder, "commit", "--quiet", "--allow-empty", "--message=next")
    second = git(night.folder, "rev-parse", "HEAD")
    for commit in (first, first, second):
        assert night(COMMIT=commit).returncode == 0
    assert [path.name for path in (night.folder / ".baseline").iterdir()] == [second]
    assert len(git(night.folder, "worktree", "list").splitlines()) == 2


@pytest.mark.parametrize(
    "broken", [{"PIP": "1"}, {"HISTORY": "2"}, {"COMMIT": "0" * 40}, {"COMMIT": "--upload-pack=x"}, {"COMMIT": ""}]
)
def test_a_baseline_that_cannot_be_built_is_said_and_the_night_is_kept_but_not_green(night, broken):
    head = git(night.folder, "rev-parse", "HEAD")
    assert night(COMMIT=head).returncode == 0
    ran = night(**{"COMMIT": head, "HISTORY_BRANCH": "history", **broken})
    assert ran.returncode == 3
    assert "nightly: baseline: none: " in ran.stdout
    assert night.asked[-1] == f"-m mnv2bench gate 0002_nightly --series nightly {GATE_FILES}"
    assert f"{NIGHTS}/0002_nightly.json" in on_branch(night.folder)
    assert night(COMMIT=head).returncode == 0  # the next night tries again


def test_a_regression_is_one_even_where_something_else_went_wrong(night):
    assert night(COMMIT="", GATE="0").returncode == 0
    assert night(COMMIT="", GATE="1").returncode == 1


# the history branch


def write(folder, name, text):
    file = folder / MACHINE / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.fixture
def other(night, tmp_path):
    """A second checkout, which says something on the branch."""
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(night.folder.parent / "origin.git"), "other")

    def say(name, text):
        folder = tmp_path / "other"
        taken = run(folder, ".ci/history", "take", "history", MACHINE)
        write(folder, name, text)
        saved = run(folder, ".ci/history", "save", "history", MACHINE, "said elsewhere")
        assert (taken.returncode, saved.returncode) == (0, 0), saved.stderr

    return say


def test_what_was_accepted_elsewhere_is_here_the_next_night(night, other):
    assert night(HISTORY_BRANCH="history").returncode == 0
    other("epochs.toml", "# accepted\n")
    assert night(HISTORY_BRANCH="history").returncode == 0
    assert (night.folder / MACHINE / "epochs.toml").read_text() == "# accepted\n"
    assert len(on_branch(night.folder)) == 4


def test_only_history_is_kept_and_of_this_machine_alone(night, other):
    other("../machine-5678/epochs.toml", "# of another machine\n")  # not saved: it is not of the folder
    write(night.folder, "Linux-CPython-3.11-64bit/0001_nightly.md", "a report")
    write(night.folder, "nightly.journal.1.jsonl", "a journal")
    write(night.folder, "../machine-9999/verdicts.jsonl", "{}\n")
    assert night(HISTORY_BRANCH="history").returncode == 0
    assert sorted(on_branch(night.folder)) == [f"{NIGHTS}/0001_nightly.json", f"{MACHINE}/verdicts.jsonl"]


def test_lines_that_were_not_saved_last_night_are_saved_tonight(night):
    assert night(HISTORY_BRANCH="history").returncode == 0
    assert night().returncode == 0  # without the branch: as if it could not be reached
    assert night(HISTORY_BRANCH="history").returncode == 0
    assert on_branch(night.folder)[f"{MACHINE}/verdicts.jsonl"] == "0001_nightly\n0002_nightly\n0003_nightly"
    assert len(on_branch(night.folder)) == 4


def test_a_file_of_this_checkouts_commits_is_never_written(night, other):
    write(night.folder, "epochs.toml", "# one\n")
    git(night.folder, "add", "--all")
    git(night.folder, "commit", "--quiet", "--message=reviewed")
    other("epochs.toml", "# one\n# two\n")
    ran = night(HISTORY_BRANCH="history")
    assert ran.returncode == 0
    assert f"{MACHINE}/epochs.toml is longer on history; it stays as this checkout's commit has it" in ran.stdout
    assert (night.folder / MACHINE / "epochs.toml").read_text() == "# one\n"
    assert on_branch(night.folder)[f"{MACHINE}/epochs.toml"] == "# one\n# two"


def test_the_history_that_a_machine_continues_is_taken_too(night, tmp_path):
    """A second checkout has the nights under the machine's earlier name, and says on the branch that they count."""
    folder = tmp_path / "other"
    git(tmp_path, "clone", "--quiet", "--branch", "main", str(night.folder.parent / "origin.git"), "other")
    earlier = folder / "results" / "machine-before" / "Linux-CPython-3.11-64bit" / "0007_nightly.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("{}")
    write(folder, "epochs.toml", '[[continuation]]\nfingerprint = "machine-before"\n')
    for place in ("results/machine-before", MACHINE):
        saved = run(folder, ".ci/history", "save", "history", place, "said elsewhere")
        assert saved.returncode == 0, saved.stderr
    assert night(HISTORY_BRANCH="history").returncode == 0
    assert (night.folder / earlier.relative_to(folder)).read_text() == "{}"


def test_a_file_that_went_two_ways_is_named_before_anything_is_measured(night, other):
    other("epochs.toml", "# theirs\n")
    write(night.folder, "epochs.toml", "# ours\n")
    ran = night(HISTORY_BRANCH="history")
    assert ran.returncode == 2
    assert f"{MACHINE}/epochs.toml went one way here and another on history: make them the same by hand" in ran.stderr
    assert [line for line in night.asked if "pytest" in line] == []


def test_a_branch_that_moves_meanwhile_is_fetched_once_more(night, other):
    other("epochs.toml", "# one\n")
    folder, origin = night.folder, night.folder.parent / "origin.git"
    moved = git(origin, "commit-tree", "-p", "history", "-m", "meanwhile", "history^{tree}")
    hook = folder / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f'#!/bin/sh\nrm "$0"\nexec git -C "{origin}" update-ref refs/heads/history {moved}\n')
    hook.chmod(0o755)
    ran = night(HISTORY_BRANCH="history")
    assert ran.returncode == 0
    assert "history: history moved meanwhile: once more" in ran.stdout
    assert not hook.exists()
    assert git(origin, "log", "--format=%s", "history").splitlines() == [
        "0001_nightly of machine-1234",
        "meanwhile",
        "said elsewhere",
    ]
    assert len(on_branch(folder)) == 3


def test_a_history_that_cannot_be_saved_stays_here_and_the_night_is_not_green(night):
    hook = night.folder.parent / "origin.git" / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    ran = night(HISTORY_BRANCH="history")
    assert ran.returncode == 3
    assert f"nightly: history: not saved, it stays in {MACHINE}\n" in ran.stdout
    assert (night.folder / NIGHTS / "0001_nightly.json").exists()
    assert night(HISTORY_BRANCH="history", GATE="1").returncode == 1


def test_without_origin_nothing_is_measured(night):
    git(night.folder, "remote", "set-url", "origin", str(night.folder / "nowhere"))
    assert night(HISTORY_BRANCH="history").returncode == 3
    assert [line for line in night.asked if "pytest" in line] == []


# the shell itself, and the workflow


SCRIPTS = sorted(path for path in (ROOT / ".ci").iterdir() if path.read_text().startswith("#!/usr/bin/env bash"))


def test_every_file_of_ci_is_a_script_of_the_shell_or_of_python():
    python = [path.name for path in (ROOT / ".ci").iterdir() if path.read_text().startswith("#!/usr/bin/env python3")]
    assert python == ["gpu-check"]
    assert [path.name for path in SCRIPTS] == ["contribution", "fleet", "history", "nightly", "run"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_strict_parses_and_can_be_run(script):
    assert "\nset -euo pipefail\n" in script.read_text()
    assert os.access(script, os.X_OK)
    assert run(ROOT, "bash", "-n", str(script)).returncode == 0
    assert len(script.read_text().splitlines()) <= 250


def blocks(workflow):
    """What each `run:` of a workflow gives to the shell."""
    lines, found = workflow.read_text().splitlines(), []
    for number, line in enumerate(lines):
        if match := re.fullmatch(r"( *)(?:- )?run: (.*)", line):
            indent = len(match[1]) + (2 if "- run:" in line else 0)
            below = []
            for following in lines[number + 1 :]:
                if following.strip() and len(following) - len(following.lstrip()) <= indent:
                    break
                below.append(following)
            found.append(textwrap.dedent("\n".join(below)) if match[2] == "|" else match[2])
    return found


@pytest.mark.parametrize("workflow", sorted(WORKFLOWS.iterdir()), ids=lambda path: path.name)
def test_every_run_block_of_a_workflow_is_bash(workflow):
    assert blocks(workflow)
    for block in blocks(workflow):
        assert run(ROOT, "bash", "-n", "-c", block).returncode == 0
        assert "${{" not in block


@pytest.mark.parametrize(
    ("code", "step", "said"),
    [
        (0, 0, ""),
        (1, 1, "::error title=nightly::a confirmed regression: see the summary\n"),
        (2, 2, "::error title=nightly::bad input: see the log\n"),
        (3, 0, "::warning title=nightly::the night cannot be judged: see the log\n"),
        (127, 127, "::error title=nightly::bad input: see the log\n"),
    ],
)
def test_the_workflow_fails_of_a_regression_and_warns_of_a_night_that_cannot_be_judged(tmp_path, code, step, said):
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "nightly").write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / ".ci" / "nightly").chmod(0o755)
    ran = run(tmp_path, "bash", "-e", "-c", blocks(WORKFLOWS / "nightly.yml")[0])  # as GitHub runs a block
    assert (ran.returncode, ran.stdout) == (step, said)


# all machines together


def test_the_summary_of_all_machines_is_of_what_the_history_branch_has(two_nights):
    folder, real, nights = two_nights
    ran = run(folder, ".ci/fleet", **real)
    assert ran.returncode in (0, 3), ran.stderr  # 3 where this machine was disturbed
    assert re.search(r"^nightly, \d{4}-\d\d-\d\d: nothing is confirmed", ran.stdout, re.MULTILINE)
    page = (folder / "fleet.md").read_text()
    assert f"| {next((folder / 'results').iterdir()).name} | 0002_nightly |" in " ".join(page.split())
    assert (folder / "fleet-comment.md").read_text().startswith("# nightly, ")
    assert on_branch(folder) == nights[-1][1]
    assert git(folder, "status", "--porcelain") == "?? results/"
    assert len(git(folder, "worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    ("variables", "code", "said"),
    [
        ({"HISTORY_BRANCH": "a..b"}, 2, "fleet: HISTORY_BRANCH 'a..b' is no branch name"),
        ({"HISTORY_BRANCH": ""}, 2, "fleet: HISTORY_BRANCH '' is no branch name"),
        ({"NIGHTLY_NAME": "../x"}, 2, "fleet: NIGHTLY_NAME takes letters"),
        ({"NEW_PYTHON": "/nowhere/python"}, 2, "fleet: NEW_PYTHON '/nowhere/python' is no interpreter"),
        ({"HISTORY_BRANCH": "nowhere"}, 3, "fleet: the history on origin/nowhere cannot be read"),
    ],
)
def test_a_summary_that_cannot_be_made_says_why(night, tmp_path, variables, code, said):
    stubbed = {
        "NEW_PYTHON": str(tmp_path / "python"),
        "HISTORY_BRANCH": "history",
        "ASKED": str(tmp_path / "asked.txt"),
    }
    ran = run(night.folder, ".ci/fleet", **stubbed | variables)
    assert ran.returncode == code
    assert said in ran.stdout + ran.stderr


GH = """\
#!/usr/bin/env bash
echo "$*" >>calls.txt
case "$*" in
  "issue list "*) echo "${OPEN:-}" ;;
  "issue create "*) echo "https://github.example/o/r/issues/7" ;;
esac
"""


@pytest.mark.parametrize(
    ("known", "first"), [("", "issue create --title nightly: "), ("5", "issue comment 5 --body-file")]
)
def test_the_workflow_posts_the_summary_and_the_body_of_each_machine_that_has_one(tmp_path, known, first):
    (tmp_path / "gh").write_text(GH)
    (tmp_path / "gh").chmod(0o755)
    for folder in ("fleet", "nightly-0", "nightly-1"):
        (tmp_path / folder).mkdir()
    (tmp_path / "nightly-1" / "gate-comment.md").write_text("a body")
    block = blocks(WORKFLOWS / "nightly.yml")[-1]
    ran = run(tmp_path, "bash", "-e", "-c", block, OPEN=known, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert (ran.returncode, ran.stderr) == (0, "")
    calls = (tmp_path / "calls.txt").read_text().splitlines()
    assert calls[2].startswith(first)
    assert "--body-file fleet/fleet-comment.md" in calls[2]
    assert calls[3:] == [f"issue comment {known or 7} --body-file nightly-1/gate-comment.md"]


def test_the_workflow_keeps_history_alone_and_what_it_uploads_is_what_the_night_writes():
    text = (WORKFLOWS / "nightly.yml").read_text()
    for line in ("      contents: write", "          HISTORY_BRANCH: mnv2bench-history", "          fetch-depth: 0"):
        assert re.search(f"^{line}(?: #.*)?$", text, re.MULTILINE)
    assert text.count(": write") == 2  # the history of the first job, and the issues of the last one
    for line in ("gate.md", "gate.xml", "gate-comment.md", "results/", "fleet.md", "fleet-comment.md"):
        assert f"\n            {line}\n" in text
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".baseline/", "/gate.md", "/gate.xml", "/gate-comment.md", "/fleet.md", "/fleet-comment.md"} <= set(ignored)


def test_the_crontab_lines_of_the_docs_run_the_scripts():
    lines = re.findall(r"^\d+ \d+ \* \* \* (.*)$", (ROOT / "docs" / "nightly.md").read_text(), re.MULTILINE)
    assert [re.findall(r"\.ci/\w+", line) for line in lines] == [[".ci/nightly"], [".ci/fleet"]]
    assert all(run(ROOT, "bash", "-n", "-c", line).returncode == 0 for line in lines)
