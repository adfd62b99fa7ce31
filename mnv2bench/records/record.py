"""Record: what was measured, as it is kept on disk. Derived numbers are functions in `statistics`, never fields."""

from collections.abc import Iterable
from dataclasses import replace as replace_in_dataclass
from typing import Annotated, Any, TypeVar

from msgspec import Meta, Struct, field, structs

from mnv2bench.case import Case, Kind
from mnv2bench.records.machine import Machine
from mnv2bench.records.ranges import MAX_ENTRIES, Bytes, Integer, NotNegative, Positive, Separation, Text, Texts, Whole
from mnv2bench.records.rounds import GpuState, Round
from mnv2bench.records.target import Target
from mnv2bench.records.weights import Weights

# 2 (2026-11): kind, target, counts, told. 3 (2026-11): GPUs. 4 (2026-11): memory after the first inference, profiles.
# 5 (2026-11): minor faults and system time of rounds, what was set and checked.
# 6 (2026-11): layers by precision, weights trained on digits, accuracies.
# 7 (2026-11): when a campaign began, time budgets and their blocks, streams.
# 8 (2026-11): networks that no family declares.
# A reader takes every number up to its own: docs/records.md
SCHEMA = 8
STATUSES = ("ok", "wrong", "failed", "timeout", "unavailable", "unsupported")
ENDED = STATUSES[:2]  # a process that came to its end; after any other, its case is not tried again in a campaign


PLAN_LIMITS = {  # the largest value of each number of a plan
    "processes": 10_000,
    "rounds": 10_000,
    "round_s": 3_600,
    "warmup_s": 86_400,
    "warmup_runs": 1_000_000,
    "warmup_cap_s": 86_400,
    "warmup_cap_rounds": 10_000,
    "steady_slope": 1_000,
    "timeout_s": 1_000_000_000,
    "in_flight": 1_000_000,
    "budget_s": 31_536_000,
}


class Plan(Struct, frozen=True, forbid_unknown_fields=True):
    """How long, how often, and under which conditions. Seconds throughout.

    `rounds` is how many kept rounds a process is asked for. Of GPUs: `in_flight` calls at most wait on the queue while
    throughput is measured; `cold_l2` empties the L2 cache before every timed call; `trt_level` is TensorRT's builder
    optimisation level. `environment` are the variables that a user set on purpose for what measures, as NAME=VALUE.
    `budget_s` is the time that a campaign divides among its cases, 0 where each has as many processes as the plan says;
    with a budget `processes` is the most that a case may have.
    """

    processes: int = 5
    rounds: int = 15
    round_s: float = 0.15
    warmup_s: float = 0.5
    warmup_runs: int = 3
    warmup_cap_s: float = 3.0
    warmup_cap_rounds: int = 20
    steady_slope: float = 0.005
    timeout_s: float = 300.0
    in_flight: int = 8
    cold_l2: bool = False
    trt_level: int = 3
    environment: Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)] = ()
    budget_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("processes", "rounds", "in_flight"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not self.timeout_s > 0:
            raise ValueError(f"timeout_s must be a number of seconds above 0, not {self.timeout_s}")
        if self.trt_level not in range(6):
            raise ValueError(f"trt_level is TensorRT's builder optimisation level, 0 to 5, not {self.trt_level}")
        for name, most in PLAN_LIMITS.items():
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} must be from 0 to {most:,}, not {getattr(self, name)}")


V = TypeVar("V")
QUICK = Plan(processes=3, rounds=5)


class Memory(Struct, frozen=True, forbid_unknown_fields=True):
    """Resident memory of one clean worker process, bytes.

    After interpreter start, after importing the runtime (`floor`), after opening the model, after the first inference
    (`first`, None before schema 4), and at its highest (VmHWM).
    """

    interpreter: Bytes
    floor: Bytes
    loaded: Bytes
    peak: Bytes
    first: Bytes | None = None


