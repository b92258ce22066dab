"""Devices that send and listen while faults happen, by the rules that every client has to follow (delivery.md).

An event is applied if it is the next one, dropped if it was seen, and held if it is early, while the events before it
are asked for. A send keeps its idempotency key until it is acknowledged.
"""

import asyncio
import itertools
import json
import math
import random
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.journal import (
    Acknowledged,
    Applied,
    Based,
    Begun,
    Fetched,
    Journal,
    Refused,
    Skipped,
    Troubled,
    digest_of,
)

CONNECT_WITHIN_S = 5.0
QUIET_S = 3.0
"""After so long without a frame a device pings; after twice as long it gives the connection up."""
REPLY_WITHIN_S = 15.0
SETTLED_AFTER_S = 1.0
"""So long after a resume what changed during it may still be told: whoever was taken out and in then was away."""
ASK_AGAIN_AFTER_S = 0.2
PAGE = 100
SMALL_RECEIVE_BUFFER = 1 << 14

Frame = dict[str, Any]


class Lost(Exception):
    """There is no connection, or it was lost before the reply."""


class Answered(Exception):
    """A request was answered with an error."""

    def __init__(self, error: Frame) -> None:
        self.code: str = error["code"]
        self.retryable: bool = error["retryable"]
        super().__init__(f"{self.code}: {error['message']}")


@dataclass(slots=True)
class Cursor:
    """Where a device stands in a conversation."""

    seq: int
    replay_to: int = 0
    """The server is sending the events up to here; what it leaves out is not the device's to see."""
    asking: bool = False
    held: dict[int, Frame] = field(default_factory=dict)


@dataclass(slots=True)
class Unsent:
    """A send that is not acknowledged."""

    key: str
    content: str
    in_flight: bool = False


