"""Sweeps: in which batches, threads and streams a case of this machine's processor is measured for its throughput."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

BATCH, THREADS, STREAMS = AXES = ("batch", "threads", "streams")
SPELLINGS = {"batches": BATCH, "thread": THREADS, "stream": STREAMS} | dict(zip(AXES, AXES, strict=True))
BATCHES = (1, 8)


class Arrangement(NamedTuple):
    """A batch, and how many streams work at the same time, each on so many threads."""

    batch: int
    streams: int
    threads: int


@dataclass(frozen=True)
class Named:
    """The values that a person named; an empty axis is left to the sweep."""

    batches: Sequence[int] = ()
    threads: Sequence[int] = ()
    streams: Sequence[int] = ()


def axes(text: str) -> tuple[str, ...]:
    """The axes that an option names, each once. ValueError, in one line, for another word."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    if text and not words:
        raise ValueError(f"--sweep {text!r} names nothing: name some of {', '.join(AXES)}, or leave the option out")
    for word in words:
        if word not in SPELLINGS:
            raise ValueError(f"--sweep {word!r} is not one of {', '.join(AXES)}")
    return tuple(dict.fromkeys(SPELLINGS[word] for word in words))


def arrangements(
    swept: Iterable[str], named: Named, cores: int, usual_batches: Sequence[int]
) -> tuple[Arrangement, ...]:
    """Every combination that these cores have room for: streams times threads are no more than they are.

    An axis that is swept has batches 1 and 8, one thread and all, one stream and as many as the cores have room for; an
    axis whose values are named has those. Threads that are neither named nor swept share the cores among the streams,
    and batches are then `usual_batches`.

    ValueError, in one line, where a named number of streams or threads has room in no combination.
    """
    axes_swept = frozenset(swept)
    batches = named.batches or (BATCHES if BATCH in axes_swept else usual_batches)
    pairs = tuple(dict.fromkeys(_pairs(axes_swept, named, cores)))
    for axis, values, place in ((STREAMS, named.streams, 0), (THREADS, named.threads, 1)):
        for value in values:
            if not any(pair[place] == value for pair in pairs):
                raise ValueError(f"--{axis} {value} has no room on {cores} cores: name a smaller number")
    return tuple(Arrangement(batch, *pair) for batch in batches for pair in pairs)


def _pairs(swept: frozenset[str], named: Named, cores: int) -> Iterator[tuple[int, int]]:
    """The numbers of streams and threads that go together."""
    if named.streams or STREAMS not in swept:
        for streams in named.streams or (1,):
            room = max(1, cores // streams)
            every = named.threads or ((1, room) if THREADS in swept else (room,))
            yield from ((streams, threads) for threads in every if streams * threads <= cores or streams == 1)
    elif named.threads or THREADS in swept:
        for threads in named.threads or (1, cores):
            yield from ((streams, threads) for streams in (1, max(1, cores // threads)))
    else:
        yield from ((streams, max(1, cores // streams)) for streams in (1, cores))
