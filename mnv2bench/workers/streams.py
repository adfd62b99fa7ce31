"""Streams: the sessions of one process, each used by a thread of its own where there are several."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier
from types import TracebackType
from typing import Generic, Self, TypeVar

from mnv2bench.backends import Session

S = TypeVar("S", bound=Session)
T = TypeVar("T")


class Streams(Generic[S]):
    """Open sessions, and the threads that use them. A context manager, which closes the sessions.

    A session that is alone is used by the thread that opened it, without any other thread in the process. Of several,
    each has a thread of its own, which alone calls `put`, `run` and `get`.
    """

    def __init__(self, sessions: Sequence[S]) -> None:
        if not sessions:
            raise ValueError("a backend opened no session: open_streams returns one for each stream of the case")
        self.sessions = tuple(sessions)
        self._start = Barrier(len(self.sessions))
        self._closing = ExitStack()
        self._threads: list[ThreadPoolExecutor] = []
        if len(self.sessions) > 1:
            self._threads = [
                ThreadPoolExecutor(1, f"stream-{number}", session.prepare_thread)
                for number, session in enumerate(self.sessions)
            ]

    def in_turn(self, step: Callable[[int, S], T]) -> list[T]:
        """The results of a step with each session and its number, one after the other."""
        if not self._threads:
            return [step(0, self.sessions[0])]
        return [
            thread.submit(step, number, session).result()
            for number, (thread, session) in enumerate(zip(self._threads, self.sessions, strict=True))
        ]

    def at_once(self, step: Callable[[S], T]) -> list[T]:
        """The results of a step with each session, which all begin it at the same time."""
        if not self._threads:
            return [step(self.sessions[0])]

        def together(session: S) -> T:
            self._start.wait()
            return step(session)

        pairs = zip(self._threads, self.sessions, strict=True)
        steps = [thread.submit(together, session) for thread, session in pairs]
        return [step.result() for step in steps]

    def __enter__(self) -> Self:
        for session in self.sessions:
            self._closing.enter_context(session)
        for thread in self._threads:
            self._closing.enter_context(thread)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.__exit__(kind, error, trace)


def alone(session: S) -> Streams[S]:
    """The streams of a process that has one session."""
    return Streams([session])
