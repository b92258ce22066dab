"""Messages that are not acknowledged yet, in the order they were written. No I/O but through the shelf.

Each carries an idempotency key for life, so that sending it again after a lost reply cannot store it twice. One at a
time is in flight in a conversation: were two, and only the first refused for the moment, they would change places.
"""

import asyncio
from collections.abc import Callable, Generator
from enum import Enum
from typing import Any, Protocol

import msgspec

from bihak.client.backoff import Backoff
from bihak.client.faults import Fault
from bihak.client.replies import MessageSent


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What was written, as it is kept and sent. `created_at` is by this machine's clock."""

    key: str
    conversation_id: int
    content: str
    reply_to_id: int | None
    created_at: str


class Sending(Enum):
    """What became of a message so far."""

    QUEUED = "queued"
    IN_FLIGHT = "in_flight"
    SENT = "sent"
    FAILED = "failed"


class Outgoing:
    """A message on its way. Awaiting it gives MessageSent once it is stored, or raises the Fault that forbids it."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.sending = Sending.QUEUED
        self.sent: MessageSent | None = None
        self.fault: Fault | None = None
        self._waiting: list[asyncio.Future[None]] = []

    def __await__(self) -> Generator[Any, None, MessageSent]:
        while self.sent is None and self.fault is None:
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            yield from waiting
        if self.fault is not None:
            raise self.fault
        assert self.sent is not None
        return self.sent

    def __repr__(self) -> str:
        return f"<Outgoing {self.draft.key} to {self.draft.conversation_id}: {self.sending.value}>"

    def wake(self) -> None:
        """Lets those that await it look again."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Shelf(Protocol):
    """Keeps what is unsent over a crash. Each call has ended, on disk, when it returns."""

    def load(self) -> list[Draft]:
        """In the order they were put."""

    def put(self, draft: Draft) -> None: ...

    def remove(self, key: str) -> None: ...

    def close(self) -> None: ...


class NoShelf:
    """A Shelf that forgets: what is unsent ends with the program."""

    def load(self) -> list[Draft]:
        return []

    def put(self, draft: Draft) -> None:
        pass

    def remove(self, key: str) -> None:
        pass

    def close(self) -> None:
        pass


class Outbox:
    """`changed` hears of every message whose state changes. `now` is a clock in seconds."""

    def __init__(
        self, changed: Callable[[Outgoing], None], now: Callable[[], float], backoff: Backoff, shelf: Shelf
    ) -> None:
        self._changed = changed
        self._now = now
        self._backoff = backoff
        self._shelf = shelf
        self._open = False
        self._pauses: dict[int, float] = {}
        self._unsent = {draft.key: Outgoing(draft) for draft in shelf.load()}

    def unsent(self, conversation_id: int | None = None) -> list[Outgoing]:
        """What is queued, in flight or failed, in the order it was written."""
        return [
            outgoing for outgoing in self._unsent.values() if conversation_id in (None, outgoing.draft.conversation_id)
        ]

    def add(self, draft: Draft) -> Outgoing:
        """Queues it after whatever was written before, unless its key is there already. It is then on the shelf."""
        if draft.key in self._unsent:
            return self._unsent[draft.key]
        self._shelf.put(draft)
        outgoing = Outgoing(draft)
        self._unsent[draft.key] = outgoing
        self._move(outgoing, Sending.QUEUED)
        return outgoing

    def retry(self, key: str) -> None:
        """Sends a failed one again, after whatever was written since."""
        outgoing = self._unsent.get(key)
        if outgoing is None or outgoing.sending is not Sending.FAILED:
            return
        self._shelf.put(outgoing.draft)
        self._unsent[key] = self._unsent.pop(key)
        outgoing.fault = None
        self._move(outgoing, Sending.QUEUED)

    def discard(self, key: str) -> None:
        """Gives a failed one up."""
        outgoing = self._unsent.get(key)
        if outgoing is not None and outgoing.sending is Sending.FAILED:
            del self._unsent[key]
            self._changed(outgoing)

    def connected(self) -> None:
        self._open = True

    def disconnected(self) -> None:
        """Nobody knows what became of those in flight; their keys allow to send them again."""
        self._open = False
        self._pauses.clear()
        for outgoing in self._unsent.values():
            if outgoing.sending is Sending.IN_FLIGHT:
                self._move(outgoing, Sending.QUEUED)

    def abandon(self, fault: Fault) -> None:
        """Nothing will be sent any more: tells those that wait. The shelf keeps what is unsent."""
        for outgoing in self._unsent.values():
            if outgoing.sending is not Sending.FAILED:
                outgoing.fault = fault
                outgoing.wake()

    def take_due(self) -> list[Outgoing]:
        """What is to be sent now: the first of each conversation, unless it is on its way or has to wait."""
        if not self._open:
            return []
        firsts: dict[int, Outgoing] = {}
        for outgoing in self._unsent.values():
            if outgoing.sending is not Sending.FAILED:
                firsts.setdefault(outgoing.draft.conversation_id, outgoing)
        now = self._now()
        due = [
            outgoing
            for conversation_id, outgoing in firsts.items()
            if outgoing.sending is Sending.QUEUED and self._pauses.get(conversation_id, now) <= now
        ]
        for outgoing in due:
            self._pauses.pop(outgoing.draft.conversation_id, None)
            self._move(outgoing, Sending.IN_FLIGHT)
        return due

    def next_due_s(self) -> float | None:
        """In how many seconds a pause ends; None if there is none."""
        return max(0.0, min(self._pauses.values()) - self._now()) if self._pauses else None

    def stored(self, key: str, sent: MessageSent) -> None:
        """The server has it; told by its reply, or by the message's own event where the reply was lost."""
        outgoing = self._unsent.pop(key, None)
        if outgoing is None:
            return
        self._shelf.remove(key)
        self._backoff.reset()
        outgoing.sent, outgoing.fault = sent, None
        self._move(outgoing, Sending.SENT)

    def refused(self, key: str, fault: Fault) -> None:
        """The server, or the lack of one, refuses it: for the moment, or for good."""
        outgoing = self._unsent.get(key)
        if outgoing is None or outgoing.sending is not Sending.IN_FLIGHT:
            return
        if fault.retryable:
            delay_s = self._backoff.next_s() if fault.retry_after is None else fault.retry_after
            self._pauses[outgoing.draft.conversation_id] = self._now() + delay_s
            self._move(outgoing, Sending.QUEUED)
            return
        self._shelf.remove(key)
        outgoing.fault = fault
        self._move(outgoing, Sending.FAILED)

    def _move(self, outgoing: Outgoing, sending: Sending) -> None:
        outgoing.sending = sending
        if sending in (Sending.SENT, Sending.FAILED):
            outgoing.wake()
        self._changed(outgoing)
