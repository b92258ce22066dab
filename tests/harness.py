"""A socketless client, and nodes that share one backplane and one database.

Bytes go in through `node.dispatcher.receive` and come out of a `Wire`, as they would over a socket. Nothing here waits
for a fixed time: `Cluster.settle` returns when nothing is under way any more, and the clock of the event loop is moved
by hand.
"""

import asyncio
import contextlib
import itertools
import json
import math
import random
import struct
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bihak.cluster.base import Backplane, Deliver, Publication
from bihak.cluster.local import LocalBackplane, LocalBus
from bihak.core.dispatcher import Dispatcher
from bihak.core.feature import Feature, write
from bihak.core.identity import Authenticator
from bihak.core.node import Node, NodeOptions
from bihak.core.repairing import GAP_HOLD_S
from bihak.core.session import Session
from bihak.core.sweep import EVERY_S
from bihak.core.transaction import Transaction
from bihak.errors import CloseCode
from bihak.features.catalog import make_features, render_message
from bihak.features.participants import SaveParticipant
from bihak.protocol.envelope import Request
from bihak.protocol.types import Participant
from bihak.storage.dialect import Database
from bihak.storage.migrate import upgrade
from bihak.storage.mysql import open_mysql
from bihak.storage.schema import id_blocks, metadata
from bihak.storage.sqlite import _engine as sqlite_engine
from bihak.storage.sqlite import open_sqlite
from bihak.tasks import EARLY_S
from bihak.transports.auth import TrustedAuthenticator

Frame = dict[str, Any]

MAX_ROUNDS = 2000
WRITER_POLL_S = 0.0005
"""Rounds of `settle` after which the cluster is taken to be running in a circle."""
FILLED_BY_THEMSELVES = {"deferred_progress", "id_blocks", "message_words", "notifications", "presence_nodes"}


# The wire


def read_frames(stream: bytes) -> list[bytes]:
    """The bodies of the text frames that `stream` holds. Fails unless they are whole, final, unmasked (RFC 6455 §5)."""
    bodies = []
    at = 0
    while at < len(stream):
        first, length = stream[at], stream[at + 1]
        assert first == 0x81, f"not a final text frame: {first:#x}"
        assert length < 128, "a server's frame must not be masked"
        at += 2
        if length == 126:
            (length,) = struct.unpack_from("!H", stream, at)
            assert length > 125, "a length must be written in as few bytes as it takes"
            at += 2
        elif length == 127:
            (length,) = struct.unpack_from("!Q", stream, at)
            assert length > 65535, "a length must be written in as few bytes as it takes"
            at += 8
        assert at + length <= len(stream), "a write must consist of whole frames"
        bodies.append(stream[at : at + length])
        at += length
    return bodies


class Tape:
    """Implements `Wire`: hands each frame's body to `take`. While it is stalled the other side reads nothing."""

    def __init__(self, take: Callable[[bytes], None], end: Callable[[], None]) -> None:
        self._take = take
        self._end = end
        self._unread = bytearray()
        self.stalled = False
        self.most_bytes = math.inf
        """With what is larger it stalls."""
        self.writes = 0
        self.closed: tuple[CloseCode, str] | None = None

    def write(self, frames: bytes) -> None:
        if self.closed is not None:
            return
        self.writes += 1
        self.stalled = self.stalled or len(frames) > self.most_bytes
        if self.stalled:
            self._unread += frames
        else:
            self._pass_on(frames)

    def descriptor(self) -> int:
        return -1

    def buffered_bytes(self) -> int:
        return len(self._unread)

    def close(self, code: CloseCode, reason: str) -> None:
        if self.closed is None:
            self.closed = (code, reason)
            asyncio.get_running_loop().call_soon(self._end)

    def read_on(self) -> None:
        """The other side reads again: first all that waits for it."""
        self.stalled = False
        waiting, self._unread = bytes(self._unread), bytearray()
        self._pass_on(waiting)

    def _pass_on(self, frames: bytes) -> None:
        for body in read_frames(frames):
            self._take(body)


# Time


