"""The environment variables of every process that measures: a short list passes, the allocator is set, the rest is not.

What a user sets on purpose with --env comes last, and is part of the plan.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# glibc maps large blocks anew in every call, and unmaps them, until a larger free has raised its threshold: then what
# a process did before decides what its calls cost. No block is mapped with these, and no memory goes back meanwhile:
# docs/measuring.md#the-allocator
ALLOCATOR = {
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(64 << 20),
}
ALLOCATOR_TEXT = f"glibc: {' '.join(f'{name}={value}' for name, value in ALLOCATOR.items())}"
PASSED = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "HOSTNAME", "TERM", "TZ", "LANG", "LANGUAGE", "TMPDIR", "TEMP", "TMP",
    "http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy",
    "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY",
    "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE",
    "SSH_AUTH_SOCK", "SSH_AGENT_PID", "ADB", "ADB_VENDOR_KEYS", "ADB_SERVER_SOCKET",
    "CC", "CXX", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "PKG_CONFIG_PATH",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX",
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_PATH",
    "NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES",
)  # fmt: skip
PASSED_FAMILIES = ("MNV2BENCH_", "XDG_", "LC_", "ANDROID_", "PIP_")
RECORDED = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CC", "CXX", "CUDA_VISIBLE_DEVICES")  # passed, and can change speed
FOLDERS = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")  # where programs and libraries are looked for
OF_OUR_PYTHON = ("PYTHONHOME", "PYTHONNOUSERSITE", "PYTHONUSERBASE")  # with PYTHONPATH: where its imports come from
# Families that change what is computed or how fast, by how their names begin: named at the start where one is set
CHANGE_SPEED = (
    "ACL_", "ATEN_", "BLIS_", "CUBLAS", "CUDA_", "CUDNN_", "DNNL_", "DYLD_", "GLIBC_TUNABLES", "GLIBCXX_", "GOMP_",
    "GOTO_", "INDUCTOR", "KMP_", "LD_", "LIBGOMP", "LITERT_", "MALLOC_", "MIMALLOC_", "MKL_", "NCCL_", "NCNN_", "NPY_",
    "NUMEXPR_", "NUMPY_", "NVIDIA_", "OMP_", "ONEDNN_", "ONNX_", "OPENBLAS_", "OPENVINO_", "ORT_", "OV_", "PYTHON",
    "PYTORCH_", "TBB_", "TCMALLOC_", "TENSORRT_", "TF_CPU_", "TF_ENABLE_", "TF_NUM_", "TF_XLA_",
    "TFLITE_", "TORCH", "TRITON_", "TRT_", "VECLIB_", "XLA_",
    "XNNPACK_", "XNN_",
)  # fmt: skip
CHANGE_NOTHING = (  # of Python's own: how it prints, and what each process is given anyway
    "PYTHONUNBUFFERED", "PYTHONIOENCODING", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "PYTHONSTARTUP",
    "PYTHONSAFEPATH", "PYTHONPYCACHEPREFIX", "PYTHONCOERCECLOCALE", "PYTHON_HISTORY", "PYTHON_COLORS",
)  # fmt: skip
OURS = {  # what no --env may set, and why
    **dict.fromkeys(THREAD_VARIABLES, "--threads sets it"),
    "PYTHONHASHSEED": "--seed sets it",
    "PYTHONPATH": "install what is to be imported",
    "PYTHONHOME": "start mnv2bench with that Python",
    "PYTHONSAFEPATH": "it is always on",
    "TORCHINDUCTOR_CACHE_DIR": "MNV2BENCH_CACHE moves all caches",
    **dict.fromkeys(
        ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE"),
        "it would compute in fewer bits what is called fp32; --precisions bf16 measures bf16",
    ),
}
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PRELOAD_S = 30.0


@cache
def allocator() -> str:
    """The C library whose allocator takes the settings, as "glibc 2.36"; "" where they have no effect."""
    with suppress(AttributeError, ValueError, OSError):  # other C libraries do not know the name
        return os.confstr("CS_GNU_LIBC_VERSION") or ""
    return ""


def allocator_setting() -> str:
    """The allocator of every process that measures, and its setting: "glibc: MALLOC_MMAP_MAX_=0 ..."."""
    return ALLOCATOR_TEXT if allocator() else "not glibc: no setting"


def passed(name: str) -> bool:
    """Whether a variable of the parent reaches every process that measures."""
    return name in PASSED or name.startswith(PASSED_FAMILIES)


def dropped(variables: Mapping[str, str]) -> tuple[str, ...]:
    """The names of variables that change speed and that no process gets, sorted."""
    kept = (*OF_OUR_PYTHON, "PYTHONPATH")
    return tuple(
        name
        for name in sorted(variables)
        if name.startswith(CHANGE_SPEED) and not passed(name) and name not in (*kept, *CHANGE_NOTHING)
    )


def dropped_line(variables: Mapping[str, str], environment: Iterable[str]) -> str:
    """The sentence that names what is dropped and was not set again with --env; "" where there is nothing to say."""
    names = [name for name in dropped(variables) if name not in dict(map(_pair, environment))]
    if not names:
        return ""
    return f"not passed to what measures: {', '.join(names)} (--env NAME=VALUE passes one, and records it)"


def recorded(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables that pass and can change speed, where they are set."""
    clean = clean_variables(variables, our_python=True)
    return {name: clean[name] for name in RECORDED if clean.get(name)}


