"""The bundle of a backend on a target: compiled, hosted by a Python, or built with an Android NDK."""

from pathlib import Path

from mnv2bench.refusals import Unsupported
from mnv2bench.remote.runners import android, hosted, native
from mnv2bench.remote.runners.cached import Bundle


def is_python(runner: str) -> bool:
    """Whether a --runner is an interpreter on the device, which then runs the backend itself."""
    return Path(runner).name.startswith("python")


def bundle(backend: str, target: str, interpreter: str = "") -> Bundle:
    """The bundle that runs a backend on a target, built where it is not cached.

    Unavailable where something to build it with is missing, Unsupported where no runner of ours runs it there.
    """
    if interpreter:
        return hosted.installed(backend, interpreter)
    if backend in native.NATIVE:
        return native.bundle(backend, target)
    return hosted.bundle(backend, target)


def build(backend: str, target: str, ndk: str = "", libraries: str = "") -> Path:
    """Build a compiled runner and return the folder that is pushed. Unavailable and Unsupported as in `bundle`."""
    if backend not in native.NATIVE:
        raise Unsupported(f"{backend} has no runner to build: one of {', '.join(native.NATIVE)}")
    if target == native.ANDROID:
        return android.build(backend, ndk, libraries)
    return native.bundle(backend, target).paths[0].parent
