"""One row per case: the columns of the CSV and what every table of the page is made from."""

from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.cases import Kind
from mnv2bench.flags import flags
from mnv2bench.gpu.times import conditions, cuda_graph, energy, gpu_fact, gpu_memory, gpu_times, verified_on
from mnv2bench.networks import count
from mnv2bench.paper import official
from mnv2bench.precisions import named
from mnv2bench.records import GpuMemory, Record
from mnv2bench.remote.conditions import condition, delegation, target, thermal
from mnv2bench.remote.counts import counted
from mnv2bench.statistics.latency import gmadds_per_s, latency, speedups
from mnv2bench.statistics.once import cold_path, memory, output_error, told_ms
from mnv2bench.statistics.rounds import kept_share, madds, measured, threads_used, throughput

WALL = "wall: one call by the clock of the machine that it runs on"
GPU_WALL = "wall: one call by the host's clock, enqueued until complete on the GPU, images already there"
INSTRUCTIONS = "none: instructions are counted, and no time"
TOLD = "none: another tool's own figures"
Source = tuple[str, Sequence[Record]]  # the name of a file, and what it holds


@dataclass(frozen=True)
class Row:
    """Units are in the names; MB are 1e6 bytes. None where there is no number.

    A `wrong` case has its numbers and no speed-up. `madds` are one image's; `weights_mb` and `activation_peak_mb` are
    computed at the case's precision, the latter of the hungriest layer's input and output, for the whole batch.
    `instructions` are of one call, whole batch, and exclude the marks; a case that has them has no time, and one that
    another tool told of (`told_ms`: its median, else its mean) has no latency of ours.

    `contract` says what `latency_ms` is. On a GPU that is the wall's: `gpu_ms` is by its own events, `enqueue_ms` of
    the host alone, `end_to_end_ms` with the copies in and out; power and energy are of calls in flight and of the whole
    GPU; memory is by who counts it, and never a sum. docs/gpu.md has them all.
    """

    case: str
    network: str
    width: float
    resolution: int
    batch: int
    backend: str
    device: str
    precision: str
    threads: int
    status: str
    reason: str
    madds: int
    madds_m: float
    params: int
    published_top1: float | None
    published_pixel1_ms: float | None
    latency_ms: float | None
    latency_low_ms: float | None
    latency_high_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    min_ms: float | None
    throughput_images_per_s: float | None
    gmadds_per_s: float | None
    speedup_over_eager: float | None
    threads_used: float | None
    kept_share: float | None
    flags: tuple[str, ...]
    processes: int
    iterations: int
    export_s: float | None
    open_s: float | None
    cold_open_s: float | None
    first_ms: float | None
    import_s: float | None
    floor_rss_mb: float | None
    loaded_rss_mb: float | None
    first_rss_mb: float | None
    peak_rss_mb: float | None
    interpreter_rss_mb: float | None
    artifact_mb: float | None
    weights_mb: float
    activation_peak_mb: float
    output_error: float | None
    kind: str
    contract: str
    gpu_ms: float | None
    gpu_low_ms: float | None
    gpu_high_ms: float | None
    enqueue_ms: float | None
    end_to_end_ms: float | None
    cuda_graph: str | None
    l2: str | None
    trt_level: int | None
    torch_allocated_mb: float | None
    torch_reserved_mb: float | None
    engine_weights_mb: float | None
    engine_activations_mb: float | None
    gpu_process_mb: float | None
    gpu_device_delta_mb: float | None
    power_w: float | None
    mj_per_image: float | None
    sm_mhz_low: int | None
    sm_mhz_high: int | None
    gpu_name: str | None
    gpu_uuid: str | None
    verified_on: str | None
    instructions: int | None
    instructions_per_madd: float | None
    counts_repeat: bool | None
    told_ms: float | None
    told_by: str | None
    delegated: str | None
    target: str | None
    mask: str | None
    thermal: str | None
    fingerprint: str | None
    cpu_model: str | None
    commit: str | None
    seed: int
    source: str

    @property
    def timed(self) -> bool:
        """Whether it belongs among latencies: as `Record.timed`."""
        return self.kind != Kind.COUNTED and self.told_by is None


def rows(campaign: Sequence[Record], source: str = "") -> tuple[Row, ...]:
    """Of one campaign, in its order. ValueError for records of several: see `campaigns`."""
    by_case = speedups(campaign)
    return tuple(_row(record, by_case.get(record.case), source) for record in campaign)


