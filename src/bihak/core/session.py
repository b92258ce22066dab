"""One connection and, once it is authenticated, the session on it: identity, and bounded outbox."""

import itertools
import os
from typing import Literal, Protocol

from bihak.cluster.envelope import Envelope
from bihak.core.identity import Actor
from bihak.core.lane import Lane
from bihak.errors import CloseCode
from bihak.protocol.frames import text_frame

OUTBOX_BYTES = 1 << 20
EPHEMERAL_BYTES = OUTBOX_BYTES // 2
DRAINED_BYTES = OUTBOX_BYTES // 8
PERSONAL_BYTES = OUTBOX_BYTES * 16
"""For events that are in no log, and small: more than a page of a log, behind which they may have to wait."""
MANY_BYTES = 1 << 13
"""Whoever was sent so much is written to past the transport. Finding out where is not worth it for who gets little."""

_numbers = itertools.count(1)


class Wire(Protocol):
    """The transport's side of a connection."""

    def write(self, frames: bytes) -> None:
        """Hands over whole frames; never blocks. May raise RuntimeError once the connection is closing."""
        ...

    def descriptor(self) -> int:
        """The socket's, to write to past the transport; -1 while something waits in it, or it is closing.

        Once there is one, it is good until `write` is called or the session hears that its connection is lost.
        """
        ...

    def buffered_bytes(self) -> int:
        """What was handed over and is still waiting for the other side to read."""
        ...

    def close(self, code: CloseCode, reason: str) -> None:
        """Ends the connection with that close code, soon."""
        ...


class Flusher(Protocol):
    """Whoever calls `Session.flush` once per turn of the event loop."""

    def wants_flush(self, session: "Session") -> None:
        """Called when a session has something to write and had nothing before."""
        ...

    def is_congested(self, session: "Session") -> None:
        """Called at a flush when the other side had not yet read the one before, and while somebody waits for that."""
        ...


