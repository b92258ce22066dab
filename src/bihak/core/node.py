"""One node: the parts that serve requests, wired together, and what features may use of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, TypeVar

import sqlalchemy as sa
import structlog

from bihak import tasks
from bihak.cluster.base import Backplane
from bihak.cluster.envelope import Envelope
from bihak.cluster.ledger import Ledger
from bihak.core.context import Signal
from bihak.core.dispatcher import Dispatcher
from bihak.core.feature import Feature
from bihak.core.hub import Hub
from bihak.core.identity import Actor, Authenticator
from bihak.core.limits import OF_PARTICIPANTS, Limit, Limits, RateLimit
from bihak.core.log import Coverage, Log, LogEntry, Span, read_coverage
from bihak.core.outbox import Outboxes
from bihak.core.session import NoWire, Session
from bihak.core.shared_limit import SharedLimit
from bihak.core.sweep import Sweep
from bihak.errors import ChatError, CloseCode
from bihak.failpoints import Failpoint, pass_by
from bihak.protocol.envelope import DurableEvent, Event, Request
from bihak.protocol.types import Participant
from bihak.storage.dialect import Database
from bihak.storage.readers import GroupedRead, Readers
from bihak.storage.schema import conversation_participants

log = structlog.stdlib.get_logger("bihak")

F = TypeVar("F", bound=Feature)

GOODBYE_S = 4.0

SYSTEM = Actor(Participant("system", 1), "System")


@dataclass(frozen=True)
class NodeOptions:
    """What of the settings the node and its features need."""

    participant_types: tuple[str, ...] = ("user", "admin", "mentor")
    version: str = "0.0.0"
    max_frame_bytes: int = 102_400
    limits: Mapping[Limit, RateLimit] = field(default_factory=dict)
    ledger: Ledger | None = None
    """Where nodes count together what participants take of `limits`; None: this one counts alone."""
    stall_s: float = 30.0
    heartbeat_s: float = 30.0
    max_per_participant: int = 0
    """Connections of one participant; 0: any number."""
    directory: Literal["everyone", "shared"] = "everyone"
    """Whom a people search finds: everyone, or those one shares a conversation with."""
    notification_days: int = 30
    """How long notifications are kept after they were read."""
    uses_ring: bool = True
    """Whether rooms of many are written to by io_uring, where the system has it."""
    periods_s: Mapping[str, float] = field(
        default_factory=lambda: {
            "typing": 60.0,
            "presence": 3.0,
            "notifications": 3600.0,
            "deleted": 3600.0,
            "sessions": 1.0,
        }
    )
    """How often each clean-up runs."""


class Node:
    """Serves sessions over one database, beside other nodes on the same backplane."""

    def __init__(
        self,
        database: Database,
        backplane: Backplane,
        authenticator: Authenticator,
        make_features: Callable[["Node"], list[Feature]],
        render_message: Callable[[Any], DurableEvent],
        options: NodeOptions,
        *,
        wall_clock: Callable[[], float] = time.time,
        failpoint: Failpoint = pass_by,
    ) -> None:
        self.database = database
        self.backplane = backplane
        self.authenticator = authenticator
        self.options = options
        self.wall_clock = wall_clock
        self.readers = Readers(database)
        self.outboxes = Outboxes(options.stall_s)
        self.sessions: set[Session] = set()
        self.draining = False
        self.features = make_features(self)
        self._by_kind = {type(feature): feature for feature in self.features}
        self._opened = [f.session_opened for f in self.features if type(f).session_opened is not Feature.session_opened]
        self._closed = [f.session_closed for f in self.features if type(f).session_closed is not Feature.session_closed]
        self.log = Log(
            database.dialect, [event for feature in self.features for event in feature.events], render_message
        )
        self._grouped_log: GroupedRead[Span, list[LogEntry]] = GroupedRead(self.readers, self.log.read)
        self._grouped_coverage: GroupedRead[tuple[Participant, int], Coverage | None] = GroupedRead(
            self.readers, read_coverage
        )
        self.hub = Hub(backplane, self, self.outboxes, uses_ring=options.uses_ring)
        self.outboxes.on_drained = self.hub.drained
        self._shared_limits = _shared_limits(options, self.hub)
        self.hub.on_limited = self._used_up
        self.limits = Limits({**options.limits, **self._shared_limits})
        self.dispatcher = Dispatcher(
            database,
            self.readers,
            backplane,
            [command for feature in self.features for command in feature.commands()],
            limits=self.limits,
            failpoint=failpoint,
        )
        self.dispatcher.on_committed = [
            feature.committed for feature in self.features if type(feature).committed is not Feature.committed
        ]
        self.dispatcher.on_returned = [
            feature.session_returned
            for feature in self.features
            if type(feature).session_returned is not Feature.session_returned
        ]
        self.hub.on_delivered = [
            feature.delivered for feature in self.features if type(feature).delivered is not Feature.delivered
        ]
        self.dispatcher.session_of = self._session_of
        self.hub.repairing.on_unannounced = lambda conversation_id: self.sweep.on_unknown([conversation_id])
        self.sweep = Sweep(database, self.readers, self.hub, backplane)
        self._background: list[asyncio.Task[None]] = []

    async def start(self, *, watches: bool = True) -> None:
        """Begins to serve; with `watches` also what the node and its features do by themselves, such as clean-ups."""
        await self.hub.start(self.sweep.hurry)
        self.dispatcher.start()
        if not watches:
            return
        runs = [self.sweep.run, *(run for feature in self.features for run in feature.background())]
        runs += [limit.run for limit in self._shared_limits.values()]
        self._background = [asyncio.create_task(_forever(run)) for run in runs]

    async def drain(self, timeout_s: float = 20.0) -> bool:
        """Ends the node: answers what came so far, closes every connection with 1001, stores who is offline.

        New writes are refused meanwhile. False if not everything was answered within `timeout_s`; then some clients
        must send again, as after a crash.
        """
        self.draining = self.dispatcher.draining = self.hub.catching_up.draining = True
        await tasks.end(self._background)
        answered = await _within(timeout_s, lambda: not any(session.lane for session in self.sessions))
        self.outboxes.flush()
        for session in list(self.sessions):
            session.close(CloseCode.GOING_AWAY, "server is draining")
        await _within(GOODBYE_S, lambda: not self.sessions)
        for session in list(self.sessions):
            self.session_lost(session)
        for feature in self.features:
            feature.draining()
        finished = await self.dispatcher.stop(GOODBYE_S)
        self.outboxes.close()
        await self.hub.close()
        if self.options.ledger is not None:
            await self.options.ledger.close()
        await asyncio.to_thread(self.readers.close)
        return answered and finished

    # For transports

    def session_ready(self, session: Session) -> None:
        """A session is authenticated and in its rooms."""
        session.ready = True
        if Limit.MESSAGES in self._shared_limits:
            self._shared_limits[Limit.MESSAGES].meet(session.user_id)
        for opened in self._opened:
            opened(session)

    def session_lost(self, session: Session) -> None:
        """A connection is gone."""
        session.lost()
        self.sessions.discard(session)
        if session.ready:
            for closed in self._closed:
                closed(session)
        if session.actor is not None:
            self.hub.detach(session)

    # For features

    def feature(self, kind: type[F]) -> F:
        """The feature of that class."""
        found = self._by_kind[kind]
        assert isinstance(found, kind)
        return found

    def signal(self, event: Event, *, conversation_id: int, skip_user: str = "", typing: int = 0) -> None:
        """Sends an event that is not durable to the members of a conversation. `typing`: as in the envelope."""
        signal = Signal(event, to_conversations=(conversation_id,), skip_user=skip_user, typing=typing)
        self.dispatcher.publish([signal])

    def write(self, request: Request, actor: Actor = SYSTEM) -> None:
        """Queues a write of the server's own, whose outcome nobody waits for."""
        self.dispatcher.write_quietly(request, actor)

    async def call(self, request: Request, actor: Actor = SYSTEM) -> Any:
        """Serves a request as if `actor` had sent it. Raises ChatError."""
        return await self.dispatcher.call(request, actor)

    def clock_ms(self, connection: sa.Connection) -> int:
        """The database's clock, milliseconds since the epoch."""
        now_ms: int = connection.exec_driver_sql(f"SELECT {self.database.dialect.clock_ms}").scalar_one()
        return now_ms

    def periodically(self, task: str, request: Request, *, until_none: bool = False) -> Callable[[], Awaitable[None]]:
        """A background coroutine function: serves `request`, which tells how much it removed, every period of `task`.

        With `until_none` it is served again at once as long as it removes something. Several nodes may do the same:
        what one has removed the others do not find.
        """

        async def run() -> None:
            while True:
                await tasks.beat(self.options.periods_s[task])
                try:
                    removed = last = await self.call(request)
                    while last and until_none:
                        last = await self.call(request)
                        removed += last
                except ChatError as error:
                    log.warning("cleanup failed", task=task, error=error.message)
                else:
                    (log.info if removed else log.debug)("cleanup", task=task, removed=removed)

        return run

    async def _session_of(self, actor: Actor) -> Session:
        """A session of `actor` that nobody listens to, knowing the conversations it is in."""
        p, who = conversation_participants.c, actor.participant
        mine = sa.select(p.conversation_id).where(
            p.participant_type == who.type, p.participant_id == who.id, p.left_seq.is_(None)
        )
        session = Session(NoWire(), self.outboxes)
        session.actor = actor
        session.conversations = set(await self.readers.run(lambda connection: connection.execute(mine).scalars().all()))
        return session

    def _used_up(self, limit: str, user_id: str, wait_ms: int) -> None:
        for kind, shared in self._shared_limits.items():  # another version's node may know others
            if kind == limit:
                shared.used_up(user_id, wait_ms)

    # The log, for the hub

    async def read_log(self, spans: Sequence[Span]) -> list[list[LogEntry]]:
        """As `Log.read`; what several sessions ask for at the same time is read together."""
        return list(await asyncio.gather(*(self._grouped_log.load(span) for span in spans)))

    async def read_coverage(self, reader: Participant, conversation_ids: Sequence[int]) -> list[Coverage | None]:
        """As `log.read_coverage`, read together likewise."""
        return list(await asyncio.gather(*(self._grouped_coverage.load((reader, cid)) for cid in conversation_ids)))

    async def read_room(self, conversation_id: int, after: int, through: int) -> list[Envelope]:
        """As `Log.read_room`."""
        entries = await self.readers.run(
            lambda connection: self.log.read_room(connection, conversation_id, after, through)
        )
        return [Envelope(entry.body, entry.seq, entry.left, joined=entry.joined) for entry in entries]


def _shared_limits(options: NodeOptions, hub: Hub) -> dict[Limit, SharedLimit]:
    """What participants take on all nodes together; nothing where this node counts alone."""
    if options.ledger is None:
        return {}
    return {
        limit: SharedLimit(limit, local, options.ledger, partial(hub.limit, limit))
        for limit, local in options.limits.items()
        if limit in OF_PARTICIPANTS and not local.is_off
    }


async def _forever(run: Callable[[], Awaitable[None]]) -> None:
    """Runs a background coroutine function; one that fails is a bug, and must not end in silence."""
    while True:
        try:
            await run()
            return
        except ChatError as error:  # the database is away
            log.debug("background task waits", task=run.__qualname__, error=error.message)
            await asyncio.sleep(1.0)
        except Exception as fault:
            log.error("background task failed, it starts again", task=run.__qualname__, exc_info=fault)
            await asyncio.sleep(1.0)


async def _within(timeout_s: float, is_done: Callable[[], bool]) -> bool:
    """Waits until `is_done`, at most `timeout_s`; whether it is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    while not is_done():
        if loop.time() > deadline:
            return False
        await asyncio.sleep(0.02)
    return True
