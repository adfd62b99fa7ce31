"""The columns that every case has: what it is, how it ended, its latency, memory, cold path and outputs, its origin."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC
from functools import partial

from mnv2bench.case import EAGER, Kind
from mnv2bench.networks import Published, resolution_value
from mnv2bench.precisions import named as precision
from mnv2bench.records import Record
from mnv2bench.report import column
from mnv2bench.report.cells import NONE, number, one_decimal, percent, scaled, scientific
from mnv2bench.report.column import Column, Columns, Shown
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.accuracy import tested
from mnv2bench.statistics.latency import Latency, gmadds_per_s
from mnv2bench.statistics.layers import layers_ran
from mnv2bench.statistics.processes import cold_path, memory, output_error
from mnv2bench.statistics.rounds import (
    cpu_mj_per_image,
    cpu_ms_per_image,
    network_count,
    record_undisturbed_share,
    threads_used,
    throughput,
    timed_processes,
)
from mnv2bench.statistics.time_spent import record_time
from mnv2bench.statistics.versions import runtime_version

WALL = "wall: one call by the clock of the machine that it runs on"
GPU_WALL = "wall: one call by the host's clock, enqueued until complete on the GPU, images already there"
NO_TIME = "none: instructions are counted, and no time"
PUBLISHED_MS = "published ms"  # tables name the device instead
EXTERNAL = "none: another tool's own figures"


def milliseconds(seconds: float | None) -> float | None:
    """Seconds as milliseconds; None for None."""
    return None if seconds is None else 1e3 * seconds


def megabytes(size: int | None) -> float | None:
    """Bytes as megabytes of 1e6 bytes; None for None."""
    return None if size is None else size / 1e6


def _published(evaluation: Evaluation) -> Published | None:
    """The published row of the case's variant."""
    return evaluation.case.published


def _published_top1(evaluation: Evaluation) -> float | None:
    row = _published(evaluation)
    return row.top1 if row else None


def _published_ms(evaluation: Evaluation) -> float | None:
    row = _published(evaluation)
    return row.latency_ms if row and evaluation.case.kind != Kind.COUNTED else None


def _latency_ms(evaluation: Evaluation, seconds: Callable[[Latency], float | None]) -> float | None:
    latency = evaluation.latency
    return milliseconds(seconds(latency)) if latency else None


def _iterations(evaluation: Evaluation) -> int:
    latency = evaluation.latency
    if latency:
        return latency.iterations
    return sum(len(counts.instructions) for counts in evaluation.record.counts)


def _processes(evaluation: Evaluation) -> int:
    record = evaluation.record
    return evaluation.of(timed_processes) or len(record.counts) or len(record.external_results)


def _resident_mb(evaluation: Evaluation, moment: str) -> float | None:
    resident = evaluation.of(memory)
    return megabytes(getattr(resident, moment)) if resident else None


def _element_ratio(evaluation: Evaluation) -> float:
    """Bytes of an element at the case's precision over those at fp32."""
    return precision(evaluation.case.precision).size_ratio


def _contract(evaluation: Evaluation) -> str:
    if not evaluation.record.timed:
        return NO_TIME if evaluation.case.kind == Kind.COUNTED else EXTERNAL
    return WALL if evaluation.case.gpu is None else GPU_WALL


def _allocation(evaluation: Evaluation) -> str | None:
    counts = Counter(evaluation.reasons)
    return ", ".join(f"{number} {reason}" for reason, number in counts.items()) or None


def _spent_s(evaluation: Evaluation, name: str) -> float | None:
    """Seconds of a timed case's processes; `name` is a field of TimeSpent."""
    return getattr(evaluation.of(record_time), name) or None if evaluation.record.timed else None


def _layers(evaluation: Evaluation) -> str | None:
    ran = evaluation.of(layers_ran)
    return ran.text if ran else None


def _tested_percent(evaluation: Evaluation, name: str) -> float | None:
    result = evaluation.of(tested)
    return getattr(result, name) if result else None


def _requested_layers(text: str | None) -> str:
    """`36 of 53` of the text of all layers, beside a column that names the precision."""
    return " ".join(text.split()[:3]) if text else NONE