class Session:
    """A connection's outbox and place in its rooms. For the event loop only.

    The one door to a socket is `send` (and its twin `offer`, and `Broadcast.offer`, which may refuse).
    """

    __slots__ = (
        *("active_at", "actor", "address", "arrives", "closed", "conversations", "descriptor", "expires_at", "gone"),
        *("is_idle", "issued_at", "lane", "number", "personal", "ready"),
        *(
            "_buffered_bytes",
            "_flushed_bytes",
            "_flusher",
            "_outbox",
            "_past_transport",
            "_pending_bytes",
            "_wire",
            "_wire_write",
        ),
    )

    def __init__(self, wire: Wire, flusher: Flusher, address: str = "") -> None:
        self.number = next(_numbers)
        self.address = address
        self.actor: Actor | None = None
        self.expires_at: float | None = None
        """When its token expires, seconds since the epoch; None: never."""
        self.issued_at: float | None = None
        """As in the identity it was let in with."""
        self.arrives: Literal["online", "away"] = "online"
        """The status that the participant has on it to begin with."""
        self.conversations: set[int] = set()
        """Those whose rooms it is in; the hub's to change."""
        self.personal: list[Envelope] | None = None
        """What came for the participant while the session is being set up; None: it need not wait."""
        self.ready = False
        """Whether it is in its rooms; its features know of it only from then on."""
        self.active_at = 0.0
        """When it last sent a request that shows somebody is there, by the event loop's clock."""
        self.is_idle = False
        """Whether it is away for having been silent."""
        self.lane = Lane()
        self.closed = False
        self.gone = False
        """Whether nobody is at the other end any more; what was asked before is still being served."""
        self.descriptor = -1
        """As `find_descriptor`, and -1 as soon as anything waits or the connection ends; also where it is not known."""
        self._wire = wire
        self._wire_write = wire.write
        self._flusher = flusher
        self._outbox: list[bytes] = []
        self._pending_bytes = 0
        self._buffered_bytes = 0
        self._flushed_bytes = 0
        self._past_transport = -1
        """Where to write past the transport; -1: something may wait there."""

    @property
    def user_id(self) -> str:
        """Empty before authentication."""
        return self.actor.user_id if self.actor is not None else ""

    def send(self, frames: bytes) -> None:
        """Queues whole frames, whatever the outbox holds: for replies, whose number is bounded by the requests."""
        if self.closed:
            return
        if not self._outbox:
            self._want_flush()
        self._outbox.append(frames)
        self._pending_bytes += len(frames)

    def send_body(self, body: bytes) -> None:
        """Queues one JSON body as a text frame."""
        self.send(text_frame(body))

    def offer(self, frames: bytes, limit: int = OUTBOX_BYTES) -> bool:
        """Queues whole frames unless the outbox would grow past `limit`; says whether it did."""
        size = len(frames)
        if self._pending_bytes + self._buffered_bytes + size > limit:
            self._buffered_bytes = self._wire.buffered_bytes()
            if self._pending_bytes + self._buffered_bytes + size > limit and self._pending_bytes + self._buffered_bytes:
                return False
        if self.closed:
            return True
        if not self._outbox:
            self._want_flush()
        self._outbox.append(frames)
        self._pending_bytes += size
        return True

    def tell(self, envelope: Envelope) -> None:
        """Queues an event that is in no conversation's log; a resume tells of it whoever reads too slowly for that."""
        if not self.offer(text_frame(envelope.body), PERSONAL_BYTES):
            self.close(CloseCode.SLOW_CONSUMER, "reads too slowly")

    def unread_bytes(self) -> int:
        """What is on its way to the other side: the outbox and what the transport holds."""
        self._buffered_bytes = self._wire.buffered_bytes()
        return self._pending_bytes + self._buffered_bytes

    @property
    def is_full(self) -> bool:
        """Whether the other side must read before more is made for it."""
        # What was counted is at most too much: asking the transport costs more than all the rest.
        return (
            self._pending_bytes + self._buffered_bytes > OUTBOX_BYTES
            and not self.closed
            and self.unread_bytes() > OUTBOX_BYTES
        )

    def taken_bytes(self) -> int:
        """How much the network has taken off our hands so far; it grows while the other side reads."""
        return self._flushed_bytes - self._wire.buffered_bytes()

    def flush(self) -> None:
        """Writes the outbox in one write, past the transport where nothing waits in that."""
        outbox = self._outbox
        if not outbox or self.closed:
            return
        frames = b"".join(outbox) if len(outbox) > 1 else outbox[0]
        outbox.clear()
        if self._past_transport < 0 and self._flushed_bytes >= MANY_BYTES and not self.gone:
            self._past_transport = self._wire.descriptor()
        size, self._pending_bytes = self._pending_bytes, 0
        self._flushed_bytes += size
        if self._past_transport >= 0:
            taken = _write(self._past_transport, frames)
            if taken == size:
                self.descriptor, self._buffered_bytes = self._past_transport, 0
                return
            frames, self._past_transport = frames[taken:], -1
        self._hand_over(frames)

    def _hand_over(self, frames: bytes) -> None:
        """To the transport."""
        size, left_over = len(frames), 0
        if self._buffered_bytes + size > DRAINED_BYTES:  # asking costs as much as the rest of this
            left_over = self._buffered_bytes = self._wire.buffered_bytes()
        try:
            self._wire_write(frames)
        except RuntimeError:
            self.gone = True  # the connection is closing
        self._buffered_bytes += size
        if left_over:
            self.watch_reader()

    def find_descriptor(self) -> int:
        """Where to write what is new at once, since nothing waits in the transport or in the outbox; -1: nowhere."""
        if not self._outbox and not self.closed and not self.gone:
            self.descriptor = self._past_transport = self._wire.descriptor()
        return self.descriptor

    def watch_reader(self) -> None:
        """Has it closed if the other side, from now on, takes nothing for too long."""
        self._flusher.is_congested(self)

    def close(self, code: CloseCode, reason: str) -> None:
        """Writes what is queued, then ends the connection."""
        if not self.closed:
            self.shut()
            self._wire.close(code, reason)

    def shut(self) -> None:
        """Writes what is queued, and nothing after it."""
        self.flush()
        self.closed = True
        self.descriptor = self._past_transport = -1

    def left(self) -> None:
        """Nobody is at the other end any more."""
        self.gone = True
        self.descriptor = self._past_transport = -1

    def lost(self) -> None:
        """The connection is gone; nothing can be sent any more."""
        self.closed = self.gone = True
        self.descriptor = self._past_transport = -1
        self._outbox.clear()
        self._pending_bytes = 0

    def _want_flush(self) -> None:
        self.descriptor = -1
        self._flusher.wants_flush(self)


def _write(descriptor: int, frames: bytes) -> int:
    """How much of it the system took."""
    try:
        return os.write(descriptor, frames)
    except OSError:
        return 0  # it takes nothing now, or the transport will find out


class NoWire:
    """Implements `Wire` for a session that nobody listens to."""

    def write(self, frames: bytes) -> None:
        pass

    def descriptor(self) -> int:
        return -1

    def buffered_bytes(self) -> int:
        return 0

    def close(self, code: CloseCode, reason: str) -> None:
        pass
