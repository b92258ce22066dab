"""Takes a request from its frame to its reply: find, guard, run, commit, publish, reply."""

import asyncio
import logging
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from typing import Any

import structlog

from bihak.cluster.base import Backplane, Publication
from bihak.cluster.envelope import Envelope, conversation_topic, participant_topic
from bihak.core.batch import WriteBatch, claims_of
from bihak.core.context import Call, Query, Signal
from bihak.core.feature import Command, Kind
from bihak.core.heads import Heads
from bihak.core.identity import Actor
from bihak.core.lane import Turn
from bihak.core.limits import Limit, Limits
from bihak.core.session import Session
from bihak.core.visit import NOBODY, Visit
from bihak.errors import ChatError, Internal, Unavailable, UnknownType
from bihak.failpoints import Failpoint, pass_by
from bihak.protocol.envelope import (
    NO_ECHO,
    DecodeFailure,
    DurableEvent,
    Echo,
    Reply,
    Request,
    RequestDecoder,
    encode,
    error_reply,
)
from bihak.storage.dialect import Database
from bihak.storage.readers import Readers
from bihak.storage.writer import Writer
from bihak.tasks import Running

log = structlog.stdlib.get_logger("bihak")

ONLY_CONNECTED = "This is for WebSocket connections only."


class _Awaited(Call[Request], kw_only=True):
    """A call whose outcome a coroutine waits for."""

    future: "asyncio.Future[Reply | ChatError | None]"

    def answer(self) -> None:
        if not self.future.done():
            self.future.set_result(self.outcome)


