"""The runner in Python, once its threads are set: outputs of two batches, then timed rounds or counted runs."""

import gc
import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np

from mnv2bench import backends
from mnv2bench.backends import Images, Session
from mnv2bench.cases import Case
from mnv2bench.records import Plan, Samples
from mnv2bench.records.encoding import samples_to_json
from mnv2bench.remote.runners.contract import EMPTY_PAIRS, FIRST_EMPTY, FIRST_RUN, MARK
from mnv2bench.workers.opening import open_check_measure, time_session

BATCHES = 3  # two whose outputs are written, and the one that is measured
IGNORED = 0  # the label of pairs that nobody reads
SPECIALISED = 50  # passes after which CPython 3.11 and later have settled on how they run the marks' own bytecode


def answer(options: Namespace, interpreter_bytes: int | None) -> dict[str, object]:
    """The fields of the answer that are measured: samples, and in mode count marks."""
    batch, _, _, resolution = options.shape
    case = Case(resolution=resolution, batch=batch, backend=options.backend, threads=options.threads)
    batches = _batches(Path(options.inputs), options.shape)
    plan = Plan(**{name: value for name, value in vars(options).items() if name in Plan.__struct_fields__})

    def load() -> Callable[[], Session]:
        return partial(backends.backend(case.backend).open, case, Path(options.model))

    def write(outputs: list[Images]) -> None:
        arrays = (np.ascontiguousarray(logits, np.float32) for logits in outputs)
        Path(options.outputs).write_bytes(b"".join(array.tobytes() for array in arrays))

    def count_session(session: Session) -> dict[str, str]:
        count(session, options.warmup_runs, options.runs)
        return session.settings()

    if options.mode == "count":
        settings = open_check_measure(load, batches.__getitem__, write, count_session).measured
        return {"samples": {"settings": settings}, "marks": {"empty": EMPTY_PAIRS, "runs": options.runs}}
    opening = open_check_measure(
        load,
        batch=batches.__getitem__,
        check=write,
        measure=lambda session: time_session(session, plan, case.threads),
        interpreter_bytes=interpreter_bytes,
    )
    samples = Samples(
        warmup=opening.measured.warmup,
        rounds=opening.measured.rounds,
        import_s=opening.import_s,
        open_s=opening.open_s,
        first_s=opening.first_s,
        memory=opening.memory,
        settings=opening.measured.settings,
    )
    return {"samples": samples_to_json(samples)}


def _batches(path: Path, shape: tuple[int, ...]) -> Images:
    values = np.fromfile(path, np.float32)
    if values.size != BATCHES * int(np.prod(shape)):
        raise ValueError(f"{path} holds {values.size} numbers, which are not three batches of {shape}")
    return values.reshape(BATCHES, *shape)


def _mark(label: int) -> None:
    with suppress(ProcessLookupError):
        os.getpgid(MARK + label)


def _nothing() -> None:
    pass


def _between_marks(run: Callable[[], None], label: int) -> None:
    _mark(label)
    run()
    _mark(label + 1)


def count(session: Session, warmup_runs: int, runs: int) -> None:
    """Runs between marks, which mean something under the counting plugin alone."""
    gc.collect()
    gc.freeze()
    gc.disable()
    for _ in range(SPECIALISED):
        _between_marks(_nothing, IGNORED)
    for _ in range(warmup_runs):
        _between_marks(session.run, IGNORED)
    for pair in range(EMPTY_PAIRS):
        _between_marks(_nothing, FIRST_EMPTY + 2 * pair)
    for index in range(runs):
        _between_marks(session.run, FIRST_RUN + 2 * index)
    gc.enable()
    gc.unfreeze()
