"""Rotation: the batches of images that a session is timed on, and the logits that it returned of each."""

from collections.abc import Callable, Sequence

from mnv2bench.backends import Images, Session
from mnv2bench.records import Checks
from mnv2bench.records.rounds import Round

CHECKED = 2  # batches whose outputs are checked before anything is timed
LAST = 2  # batches that are first put after the last round
RESTED = 3  # calls after a pause, on images that the session holds
LEAST = CHECKED + 2 + LAST  # batches, so that no two rounds in a row are timed on the same one


def turning(batches: int) -> int:
    """How many of so many batches are timed, one after the other."""
    return batches - CHECKED - LAST


def timed(span: int, batches: int) -> int:
    """The number of the batch that is timed in a span: the warm-up is span 0, and each round is one more."""
    return CHECKED + span % turning(batches)


def kept(rounds: int, batches: int) -> tuple[int, ...]:
    """The numbers of the batches whose logits are kept: after the warm-up, after each round, and of the last ones."""
    return (*(timed(span, batches) for span in range(1 + rounds)), *range(batches - LAST, batches))


def of_stream(seeds: Sequence[int], stream: int) -> tuple[int, ...]:
    """The seeds of a stream's batches: the same in another order, so that two streams hold other images at any time.

    More streams than batches that are timed hold the same ones again.
    """
    checked, others = seeds[:CHECKED], seeds[CHECKED:]
    return (*_turned(checked, stream), *_turned(others, stream))


def _turned(seeds: Sequence[int], places: int) -> Sequence[int]:
    """The seeds that many places further, the first ones at the end."""
    place = places % len(seeds)
    return (*seeds[place:], *seeds[:place])


def new_calls(rounds: Sequence[Round], batches: int) -> list[int]:
    """Durations of the first calls of those rounds whose images the session had not seen before, of each stream."""
    return [calls[0] for round in rounds[: turning(batches) - 1] for calls in round.calls_of_streams]


def repeated_calls(rounds: Sequence[Round], batches: int) -> list[int]:
    """Durations of all other calls of the rounds: on images that the session has seen."""
    new = turning(batches) - 1
    later = [duration for round in rounds[:new] for calls in round.calls_of_streams for duration in calls[1:]]
    return later + [duration for round in rounds[new:] for duration in round.durations_ns]


class Rotation:
    """Puts the batches of one session, and keeps its logits. The session holds the first batch that is timed already.

    `batch` makes the images of a number below `batches`; they are made when they are put and not kept, so that they add
    nothing to the highest memory.
    """

    def __init__(self, session: Session, batch: Callable[[int], Images], batches: int) -> None:
        if batches < LEAST:
            raise ValueError(f"{batches} batches are too few to rotate: {LEAST} at least")
        self.session, self.batch, self.batches = session, batch, batches
        self.span = 0
        self.logits: list[Images] = []
        self.put_ns: list[int] = []
        self.get_ns: list[int] = []
        self.last_ns: list[int] = []
        self.rested_ns: list[int] = []

    def next(self) -> None:
        """Between two spans: keep the logits of the last call, and put the next batch."""
        self._get()
        self.span += 1
        self._put(timed(self.span, self.batches))

    def end(self) -> None:
        """After the last round: run each of the last batches once, and once more after as long a pause.

        The second of them is put before the logits of the first are read: `get` must return what `run` has computed.
        What a call on images that the session holds takes after a pause is no result that it kept: the same pause is
        before each call on new images, and on a busy machine threads wake up late after it.
        """
        self._get()
        numbers = range(self.batches - LAST, self.batches)
        self._put(numbers[0])
        for number in numbers:
            self.last_ns.append(self._call())
            if number < numbers[-1]:
                self._put(number + 1)
            self._get()
        for _ in range(RESTED):
            self.batch(numbers[-1])  # as long a pause as before other images are put
            self.rested_ns.append(self._call())

    def _call(self) -> int:
        start = self.session.clock_ns()
        self.session.run()
        return self.session.clock_ns() - start

    def _put(self, number: int) -> None:
        images = self.batch(number)
        start = self.session.clock_ns()
        self.session.put(images)
        self.put_ns.append(self.session.clock_ns() - start)

    def _get(self) -> None:
        start = self.session.clock_ns()
        self.logits.append(self.session.get())
        self.get_ns.append(self.session.clock_ns() - start)


def checks(rotations: Sequence[Rotation], rounds: Sequence[Round]) -> Checks:
    """What was read of the sessions of all streams beside their rounds."""
    batches = rotations[0].batches
    last_ns = [duration for rotation in rotations for duration in rotation.last_ns]
    return Checks(
        put_ns=min(duration for rotation in rotations for duration in rotation.put_ns),
        get_ns=min(duration for rotation in rotations for duration in rotation.get_ns),
        new_ns=min((*new_calls(rounds, batches), *last_ns)),
        rested_ns=min(duration for rotation in rotations for duration in rotation.rested_ns),
    )
