"""Open a session, check its outputs, measure: the same steps in a worker, under a profiler and on a remote device."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from mnv2bench.backends import Images, Session
from mnv2bench.gpu.nvml import Watch
from mnv2bench.records import Checks, Memory, Plan
from mnv2bench.records.rounds import Round
from mnv2bench.workers import loop
from mnv2bench.workers.noise import resident_bytes
from mnv2bench.workers.rotation import CHECKED, LEAST, Rotation, timed

CLOCK_NS = time.perf_counter_ns  # as it is before a backend's module is imported
S = TypeVar("S", bound=Session)
C = TypeVar("C")
M = TypeVar("M")


class Opening(Struct, Generic[C, M], frozen=True):
    """What one process learnt of a session: seconds, memory, and what its `check` and its `measure` returned.

    `first_s` is the very first run. `memory` is None where the system does not tell it. `layers` are what the session
    says after all this, since a runtime may need memory to say it.
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

    `logits` are those of the batches whose numbers `rotation.kept` gives. `checks` is not complete yet.
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
    session.clock_ns = CLOCK_NS
    warmup, rounds = loop.measure(session, plan, threads, watch=watch, before_round=rotation.next)
    rotation.end()
    settings = {str(name): str(value) for name, value in session.settings().items()}  # a backend may give numbers
    return Timing(warmup, rounds, settings, rotation.logits, rotation.checks(rounds))


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
    start = time.perf_counter()
    open_session = load()
    import_s = time.perf_counter() - start
    floor = resident_bytes()
    start = time.perf_counter()
    with open_session() as session:
        open_s = time.perf_counter() - start
        loaded = resident_bytes()
        opened(open_s)
        outputs: list[Images] = []
        first_s, first = 0.0, None
        for number in range(CHECKED):
            session.put(batch(number))
            start = time.perf_counter()
            session.run()
            first_s = first_s or time.perf_counter() - start
            first = first or resident_bytes()
            outputs.append(session.get())
        checked = check(outputs)
        session.put(batch(timed(0, LEAST)))
        measured = measure(session)
        peak = resident_bytes("VmHWM")
        layers = dict(session.layers())
    memory = None
    if interpreter_bytes and floor and loaded and peak:
        memory = Memory(interpreter_bytes, floor, loaded, peak, first)
    return Opening(import_s, open_s, first_s, memory, checked, measured, layers)
