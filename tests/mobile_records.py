"""Records of phones, of emulated processors and of other people's tools, written down by hand."""

from test_report import MACHINE, MS

from mnv2bench.case import Case
from mnv2bench.records import Counts, ExternalResult, Plan, Process, Samples, record
from mnv2bench.records.rounds import Round
from mnv2bench.records.target import target_from_json

PHONE = {
    "model": "Pixel 2",
    "soc": "MSM8998",
    "android": "11",
    "clusters": [{"mask": "f0"}],
    "unreadable": {},
    "libc": "glibc 2.36",
}
ARM64 = {"qemu": "7.2.22", "cpu": "cortex-a76", "libc": "glibc 2.36", "runtime": "ai-edge-litert 2.3.0"}
DELEGATED = {"delegate": "XNNPACK", "delegated operators": "66", "operators not delegated": "1"}


def state(celsius, status="none"):
    return {
        "governors": {"4": "schedutil"},
        "battery": {"temperature_c": celsius},
        "thermal_status": status,
        "hal": None,
        "zones_c": {"0 cpu": 61.0},
        "unreadable": {"hal": "not ready"},
    }


def on_phone(backend, *medians_ms, device="adb:R5CT@big", facts=PHONE, hot=0, width=1.0, resolution=224, threads=1):
    """A process for each median; the last `hot` of them began while the phone throttled."""
    case = Case("mobilenet_v2", width, resolution, 1, backend, device, "fp32", threads)
    processes = []
    for number, ms in enumerate(medians_ms):
        ran = Round((round(ms * MS),) * 20, round(20 * ms * MS), round(20 * ms * MS * threads))
        late = number >= len(medians_ms) - hot
        target = {
            "facts": facts,
            "mask": "f0",
            "before": state(31.0 + number),
            "after": state(33.5 + number, "severe" if late else "none"),
            "cooling": {"waited_s": 10.0 * number, "throttled": late, "why": "battery"},
        }
        samples = Samples(rounds=(ran,) * 4, error=2e-6, separation=0.5, settings=DELEGATED)
        processes.append(Process(case, number, number, 0, "ok", "", 1.0, samples, target=target_from_json(target)))
    return record(case, Plan(), MACHINE, processes, seed=7)


def counted(
    backend, *runs, width=1.0, resolution=224, facts=ARM64, device="qemu:cortex-a76", status="ok", batch=1,
    precision="fp32", error=6e-7, layers=None,
):  # fmt: skip
    """A process for each run; a run is the net instructions of its inferences, and its marks count 41 more."""
    case = Case("mobilenet_v2", width, resolution, batch, backend, device, precision, 1)
    processes = [
        Process(
            case, number, number, 0, status, "" if status == "ok" else "outputs differ", 1.0,
            counts=Counts(tuple(n + 41 for n in run), 41, {"fma": 9}, error, 0.5, DELEGATED, layers=layers or {}),
            target=target_from_json({"facts": facts}),
        )
        for number, run in enumerate(runs)
    ]  # fmt: skip
    return record(case, Plan(), MACHINE, processes, seed=7)


def told(*means_ms, device="adb:R5CT@big", tool="benchncnn", median_ms=None, notes=("its own network", "fp16")):
    case = Case(backend="ncnn", device=device)
    processes = [
        Process(
            case, number, number, 0, "ok", "", 1.0, target=target_from_json({"facts": PHONE}),
            external_result=ExternalResult(tool, 8, ms - 0.5, ms + 1.5, ms, median_ms, notes=notes),
        )
        for number, ms in enumerate(means_ms)
    ]  # fmt: skip
    return record(case, Plan(), MACHINE, processes, seed=7)
