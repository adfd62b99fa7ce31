"""This machine's processor as the system names it: /proc/cpuinfo, and nothing where there is none."""

from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")


@cache
def facts() -> dict[str, str]:
    """The first processor of /proc/cpuinfo, {} where there is none."""
    try:
        text = CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def instructions() -> tuple[str, ...]:
    """The instruction sets of the processor, sorted; empty where the system does not say."""
    return tuple(sorted((facts().get("flags") or facts().get("Features") or "").split()))
