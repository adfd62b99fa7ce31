"""The commits of a checkout between two of them, and a folder with the files of one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mnv2bench.bisection.releases import Release, Releases
from mnv2bench.machine import git_output
from mnv2bench.texts import one_line

CHECKOUT_S = 600.0
FIELDS = "%x00".join(("%H", "%h", "%cs", "%s"))


def checkout_commits(folder: Path, good: str, bad: str) -> Releases:
    """The commits from good to bad along the first parents, which a person merged one after the other.

    ValueError, in one line, for a folder that is no checkout, and where bad does not come after good.
    """
    try:
        git_output(folder, "rev-parse", "--show-toplevel")
    except FileNotFoundError as error:
        raise ValueError("--git needs git, which is not installed: apt install git") from error
    except subprocess.SubprocessError as error:
        raise ValueError(f"--git {folder} is no checkout: name the folder of one") from error
    first, last = _hash(folder, "--good", good), _hash(folder, "--bad", bad)
    try:
        git_output(folder, "merge-base", "--is-ancestor", first, last)
    except subprocess.CalledProcessError as error:
        raise ValueError(f"--good {good} is no ancestor of --bad {bad}: name two commits of one line") from error
    between = git_output(folder, "log", "--first-parent", "--reverse", f"--format={FIELDS}", f"{first}..{last}")
    good_line = git_output(folder, "log", "-1", f"--format={FIELDS}", first)
    lines = [good_line, *between.split("\n")]
    if not between:
        raise ValueError(f"--good {good} and --bad {bad} are the same commit: name two")
    return tuple(map(_commit, lines)), {}


def _hash(folder: Path, option: str, name: str) -> str:
    try:
        return git_output(folder, "rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}")
    except subprocess.CalledProcessError as error:
        raise ValueError(f"{option} {name!r} is no commit of {folder}") from error


def _commit(line: str) -> Release:
    identity, name, date, title = line.split("\0", 3)
    return Release(name, identity, date, one_line(title))


@contextmanager
def checked_out(folder: Path, commit: str, place: Path) -> Iterator[Path]:
    """The files of a commit in a work tree of their own at `place`, which is removed in the end."""
    add = ("worktree", "add", "--detach", "--force", str(place), commit)
    git_output(folder, "-c", "core.hooksPath=/dev/null", *add, timeout_s=CHECKOUT_S)  # a hook may do anything
    try:
        yield place
    finally:
        git_output(folder, "worktree", "remove", "--force", str(place), timeout_s=CHECKOUT_S)
