"""A CUDA graph by the driver's return codes: a capture that fails is an answer here, and no exception."""

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

THREAD_LOCAL = 1  # CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, as trtexec: other threads may go on allocating


@cache
def _driver() -> Any:
    return ctypes.CDLL("libcuda.so.1")


def _failed(call: str, *arguments: Any) -> str:
    """Why a call of the driver's failed, "" where it did not."""
    code = getattr(_driver(), call)(*arguments)
    if not code:
        return ""
    name = ctypes.c_char_p()
    _driver().cuGetErrorName(code, ctypes.byref(name))
    return f"{call}: error {code} {(name.value or b'').decode()}".rstrip()


class CudaGraph:
    """The work that one call queues on a stream: `capture` records it, and `launch` queues all of it at once."""

    def __init__(self, stream: int) -> None:
        self.stream = ctypes.c_void_p(stream)
        self.executable = ctypes.c_void_p()
        self.enqueue = _driver().cuGraphLaunch

    def capture(self, enqueue: Callable[[], str]) -> str:
        """Capture what `enqueue` queues; "" where that succeeded, else the reason. `enqueue` returns the same.

        After a capture that failed the stream is as before; what `enqueue` used may not be.
        """
        if refused := _failed("cuStreamBeginCapture_v2", self.stream, THREAD_LOCAL):
            return refused
        graph = ctypes.c_void_p()
        refused = enqueue()
        ended = _failed("cuStreamEndCapture", self.stream, ctypes.byref(graph))  # a capture ends, whatever came of it
        if not refused and not ended:
            flags = ctypes.c_ulonglong(0)
            ended = _failed("cuGraphInstantiateWithFlags", ctypes.byref(self.executable), graph, flags)
        if graph.value:
            _driver().cuGraphDestroy(graph)
        return refused or ended

    def launch(self) -> None:
        """Queue the graph. RuntimeError where the driver refuses."""
        if code := self.enqueue(self.executable, self.stream):
            raise RuntimeError(f"cuGraphLaunch: error {code}")

    def close(self) -> None:
        """Give the graph back to the driver; nothing of it may still be queued."""
        if self.executable.value:
            _driver().cuGraphExecDestroy(self.executable)
            self.executable = ctypes.c_void_p()
