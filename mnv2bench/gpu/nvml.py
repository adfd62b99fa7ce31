"""NVML by pynvml: what GPUs there are, and what one of them is doing. What it does not tell is None, and never 0."""

import importlib
import os
from contextlib import suppress
from functools import cache
from typing import Any

from mnv2bench.records.machine import GpuFacts
from mnv2bench.records.rounds import GpuState

SM, MEMORY, CORE = 1, 2, 0  # NVML_CLOCK_SM, NVML_CLOCK_MEM, NVML_TEMPERATURE_GPU
REASONS = {
    0x001: "idle",
    0x002: "application clocks",
    0x004: "sw power cap",
    0x008: "hw slowdown",
    0x010: "sync boost",
    0x020: "sw thermal slowdown",
    0x040: "hw thermal slowdown",
    0x080: "hw power brake",
    0x100: "display clocks",
}
COMPUTE_MODES = {0: "default", 1: "exclusive thread", 2: "prohibited", 3: "exclusive process"}


@cache
def _library() -> tuple[Any, str]:
    """pynvml, and why it does not answer: "" where it does. Imported when asked: no verb that only reads needs it."""
    nvml = importlib.import_module("pynvml")
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        return nvml, f"NVML does not start ({error}): check nvidia-smi"
    return nvml, ""


def _ask(function: str, *arguments: Any) -> Any:
    """What NVML says; None where this GPU, driver or container does not tell."""
    nvml, silent = _library()
    if silent:
        return None
    with suppress(nvml.NVMLError):
        return getattr(nvml, function)(*arguments)
    return None


def reasons(bits: int) -> tuple[str, ...]:
    """Why clocks are not higher, in words; a bit without one by its number."""
    ones = (1 << n for n in range(bits.bit_length()) if bits >> n & 1)
    return tuple(REASONS.get(bit, f"reason {bit:#x}") for bit in ones)


def _facts(gpu: Any) -> GpuFacts:
    memory, power_mw = _ask("nvmlDeviceGetMemoryInfo", gpu), _ask("nvmlDeviceGetEnforcedPowerLimit", gpu)
    capability, mode = _ask("nvmlDeviceGetCudaComputeCapability", gpu), _ask("nvmlDeviceGetComputeMode", gpu)
    cuda, graphics = _ask("nvmlSystemGetCudaDriverVersion_v2"), _ask("nvmlDeviceGetGraphicsRunningProcesses_v3", gpu)
    return GpuFacts(
        name=_ask("nvmlDeviceGetName", gpu),
        uuid=_ask("nvmlDeviceGetUUID", gpu),
        driver=_ask("nvmlSystemGetDriverVersion"),
        cuda=cuda and f"{cuda // 1000}.{cuda % 1000 // 10}",
        compute_capability=capability and "{}.{}".format(*capability),
        memory_mb=memory and memory.total // 1_000_000,
        power_limit_w=power_mw and power_mw / 1000,
        sm_mhz_max=_ask("nvmlDeviceGetMaxClockInfo", gpu, SM),
        memory_mhz_max=_ask("nvmlDeviceGetMaxClockInfo", gpu, MEMORY),
        mig=_on(*(_ask("nvmlDeviceGetMigMode", gpu) or [None])),
        ecc=_on(*(_ask("nvmlDeviceGetEccMode", gpu) or [None])),
        persistence=_on(_ask("nvmlDeviceGetPersistenceMode", gpu)),
        compute_mode=mode if mode is None else COMPUTE_MODES.get(mode, str(mode)),
        graphics_processes=graphics if graphics is None else len(graphics),
    )


def _on(now: int | None, after_reset: int | None = None) -> str | None:
    return None if now is None else "on" if now else "off"


def gpus() -> tuple[GpuFacts, ...]:
    """Every GPU in NVML's order, which is not CUDA's; None where it does not tell a fact."""
    handles = (_ask("nvmlDeviceGetHandleByIndex", index) for index in range(_ask("nvmlDeviceGetCount") or 0))
    return tuple(_facts(gpu) for gpu in handles if gpu is not None)


