"""The columns that every case has: what it is, how it ended, its latency, memory, cold path and outputs, its origin."""

from datetime import UTC
from functools import partial

from mnv2bench.case import Kind
from mnv2bench.networks import Published, resolution_value
from mnv2bench.precisions import named as precision
from mnv2bench.records import Record
from mnv2bench.report import column
from mnv2bench.report.cells import NONE, megabytes, milliseconds, number, one_decimal, scaled, scientific
from mnv2bench.report.column import Column, Columns, Shown
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.report.latency_columns import LATENCIES
from mnv2bench.statistics.accuracy import tested
from mnv2bench.statistics.layers import layers_ran
from mnv2bench.statistics.processes import cold_path, memory, output_error
from mnv2bench.statistics.rounds import (
    network_count,
)
from mnv2bench.statistics.time_spent import record_time
from mnv2bench.statistics.versions import runtime_version

WALL = "wall: one call by the clock of the machine that it runs on"
GPU_WALL = "wall: one call by the host's clock, enqueued until complete on the GPU, images already there"
NO_TIME = "none: instructions are counted, and no time"
PUBLISHED_MS = "published ms"  # tables name the device instead
EXTERNAL = "none: another tool's own figures"


def _published(evaluation: Evaluation) -> Published | None:
    """The published row of the case's variant."""
    return evaluation.case.published


def _published_top1(evaluation: Evaluation) -> float | None:
    row = _published(evaluation)
    return row.top1 if row else None


def _published_ms(evaluation: Evaluation) -> float | None:
    row = _published(evaluation)
    return row.latency_ms if row and evaluation.case.kind != Kind.COUNTED else None


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
OPENING: Columns = (
    Column(
        "export_s",
        float | None,
        lambda e: e.of(cold_path).export_s,
        "Making the artifact, once.",
        (Shown(column.COLD_PATH, 1, "export s", number),),
    ),
    Column(
        "open_s",
        float | None,
        lambda e: e.of(cold_path).open_s,
        "Opening the model, the median over processes.",
        (Shown(column.COLD_PATH, 4, "open s", number),),
    ),
    Column(
        "cold_open_s",
        float | None,
        lambda e: e.of(cold_path).cold_open_s,
        "Opening it with nothing compiled yet, for a backend that keeps what it compiles.",
        (Shown(column.COLD_PATH, 3, "cold open s", number),),
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
        (Shown(column.COLD_PATH, 2, "import s", number),),
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
        (Shown(column.MEMORY, 6, "artifact", one_decimal), Shown(column.PRECISIONS, 70, "file MB", number)),
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
