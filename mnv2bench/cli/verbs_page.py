"""The page of all verbs and their options, from the same declarations as --help; `python -m` this module writes it."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from typer.main import get_command

from mnv2bench.cli import app
from mnv2bench.cli.verbs import EXAMPLES, GROUPS
from mnv2bench.exit_codes import PAGE as EXIT_CODES
from mnv2bench.files import Product, Sort, require_writable, write_whole
from mnv2bench.selection import FLAGS, OPTIONS, REPEATED

PAGE = Sort("list of verbs", earlier="# Verbs\n")
INTRODUCTION = """\
# Verbs

Every verb of `mnv2bench` with its arguments and options, in the order of `mnv2bench --help`. How each verb ends:
[exit codes]({exit_codes}).

This page is made from the declarations in the code: `python -m mnv2bench.cli.verbs_page docs/verbs.md`.
"""
SHARED = "Options that choose cases"
SHARED_TEXT = """\
`run`, `profile`, `roofline`, `duel`, `bisect` and `pytest suites` take them. A list may be written in the singular too.
"""
TAKES_SHARED = f"And the [{SHARED.lower()}](#{SHARED.lower().replace(' ', '-')}).\n"
TABLE = "\n| option | default | meaning |\n|:---|:---|:---|\n"
HIDDEN = ("help",)  # every verb has it
Row = tuple[str, str, str]


def verbs_page() -> str:
    """docs/verbs.md: the groups, and in each the verbs with a table of their options."""
    group_of_all: Any = get_command(app)
    commands = group_of_all.commands
    names = {name.replace("-", "_") for name in (*OPTIONS, *FLAGS, *REPEATED)}
    shared = [_row(parameter) for parameter in commands["run"].params if parameter.name in names]
    parts = [INTRODUCTION.format(exit_codes=Path(EXIT_CODES).name)]
    for group, verbs in GROUPS.items():
        parts.append(f"\n## {group}\n")
        parts += [_verb(name, commands[name], shared) for name in verbs if name in commands]
    parts.append(f"\n## {SHARED}\n\n{SHARED_TEXT}{_table(shared)}")
    return "".join(parts)


def _verb(name: str, command: Any, shared: Sequence[Row]) -> str:
    """A verb: what it does, an example, and its arguments and options but for those that several verbs share."""
    rows = [_row(parameter) for parameter in command.params if parameter.name not in HIDDEN]
    own = [row for row in rows if row not in shared]
    more = f"\n{TAKES_SHARED}" if len(own) < len(rows) else ""
    return f"\n### mnv2bench {name}\n\n{_text(command.help)}\n\n```\n{EXAMPLES[name]}\n```\n{_table(own)}{more}"


def _table(rows: Sequence[Row]) -> str:
    return TABLE + "".join(f"| {' | '.join(row)} |\n" for row in rows) if rows else ""


def _row(parameter: Any) -> Row:
    """The names, the default and the meaning of an argument or option."""
    names = ", ".join(parameter.opts)
    if parameter.param_type_name == "argument":
        names = parameter.name.upper() + (" ..." if parameter.nargs == -1 else "")
    return f"`{names}`", _default(parameter), _cell(parameter.help or "")


def _default(parameter: Any) -> str:
    """The default as a person would type it; nothing for a flag and where the meaning says it."""
    value = parameter.default
    if parameter.required:
        return "needed"
    if value is None or value is False or value == "" or callable(value):
        return ""
    return f"`{value}`"


def _text(text: str | None) -> str:
    """The paragraphs of a docstring, each on one line."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in (text or "").split("\n\n"))


def _cell(text: str) -> str:
    """A text in a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


if __name__ == "__main__":
    place = Path(sys.argv[1])
    require_writable([Product(place, PAGE)])
    write_whole(place, verbs_page().encode())
