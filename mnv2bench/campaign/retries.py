"""Retries: processes that the machine ended, and not their case; a resumed campaign measures them again."""

import errno
import os

from mnv2bench.campaign.child import SUPERVISOR_KILLED
from mnv2bench.records import Process

MACHINE_ERRORS = (
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE,
)  # fmt: skip
OUTSIDE_SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGXFSZ", "SIGXCPU")  # the kernel or a person sent them
SIGNS = (
    *map(os.strerror, MACHINE_ERRORS),
    "MemoryError",
    *(f"worker ended by {name}" for name in OUTSIDE_SIGNALS),
    SUPERVISOR_KILLED,
)


def ended_by_machine(process: Process) -> bool:
    """Whether a process failed for want of disk, memory or files, or was killed from outside."""
    return process.status == "failed" and any(sign in process.reason for sign in SIGNS)
