"""What lasts while connections come and go: the cursors, the outbox, and the events that nobody has taken yet."""

import asyncio
import random as random_numbers
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from bihak.client.backoff import Backoff
from bihak.client.connection import Connection, Timing
from bihak.client.credentials import Credentials
from bihak.client.events import Heard, OutgoingChanged, State, StateChanged, Trouble
from bihak.client.faults import Disconnected, Fault, NotFound
from bihak.client.frames import Label
from bihak.client.hearing import Hearing
from bihak.client.outbox import Outbox, Outgoing, Shelf
from bihak.client.replies import AuthSuccess, MessageSent, Subscribed
from bihak.client.typing import Typing

ASK_AGAIN_S = 1.0


class Session:
    """Implements Owner. For one event loop."""

    def __init__(
        self,
        url: str,
        credentials: Credentials,
        timing: Timing,
        shelf: Shelf,
        *,
        seqs: Mapping[int, int] | None,
        device: str | None,
        listen: bool,
    ) -> None:
        self.connection = Connection(url, credentials, timing, self)
        self.hearing = Hearing(tell=self._tell, repair=self._repair, stored=self._stored, seqs=seqs)
        self.typing = Typing(self._send_typing)
        backoff = Backoff(timing.retry_base_s, timing.retry_cap_s, random_numbers.random)
        self.outbox = Outbox(self._outgoing_changed, asyncio.get_running_loop().time, backoff, shelf)
        self.events: asyncio.Queue[Heard | None] = asyncio.Queue()
        """None is the end."""
        self._shelf = shelf
        self._device = device
        self._listen = listen
        self._flush_timer: asyncio.TimerHandle | None = None

    async def close(self) -> None:
        await self.connection.close()
        self._shelf.close()

    def flush(self) -> None:
        """Sends what is due in the outbox, and comes back when something will be."""
        for outgoing in self.outbox.take_due():
            self.connection.spawn(self._post(outgoing))
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None
        next_due_s = self.outbox.next_due_s()
        if next_due_s is not None:
            self._flush_timer = asyncio.get_running_loop().call_later(next_due_s, self.flush)

    async def _post(self, outgoing: Outgoing) -> None:
        draft = outgoing.draft
        fields = {
            "conversation_id": draft.conversation_id,
            "content": draft.content,
            "reply_to_id": draft.reply_to_id,
            "idempotency_key": draft.key,
        }
        try:
            sent = await self.connection.ask(MessageSent, "message", fields)
        except Fault as fault:
            self.outbox.refused(draft.key, fault)
        else:
            self.outbox.stored(draft.key, sent)
        self.flush()

    # What the connection tells

    def introduction(self) -> dict[str, Any]:
        """What `auth` tells: from where to go on, and on which device."""
        return {"resume": self.hearing.cursors.seqs(), "device": self._device}

    def welcomed(self, welcome: AuthSuccess) -> None:
        self.hearing.welcomed(welcome)

    def received(self, label: Label, frame: bytes) -> None:
        self.hearing.received(label, frame)

    def failed(self, fault: Fault) -> None:
        self._tell(Trouble(fault=fault))

    def became(self, change: StateChanged) -> None:
        self._tell(change)
        if change.state is State.READY:
            self.outbox.connected()
            self.flush()
        elif change.state in (State.REFUSED, State.CLOSED) and change.fault is not None:
            self.lost()
            self.outbox.abandon(change.fault)
            self.events.put_nowait(None)

    def lost(self) -> None:
        self.hearing.cursors.disconnected()
        self.outbox.disconnected()
        self.typing.disconnected()
        if self._flush_timer is not None:
            self._flush_timer.cancel()
            self._flush_timer = None

    # What the parts ask for

    def _tell(self, event: Heard) -> None:
        if self._listen:
            self.events.put_nowait(event)

    def _outgoing_changed(self, outgoing: Outgoing) -> None:
        self._tell(OutgoingChanged(outgoing=outgoing))

    def _stored(self, key: str, sent: MessageSent) -> None:
        self.outbox.stored(key, sent)
        self.flush()

    def _repair(self, conversation_id: int, after_seq: int) -> None:
        self.connection.spawn(self._ask_for_missing(conversation_id, after_seq))

    async def _ask_for_missing(self, conversation_id: int, after_seq: int) -> None:
        fields = {"conversation_id": conversation_id, "after_seq": after_seq}
        try:
            await self.connection.ask(Subscribed, "subscribe_conversation", fields)
        except NotFound:
            self.hearing.cursors.refused(conversation_id)
        except Disconnected:
            self.hearing.cursors.repair_failed(conversation_id)  # the resume brings it
        except Fault as fault:
            if fault.retryable:
                await asyncio.sleep(ASK_AGAIN_S if fault.retry_after is None else fault.retry_after)
                self._repair(conversation_id, after_seq)
            else:
                self.hearing.cursors.repair_failed(conversation_id)

    def _send_typing(self, command: str, conversation_id: int) -> None:
        self.connection.spawn(self._say(command, conversation_id))

    async def _say(self, command: str, conversation_id: int) -> None:
        with suppress(Disconnected):  # best effort
            await self.connection.send({"type": command, "conversation_id": conversation_id})