class Watch:
    """One GPU, by the UUID that CUDA gives it, for the process that will use it: made before it does.

    A process in a container may stand in NVML's list under a number that it cannot know. It is then taken for the one
    that came while the model was opened: `opened` looks for it. Processes that only draw are not counted as others;
    those that NVML hides from a container cannot be.
    """

    def __init__(self, uuid: str) -> None:
        bare = uuid.removeprefix("GPU-")
        prefixes = ("GPU-", "MIG-")  # CUDA's UUID has no prefix
        handles = (_ask("nvmlDeviceGetHandleByUUID", prefix + bare) for prefix in prefixes)
        self.gpu = next((handle for handle in handles if handle is not None), None)
        self.pid: int | None = os.getpid()
        self.before = (self._bytes_by_pid() or {}).keys()

    def _ask(self, function: str, *arguments: Any) -> Any:
        return None if self.gpu is None else _ask(function, self.gpu, *arguments)

    def _bytes_by_pid(self) -> dict[int, int | None] | None:
        """Of every process that computes, by itself or through MPS."""
        alone = self._ask("nvmlDeviceGetComputeRunningProcesses_v3")
        if alone is None:
            return None
        shared = self._ask("nvmlDeviceGetMPSComputeRunningProcesses_v3") or []
        return {process.pid: process.usedGpuMemory for process in (*alone, *shared)}

    def opened(self) -> None:
        """The model is open: find the number under which NVML lists this process, now that it holds memory."""
        seen = (self._bytes_by_pid() or {}).keys()
        came = seen - self.before
        if self.pid not in seen:
            self.pid = came.pop() if len(came) == 1 else None

    def _others(self) -> int | None:
        """None where this process cannot be found and nobody else can be told from it."""
        seen = self._bytes_by_pid()
        if seen is None:
            return None
        if self.pid is None:
            return len(seen) - bool(seen.keys() - self.before) or None
        return len(seen.keys() - {self.pid})

    def sm_mhz_max(self) -> int | None:
        """The highest clock of its multiprocessors, in MHz."""
        clock: int | None = self._ask("nvmlDeviceGetMaxClockInfo", SM)
        return clock

    def facts(self) -> dict[str, str]:
        """What does not change while a model runs, as far as NVML tells; `nvml` where it does not answer at all."""
        if self.gpu is None:
            return {"nvml": _library()[1] or "it does not know the GPU that CUDA runs on"}
        return {name: str(fact) for name, fact in _facts(self.gpu).known.items()}

    def state(self) -> GpuState:
        bits = self._ask("nvmlDeviceGetCurrentClocksEventReasons")
        celsius = self._ask("nvmlDeviceGetTemperatureV", CORE)
        if bits is None:  # older drivers know it by an older name
            bits = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        if celsius is None:
            celsius = self._ask("nvmlDeviceGetTemperature", CORE)
        return GpuState(
            sm_mhz=self._ask("nvmlDeviceGetClockInfo", SM),
            memory_mhz=self._ask("nvmlDeviceGetClockInfo", MEMORY),
            temperature_c=celsius,
            reasons=None if bits is None else reasons(bits),
            others=self._others(),
        )

    def energy_mj(self) -> int | None:
        """Energy in mJ since the driver was loaded. It grows in steps, so that a short time says little."""
        energy: int | None = self._ask("nvmlDeviceGetTotalEnergyConsumption")
        return energy

    def process_bytes(self) -> int | None:
        """What NVML counts of this process, its CUDA context included."""
        return None if self.pid is None else (self._bytes_by_pid() or {}).get(self.pid)

    def used_bytes(self) -> int | None:
        """What everything on the GPU holds."""
        memory = self._ask("nvmlDeviceGetMemoryInfo")
        return None if memory is None else int(memory.used)