class Device:
    """One device of a participant: keeps a connection, applies events, sends. For one event loop."""

    def __init__(
        self, user_id: str, name: str, urls: Iterator[str], journal: Journal, rng: random.Random, *, pipeline: int = 1
    ) -> None:
        self.user_id = user_id
        self.name = f"{user_id}/{name}"
        self.cursors: dict[int, Cursor] = {}
        self.unsent: dict[int, deque[Unsent]] = {}
        self.own_messages: deque[int] = deque(maxlen=50)
        self.gaps = 0
        """How often it had to ask for events."""
        self.without_service_s = 0.0
        """The longest time from the loss of a connection to the next one that serves."""
        self._lost_at: float | None = None
        self._urls = urls
        self._journal = journal
        self._rng = rng
        self._pipeline = pipeline
        self._socket: aiohttp.ClientWebSocketResponse[bool] | None = None
        self._ready = asyncio.Event()
        self._reading = asyncio.Event()
        self._reading.set()
        self._pauses: dict[int, float] = {}
        self._live_since = math.inf
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    # The connection

    async def run(self) -> None:
        """Connects, and connects again to the next of its URLs, until it is cancelled."""
        # A small buffer, so that a device that stops reading soon fills the server's outbox.
        connector = aiohttp.TCPConnector(socket_factory=small_socket)
        try:
            async with aiohttp.ClientSession(connector=connector) as http:
                while True:
                    try:
                        await self._connection(http)
                    except (aiohttp.ClientError, OSError, TimeoutError, Lost):
                        pass
                    finally:
                        self._disconnected()
                    await asyncio.sleep(self._rng.uniform(0.02, 0.3))
        finally:
            for running in list(self._tasks):
                running.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def is_served(self) -> bool:
        """Whether it has a connection on which it is signed in."""
        return self._ready.is_set()

    async def move_on(self) -> None:
        """Gives its connection up, and connects to the next of its URLs."""
        if self._socket is not None:
            await self._socket.close()

    async def stop_reading(self, seconds: float) -> None:
        """Leaves what the server sends unread for so long."""
        self._reading.clear()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._reading.set()

    async def _connection(self, http: aiohttp.ClientSession) -> None:
        async with asyncio.timeout(CONNECT_WITHIN_S):
            self._socket = await http.ws_connect(next(self._urls), max_msg_size=0)
        try:
            await self._send(self._auth_frame())
            pump = asyncio.create_task(self._pump())
            try:
                await self._read(self._socket)
            finally:
                pump.cancel()
                await asyncio.gather(pump, return_exceptions=True)
        finally:
            async with asyncio.timeout(1):
                await self._socket.close()

    def _auth_frame(self) -> Frame:
        kind, _, number = self.user_id.rpartition("_")
        frame: Frame = {"type": "auth", "participant_type": kind, "participant_id": int(number)}
        if self.cursors:
            frame["resume"] = {str(cid): cursor.seq for cid, cursor in self.cursors.items()}
        return frame

    async def _read(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        quiet = 0
        while quiet < 2:
            await self._reading.wait()
            try:
                message = await ws.receive(timeout=QUIET_S)
            except TimeoutError:
                quiet += 1
                await self._send({"type": "ping"})
                continue
            if message.type is not aiohttp.WSMsgType.TEXT:
                return
            quiet = 0
            self._received(json.loads(message.data))

    def _disconnected(self) -> None:
        if self._ready.is_set():
            self._lost_at = time.monotonic()
        self._socket = None
        self._live_since = math.inf
        self._ready.clear()
        for cursor in self.cursors.values():
            cursor.held.clear()
            cursor.asking, cursor.replay_to = False, 0
        for queue in self.unsent.values():
            for entry in queue:
                entry.in_flight = False
        self._pauses.clear()
        replies, self._replies = self._replies, {}
        for future in replies.values():
            if not future.done():
                future.set_exception(Lost())
                future.exception()  # seen, even if whoever asked has gone

    async def _send(self, frame: Frame) -> None:
        if self._socket is None or self._socket.closed:
            raise Lost
        await self._socket.send_str(json.dumps(frame))

    async def ask(self, **frame: Any) -> Frame:
        """The reply to a request, once there is a connection to send it on. Raises Lost, Answered, TimeoutError."""
        async with asyncio.timeout(REPLY_WITHIN_S):
            await self._ready.wait()
            return await self._ask(frame)

    async def _ask(self, frame: Frame) -> Frame:
        request_id = f"ask-{next(self._numbers)}"
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._replies[request_id] = future
        await self._send(frame | {"request_id": request_id})
        reply = await future
        if reply["type"] == "error":
            raise Answered(reply)
        return reply

    def _spawn(self, work: Any) -> None:
        running: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    # Sending

    def send(self, conversation_id: int, content: str) -> None:
        """Begins a send; it is repeated until it is acknowledged or refused for good."""
        key = f"{self.name}/{next(self._numbers):08}"
        entry = Unsent(key, content)
        self.unsent.setdefault(conversation_id, deque()).append(entry)
        self._write(Begun, conversation_id, key=key, digest=digest_of(content))

    @property
    def backlog(self) -> int:
        """Sends that are not acknowledged."""
        return sum(map(len, self.unsent.values()))

    async def _pump(self) -> None:
        """Sends what waits, in order; no more than `pipeline` at a time in a conversation."""
        await self._ready.wait()
        try:
            while True:
                for conversation_id, queue in list(self.unsent.items()):
                    await self._pump_one(conversation_id, queue)
                await asyncio.sleep(0.005)
        except (Lost, ConnectionError):
            pass  # the reader finds out too

    async def _pump_one(self, conversation_id: int, queue: deque[Unsent]) -> None:
        if self._pauses.get(conversation_id, 0) > time.monotonic():
            return
        flying = sum(entry.in_flight for entry in queue)
        if any(a.in_flight > b.in_flight for b, a in itertools.pairwise(queue)):
            return  # one was refused while later ones are under way: these must be answered first
        for entry in list(itertools.islice(queue, self._pipeline))[flying:]:
            entry.in_flight = True
            frame = {"type": "message", "conversation_id": conversation_id, "content": entry.content}
            await self._send(frame | {"idempotency_key": entry.key, "temp_id": entry.key})

    def _acknowledged(self, frame: Frame) -> None:
        cid, key = frame["conversation_id"], frame["temp_id"]
        self._write(Acknowledged, cid, key=key, message_id=frame["message_id"], seq=frame["seq"])
        self.own_messages.append(frame["message_id"])
        self._forget_unsent(cid, key)

    def _refused(self, frame: Frame) -> None:
        cid, key, retryable = frame["conversation_id"], frame["temp_id"], frame["retryable"]
        self._write(Refused, cid, key=key, code=frame["code"], retryable=retryable)
        if not retryable:
            self._forget_unsent(cid, key)
            return
        for entry in self.unsent.get(cid, ()):
            if entry.key == key:
                entry.in_flight = False
        self._pauses[cid] = time.monotonic() + self._rng.uniform(0.1, 0.4)

    def _forget_unsent(self, conversation_id: int, key: str) -> None:
        queue = self.unsent.get(conversation_id, deque())
        self.unsent[conversation_id] = deque(entry for entry in queue if entry.key != key)

    # Listening

    def _received(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "error" and frame["code"] not in EXPECTED_ERRORS:
            self._write(Troubled, frame.get("conversation_id") or 0, what=f"{frame['code']}: {frame['message']}")
        match kind:
            case "auth_success":
                self._begin(frame["heads"])
                self._ready.set()
                if self._lost_at is not None:
                    self.without_service_s = max(self.without_service_s, time.monotonic() - self._lost_at)
                    self._lost_at = None
            case "subscribed":
                self._replaying(frame["conversation_id"], frame["last_seq"])
            case "resumed":
                self._resumed(frame["conversations"])
            case "pong":
                self._compare(frame.get("heads") or [])
            case "conversation_created":
                self._created(frame["conversation_id"], frame["conversation"]["last_seq"])
            case "message_sent":
                self._acknowledged(frame)
            case "error" if "temp_id" in frame:
                self._refused(frame)
            case "error" if "request_id" not in frame:
                raise Lost  # auth was refused for now
            case _ if "seq" in frame and "conversation_id" in frame:
                self._hear(frame)
        future = self._replies.pop(frame.get("request_id", ""), None)
        if future is not None and not future.done():
            future.set_result(frame)

    def _created(self, conversation_id: int, seq: int) -> None:
        """While a resume lasts this stands for a replay, so the state is fetched; later it tells of something new."""
        cursor = self.cursors.get(conversation_id)
        if time.monotonic() > self._live_since:
            self._skip_to(conversation_id, seq, "conversation_created")
        elif cursor is None or seq > cursor.seq:
            self._base(conversation_id, seq, "resume")

    def _begin(self, heads: list[Frame]) -> None:
        for head in heads:
            cursor = self.cursors.get(head["conversation_id"])
            if cursor is not None:
                cursor.replay_to = head["last_seq"]
            else:
                self._base(head["conversation_id"], head["last_seq"], "auth_success")

    def _base(self, conversation_id: int, seq: int, why: str) -> None:
        self.cursors[conversation_id] = Cursor(seq)
        self._write(Based, conversation_id, seq=seq, why=why)
        self._spawn(self._fetch(conversation_id, seq))

    async def _fetch(self, conversation_id: int, up_to: int) -> None:
        """The history up to `up_to`, page by page, as a client does for what no event tells it."""
        before: int | None = None
        while True:
            asked: Frame = {"type": "history", "conversation_id": conversation_id, "limit": PAGE}
            try:
                page = await self.ask(**asked, **({"before": before} if before else {}))
            except (Answered, Lost, TimeoutError, ConnectionError) as error:
                if isinstance(error, Answered) and not error.retryable:
                    return  # the membership has ended
                await asyncio.sleep(ASK_AGAIN_AFTER_S)  # or a connection that is closing would fail at once, for ever
                continue
            for message in page["messages"]:
                self._write(
                    Fetched,
                    conversation_id,
                    seq=message["seq"],
                    message_id=message["message_id"],
                    digest=digest_of(message["content"]),
                )
            if not page["has_more"]:
                return
            before = page["messages"][0]["message_id"]

    def _resumed(self, heads: list[Frame]) -> None:
        if self._live_since == math.inf:
            self._live_since = time.monotonic() + SETTLED_AFTER_S
        for head in heads:
            cid, seq = head["conversation_id"], head["last_seq"]
            if cid not in self.cursors:
                continue
            if head.get("resync"):
                self._base(cid, seq, "resync")
            else:
                cursor = self.cursors[cid]
                for held in (*sorted(held for held in cursor.held if held <= seq), seq + 1):
                    if self.cursors.get(cid) is cursor:
                        self._skip_to(cid, held - 1, "resumed")

    def _skip_to(self, conversation_id: int, seq: int, why: str) -> None:
        cursor = self.cursors.get(conversation_id)
        if cursor is None:
            self._base(conversation_id, seq, why)
        elif seq > cursor.seq:
            self._write(Skipped, conversation_id, after=cursor.seq, to=seq, why=why)
            cursor.seq = seq
            self._drain(conversation_id, cursor)

    def _replaying(self, conversation_id: int, last_seq: int) -> None:
        cursor = self.cursors.get(conversation_id)
        if cursor is not None:
            cursor.asking, cursor.replay_to = False, last_seq

    def _compare(self, heads: list[Frame]) -> None:
        for head in heads:
            cursor = self.cursors.get(head["conversation_id"])
            if cursor is not None and head["last_seq"] > cursor.seq:
                self._ask_for_more(head["conversation_id"], cursor)

    def _hear(self, frame: Frame) -> None:
        cid, seq = frame["conversation_id"], frame["seq"]
        cursor = self.cursors.get(cid)
        if cursor is None:
            self._apply(frame)  # not ours: the checker objects
            return
        if seq <= cursor.seq:
            return
        if seq > cursor.seq + 1 and cursor.replay_to >= seq:
            self._write(Skipped, cid, after=cursor.seq, to=seq - 1, why="replay")
            cursor.seq = seq - 1
        if seq > cursor.seq + 1:
            cursor.held[seq] = frame
            self._ask_for_more(cid, cursor)
            return
        cursor.seq = seq
        self._apply(frame)
        self._drain(cid, cursor)

    def _drain(self, conversation_id: int, cursor: Cursor) -> None:
        while self.cursors.get(conversation_id) is cursor and (frame := cursor.held.pop(cursor.seq + 1, None)):
            cursor.seq += 1
            self._apply(frame)
        cursor.held = {seq: frame for seq, frame in cursor.held.items() if seq > cursor.seq}

    def _apply(self, frame: Frame) -> None:
        cid, kind = frame["conversation_id"], frame["type"]
        about = frame.get("user_id") if kind in ("participant_joined", "participant_left") else None
        content = frame.get("content")
        self._write(
            Applied,
            cid,
            seq=frame["seq"],
            kind=kind,
            message_id=frame.get("message_id"),
            key=frame.get("idempotency_key"),
            digest=None if content is None else digest_of(content),
            about=about,
        )
        if kind == "participant_left" and about == self.user_id:
            self.cursors.pop(cid, None)
            self.unsent.pop(cid, None)

    def _ask_for_more(self, conversation_id: int, cursor: Cursor) -> None:
        if not cursor.asking:
            cursor.asking = True
            self.gaps += 1
            self._spawn(self._subscribe(conversation_id, cursor))

    async def _subscribe(self, conversation_id: int, cursor: Cursor) -> None:
        try:
            await self._ask(
                {"type": "subscribe_conversation", "conversation_id": conversation_id, "after_seq": cursor.seq}
            )
        except Answered:
            cursor.asking = False  # the next event or heartbeat asks again
        except (Lost, ConnectionError):
            pass

    def _write(self, record: Any, conversation_id: int, **fields: Any) -> None:
        self._journal.write(record(device=self.name, user_id=self.user_id, conversation_id=conversation_id, **fields))


EXPECTED_ERRORS = ("unavailable", "not_found", "forbidden", "conflict", "slow_consumer")


def small_socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_RECEIVE_BUFFER)
    return made
