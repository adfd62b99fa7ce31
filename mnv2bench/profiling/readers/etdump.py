"""Reader of ExecuTorch's profiles and programs, by the flatc and the schemas in its wheel.

ExecuTorch's own Inspector takes 8 s to read a profile, with pandas and the exporter; flatc takes 0.1 s.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import executorch.data.bin

BIN = Path(executorch.data.bin.__file__).parent
SCHEMAS = BIN.parents[1]
PROFILES, PROGRAMS = SCHEMAS / "devtools/etdump/etdump_schema_flatcc.fbs", SCHEMAS / "schema/program.fbs"
READ_S = 60.0
CONTAINING = (
    "OPERATOR_CALL",
    "DELEGATE_CALL",
    "Method::execute",
)  # each contains other events


def calls(dump: Path, folder: Path) -> list[list[tuple[str, int]]]:
    """Names and nanoseconds of the operators of each call in a profile. Raises ValueError for a damaged file."""
    size = dump.stat().st_size
    with dump.open("rb") as file:
        declared = int.from_bytes(file.read(4), "little") + 4  # flatc does not notice all that was cut off
    if size < 8 or declared != size:
        raise ValueError(f"the profile {dump.name} is damaged: it has {size} bytes and not the {declared} that it says")
    runs = _read(PROFILES, dump, folder, "--size-prefixed").get("run_data", [])
    return [list(_operators(run.get("events", []))) for run in runs if run["name"] == "Execute"]


def _operators(events: list[dict[str, Any]]) -> Iterator[tuple[str, int]]:
    """Names and nanoseconds of a delegate's operators and of those outside it, without the calls that contain them."""
    for event in (entry["profile_event"] for entry in events if "profile_event" in entry):
        name = event.get("delegate_debug_id_str") or event.get("name", "")
        if name not in CONTAINING:
            yield name, event["end_time"] - event["start_time"]


def planned_bytes(program: Path, folder: Path) -> int:
    """Bytes that were planned for the activations of a program's "forward", outside its delegates."""
    plans = _read(PROGRAMS, program, folder)["execution_plan"]
    return sum(sum(plan["non_const_buffer_sizes"]) for plan in plans if plan["name"] == "forward")


def _read(schema: Path, file: Path, folder: Path, *options: str) -> dict[str, Any]:
    as_json = ["--json", "--strict-json", "--defaults-json", *options, "-o", str(folder)]
    command = [str(BIN / "flatc"), *as_json, str(schema), "--", str(file)]
    if code := subprocess.run(command, capture_output=True, timeout=READ_S, check=False).returncode:
        raise ValueError(f"{file.name} is damaged: flatc cannot read it, and ended with {code}")
    read: dict[str, Any] = json.loads((folder / f"{file.stem}.json").read_text())
    return read