class Clock:
    """The event loop's clock, which can be moved forward: every timer that is due then goes off."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._real = self._now = loop.time
        self.ahead_s = 0.0
        self._one_at_a_time = asyncio.Lock()
        loop.time = lambda: self._now() + self.ahead_s  # type: ignore[method-assign]

    def stand(self) -> None:
        """From now on `advance` alone moves it: a busy machine changes nothing, and nothing may wait in real time."""
        now_s = self._real()
        self._now = lambda: now_s

    async def advance(self, seconds: float) -> None:
        """Lets that much time pass at once."""
        self.ahead_s += seconds
        await self.run_ready()

    async def run_ready(self) -> None:
        """Runs the loop until nothing is ready to run."""
        ready: Any = self._loop._ready  # type: ignore[attr-defined]
        async with self._one_at_a_time:  # two who wait like this would keep each other going
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            while ready:
                await asyncio.sleep(0)

    def restore(self) -> None:
        self._loop.time = self._real  # type: ignore[method-assign]


# The backplane


class Fate(Enum):
    """What becomes of one publication on its way to one node."""

    PASS = auto()
    DROP = auto()
    REPEAT = auto()
    DELAY = auto()
    """It comes later, after others, in any order."""


class LossyBackplane:
    """Implements `Backplane` over another one; what comes in is dropped, repeated or delayed as `fate` says."""

    def __init__(self, inner: Backplane, seed: int = 0) -> None:
        self._inner = inner
        self._deliver: Deliver | None = None
        self._delayed: list[Publication] = []
        self._random = random.Random(seed)
        self.fate: Callable[[str], Fate] = lambda _topic: Fate.PASS
        self.received = 0

    def misbehave(self, *, drop: float = 0.0, repeat: float = 0.0, delay: float = 0.0, topics: str = "cp") -> None:
        """From now on publications on these kinds of topics meet such fates with these probabilities."""

        def fate(topic: str) -> Fate:
            if topic[0] not in topics:
                return Fate.PASS
            chance = self._random.random()
            for limit, kind in ((drop, Fate.DROP), (repeat, Fate.REPEAT), (delay, Fate.DELAY)):
                if chance < limit:
                    return kind
                chance -= limit
            return Fate.PASS

        self.fate = fate

    def behave(self) -> None:
        """From now on everything passes; what is delayed still waits for `release`."""
        self.fate = lambda _topic: Fate.PASS

    def release(self) -> bool:
        """Delivers what was delayed, shuffled. Whether there was any."""
        delayed, self._delayed = self._delayed, []
        self._random.shuffle(delayed)
        if delayed and self._deliver is not None:
            self._deliver(delayed)
        return bool(delayed)

    async def start(self, deliver: Deliver, recovered: Callable[[], None]) -> None:
        self._deliver = deliver
        await self._inner.start(self._take, recovered)

    @property
    def is_connected(self) -> bool:
        return self._inner.is_connected

    def publish(self, publications: Sequence[Publication]) -> None:
        self._inner.publish(publications)

    def subscribe(self, topic: str) -> None:
        self._inner.subscribe(topic)

    def unsubscribe(self, topic: str) -> None:
        self._inner.unsubscribe(topic)

    async def close(self) -> None:
        self._deliver = None
        await self._inner.close()

    def _take(self, publications: Sequence[Publication]) -> None:
        passed: list[Publication] = []
        for publication in publications:
            self.received += 1
            fate = self.fate(publication[0])
            if fate is Fate.DELAY:
                self._delayed.append(publication)
            elif fate is not Fate.DROP:
                passed += [publication] * (2 if fate is Fate.REPEAT else 1)
        if passed and self._deliver is not None:
            self._deliver(passed)


# A client


class Refused(AssertionError):
    """A request that a test took for granted got an error."""


class Device:
    """One connection of a participant, as its client sees it."""

    def __init__(self, cluster: "Cluster", node: Node, user_id: str, address: str = "") -> None:
        self.cluster = cluster
        self.node = node
        self.user_id = user_id
        self.frames: list[Frame] = []
        """Everything it was sent, oldest first."""
        self.bodies: list[bytes] = []
        self._inbox: deque[Frame] = deque()
        self._numbers = itertools.count(1)
        self.tape = Tape(self._take, self._lost)
        self.session = Session(self.tape, node.outboxes, address)
        node.sessions.add(self.session)

    # Asking

    def send_bytes(self, frame: bytes | str) -> bool:
        """Sends a frame as it is; whether it was a valid request."""
        assert self.tape.closed is None, f"the connection was closed: {self.tape.closed}"
        return self.node.dispatcher.receive(self.session, frame)

    def send(self, type_: str, **fields: Any) -> str:
        """Sends a request without waiting; its request_id."""
        request_id = fields.setdefault("request_id", f"r{next(self._numbers)}")
        self.send_bytes(json.dumps({"type": type_, **fields}, ensure_ascii=False).encode())
        return str(request_id)

    async def answer(self, request_id: str) -> Frame:
        """The reply to, or the error about, a request that was sent."""
        return await self._await(lambda frame: frame.get("request_id") == request_id, f"an answer to {request_id}")

    async def ask(self, type_: str, **fields: Any) -> Frame:
        """Sends a request and waits for its reply or error."""
        return await self.answer(self.send(type_, **fields))

    async def do(self, type_: str, **fields: Any) -> Frame:
        """As `ask`, for what must succeed. Raises Refused."""
        answer = await self.ask(type_, **fields)
        if answer["type"] == "error":
            raise Refused(f"{self.user_id}: {type_} {fields}: {answer}")
        return answer

    async def refused(self, type_: str, **fields: Any) -> Frame:
        """As `ask`, for what must fail; the error."""
        answer = await self.ask(type_, **fields)
        assert answer["type"] == "error", f"{self.user_id}: {type_} {fields} should have been refused: {answer}"
        return answer

    # Hearing

    async def expect(self, type_: str, **fields: Any) -> Frame:
        """Takes the next frame of that type with these fields out of the inbox; fails if none is coming."""
        return await self._await(
            lambda frame: frame["type"] == type_ and all(frame.get(key) == value for key, value in fields.items()),
            f"{type_} {fields or ''}",
        )

    async def settle(self) -> list[Frame]:
        """Waits until nothing more is coming; what came and nobody took, in order."""
        await self.cluster.settle()
        return self.take()

    async def quiet(self, *types: str) -> None:
        """Fails if a frame of one of these types (any, without) waits or is still coming."""
        await self.cluster.settle()
        heard = [frame for frame in self._inbox if not types or frame["type"] in types]
        assert not heard, f"{self.user_id} should have heard nothing: {heard}"

    def take(self) -> list[Frame]:
        """What came and nobody took."""
        taken = list(self._inbox)
        self._inbox.clear()
        return taken

    def heard(self, *types: str) -> list[Frame]:
        """All frames of these types that ever came."""
        return [frame for frame in self.frames if frame["type"] in types]

    def durable(self, conversation_id: int) -> list[Frame]:
        """All events with a seq that ever came for a conversation, but for its announcement."""
        return [
            frame
            for frame in self.frames
            if "seq" in frame
            and frame.get("conversation_id") == conversation_id
            and frame["type"] not in ("message_sent", "conversation_created")
        ]

    def seqs(self, conversation_id: int) -> list[int]:
        return [frame["seq"] for frame in self.durable(conversation_id)]

    # Coming and going

    def drop(self) -> None:
        """The connection breaks."""
        if self.tape.closed is None:
            self.tape.closed = (CloseCode.NORMAL, "dropped by the test")
        self._lost()

    @property
    def is_open(self) -> bool:
        return self.tape.closed is None

    def _lost(self) -> None:
        if self.session in self.node.sessions:
            self.node.session_lost(self.session)

    def _take(self, body: bytes) -> None:
        frame = json.loads(body)
        assert isinstance(frame, dict)
        assert isinstance(frame.get("type"), str)
        self.bodies.append(body)
        self.frames.append(frame)
        self._inbox.append(frame)
        self.cluster.activity += 1
        if frame.get("code") == "internal":
            self.cluster.faults.append(f"{self.user_id} was told of an internal error: {frame}")

    async def _await(self, matches: Callable[[Frame], bool], what: str) -> Frame:
        await self.cluster.clock.run_ready()
        found = self._pick(matches)
        while found is None and self.is_open and await self.cluster.make_progress():
            found = self._pick(matches)
        if found is None:
            found = self._pick(matches)
        if found is None:
            closed = f", closed {self.tape.closed}" if self.tape.closed else ""
            raise AssertionError(f"{self.user_id} waits for {what} in vain{closed}; it has {list(self._inbox)[-10:]}")
        return found

    def _pick(self, matches: Callable[[Frame], bool]) -> Frame | None:
        for frame in self._inbox:
            if matches(frame):
                self._inbox.remove(frame)
                return frame
        return None


# Nodes


class Change(Request, tag="change", kw_only=True):
    """The harness's own: a statement."""

    sql: str