class Dispatcher:
    """Serves requests from any transport, on the event loop."""

    def __init__(
        self,
        database: Database,
        readers: Readers,
        backplane: Backplane,
        commands: Iterable[Command],
        *,
        limits: Limits,
        wall_clock: Callable[[], float] = time.time,
        failpoint: Failpoint = pass_by,
    ) -> None:
        self.on_committed: list[Callable[[Sequence[DurableEvent]], None]] = []
        """Called after each transaction that recorded something."""
        self.on_returned: list[Callable[[Session], None]] = []
        """Called when a session that was idle sends a request that shows somebody is there."""
        self.session_of: Callable[[Actor], Awaitable[Session]] | None = None
        """Makes a session without a connection, for live commands that come over HTTP."""
        self.now: Callable[[], float] = time.monotonic
        """The event loop's clock."""
        self.draining = False
        """Whether clients' writes are refused because the node is about to end."""
        self.commands = {command.request: command for command in commands}
        self.decoder = RequestDecoder(r for r, command in self.commands.items() if not command.internal)
        self.errors: Counter[str] = Counter()
        """Of the replies to clients, by code."""
        self._dialect = database.dialect
        self._readers = readers
        self._backplane = backplane
        self._limits = limits
        self._clock = wall_clock
        self._failpoint = failpoint
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tells_of_events = True
        self._running = Running()
        self.heads = Heads()
        self.writer: Writer[Call[Request], WriteBatch] = Writer(
            database,
            lambda calls, ids: WriteBatch(calls, database.dialect, ids, self.heads),
            self._batch_done,
            claims=claims_of,
            failpoint=failpoint,
        )

    def start(self) -> None:
        """Must be called on the event loop that it is to serve."""
        self._loop = asyncio.get_running_loop()
        self.now = self._loop.time
        self._tells_of_events = log.is_enabled_for(logging.INFO)
        self.writer.start()

    async def stop(self, timeout_s: float) -> bool:
        """Finishes what is queued and replies to it. False if that took longer than `timeout_s`."""
        finished = await asyncio.to_thread(self.writer.stop, timeout_s)
        await asyncio.sleep(0)  # lets the last batch's replies out
        return finished

    # From a connection

    def receive(self, session: Session, frame: bytes | str) -> bool:
        """Serves one frame of a connection. Never raises: whatever is wrong becomes one error frame.

        False if the frame was no valid request.
        """
        try:
            request = self.decoder.decode(frame)
        except DecodeFailure as failure:
            self.refuse(session, failure.error, failure.echo)
            return False
        command = self.commands[type(request)]
        Visit(command, request, NOBODY, session, session=session, services=self).enter()
        return True

    def refuse(self, session: Session, error: ChatError, echo: Echo = NO_ECHO) -> None:
        """Tells a connection of an error."""
        self.errors[error.code] += 1
        log.debug("refused", session=session.number, user_id=session.user_id, code=error.code, field=error.field)
        session.send_body(encode(error_reply(error, echo)))

    # From anywhere

    async def call(self, request: Request, actor: Actor) -> Reply | None:
        """Serves a request that came on no connection (HTTP, the server itself). Raises ChatError."""
        command = self.commands[type(request)]
        self.guard(command, actor)
        if command.kind is Kind.LATER:
            raise UnknownType(ONLY_CONNECTED)
        if command.kind in (Kind.LIVE, Kind.TASK):
            return await self._call_live(command, request, actor)
        future: asyncio.Future[Reply | ChatError | None] = asyncio.get_running_loop().create_future()
        call = _Awaited(command, request, actor, future=future)
        if command.kind is Kind.READ:
            self.start_task(self.read(call))
        else:
            self.submit(call)
        outcome = await future
        if isinstance(outcome, ChatError):
            raise outcome
        return outcome

    async def _call_live(self, command: Command, request: Request, actor: Actor) -> Reply | None:
        if self.session_of is None:
            raise UnknownType(ONLY_CONNECTED)
        session = await self.session_of(actor)
        try:
            outcome = command.handler(session, request)
            found: Reply | None = await outcome if command.kind is Kind.TASK else outcome
        except ChatError:
            raise
        except Exception as fault:
            raise self.internal(fault, command) from fault
        return found

    def write_quietly(self, request: Request, actor: Actor) -> None:
        """Queues the server's own write; whatever its fate, nobody waits for it."""
        call: Call[Request] = Call(self.commands[type(request)], request, actor)
        try:
            self.submit(call)
        except ChatError as error:
            log.debug("write dropped", command=call.command.name, error=error.message)

    def guard(self, command: Command, actor: Actor | None, session: Session | None = None) -> None:
        """Raises what forbids `actor`, on the connection of `session` if there is one, to use `command` now."""
        if self.draining and command.turn is Turn.WRITE:
            raise Unavailable("The server is about to restart; send it again.", retry_after=1.0)
        if command.internal:
            return
        if session is not None and (actor is None or command.limit is Limit.REQUESTS):
            self._limits.require(Limit.REQUESTS, f"#{session.number}")
        elif actor is not None:
            self._limits.require(command.limit, actor.user_id)

    async def read(self, call: Call[Request]) -> None:
        """Runs a reading call and answers it."""
        try:
            call.outcome = await self._readers.run(
                lambda connection: call.command.handler(Query(connection, self._dialect, call.actor), call.request)
            )
        except ChatError as error:
            call.outcome = error
        except Exception as fault:
            call.outcome = self.internal(fault, call.command)
        call.answer()

    def submit(self, call: Call[Request]) -> None:
        """Queues a writing call; it is answered after its COMMIT. Raises Unavailable."""
        self.writer.submit(call)

    def returned(self, session: Session) -> None:
        """A session that was idle shows that somebody is there."""
        for listener in self.on_returned:
            listener(session)

    def internal(self, fault: BaseException, command: Command) -> Internal:
        """Logs a bug under an id, and makes the error that tells the client the id."""
        error = Internal()
        log.error("error", error_id=error.error_id, command=command.name, exc_info=fault)
        return error

    def start_task(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs a coroutine to its end, whoever has lost interest in it."""
        self._running.start(work)

    def publish(self, signals: Iterable[Signal]) -> None:
        """Sends events that are not durable."""
        publications = [publication for signal in signals for publication in _signal(signal)]
        if publications:
            self._backplane.publish(publications)

    # From the writer

    def _batch_done(self, batch: WriteBatch) -> None:
        """On the writer's thread, after COMMIT."""
        assert self._loop is not None
        batch.remember()
        try:
            self._loop.call_soon_threadsafe(self._publish_and_answer, batch)
        except RuntimeError:
            log.debug("loop closed before the replies", jobs=len(batch.calls))

    def _publish_and_answer(self, batch: WriteBatch) -> None:
        publications: list[Publication] = []
        events: list[DurableEvent] = []
        for call in batch.calls:
            for event in call.recorded:
                publications.append(_durable(event))
                if self._tells_of_events:
                    _log_event(event, call.actor)
            events += call.recorded
            for signal in call.signals:
                publications += _signal(signal)
        if publications:
            self._backplane.publish(publications)
        self._failpoint("after_publish")
        for call in batch.calls:
            call.answer()
        if events:
            for listener in self.on_committed:
                listener(events)


def _durable(event: DurableEvent) -> Publication:
    envelope = Envelope(encode(event), event.seq, event.left(), joined=event.joined(), wrote=event.wrote())
    return conversation_topic(event.conversation_id), envelope


def _log_event(event: DurableEvent, actor: Actor) -> None:
    """One line, under the event's own name; never what was said."""
    log.info(
        str(event.__struct_config__.tag),
        conversation_id=event.conversation_id,
        seq=event.seq,
        message_id=getattr(event, "message_id", None),
        user_id=actor.user_id,
    )


def _signal(signal: Signal) -> list[Publication]:
    """One publication for each topic, so that a node where nobody is concerned gets nothing."""
    several = len(signal.to_conversations) > 1
    envelope = Envelope(
        encode(signal.event),
        skip_user=signal.skip_user,
        joins=signal.joins,
        conversations=signal.to_conversations if several else (),
        number=secrets.randbits(62) if several else 0,
        typing=signal.typing,
    )
    if signal.to_user is not None:
        return [(participant_topic(signal.to_user), envelope)]
    return [(conversation_topic(conversation_id), envelope) for conversation_id in signal.to_conversations]
