"""Reads the facts about this machine and its libraries, and names those that must match for a comparison."""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from mnv2bench import backends, processor
from mnv2bench.artifacts import formats
from mnv2bench.gpu import nvml
from mnv2bench.records import GpuFacts, Machine, MachineState
from mnv2bench.texts import one_line
from mnv2bench.workers import distributions, package
from mnv2bench.workers.cgroups import quota_cores
from mnv2bench.workers.environment import allocator_setting, recorded

OWN_LIBRARIES = ("mnv2bench", "torch", "numpy", "pytest-benchmark", "nvidia-ml-py")  # what no backend declares
DRIVER = "NVIDIA driver"  # its name among the libraries
CPU_FLAGS = """
avx2 fma avx512f avx512_vnni avx_vnni avx512_bf16 avx512_fp16 amx_tile amx_bf16 amx_int8
asimd asimdhp asimddp sve sve2 bf16 i8mm
"""  # those of x86-64 and those of arm64 that decide which kernels a runtime has
CPU = Path("/sys/devices/system/cpu")
POWER_SUPPLIES = Path("/sys/class/power_supply")
GIT_S = 10.0
CODE = (".py", ".c", ".cpp", ".h")
# Library versions and the commit are not here: they are what people compare. They are recorded and shown instead.
FINGERPRINTED = (
    "cpu_model", "cpu_family", "cpu_stepping", "cpu_flags_hash", "cores", "cores_physical", "smt",
    "cpu_quota_cores", "memory_class_gb", "machine", "system", "kernel_major", "os", "python", "gpu",
)  # fmt: skip
GIVEN = ("allocator", "variables")  # to every process that measures: must match as well, but name no machine
ADDED = ("gpu",)  # to the fingerprint after results were saved: a machine without the fact keeps its name


def cores() -> int:
    """What "all cores" means: those that this process may run on, but no more than its control groups let it use."""
    quota = quota_cores()
    return _affinity() if quota is None else max(1, min(_affinity(), int(quota)))


def _affinity() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _text(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip()
    return None


def caches() -> dict[str, int]:
    """Bytes of a core's data caches and of those it shares, by name: L1, L2, L3. Empty where the system does not say.

    In a virtual machine these are what its host chooses to show.
    """
    units = {"K": 1024, "M": 1 << 20}
    sizes = {}
    for folder in sorted((CPU / "cpu0" / "cache").glob("index*")):
        size = _text(folder / "size") or ""
        if _text(folder / "type") != "Instruction" and size[:-1].isdigit() and size[-1] in units:
            sizes[f"L{_text(folder / 'level')}"] = int(size[:-1]) * units[size[-1]]
    return sizes


def _commit(folder: Path) -> tuple[str | None, str | None]:
    """The commit of the checkout in which the package lies, with "+" where its code differs from it; or None, and why.

    A package that is installed below somebody else's repository, as in a virtual environment, is of no commit of it.
    """
    try:
        top = git_output(folder, "rev-parse", "--show-toplevel")
        if Path(top).resolve() != folder.resolve().parent:
            return None, f"mnv2bench is installed in {folder}, and the repository {top} is not its own"
        if not git_output(folder, "ls-files", "--", "__init__.py"):
            return None, f"mnv2bench in {folder} is not kept in the repository around it"
        head = git_output(folder, "rev-parse", "HEAD")
        changed = git_output(folder, "status", "--porcelain", "--untracked-files=all", "--", ".").splitlines()
        # a new file of code runs as well as a changed one
        changed = [line for line in changed if not line.startswith("??") or line.rstrip('"').endswith(CODE)]
        return head + ("+" if changed else ""), None
    except FileNotFoundError:
        return None, "git is not installed"
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["git failed"])[0]
        return None, f"{folder} is no checkout ({one_line(last)})"
    except (OSError, subprocess.SubprocessError) as error:
        return None, f"git did not answer ({one_line(str(error))})"


def git_output(folder: Path, *words: str, timeout_s: float = GIT_S) -> str:
    """What git prints of this folder, whatever repository its variables name, as they do in a hook."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *words]
    ran = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=timeout_s, env=variables
    )
    return ran.stdout.strip()


def _os() -> str:
    with suppress(OSError):
        release = platform.freedesktop_os_release()
        return f"{release.get('ID', 'linux')} {release.get('VERSION_ID', '')}".strip()
    return platform.platform(terse=True)


def library_names() -> tuple[str, ...]:
    """The distributions that the facts of a machine name: our own, those of all converters and of every backend."""
    names = [*OWN_LIBRARIES, *(name for format in formats.names() for name in formats.format(format).converters)]
    for backend in backends.names():
        with suppress(ValueError):  # a broken one is no matter of a campaign that does not name it
            names += backends.runtime(backend).distributions
    return tuple(dict.fromkeys(names))


def _libraries() -> dict[str, str]:
    """Versions, as imported, of those libraries, and of everything that adds backends."""
    versions = {}
    for name in library_names():
        if (version := distributions.version(name)) is not None:
            versions[name] = version
    for entry in importlib.metadata.entry_points(group=backends.ENTRY_POINTS):
        if entry.dist:
            versions[entry.dist.name] = entry.dist.version
    return versions


def _driver(gpus: tuple[GpuFacts, ...]) -> dict[str, str]:
    """NVIDIA's driver as a library: a new one is as good a reason for another number as a new runtime."""
    return {DRIVER: gpus[0].driver} if gpus and gpus[0].driver else {}


