"""One WebSocket connection: frames in, to whoever serves them; outboxes out, in whole frames."""

import asyncio
from typing import Protocol

from bihak.core.session import Session
from bihak.errors import CloseCode
from bihak.protocol.frames import PING_FRAME, close_frame
from bihak.protocol.reader import CLOSE, TEXT, FrameFault, FrameReader, short_messages
from bihak.transports.heartbeat import ANSWER_WITHIN_S, BEGIN_WITHIN_S, PING_EVERY_S

CLOSE_WITHIN_S = 3.0
MAX_UNANSWERED = 128
"""Requests of one connection that are not answered yet; past that its frames wait."""
FRAMES_A_TURN = 64
"""Frames of one connection before the others get a turn of the event loop."""
MOST_WAITING_BYTES = 1 << 16
"""Of frames that wait, before the connection is left unread."""
FULL_POLL_S = 0.05


class Served(Protocol):
    """Whoever serves what comes."""

    most_bytes: int
    """The largest message that is taken at all."""

    def take(self, connection: "Connection", opcode: int, body: bytes) -> None:
        """Serves a message or a ping or pong."""
        ...

    def ended(self, connection: "Connection") -> None:
        """The connection is gone, and everything that came on it was taken."""
        ...


class Connection(asyncio.Protocol):
    """The protocol of a transport after the handshake. Implements `Wire`, `Newcomer` and `Watched`.

    No task, no timer and no buffer of its own while it is idle.
    """

    __slots__ = (
        *("bad_frames", "code", "heard", "reason", "session", "write"),
        *("_abort", "_before", "_is_asked", "_is_deaf", "_is_lost", "_is_new", "_pending"),
        *("_reader", "_served", "_transport"),
    )

    def __init__(self, transport: asyncio.Transport, served: Served, *, before: asyncio.Protocol | None = None) -> None:
        """`before`: who had the transport until now, and must hear that it is lost."""
        self.session: Session
        self.bad_frames = 0
        """Frames that were no requests, one after another."""
        self.code: int | None = None
        """What the connection was closed with, by us first or else by them; None: it was not."""
        self.reason = ""
        self.heard = False
        """Whether something came since this was last looked at."""
        self.write = transport.write
        self._transport = transport
        self._served = served
        self._before = before
        self._reader: FrameReader | None = None
        """While something is begun, or waits."""
        self._pending: asyncio.Handle | None = None
        """Goes on with what waits."""
        self._abort: asyncio.TimerHandle | None = None
        self._is_asked = False
        self._is_deaf = False
        """Whether nothing that comes is read any more."""
        self._is_lost = False
        self._is_new = True

    # Wire

    def descriptor(self) -> int:
        """For a transport that does not encrypt. It closes its socket only after `connection_lost`."""
        transport = self._transport
        if transport.is_closing() or transport.get_write_buffer_size():
            return -1
        descriptor: int = transport.get_extra_info("socket").fileno()
        return descriptor

    def buffered_bytes(self) -> int:
        return self._transport.get_write_buffer_size()

    def close(self, code: int, reason: str) -> None:
        """Says so; who does not answer in time (RFC 6455 §7.1.1), or reads nothing, is cut off."""
        if self.code is None:
            self.code, self.reason = code, reason
            if not self._transport.is_closing():
                self.write(close_frame(code, reason))
            self._end_soon()

    def _end_soon(self) -> None:
        """Whether or not the other side reads what it was sent."""
        if self._abort is None:
            self._abort = asyncio.get_running_loop().call_later(CLOSE_WITHIN_S, self._transport.abort)

    # Watched

    @property
    def watched(self) -> "Connection | None":
        return None if self._is_lost else self

    def look(self) -> float:
        """Ends whoever does not sign in, pings whoever was silent, ends whoever is silent still.

        While the server itself leaves the connection unread, because too much of it waits for an answer, its silence
        says nothing: a pong would lie behind what waits.
        """
        if self.session.closed or self._is_lost:
            return 0.0
        if self._is_new:
            self._is_new = False
            if self.session.actor is None:
                self.session.close(CloseCode.POLICY, "not authenticated in time")
                return 0.0
            return PING_EVERY_S - BEGIN_WITHIN_S
        has_spoken, self.heard = self.heard or not self._transport.is_reading(), False
        if has_spoken:
            self._is_asked = False
            return PING_EVERY_S
        if self._is_asked:
            self.reason = "no answer to a ping"
            self._transport.abort()  # without a word, since nobody hears it
            return 0.0
        self._is_asked = True
        self.session.send(PING_FRAME)
        return ANSWER_WITHIN_S

    # What comes

    def data_received(self, data: bytes) -> None:
        self.heard = True
        if self._is_deaf:
            return
        if self._reader is None:
            taken = self._take_short(data)
            if taken == len(data):
                return
            data = data[taken:]
            self._reader = FrameReader(self._served.most_bytes)
        self._reader.feed(data)
        if not self._is_waiting:
            self._go_on()
        elif self._reader.unread_bytes > MOST_WAITING_BYTES:
            self._transport.pause_reading()

    def _take_short(self, data: bytes) -> int:
        """Takes the messages that `data` begins with, if they need no reader; how many bytes that was."""
        taken = 0
        for count, (body, end) in enumerate(short_messages(data)):
            if count == FRAMES_A_TURN or self._must_wait():
                break
            self._take(TEXT, body)
            taken = end
        return taken

    def _go_on(self) -> None:
        """Takes what is whole, as far as it may."""
        self._pending = self.session.lane.on_progress = None
        for _ in range(FRAMES_A_TURN):
            if self._must_wait() or not self._take_next():
                break
        else:
            self._wait()
        if not self._is_waiting:
            self._caught_up()
        elif self._reader is not None and self._reader.unread_bytes > MOST_WAITING_BYTES:
            self._transport.pause_reading()

    def _take_next(self) -> bool:
        """False if nothing more is whole, or nothing more is read."""
        if self._reader is None:
            return False
        try:
            message = self._reader.next()
        except FrameFault as fault:
            self._fail(fault)
            message = None
        if message is not None:
            self._take(*message)
        if self._is_deaf or (message is None and self._reader.is_between):
            self._reader = None
        return message is not None

    @property
    def _is_waiting(self) -> bool:
        return self._pending is not None or self.session.lane.on_progress is not None

    def _must_wait(self) -> bool:
        """Whether what comes next waits; then it goes on by itself."""
        session = self.session
        if session.closed:
            return False
        if len(session.lane) >= MAX_UNANSWERED:
            session.lane.on_progress = self._wait
            return True
        if session.is_full:  # what it asks for it must also read
            self._pending = asyncio.get_running_loop().call_later(FULL_POLL_S, self._go_on)
            return True
        return False

    def _wait(self) -> None:
        """Until the next turn."""
        self.session.lane.on_progress = None
        if self._pending is None:
            self._pending = asyncio.get_running_loop().call_soon(self._go_on)

    def _caught_up(self) -> None:
        if self._is_lost:
            self._end()
        elif not self._transport.is_closing() and not self._transport.is_reading():
            self._transport.resume_reading()

    def _take(self, opcode: int, body: bytes) -> None:
        if opcode == CLOSE:
            self._closed_by_client(body)
        elif not self.session.closed:  # else it was sent before they heard that we close
            self._served.take(self, opcode, body)

    def _closed_by_client(self, body: bytes) -> None:
        self._is_deaf = True
        if not self.session.closed:
            self.session.shut()
            self.close(int.from_bytes(body[:2]) or CloseCode.NORMAL, "")  # with the same code (§5.5.1)
            self.reason = "closed by the client"
        self._transport.close()  # both sides have said that they close

    def _fail(self, fault: FrameFault) -> None:
        """RFC 6455 §7.1.7. They read the close frame, and then the end: closed at once, a reset might overtake it."""
        self._is_deaf = True
        self.session.close(fault.code, fault.reason)
        if not self._transport.is_closing() and self._transport.can_write_eof():
            self._transport.write_eof()

    def eof_received(self) -> None:
        """They send nothing more. The transport ends when it has written what it holds, which they may never read."""
        self.session.left()
        if self.buffered_bytes():
            self._end_soon()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self.session.left()
        if self._abort is not None:
            self._abort.cancel()
        if self._before is not None:
            self._before.connection_lost(exc)
        if not self._is_waiting:
            self._end()

    def _end(self) -> None:
        if not self.reason:
            self.reason = "connection lost"
        self._served.ended(self)
