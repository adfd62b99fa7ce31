"""Installs wheels into a folder, without what they depend on: by uv, and by pip where that fails."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from mnv2bench.texts import one_line

INSTALL_S = 1800.0
WHEELS_ONLY = ("--only-binary", ":all:")
INDEX_OPTIONS = {  # of pip's configuration, as options that uv has under these names
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "find-links": "--find-links",
}
OVERRIDES = ("global", "install", ":env:")  # the sections of pip's configuration, the weakest first


class Uninstallable(Exception):
    """A release cannot be installed; the message says why, on one line."""


def install(words: Sequence[str], folder: Path) -> str:
    """Install these requirements or folders of sources into a folder, and return which program did it.

    Raises Uninstallable with what the last program printed where none could.
    """
    reason = ""
    for name, command in _programs():
        try:
            ran = subprocess.run(
                [*command, "--no-deps", "--target", str(folder), *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                errors="replace",
                timeout=INSTALL_S,
                check=False,
                env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            )
        except subprocess.TimeoutExpired:
            reason = f"{name} did not end within {INSTALL_S:.0f} s"
            continue
        if ran.returncode == 0:
            return name
        reason = f"{name}: {_complaint(ran.stderr)}"
    raise Uninstallable(reason)


def _complaint(printed: str) -> str:
    """What a program that failed calls an error, else all that it printed, on one line."""
    errors = [line.partition("ERROR: ")[2] for line in printed.splitlines() if line.lstrip().startswith("ERROR: ")]
    return one_line(" ".join(errors) or printed)


def _programs() -> list[tuple[str, list[str]]]:
    """The programs that can install here, with the beginnings of their commands."""
    programs = []
    if uv := _uv():
        chosen = ["pip", "install", "--quiet", "--python", sys.executable, *_index_options()]
        programs.append(("uv", [*uv, *chosen]))
    return [*programs, ("pip", [sys.executable, "-m", "pip", "install", "--quiet"])]


def _uv() -> list[str]:
    """The command of uv: of this environment, else of the system; [] where there is none."""
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv"]
    program = shutil.which("uv")
    return [program] if program else []


def _index_options() -> list[str]:
    """The options that make uv look where pip looks, which listed the releases."""
    configured = _pip_configuration()
    options = [
        word
        for name, option in INDEX_OPTIONS.items()
        for value in configured.get(name, "").split()
        for word in (option, value)
    ]
    if configured.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        options.append("--no-index")
    return [*options, "--index-strategy", "unsafe-best-match"]  # as pip: the best release of all indexes


def _pip_configuration() -> Mapping[str, str]:
    """The options that pip's files and variables set, by their names."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", timeout=60, check=False)
    by_section: dict[str, dict[str, str]] = {section: {} for section in OVERRIDES}
    for line in ran.stdout.splitlines():
        name, _, quoted = line.partition("=")
        section, _, option = name.partition(".")
        with suppress(ValueError, SyntaxError):
            by_section.get(section, {})[option] = str(ast.literal_eval(quoted))
    return {option: value for section in OVERRIDES for option, value in by_section[section].items()}
