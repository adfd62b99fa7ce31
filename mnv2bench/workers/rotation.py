"""Rotation: the batches of images that a session is timed on, and the logits that it returned of each."""

from collections.abc import Callable, Sequence

from mnv2bench.backends import Images, Session
from mnv2bench.records import Checks
from mnv2bench.records.rounds import Round

CHECKED = 2  # batches whose outputs are checked before anything is timed
LAST = 2  # batches that are first put after the last round
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


def new_calls(rounds: Sequence[Round], batches: int) -> list[int]:
    """Durations of the first calls of those rounds whose images the session had not seen before."""
    return [round.durations_ns[0] for round in rounds[: turning(batches) - 1]]


def repeated_calls(rounds: Sequence[Round], batches: int) -> list[int]:
    """Durations of all other calls of the rounds: on images that the session has seen."""
    new = turning(batches) - 1
    later = [duration for round in rounds[:new] for duration in round.durations_ns[1:]]
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

    def next(self) -> None:
        """Between two spans: keep the logits of the last call, and put the next batch."""
        self._get()
        self.span += 1
        self._put(timed(self.span, self.batches))

    def end(self) -> None:
        """After the last round: run each of the last batches once.

        The second of them is put before the logits of the first are read: `get` must return what `run` has computed.
        """
        self._get()
        numbers = range(self.batches - LAST, self.batches)
        self._put(numbers[0])
        for number in numbers:
            start = self.session.clock_ns()
            self.session.run()
            self.last_ns.append(self.session.clock_ns() - start)
            if number < numbers[-1]:
                self._put(number + 1)
            self._get()

    def checks(self, rounds: Sequence[Round]) -> Checks:
        """What was read of the session beside its rounds."""
        return Checks(
            put_ns=min(self.put_ns),
            get_ns=min(self.get_ns),
            new_ns=min((*new_calls(rounds, self.batches), *self.last_ns)),
        )

    def _put(self, number: int) -> None:
        images = self.batch(number)
        start = self.session.clock_ns()
        self.session.put(images)
        self.put_ns.append(self.session.clock_ns() - start)

    def _get(self) -> None:
        start = self.session.clock_ns()
        self.logits.append(self.session.get())
        self.get_ns.append(self.session.clock_ns() - start)
