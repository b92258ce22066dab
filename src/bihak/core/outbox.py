"""Writes every session's outbox once per turn of the event loop, and watches those whose other side does not read."""

import asyncio
from collections.abc import Callable

import structlog

from bihak.core.session import DRAINED_BYTES, Session
from bihak.errors import CloseCode

log = structlog.stdlib.get_logger("bihak.outbox")

CHECK_EVERY_S = 0.05
STALL_S = 30.0
"""A session that takes nothing for this long is closed."""


class Outboxes:
    """Implements `Flusher`."""

    def __init__(self, stall_s: float = STALL_S) -> None:
        self.on_drained: Callable[[Session], None] = lambda _session: None
        """Called when a congested session's other side has read nearly everything."""
        self._stall_s = stall_s
        self._unflushed: list[Session] = []
        # Per congested session: what it had taken, and when that last grew.
        self._congested: dict[Session, tuple[int, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def wants_flush(self, session: Session) -> None:
        if not self._unflushed:
            asyncio.get_running_loop().call_soon(self.flush)
        self._unflushed.append(session)

    def is_congested(self, session: Session) -> None:
        if session in self._congested:
            return
        loop = asyncio.get_running_loop()
        self._congested[session] = (session.taken_bytes(), loop.time())
        if self._timer is None:
            self._timer = loop.call_later(CHECK_EVERY_S, self._check)

    def close(self) -> None:
        """Watches no longer; what is queued is written first."""
        self.flush()
        if self._timer is not None:
            self._timer.cancel()

    def flush(self) -> None:
        """Writes what is queued now."""
        unflushed, self._unflushed = self._unflushed, []
        for session in unflushed:
            session.flush()

    def _check(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for session, (taken, since) in list(self._congested.items()):
            if session.closed:
                del self._congested[session]
            elif session.unread_bytes() <= DRAINED_BYTES:
                del self._congested[session]
                self.on_drained(session)
            elif session.taken_bytes() > taken:
                self._congested[session] = (session.taken_bytes(), now)
            elif now - since > self._stall_s:
                del self._congested[session]
                log.info("slow consumer", session=session.number, unread_bytes=session.unread_bytes())
                session.close(CloseCode.SLOW_CONSUMER, "reads too slowly")
        self._timer = loop.call_later(CHECK_EVERY_S, self._check) if self._congested else None
