"""libcuda by ctypes: whether a GPU can be used at all, asked before any runtime that would crash without one."""

import ctypes
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from mnv2bench.refusals import Unavailable

LIBRARY = "libcuda.so.1"
NO_DEVICE = 100  # CUDA_ERROR_NO_DEVICE
NO_GPU = "the NVIDIA driver sees no GPU: check nvidia-smi, CUDA_VISIBLE_DEVICES, and --gpus all of a container"
MAJOR, MINOR = 75, 76  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
MULTIPROCESSORS = 16  # CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT


@dataclass(frozen=True)
class Device:
    """One of CUDA's devices, by CUDA's number. `uuid` is what NVML knows it by: their numbers differ.

    `multiprocessors` is how many it has, 0 where the driver gives none.
    """

    index: int
    name: str
    uuid: str
    compute_capability: str
    cuda_version: int
    multiprocessors: int = 0


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
        raise Unavailable(NO_GPU)
    if code:
        raise Unavailable(f"the NVIDIA driver does not start (cuInit: {_error(cuda, code)}): check nvidia-smi")
    return cuda


def _error(cuda: Any, code: int) -> str:
    """As the driver calls it, where it does."""
    name = ctypes.c_char_p()
    cuda.cuGetErrorName(code, ctypes.byref(name))
    return f"{(name.value or b'error').decode(errors='replace')} {code}"


def _ask(function: str, *arguments: Any) -> None:
    code = getattr(_library(), function)(*arguments)
    if code:
        error = _error(_library(), code)
        raise Unavailable(f"the NVIDIA driver does not answer ({function}: {error}): check nvidia-smi")


def _number(function: str, *arguments: Any) -> int:
    answer = ctypes.c_int()
    _ask(function, ctypes.byref(answer), *arguments)
    return answer.value


@cache
def require(index: int, cuda_version: int = 0, backend: str = "") -> Device:
    """The device, where a backend can use it. Unavailable else, in the order driver, GPU, version of CUDA.

    `cuda_version` is what the backend's runtime was built for, as `cuDriverGetVersion` counts: 13000 is 13.0.
    """
    count = _number("cuDeviceGetCount")
    if not count:
        raise Unavailable(NO_GPU)
    if index >= count:
        numbers = ", ".join(f"cuda:{number}" for number in range(count))
        raise Unavailable(f"there is no cuda:{index}: this process sees {numbers}")
    version = _number("cuDriverGetVersion")
    if version < cuda_version:
        raise Unavailable(
            f"the NVIDIA driver serves CUDA {version_text(version)}, {backend} needs {version_text(cuda_version)}: "
            "update the driver"
        )
    device = _number("cuDeviceGet", index)
    name, raw = ctypes.create_string_buffer(256), ctypes.create_string_buffer(16)
    _ask("cuDeviceGetName", name, len(name), device)
    _ask("cuDeviceGetUuid_v2", raw, device)
    capability = [_number("cuDeviceGetAttribute", attribute, device) for attribute in (MAJOR, MINOR)]
    return Device(
        index=index,
        name=name.value.decode(errors="replace"),
        uuid=f"GPU-{uuid.UUID(bytes=raw.raw)}",
        compute_capability="{}.{}".format(*capability),
        cuda_version=version,
        multiprocessors=_number("cuDeviceGetAttribute", MULTIPROCESSORS, device),
    )
