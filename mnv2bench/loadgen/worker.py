"""One fresh process of one case under LoadGen: open, check the outputs, answer LoadGen's queries, check the answers."""

import gc
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from mnv2bench import backends
from mnv2bench.artifacts import batch_seeds
from mnv2bench.backends import Images, Session
from mnv2bench.imagesets import image_set
from mnv2bench.loadgen import generator, logs
from mnv2bench.loadgen.jobs import LOADGEN, LoadJob, LoadResult
from mnv2bench.loadgen.library import Library
from mnv2bench.loadgen.records import Disturbance, Load, Played
from mnv2bench.loadgen.scenarios import Scenario
from mnv2bench.loadgen.search import search
from mnv2bench.loadgen.system import Logits, System
from mnv2bench.workers.distributions import imported_versions
from mnv2bench.workers.loop import warm_up
from mnv2bench.workers.noise import Counters, counters, since
from mnv2bench.workers.opening import open_streams_check_measure
from mnv2bench.workers.outputs import Comparison, Reference, compare, worst
from mnv2bench.workers.programs import Outcome, serve
from mnv2bench.workers.proof import ran_otherwise, reduced_fp32
from mnv2bench.workers.rotation import CHECKED, of_stream
from mnv2bench.workers.streams import Streams

TRY_S, TRY_QUERIES = 3.0, 459  # of a try of a search: fewer queries say nothing of a p99 at 99 % confidence


class Speed(NamedTuple):
    """How fast a system is, by its warm-up: seconds of its fastest call, and images a second of all its sessions."""

    call_s: float
    images_per_s: float


class Answered(NamedTuple):
    """What the runs of one process were, the highest rate that passed, the answers, and what the runtime says."""

    played: tuple[Played, ...]
    passed_qps: float | None
    logits: Mapping[int, Logits]
    settings: dict[str, str]


class Player:
    """Runs LoadGen against the open sessions of a job, once or several times."""

    def __init__(self, job: LoadJob, streams: Streams[Session], library: Library) -> None:
        self.job, self.streams, self.library = job, streams, library
        self.speed = self._speed()
        self.logits: dict[int, Logits] = {}
        self.played: list[Played] = []

    def play(self, load: Load, folder: str, step: str = "") -> Played:
        """One run of LoadGen, whose logs lie in a folder below that of the job."""
        place = Path(self.job.folder, folder)
        place.mkdir(parents=True, exist_ok=True)
        system = System(self.streams, self.job.case.batch, self.library, generator.completion())
        before = counters(True)
        chosen = generator.settings(load, self.speed.call_s, self.speed.images_per_s)
        with quiet():
            wall_ns = generator.play(load, chosen, system, self.library, place)
        disturbance = disturbed(before, counters(False), wall_ns)
        verdict = logs.verdict(place, load.scenario)
        single = load.scenario == Scenario.SINGLE_STREAM
        parts = system.parts(verdict.latencies.p50 if single else None)
        played = Played(load, verdict, parts, disturbance, step, folder)
        self.logits |= system.answers
        self.played.append(played)
        return played

    def search(self) -> float | None:
        """The highest rate of short runs whose p99 was under the bound; each run is kept."""
        bound_s = self.job.load.latency_bound_s or 0.0

        def passes(qps: float) -> bool:
            number = len(self.played)
            load = replace(
                self.job.load,
                target_qps=qps,
                min_duration_s=min(TRY_S, self.job.load.min_duration_s),
                min_queries=TRY_QUERIES,
                seed=self.job.load.seed + number,
            )
            played = self.play(load, f"search-{number + 1:02}", "search")
            return played.verdict.latencies.p99 <= 1e9 * bound_s

        return search(passes, self.speed.images_per_s) if self.speed.call_s < bound_s else None

    def _speed(self) -> Speed:
        """Warm up, and read how fast it is at most, so that LoadGen prepares queries enough."""
        call_s = min(warm_up(self.streams, self.job.plan)[-1].durations_ns) / 1e9
        return Speed(call_s, len(self.streams.sessions) * self.job.case.batch / call_s)


class quiet:
    """No garbage collection, which would stop every thread, while LoadGen runs."""

    def __enter__(self) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
        gc.unfreeze()


def disturbed(before: Counters, after: Counters, wall_ns: int) -> Disturbance:
    """What else the machine did between two readings, as shares of the time."""

    def share(first: int | None, last: int | None) -> float | None:
        difference = since(first, last)
        return None if difference is None or not wall_ns else difference / wall_ns

    return Disturbance(
        run_queue=share(before.run_queue_ns, after.run_queue_ns),
        steal=share(before.steal_ns, after.steal_ns),
        throttled=share(before.throttled_ns, after.throttled_ns),
    )


def main(job: LoadJob) -> Outcome[LoadResult]:
    """Run a case under LoadGen; an outcome whose outputs are wrong has its numbers all the same."""
    generator.require_loadgen()
    case = job.case
    backends.require(case)
    pictures, weights = image_set(case, job.weights), job.weights.kind(case)
    seeds = batch_seeds(job.load.seed)
    library = Library(case, job.weights, Path(job.library_reference))

    def load() -> Callable[[], list[Session]]:
        return partial(backends.open_streams, backends.backend(case.backend), case, Path(job.artifact))

    def batch(stream: int, number: int) -> Images:
        return pictures.batch(of_stream(seeds, stream)[number], case.batch, case.image)

    def check(stream: int, outputs: list[Images]) -> Comparison:
        expected = Reference(Path(job.reference)).of(of_stream(seeds, stream)[:CHECKED])
        return compare(outputs, expected, case.precision, weights)

    def answer(streams: Streams[Session]) -> Answered:
        player = Player(job, streams, library)
        passed_qps = None
        if job.search:
            passed_qps = player.search()
        else:
            player.play(job.load, "")
        return Answered(tuple(player.played), passed_qps, player.logits, streams.sessions[0].settings())

    opening = open_streams_check_measure(load, batch=batch, check=check, measure=answer)
    answered = opening.measured
    comparison = worst([*opening.checked, *answers_checked(job, library, answered)])
    result = LoadResult(
        played=answered.played,
        rules=generator.rules(job.load.scenario),
        passed_qps=answered.passed_qps,
        error=comparison.error,
        checked=len(answered.logits),
        settings={str(name): str(value) for name, value in answered.settings.items()},
        libraries=imported_versions((*backends.runtime(case.backend).distributions, generator.DISTRIBUTION)),
    )
    wrong = reduced_fp32(case) or ran_otherwise(case, opening.layers) or comparison.wrong
    return Outcome("wrong" if wrong else "ok", wrong, result)


def answers_checked(job: LoadJob, library: Library, answered: Answered) -> Iterator[Comparison]:
    """The last answer to each image, and those that LoadGen logged of each run, held against eager fp32."""
    if answered.played:
        yield library.check(answered.logits)
    for played in answered.played:
        logged = {
            answer.qsl_idx: np.frombuffer(bytes.fromhex(answer.data), np.float32)
            for answer in logs.answers(Path(job.folder, played.folder))
        }
        if len(logged) > 1:
            yield library.check(logged)


if __name__ == "__main__":
    serve(LOADGEN, main)
