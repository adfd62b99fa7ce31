"""What the backends on an NVIDIA GPU share: a stream with its events, tensors on the GPU, pinned host memory."""

from collections.abc import Callable
from typing import cast

import numpy as np
import torch

from mnv2bench.backends.interface.session import Images, Mark, Session
from mnv2bench.case import Case
from mnv2bench.precisions import named


def dtype(case: Case) -> torch.dtype:
    """torch's element type of the case's weights and images."""
    element: torch.dtype = getattr(torch, named(case.precision).dtype)
    return element


class CudaMark:
    """An event of CUDA with timing."""

    def __init__(self, stream: torch.cuda.Stream) -> None:
        self.stream = stream
        self.event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]

    def record(self) -> None:
        self.event.record(self.stream)

    def wait(self) -> None:
        self.event.synchronize()

    def ns_since(self, earlier: Mark) -> int:
        """Nanoseconds from CUDA's float32 milliseconds, in steps of about half a microsecond."""
        milliseconds: float = cast(CudaMark, earlier).event.elapsed_time(self.event)
        return round(milliseconds * 1e6)


class CudaQueue:
    """A stream, made current here, and the tensors that a backend's call reads and writes on it.

    `input` is (batch, 3, resolution, resolution) in the case's number format. `call` queues one inference on `stream`
    and returns; it leaves its logits, (batch, classes) on the device, in `output`. The queue comes first, for the call
    needs its stream and its input: give `call` and `output` to it when they are there.
    """

    output: torch.Tensor

    def __init__(self, case: Case, call: Callable[[], None] | None = None) -> None:
        self.device = torch.device("cuda", case.gpu or 0)
        torch.cuda.set_device(self.device)
        self.stream = torch.cuda.Stream(self.device)  # type: ignore[no-untyped-call]
        torch.cuda.set_stream(self.stream)  # once: as a context manager it would be timed with every call
        shape, element = case.input_shape, dtype(case)
        self.input = torch.zeros(shape, dtype=element, device=self.device)
        self.images = torch.zeros(shape, dtype=element, pin_memory=True)
        self.output = torch.zeros(0)
        self.logits = torch.zeros(0)
        self.cooling: torch.Tensor | None = None
        self.call = call or self._nothing

    @staticmethod
    def _nothing() -> None:
        raise ValueError("the queue has no call yet")

    def enqueue(self) -> None:
        self.call()

    def synchronize(self) -> None:
        self.stream.synchronize()

    def mark(self) -> CudaMark:
        mark = CudaMark(self.stream)
        mark.record()  # CUDA makes an event at its first record
        return mark

    def copy_in(self) -> None:
        self.input.copy_(self.images, non_blocking=True)

    def copy_out(self) -> None:
        if self.logits.shape != self.output.shape:
            self.logits = torch.empty(self.output.shape, dtype=self.output.dtype, pin_memory=True)
        self.logits.copy_(self.output, non_blocking=True)

    def cool_l2(self) -> None:
        if self.cooling is None:
            size = 2 * torch.cuda.get_device_properties(self.device).L2_cache_size
            self.cooling = torch.empty(size, dtype=torch.int8, device=self.device)
        self.cooling.zero_()


class CudaSession(Session):
    """What a session on a GPU does besides its call: torch, onnxruntime and TensorRT alike."""

    queue: CudaQueue

    def __init__(self, queue: CudaQueue) -> None:
        self.queue = queue

    def put(self, images: Images) -> None:
        self.queue.images.copy_(torch.from_numpy(images))
        self.queue.copy_in()
        self.queue.synchronize()

    def run(self) -> None:
        self.queue.call()
        self.queue.stream.synchronize()

    def get(self) -> Images:
        self.queue.copy_out()
        self.queue.synchronize()
        return np.array(self.queue.logits.float().numpy(), dtype=np.float32)

    def settings(self) -> dict[str, str]:
        """A backend adds its own; where it captured a CUDA graph it says "yes", where that failed "no: " and why."""
        dtype = str(self.queue.input.dtype).removeprefix("torch.")
        return {"input": f"{dtype} NCHW", "CUDA graph": "no", "host waits": "as CUDA does by default"}

    def device_memory(self) -> dict[str, int]:
        """The peaks of torch's allocator, since the process began: inputs, and all that torch computes with."""
        device = self.queue.device
        return {
            "torch_allocated": torch.cuda.max_memory_allocated(device),
            "torch_reserved": torch.cuda.max_memory_reserved(device),
        }
