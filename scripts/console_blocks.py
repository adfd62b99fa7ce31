"""Renews the outputs on pages of the documentation: each command of a ```console block is run, and its output replaced.

Run it from the project's root with the project's own environment, and name the pages:

    python scripts/console_blocks.py docs/choosing.md

A command stands behind `$ `. `cd FOLDER` changes the folder of the commands below it; every other command is one of
mnv2bench, on a terminal of 80 columns. tests/test_console_blocks.py runs the same and compares.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(?<=```console\n)(.*?)(?=```)", re.DOTALL)
COLUMNS = "80"


def renewed(page: str) -> str:
    """The page with the outputs that its commands have now. ValueError for a command of another program."""
    folder = ROOT

    def block(match: re.Match[str]) -> str:
        nonlocal folder
        lines = []
        for command in commands(match[0]):
            lines.append(f"$ {command}\n")
            words = shlex.split(command)
            if words[0] == "cd":
                folder /= words[1]
            else:
                lines.append(output(words, folder))
        return "".join(lines)

    return BLOCK.sub(block, page)


def commands(block: str) -> list[str]:
    """The commands of a block, without their outputs."""
    return [line.removeprefix("$ ") for line in block.splitlines() if line.startswith("$ ")]


def output(words: list[str], folder: Path) -> str:
    """What a command of mnv2bench prints, without spaces at the ends of lines and without empty lines around it."""
    if words[0] != "mnv2bench":
        raise ValueError(f"{words[0]!r} is not run here: write it into another block")
    environment = {**os.environ, "COLUMNS": COLUMNS, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    lines = [line.rstrip() for line in (ran.stderr + ran.stdout).splitlines()]
    return "\n".join(lines).strip("\n") + "\n"


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        page.write_text(renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
