"""An open backend, and the queue of a device that runs beside the host."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float32]


class Mark(Protocol):
    """A point in the work of a queue, timed by the device itself: on a GPU an event."""

    def record(self) -> None:
        """Put the mark behind everything that was queued before."""

    def wait(self) -> None:
        """Return when the device has passed the mark."""

    def ns_since(self, earlier: "Mark") -> int:
        """Nanoseconds by the clock of the device between two marks that it has passed."""


class Queue(Protocol):
    """How work reaches a device that runs beside the host: the parts of what `Session.run` waits for."""

    def enqueue(self) -> None:
        """Queue one inference on the images of the last `put`; return without waiting for it."""

    def synchronize(self) -> None:
        """Return when everything queued is done."""

    def mark(self) -> Mark:
        """A new mark, recorded once already, so that none is made while anything is timed."""

    def copy_in(self) -> None:
        """Queue the copy of the images from pinned host memory to where the inference reads them."""

    def copy_out(self) -> None:
        """Queue the copy of the logits to pinned host memory."""

    def cool_l2(self) -> None:
        """Queue a write over more bytes than the L2 cache holds."""


class Session:
    """An open backend: a context manager, opened once in a process and never again."""

    clock_ns: Callable[[], int] = staticmethod(time.perf_counter_ns)
    queue: Queue | None = None  # of a device that runs beside the host; None where `run` is all there is

    def put(self, images: Images) -> None:
        """Move float32 NCHW images to where `run` reads them. Not timed."""
        raise NotImplementedError

    def run(self) -> None:
        """Run one inference; return when its result is complete. This call is what is timed."""
        raise NotImplementedError

    def get(self) -> Images:
        """Logits of the last `run`, whatever was `put` since: float32 (batch, classes) in a new host array.

        Not timed, so that nothing is computed here.
        """
        raise NotImplementedError

    def settings(self) -> dict[str, str]:
        """What the runtime reports of itself: threads, precision, provider. Empty where it reports nothing."""
        return {}

    def layers(self) -> dict[str, int]:
        """How many convolution and linear layers run in each precision, as {"int8": 52, "fp32": 1}: what the runtime's
        own graph says, and not what was requested of it. Empty where it does not say. Called after the last `get`.
        """
        return {}

    def device_memory(self) -> dict[str, int]:
        """Bytes that the runtime itself counts, by the field names of `records.GpuMemory`. Not timed."""
        return {}

    def prepare_thread(self) -> None:
        """Set in a thread what the runtime keeps for each thread; called where another one than `open`'s uses this."""

    def close(self) -> None:
        """Release what `open` took."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