def _row(record: Record, speedup: float | None, source: str) -> Row:
    case, totals = record.case, count(record.case.network, record.case.width, record.case.resolution)
    of_fp32 = named(case.precision).size_ratio
    published = official().get((case.width, case.resolution)) if case.network == "mobilenet_v2" else None
    processes = measured(record)
    times_of_a_call = latency(record) if processes else None
    cold, resident = cold_path(record), memory(record)
    executed, told = counted(record), record.told
    by = next((process.told.tool for process in record.processes if process.told), None)
    delegated, state = delegation(record), condition([record])
    times, used, seen = gpu_times(record), energy(record), conditions(record)
    on_gpu, clocks = gpu_memory(record) or GpuMemory(), seen.during.sm_mhz if seen else None
    return Row(
        case=case.id,
        network=case.network,
        width=case.width,
        resolution=case.resolution,
        batch=case.batch,
        backend=case.backend,
        device=case.device,
        precision=case.precision,
        threads=case.threads,
        status=record.status,
        reason=record.reason,
        madds=totals.madds,
        madds_m=totals.madds / 1e6,
        params=totals.params,
        published_top1=published.top1 if published else None,
        published_pixel1_ms=published.latency_ms if published and case.kind != Kind.COUNTED else None,
        latency_ms=_ms(times_of_a_call.median_s) if times_of_a_call else None,
        latency_low_ms=_ms(times_of_a_call.low_s) if times_of_a_call else None,
        latency_high_ms=_ms(times_of_a_call.high_s) if times_of_a_call else None,
        p90_ms=_ms(times_of_a_call.p90_s) if times_of_a_call else None,
        p99_ms=_ms(times_of_a_call.p99_s) if times_of_a_call else None,
        min_ms=_ms(times_of_a_call.min_s) if times_of_a_call else None,
        throughput_images_per_s=throughput(record) if processes else None,
        gmadds_per_s=gmadds_per_s(record) if processes else None,
        speedup_over_eager=speedup,
        threads_used=threads_used(record) if processes else None,
        kept_share=kept_share(record) if processes else None,
        flags=flags(record),
        processes=len(processes) or len(record.counts) or len(told),
        iterations=times_of_a_call.iterations
        if times_of_a_call
        else sum(len(counts.instructions) for counts in record.counts),
        export_s=cold.export_s,
        open_s=cold.open_s,
        cold_open_s=cold.cold_open_s,
        first_ms=_ms(cold.first_s),
        import_s=cold.import_s,
        floor_rss_mb=resident.floor / 1e6 if resident else None,
        loaded_rss_mb=resident.loaded / 1e6 if resident else None,
        first_rss_mb=_mb(resident.first) if resident else None,
        peak_rss_mb=resident.peak / 1e6 if resident else None,
        interpreter_rss_mb=resident.interpreter / 1e6 if resident else None,
        artifact_mb=record.artifact.bytes / 1e6 if record.artifact else None,
        weights_mb=of_fp32 * totals.weight_bytes / 1e6,
        activation_peak_mb=of_fp32 * case.batch * totals.peak_in_out_bytes / 1e6,
        output_error=output_error(record),
        kind=case.kind,
        contract=_contract(record),
        gpu_ms=_ms(times.gpu.median_s) if times else None,
        gpu_low_ms=_ms(times.gpu.low_s) if times else None,
        gpu_high_ms=_ms(times.gpu.high_s) if times else None,
        enqueue_ms=_ms(times.enqueue.median_s) if times else None,
        end_to_end_ms=_ms(times.end_to_end.median_s) if times else None,
        cuda_graph=cuda_graph(record),
        l2=None if case.gpu is None else "cold" if record.plan.cold_l2 else "hot",
        trt_level=record.plan.trt_level if record.artifact and record.artifact.format == "plan" else None,
        torch_allocated_mb=_mb(on_gpu.torch_allocated),
        torch_reserved_mb=_mb(on_gpu.torch_reserved),
        engine_weights_mb=_mb(on_gpu.engine_weights),
        engine_activations_mb=_mb(on_gpu.engine_activations),
        gpu_process_mb=_mb(on_gpu.process),
        gpu_device_delta_mb=_mb(on_gpu.device_delta),
        power_w=used.watts if used else None,
        mj_per_image=used.mj_per_image if used else None,
        sm_mhz_low=clocks[0] if clocks else None,
        sm_mhz_high=clocks[1] if clocks else None,
        gpu_name=gpu_fact(record, "name"),
        gpu_uuid=gpu_fact(record, "uuid"),
        verified_on=verified_on(record),
        instructions=executed.instructions if executed else None,
        instructions_per_madd=executed.instructions / madds(record) if executed else None,
        counts_repeat=executed.repeats if executed else None,
        told_ms=told_ms(told),
        told_by=by,
        delegated=delegated.text or None if delegated else None,
        target=target(record) or None,
        mask=state.mask or None if state else None,
        thermal=thermal(state) or None if state else None,
        fingerprint=_text(record.environment.get("fingerprint")),
        cpu_model=_text(record.environment.get("cpu_model")),
        commit=_text(record.environment.get("commit")),
        seed=record.seed,
        source=source,
    )


def _contract(record: Record) -> str:
    """What the latency of a record is, or why it has none."""
    if not record.timed:
        return INSTRUCTIONS if record.case.kind == Kind.COUNTED else TOLD
    return WALL if record.case.gpu is None else GPU_WALL


def _mb(value: int | None) -> float | None:
    """Bytes in megabytes."""
    return None if value is None else value / 1e6


def _ms(value: float | None) -> float | None:
    """Seconds in milliseconds."""
    return None if value is None else 1e3 * value


def _text(fact: object) -> str | None:
    return None if fact is None else str(fact)
