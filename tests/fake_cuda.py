"""A torch whose GPU is the CPU: what the GPU sessions do on it is done, in order, and written down."""

from types import SimpleNamespace

import torch


class Stream:
    cuda_stream = 77

    def __init__(self, done):
        self.done = done

    def synchronize(self):
        self.done.append("synchronize")


class Event:
    """The moment is the number of things done before it, counted in milliseconds."""

    def __init__(self, done, enable_timing):
        assert enable_timing
        self.done, self.at = done, None

    def record(self, stream):
        assert stream.done is self.done
        self.done.append("record")
        self.at = len(self.done)

    def synchronize(self):
        assert self.at is not None
        self.done.append("wait")

    def elapsed_time(self, later):
        return float(later.at - self.at)


class Cuda:
    """Of torch.cuda what `cuda_session` asks for."""

    class _Properties:
        L2_cache_size = 1024

    def __init__(self):
        self.done = []
        self.current = None
        self.available = True

    def is_available(self):
        return self.available

    def Stream(self, device):
        return Stream(self.done)

    def Event(self, enable_timing):
        return Event(self.done, enable_timing)

    def set_device(self, device):
        self.done.append(f"set_device {device}")

    def set_stream(self, stream):
        self.current = stream
        self.done.append("set_stream")

    def get_device_properties(self, device):
        return self._Properties

    def max_memory_allocated(self, device):
        return 1_000_000

    def max_memory_reserved(self, device):
        return 2_000_000


class FakeTorch:
    """Stands for `torch` in `backends.shared.cuda_session`: tensors of the GPU and pinned ones are the CPU's own."""

    def __init__(self):
        self.cuda = Cuda()
        self.pinned = []
        self.version = SimpleNamespace(cuda="13.0")

    def __getattr__(self, name):
        return getattr(torch, name)

    def device(self, kind, index=None):
        assert (kind, index) == ("cuda", 0)
        return torch.device("cpu")

    def set_num_threads(self, number):
        pass

    set_num_interop_threads = set_grad_enabled = set_num_threads  # the tests' own process keeps its own

    def zeros(self, *shape, pin_memory=False, **how):
        made = torch.zeros(*shape, **how)
        if pin_memory:
            self.pinned.append(made)
        return made

    def empty(self, *shape, pin_memory=False, **how):
        made = torch.empty(*shape, **how)
        if pin_memory:
            self.pinned.append(made)
        return made
