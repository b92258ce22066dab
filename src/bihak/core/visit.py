"""One request of a connection, from its turn in the lane to its reply."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from bihak.core.context import Call
from bihak.core.feature import Command, Kind
from bihak.core.identity import Actor
from bihak.core.lane import Turn
from bihak.core.session import Session
from bihak.errors import ChatError, Disconnect, NotAuthenticated
from bihak.protocol.envelope import NO_ECHO, Echo, Reply, Request, echo_of, encode
from bihak.protocol.frames import text_frame
from bihak.protocol.types import Participant

FULL_POLL_S = 0.05

NOBODY = Actor(Participant("nobody", 1), "")
"""Whoever has not signed in."""


class Services(Protocol):
    """What a visit needs of the dispatcher."""

    draining: bool
    now: Callable[[], float]
    """The event loop's clock: finding the loop first takes longer, since Python asks the system for its process id."""

    def guard(self, command: Command, actor: Actor | None, session: Session | None = None) -> None: ...
    def refuse(self, session: Session, error: ChatError, echo: Echo = NO_ECHO) -> None: ...
    def returned(self, session: Session) -> None: ...
    def internal(self, fault: BaseException, command: Command) -> ChatError: ...
    def start_task(self, work: Coroutine[Any, Any, None]) -> None: ...
    def submit(self, call: Call[Request]) -> None: ...
    async def read(self, call: Call[Request]) -> None: ...


class Visit(Call[Request], kw_only=True):
    """A call that a connection waits for."""

    session: Session
    services: Services

    @property
    def turn(self) -> Turn:
        return self.command.turn

    def enter(self) -> None:
        """Starts when its turn has come."""
        session = self.session
        if self.command.is_activity:
            session.active_at = self.services.now()
            if session.is_idle:
                self.services.returned(session)
        session.lane.enter(self)

    def start(self) -> None:
        command, session, services = self.command, self.session, self.services
        if session.gone and command.turn is Turn.ALONE:
            self.finish(None)  # nobody would hear what it finds
            return
        try:
            actor = session.actor
            if actor is not None:
                self.actor = actor
            elif command.needs_auth:
                raise NotAuthenticated()
            services.guard(command, actor, session)
            if command.turn is Turn.WRITE:
                services.submit(self)
            elif command.kind is Kind.LIVE:
                self.finish(command.handler(session, self.request))
            elif command.kind is Kind.LATER:
                command.handler(self)
            elif command.kind is Kind.TASK:
                self.follow(self._run_task(), self.fail)
            else:
                self.follow(self._read(), self.fail)
        except Exception as fault:
            self.fail(fault)

    def answer(self) -> None:
        self.finish(self.outcome)

    def follow(self, work: Coroutine[Any, Any, None], fail: Callable[[Exception], None]) -> None:
        """Goes on with what must wait, which finishes the visit; whatever it raises `fail` is called with."""
        self.services.start_task(_followed(work, fail))

    def fail(self, fault: Exception) -> None:
        """Answers with what came in between."""
        outcome: ChatError | None = None
        if isinstance(fault, Disconnect):
            if fault.error is not None:
                self.services.refuse(self.session, fault.error, echo_of(self.request))
            self.session.close(fault.code, fault.reason)
        elif isinstance(fault, ChatError):
            outcome = fault
        else:
            outcome = self.services.internal(fault, self.command)
        self.finish(outcome)

    async def _read(self) -> None:
        """Replies to reads may be large, and many may wait: each is read when those before were taken."""
        while self.session.is_full and not self.services.draining:
            await asyncio.sleep(FULL_POLL_S)
        if self.session.gone:
            self.finish(None)
        else:
            await self.services.read(self)

    async def _run_task(self) -> None:
        self.finish(await self.command.handler(self.session, self.request))

    def finish(self, outcome: Reply | ChatError | None) -> None:
        """Answers, if there is something to say, and lets those that wait begin."""
        turn = self.command.turn
        if isinstance(outcome, ChatError):
            self.services.refuse(self.session, outcome, echo_of(self.request))
            if outcome.retryable and turn is Turn.WRITE:
                self._fail_followers(outcome)
        elif outcome is not None:
            outcome.request_id = self.request.request_id
            self.session.send(text_frame(encode(outcome)))
        self.session.lane.leave(turn)

    def _fail_followers(self, error: ChatError) -> None:
        """Fails the waiting writes to the same conversation, which would overtake this one when it is sent again."""
        conversation_id = getattr(self.request, "conversation_id", None)

        def follows(visit: Visit) -> bool:
            return visit.turn is Turn.WRITE and getattr(visit.request, "conversation_id", None) == conversation_id

        for visit in self.session.lane.take_waiting(follows):
            self.services.refuse(self.session, error, echo_of(visit.request))


async def _followed(work: Coroutine[Any, Any, None], fail: Callable[[Exception], None]) -> None:
    try:
        await work
    except Exception as fault:
        fail(fault)
