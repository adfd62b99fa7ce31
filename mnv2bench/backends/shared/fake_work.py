"""What the backend of the tests does in `put`, `run` and `get`: right, or one of the ways in which a backend cheats."""

import hashlib
from collections.abc import Callable

from mnv2bench.backends.interface.session import Images


def batch_name(images: Images) -> str:
    """A text by which a batch of images is known: the SHA-256 of its bytes."""
    return hashlib.sha256(images.tobytes()).hexdigest()


class Work:
    """Right: `run` computes, and nothing else does.

    `look_up` returns the logits of a batch of images, which is known by a text; `spend` takes the time of a call.
    """

    def __init__(self, look_up: Callable[[str], Images], spend: Callable[[], None]) -> None:
        self.look_up, self.spend = look_up, spend
        self.images = ""
        self.logits = look_up("")

    def put(self, images: str) -> None:
        self.images = images

    def run(self) -> None:
        self.logits = self.compute(self.images)

    def get(self) -> Images:
        return self.logits

    def compute(self, images: str) -> Images:
        self.spend()
        return self.look_up(images)


class Stops(Work):
    """Computes the two calls that are checked first, and then returns at once."""

    calls = 0

    def run(self) -> None:
        self.calls += 1
        if self.calls <= 2:
            super().run()


class ComputesInGet(Work):
    """`run` keeps the images, and `get` computes with them."""

    kept = ""

    def run(self) -> None:
        self.kept = self.images

    def get(self) -> Images:
        return self.compute(self.kept)


class ReadsLateInGet(Work):
    """`run` does nothing, and `get` computes with whatever images are there then."""

    def run(self) -> None:
        pass

    def get(self) -> Images:
        return self.compute(self.images)


class ComputesInPut(Work):
    """`put` computes, and `run` hands out the result."""

    ready: Images | None = None

    def put(self, images: str) -> None:
        super().put(images)
        self.ready = self.compute(images)

    def run(self) -> None:
        self.logits = self.look_up("") if self.ready is None else self.ready


class Caches(Work):
    """Computes once for the same images."""

    def __init__(self, look_up: Callable[[str], Images], spend: Callable[[], None]) -> None:
        super().__init__(look_up, spend)
        self.results: dict[str, Images] = {}

    def run(self) -> None:
        if self.images not in self.results:
            self.results[self.images] = self.compute(self.images)
        self.logits = self.results[self.images]


class Repeats(Work):
    """Computes only where the images are others than those of the call before."""

    last = ""

    def run(self) -> None:
        if self.images != self.last:
            super().run()
        self.last = self.images


class LagsBehind(Work):
    """From the third call on it returns the logits of the call before: two buffers, and the wrong one is read."""

    calls = 0
    pending: Images

    def run(self) -> None:
        self.calls += 1
        before = self.logits if self.calls <= 3 else self.pending
        self.pending = self.compute(self.images)
        self.logits = self.pending if self.calls <= 2 else before


class TakesNoTime(Work):
    """Computes each call, in less time than any machine could."""

    def compute(self, images: str) -> Images:
        return self.look_up(images)


class MixesStreams(Work):
    """Keeps the result where the next session of the process overwrites it: right as long as one is used at a time."""

    result: Images

    def run(self) -> None:
        MixesStreams.result = self.compute(self.images)

    def get(self) -> Images:
        return MixesStreams.result


FAULTS: dict[str, type[Work]] = {
    "stops": Stops,
    "computes in get": ComputesInGet,
    "reads late": ReadsLateInGet,
    "computes in put": ComputesInPut,
    "caches": Caches,
    "repeats": Repeats,
    "lags": LagsBehind,
    "takes no time": TakesNoTime,
    "mixes streams": MixesStreams,
}
