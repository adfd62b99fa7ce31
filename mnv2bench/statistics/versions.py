"""Versions: of the runtime that a case ran on, and those that differ between two environments."""

from collections.abc import Mapping

from mnv2bench.records import Record

ABSENT = "–"


def differing_versions(old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Name, old version and new version of each library or fact that differs; a dash where a side has none."""
    names = sorted(old.keys() | new.keys())
    return [(name, old.get(name, ABSENT), new.get(name, ABSENT)) for name in names if old.get(name) != new.get(name)]


def runtime_version(record: Record) -> str | None:
    """`openvino 2026.4.1`: what its processes imported, or what ran on another device; None where nothing says so."""
    imported = [process.samples.libraries for process in record.processes]
    versions = {f"{name} {version}" for libraries in imported for name, version in libraries.items()}
    on_device = {process.target.facts.get("runtime", "") for process in record.processes if process.target}
    return ", ".join(sorted(versions | on_device - {""})) or None
