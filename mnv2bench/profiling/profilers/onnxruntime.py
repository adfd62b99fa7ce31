"""onnxruntime's own profile: one event for each node and call, in whole microseconds."""

import json
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnxruntime

from mnv2bench.backends import require
from mnv2bench.backends.onnxruntime import OnnxRuntimeSession
from mnv2bench.cases import Case
from mnv2bench.profiling.profilers import Arena, Profiled
from mnv2bench.profiling.readers.onnx_nodes import Exported, Part, fused, kind
from mnv2bench.profiling.records import Operator
from mnv2bench.refusals import Unsupported

MOST_EVENTS = 1_000_000  # onnxruntime drops what comes after
SUFFIX = "_kernel_time"
ADDED = 3  # the input of a convolution that it adds to its result

Event = dict[str, Any]


def events(path: Path) -> list[Event]:
    """ValueError where the file is no profile, was cut off or is full."""
    found = json.loads(path.read_text())
    if not isinstance(found, list) or not all(isinstance(event, dict) for event in found):
        raise ValueError("onnxruntime's profile is no list of events")
    if len(found) >= MOST_EVENTS:
        raise ValueError(f"onnxruntime's profile is full: it has {len(found)} events, and the last calls are missing")
    return found


def by_call(found: Sequence[Event]) -> Iterator[dict[str, Event]]:
    """Of each call its nodes' events by the nodes' names, numbered where a name comes twice."""
    nodes: dict[str, Event] = {}
    for event in found:
        name, place = str(event.get("name")), event.get("cat")
        if place == "Node" and name.endswith(SUFFIX):
            node = name.removesuffix(SUFFIX)
            same = sum(known.split(" #")[0] == node for known in nodes)
            nodes[f"{node} #{same + 1}" if same else node] = event
        elif place == "Session" and name == "model_run":  # written when the call is over
            yield nodes
            nodes = {}


def last_calls(path: Path, calls: int) -> list[dict[str, Event]]:
    """The events of the last calls by node; those before were warm-up. ValueError where the nodes are not the same."""
    told = list(by_call(events(path)))[-calls:]
    if len(told) < calls or any(list(nodes) != list(told[0]) for nodes in told):
        raise ValueError(f"onnxruntime's profile has not the same nodes in each of {calls} calls")
    return told


def nanoseconds(event: Event) -> int:
    duration = event.get("dur")
    if not isinstance(duration, int) or duration < 0:
        raise ValueError(f"onnxruntime says that {event.get('name')} took {duration!r}")
    return duration * 1000


def arena_bytes(calls: Sequence[dict[str, Event]]) -> int | None:
    """The largest peak of the arena that any event tells; None where none does."""
    told = [event.get("args", {}).get("mem_in_use_peak") for nodes in calls for event in nodes.values()]
    return max((int(peak) for peak in told if peak is not None), default=None)


def parts(optimised: Path, exported: Exported) -> dict[str, Part]:
    """What the nodes of the graph that ran are: they are renamed there, and keep the names of their parameters."""
    found = {}
    for node in onnx.load(optimised).graph.node:
        readers = [reader for name in node.input[1:] for reader in exported.readers.get(name, ())]
        known = next((r for r in readers if kind(r) == kind(node)), exported.named.get(node.name))
        fuses = [Part(kind(node), ()) if known is None else exported.part(known)]
        if known is not None and known.op_type == "Conv" and len(node.input) > ADDED:
            fuses += [exported.part(r) for r in exported.readers[known.output[0]] if kind(r) == "add"]
        if any(a.name == "activation" for a in node.attribute):
            fuses.append(Part("activation", ()))
        found[node.name] = fused(fuses)
    return found


class OnnxRuntimeProfiled(Profiled):
    profiler = f"onnxruntime {onnxruntime.__version__} profile"
    notes = ("whole microseconds",)
    calls = 0
    peak: int | None = None

    def __init__(self, case: Case, path: Path, folder: Path) -> None:
        self.optimised = folder / "optimised.onnx"
        self.exported = Exported(path)
        options = onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        options.optimized_model_filepath = str(self.optimised)
        opened = OnnxRuntimeSession(case, path, options)
        super().__init__(opened)
        self.runtime = opened.session

    def ran(self) -> None:
        self.calls += 1

    def stop(self, trace: Path | None = None) -> Sequence[Operator]:
        written = Path(self.runtime.end_profiling())
        if trace:
            shutil.copyfile(written, trace)
        told = last_calls(written, self.calls)
        self.peak = arena_bytes(told)
        known, unknown = parts(self.optimised, self.exported), Part("other", ())
        operators = []
        for name in told[0]:
            part = known.get(name.split(" #")[0], unknown)
            durations = tuple(nanoseconds(nodes[name]) for nodes in told)
            operators.append(Operator(name, part.kind, durations, part.origins))
        return operators

    def arena(self) -> Arena | None:
        if self.peak is None:
            return None
        return Arena(self.peak, "the most bytes in use in its arena, with the weights that are kept there")


def open(case: Case, path: Path, folder: Path) -> Profiled:
    require(case)
    if case.gpu is not None:
        raise Unsupported("onnxruntime's profile times on a GPU what the host queues, not what the GPU computes")
    return OnnxRuntimeProfiled(case, path, folder)
