"""The C library that a bundle brings along: its files, and the version that a count belongs to."""

import re
from pathlib import Path

LOADER = "ld-linux-aarch64.so.1"
LIBRARIES = (
    LOADER, "libc.so.6", "libm.so.6", "libdl.so.2", "librt.so.1", "libpthread.so.0", "libstdc++.so.6", "libgcc_s.so.1",
)  # fmt: skip
START = (f"lib/{LOADER}", "--library-path", "lib")  # in the pushed folder, with no library of the device's own
VERSION = re.compile(rb"GNU C Library \(([^)\n]*)\) \w+ release version ([\d.]*\d)")


def libc_version(libc: Path) -> str:
    """The version in the file itself, which tells two builds apart: "glibc 2.36 (Debian GLIBC 2.36-8)"."""
    match = VERSION.search(libc.read_bytes())
    return f"glibc {match[2].decode()} ({match[1].decode()})" if match else f"unknown ({libc.name})"
