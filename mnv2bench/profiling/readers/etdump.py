"""Reader of ExecuTorch's profiles and programs, by the flatc and the schemas in its wheel.

ExecuTorch's own Inspector takes 8 s to read a profile, with pandas and the exporter; flatc takes 0.1 s.
"""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import executorch.data.bin
import msgspec
from msgspec import Struct

BIN = Path(executorch.data.bin.__file__).parent
SCHEMAS = BIN.parents[1]
PROFILES, PROGRAMS = SCHEMAS / "devtools/etdump/etdump_schema_flatcc.fbs", SCHEMAS / "schema/program.fbs"
READ_S = 60.0
CONTAINING = ("OPERATOR_CALL", "DELEGATE_CALL", "Method::execute")  # these events contain others
Schema = TypeVar("Schema", bound=Struct)


class ProfileEvent(Struct):
    """One event of a profile, by ExecuTorch's own clock in nanoseconds."""

    start_time: int
    end_time: int
    name: str | None = None
    delegate_debug_id_str: str | None = None


class Event(Struct):
    """An entry of a run, which is a profile event or something else."""

    profile_event: ProfileEvent | None = None


class Run(Struct):
    """One run of a method, or its loading."""

    name: str
    events: tuple[Event, ...] = ()


class Dump(Struct):
    """A profile."""

    run_data: tuple[Run, ...] = ()


class Plan(Struct):
    """The memory that a method needs, by buffer."""

    name: str
    non_const_buffer_sizes: tuple[int, ...] = ()


class ExportedProgram(Struct):
    """A program."""

    execution_plan: tuple[Plan, ...] = ()


def calls(dump: Path, folder: Path) -> list[list[tuple[str, int]]]:
    """Names and nanoseconds of the operators of each call in a profile. Raises ValueError for a damaged file."""
    size = dump.stat().st_size
    with dump.open("rb") as file:
        declared = int.from_bytes(file.read(4), "little") + 4  # flatc does not notice all that was cut off
    if size < 8 or declared != size:
        raise ValueError(f"the profile {dump.name} is damaged: it has {size} bytes and not the {declared} that it says")
    runs = _read(PROFILES, dump, folder, Dump, "--size-prefixed").run_data
    return [list(_operators(run.events)) for run in runs if run.name == "Execute"]


def _operators(events: Sequence[Event]) -> Iterator[tuple[str, int]]:
    """Names and nanoseconds of a delegate's operators and of those outside it, without the calls that contain them."""
    for event in events:
        profiled = event.profile_event
        if profiled is None:
            continue
        name = profiled.delegate_debug_id_str or profiled.name or ""
        if name not in CONTAINING:
            yield name, profiled.end_time - profiled.start_time


def planned_bytes(program: Path, folder: Path) -> int:
    """Bytes that were planned for the activations of a program's "forward", outside its delegates."""
    plans = _read(PROGRAMS, program, folder, ExportedProgram).execution_plan
    return sum(sum(plan.non_const_buffer_sizes) for plan in plans if plan.name == "forward")


def _read(schema: Path, file: Path, folder: Path, type: type[Schema], *options: str) -> Schema:
    """A flatbuffer's content. Raises ValueError for a damaged file."""
    as_json = ["--json", "--strict-json", "--defaults-json", *options, "-o", str(folder)]
    command = [str(BIN / "flatc"), *as_json, str(schema), "--", str(file)]
    if code := subprocess.run(command, capture_output=True, timeout=READ_S, check=False).returncode:
        raise ValueError(f"{file.name} is damaged: flatc cannot read it, and ended with {code}")
    return msgspec.json.decode((folder / f"{file.stem}.json").read_bytes(), type=type)