class GpuMemory(Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes on the GPU by each of several counters, which are never added up; None where a counter is missing.

    `torch_allocated`, `torch_reserved`: peaks of torch's allocator, which sees nothing of TensorRT's and
    onnxruntime's own. `engine_weights`, `engine_activations`: as a TensorRT engine reports them. `process`: NVML's
    figure for this process, the CUDA context included. `device_delta`: what the whole device holds more than before
    the model was opened, which other processes move too.
    """

    torch_allocated: Bytes | None = None
    torch_reserved: Bytes | None = None
    engine_weights: Bytes | None = None
    engine_activations: Bytes | None = None
    process: Bytes | None = None
    device_delta: Integer | None = None


class Gpu(Struct, frozen=True):  # files of schema 3 have `layers` in it, which nothing reads any more
    """The GPU that one process ran on, and its memory.

    `facts` are those of the driver and NVML. `before` is its state before the model was opened, `after` that after the
    last round.
    """

    facts: Texts = {}
    before: GpuState | None = None
    after: GpuState | None = None
    memory: GpuMemory = GpuMemory()


class Checks(Struct, frozen=True, forbid_unknown_fields=True):
    """What was checked of one process while and after it was timed; None is what could not be read.

    `batches` of logits were compared with the reference, `error` is their largest difference over the reference's
    largest logit. `put_ns`, `get_ns` and `new_ns` are the shortest `put`, `get` and first call on images that the
    session had not seen before; `rested_ns` is the shortest call on the images that it holds, after as long a pause as
    before new images. `madds_per_s` are the multiply-adds of the fast calls, and `peak_madds_per_s` the most
    that the device can do by `peak`, which says where that number is from.
    """

    batches: Whole = 0
    error: NotNegative | None = None
    put_ns: Whole | None = None
    get_ns: Whole | None = None
    new_ns: Whole | None = None
    rested_ns: Whole | None = None
    madds_per_s: NotNegative | None = None
    peak_madds_per_s: NotNegative | None = None
    peak: str = ""


class Samples(Struct, frozen=True, forbid_unknown_fields=True):
    """The raw measurements of one process: every duration in order, never trimmed, the warm-up apart.

    `cold_open_s` is what `open` took when nothing of it was cached, then or in this process (`cold`); None for a
    backend that keeps no compile cache. `error` and `separation` are over the reference's largest logit, of the two
    batches that are checked before anything is timed; `checks` are of the time after that, None before schema 5.
    `libraries` are the versions of the backend's distributions that the process imported, empty before schema 5.
    `layers` is how many convolution and linear layers ran in each precision by the runtime's own graph, empty where it
    does not say and before schema 6.
    """

    warmup: tuple[Round, ...] = ()
    rounds: tuple[Round, ...] = ()
    import_s: NotNegative | None = None
    open_s: NotNegative | None = None
    cold_open_s: NotNegative | None = None
    cold: bool = False
    first_s: NotNegative | None = None
    memory: Memory | None = None
    error: NotNegative | None = None
    separation: Separation | None = None
    settings: Texts = {}
    gpu: Gpu | None = None
    checks: Checks | None = None
    libraries: dict[str, str] = {}
    layers: Annotated[dict[Text, Whole], Meta(max_length=MAX_ENTRIES)] = {}


class Counts(Struct, frozen=True, forbid_unknown_fields=True):
    """The guest instructions of each inference of one process under an emulator, on one thread; no time.

    `instructions` are raw, between two marks; `empty` is the count between two marks with nothing between them.
    `classes` are the instructions of the last inference by class.
    """

    instructions: Annotated[tuple[Whole, ...], Meta(min_length=1)]
    empty: Whole = 0
    classes: Annotated[dict[Text, Whole], Meta(max_length=MAX_ENTRIES)] = {}
    error: NotNegative | None = None
    separation: Separation | None = None
    settings: Texts = {}
    checks: Checks | None = None
    layers: Annotated[dict[Text, Whole], Meta(max_length=MAX_ENTRIES)] = {}

    @property
    def net(self) -> tuple[int, ...]:
        """The instructions of each inference without those of its marks."""
        return tuple(n - self.empty for n in self.instructions)


class ExternalResult(Struct, frozen=True, forbid_unknown_fields=True):
    """The measurement that another tool printed. Outputs were not checked, and the tool decides what it counts.

    `durations_ms` is empty unless the tool prints each run. `notes` name what differs from our runs: its network, its
    precision.
    """

    tool: Text
    count: Positive
    min_ms: NotNegative
    max_ms: NotNegative
    mean_ms: NotNegative
    median_ms: NotNegative | None = None
    std_ms: NotNegative | None = None
    durations_ms: tuple[NotNegative, ...] = ()
    init_ms: NotNegative | None = None
    peak_mb: NotNegative | None = None
    notes: Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)] = ()


class Process(Struct, frozen=True, forbid_unknown_fields=True):
    """One fresh worker process of a case: its position in the realised order, how it ended, and its measurements.

    `counts` in place of `samples` under an emulator, `external_result` in place of them by another tool. `target` is
    the remote device as this process saw it, None where the process ran on this machine.
    """

    case: Case
    number: Whole
    position: Whole
    seed: Integer
    status: Text
    reason: Text
    wall_s: NotNegative
    samples: Samples = Samples()
    counts: Counts | None = None
    external_result: ExternalResult | None = field(name="told", default=None)  # schema 2 named it so
    target: Target | None = None


class Accuracy(Struct, frozen=True, forbid_unknown_fields=True):
    """How many labelled images a backend gets right, at one precision and on one device, whatever its threads.

    `image_set` names the images, of which there are `labelled`; `images` of them were tested, and `right` of those have
    their label as the largest logit. `agreeing` have the same largest logit as eager fp32 has, which gets
    `reference_right` of them right. `status` and `reason` say how the process ended that tested them.
    """

    status: Text
    reason: Text = ""
    wall_s: NotNegative = 0.0
    image_set: Text = ""
    labelled: Whole = 0
    images: Whole = 0
    right: Whole = 0
    agreeing: Whole = 0
    reference_right: Whole = 0


class Artifact(Struct, frozen=True, forbid_unknown_fields=True):
    """A file that a backend reads: its size and its content's hash, and how long its making took.

    `sha256` is there since schema 5.
    """

    format: Text
    key: Text
    bytes: Bytes
    export_s: NotNegative
    sha256: str | None = None


class Record(Struct, frozen=True, forbid_unknown_fields=True):
    """A case, how and where it was measured, and how that ended. A refusal and a crash are Records too."""

    case: Case
    plan: Plan
    machine: Machine
    status: str
    reason: str
    processes: tuple[Process, ...]
    artifact: Artifact | None = None
    seed: int = 0
    weights: Weights = Weights()
    accuracy: Accuracy | None = None

    @property
    def samples(self) -> tuple[Samples, ...]:
        """The samples of the processes that ended well."""
        return tuple(p.samples for p in self.processes if p.status == "ok")

    @property
    def counts(self) -> tuple[Counts, ...]:
        """The counts of the processes that ended well under an emulator."""
        return tuple(p.counts for p in self.processes if p.status == "ok" and p.counts)

    @property
    def external_results(self) -> tuple[ExternalResult, ...]:
        """The results of other tools, of the processes that ended well."""
        return tuple(p.external_result for p in self.processes if p.status == "ok" and p.external_result)

    @property
    def timed(self) -> bool:
        """False for instruction counts and for results that another tool reported."""
        return self.case.kind != Kind.COUNTED and not any(p.external_result for p in self.processes)


UNMEASURED = {  # why a case has no process, by whether its campaign came to its end
    False: "not measured: the campaign was interrupted before this case (use --resume)",
    True: "not measured: the budget was spent before this case (give a longer --budget, or fewer cases)",
}


def record(
    case: Case,
    plan: Plan,
    machine: Machine,
    processes: Iterable[Process],
    artifact: Artifact | None = None,
    seed: int = 0,
    weights: Weights = Weights(),  # noqa: B008  it is frozen
    accuracy: Accuracy | None = None,
    ended: bool = False,
) -> Record:
    """The Record of a case from its processes: `ok` only where all of them are, else as the first that is not.

    `ended` says that the campaign came to its end: what it has not measured by then, its budget had no time for.
    """
    all_processes = tuple(processes)
    status, reason = "ok", ""
    if not all_processes:
        status, reason = "failed", UNMEASURED[ended]
    for process in all_processes:
        if process.status != "ok":
            status, reason = process.status, process.reason
            break
    return Record(case, plan, machine, status, reason, all_processes, artifact, seed, weights, accuracy)


def replace(value: V, **changes: Any) -> V:
    """A copy of a Struct or a dataclass with other values in these fields, as `copy.replace` of Python 3.13 makes."""
    if isinstance(value, Struct):
        return structs.replace(value, **changes)
    copy: V = replace_in_dataclass(value, **changes)  # type: ignore[type-var]
    return copy
