"""External tools: their arguments, and what they print of their own measurements, parsed and checked for sense.

Formats were read from the tools' sources; none of their outputs was captured by us.
"""

import hashlib
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mnv2bench.case import Case
from mnv2bench.paper.devices import NCNN_VARIANT
from mnv2bench.precisions import FP32, INT8
from mnv2bench.records import ExternalResult, Plan
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.runners.cached import Bundle
from mnv2bench.texts import one_line

RUNS = 50  # benchmark_model's own default, for every tool
NUMBER = r"[-+\d.eE]+"
COUNT = re.compile(r".*count=\d.*")
DIFFERENT = re.compile(
    rf".*count=(\d+) first=\S+ curr=\S+ min=({NUMBER}) max=({NUMBER}) avg=({NUMBER}) std=({NUMBER})"
    rf"(?: p5=\S+ median=({NUMBER}) p95={NUMBER})?\s*"
)
ALIKE = re.compile(
    rf".*count=(\d+) curr=({NUMBER})\s*"
)  # the same summary, as it is printed where all runs took the same time
INIT = re.compile(rf"nference timings in us: .*Init: ({NUMBER})")
PEAK = re.compile(rf"Overall peak memory footprint \(MB\) via periodic monitoring: ({NUMBER})")
NCNN_ROW = re.compile(rf"^\s*(\S+)\s+min =\s*({NUMBER})\s+max =\s*({NUMBER})\s+avg =\s*({NUMBER})\s*$", re.MULTILINE)
NCNN_LOOPS = re.compile(r"loop_count = (\d+)")
NCNN_NETWORK = "mobilenet_v2"
ITERATION = re.compile(rf"Iteration (\d+) of (\d+): ({NUMBER}) ms")
EXECUTED = re.compile(rf"Model executed successfully (\d+) time\(s\) in ({NUMBER}) ms")
LOADED = re.compile(rf"Model loaded in ({NUMBER}) ms")
BY_FILE = (FP32.name, INT8.name)  # precisions that a file decides, whatever a tool's options are
SLACK = 0.006  # of a printed mean: two decimals


@dataclass(frozen=True)
class Tool:
    """An external tool: the backends whose files it reads, its arguments after its own name, and its parser.

    `precisions` are those that its arguments and the file alone decide. `parse` takes what it printed on stdout and on
    stderr. `beside` are files that it reads from its own folder.
    """

    name: str
    backends: tuple[str, ...]
    argv: Callable[[str, Case, Plan], list[str]]
    parse: Callable[[str, str], ExternalResult]
    precisions: tuple[str, ...] = (FP32.name,)
    beside: tuple[str, ...] = ()


def tool(path: str) -> Tool:
    """The tool of a file, whose name begins with the tool's: benchmark_model_plus_flex. ValueError for another."""
    for name, tool in TOOLS.items():
        if Path(path).name.startswith(name):
            return tool
    raise ValueError(f"--runner {Path(path).name!r} is none of {', '.join(TOOLS)}, and no Python")


def is_tool(runner: str) -> bool:
    """Whether a --runner is an external tool."""
    return any(Path(runner).name.startswith(name) for name in TOOLS)


def bundle(runner: str, case: Case) -> Bundle:
    """The bundle of the user's file and what it reads beside it. Unavailable where a file is missing."""
    external, path = tool(runner), Path(runner)
    if case.backend not in external.backends:
        raise Unsupported(f"{external.name} runs what {' or '.join(external.backends)} reads, not {case.backend}")
    if case.precision not in external.precisions:
        raise Unsupported(f"{external.name} runs {', '.join(external.precisions)}, not {case.precision}")
    external.argv("", case, Plan())  # refuses a case that it cannot run
    paths = (path, *(path.with_name(name) for name in external.beside))
    for file in paths:
        if not file.is_file():
            raise Unavailable(
                f"there is no file {file}: give --runner the path of {external.name}, and all it needs by it"
            )
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    return Bundle(paths, (f"./{path.name}",), {"runner": f"{path.name}, sha256 {content}"})


def _benchmark_model_argv(model: str, case: Case, plan: Plan) -> list[str]:
    return [
        f"--graph={model}",
        f"--num_threads={case.threads}",
        f"--num_runs={RUNS}",
        f"--warmup_runs={plan.warmup_runs}",
        f"--warmup_min_secs={plan.warmup_s:g}",
        f"--min_secs={plan.rounds * plan.round_s:g}",
        f"--max_secs={plan.timeout_s / 2:g}",
        "--use_xnnpack=true",
        "--report_peak_memory_footprint=true",
    ]


