"""Two files with other classes, or one with subnormal weights, are not compared without a word."""

import json
import shutil
from pathlib import Path

import pytest

FROZEN = Path(__file__).parent / "frozen" / "schema1.jsonl"


@pytest.fixture
def changed(tmp_path):
    """The frozen file, and a copy in which its text is changed: changed(old, new)."""

    def change(change_head, old="", new=""):
        shutil.copy(FROZEN, tmp_path / "a.jsonl")
        head, *others = FROZEN.read_text().replace(old, new).splitlines()
        fields = json.loads(head)
        change_head(fields)
        (tmp_path / "b.jsonl").write_text("\n".join([json.dumps(fields, separators=(",", ":")), *others]) + "\n")
        return str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl")

    return change


def test_subnormal_weights_must_match(command, changed):
    weights = {"seed": 0, "file": "tiny.pt", "content": "ab", "reading": "", "subnormal": 1344}
    ran = command("mnv2bench", "compare", *changed(lambda head: head.update(weights=weights)))
    assert ran.returncode == 2
    reason = "subnormal values of the weights: 0 in A, 1344 in B"
    assert ran.stderr.startswith(f"mnv2bench: A and B are not comparable ({reason}): --force shows the numbers")


def test_the_number_of_classes_must_match(command, changed):
    ran = command("mnv2bench", "compare", *changed(lambda head: None, "_96-b1", "_96_10classes-b1"))
    assert ran.returncode == 2
    assert "classes: 1000 in A, 10" in ran.stderr
