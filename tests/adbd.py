"""The device side of adb over TCP, for tests: CNXN, AUTH, shell, shell_v2, and sync's STAT, LIST, SEND and RECV."""

import asyncio
import os
import signal
import struct
from contextlib import suppress
from pathlib import Path

SHELL = "/bin/sh"
MAX_DATA = 256 * 1024
TOKEN, SIGNATURE = 1, 2  # what an AUTH packet is: ours, and the client's answer to it
ARM64 = b"\x7fELF\x02\x01\x01", struct.pack("<H", 0xB7)  # at 0 and at 18


def _name(command):
    return int.from_bytes(command, "little")


CNXN, AUTH, OPEN, OKAY, CLSE, WRTE = map(_name, (b"CNXN", b"AUTH", b"OPEN", b"OKAY", b"CLSE", b"WRTE"))


class Stream:
    """One service that the client opened: what it sent, and one packet at a time to it."""

    def __init__(self, connection, here, there):
        self.connection, self.here, self.there = connection, here, there
        self.arrived, self.rest = asyncio.Queue(), b""
        self.ready = asyncio.Event()
        self.ready.set()

    async def write(self, data):
        for start in range(0, len(data), self.connection.max_data):
            await self.ready.wait()
            self.ready.clear()
            await self.connection.send(WRTE, self.here, self.there, data[start : start + self.connection.max_data])

    async def read(self, size):
        while len(self.rest) < size:
            part = await self.arrived.get()
            if part is None:
                raise EOFError
            self.rest += part
        read, self.rest = self.rest[:size], self.rest[size:]
        return read


class Connection:
    """The packets of one client, until it or the cable goes."""

    def __init__(self, device, reader, writer):
        self.device, self.reader, self.writer = device, reader, writer
        self.streams, self.serving, self.max_data = {}, set(), MAX_DATA

    async def send(self, command, first, second, data=b""):
        header = struct.pack("<6I", command, first, second, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF)
        self.writer.write(header + data)
        await self.writer.drain()

    async def serve(self):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                command, first, second, size, _, _ = struct.unpack("<6I", await self.reader.readexactly(24))
                await self.packet(command, first, second, await self.reader.readexactly(size))
        for stream in self.streams.values():
            stream.arrived.put_nowait(None)
        self.writer.close()

    async def packet(self, command, first, second, data):
        if command in (CNXN, AUTH):
            await self.greet(command, first, second)
        elif command == OPEN:
            stream = Stream(self, len(self.streams) + 1, first)
            self.streams[stream.here] = stream
            await self.send(OKAY, stream.here, stream.there)
            task = asyncio.create_task(self.service(stream, data.rstrip(b"\0").decode()))
            self.serving.add(task)
            task.add_done_callback(self.serving.discard)
        elif stream := self.streams.get(second):
            if command == WRTE:
                stream.arrived.put_nowait(data)
                await self.send(OKAY, stream.here, stream.there)
            elif command == OKAY:
                stream.ready.set()
            elif command == CLSE:
                stream.arrived.put_nowait(None)
                stream.ready.set()

    async def greet(self, command, first, max_data):
        if self.device.phone.link == "offline":
            return
        if self.device.phone.link == "unauthorized":
            if command == CNXN or first == SIGNATURE:  # a key is offered: the owner has not touched "allow" yet
                await self.send(AUTH, TOKEN, 0, bytes(range(20)))
            return
        self.max_data = min(max_data, MAX_DATA)
        banner = f"device::ro.product.name=double;ro.product.model={self.device.model};ro.product.device=double;"
        await self.send(CNXN, 0x01000000, MAX_DATA, f"{banner}features=shell_v2,cmd".encode())

    async def service(self, stream, name):
        self.device.see(name)
        with suppress(EOFError, ConnectionError):
            if name.startswith("sync:"):
                await Files(stream, self.device).serve()
            elif name.startswith(("shell", "exec")):
                await shell(stream, name, self.device)
            await stream.ready.wait()
            await self.send(CLSE, stream.here, stream.there)