@cache
def this_machine() -> Machine:
    """The facts of this machine, read once in each process; None where unreadable."""
    cpu, flags = processor.facts(), processor.instructions()
    gpus, memory = nvml.gpus(), _memory_bytes()
    commit, why_no_commit = _commit(package.FOLDER)
    machine = Machine(
        cpu_model=cpu.get("model name") or cpu.get("CPU part") or platform.processor() or None,
        cpu_family=f"{cpu.get('cpu family', cpu.get('CPU architecture', '?'))}/{cpu.get('model', '?')}",
        cpu_stepping=cpu.get("stepping"),
        cpu_flags=tuple(flag for flag in CPU_FLAGS.split() if flag in flags),
        cpu_flags_hash=hashlib.sha256(" ".join(flags).encode()).hexdigest()[:12],
        cores=_affinity(),
        cores_physical=_physical_cores(),
        smt=_text(CPU / "smt" / "control"),
        cpu_quota_cores=quota_cores(),
        isolated_cores=_text(CPU / "isolated") or None,
        governor=_text(CPU / "cpu0" / "cpufreq" / "scaling_governor"),
        memory_class_gb=None if memory is None else 1 << (round(memory / 1e9)).bit_length(),
        memory_gb=None if memory is None else round(memory / 1e9, 1),
        machine=platform.machine(),
        system=sys.platform,
        kernel=platform.release(),
        kernel_major=platform.release().split(".")[0],
        os=_os(),
        python=".".join(platform.python_version_tuple()[:2]),
        transparent_hugepages=_text(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        aslr=_text(Path("/proc/sys/kernel/randomize_va_space")),
        hypervisor="hypervisor" in flags,
        gpus=gpus,
        gpu=" + ".join(sorted(str(gpu.name) for gpu in gpus)) or None,
        libraries=_libraries() | _driver(gpus),
        commit=commit,
        why_no_commit=why_no_commit,
        sources=package.digest(),
        allocator=allocator_setting(),
        variables=recorded(os.environ),
    )
    return replace(machine, fingerprint=fingerprint(machine))


def fingerprint(machine: Machine) -> str:
    """A folder name for the machine: what a person recognises, then a hash of the facts that must match."""
    facts = {name: getattr(machine, name) for name in FINGERPRINTED}
    stable = json.dumps([fact for name, fact in facts.items() if name not in ADDED or fact])
    readable = re.sub(r"[^a-z0-9]+", "-", f"{machine.cpu_model or 'cpu'} {machine.cores}c".lower()).strip("-")[:40]
    return f"{readable}-{hashlib.sha256(stable.encode()).hexdigest()[:8]}"


def differences(here: Machine, there: Machine) -> list[str]:
    """The facts for which two machines cannot be compared, one readable phrase each."""
    facts = [(name, getattr(here, name), getattr(there, name)) for name in FINGERPRINTED]
    facts += [(name, _set(getattr(here, name)), _set(getattr(there, name))) for name in GIVEN]
    return [f"{name}: {ours} here, {theirs} there" for name, ours, theirs in facts if ours != theirs]


def _set(setting: str | dict[str, str] | None) -> str:
    """What processes were given, as one text; nothing before schema 5."""
    if isinstance(setting, dict):
        return " ".join(f"{name}={value}" for name, value in sorted(setting.items())) or "none"
    return setting or "none"


def _load() -> float | None:
    with suppress(OSError, AttributeError):  # Windows has no such function, a container may refuse the file
        return os.getloadavg()[0]
    return None


def _physical_cores() -> int | None:
    with suppress(ImportError, OSError, RuntimeError, ValueError):
        import psutil  # it reads /proc when it is imported, and some systems have none

        with suppress(psutil.Error):
            return psutil.cpu_count(logical=False)
    return None


def _memory_bytes() -> int | None:
    with suppress(ImportError, OSError, RuntimeError, ValueError):
        import psutil

        with suppress(psutil.Error):
            return int(psutil.virtual_memory().total)
    return None


def state() -> MachineState:
    """How busy and how hot the machine is at this moment; None where unreadable."""
    pressure = re.search(r"avg10=([0-9.]+)", _text(Path("/proc/pressure/cpu")) or "")
    frequency = _text(CPU / "cpu0" / "cpufreq" / "scaling_cur_freq")
    zones = (_text(zone) for zone in Path("/sys/class/thermal").glob("thermal_zone*/temp"))
    temperatures = [int(zone) / 1000 for zone in zones if zone and zone.lstrip("-").isdigit()]
    return MachineState(
        load_1min=_load(),
        cpu_pressure_10s=float(pressure[1]) if pressure else None,
        frequency_mhz=int(frequency) / 1000 if frequency else None,
        temperature_c=max(temperatures, default=None),
        on_battery=on_battery(),
        governor=governors(),
        turbo=turbo(),
    )


def on_battery(supplies: Path = POWER_SUPPLIES) -> bool | None:
    """Whether the machine runs on a battery; None where it does not say. Batteries of mice and phones do not count."""
    own = [folder for folder in sorted(supplies.glob("*")) if _text(folder / "scope") != "Device"]
    mains = [_text(folder / "online") for folder in own if _text(folder / "type") in ("Mains", "USB")]
    batteries = [_text(folder / "status") for folder in own if _text(folder / "type") == "Battery"]
    if not batteries:
        return None
    return "Discharging" in batteries or (bool(mains) and "1" not in mains)


def governors(cpu: Path = CPU) -> str | None:
    """The governors of all cores, each once; None where the kernel does not say."""
    names = {_text(file) for file in cpu.glob("cpu[0-9]*/cpufreq/scaling_governor")}
    return ", ".join(sorted(filter(None, names))) or None


def turbo(cpu: Path = CPU) -> bool | None:
    """Whether the processor may clock above its nominal frequency; None where the kernel does not say."""
    if forbidden := _text(cpu / "intel_pstate" / "no_turbo"):
        return forbidden == "0"
    if boost := _text(cpu / "cpufreq" / "boost"):
        return boost == "1"
    return None
