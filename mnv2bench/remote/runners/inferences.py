"""The runner in Python, once its threads are set: timed rounds, counted runs, or the outputs of each batch."""

import gc
import os
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from mnv2bench import backends
from mnv2bench.backends import Images, Session
from mnv2bench.case import Case
from mnv2bench.networks import resolution_of
from mnv2bench.records import Plan, Samples
from mnv2bench.records.encoding import samples_to_json
from mnv2bench.remote.runners.contract import COUNT, EACH, EMPTY_PAIRS, FIRST_EMPTY, FIRST_RUN, MARK
from mnv2bench.workers.opening import open_check_measure, time_session
from mnv2bench.workers.peak import product_peak
from mnv2bench.workers.rotation import LEAST, Rotation

HERE = "ssh:localhost"  # a device that runs this is a remote one to backends, which declare precisions for those
IGNORED = 0  # the label of pairs that nobody reads
SPECIALISED = 50  # passes after which CPython 3.11 and later have settled on how they run the marks' own bytecode


def answer(options: Namespace, interpreter_bytes: int | None) -> dict[str, object]:
    """The fields of the answer that are measured: samples, in mode count marks, and in mode each batches."""
    batch, channels, height, width = options.shape
    case = Case(
        resolution=resolution_of(height, width),
        batch=batch,
        backend=options.backend,
        device=HERE,
        precision=options.precision,
        threads=options.threads,
        channels=channels,
    )
    inputs = Inputs(Path(options.inputs), options.shape, 1 if options.mode == EACH else LEAST)
    plan = Plan(**{name: value for name, value in vars(options).items() if name in Plan.__struct_fields__})

    def load() -> Callable[[], Session]:
        return partial(backends.backend(case.backend).open, case, Path(options.model))

    def write(outputs: list[Images]) -> None:
        arrays = (np.ascontiguousarray(logits, np.float32) for logits in outputs)
        with Path(options.outputs).open("ab") as file:
            file.write(b"".join(array.tobytes() for array in arrays))

    def count_session(session: Session) -> dict[str, object]:
        rotation = Rotation(session, inputs.batch, inputs.batches)
        count(session, options.warmup_runs, options.runs)
        rotation.end()
        write(rotation.logits)
        return _without_times(session)

    Path(options.outputs).write_bytes(b"")
    if options.mode == EACH:
        with load()() as session:
            for number in range(inputs.batches):
                session.put(inputs.batch(number))
                session.run()
                write([session.get()])
            return {"samples": _without_times(session), "batches": inputs.batches}
    if options.mode == COUNT:
        samples = open_check_measure(load, inputs.batch, write, count_session).measured
        return {"samples": samples, "marks": {"empty": EMPTY_PAIRS, "runs": options.runs}}
    opening = open_check_measure(
        load,
        batch=inputs.batch,
        check=write,
        measure=lambda session: time_session(
            session, plan, case.threads, Rotation(session, inputs.batch, inputs.batches)
        ),
        interpreter_bytes=interpreter_bytes,
    )
    write(opening.measured.logits)
    peak = product_peak(case.threads)
    timed = Samples(
        warmup=opening.measured.warmup,
        rounds=opening.measured.rounds,
        import_s=opening.import_s,
        open_s=opening.open_s,
        first_s=opening.first_s,
        memory=opening.memory,
        settings=opening.measured.settings,
        layers=opening.layers,
        checks=replace(opening.measured.checks, peak_madds_per_s=peak.madds_per_s, peak=peak.source),
    )
    return {"samples": samples_to_json(timed)}


def _without_times(session: Session) -> dict[str, object]:
    """What samples hold where nothing was timed."""
    settings = {name: str(value) for name, value in session.settings().items()}  # a backend may give numbers
    return {"settings": settings, "layers": dict(session.layers())}


class Inputs:
    """The file of the batches of images, `least` or more; a batch is read when it is asked for, and not kept."""

    def __init__(self, path: Path, shape: tuple[int, ...], least: int) -> None:
        self.path, self.shape, self.values = path, shape, int(np.prod(shape))
        self.batches, rest = divmod(path.stat().st_size, self.values * np.dtype(np.float32).itemsize)
        if rest or self.batches < least:
            raise ValueError(f"{path} does not hold {least} or more batches of {shape}, and nothing else")

    def batch(self, number: int) -> Images:
        """The images of a number below `batches`."""
        offset = number * self.values * np.dtype(np.float32).itemsize
        values = np.fromfile(self.path, np.float32, count=self.values, offset=offset)
        return values.reshape(self.shape)


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
