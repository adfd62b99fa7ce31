"""LiteRT's C API in libLiteRt.so, declared by hand for one version because its wheel ships no headers."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import POINTER, c_bool, c_char_p, c_float, c_int, c_int32, c_size_t, c_uint32, c_uint64, c_void_p
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from mnv2bench.backends.interface.session import Images
from mnv2bench.refusals import Unsupported

DECLARED_FOR = "2.3.0"  # of ai-edge-litert
CPU, FLOAT32, LOCK_READ, LOCK_WRITE = 1, 1, 0, 1
TASKS = Path("/proc/self/task")
OPERATOR, DELEGATED_OPERATOR = 2, 8  # types of events; others contain these


def tasks() -> int:
    """How many threads this process has; 0 where the system does not say. LiteRT has no getter for its own."""
    return len(list(TASKS.iterdir())) if TASKS.is_dir() else 0


class Layout(ctypes.Structure):
    """The dimensions of a tensor."""

    _fields_ = (
        ("rank", c_uint32, 7),
        ("has_strides", c_uint32, 1),
        ("dimensions", c_int32 * 8),
        ("strides", c_uint32 * 8),
    )

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.dimensions[: self.rank])


class TensorType(ctypes.Structure):
    """The element type and the dimensions of a tensor."""

    _fields_ = (("element_type", c_int32), ("layout", Layout))


class Event(ctypes.Structure):
    """A profiler's event; `us` is its duration in whole microseconds. An operator's `start_us` has another clock."""

    _fields_ = (
        ("tag", c_char_p),
        ("type", c_int),
        ("start_us", c_uint64),
        ("us", c_uint64),
        ("memory_before", c_size_t * 3),
        ("memory_after", c_size_t * 3),
        ("metadata", c_uint64 * 2),
        ("source", c_int),
    )


HANDLE, TO_HANDLE = c_void_p, POINTER(c_void_p)
FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "CreateEnvironment": (c_int, c_void_p, TO_HANDLE),
    "CreateModelFromFile": (HANDLE, c_char_p, TO_HANDLE),
    "CreateOptions": (TO_HANDLE,),
    "SetOptionsHardwareAccelerators": (HANDLE, c_int),
    "CreateOpaqueOptions": (c_char_p, c_void_p, c_void_p, TO_HANDLE),
    "AddOpaqueOptions": (HANDLE, HANDLE),
    "CreateCompiledModel": (HANDLE, HANDLE, HANDLE, TO_HANDLE),
    "GetCompiledModelInputBufferRequirements": (HANDLE, c_size_t, c_size_t, TO_HANDLE),
    "GetCompiledModelOutputBufferRequirements": (HANDLE, c_size_t, c_size_t, TO_HANDLE),
    "GetCompiledModelInputTensorLayout": (HANDLE, c_size_t, c_size_t, POINTER(Layout)),
    "GetCompiledModelOutputTensorLayouts": (HANDLE, c_size_t, c_size_t, POINTER(Layout), c_bool),
    "CreateManagedTensorBufferFromRequirements": (HANDLE, POINTER(TensorType), HANDLE, TO_HANDLE),
    "LockTensorBuffer": (HANDLE, POINTER(c_void_p), c_int),
    "UnlockTensorBuffer": (HANDLE,),
    "RunCompiledModel": (HANDLE, c_size_t, c_size_t, TO_HANDLE, c_size_t, TO_HANDLE),
    "CompiledModelGetProfiler": (HANDLE, TO_HANDLE),
    "StartProfiler": (HANDLE,),
    "StopProfiler": (HANDLE,),
    "ResetProfiler": (HANDLE,),
    "GetNumProfilerEvents": (HANDLE, POINTER(c_int)),
    "GetProfilerEvents": (HANDLE, c_int, POINTER(Event)),
}


class Api:
    """The library's functions without their prefix. Raises RuntimeError for a status that is not success."""

    def __init__(self, library: Path) -> None:
        self.c = ctypes.CDLL(None)
        self.c.strdup.argtypes, self.c.strdup.restype = (c_char_p,), c_void_p
        loaded = ctypes.CDLL(str(library))
        self.functions = {name: getattr(loaded, f"LiteRt{name}") for name in FUNCTIONS}
        for name, arguments in FUNCTIONS.items():
            self.functions[name].argtypes = arguments
            self.functions[name].restype = c_int

    def call(self, name: str, *arguments: Any) -> None:
        if status := self.functions[name](*arguments):
            raise RuntimeError(f"LiteRt{name} failed with status {status}")

    def made(self, name: str, *arguments: Any) -> c_void_p:
        """The handle that a function returns by its last argument."""
        handle = c_void_p()
        self.call(name, *arguments, ctypes.byref(handle))
        return handle

    def options(self, **tomls: str) -> c_void_p:
        """Options for running on a CPU, with a TOML text for each of these names."""
        options = self.made("CreateOptions")
        self.call("SetOptionsHardwareAccelerators", options, CPU)
        for name, toml in tomls.items():
            text = self.c.strdup(toml.encode())  # the library frees it
            self.call("AddOpaqueOptions", options, self.made("CreateOpaqueOptions", name.encode(), text, self.c.free))
        return options

    @contextmanager
    def locked(self, buffer: c_void_p, mode: int, shape: tuple[int, ...]) -> Iterator[Images]:
        """A view of a tensor buffer's memory, locked meanwhile."""
        memory = c_void_p()
        self.call("LockTensorBuffer", buffer, ctypes.byref(memory), mode)
        yield np.ctypeslib.as_array(ctypes.cast(memory, POINTER(c_float)), shape)
        self.call("UnlockTensorBuffer", buffer)

    def events(self, profiler: c_void_p) -> list[tuple[str, int]]:
        """Names and nanoseconds of a profiler's operators, in the order in which they ran."""
        count = c_int()
        self.call("GetNumProfilerEvents", profiler, ctypes.byref(count))
        events = (Event * count.value)()
        self.call("GetProfilerEvents", profiler, count, events)
        operators = (event for event in events if event.type in (OPERATOR, DELEGATED_OPERATOR))
        return [(event.tag.decode(errors="replace"), 1000 * event.us) for event in operators]


def require_declared_version() -> None:
    """Raise Unsupported for another ai-edge-litert than the one whose functions and structures are declared here."""
    installed = metadata.version("ai-edge-litert")
    if installed != DECLARED_FOR:
        command = f"pip install ai-edge-litert=={DECLARED_FOR}"
        raise Unsupported(f"LiteRT's C API is declared for ai-edge-litert {DECLARED_FOR}, not {installed}: {command}")
