"""A TCP proxy that breaks what goes through it: cuts, stalls, delays, and, before MariaDB, replies to COMMIT lost."""

import asyncio
import contextlib
import random
import socket
import struct
from enum import Enum, auto
from types import TracebackType
from typing import Self

CHUNK_BYTES = 1 << 16
LATE_S = 0.5
_RESET = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.commands = CommandReader()
        self.wrote_message = False
        """Whether its transaction holds a message."""
        self.loses_reply = False
        self.late = b""
        """What is to reach the server when the client has long been cut off."""

    def cut(self) -> None:
        """Resets both sides, whatever is under way; the client's alone where something is still to come."""
        for writer in (self.near,) if self.late else (self.near, self.far):
            ends: socket.socket = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # already closed
                ends.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Proxy:
    """Listens on a port of loopback and passes on to another one. For one event loop; `rng` decides whom it hits."""

    def __init__(self, target_port: int, rng: random.Random) -> None:
        self.target_port = target_port
        self.port = 0
        self.delay_s = 0.0
        """How long each chunk waits before it is passed on."""
        self.is_severed = False
        """Whether nobody gets through, as if the other side were gone."""
        self._rng = rng
        self._links: list[Link] = []
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        for running in list(self._tasks):
            running.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def cut(self, share: float = 1.0) -> int:
        """Resets that share of the connections, at random; how many there were."""
        chosen = [link for link in self._links if self._rng.random() < share]
        for link in chosen:
            link.cut()
        return len(chosen)

    async def stall(self, seconds: float) -> None:
        """Passes nothing on for so long; nothing is lost."""
        self._flowing.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._flowing.set()

    async def sever(self, seconds: float) -> None:
        """Cuts everything, and lets nobody through for so long."""
        self.is_severed = True
        self.cut()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.is_severed = False

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running = asyncio.current_task()
        assert running is not None
        self._tasks.add(running)
        try:
            await self._serve(reader, writer)
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            writer.transport.abort()
            self._tasks.discard(running)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_severed:
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            return
        link = Link(writer, far_writer)
        self._links.append(link)
        try:
            there = asyncio.create_task(self._pass_on(link, reader, far_writer, to_server=True))
            back = asyncio.create_task(self._pass_on(link, far_reader, writer, to_server=False))
            try:
                await asyncio.wait([there, back], return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in (there, back):
                    each.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
            if link.late:
                await asyncio.sleep(self._rng.uniform(0, LATE_S))
                far_writer.write(link.late)
                with contextlib.suppress(OSError):
                    await far_reader.read(CHUNK_BYTES)  # by then it has been carried out, or refused
        finally:
            self._links.remove(link)
            far_writer.transport.abort()

    async def _pass_on(
        self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, to_server: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK_BYTES):
                await self._flowing.wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if not (self.sees_request(link, chunk) if to_server else self.sees_reply(link)):
                    link.cut()
                    return
                writer.write(chunk if to_server else self.alter_reply(link, chunk))
                await writer.drain()
                self.has_passed(link)

    def sees_request(self, link: Link, chunk: bytes) -> bool:
        """Whether to pass on what the client sends; if not, the connection is cut."""
        return True

    def sees_reply(self, link: Link) -> bool:
        """Whether to pass on what the server sends; if not, the connection is cut."""
        return True

    def alter_reply(self, link: Link, chunk: bytes) -> bytes:
        """What to pass on in place of what the server sends."""
        return chunk

    def has_passed(self, link: Link) -> None:
        """Called when a chunk was passed on."""


class CommitFault(Enum):
    """What becomes of a COMMIT."""

    UNSENT = auto()
    """The connection is cut before it: the transaction is undone."""
    RACED = auto()
    """It is passed on and the connection cut at once: nobody knows."""
    REPLY_LOST = auto()
    """It is done, and the connection is cut in place of the reply."""
    LATE = auto()
    """The connection is cut before it, and it arrives all the same, up to `LATE_S` later."""


class MariaDbProxy(Proxy):
    """Knows enough of the MySQL protocol to hit transactions that store messages at their COMMIT."""

    def __init__(self, target_port: int, rng: random.Random) -> None:
        super().__init__(target_port, rng)
        self.hits = 0
        """How many COMMITs were hit so far."""
        self._armed: list[CommitFault] = []
        self._raced: set[Link] = set()

    def hit_commits(self, fault: CommitFault, times: int) -> None:
        """The next so many COMMITs of transactions that hold a message get that fault."""
        self._armed += [fault] * times

    def disarm(self) -> None:
        self._armed.clear()

    def sees_request(self, link: Link, chunk: bytes) -> bool:
        for command in link.commands.feed(chunk):
            if b"INSERT INTO messages " in command:  # what goes with the COMMIT comes behind the heads
                link.wrote_message = True
            commits = command == b"COMMIT" or command.endswith(b";COMMIT")  # some go with what they commit
            if commits or command == b"ROLLBACK":
                is_target = commits and link.wrote_message and self._armed
                link.wrote_message = False
                if is_target:
                    return self._hit(link, self._armed.pop(0), chunk)
        return True

    def _hit(self, link: Link, fault: CommitFault, chunk: bytes) -> bool:
        self.hits += 1
        if fault is CommitFault.LATE:
            link.late = chunk
        if fault is CommitFault.RACED:
            self._raced.add(link)
        link.loses_reply = fault is CommitFault.REPLY_LOST
        return fault not in (CommitFault.UNSENT, CommitFault.LATE)

    def sees_reply(self, link: Link) -> bool:
        return not link.loses_reply

    def has_passed(self, link: Link) -> None:
        if link in self._raced:
            self._raced.discard(link)
            link.cut()


class CommandReader:
    """Finds the texts of COM_QUERY packets in what a MySQL client sends.

    Packets have a length of three bytes and a number of one; a command's number is 0
    (https://mariadb.com/kb/en/0-packet/).
    """

    COM_QUERY = 3

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The queries that are now complete, in order."""
        found: list[bytes] = []
        self._buffer += chunk
        while len(self._buffer) >= 4:
            end = 4 + int.from_bytes(self._buffer[:3], "little")
            if len(self._buffer) < end:
                break
            if self._buffer[3] == 0 and self._buffer[4:5] == bytes([self.COM_QUERY]):
                found.append(bytes(self._buffer[5:end]))
            del self._buffer[:end]
        return found
