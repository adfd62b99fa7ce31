"""Epochs: changes of speed that a person accepted, in a text file; a case's history begins anew at its last one."""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from mnv2bench.files import write_whole
from mnv2bench.records.contents import contents
from mnv2bench.texts import one_line

ALL = ("*",)
MAX_BYTES = 5_000_000
TITLE = "# What `mnv2bench accept` wrote, the newest last: from `night` on, the history of `cases` begins anew.\n"
REQUIRED = ("night", "cases", "who", "when", "why")
KEYS = {*REQUIRED, "commit", "libraries"}
CONTINUATION_KEYS = ("fingerprint", "night", "who", "when", "why", "differs")


@dataclass(frozen=True)
class Epoch:
    """`cases` are ids, or ("*",) for every case; `when` is ISO 8601 in UTC; `commit`, `libraries` are of that night."""

    night: str
    cases: tuple[str, ...]
    who: str
    when: str
    why: str
    commit: str | None
    libraries: dict[str, str]


@dataclass(frozen=True)
class Continuation:
    """Nights under another fingerprint that count as nights of this machine, up to and with `night`.

    `differs`: the facts that differed when a person said so, a readable phrase each.
    """

    fingerprint: str
    night: str
    who: str
    when: str
    why: str
    differs: tuple[str, ...]


def read(path: Path) -> tuple[Epoch, ...]:
    """The epochs in the order of acceptance; () without a file. ValueError, naming the file, where it is damaged."""
    return _accepted(_content(path), path)[0]


def continuations(path: Path) -> tuple[Continuation, ...]:
    """The continuations in the order of acceptance; () without a file. ValueError where the file is damaged."""
    return _accepted(_content(path), path)[1]


def append(path: Path, entry: Epoch | Continuation) -> None:
    """Add one entry behind the others, whose text stays as it was. ValueError where the file is damaged."""
    before = _content(path) or TITLE
    _accepted(before, path)
    text = f"{before.rstrip()}\n\n{block(entry) if isinstance(entry, Epoch) else continuation_block(entry)}"
    _accepted(text, path)  # a hand-made file may read well, and not with a block behind it
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())


def start(epochs: Sequence[Epoch], case_id: str) -> str | None:
    """The night from which the case's history counts, that night included; None where nobody accepted a change."""
    nights = [epoch.night for epoch in epochs if epoch.cases == ALL or case_id in epoch.cases]
    return nights[-1] if nights else None


def pinned(epochs: Sequence[Epoch]) -> Epoch | None:
    """The epoch whose commit and libraries are the baseline environment: the last one."""
    return epochs[-1] if epochs else None


def _content(path: Path) -> str:
    try:
        return contents(path, MAX_BYTES).decode()  # the line breaks of whoever edited it stay as they are
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read ({one_line(str(error))}): restore it with git") from error


def _accepted(text: str, path: Path) -> tuple[tuple[Epoch, ...], tuple[Continuation, ...]]:
    try:
        content = tomllib.loads(text)
        unknown = sorted(set(content) - {"epoch", "continuation"})
        if unknown:
            raise ValueError(f"unknown key {unknown[0]!r}")
        epochs = tuple(map(_epoch, _typed(content.get("epoch", []), list, "epoch")))
        continued = _typed(content.get("continuation", []), list, "continuation")
        return epochs, tuple(map(_continuation, continued))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({one_line(str(error))}): correct it, or restore it with git") from error


def _epoch(fields: object) -> Epoch:
    """One [[epoch]] block; a person may have mistyped any of its keys."""
    known: dict[str, Any] = _typed(fields, dict, "epoch")  # TOML that a person wrote; checked key by key below
    unknown = sorted(set(known) - KEYS)
    if unknown:
        raise ValueError(f"an epoch with an unknown key {unknown[0]!r}")
    missing = [name for name in REQUIRED if not known.get(name)]
    if missing:
        raise ValueError(f"an epoch without {missing[0]!r}")
    cases = tuple(_typed(case, str, "a case") for case in _typed(known["cases"], list, "cases"))
    if "*" in cases and cases != ALL:
        raise ValueError('cases are ids, or "*" alone')
    texts = {name: _typed(known[name], str, name) for name in ("night", "who", "when", "why")}
    _require_date(texts["when"])
    libraries = _typed(known.get("libraries", {}), dict, "libraries")
    return Epoch(
        **texts,
        cases=cases,
        commit=_typed(known["commit"], str, "commit") if "commit" in known else None,
        libraries={name: _typed(version, str, name) for name, version in libraries.items()},
    )


def _require_date(text: str) -> None:
    try:
        datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"when is {text!r}, not a date such as 2026-11-03T09:00:00+00:00") from error


def _continuation(fields: object) -> Continuation:
    """One [[continuation]] block."""
    known: dict[str, Any] = _typed(fields, dict, "continuation")  # TOML that a person wrote; checked key by key below
    if set(known) != set(CONTINUATION_KEYS):
        raise ValueError(f"a continuation has the keys {', '.join(CONTINUATION_KEYS)}")
    texts = {name: _typed(known[name], str, name) for name in CONTINUATION_KEYS[:-1]}
    if not all(texts.values()) or "/" in texts["fingerprint"] or texts["fingerprint"].startswith("."):
        raise ValueError("the fingerprint of a continuation is the name of a folder, and no text of it is empty")
    _require_date(texts["when"])
    differs = tuple(_typed(fact, str, "differs") for fact in _typed(known["differs"], list, "differs"))
    return Continuation(**texts, differs=differs)


def _typed(value: object, expected: type, name: str) -> Any:
    if not isinstance(value, expected):
        raise ValueError(f"{name} is {type(value).__name__}, not {expected.__name__}")
    return value


def block(epoch: Epoch) -> str:
    """The text that `append` writes for an epoch."""
    cases = [_quoted(case) for case in epoch.cases]
    lines = [
        "[[epoch]]",
        f"night = {_quoted(epoch.night)}",
        f"cases = [{cases[0]}]" if len(cases) == 1 else "\n".join(["cases = [", *(f"  {c}," for c in cases), "]"]),
        *(f"{name} = {_quoted(getattr(epoch, name))}" for name in ("who", "when", "why")),
        *([] if epoch.commit is None else [f"commit = {_quoted(epoch.commit)}"]),
        "[epoch.libraries]",
        *(f"{_quoted(name)} = {_quoted(version)}" for name, version in sorted(epoch.libraries.items())),
    ]
    return "\n".join(lines) + "\n"


def continuation_block(entry: Continuation) -> str:
    """The text that `append` writes for a continuation."""
    texts = [f"{name} = {_quoted(getattr(entry, name))}" for name in CONTINUATION_KEYS[:-1]]
    differs = ", ".join(map(_quoted, entry.differs))
    return "\n".join(["[[continuation]]", *texts, f"differs = [{differs}]"]) + "\n"


def _quoted(text: str) -> str:
    """The text as a TOML string, which is a JSON string with DEL escaped."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