def clean_variables(variables: Mapping[str, str], our_python: bool) -> dict[str, str]:
    """The environment of a process that measures, without what the process itself is given.

    `our_python`: it runs with the interpreter of its parent, and so imports from where the parent does.
    """
    clean = {name: value for name, value in variables.items() if passed(name)} | {"PYTHONSAFEPATH": "1"}
    clean |= {name: absolute_folders(clean[name]) for name in FOLDERS if name in clean}
    if our_python and not sys.flags.ignore_environment:
        clean |= {name: variables[name] for name in OF_OUR_PYTHON if name in variables}
        if path := absolute_folders(variables.get("PYTHONPATH", "")):
            clean["PYTHONPATH"] = path
    return clean | ALLOCATOR


def without_unset(variables: Mapping[str, str]) -> dict[str, str]:
    """The variables without those of the allocator that are set to nothing: glibc would read that as a setting too."""
    return {name: value for name, value in variables.items() if value or name not in ALLOCATOR}


def absolute_folders(path: str) -> str:
    """The absolute folders of a search path. Its empty and relative entries mean the current folder."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if entry and Path(entry).is_absolute())


def variables_of(environment: Iterable[str]) -> dict[str, str]:
    """The variables of a plan's `environment`, by name."""
    return dict(map(_pair, environment))


def _pair(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name, value


def checked_environment(words: Iterable[str]) -> tuple[str, ...]:
    """The words of --env, sorted, each name once. ValueError for what cannot be meant, or would not apply."""
    chosen: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not NAME.fullmatch(name):
            raise ValueError(f"--env takes NAME=VALUE, not {word!r}")
        if name in OURS:
            raise ValueError(f"--env {name} is not for you to set: {OURS[name]}")
        if name.startswith("MNV2BENCH_"):
            raise ValueError(f"--env {name} is not for you to set: set it before mnv2bench starts, it passes")
        if not value.isprintable():
            raise ValueError(f"--env {name} has a character that cannot be printed: leave it out")
        if chosen.setdefault(name, value) != value:
            raise ValueError(f"--env {name} is given twice, as {chosen[name]} and as {value}: leave one out")
    if chosen.get("LD_PRELOAD"):
        _require_preloadable(chosen["LD_PRELOAD"])
    return tuple(f"{name}={value}" for name, value in sorted(chosen.items()))


def _require_preloadable(libraries: str) -> None:
    """ValueError where the dynamic loader would leave out a library of LD_PRELOAD, which it only mentions."""
    environment = {**clean_variables(os.environ, our_python=True), "LD_PRELOAD": libraries}
    command = [sys.executable, "-S", "-E", "-c", "pass"]
    ran = subprocess.run(
        command,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=PRELOAD_S,
        check=False,
    )
    if ran.returncode or "preload" in ran.stderr:
        last = ran.stderr.strip().splitlines()[-1:] or [f"exit code {ran.returncode}"]
        raise ValueError(f"--env LD_PRELOAD={libraries} cannot be loaded ({last[0]}): give the path of a library")
