"""onnxruntime's profile, and which nodes of the exported file each node of the graph that ran computes."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import onnx

from mnv2bench.profiling.readers.onnx_nodes import Exported, Part, fused, operator_type

MOST_EVENTS = 1_000_000  # onnxruntime drops what comes after
SUFFIX = "_kernel_time"
ADDING = ("Conv", "FusedConv")
ADDED = 3  # the input of such a convolution that it adds to its result
SHAPE = ("group", "kernel_shape", "strides")

Event = dict[str, Any]  # onnxruntime's JSON, read field by field below


def events(path: Path) -> list[Event]:
    """Every event of a profile. ValueError where the file is no profile, was cut off or is full."""
    listed = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(listed, list) or not all(isinstance(event, dict) for event in listed):
        raise ValueError("onnxruntime's profile is no list of events")
    if len(listed) >= MOST_EVENTS:
        raise ValueError(f"onnxruntime's profile is full: it has {len(listed)} events, and the last calls are missing")
    return listed


def by_call(listed: Sequence[Event]) -> Iterator[dict[str, Event]]:
    """The events of each call by the names of their nodes, numbered where a name comes twice."""
    nodes: dict[str, Event] = {}
    for event in listed:
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
    last = list(by_call(events(path)))[-calls:]
    if len(last) < calls or any(list(nodes) != list(last[0]) for nodes in last):
        raise ValueError(f"onnxruntime's profile has not the same nodes in each of {calls} calls")
    return last


def nanoseconds(event: Event) -> int:
    """The duration of an event. ValueError where it has none."""
    duration = event.get("dur")
    if not isinstance(duration, int) or duration < 0:
        raise ValueError(f"onnxruntime says that {event.get('name')} took {duration!r}")
    return duration * 1000


def arena_bytes(calls: Sequence[dict[str, Event]]) -> int | None:
    """The largest peak of the arena that any event reports; None where none does."""
    peaks = [event.get("args", {}).get("mem_in_use_peak") for nodes in calls for event in nodes.values()]
    return max((int(peak) for peak in peaks if peak is not None), default=None)


def parts(optimised: Path, exported: Exported) -> dict[str, Part]:
    """What each node of the graph that ran computes, by its name.

    The graph that ran has other names than the file, and on a processor with AVX-512 most weights and biases are
    renamed too, because they are padded to blocks of 16 channels. What stays is the path: a node starts from a tensor
    of the file, or from one that holds the same numbers in another layout.
    """
    walk = _Walk(exported)
    return {node.name: walk.part(node) for node in onnx.load(optimised).graph.node}


class _Walk:
    """The nodes of the graph that ran, visited in its order, which is that of the data."""

    def __init__(self, exported: Exported) -> None:
        self.exported = exported
        self.tensors: dict[str, str] = {}  # of the graph that ran: the tensor of the file with the same numbers
        self.computed: set[int] = set()  # ids of the file's nodes that an earlier node computes

    def part(self, node: onnx.NodeProto) -> Part:
        """What the next node computes."""
        tensor = self.tensors.get(node.input[0], node.input[0]) if node.input else ""
        first = self._first(node, tensor)
        computed = [] if first is None else [first, *self._following(node, first)]
        if computed:
            self.computed.update(map(id, computed))
            tensor = computed[-1].output[0]
        for name in node.output[:1]:
            self.tensors[name] = name if name in self.exported.named else tensor
        described = [self.exported.part(each) for each in computed] or [Part(operator_type(node), ())]
        if _activated(node):
            described.append(Part("activation", ()))
        return fused(described)

    def _first(self, node: onnx.NodeProto, tensor: str) -> onnx.NodeProto | None:
        """The node of the file whose work this one begins with: by its parameters, its input, or its own name."""
        of_input = self._readers([tensor], node)
        of_parameters = self._readers(node.input[1:], node)
        of_both = [reader for reader in of_parameters if any(reader is other for other in of_input)]
        only_reader = of_parameters if len(of_parameters) == 1 else []  # many nodes share a constant
        for readers in (of_both, only_reader, of_input):
            shaped = [reader for reader in readers if _shape(reader) == _shape(node)]
            if readers:
                return (shaped or readers)[0]
        named = self.exported.named.get(node.name)
        return None if named is None or id(named) in self.computed else named

    def _readers(self, tensors: Iterable[str], node: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The file's nodes that read any of these tensors, compute the same as a node, and are not computed yet."""
        readers = {id(reader): reader for name in tensors for reader in self.exported.readers.get(name, ())}
        return [reader for reader in readers.values() if _alike(reader, node) and id(reader) not in self.computed]

    def _following(self, node: onnx.NodeProto, first: onnx.NodeProto) -> list[onnx.NodeProto]:
        """The nodes of the file that this one computes after its first: an addition, then an activation."""
        following: list[onnx.NodeProto] = []
        fuses = ["add"] if node.op_type in ADDING and len(node.input) > ADDED else []
        fuses += ["activation"] if _activated(node) else []
        for wanted in fuses:
            tensor = (following or [first])[-1].output[0]
            following += [r for r in self.exported.readers.get(tensor, ()) if operator_type(r) == wanted][:1]
        return following


def _activated(node: onnx.NodeProto) -> bool:
    """Whether a node applies an activation to its own result."""
    return any(attribute.name == "activation" for attribute in node.attribute)


def _alike(reader: onnx.NodeProto, node: onnx.NodeProto) -> bool:
    """Whether two nodes compute the same; a layout change that the runtime added is like no node of the file."""
    if operator_type(node) in ("layout", "other"):
        return bool(reader.op_type == node.op_type)
    return operator_type(reader) == operator_type(node)


def _shape(node: onnx.NodeProto) -> dict[str, object]:
    """The attributes by which two convolutions of one tensor may differ."""
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute if a.name in SHAPE}
