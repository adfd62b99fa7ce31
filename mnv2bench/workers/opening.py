"""Open a session, check its outputs, measure: the same steps in a worker, under a profiler and on a remote device."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from msgspec import Struct

from mnv2bench.backends import Images, Session
from mnv2bench.gpu.nvml import Watch
from mnv2bench.records import Memory, Plan
from mnv2bench.records.rounds import Round
from mnv2bench.workers import loop
from mnv2bench.workers.noise import resident_bytes

CHECKED = (0, 1)  # the batches whose outputs are checked
MEASURED = 2  # the batch that is measured

S = TypeVar("S", bound=Session)
C = TypeVar("C")
M = TypeVar("M")


class Opening(Struct, Generic[C, M], frozen=True):
    """What one process learnt of a session: seconds, memory, and what its `check` and its `measure` returned.

    `first_s` is the very first run. `memory` is None where the system does not tell it.
    """

    import_s: float
    open_s: float
    first_s: float
    memory: Memory | None
    checked: C
    measured: M


class Timing(Struct, frozen=True):
    """The rounds of the timing loop, and what the session says that its runtime does."""

    warmup: tuple[Round, ...]
    rounds: tuple[Round, ...]
    settings: dict[str, str]


def time_session(session: Session, plan: Plan, threads: int, watch: Watch | None = None) -> Timing:
    """Warm up and time a session that holds its images."""
    warmup, rounds = loop.measure(session, plan, threads, watch=watch)
    settings = {str(name): str(value) for name, value in session.settings().items()}  # a backend may give numbers
    return Timing(warmup, rounds, settings)


def open_check_measure(
    load: Callable[[], Callable[[], S]],
    batch: Callable[[int], Images],
    check: Callable[[list[Images]], C],
    measure: Callable[[S], M],
    opened: Callable[[float], None] = lambda open_s: None,
    interpreter_bytes: int | None = None,
) -> Opening[C, M]:
    """Open one session, run the batches that are checked, and measure with the third one.

    `load` imports the runtime and returns the function that opens the session. `batch` makes the images of a number
    from 0 to 2. `check` takes the outputs of the first two. `opened` is called with the seconds that opening took.
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
        for number in CHECKED:
            session.put(batch(number))
            start = time.perf_counter()
            session.run()
            first_s = first_s or time.perf_counter() - start
            first = first or resident_bytes()
            outputs.append(session.get())
        checked = check(outputs)
        session.put(batch(MEASURED))
        measured = measure(session)
    peak, memory = resident_bytes("VmHWM"), None
    if interpreter_bytes and floor and loaded and peak:
        memory = Memory(interpreter_bytes, floor, loaded, peak, first)
    return Opening(import_s, open_s, first_s, memory, checked, measured)
