"""Machines in network namespaces of this one, with cables that can be cut and slow ways, for tests.

Root and iproute2 make them. Nothing outside these namespaces changes, and nothing in them reaches outside.
"""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

HOME = "10.77.0.1"  # of the scheduler and the client, in a namespace of their own


def why_no_namespaces():
    """Why no network namespaces can be made here; "" where they can."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("ip", "unshare", "nsenter"))):
        return "a network namespace needs root and iproute2: run as root, apt-get install iproute2"
    return ""


def _ip(*words):
    subprocess.run(["ip", *words], check=True)


class Network:
    """A home and machines, each in a network namespace, with a cable from home to each machine."""

    def __init__(self, *machines):
        self.machines, self.token = machines, f"mnv2-{os.getpid()}"

    def __enter__(self):
        self._add("home")
        _ip("-n", self.space("home"), "address", "add", f"{HOME}/32", "dev", "lo")
        for number, machine in enumerate(self.machines, 1):
            self._add(machine)
            home, there = self.space("home"), self.space(machine)
            _ip("-n", home, "link", "add", f"to-{machine}", "type", "veth", "peer", "name", "cable", "netns", there)
            for space, device, end in ((home, f"to-{machine}", 1), (there, "cable", 2)):
                _ip("-n", space, "address", "add", f"10.77.{number}.{end}/30", "dev", device)
                _ip("-n", space, "link", "set", device, "up")
            _ip("-n", there, "route", "add", "default", "via", f"10.77.{number}.1")
        return self

    def __exit__(self, *error):
        for name in ("home", *self.machines):
            with suppress(subprocess.CalledProcessError):
                _ip("netns", "delete", self.space(name))

    def _add(self, name):
        _ip("netns", "add", self.space(name))
        _ip("-n", self.space(name), "link", "set", "lo", "up")

    def space(self, name):
        return f"{self.token}-{name}"

    def inside(self, name):
        """The words before a command that is to run in a namespace."""
        return ("nsenter", f"--net=/run/netns/{self.space(name)}", "--")

    def cut(self, machine):
        _ip("-n", self.space("home"), "link", "set", f"to-{machine}", "down")

    def mend(self, machine):
        _ip("-n", self.space("home"), "link", "set", f"to-{machine}", "up")

    def slow_way(self, port, delay_s, bytes_a_second):
        """A program at home that forwards to a port there, late and slowly; its port."""
        words = [sys.executable, __file__, str(port), str(delay_s), str(bytes_a_second)]
        return subprocess.Popen([*self.inside("home"), *words], stdout=subprocess.PIPE, text=True)


def _forward(source, target, delay_s, bytes_a_second):
    """Send what comes from one socket to another, late and slowly, until one of them is closed."""
    with suppress(OSError):
        while data := source.recv(4096):
            time.sleep(delay_s + len(data) / bytes_a_second)
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _slow(port, delay_s, bytes_a_second):
    with socket.create_server((HOME, 0)) as server:
        print(server.getsockname()[1], flush=True)
        while True:
            near, _ = server.accept()
            far = socket.create_connection((HOME, port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=_forward, args=(*pair, delay_s, bytes_a_second), daemon=True).start()


if __name__ == "__main__":
    _slow(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]))
