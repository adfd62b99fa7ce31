"""What the runner in Python does with an open backend: outputs of two batches, then rounds or marks."""

import gc
import os
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mnv2bench import backends
from mnv2bench.backends import Images, Session
from mnv2bench.cases import Case
from mnv2bench.records import Memory, Plan, Samples
from mnv2bench.records.encoding import samples_to_json
from mnv2bench.remote.runners.contract import EMPTY_PAIRS, FIRST_EMPTY, FIRST_RUN, MARK
from mnv2bench.workers.loop import measure
from mnv2bench.workers.noise import resident_bytes

BATCHES = 3  # two whose outputs are written, and the one that is measured
IGNORED = 0  # the label of pairs that nobody reads
SPECIALISED = 50  # passes after which CPython 3.11 and later have settled on how they run the marks' own bytecode


def said(given: Namespace, interpreter_bytes: int | None) -> dict[str, Any]:
    """The answer's fields: samples, and in mode count marks."""
    batch, _, _, resolution = given.shape
    case = Case(resolution=resolution, batch=batch, backend=given.backend, threads=given.threads)
    batches = _batches(Path(given.inputs), given.shape)
    start = time.perf_counter()
    backend = backends.backend(case.backend)
    import_s = time.perf_counter() - start
    floor = resident_bytes()
    opening = time.perf_counter()
    with backend.open(case, Path(given.model)) as session:
        open_s = time.perf_counter() - opening
        loaded = resident_bytes()
        first_s = _write_outputs(session, batches, Path(given.outputs))
        session.put(batches[2])
        if given.mode == "count":
            count(session, given.warmup_runs, given.runs)
            samples = {"settings": session.settings()}
            return {"samples": samples, "marks": {"empty": EMPTY_PAIRS, "runs": given.runs}}
        plan = Plan(**{name: getattr(given, name) for name in vars(given) if name in Plan.__dataclass_fields__})
        warmup, rounds = measure(session, plan, case.threads)
        settings = session.settings()
    peak, memory = resident_bytes("VmHWM"), None
    if interpreter_bytes and floor and loaded and peak:
        memory = Memory(interpreter_bytes, floor, loaded, peak)
    return {
        "samples": samples_to_json(
            Samples(warmup, rounds, import_s, open_s, first_s=first_s, memory=memory, settings=settings)
        )
    }


def _batches(path: Path, shape: tuple[int, ...]) -> Images:
    values = np.fromfile(path, np.float32)
    if values.size != BATCHES * int(np.prod(shape)):
        raise ValueError(f"{path} holds {values.size} numbers, which are not three batches of {shape}")
    return values.reshape(BATCHES, *shape)


def _write_outputs(session: Session, batches: Images, path: Path) -> float:
    """Logits of the first two batches to the file; seconds of the very first run."""
    first_s = 0.0
    with path.open("wb") as outputs:
        for images in batches[:2]:
            session.put(images)
            before = time.perf_counter()
            session.run()
            first_s = first_s or time.perf_counter() - before
            outputs.write(np.ascontiguousarray(session.get(), np.float32).tobytes())
    return first_s


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