async def shell(stream, name, device):
    """A command under sh; with shell_v2, standard error and the exit code come apart from what it prints."""
    head, _, command = name.partition(":")
    apart = "v2" in head.split(",")
    process = await asyncio.create_subprocess_exec(
        SHELL,
        "-c",
        command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE if apart else asyncio.subprocess.STDOUT,
        start_new_session=True,
        cwd="/",
    )
    device.started.append(process.pid)

    async def forward(pipe, number):
        while part := await pipe.read(65536):
            await stream.write((struct.pack("<BI", number, len(part)) if apart else b"") + part)
            device.see(part.decode(errors="replace"))

    pipes = [(process.stdout, 1), (process.stderr, 2)] if apart else [(process.stdout, 1)]
    await asyncio.gather(*(forward(*pipe) for pipe in pipes))
    code = await process.wait()
    if apart:
        await stream.write(struct.pack("<BIB", 3, 1, code & 255 if code >= 0 else 128 - code))


class Files:
    """The sync service: STAT, LIST, SEND and RECV, below /data only."""

    def __init__(self, stream, device):
        self.stream, self.device = stream, device

    async def serve(self):
        while True:
            verb, size = struct.unpack("<4sI", await self.stream.read(8))
            if verb == b"QUIT":
                return
            path = (await self.stream.read(size)).decode()
            try:
                await {b"STAT": self.stat, b"LIST": self.list, b"SEND": self.store, b"RECV": self.fetch}[verb](path)
            except OSError as error:
                text = f"{'write failed' if verb == b'SEND' else 'open failed'}: {error.strerror}".encode()
                await self.stream.write(struct.pack("<4sI", b"FAIL", len(text)) + text)

    def inside(self, path):
        found = Path(path).resolve()
        if not found.is_relative_to("/data"):
            raise PermissionError(13, "Permission denied")
        return found

    async def stat(self, path):
        mode = size = changed = 0
        with suppress(OSError):
            found = self.inside(path).stat()
            mode, size, changed = found.st_mode, found.st_size, int(found.st_mtime)
        await self.stream.write(struct.pack("<4sIII", b"STAT", mode, size, changed))

    async def list(self, path):
        for entry in sorted(self.inside(path).iterdir()):
            found, name = entry.stat(), entry.name.encode()
            head = struct.pack("<4sIIII", b"DENT", found.st_mode, found.st_size, int(found.st_mtime), len(name))
            await self.stream.write(head + name)
        await self.stream.write(struct.pack("<4sIIII", b"DONE", 0, 0, 0, 0))

    async def store(self, asked):
        path, _, mode = asked.rpartition(",")
        parts = []
        while True:
            verb, size = struct.unpack("<4sI", await self.stream.read(8))
            if verb == b"DONE":
                break
            parts.append(await self.stream.read(size))
        target = self.inside(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        content = b"".join(parts)
        if self.device.phone.arm64 and target.name.startswith("ld-linux-aarch64") and _is_arm64(content):
            loader = target.with_name(f"{target.name}.elf")
            loader.write_bytes(content)
            loader.chmod(int(mode) & 0o777)
            content = f'#!/bin/sh\nexec qemu-aarch64 -cpu cortex-a76 -L /prefix {loader} "$@"\n'.encode()
        target.write_bytes(content)
        target.chmod(int(mode) & 0o777)
        await self.stream.write(struct.pack("<4sI", b"OKAY", 0))

    async def fetch(self, path):
        content = self.inside(path).read_bytes()
        for start in range(0, len(content), 65536):
            part = content[start : start + 65536]
            await self.stream.write(struct.pack("<4sI", b"DATA", len(part)) + part)
        await self.stream.write(struct.pack("<4sI", b"DONE", 0))


def _is_arm64(content):
    return content[:7] == ARM64[0] and content[18:20] == ARM64[1]


class Device:
    """The phone: what it is told to be, its connections, what runs on it."""

    def __init__(self, phone, model):
        self.phone, self.model = phone, model.replace(" ", "_")
        self.connections, self.started, self.server = [], [], None

    async def run(self):
        self.server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        print(self.server.sockets[0].getsockname()[1], flush=True)
        ended = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
        await ended.wait()
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)

    async def accept(self, reader, writer):
        connection = Connection(self, reader, writer)
        self.connections.append(connection)
        await connection.serve()

    def see(self, text):
        if self.phone.unplugs_on and self.phone.unplugs_on in text:
            asyncio.get_running_loop().call_later(self.phone.unplugs_after_s, self.unplug)

    def unplug(self):
        if not self.phone.comes_back:
            self.server.close()
        for connection in self.connections:
            connection.writer.transport.abort()
