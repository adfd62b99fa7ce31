"""The C library that a runner brings along: which files, and which version a count belongs to."""

import re
from pathlib import Path

LOADER = "ld-linux-aarch64.so.1"
LIBRARIES = (
    LOADER, "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1",
)  # fmt: skip
START = (
    f"lib/{LOADER}",
    "--library-path",
    "lib",
)  # in the folder that was pushed, and with nothing of the device's own
VERSION = re.compile(rb"GNU C Library \(([^)\n]*)\) \w+ release version ([\d.]*\d)")


def libc_version(libc: Path) -> str:
    """As the file itself says, which tells two builds of a version apart: "glibc 2.36 (Debian GLIBC 2.36-8)"."""
    found = VERSION.search(libc.read_bytes())
    return f"glibc {found[2].decode()} ({found[1].decode()})" if found else f"unknown ({libc.name})"
