"""Cases that were measured, written down by hand for tests of recommendations: milliseconds in, evaluations out."""

from datetime import UTC, datetime

from msgspec import UNSET

from mnv2bench.case import Case
from mnv2bench.comparison.chapters import evaluations
from mnv2bench.networks import parsed_resolution
from mnv2bench.records import Accuracy, Machine, Memory, Plan, Process, Samples, Weights, record
from mnv2bench.records.rounds import Round
from mnv2bench.statistics.campaigns import campaigns
from mnv2bench.statistics.floor import Floor

MACHINE = Machine(fingerprint="example-2c-00000001", cpu_model="Example CPU", cores=2, hypervisor=True)
OTHER_MACHINE = Machine(fingerprint="other-4c-00000002", cpu_model="Other CPU", cores=4)
MONDAY, TUESDAY = datetime(2026, 11, 23, tzinfo=UTC), datetime(2026, 11, 24, tzinfo=UTC)
OF_USER = Weights(file="mine.pt", content="ab" * 32, images="pets", images_content="cd" * 32)
SEEDED = Weights()
MB = 1_000_000


def samples(ms, noisy=False, peak_mb=100, mj=None, calls=20, slowest_ms=None, error=2e-6, streams=1, cores=1):
    """Four rounds of equal calls; of a noisy process each had half a core. One call of a round may be the slowest.

    The calls are those of all streams, which work at the same time and have equally many.
    """
    durations = [round(1e6 * ms)] * (calls - 1) + [round(1e6 * (slowest_ms or ms))]
    wall_ns = sum(durations) // streams
    energy_uj = None if mj is None else round(1000 * mj * calls)
    ran = Round(
        tuple(durations),
        wall_ns,
        cores * wall_ns // 2 if noisy else cores * wall_ns,
        cpu_energy_uj=energy_uj,
        stream_calls=(calls // streams,) * streams if streams > 1 else UNSET,
    )
    return Samples(rounds=(ran,) * 4, memory=Memory(MB, 2 * MB, 3 * MB, round(peak_mb * MB)), error=error)


def measured(
    *ms, variant="1.0@224", network="mobilenet_v2", backend="openvino", precision="fp32", status="ok", peak_mb=100,
    accuracy=None, weights=SEEDED, machine=MACHINE, wall_s=10.0, threads=1, batch=1, streams=1, classes=1000,
    channels=3, **rounds,
):  # fmt: skip
    """The record of a case with a process for each number of milliseconds; `peak_mb` may be one number a process."""
    width, _, resolution = variant.partition("@")
    case = Case(
        network,
        width=float(width),
        resolution=parsed_resolution(resolution),
        backend=backend,
        precision=precision,
        threads=threads,
        batch=batch,
        streams=streams,
        classes=classes,
        channels=channels,
    )
    peaks = peak_mb if isinstance(peak_mb, tuple) else (peak_mb,) * len(ms)
    error = 2e-6 if precision == "fp32" else 4e-2
    all_samples = [
        samples(each, peak_mb=peak, error=error, streams=streams, **rounds)
        for each, peak in zip(ms, peaks, strict=True)
    ]
    ended = [
        Process(case, number, number, 0, status, "", wall_s, of_process)
        for number, of_process in enumerate(all_samples)
    ]
    return record(case, Plan(processes=len(ms)), machine, ended, weights=weights, accuracy=accuracy)


def right(number, images=500, agreeing=None, image_set="pets"):
    """An accuracy: so many of the images are right, as many as eager fp32 gets."""
    return Accuracy("ok", "", 1.0, image_set, images, images, number, number if agreeing is None else agreeing, number)


def evaluated(*records, source="a.json", floor=None, saved_at=None):
    """The evaluations of the records of one file, a campaign after the other."""
    return tuple(
        evaluation for campaign in campaigns(records) for evaluation in evaluations(campaign, source, floor, saved_at)
    )


def floor(sd):
    """An A/A floor by which two campaigns of a case differ by this standard deviation of their logarithms."""
    return Floor(MONDAY, 5, {}, {}, sd, 20, {}, {})