def _artifact_mb(record: Record) -> float | None:
    return record.artifact.bytes / 1e6 if record.artifact else None


two_decimals = number

CASE: Columns = (
    Column("case", str, lambda e: e.case.id, "The case's id, unique within a campaign."),
    Column("variant", str, lambda e: e.case.variant, "The network at its width and resolution."),
    Column("network", str, lambda e: e.case.network, "The network."),
    Column("width", float, lambda e: e.case.width, "Width multiplier."),
    Column(
        "resolution",
        int | str,
        lambda e: resolution_value(e.case.resolution),
        "Side of the square images, pixels; of others height x width, such as 224x160.",
    ),
    Column("classes", int, lambda e: e.case.classes, "Outputs of the classifier: of ImageNet, or of the weights file."),
    Column("channels", int, lambda e: e.case.channels, "Channels of the images."),
    Column("batch", int, lambda e: e.case.batch, "Images of one call."),
    Column("backend", str, lambda e: e.case.backend, "The backend that ran the network."),
    Column("device", str, lambda e: e.case.device, "Where it ran: cpu, cuda, or a device behind a transport."),
    Column("precision", str, lambda e: e.case.precision, "The number format that was asked for."),
    Column("threads", int, lambda e: e.case.threads, "Threads that the backend was asked to use, of each stream."),
    Column(
        "streams",
        int,
        lambda e: e.case.streams,
        "Instances that worked at the same time in one process, each on a batch of its own.",
    ),
    Column(
        "status",
        str,
        lambda e: e.record.status,
        "`ok`, `wrong`, `failed`, `timeout`, `unavailable` or `unsupported`: see docs/records.md. A `wrong` case has "
        "its numbers and no speed-up.",
    ),
    Column("reason", str, lambda e: e.record.reason, "Why the status is not `ok`; it ends in what to do."),
)
NETWORK: Columns = (
    Column("madds", int, lambda e: e.of(network_count).madds, "Multiply-adds of one image, counted."),
    Column(
        "madds_m",
        float,
        lambda e: e.of(network_count).madds / 1e6,
        "The same in millions.",
        (Shown(column.VARIANTS, 1, "MAdds M", one_decimal), Shown(column.INSTRUCTIONS, 1, "MAdds M", one_decimal)),
    ),
    Column(
        "params",
        int,
        lambda e: e.of(network_count).params,
        "Parameters, batch norm included.",
        (Shown(column.VARIANTS, 2, "params M", lambda params: number(params / 1e6)),),
    ),
    Column(
        "published_top1",
        float | None,
        _published_top1,
        "Top-1 accuracy that the authors published for the variant, per cent.",
        (Shown(column.LATENCY, 1, "top-1 %", one_decimal), Shown(column.VARIANTS, 3, "top-1 %", one_decimal)),
    ),
    Column(
        "published_pixel1_ms",
        float | None,
        _published_ms,
        "Latency that the authors published for the variant, on the device that its network names; empty for counts.",
        (Shown(column.VARIANTS, 4, PUBLISHED_MS, one_decimal),),
    ),
)
LATENCIES: Columns = (
    Column(
        "latency_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.median_s),
        "Time of one call on the whole batch: the median of a process's undisturbed rounds, of that the median over "
        "processes. `contract` says by which clock.",
        (Shown(column.TAILS, 1, "median ms", scaled), Shown(column.SWEEP, 1, "p50 ms", scaled)),
        (column.LATENCY, column.GPU_TIMES, column.PRECISIONS),
    ),
    Column(
        "latency_low_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.low_s),
        "Lower end of its 95 % interval over processes; empty for one process whose spread nothing shows.",
        parts_of=(column.LATENCY, column.GPU_TIMES),
    ),
    Column(
        "latency_high_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.high_s),
        "Upper end of its 95 % interval over processes; empty as above.",
        parts_of=(column.LATENCY, column.GPU_TIMES),
    ),
    Column(
        "latency_interval",
        str | None,
        lambda e: (e.latency.method.value or None) if e.latency else None,
        "How that interval is made: `t`, Student's t on the log scale over the medians of the case's processes; "
        "`shrunk t`, the same with their spread shrunk towards that of the campaign's other cases; `bootstrap`, a "
        "hierarchical bootstrap, from 15 processes on.",
    ),
    Column(
        "p90_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.p90_s),
        "Upper bound of the 90th percentile, 99 % confidence, over the iterations of all processes; empty where they "
        "are too few.",
        (Shown(column.TAILS, 3, "p90 ms", scaled),),
    ),
    Column(
        "p99_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.p99_s),
        "The same of the 99th percentile.",
        (Shown(column.TAILS, 4, "p99 ms", scaled), Shown(column.SWEEP, 2, "p99 ms", scaled)),
    ),
    Column(
        "p99_9_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.p99_9_s),
        "The same of the 99.9th percentile; from 6,636 iterations on.",
        (Shown(column.TAILS, 5, "p99.9 ms", scaled),),
    ),
    Column(
        "min_ms",
        float | None,
        lambda e: _latency_ms(e, lambda latency: latency.min_s),
        "The fastest call.",
        (Shown(column.TAILS, 2, "min ms", scaled),),
    ),
    Column(
        "throughput_images_per_s",
        float | None,
        lambda e: e.measured(throughput),
        "Images over the wall time of the undisturbed rounds, the median over processes; on a GPU with several calls "
        "in flight.",
        (Shown(column.THROUGHPUT, 1, "", scaled), Shown(column.GPU_TIMES, 3, "images/s", scaled)),
        (column.SWEEP,),
    ),
    Column(
        "throughput_low_images_per_s",
        float | None,
        lambda e: (e.images_per_s_interval or (None, None))[0],
        "Lower end of its 95 % interval over processes; empty for one process.",
        parts_of=(column.SWEEP,),
    ),
    Column(
        "throughput_high_images_per_s",
        float | None,
        lambda e: (e.images_per_s_interval or (None, None))[1],
        "Upper end of its 95 % interval over processes; empty for one process.",
        parts_of=(column.SWEEP,),
    ),
    Column(
        "cpu_ms_per_image",
        float | None,
        lambda e: e.measured(cpu_ms_per_image),
        "CPU time of all threads and streams for an image in the undisturbed rounds, the median over processes; what "
        "a thread spins while it waits is in it.",
        (Shown(column.SWEEP, 3, "CPU ms/image", scaled),),
    ),
    Column(
        "gmadds_per_s",
        float | None,
        lambda e: e.measured(gmadds_per_s),
        "Counted multiply-adds of the batch over `latency_ms`, billions a second.",
        (Shown(column.GMADDS, 1, "", scaled),),
    ),
    Column(
        "speedup_over_eager",
        float | None,
        lambda e: e.speedups.over_eager,
        f"Median of {EAGER} over the median of the case, in the same setting of the same campaign; empty where "
        "either is not `ok`.",
        (Shown(column.SPEEDUP, 1, "", scaled),),
    ),
    Column(
        "speedup_over_fp32",
        float | None,
        lambda e: e.speedups.over_fp32,
        "Median of the same backend in fp32 over the median of the case, all else the same; empty as above.",
        (Shown(column.PRECISIONS, 10, "own fp32", two_decimals),),
    ),
    Column(
        "speedup_over_eager_fp32",
        float | None,
        lambda e: e.speedups.over_eager_fp32,
        f"Median of {EAGER} in fp32 over the median of the case, all else the same; empty as above.",
        (Shown(column.PRECISIONS, 20, "eager fp32", two_decimals),),
    ),
    Column(
        "threads_used",
        float | None,
        lambda e: e.measured(threads_used),
        "CPU time over wall time in the undisturbed rounds, the median.",
        (Shown(column.TAILS, 7, "threads used", two_decimals),),
    ),
    Column(
        "kept_share",
        float | None,
        lambda e: e.measured(record_undisturbed_share),
        "Part of all rounds in which nothing contended with the worker.",
        (Shown(column.TAILS, 6, "rounds kept", percent),),
    ),
    Column(
        "cpu_mj_per_image",
        float | None,
        lambda e: e.of(cpu_mj_per_image),
        "Millijoules of the processor's packages for an image in the undisturbed rounds, the median over processes; "
        "whatever else ran on them is in it. Empty where the machine has no counters (RAPL) that anybody may read.",
        (Shown(column.TAILS, 11, column.ENERGY, scaled),),
    ),
    Column(
        "flags",
        str,
        lambda e: "; ".join(e.flags),
        'What to know before believing the numbers, joined by "; ". Each begins with its name.',
    ),
    Column(
        "processes",
        int,
        _processes,
        "Fresh processes that the numbers are from.",
        (Shown(column.TAILS, 8, "processes", str),),
    ),
    Column(
        "allocation",
        str | None,
        _allocation,
        "Why these processes were measured, in a campaign with a time budget: `2 first, 3 contender`. They are the "
        "first of each case, those of contenders for the fastest of a variant, those on the front of latency and "
        "top-1, and the rest.",
    ),
    Column(
        "iterations",
        int,
        _iterations,
        "Calls that the numbers are from.",
        (Shown(column.TAILS, 9, "iterations", str),),
    ),
)
OPENING: Columns = (
    Column(
        "export_s",
        float | None,
        lambda e: e.of(cold_path).export_s,
        "Making the artifact, once.",
        (Shown(column.COLD_PATH, 1, "export s", two_decimals),),
    ),
    Column(
        "open_s",
        float | None,
        lambda e: e.of(cold_path).open_s,
        "Opening the model, the median over processes.",
        (Shown(column.COLD_PATH, 4, "open s", two_decimals),),
    ),
    Column(
        "cold_open_s",
        float | None,
        lambda e: e.of(cold_path).cold_open_s,
        "Opening it with nothing compiled yet, for a backend that keeps what it compiles.",
        (Shown(column.COLD_PATH, 3, "cold open s", two_decimals),),
    ),
    Column(
        "first_ms",
        float | None,
        lambda e: milliseconds(e.of(cold_path).first_s),
        "The first inference, the median over processes.",
        (Shown(column.COLD_PATH, 5, "first inference ms", scaled),),
    ),
    Column(
        "import_s",
        float | None,
        lambda e: e.of(cold_path).import_s,
        "Importing the runtime, the median over processes.",
        (Shown(column.COLD_PATH, 2, "import s", two_decimals),),
    ),
    Column(
        "wall_s",
        float | None,
        partial(_spent_s, name="wall_s"),
        "How long all processes of the case ran, from their start to their end.",
    ),
    Column(
        "opening_s",
        float | None,
        partial(_spent_s, name="opening_s"),
        "Of that the import of the runtime and the opening of the model.",
    ),
    Column("warmup_s", float | None, partial(_spent_s, name="warmup_s"), "Of that the warm-up."),
    Column(
        "rounds_s",
        float | None,
        partial(_spent_s, name="timed_s"),
        "Of that what is inside rounds. The rest is the start of Python, images, and the check of the outputs.",
    ),
)
RESIDENT: Columns = (
    Column(
        "floor_rss_mb",
        float | None,
        partial(_resident_mb, moment="floor"),
        "Resident memory of the worker after importing the runtime. MB are 1e6 bytes; medians over processes.",
        (Shown(column.MEMORY, 2, "floor", one_decimal),),
    ),
    Column(
        "loaded_rss_mb",
        float | None,
        partial(_resident_mb, moment="loaded"),
        "The same after opening the model.",
        (Shown(column.MEMORY, 3, "loaded", one_decimal),),
    ),
    Column(
        "first_rss_mb",
        float | None,
        partial(_resident_mb, moment="first"),
        "The same after the first inference; empty in files before schema 4.",
        (Shown(column.MEMORY, 4, "first", one_decimal),),
    ),
    Column(
        "peak_rss_mb",
        float | None,
        partial(_resident_mb, moment="peak"),
        "The largest resident memory of the process.",
        (Shown(column.MEMORY, 5, "peak", one_decimal), Shown(column.PRECISIONS, 80, "peak MB", one_decimal)),
    ),
    Column(
        "interpreter_rss_mb",
        float | None,
        partial(_resident_mb, moment="interpreter"),
        "Resident memory after the interpreter started.",
        (Shown(column.MEMORY, 1, "interpreter", one_decimal),),
    ),
    Column(
        "artifact_mb",
        float | None,
        lambda e: _artifact_mb(e.record),
        "Size of the file that is opened.",
        (Shown(column.MEMORY, 6, "artifact", one_decimal), Shown(column.PRECISIONS, 70, "file MB", two_decimals)),
    ),
    Column(
        "weights_mb",
        float,
        lambda e: _element_ratio(e) * e.of(network_count).weight_bytes / 1e6,
        "Computed size of the weights at the case's precision.",
        (Shown(column.MEMORY, 7, "weights", one_decimal),),
    ),
    Column(
        "activation_peak_mb",
        float,
        lambda e: _element_ratio(e) * e.case.batch * e.of(network_count).peak_in_out_bytes / 1e6,
        "Computed size of input and output of the largest layer, for the whole batch, at the case's precision.",
        (Shown(column.MEMORY, 8, "activations", one_decimal),),
    ),
)
OUTCOME: Columns = (
    Column(
        "output_error",
        float | None,
        lambda e: e.of(output_error),
        "Largest difference from the outputs of eager fp32 in any process, over the largest logit.",
        (Shown(column.TAILS, 10, "output error", scientific), Shown(column.PRECISIONS, 60, "error", scientific)),
    ),
    Column(
        "layers",
        str | None,
        _layers,
        "Convolution and linear layers that ran in the case's precision, of all, and how many in another, by the "
        "runtime's own graph: `53 of 53 int8`, `36 of 53 int8, 17 fp32`. Of the process with the fewest; empty where "
        "the runtime does not report it, and in files before schema 6.",
        (Shown(column.PRECISIONS, 30, "layers", _requested_layers),),
    ),
    Column(
        "tested_top1",
        float | None,
        lambda e: _tested_percent(e, "top1"),
        "Labelled images that the backend itself got right at this precision on this device, per cent; measured once "
        "for all threads and batches. No accuracy on ImageNet: `published_top1` is that. Empty where nothing is "
        "labelled.",
        parts_of=(column.ACCURACY,),
    ),
    Column(
        "tested_agreement",
        float | None,
        lambda e: _tested_percent(e, "agreement"),
        "Of the same images those that it gave the class which eager fp32 gives them, per cent.",
        (Shown(column.PRECISIONS, 50, "agrees %", one_decimal),),
        (column.ACCURACY,),
    ),
    Column(
        "tested_images",
        str | None,
        lambda e: getattr(e.of(tested), "images", None),
        "Which images, and how many: `597 digits`, or `64 of 597 digits` where it was tested on some of them.",
    ),
    Column(
        "kind",
        str,
        lambda e: e.case.kind,
        "What the numbers are: `host-measured`, `measured-device` or `emulated-count`; never ranked together.",
    ),
    Column("contract", str, _contract, "What `latency_ms` is, or why there is none."),
)
ORIGIN: Columns = (
    Column(
        "fingerprint",
        str | None,
        lambda e: e.record.machine.fingerprint or None,
        "Names the machine: of those facts that must match for two records to be compared.",
    ),
    Column("cpu_model", str | None, lambda e: e.record.machine.cpu_model, "The processor of the machine."),
    Column(
        "runtime_version",
        str | None,
        lambda e: e.of(runtime_version),
        "The versions of the runtime's packages that the processes imported, or that ran on another device; empty for "
        "a case that did not run here, and in files before schema 5.",
    ),
    Column(
        "commit",
        str | None,
        lambda e: e.record.machine.commit,
        "The commit of mnv2bench; it ends in + with local changes.",
    ),
    Column("seed", int, lambda e: e.record.seed, "The seed of the campaign: images, order."),
    Column(
        "weights",
        str,
        lambda e: e.record.weights.name_of(e.case),
        "The weights that the network ran and was checked with: `digits`, which were trained on handwritten digits, "
        "`seed 0`, which were made from a seed, or the file that `--weights` named.",
    ),
    Column(
        "saved_at",
        str | None,
        lambda e: e.saved_at.astimezone(UTC).isoformat(timespec="seconds") if e.saved_at else None,
        "When the file was saved, UTC; of a journal when its campaign began, empty before schema 7.",
    ),
    Column("source", str, lambda e: e.source, "The file that the record is from."),
)
COLUMNS: Columns = (*CASE, *NETWORK, *LATENCIES, *OPENING, *RESIDENT, *OUTCOME)  # ORIGIN follows those of the subjects
