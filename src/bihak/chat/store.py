"""Keeps the state in step with the server, and tells when to look again."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from bihak.chat.state import State
from bihak.client import (
    Client,
    Conversation,
    Disconnected,
    Fault,
    Heard,
    Message,
    Outgoing,
    OutgoingChanged,
    Resync,
    Sending,
    StateChanged,
    TimedOut,
)
from bihak.client import State as Connection

PAGE = 50
CONVERSATIONS_PAGE = 100
MOST_CONVERSATIONS = 1000
PAGES_SEARCHED = 40


class Store:
    """`changed` is called whenever something has changed; `troubled` with what went wrong, in words for people."""

    def __init__(self, client: Client, changed: Callable[[], None], troubled: Callable[[str], None]) -> None:
        self.client = client
        self.state = State(time.monotonic)
        self.open_id: int | None = None
        self.loaded = False
        """Whether the conversations were ever fetched."""
        self._changed = changed
        self._troubled = troubled
        self._attended = False
        self._stale = False
        self._refreshing = False
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Takes what happens, until the client ends. Raises the Fault that the sign-in is refused with."""
        try:
            async for event in self.client:
                self._happened(event)
                self._changed()
        finally:
            for task in self._tasks:
                task.cancel()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` until it ends or the store does; a Fault is told in its own words."""

        async def told() -> None:
            try:
                await work
            except Fault as fault:
                self._troubled(fault.message)
            self._changed()

        task = asyncio.get_running_loop().create_task(told())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _happened(self, event: Heard) -> None:
        match event:
            case StateChanged(state=Connection.READY, welcome=welcome):
                assert welcome is not None
                self.state.my_id = welcome.user_id
                self.refresh()
            case StateChanged():
                self.state.people.disconnected()
            case Resync():
                self.state.timeline(event.conversation_id).clear()
                if known := self.state.find(event.conversation_id):
                    known.last_seq = 0
                self.refresh()
            case OutgoingChanged():
                self._outgoing_changed(event.outgoing)
            case _:
                if not self.state.fold(event):
                    self.refresh()
                self._mark_read()

    def _outgoing_changed(self, outgoing: Outgoing) -> None:
        if outgoing.sending is not Sending.SENT or outgoing.sent is None:
            return
        me, sent = self.client.me, outgoing.sent
        message = Message(
            message_id=sent.message_id,
            conversation_id=sent.conversation_id,
            seq=sent.seq,
            created_at=sent.created_at,
            sender_type=me.participant_type,
            sender_id=me.participant_id,
            sender_name=me.name,
            content=outgoing.draft.content,
            reply_to_id=outgoing.draft.reply_to_id,
        )
        self.state.said(message)

    def refresh(self) -> None:
        """Fetches the conversations; what happens meanwhile makes it fetch them again."""
        self._stale = True
        if not self._refreshing:
            self._refreshing = True
            self.spawn(self._refresh())

    async def _refresh(self) -> None:
        try:
            while self._stale and self.client.state.state is Connection.READY:
                self._stale = False
                self.state.replace_all(await self._fetch_conversations())
                self.loaded = True
        except (Disconnected, TimedOut):
            pass  # when the connection is there again, it comes back here
        finally:
            self._refreshing = False
        if self.open_id is not None:
            await self.load_newest(self.open_id)

    async def _fetch_conversations(self) -> list[Conversation]:
        found: list[Conversation] = []
        more = True
        while more and len(found) < MOST_CONVERSATIONS:
            before = found[-1].conversation_id if found else None
            page = await self.client.conversations(limit=CONVERSATIONS_PAGE, before=before)
            found += page.conversations
            more = page.has_more
        return found

    def open(self, conversation_id: int) -> None:
        """Puts a conversation on the screen."""
        if self.open_id is not None:
            self.client.stop_typing(self.open_id)
        self.open_id = conversation_id
        self._changed()
        self.spawn(self.load_newest(conversation_id))

    async def load_newest(self, conversation_id: int) -> None:
        if not self.state.timeline(conversation_id).loaded:
            await self._load(conversation_id, None)
        self._mark_read()

    async def load_older(self) -> bool:
        """One more page of the conversation on the screen; whether it brought anything."""
        if self.open_id is None:
            return False
        timeline = self.state.timeline(self.open_id)
        if not (timeline.loaded and timeline.has_older and timeline.messages):
            return False
        oldest = timeline.messages[0].message_id
        await self._load(self.open_id, oldest)
        return timeline.messages[0].message_id != oldest

    async def load_back_to(self, message_id: int) -> bool:
        """Loads the conversation on the screen back to that message; whether it is there."""
        if self.open_id is None:
            return False
        timeline = self.state.timeline(self.open_id)
        await self.load_newest(self.open_id)
        for _ in range(PAGES_SEARCHED):
            if timeline.find(message_id) or not await self.load_older():
                break
        return timeline.find(message_id) is not None

    async def _load(self, conversation_id: int, before: int | None) -> None:
        timeline = self.state.timeline(conversation_id)
        if timeline.loading:
            return
        timeline.loading = True
        try:
            page = await self.client.history(conversation_id, before=before, limit=PAGE)
            timeline.add_page(page.messages, has_older=page.has_more)
        except (Disconnected, TimedOut):
            pass  # asked for again with the next scroll, or when the connection is there again
        finally:
            timeline.loading = False

    def attend(self, attended: bool) -> None:
        """Whether the end of the open conversation is before somebody's eyes."""
        self._attended = attended
        self._mark_read()

    def _mark_read(self) -> None:
        known = self.state.find(self.open_id) if self._attended else None
        if known is None or known.unread == 0 or known.last_message is None:
            return
        known.unread = 0
        self.spawn(self._tell_read(known.conversation_id, known.last_message.message_id))

    async def _tell_read(self, conversation_id: int, message_id: int) -> None:
        # What is lost is made good by the next message that is read.
        with suppress(Disconnected, TimedOut):
            await self.client.mark_read(conversation_id, message_id)
