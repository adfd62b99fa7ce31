"""Doubts about a number that a GPU gave: it throttled, was shared or was not watched, or the host set the pace."""

from collections.abc import Iterator

from mnv2bench.gpu.times import enqueue_share, gpu_variation, on_gpu
from mnv2bench.records import Record
from mnv2bench.records.rounds import SHARED, SLOWED
from mnv2bench.statistics.rounds import measured

# docs/thresholds.md#gpu
ENQUEUE_BOUND = 0.8  # of the GPU's time: where trtexec warns that the host sets the pace
MAX_VARIATION = 0.025  # sd over mean of the GPU's times: where trtexec calls them unstable


def gpu_doubts(record: Record) -> Iterator[str]:
    """`throttled`, `shared`, `unwatched`, `enqueue-bound`, `unsteady gpu`; nothing for a case of another device."""
    if record.case.gpu is None:
        return
    yield from _state_doubts(record)
    if not on_gpu(record):
        return
    share = enqueue_share(record)
    if share >= ENQUEUE_BOUND:
        yield f"enqueue-bound: the host's part of a call is {share:.0%} of the GPU's"
    variation = gpu_variation(record)
    if variation > MAX_VARIATION:
        yield f"unsteady gpu: its times of a call vary by {variation:.1%}"


def _state_doubts(record: Record) -> Iterator[str]:
    rounds = [r for samples in measured(record) for r in samples.rounds]
    states = [r.gpu.state if r.gpu else None for r in rounds]
    noise = [state.noise for state in states if state]
    slowed = [words for words in noise if any(word in SLOWED for word in words)]
    if slowed:
        reasons = ", ".join(reason for reason in SLOWED if any(reason in words for words in slowed))
        yield f"throttled: the GPU slowed itself down in {len(slowed)} of {len(states)} rounds ({reasons})"
    shared = [words for words in noise if SHARED in words]
    if shared:
        yield f"shared: other processes held memory on the GPU in {len(shared)} of {len(states)} rounds"
    unwatched = [state for state in states if state is None or state.reasons is None or state.others is None]
    if unwatched:
        yield f"unwatched: whether it throttled or was shared is not known of {len(unwatched)} of {len(states)} rounds"
