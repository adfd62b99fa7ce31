"""A real sshd on loopback with keys of its own, for tests: it lets in this user, by one key, until the test is over."""

import os
import pwd
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

SSHD = "/usr/sbin/sshd"
CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {keys}/host
AuthorizedKeysFile {keys}/user.pub
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PidFile none
Subsystem sftp internal-sftp
"""
# a /run and a root that is not locked, in the namespace only; then perhaps a small /tmp; then sshd
IN_ITS_NAMESPACE = """\
mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && cp -r {keys} /run/keys &&
echo 'root:*:19000:0:99999:7:::' > /run/shadow && mount --bind /run/shadow /etc/shadow &&
{small} exec {sshd} -D -e -f /run/keys/sshd_config
"""
CLIENT = """\
Host board
  HostName 127.0.0.1
  Port {port}
  User {user}
Host stranger
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {keys}/other
Host changed
  HostName 127.0.0.1
  Port {port}
  User {user}
  UserKnownHostsFile {keys}/wrong_hosts
Host silent
  HostName 127.0.0.1
  Port {closed}
Host board changed
  IdentityFile {keys}/user
Host *
  IdentitiesOnly yes
  UserKnownHostsFile {keys}/known_hosts
  GlobalKnownHostsFile /dev/null
"""


def why_not():
    """Why no sshd can be started here; "" where it can."""
    missing = [name for name in ("ssh", "scp", "ssh-keygen") if not shutil.which(name)]
    if missing or not Path(SSHD).exists():
        return "no ssh client or no sshd here: apt-get install openssh-client openssh-server"
    return ""


def why_not_small():
    return "" if os.geteuid() == 0 else "a board with a full disk needs a mount namespace: run as root"


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


class Board:
    """A running sshd, and the pulling of its cable."""

    def __init__(self, process, port):
        self.process, self.port = process, port

    def unplug(self):
        """End every connection, without a word."""
        for child in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if child.name().startswith("sshd"):
                    child.kill()


def _key(path):
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)


@contextmanager
def board(folder, space=""):
    """Start sshd, in a mount namespace where we are root, and point the product's ssh at it: the host is "board"."""
    keys, port = Path(folder), free_port()
    keys.mkdir(parents=True, exist_ok=True)
    for name in ("host", "user", "other", "wrong"):
        _key(keys / name)
    for file, key in (("known_hosts", "host"), ("wrong_hosts", "wrong")):
        kind, public = (keys / f"{key}.pub").read_text().split()[:2]
        (keys / file).write_text(f"[127.0.0.1]:{port} {kind} {public}\n")
    user = pwd.getpwuid(os.geteuid()).pw_name
    (keys / "config").write_text(CLIENT.format(port=port, user=user, keys=keys, closed=free_port()))
    root = os.geteuid() == 0
    (keys / "sshd_config").write_text(CONFIG.format(port=port, keys="/run/keys" if root else keys))
    start = [SSHD, "-D", "-e", "-f", str(keys / "sshd_config")]
    if root:
        small = f"mount -t tmpfs -o size={space} tmpfs /tmp &&" if space else ""
        start = ["unshare", "--mount", "sh", "-c", IN_ITS_NAMESPACE.format(keys=keys, small=small, sshd=SSHD)]
    with (keys / "log").open("w") as log:
        process = subprocess.Popen(start, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    before = os.environ.get("MNV2BENCH_SSH_CONFIG")
    os.environ["MNV2BENCH_SSH_CONFIG"] = str(keys / "config")
    try:
        _wait_for_its_port(process, port, keys / "log")
        yield Board(process, port)
    finally:
        os.environ.pop("MNV2BENCH_SSH_CONFIG")
        if before is not None:
            os.environ["MNV2BENCH_SSH_CONFIG"] = before
        started = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(10)
        for child in started:
            with suppress(psutil.NoSuchProcess):
                child.kill()


def _wait_for_its_port(process, port, log):
    until = time.monotonic() + 10
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert process.poll() is None and time.monotonic() < until, log.read_text()
        time.sleep(0.05)
