"""A machine with NVIDIA GPUs, as far as its driver and NVML go: C doubles of both, for real processes to load.

    folder = gpu_double.build(tmp_path)
    command("mnv2bench", "run", ..., **gpu_double.variables(folder, GPUS=2, REASONS=4))

Nothing computes on it: only the backend `fake` runs there. `gpu_double.c` says what may be told.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_suffix(".c")
DRIVER, NVML = "libcuda.so.1", "libnvidia-ml.so.1"
UUID = "GPU-d0b1e000-0000-0000-0000-0000000000{:02d}"  # of CUDA's device of that number


def build(folder: Path, *names: str) -> Path:
    """A folder with the doubles of these names, of both without any."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        pytest.skip("the double of NVIDIA's driver needs a C compiler: apt-get install gcc")
    for name in names or (DRIVER, NVML):
        subprocess.run([compiler, "-shared", "-fPIC", "-w", "-o", folder / name, SOURCE], check=True)
    return folder


def variables(folder: Path, **told: object) -> dict[str, str]:
    """What a process is started with to find the doubles, and what they are to tell it."""
    path = os.pathsep.join(filter(None, (str(folder), os.environ.get("LD_LIBRARY_PATH"))))
    return {"LD_LIBRARY_PATH": path, **{f"MNV2BENCH_DOUBLE_{name}": str(value) for name, value in told.items()}}
