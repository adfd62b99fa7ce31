"""The key of a fleet, and that nothing is unpickled from a peer without it: real schedulers of Dask on loopback."""

import asyncio
import os
import ssl
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from network_double import why_no_namespaces

from mnv2bench.fleet import connection, key
from mnv2bench.fleet.connection import Address, address, listening, require_scheduler

KEY = key.new_key()
STRANGE = key.new_key()


class Payload:
    """An object that writes a file when it is unpickled, as an attacker's would run a program."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return _write, (self.path,)


def _write(path):
    Path(path).write_text("unpickled")


@contextmanager
def scheduler(held):
    """A scheduler with this key, in a thread of its own; its address."""
    connection.configure()
    from distributed import Scheduler

    started, ended, place = threading.Event(), threading.Event(), []

    async def serve():
        quiet = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
        async with Scheduler(host="127.0.0.1", protocol="tls", security=connection.security(held), **quiet) as running:
            place.append(address("--scheduler", running.address))
            started.set()
            await asyncio.to_thread(ended.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert started.wait(30)
        yield place[0]
    finally:
        ended.set()
        thread.join()


@pytest.fixture(scope="module")
def running():
    with scheduler(KEY) as place:
        yield place


def trusting(context):
    """A client's context of TLS that takes any server for the right one, as an attacker would."""
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def send(url, message, **arguments):
    """Send a message as Dask's own protocol has it; how that ended."""
    from distributed.comm import connect

    async def attempt():
        comm = await connect(url, timeout=3, **arguments)
        await comm.write(message)
        await comm.read()

    try:
        asyncio.run(attempt())
    except OSError as error:
        return str(error)
    return ""


def test_a_payload_of_a_peer_without_the_key_is_never_unpickled(running, tmp_path):
    from distributed.protocol.serialize import ToPickle

    message = {"op": "identity", "payload": ToPickle(Payload(tmp_path / "unpickled"))}
    plain = str(running).replace("tls://", "tcp://")
    without = trusting(ssl.create_default_context())
    other = trusting(connection.security(STRANGE).get_connection_args("client")["ssl_context"])
    ended = [send(plain, message), send(str(running), message, ssl_context=without)]
    ended += [send(str(running), message, ssl_context=other)]
    assert all(ended)
    assert not (tmp_path / "unpickled").exists()
    ours = connection.security(KEY).get_connection_args("client")
    send(str(running), message, **ours)  # what this test would see otherwise
    assert (tmp_path / "unpickled").read_text() == "unpickled"


def test_whoever_has_the_key_is_connected_also_where_the_address_says_tcp(running):
    with connection.connected(address("--scheduler", f"tcp://127.0.0.1:{running.port}"), KEY) as client:
        assert client.scheduler.address == f"tls://127.0.0.1:{running.port}"
        assert client.scheduler_info()["workers"] == {}


def test_each_reason_for_no_connection_is_a_line_that_says_what_to_do(running):
    def reason(place, held=KEY):
        with pytest.raises(ValueError) as refused:
            require_scheduler(place, held)
        return str(refused.value)

    assert reason(running, STRANGE) == (
        f"{running} has another key than {STRANGE.name}: copy the key of its fleet to this machine, or name it with "
        "--key"
    )
    assert reason(Address("127.0.0.1", 1)) == (
        "no scheduler answers at tls://127.0.0.1:1 (Connection refused): start mnv2bench fleet-serve there"
    )


def test_a_key_is_made_once_for_its_owner_only_and_never_shown(tmp_path):
    path = tmp_path / "new" / "fleet.key"
    made = key.make(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key.read(path) == made
    assert "PRIVATE" not in repr(made)
    assert len(made.name) == 9
    with pytest.raises(ValueError, match="cannot be written"):
        key.make(path)
    assert key.read(path) == made


def test_a_file_that_others_can_read_or_that_is_no_key_is_refused(tmp_path):
    path = tmp_path / "fleet.key"
    with pytest.raises(
        ValueError, match=r"^there is no key of a fleet at .*fleet\.key: copy the file that fleet-serve"
    ):
        key.read(path)
    key.make(path)
    for mode in (0o640, 0o604, 0o620, 0o602):
        path.chmod(mode)
        with pytest.raises(ValueError, match=r"^others may read or change the key .*chmod 600"):
            key.read(path)
    path.chmod(0o600)
    path.write_text(KEY.certificate)
    with pytest.raises(ValueError, match="is no key of a fleet"):
        key.read(path)
    path.write_bytes(b"\xff" * 100_000)
    with pytest.raises(ValueError, match="is no key of a fleet"):
        key.read(path)
    os.mkfifo(tmp_path / "pipe")
    for other in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="is no ordinary file"):
            key.read(other)


def test_the_default_key_lies_in_the_users_folder_of_settings(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/settings")
    assert str(key.default_path()) == "/settings/mnv2bench/fleet.key"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(key.default_path()) == "/home/ada/.config/mnv2bench/fleet.key"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("tcp://10.0.0.1:99", "tls://10.0.0.1:99"),
        ("tls://box", "tls://box:8786"),
        ("box:1", "tls://box:1"),
        ("[fe80::1]:7", "tls://[fe80::1]:7"),
    ],
)
def test_every_address_means_tls(text, meant):
    assert str(address("--scheduler", text)) == meant


@pytest.mark.parametrize("text", ["", "http://box", "tcp://", "box:port", "box:99999", "tls://me@box", "box/path"])
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ValueError, match=r"^--scheduler .* is no address of a scheduler.*write tls://HOST:8786$"):
        address("--scheduler", text)


def test_a_public_address_is_listened_on_only_where_it_is_named():
    loopback = Address("127.0.0.1", 5)
    assert listening("", loopback, 7) == Address("127.0.0.1", 7)
    assert listening("192.168.1.5:99", loopback, 7) == Address("192.168.1.5", 99)
    assert listening("8.8.8.8", loopback, 7) == Address("8.8.8.8", 7)
    with pytest.raises(ValueError, match="--listen 'box' is no IP address of this machine"):
        listening("box", loopback, 7)


@pytest.mark.skipif(bool(why_no_namespaces()), reason=why_no_namespaces())
def test_a_machine_whose_only_address_is_public_has_to_name_it():
    code = "from mnv2bench.fleet.connection import ANYBODY, listening; print(listening('', ANYBODY, 7))"
    commands = "ip link set lo up; ip address add 8.8.8.8/32 dev lo; ip route add default dev lo src 8.8.8.8"
    ran = subprocess.run(
        ["unshare", "--net", "sh", "-c", f'{commands}; exec {sys.executable} -c "{code}"'],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ValueError: 8.8.8.8 can be reached from the internet: if that is meant, name it with --listen" in ran.stderr


@pytest.mark.parametrize("text", ["10", "-1", "a", "1.5"])
def test_a_silence_that_dask_cannot_wait_for_is_refused(monkeypatch, text):
    monkeypatch.setenv("MNV2BENCH_FLEET_SILENCE_S", text)
    with pytest.raises(
        ValueError, match=f"MNV2BENCH_FLEET_SILENCE_S is a whole number of seconds from 11 on, not '{text}'"
    ):
        connection.configure()
