"""Accuracies that were measured before, kept by everything that they depend on, so that nobody measures them again."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import msgspec

from mnv2bench.artifacts import root
from mnv2bench.files import write_whole
from mnv2bench.records import Accuracy
from mnv2bench.records.consistency import require_consistent_accuracy


def path(facts: Iterable[object]) -> Path:
    """Path in the cache of the accuracy that depends on these facts, each of them plain values."""
    content = json.dumps([msgspec.to_builtins(fact) for fact in facts])
    return root() / "accuracies" / f"{hashlib.sha256(content.encode()).hexdigest()[:16]}.json"


def cached(path: Path) -> Accuracy | None:
    """The accuracy that was kept there; None where there is none that is whole."""
    try:
        accuracy = msgspec.json.decode(path.read_bytes(), type=Accuracy)
        require_consistent_accuracy(accuracy)
    except (OSError, ValueError):
        return None
    return accuracy


def keep(path: Path, accuracy: Accuracy) -> None:
    """Keep an accuracy for the next campaign."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(accuracy))