class Changes(Feature):
    """The harness's own feature."""

    @write(Change, internal=True)
    def change(self, tx: Transaction, request: Change) -> None:
        tx.connection.execute(sa.text(request.sql))


@dataclass
class Reads:
    """How many reads of the database are under way."""

    running: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Cluster:
    """Nodes over one database, on one bus, and everything that tests do with them."""

    def __init__(
        self,
        databases: Sequence[Database],
        *,
        authenticator: Authenticator | None = None,
        options: NodeOptions | None = None,
        wall_clock: Callable[[], float] | None = None,
    ) -> None:
        self.clock = Clock(asyncio.get_running_loop())
        self.activity = 0
        """Grows whenever something happens that a test might be waiting for."""
        self.faults: list[str] = []
        """What must never happen and did; fails the test in the end."""
        self.devices: list[Device] = []
        self.databases = databases
        bus = LocalBus()
        self.planes = [LossyBackplane(LocalBackplane(bus), seed) for seed, _ in enumerate(databases)]
        extra: dict[str, Any] = {} if wall_clock is None else {"wall_clock": wall_clock}
        self.nodes = [
            Node(
                database,
                plane,
                authenticator or TrustedAuthenticator(),
                lambda node: [*make_features(node), Changes()],
                render_message,
                options or NodeOptions(),
                **extra,
            )
            for database, plane in zip(databases, self.planes, strict=True)
        ]
        self._reads = Reads()
        for node in self.nodes:
            self._count_reads(node)
        asyncio.get_running_loop().set_exception_handler(self._note_fault)

    async def start(self) -> None:
        for node in self.nodes:
            await node.start()

    async def stop(self) -> None:
        """Ends the nodes; fails if something happened that never must."""
        for device in self.devices:
            device.drop()
        for plane in self.planes:
            plane.behave()
        await self.clock.run_ready()
        for node in self.nodes:
            await node.drain()
        self.clock.restore()
        asyncio.get_running_loop().set_exception_handler(None)
        assert not self.faults, "\n".join(self.faults)

    # People and conversations

    async def connect(
        self, user_id: str, node: int = 0, *, resume: dict[int, int] | None = None, **fields: Any
    ) -> Device:
        """A device of that participant, signed in on that node; its `auth_success` is the first of its `frames`."""
        device = self.open(user_id, node)
        kind, _, number = user_id.partition("_")
        if resume is not None:
            fields["resume"] = {str(cid): seq for cid, seq in resume.items()}
        success = await device.do("auth", participant_type=kind, participant_id=int(number), **fields)
        assert success["user_id"] == user_id
        if resume is not None:
            # Left in the inbox, behind the events that came before it.
            while not device.heard("resumed") and await self.make_progress():
                pass
            assert device.heard("resumed")
        return device

    def open(self, user_id: str = "user_1", node: int = 0) -> Device:
        """A connection on which nobody has signed in."""
        device = Device(self, self.nodes[node], user_id)
        self.devices.append(device)
        return device

    async def introduce(self, *user_ids: str) -> None:
        """Makes these participants known to the platform, without a connection."""
        for user_id in user_ids:
            await self.nodes[0].call(SaveParticipant(participant=Participant.parse(user_id), name=user_id))

    async def found(self, founder: Device, *others: str, kind: str = "team", name: str | None = "A team") -> int:
        """A new conversation's id; everyone connected has heard of it, and that is out of their inboxes."""
        await self.introduce(*others)
        reply = await founder.do("create_conversation", conversation_type=kind, participants=list(others), name=name)
        await self.settle()
        for device in self.devices:
            device.take()
        return int(reply["conversation"]["conversation_id"])

    # Waiting

    async def settle(self) -> None:
        """Returns when nothing is under way: no write, no read, no delivery, no repair."""
        for _ in range(MAX_ROUNDS):
            if not await self.make_progress():
                return
        raise AssertionError("the cluster does not come to rest")

    async def make_progress(self) -> bool:
        """Waits for something that is under way. False if there was nothing."""
        before = self.activity
        await self.clock.run_ready()
        if self._reads.running:
            self._reads.ended.clear()
            await self._reads.ended.wait()
            await self.clock.run_ready()
            return True
        while not all(node.dispatcher.writer.is_idle for node in self.nodes):
            await asyncio.to_thread(time.sleep, WRITER_POLL_S)
        await self.clock.run_ready()  # what was committed is published
        if self.activity != before or self._reads.running:
            return True
        released = [plane.release() for plane in self.planes]  # of every one, also behind the first that had some
        if any(released):
            await self.clock.run_ready()
            return True
        if any(room.repair is not None for node in self.nodes for room in node.hub.rooms.values()):
            await self.clock.advance(GAP_HOLD_S)
            return True
        return False

    async def sweep(self) -> None:
        """Lets the sweep of every node come round, and what it finds be delivered."""
        await self.settle()
        await self.clock.advance(EVERY_S + EARLY_S)
        await self.settle()

    async def stored(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """What the database has, read directly."""
        rows = await self.nodes[0].readers.run(lambda c: c.execute(sa.text(sql), parameters).all())
        return [tuple(row) for row in rows]

    async def write(self, sql: str) -> None:
        """Changes what the database has, directly."""
        await self.nodes[-1].call(Change(sql=sql))

    def die(self, node: int) -> None:
        """That node does nothing of its own accord any more, and its devices have not noticed."""
        for running in self.nodes[node]._background:
            running.cancel()

    async def snapshot(self) -> Counter[str]:
        """How many rows each table has that is filled by requests alone."""

        def count(connection: sa.Connection) -> Counter[str]:
            return Counter(
                {
                    table.name: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                    for table in metadata.sorted_tables
                    if table.name not in FILLED_BY_THEMSELVES
                }
            )

        return await self.nodes[0].readers.run(count)

    @contextlib.contextmanager
    def one_batch(self, node: int = 0) -> Iterator[None]:
        """What is written to that node inside goes into one transaction."""
        writer = self.nodes[node].dispatcher.writer
        while writer._asleep < len(writer._committers):
            time.sleep(WRITER_POLL_S)
        with writer._wake:  # none of its threads can wake up meanwhile
            yield

    # Instruments

    def _count_reads(self, node: Node) -> None:
        run = node.readers.run
        reads = self._reads

        async def counted(read: Callable[[sa.Connection], Any]) -> Any:
            self.activity += 1
            reads.running += 1
            try:
                return await run(read)
            finally:
                reads.running -= 1
                reads.ended.set()

        node.readers.run = counted  # type: ignore[method-assign]

    def _note_fault(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.faults.append(f"a callback failed: {context.get('message')}: {context.get('exception')!r}")


# Databases


class Place:
    """A migrated database that clusters use one after another, each finding it empty."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._open: list[Database] = []
        (database,) = self.handles(1)
        upgrade(database)

    @property
    def is_sqlite(self) -> bool:
        return self.url.startswith("sqlite")

    def handles(self, count: int) -> list[Database]:
        """That many nodes' own handles on it; they stay open until `close`."""
        while len(self._open) < count:
            self._open.append(self._another())
        return self._open[:count]

    def wipe(self) -> None:
        """Empties every table. No node may be running."""
        with self.handles(1)[0].writer_engine.begin() as connection:
            for table in metadata.sorted_tables:
                if table.name not in ("id_blocks", "installation"):
                    connection.execute(table.delete())
            # Or whoever walks through all ids takes longer after each test.
            connection.execute(id_blocks.update().values(next_id=1))

    def close(self) -> None:
        for database in self._open:
            database.close()

    def _another(self) -> Database:
        url = sa.make_url(self.url)
        if not self.is_sqlite:
            return open_mysql(url, accept_unsafe=False)
        path = Path(url.database or "")
        if not self._open:
            return open_sqlite(path)
        # Nodes of one process may share a file; each has a writing connection of its own.
        return replace(
            self._open[0],
            writer_engine=sqlite_engine(path, writer=True),
            reader_engine=sqlite_engine(path, writer=False),
            release=lambda: None,
        )


@contextlib.asynccontextmanager
async def running_cluster(place: Place, nodes: int = 2, **how: Any) -> AsyncIterator[Cluster]:
    """A cluster over a database that is emptied first; afterwards ended and checked for faults. `how`: as `Cluster`."""
    place.wipe()
    cluster = Cluster(place.handles(nodes), **how)
    await cluster.start()
    try:
        yield cluster
    finally:
        await cluster.stop()


async def everyone(devices: Iterable[Device], type_: str, **fields: Any) -> list[Frame]:
    """What each of these devices expects."""
    return [await device.expect(type_, **fields) for device in devices]


def internal_commands(dispatcher: Dispatcher) -> Iterator[str]:
    """The names of the commands that no client can send."""
    return (command.name for command in dispatcher.commands.values() if command.internal)
