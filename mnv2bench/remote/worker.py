"""One process of one case on another device: a runner is pushed and run there, its outputs are checked here."""

import json
import shutil
import sys
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mnv2bench import backends
from mnv2bench.artifacts import REFERENCE_SEEDS
from mnv2bench.cases import Case, Kind
from mnv2bench.networks import images
from mnv2bench.precisions import FP32
from mnv2bench.records import Counts, Plan
from mnv2bench.records.encoding import samples_from_json, samples_to_json
from mnv2bench.records.target import Target, target_to_json
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote import devices, transports
from mnv2bench.remote.devices.cooling import cool_down
from mnv2bench.remote.devices.state import facts, state
from mnv2bench.remote.runners import answer, bundles, contract, external
from mnv2bench.remote.runners.cached import Bundle
from mnv2bench.remote.transports import TimedOut, Transport, TransportError
from mnv2bench.texts import one_line
from mnv2bench.workers.outcome import outcome
from mnv2bench.workers.outputs import compare

COUNTED_RUNS = 3
LAST_WORDS_S = 15.0  # between the runner's own limit and the one after which the campaign kills this process
COOL_C, COOL_CAP_S = 38.0, 120.0


class Clock:
    """What is left of a process's time, seconds."""

    def __init__(self, limit_s: float) -> None:
        self.end = time.monotonic() + limit_s

    def left(self) -> float:
        return max(1.0, self.end - time.monotonic())


def way(case: Case, runner: str) -> Transport:
    """The way to the case's device, not yet entered. Raises Unsupported for what no device would run."""
    if case.precision != FP32.name:
        raise Unsupported(f"runners are fp32 so far, not {case.precision}")
    counted = case.kind == Kind.COUNTED
    if counted and case.threads > 1:
        raise Unsupported(f"instructions are counted of one thread, not of {case.threads}")
    if counted and not backends.runtime(case.backend).counted:
        countable = [name for name in backends.names() if backends.runtime(name).counted]
        raise Unsupported(f"{case.backend} is not counted, whose own threads would blur it: {', '.join(countable)} are")
    if counted and runner:
        raise Unsupported(f"{Path(runner).name} sets no marks to count between: leave --runner out")
    return transports.transport(case.device)


def bundle_for(there: Transport, case: Case, runner: str) -> Bundle:
    """What is pushed to an entered device and started, built if it is not cached. Unavailable or Unsupported."""
    if runner and not bundles.is_python(runner):
        return external.bundle(runner, case)
    return bundles.bundle(case.backend, there.target, interpreter=runner)


def _inputs(case: Case, seed: int, target: Path) -> None:
    """The two batches that outputs are checked on, and the one that is measured."""
    batches = [images(s, case.batch, case.resolution) for s in (*REFERENCE_SEEDS, seed)]
    target.write_bytes(b"".join(np.ascontiguousarray(batch, np.float32).tobytes() for batch in batches))


def _outputs(path: Path, shape: tuple[int, ...]) -> list[Any]:
    found = np.fromfile(path, np.float32)
    if found.size != np.prod(shape):
        raise ValueError(f"the runner wrote {found.size} logits, {int(np.prod(shape))} were expected")
    return list(found.reshape(shape))


def run(job: dict[str, Any]) -> dict[str, Any]:
    """Everything of one process; raises what transports and runners raise."""
    case, plan, runner = Case(**job["case"]), Plan(**job["plan"]), job["runner"]
    clock = Clock(plan.timeout_s - LAST_WORDS_S)
    with way(case, runner) as there, tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        bundle = bundle_for(there, case, runner)
        devices.set_mask(there)
        device = facts(there)
        target = Target(
            facts=device.readable | there.facts() | bundle.facts,
            clusters=device.clusters,
            mask=there.mask,
            cooling=cool_down(there, COOL_C, min(COOL_CAP_S, clock.left() / 3)),
            before=state(there),
        )
        place = Path(folder)
        model, inputs, outputs = place / f"model{Path(job['artifact']).suffix}", place / "inputs", place / "outputs"
        shutil.copy(job["artifact"], model)
        _inputs(case, job["input_seed"], inputs)
        there.push([*bundle.paths, model, inputs])
        measured = _told if external.is_tool(runner) else _measured
        ended = measured(there, bundle, case, plan, clock, outputs, job)
        ended["measured"]["target"] = target_to_json(msgspec.structs.replace(target, after=state(there)))
        return ended


