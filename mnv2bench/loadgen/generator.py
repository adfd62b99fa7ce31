"""LoadGen itself: its settings from a load, and one run of it against a system under test."""

import importlib.util
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mnv2bench.backends import Images
from mnv2bench.loadgen.library import SIZE, Library
from mnv2bench.loadgen.records import Load, Rules
from mnv2bench.loadgen.scenarios import FACTS, Scenario
from mnv2bench.loadgen.system import Complete, Sample, System
from mnv2bench.refusals import Unavailable

MODULE, DISTRIBUTION = "mlperf_loadgen", "mlcommons-loadgen"
RULES_OF = "resnet50"  # the model of MLPerf's rules that classifies the images of ImageNet too
OF_A_QUERY = 8  # images of a query of the scenario multi-stream, by MLPerf's rules
PERCENTILE = 0.99  # of a server's queries
LOGGED = 64  # answers that LoadGen keeps in its accuracy log, about
OUTSTANDING_S = 4.0  # a server whose queries wait for longer than this many seconds has lost: the run ends


def require_loadgen() -> None:
    """Raise Unavailable, with the command that helps, where LoadGen is not installed."""
    if importlib.util.find_spec(MODULE) is None:
        raise Unavailable(f"{DISTRIBUTION} is not installed: pip install 'mnv2bench[loadgen]'")


def rules(scenario: Scenario) -> Rules:
    """What MLPerf's rules want of a run at least: LoadGen has its configuration file inside."""
    import mlperf_loadgen as loadgen

    settings = loadgen.TestSettings()
    settings.FromConfig("", RULES_OF, FACTS[scenario].name, 0)
    return Rules(settings.min_duration_ms / 1e3, settings.min_query_count)


def settings(load: Load, call_s: float, images_per_s: float) -> Any:
    """LoadGen's settings for a load, of a system that takes so long for an image and does so many a second at most."""
    import mlperf_loadgen as loadgen

    chosen = loadgen.TestSettings()
    chosen.scenario = getattr(loadgen.TestScenario, FACTS[load.scenario].name)
    chosen.mode = loadgen.TestMode.PerformanceOnly
    chosen.min_duration_ms = round(1e3 * load.min_duration_s)
    chosen.min_query_count = load.min_queries
    chosen.qsl_rng_seed = chosen.sample_index_rng_seed = chosen.schedule_rng_seed = load.seed
    chosen.accuracy_log_rng_seed = load.seed
    chosen.accuracy_log_sampling_target = LOGGED
    chosen.single_stream_expected_latency_ns = max(1, round(1e9 * call_s))
    chosen.multi_stream_samples_per_query = OF_A_QUERY
    chosen.multi_stream_expected_latency_ns = max(1, round(1e9 * OF_A_QUERY / images_per_s))
    chosen.offline_expected_qps = images_per_s
    if load.target_qps is not None and load.latency_bound_s is not None:
        chosen.server_target_qps = load.target_qps
        chosen.server_target_latency_ns = round(1e9 * load.latency_bound_s)
        chosen.server_target_latency_percentile = PERCENTILE
        chosen.server_max_async_queries = max(1000, round(OUTSTANDING_S * load.target_qps))
    return chosen


def play(load: Load, chosen: Any, system: System, library: Library, folder: Path) -> int:
    """Run LoadGen once with these settings, and return its nanoseconds; its logs are in the folder then.

    A session that is alone is used by the thread that opened it; where LoadGen waits for the answers, it sends in that
    thread too. Raises what a session raised.
    """
    import mlperf_loadgen as loadgen

    logs = loadgen.LogSettings()
    logs.log_output.outdir = str(folder)
    logs.enable_trace = False

    inline = load.scenario != Scenario.SERVER and len(system.streams.sessions) == 1
    under_test = loadgen.ConstructSUT(system.answer if inline else system.queue, lambda: None)
    samples = loadgen.ConstructQSL(SIZE, SIZE, library.load, library.unload)

    def send() -> None:
        # by default LoadGen reads settings from an audit.config in the current folder
        loadgen.StartTestWithLogSettings(under_test, samples, chosen, logs, str(folder / "audit.config"))

    start = time.perf_counter_ns()
    if inline:
        send()
    else:
        system.serve(send)
    wall_ns = time.perf_counter_ns() - start
    loadgen.DestroyQSL(samples)
    loadgen.DestroySUT(under_test)
    system.require_answers()
    return wall_ns


def completion() -> Complete:
    """What tells LoadGen that samples are answered. LoadGen reads the logits before that returns."""
    import mlperf_loadgen as loadgen

    response, done = loadgen.QuerySampleResponse, loadgen.QuerySamplesComplete

    def complete(samples: Sequence[Sample], logits: Images | None) -> None:
        if logits is None:
            done([response(sample.id, 0, 0) for sample in samples])
            return
        row, address = logits.shape[1] * logits.itemsize, logits.__array_interface__["data"][0]
        done([response(sample.id, address + place * row, row) for place, sample in enumerate(samples)])

    return complete
