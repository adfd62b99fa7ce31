"""The system under test: the sessions of a case, which answer the queries that LoadGen sends."""

import threading
import time
from array import array
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from statistics import median, quantiles
from types import TracebackType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mnv2bench.backends import Images, Session
from mnv2bench.loadgen.library import Library
from mnv2bench.loadgen.records import Parts
from mnv2bench.workers.streams import Streams

Logits = NDArray[np.float32]


class Sample(Protocol):
    """A sample of a query: LoadGen's id of it, and the number of its image in the library."""

    id: int
    index: int


Complete = Callable[[Sequence[Sample], Images | None], None]  # tell LoadGen the logits; None: there are none


class FirstFailure:
    """The first exception of any thread. Used as a context manager, it lets none out.

    An exception that left a callback of LoadGen would unwind its C++ and end the process with a signal.
    """

    error: BaseException | None = None

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self.error = self.error or error
        return error is not None


class Clocks:
    """Nanoseconds of the parts of each call of one session, in the order of the calls."""

    def __init__(self) -> None:
        self.put, self.run, self.get = array("q"), array("q"), array("q")


class System:
    """Answers queries with the sessions of all streams: in the thread of the caller, or each in its own thread.

    `complete` is called once for each batch, with its samples and their logits. `answers` are the last logits of each
    image.
    """

    def __init__(self, streams: Streams[Session], batch: int, library: Library, complete: Complete) -> None:
        self.streams, self.batch, self.library, self.complete = streams, batch, library, complete
        self.clocks = {session: Clocks() for session in streams.sessions}
        self.answers: dict[int, Logits] = {}
        self.failure = FirstFailure()
        self.waiting: SimpleQueue[Sequence[Sample] | None] = SimpleQueue()

    def answer(self, samples: Sequence[Sample]) -> None:
        """Answer a query with the first session, before this returns."""
        for start in range(0, len(samples), self.batch):
            self._answer(self.streams.sessions[0], samples[start : start + self.batch])

    def queue(self, samples: Sequence[Sample]) -> None:
        """Leave a query to whichever session is free, in batches."""
        for start in range(0, len(samples), self.batch):
            self.waiting.put(samples[start : start + self.batch])

    def serve(self, send: Callable[[], None]) -> None:
        """Run what sends the queries in a thread of its own, and answer them until it has returned."""
        sending = threading.Thread(target=self._send, args=(send,))
        sending.start()
        self.streams.at_once(self._work)
        sending.join()

    def require_answers(self) -> None:
        """Raise what a session raised; nothing where none did."""
        if self.failure.error is not None:
            raise self.failure.error

    def parts(self, p50_ns: int | None) -> Parts:
        """Where the time of the calls went; `p50_ns` is LoadGen's median latency, where each call is a query."""
        put, run, get = (sorted(self._all(name)) for name in ("put", "run", "get"))
        beside = None
        if p50_ns is not None:
            beside = p50_ns - median(map(sum, zip(*map(self._all, ("put", "run", "get")), strict=True)))
        return Parts(
            calls=len(run),
            put_p50_ns=put[len(put) // 2],
            run_p50_ns=run[len(run) // 2],
            run_p90_ns=round(quantiles(run, n=10, method="inclusive")[-1]),
            get_p50_ns=get[len(get) // 2],
            beside_ns=beside,
        )

    def _all(self, name: str) -> list[int]:
        return [duration for clocks in self.clocks.values() for duration in getattr(clocks, name)]

    def _send(self, send: Callable[[], None]) -> None:
        with self.failure:
            send()
        for _ in self.streams.sessions:
            self.waiting.put(None)

    def _work(self, session: Session) -> None:
        while (samples := self.waiting.get()) is not None:
            self._answer(session, samples)

    def _answer(self, session: Session, samples: Sequence[Sample]) -> None:
        """Compute a batch and complete it; after a failure complete it without logits, so that LoadGen ends."""
        if self.failure.error is None:
            with self.failure:
                self.complete(samples, self._logits(session, samples))
                return
        self.complete(samples, None)

    def _logits(self, session: Session, samples: Sequence[Sample]) -> Images:
        clocks, clock = self.clocks[session], time.perf_counter_ns
        numbers = [sample.index for sample in samples]
        images = self.library.batch(numbers, self.batch)
        start = clock()
        session.put(images)
        before = clock()
        session.run()
        after = clock()
        logits = session.get()
        end = clock()
        clocks.put.append(before - start)
        clocks.run.append(after - before)
        clocks.get.append(end - after)
        for row, number in zip(logits, numbers, strict=False):  # the rest of the batch is filled up
            self.answers[number] = row
        return logits
