"""Open a session, check its outputs, measure: the same steps in a worker, under a profiler and on a remote device."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain, starmap
from typing import Any, Generic, TypeVar

from msgspec import Struct

from mnv2bench.backends import Images, Session
from mnv2bench.gpu.nvml import Watch
from mnv2bench.records import Checks, Memory, Plan
from mnv2bench.records.rounds import Round
from mnv2bench.workers import loop
from mnv2bench.workers.noise import resident_bytes
from mnv2bench.workers.rotation import CHECKED, LEAST, Rotation, checks, timed
from mnv2bench.workers.streams import Streams, alone

CLOCK_NS = time.perf_counter_ns  # as it is before a backend's module is imported
S = TypeVar("S", bound=Session)
C = TypeVar("C")
M = TypeVar("M")


class Opening(Struct, Generic[C, M], frozen=True):
    """What one process learnt of its sessions: seconds, memory, and what its `check` and its `measure` returned.

    `open_s` is of all streams, and `first_s` is the very first run. `memory` is None where the system does not tell it.
    `layers` are what the session says after all this, since a runtime may need memory to say it.
    """

    import_s: float
    open_s: float
    first_s: float
    memory: Memory | None
    checked: C
    measured: M
    layers: dict[str, int]


class Timing(Struct, frozen=True):
    """The rounds of the timing loop, what the session says that its runtime does, and what is to be checked.

    `logits` are those of the batches whose numbers `rotation.kept` gives, stream after stream. `checks` is not complete
    yet.
    """

    warmup: tuple[Round, ...]
    rounds: tuple[Round, ...]
    settings: dict[str, str]
    logits: list[Images]
    checks: Checks


def time_session(session: Session, plan: Plan, threads: int, rotation: Rotation, watch: Watch | None = None) -> Timing:
    """Warm up and time a session that holds its first images, and put other ones before each round.

    The machine's clock times it, whatever clock the session brings: that one is for simulations.
    """
    return time_streams(alone(session), plan, threads, [rotation], watch)


def time_streams(
    streams: Streams[Any], plan: Plan, threads: int, rotations: Sequence[Rotation], watch: Watch | None = None
) -> Timing:
    """The same with the sessions of all streams, each with a rotation of its own; they have so many threads together.

    What is done between the rounds is done by one stream after the other.
    """
    for session in streams.sessions:
        session.clock_ns = CLOCK_NS

    def put_next() -> None:
        streams.in_turn(lambda number, session: rotations[number].next())

    warmup, rounds = loop.measure(streams, plan, threads, watch=watch, before_round=put_next)
    streams.in_turn(lambda number, session: rotations[number].end())
    logits = list(chain.from_iterable(rotation.logits for rotation in rotations))
    return Timing(warmup, rounds, _settings(streams.sessions), logits, checks(rotations, rounds))


def _settings(sessions: Sequence[Session]) -> dict[str, str]:
    """What the runtime says of itself, by each session once where they differ; a backend may give numbers."""
    settings: dict[str, list[str]] = {}
    for session in sessions:
        for name, value in session.settings().items():
            settings.setdefault(str(name), []).append(str(value))
    return {name: " | ".join(dict.fromkeys(values)) for name, values in settings.items()}


def open_check_measure(
    load: Callable[[], Callable[[], S]],
    batch: Callable[[int], Images],
    check: Callable[[list[Images]], C],
    measure: Callable[[S], M],
    opened: Callable[[float], None] = lambda open_s: None,
    interpreter_bytes: int | None = None,
) -> Opening[C, M]:
    """Open one session, run the two batches that are checked, and measure with the third one.

    `load` imports the runtime and returns the function that opens the session. `batch` makes the images of a number.
    `check` takes the outputs of the first two. `opened` is called with the seconds that opening took.
    `interpreter_bytes` is the resident memory before numpy was imported.
    """

    def load_alone() -> Callable[[], Sequence[S]]:
        open_session = load()
        return lambda: [open_session()]

    opening = open_streams_check_measure(
        load_alone,
        batch=lambda stream, number: batch(number),
        check=lambda stream, outputs: check(outputs),
        measure=lambda streams: measure(streams.sessions[0]),
        opened=opened,
        interpreter_bytes=interpreter_bytes,
    )
    (checked,) = opening.checked
    seconds = (opening.import_s, opening.open_s, opening.first_s)
    return Opening(*seconds, opening.memory, checked, opening.measured, opening.layers)


def open_streams_check_measure(
    load: Callable[[], Callable[[], Sequence[S]]],
    batch: Callable[[int, int], Images],
    check: Callable[[int, list[Images]], C],
    measure: Callable[[Streams[S]], M],
    opened: Callable[[float], None] = lambda open_s: None,
    interpreter_bytes: int | None = None,
) -> Opening[list[C], M]:
    """The same with the sessions of all streams, one after the other until they are measured.

    `load` returns the function that opens them. `batch` makes the images of a stream and a number, and `check` takes a
    stream and its outputs; its results are those of each stream.
    """
    start = time.perf_counter()
    open_sessions = load()
    import_s = time.perf_counter() - start
    floor = resident_bytes()
    start = time.perf_counter()
    with Streams(open_sessions()) as streams:
        open_s = time.perf_counter() - start
        loaded = resident_bytes()
        opened(open_s)
        runs: list[tuple[float, int | None]] = []
        outputs: list[list[Images]] = [[] for _ in streams.sessions]

        def run(stream: int, session: S, number: int) -> None:
            session.put(batch(stream, number))
            start = time.perf_counter()
            session.run()
            runs.append((time.perf_counter() - start, resident_bytes()))
            outputs[stream].append(session.get())

        for number in range(CHECKED):
            streams.in_turn(partial(run, number=number))
        first_s, first = runs[0][0], runs[len(streams.sessions) - 1][1]
        checked = list(starmap(check, enumerate(outputs)))
        streams.in_turn(lambda stream, session: session.put(batch(stream, timed(0, LEAST))))
        measured = measure(streams)
        peak = resident_bytes("VmHWM")
        layers = dict(streams.sessions[0].layers())
    memory = None
    if interpreter_bytes and floor and loaded and peak:
        memory = Memory(interpreter_bytes, floor, loaded, peak, first)
    return Opening(import_s, open_s, first_s, memory, checked, measured, layers)