def _benchmark_model(out: str, err: str) -> ExternalResult:
    text = f"{out}\n{err}"
    lines = COUNT.findall(text)
    if len(lines) != 2:
        problem = f"{len(lines)} lines with count=, where one of its warm-up and one of its runs were due"
        raise _unreadable("benchmark_model", problem, text)
    if alike := ALIKE.fullmatch(lines[1]):
        count, low, std = alike[1], alike[2], "0"
        high = mean = median = low
    elif different := DIFFERENT.fullmatch(lines[1]):
        count, low, high, mean, std, median = different.groups()
    else:
        raise _unreadable("benchmark_model", "a summary that is not whole", lines[1])
    init, peak = INIT.search(text), PEAK.search(text)
    return _sensible(
        ExternalResult(
            tool="benchmark_model",
            count=int(count),
            min_ms=_ms(low, 1e3),
            max_ms=_ms(high, 1e3),
            mean_ms=_ms(mean, 1e3),
            median_ms=_ms(median, 1e3) if median else None,
            std_ms=_number(std) / 1e3,
            init_ms=_ms(init[1], 1e3) if init else None,
            peak_mb=_number(peak[1]) if peak else None,
            notes=("benchmark_model: its own warm-up and random inputs; outputs not checked",),
        )
    )


def _benchncnn_argv(model: str, case: Case, plan: Plan) -> list[str]:
    if case.variant != NCNN_VARIANT or case.batch != 1:
        raise Unsupported(f"benchncnn has one {NCNN_NETWORK} of its own, 1.0@224 of batch 1, and not {case.variant}")
    all_cores, no_gpu, no_cooling = "0", "-1", "0"  # the mask and the cool-down are ours
    return [str(RUNS), str(case.threads), all_cores, no_gpu, no_cooling]


def _benchncnn(out: str, err: str) -> ExternalResult:
    text = f"{out}\n{err}"
    rows = {name: numbers for name, *numbers in NCNN_ROW.findall(text)}
    loops = NCNN_LOOPS.search(text)
    if NCNN_NETWORK not in rows or not loops:
        raise _unreadable("benchncnn", f"no row of {NCNN_NETWORK}" if loops else "no loop_count", text)
    low, high, mean = (_ms(number) for number in rows[NCNN_NETWORK])
    notes = ("benchncnn: its own network, zero weights, fp16 by default; outputs not checked",)
    return _sensible(ExternalResult("benchncnn", int(loops[1]), low, high, mean, notes=notes))


def _executor_runner_argv(model: str, case: Case, plan: Plan) -> list[str]:
    words = {"model_path": model, "num_executions": RUNS, "cpu_threads": case.threads, "print_output": "none"}
    return [f"--{name}={value}" for name, value in words.items()]


def _executor_runner(out: str, err: str) -> ExternalResult:
    text = f"{out}\n{err}"
    printed, executed, loaded = ITERATION.findall(text), EXECUTED.search(text), LOADED.search(text)
    if not printed or not executed:
        raise _unreadable("executor_runner", "no iterations; its Android build writes them to logcat alone", text)
    durations = tuple(_ms(number) for _, _, number in printed)
    numbers = [(int(n), int(of)) for n, of, _ in printed]
    if numbers != [(n, int(executed[1])) for n in range(1, int(executed[1]) + 1)]:
        raise ValueError(f"executor_runner names {executed[1]} executions and printed {len(numbers)}: run it again")
    notes = ("executor_runner: no warm-up, its own inputs; outputs not checked",)
    return _sensible(
        ExternalResult(
            tool="executor_runner",
            count=len(durations),
            min_ms=min(durations),
            max_ms=max(durations),
            mean_ms=statistics.fmean(durations),
            median_ms=statistics.median(durations),
            std_ms=statistics.stdev(durations) if len(durations) > 1 else None,
            durations_ms=durations,
            init_ms=_ms(loaded[1]) if loaded else None,
            notes=notes,
        )
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{one_line(text)!r} stands where the tool prints a number: run it again") from None


def _ms(text: str, per_ms: float = 1.0) -> float:
    value = _number(text) / per_ms
    if not 0 < value < 1e7:
        raise ValueError(f"{one_line(text)!r} stands where the tool prints a duration: run it again")
    return value


def _unreadable(name: str, problem: str, text: str) -> ValueError:
    return ValueError(f"{name} printed {problem}; last: {one_line(text[-200:])!r}")


def _sensible(result: ExternalResult) -> ExternalResult:
    """The result; ValueError where its numbers cannot be of one measurement, since a line was cut or mixed."""
    slack = max(SLACK, 1e-5 * result.max_ms)
    inside = result.min_ms - slack <= result.mean_ms <= result.max_ms + slack
    if result.count < 1 or not inside:
        numbers = f"{result.count} runs, min {result.min_ms:g}, mean {result.mean_ms:g}, max {result.max_ms:g} ms"
        raise ValueError(f"what {result.tool} printed makes no sense ({numbers}): run it again")
    return result


TOOLS = {
    "benchmark_model": Tool("benchmark_model", ("litert",), _benchmark_model_argv, _benchmark_model, BY_FILE),
    "benchncnn": Tool("benchncnn", ("ncnn",), _benchncnn_argv, _benchncnn, beside=("mobilenet_v2.param",)),
    "executor_runner": Tool("executor_runner", ("executorch",), _executor_runner_argv, _executor_runner, BY_FILE),
}
