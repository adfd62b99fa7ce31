"""Machines in network namespaces of this one, with cables that can be cut, for tests: root and iproute2 make them."""

import os
import shutil


def why_no_namespaces():
    """Why no network namespaces can be made here; "" where they can."""
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return "a network namespace needs root and iproute2: run as root, apt-get install iproute2"
    return ""
