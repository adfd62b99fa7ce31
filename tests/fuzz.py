"""Mutations of valid files into the verbs that read them: `python tests/fuzz.py --mutations 500` prints what happened.

`other` are mutations that a reader cannot know: a value within its range became another one within its range, or a
journal was cut at a line and reads as an interrupted campaign.
"""

import argparse
import collections
import contextlib
import io
import json
import os
import random
import sys
import tempfile
from pathlib import Path

KINDS = (
    "deleted field",
    "duplicated line",
    "deleted line",
    "swapped lines",
    "another type",
    "out of range",
    "another value",
    "cut off",
    "flipped bytes",
)
OUT_OF_RANGE = (-1, -1e9, 10**30, 1e300, -5.5)
OTHER_TYPES = (True, "text", [], {}, [1], {"a": 1})


def mutated(content: bytes, kind: str, seed: int) -> bytes:
    """The content with one mutation of this kind; content that is not JSON lines is mutated as text."""
    chance = random.Random(f"{kind} {seed}")
    if kind == "cut off":
        return content[: chance.randrange(len(content))]
    if kind == "flipped bytes":
        flipped = bytearray(content)
        for _ in range(chance.randint(1, 3)):
            flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
        return bytes(flipped)
    lines = content.splitlines(keepends=True)
    place = chance.randrange(len(lines))
    if kind == "duplicated line":
        lines.insert(chance.randrange(len(lines) + 1), lines[place])
    elif kind == "deleted line":
        del lines[place]
    elif kind == "swapped lines":
        other = chance.randrange(len(lines))
        lines[place], lines[other] = lines[other], lines[place]
    else:
        with contextlib.suppress(ValueError):
            fields = json.loads(lines[place])
            _change(fields, kind, chance)
            lines[place] = json.dumps(fields, separators=(",", ":")).encode() + b"\n"
    return b"".join(lines)


def _change(fields: object, kind: str, chance: random.Random) -> None:
    """Change one value somewhere in parsed JSON."""
    places = list(_places(fields))
    if not places:
        return
    holder, key = chance.choice(places)
    value = holder[key]
    if kind == "deleted field" and isinstance(holder, dict):
        del holder[key]
    elif kind == "deleted field":
        return
    elif kind == "another type":
        holder[key] = chance.choice(OTHER_TYPES)
    elif kind == "out of range":
        holder[key] = chance.choice(OUT_OF_RANGE)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        holder[key] = value + chance.choice((-1, 1))


def _places(value):
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield value, key
            yield from _places(item)


def run(words: list[str], stamp: Path) -> tuple[str, str]:
    """How a verb ended, "refused", "read" or "traceback", and what it printed and wrote."""
    from mnv2bench.cli.app import main

    printed, errors = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    sys.argv = ["mnv2bench", *words]
    code: object = 0
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
            main()
    except SystemExit as ended:
        code = ended.code
    except Exception as error:  # what a person would see as a traceback
        return "traceback", f"{words[0]}: {type(error).__name__}: {error}"
    written = "".join(path.read_text(errors="replace") for path in sorted(stamp.glob("out.*")))
    for path in stamp.glob("out.*"):
        path.unlink()
    texts = [stream.buffer.getvalue().decode() for stream in (printed, errors)]
    refused = code == 2 or "skipped: " in texts[1] or (code in (1, 3) and "is damaged" in "".join(texts))
    return ("refused" if refused else "read"), f"{code} {texts[0]} {written}"


def fuzz(mutations: int) -> int:
    """Print a table; return how many tracebacks there were."""
    from saved_nights import LARGE, MACHINE, SMALL, save
    from test_damaged_files import journal as journal_fixture

    from mnv2bench.regression.history import Verdict, epochs, verdicts

    tracebacks = 0
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        os.environ["MNV2BENCH_CACHE"] = str(place / "cache")
        os.environ["COLUMNS"] = "200"
        results = place / "results"
        for number in range(1, 13):
            last = save(results, number, {SMALL: [0.5 + number / 1000] * 3, LARGE: [2.0 + number / 1000] * 3})
        machine = results / MACHINE
        when = "2026-11-30T04:00:00+00:00"
        for number in (3, 5, 7):
            verdicts.append(machine / "verdicts.jsonl", f"{number:04}_nightly", when, [Verdict(SMALL.id, "unchanged")])
        epochs.append(machine / "epochs.toml", epochs.Epoch("0002_nightly", ("*",), "Ada", when, "meant", None, {}))
        journal = journal_fixture.__wrapped__(place) if hasattr(journal_fixture, "__wrapped__") else None
        if journal is None:
            raise SystemExit("the journal of test_damaged_files is no fixture any more")
        history = ["--results", str(results), "--fingerprint", MACHINE]
        out = ["--markdown", str(place / "out.md"), "--csv", str(place / "out.csv")]
        judging = [["history", *history], ["gate", *history]]
        comparing = ["compare", str(journal), str(journal), "--force"]
        floors = ["--results", str(results)]
        checking = ["check-contribution", "--results", str(place / "nowhere"), "--json", str(place / "out.json")]
        reading = {
            "journal": (
                journal,
                [
                    ["report", str(journal), *out],
                    ["recommend", str(journal), *floors],
                    comparing,
                    [*checking, str(journal)],
                ],
            ),
            "saved file": (
                last,
                [["report", str(last), *out], ["recommend", str(last), *floors], [*checking, str(last)], *judging],
            ),
            "verdicts.jsonl": (machine / "verdicts.jsonl", judging),
            "epochs.toml": (machine / "epochs.toml", judging),
        }
        for name, (path, verbs) in reading.items():
            tracebacks += _fuzz_file(name, path, verbs, place, machine / "verdicts.jsonl", mutations)
    return tracebacks


def _fuzz_file(name, path, verbs, place, gate_writes, mutations) -> int:
    whole, kept = path.read_bytes(), gate_writes.read_bytes()
    expected = {}
    for words in verbs:
        expected[words[0]] = run(words, place)[1]
        gate_writes.write_bytes(kept)
    counts: dict[str, collections.Counter[str]] = {words[0]: collections.Counter() for words in verbs}
    others: collections.Counter[str] = collections.Counter()
    for number in range(mutations):
        kind = KINDS[number % len(KINDS)]
        content = mutated(whole, kind, number)
        for words in verbs:
            path.write_bytes(content)
            how, text = run(words, place)
            if how == "read":
                how = "same" if text == expected[words[0]] else "other"
                others[kind] += how == "other"
            if how == "traceback":
                print(name, kind, number, text, file=sys.stderr)
            counts[words[0]][how] += 1
            gate_writes.write_bytes(kept)
            path.write_bytes(whole)
    for verb, how_many in counts.items():
        cells = "  ".join(f"{how} {how_many[how]:4}" for how in ("refused", "same", "other", "traceback"))
        print(f"{name:15} {verb:8} {cells}", flush=True)
    print(f"{name:15} other by kind: {dict(+others)}", flush=True)
    return sum(how_many["traceback"] for how_many in counts.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=500)
    sys.exit(1 if fuzz(parser.parse_args().mutations) else 0)
