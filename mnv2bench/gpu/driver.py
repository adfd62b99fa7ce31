"""libcuda by ctypes: whether a GPU can be used at all, asked before any runtime that would crash without one."""

import ctypes
import uuid
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from mnv2bench.outcomes import outcome
from mnv2bench.refusals import Unavailable

LIBRARY = "libcuda.so.1"
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*


@dataclass(frozen=True)
class Device:
    """One of CUDA's devices, by CUDA's number. `uuid` is what NVML knows it by: their numbers differ."""

    index: int
    name: str
    uuid: str
    compute_capability: str
    cuda_version: int


def version_text(version: int) -> str:
    """13000 as 13.0."""
    return f"{version // 1000}.{version % 1000 // 10}"


@cache
def _library() -> Any:
    """The driver's library, initialised. Unavailable without it or without a GPU."""
    try:
        cuda = ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise Unavailable(f"no NVIDIA driver ({error}): install one; nvidia-smi shows whether it works") from error
    code = cuda.cuInit(0)
    if code == NO_DEVICE:
        raise Unavailable("the NVIDIA driver sees no GPU: check nvidia-smi, and --gpus all of a container")
    if code:
        raise Unavailable(f"the NVIDIA driver does not start (cuInit: error {code}): check nvidia-smi")
    return cuda


def _number(function: Any, *arguments: Any) -> int:
    found = ctypes.c_int()
    code = function(ctypes.byref(found), *arguments)
    if code:
        raise Unavailable(f"the NVIDIA driver does not answer ({function.__name__}: error {code}): check nvidia-smi")
    return found.value


@cache
def require(index: int, cuda_version: int = 0, backend: str = "") -> Device:
    """The device, where a backend can use it. Unavailable else, in the order driver, GPU, version of CUDA.

    `cuda_version` is what the backend's runtime was built for, as `cuDriverGetVersion` counts: 13000 is 13.0.
    """
    cuda = _library()
    count = _number(cuda.cuDeviceGetCount)
    if not count:
        raise Unavailable("the NVIDIA driver sees no GPU: check nvidia-smi, and CUDA_VISIBLE_DEVICES")
    if index >= count:
        numbers = ", ".join(f"cuda:{number}" for number in range(count))
        raise Unavailable(f"there is no cuda:{index}: this process sees {numbers}")
    version = _number(cuda.cuDriverGetVersion)
    if version < cuda_version:
        raise Unavailable(
            f"the NVIDIA driver serves CUDA {version_text(version)}, {backend} needs {version_text(cuda_version)}: "
            f"update the driver"
        )
    device = _number(cuda.cuDeviceGet, index)
    name, raw = ctypes.create_string_buffer(256), ctypes.create_string_buffer(16)
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceGetUuid_v2(raw, device)
    capability = [_number(cuda.cuDeviceGetAttribute, attribute, device) for attribute in (MAJOR, MINOR)]
    return Device(
        index, name.value.decode(errors="replace"), f"GPU-{uuid.UUID(bytes=raw.raw)}", "{}.{}".format(*capability),
        version,
    )  # fmt: skip


def main(job: dict[str, Any]) -> dict[str, Any]:
    """`require` in a process of its own: the campaign's loads no driver."""
    return {"measured": asdict(require(job["index"], job["cuda_version"], job["backend"]))}


if __name__ == "__main__":
    import json
    import sys
    from pathlib import Path

    outcome(main, json.loads(Path(sys.argv[1]).read_text()))