def _measured(
    there: Transport, bundle: Bundle, case: Case, plan: Plan, clock: Clock, outputs: Path, job: dict[str, Any]
) -> dict[str, Any]:
    """By a runner of ours: every raw sample, or every count."""
    counting = case.kind == Kind.COUNTED
    limit_s = clock.left()
    plan = replace(plan, rounds=COUNTED_RUNS) if counting else plan
    words = answer.arguments(
        case, plan, counting=counting, limit_s=limit_s, model=f"model{Path(job['artifact']).suffix}",
        inputs="inputs", outputs="outputs",
    )  # fmt: skip
    ran = there.run([*bundle.start, *words], limit_s + LAST_WORDS_S / 2)
    if ran.code == contract.TOO_LATE:
        raise TimedOut(f"the runner ended itself after {limit_s:.0f} s: raise --process-limit")
    refusal = {contract.UNSUPPORTED: Unsupported, contract.UNAVAILABLE: Unavailable}.get(ran.code)
    if refusal:
        raise refusal(one_line(ran.err[-300:]))
    if ran.code:
        raise TransportError(
            f"the runner ended with {_exit(ran.code)}: {one_line(ran.err[-300:]) or 'it said nothing'}"
        )
    said = answer.parse(ran.out)
    there.pull("outputs", outputs)
    reference = np.load(job["reference"])["logits"]
    error, separation, wrong = compare(_outputs(outputs, reference.shape), reference, case.precision)
    verdict = {"status": "wrong" if wrong else "ok", "reason": wrong}
    if not counting:
        samples = replace(samples_from_json(said.samples), error=error, separation=separation)
        return verdict | {"measured": {"samples": samples_to_json(samples)}}
    marks = outputs.with_name("counts.jsonl")
    there.pull("counts.jsonl", marks)
    totals, empty, classes = answer.counts(marks.read_text(), said.marks)
    counts = Counts(totals, empty, classes, error, separation, dict(said.samples.get("settings", {})))
    return verdict | {"measured": {"counts": asdict(counts)}}


def _told(
    there: Transport, bundle: Bundle, case: Case, plan: Plan, clock: Clock, outputs: Path, job: dict[str, Any]
) -> dict[str, Any]:
    """By a tool of other people: what it printed."""
    tool = external.tool(job["runner"])
    ran = there.run([*bundle.start, *tool.argv(f"model{Path(job['artifact']).suffix}", case, plan)], clock.left())
    if ran.code:
        raise TransportError(f"{tool.name} ended with {_exit(ran.code)}: {one_line((ran.err or ran.out)[-300:])}")
    return {"measured": {"told": asdict(tool.parse(ran.out, ran.err))}}


def _exit(code: int) -> str:
    """An exit code in words: a shell gives 128 + the signal."""
    return f"signal {code - 128}" if 128 < code < 160 else f"exit code {code}"


def main(job: dict[str, Any]) -> dict[str, Any]:
    try:
        if job.get("prepare"):
            case, runner = Case(**job["case"]), job["runner"]
            with way(case, runner) as there:
                bundle_for(there, case, runner)
            return {}
        return run(job)
    except TimedOut as late:
        return {"status": "timeout", "reason": one_line(str(late))}
    except (TransportError, ValueError) as error:
        return {"status": "failed", "reason": one_line(str(error))}
    except FileNotFoundError as error:
        raise Unavailable(f"{error.filename} is not here: install what it belongs to") from error


if __name__ == "__main__":
    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
