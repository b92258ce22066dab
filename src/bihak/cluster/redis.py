"""The backplane of many processes: Redis 5 or newer, or Valkey, as a carrier of publications and nothing more."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import islice
from typing import Any

import hiredis
import msgspec
import structlog
from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError

from bihak import tasks
from bihak.cluster.base import Deliver, Publication
from bihak.cluster.envelope import Envelope, pack, unpack
from bihak.errors import SettingsError

log = structlog.stdlib.get_logger("bihak.redis")

CONNECT_WITHIN_S = 3.0
REPLY_WITHIN_S = 2.0
PULSE_EVERY_S = 1.0
SILENT_AFTER_S = 3.0
"""Without hearing its own pulse for so long, a node takes Redis to be away."""
RETRY_AFTER_S = (0.1, 1.0)
"""The first wait before connecting again, and the longest."""
MAX_WAITING_BYTES = 8 << 20
"""Publications that wait for Redis; past that they are dropped, and the sweep of the other nodes finds the events."""
TOPICS_AT_ONCE = 1000
READS_A_TURN = 500
ORIGIN_BYTES = 8

_REFUSALS = (AuthenticationError, AuthorizationError, NoPermissionError)


class RedisBackplane:
    """Implements `Backplane`. Topics are channels that begin with `prefix`, which is the cluster's own.

    What a node publishes it hears at once, not by way of Redis. What is published on one topic in one turn of the
    event loop goes out as one message. Each node hears itself through Redis once a second, which shows that publishing
    and subscribing both work.
    """

    def __init__(self, pool: ConnectionPool, prefix: str) -> None:
        self._pool = pool
        self._prefix = f"{prefix}:".encode()
        self._origin = secrets.token_bytes(ORIGIN_BYTES)
        self._pulse = self._prefix + b"node:" + self._origin.hex().encode()
        self._deliver: Deliver | None = None
        self._recovered: Callable[[], None] = lambda: None
        self._topics: set[str] = set()
        self._is_serving = False
        """Whether Redis knows of topics here; if not, it is told of all of them as soon as it is there."""
        self._changed: dict[str, None] = {}
        """Topics whose subscription Redis has not been told of."""
        self._waiting: dict[str, list[Envelope]] = {}
        self._waiting_bytes = 0
        self._pulse_is_due = False
        self._has_work = asyncio.Event()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._came: list[Publication] = []
        self._pulse_at = 0.0
        self._away_since: float | None = None
        self._tried = asyncio.Event()
        self._refusal: Exception | None = None
        self._running: asyncio.Task[None] | None = None
        self.is_connected = False
        self.received = 0
        """Publications that Redis brought, this node's own among them."""
        self.dropped = 0
        """Publications that Redis was not there to take."""

    async def start(self, deliver: Deliver, recovered: Callable[[], None]) -> None:
        """Raises SettingsError if Redis refuses the credentials. If it is away, it goes on without."""
        self._deliver = deliver
        self._running = asyncio.create_task(self._run())
        await self._tried.wait()
        self._recovered = recovered
        if self._refusal is not None:
            await self.close()
            raise SettingsError(f"REDIS_URL is not usable: Redis refuses this node: {self._refusal}")

    def publish(self, publications: Sequence[Publication]) -> None:
        if self._deliver is None:
            return
        mine = [publication for publication in publications if publication[0] in self._topics]
        self._put(publications)
        if mine:
            self._deliver(mine)

    def subscribe(self, topic: str) -> None:
        if topic not in self._topics:
            self._topics.add(topic)
            self._change(topic)

    def unsubscribe(self, topic: str) -> None:
        if topic in self._topics:
            self._topics.discard(topic)
            self._change(topic)

    async def close(self) -> None:
        self._deliver = None
        if self._running is None:
            return
        if self.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(REPLY_WITHIN_S):
                    await self._is_idle.wait()
        await tasks.end([self._running])
        self.is_connected = False
        await self._pool.aclose()

    # What is to be sent

    def _channel(self, topic: str) -> bytes:
        return self._prefix + topic.encode()

    def _put(self, publications: Sequence[Publication]) -> None:
        for topic, envelope in publications:
            if not self.is_connected or self._waiting_bytes > MAX_WAITING_BYTES:
                self.dropped += 1
                continue
            self._waiting.setdefault(topic, []).append(envelope)
            self._waiting_bytes += len(envelope.body)
        self._wake()

    def _take_waiting(self) -> list[bytes]:
        """What is to be published now, as commands."""
        waiting, self._waiting, self._waiting_bytes = self._waiting, {}, 0
        commands = [
            _publish(self._channel(topic), self._origin + pack(envelopes)) for topic, envelopes in waiting.items()
        ]
        if self._pulse_is_due:
            self._pulse_is_due = False
            commands.append(_publish(self._pulse, self._origin))
        return commands

    def _change(self, topic: str) -> None:
        if self._is_serving:
            self._changed[topic] = None
            self._wake()

    def _wake(self) -> None:
        self._has_work.set()
        self._is_idle.clear()

    # The connections

    async def _run(self) -> None:
        """Stays connected until it is cancelled."""
        wait_s = RETRY_AFTER_S[0]
        while True:
            try:
                async with self._connection() as listening, self._connection() as speaking:
                    await self._serve(listening, speaking)
            except* Exception as faults:
                self._lost(_first(faults))
            self._is_serving = False
            wait_s = RETRY_AFTER_S[0] if self.is_connected else min(2 * wait_s, RETRY_AFTER_S[1])
            self.is_connected = False
            self._tried.set()
            await asyncio.sleep(wait_s)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AbstractConnection]:
        connection: AbstractConnection = self._pool.make_connection()
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await connection.connect()
            yield connection
        finally:
            await connection.disconnect(nowait=True)

    async def _serve(self, listening: AbstractConnection, speaking: AbstractConnection) -> None:
        """Until something fails, which it raises in a group."""
        self._changed.clear()
        self._is_serving = True
        # The pulse comes last: whoever hears it is subscribed to everything before it.
        channels = [*map(self._channel, self._topics), self._pulse]
        await listening.send_packed_command(listening.pack_commands(_commands("SUBSCRIBE", channels)))
        self._pulse_at = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(listening))
            group.create_task(self._speak(listening, speaking))
            group.create_task(self._keep_pulse())

    async def _keep_pulse(self) -> None:
        clock = asyncio.get_running_loop().time
        while clock() - self._pulse_at < SILENT_AFTER_S:
            self._pulse_is_due = True
            self._wake()
            await asyncio.sleep(PULSE_EVERY_S)
        raise TimeoutError(f"nothing heard for {SILENT_AFTER_S:g} s")

    async def _speak(self, listening: AbstractConnection, speaking: AbstractConnection) -> None:
        """Sends what each turn of the event loop has left, as one write; and once that is answered, the next."""
        while True:
            await self._has_work.wait()
            self._has_work.clear()
            changed, self._changed = self._changed, {}
            commands = self._take_waiting()
            async with asyncio.timeout(REPLY_WITHIN_S):
                if changed:
                    wanted = [topic for topic in changed if topic in self._topics]
                    changes = [
                        *_commands("SUBSCRIBE", map(self._channel, wanted)),
                        *_commands("UNSUBSCRIBE", map(self._channel, changed.keys() - wanted)),
                    ]
                    await listening.send_packed_command(listening.pack_commands(changes))
                if commands:
                    await speaking.send_packed_command(commands)
                    answered = 0
                    while answered < len(commands):
                        answered += len(await _read(speaking))
            if not self._has_work.is_set():
                self._is_idle.set()

    async def _listen(self, connection: AbstractConnection) -> None:
        """Takes what comes. What one read of the socket brought is delivered together."""
        since = 0
        while True:
            for kind, channel, payload in await _read(connection):
                since += 1
                if kind != b"message":
                    continue
                if channel == self._pulse:
                    self._heard_pulse()
                    continue
                self.received += 1
                if not payload.startswith(self._origin):
                    self._take(channel, payload)
            if since > READS_A_TURN:
                since = 0
                await asyncio.sleep(0)  # a read that need not wait does not let others run

    def _take(self, channel: bytes, payload: bytes) -> None:
        topic = channel[len(self._prefix) :].decode()
        if topic not in self._topics:
            return  # Redis was just told
        try:
            envelopes = unpack(payload[ORIGIN_BYTES:])
        except msgspec.DecodeError:
            log.warning("somebody else publishes under this cluster's prefix", channel=channel.decode(errors="replace"))
            return
        if not self._came:
            asyncio.get_running_loop().call_soon(self._hand_over)
        self._came += [(topic, envelope) for envelope in envelopes]

    def _hand_over(self) -> None:
        came, self._came = self._came, []
        # Some may not be wanted any more by now.
        wanted = [publication for publication in came if publication[0] in self._topics]
        if wanted and self._deliver is not None:
            self._deliver(wanted)

    # Coming and going

    def _heard_pulse(self) -> None:
        now = asyncio.get_running_loop().time()
        self._pulse_at = now
        if self.is_connected:
            return
        self.is_connected = True
        self._tried.set()
        if self._away_since is not None:
            log.info("Redis is back", away_s=round(now - self._away_since, 1))
            self._away_since = None
        self._recovered()

    def _lost(self, fault: Exception) -> None:
        self._waiting, self._waiting_bytes = {}, 0
        self._is_idle.set()
        self._refusal = fault if isinstance(fault, _REFUSALS) else None
        if self._away_since is None:
            self._away_since = asyncio.get_running_loop().time()
            log.warning("Redis is away, events come from the database meanwhile", error=str(fault))


async def _read(connection: AbstractConnection) -> list[Any]:
    """Waits for what Redis says next, and takes what came with it as well. Raises what is an error."""
    found = [await connection.read_response()]
    # On redis-py's own way each costs some microseconds more, though its parser, in C, has them all.
    parser: Any = connection._parser
    while isinstance(more := parser._reader.gets(), int | list | Exception):
        if isinstance(more, Exception):
            raise more
        found.append(more)
    return found


def _publish(channel: bytes, payload: bytes) -> bytes:
    # In C; its stub knows tuples of one element only.
    packed: bytes = hiredis.pack_command(("PUBLISH", channel, payload))  # type: ignore[arg-type]
    return packed


def _commands(name: str, channels: Iterable[bytes]) -> Iterator[tuple[str | bytes, ...]]:
    """That command for all of these channels, in bites that do not hold Redis up."""
    rest = iter(channels)
    while some := tuple(islice(rest, TOPICS_AT_ONCE)):
        yield (name, *some)


def _first(faults: ExceptionGroup[Exception]) -> Exception:
    fault: Exception = faults
    while isinstance(fault, ExceptionGroup):
        fault = fault.exceptions[0]
    return fault
