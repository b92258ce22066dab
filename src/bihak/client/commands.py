"""Every command of the protocol as a coroutine that gives its reply."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal, TypeVar

from bihak.client.objects import Conversation, Person, StatusOf
from bihak.client.replies import (
    ConversationList,
    ConversationReply,
    HistoryPage,
    NotificationList,
    Ok,
    PeopleFound,
    PinList,
    Pong,
    ReceiptList,
    Reply,
    SearchResults,
    Settings,
    Statuses,
    Subscribed,
    Unread,
)

R = TypeVar("R", bound=Reply)

Status = Literal["online", "away", "offline"]
Kind = Literal["direct", "team", "broadcast", "exercise"]


class Commands(ABC):
    """Each raises the Fault that the server answers with, or Disconnected, TimedOut."""

    @abstractmethod
    async def ask(self, kind: type[R], command: str, **fields: Any) -> R:
        """Sends a request and waits for its reply; fields that are None are left out."""

    # Messages

    async def history(
        self, conversation_id: int, *, before: int | None = None, after: int | None = None, limit: int = 50
    ) -> HistoryPage:
        """The latest messages, or those before or after one; `limit` from 1 to 100."""
        return await self.ask(
            HistoryPage, "history", conversation_id=conversation_id, before=before, after=after, limit=limit
        )

    async def edit_message(self, message_id: int, content: str) -> None:
        """Replaces what one's own message says."""
        await self.ask(Ok, "edit_message", message_id=message_id, content=content)

    async def delete_message(self, message_id: int) -> None:
        await self.ask(Ok, "delete_message", message_id=message_id)

    async def add_reaction(self, message_id: int, emoji: str) -> None:
        await self.ask(Ok, "add_reaction", message_id=message_id, emoji=emoji)

    async def remove_reaction(self, message_id: int, emoji: str) -> None:
        await self.ask(Ok, "remove_reaction", message_id=message_id, emoji=emoji)

    async def pin_message(self, message_id: int) -> None:
        await self.ask(Ok, "pin_message", message_id=message_id)

    async def unpin_message(self, message_id: int) -> None:
        await self.ask(Ok, "unpin_message", message_id=message_id)

    async def search(
        self,
        q: str,
        *,
        conversation_id: int | None = None,
        sender: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> SearchResults:
        """The latest messages with each of these words; `since` and `until` with a time zone."""
        return await self.ask(
            SearchResults,
            "search",
            q=q,
            conversation_id=conversation_id,
            sender=sender,
            since=since,
            until=until,
            limit=limit,
            before=before,
        )

    # Reading

    async def mark_read(self, conversation_id: int, message_id: int) -> None:
        """Everything up to this message is read."""
        await self.ask(Ok, "mark_read", conversation_id=conversation_id, message_id=message_id)

    async def receipts(self, message_id: int) -> ReceiptList:
        """Who has read a message."""
        return await self.ask(ReceiptList, "receipts", message_id=message_id)

    async def unread(self) -> Unread:
        return await self.ask(Unread, "unread")

    async def pins(self, conversation_id: int) -> PinList:
        """What is pinned in a conversation, the one pinned last first."""
        return await self.ask(PinList, "pins", conversation_id=conversation_id)

    async def settings(self) -> Settings:
        """What one keeps private."""
        return await self.ask(Settings, "settings")

    async def update_settings(self, *, read_receipts: bool) -> None:
        """False keeps what one has read from the others."""
        await self.ask(Ok, "update_settings", read_receipts=read_receipts)

    # Conversations

    async def conversations(self, *, limit: int = 50, before: int | None = None) -> ConversationList:
        """The latest active first; `before` is the last one of the page before."""
        return await self.ask(ConversationList, "conversations", limit=limit, before=before)

    async def get_conversation(self, conversation_id: int) -> Conversation:
        return (await self.ask(ConversationReply, "get_conversation", conversation_id=conversation_id)).conversation

    async def create_conversation(
        self, kind: Kind, participants: Sequence[str], name: str | None = None
    ) -> Conversation:
        """Opens one with these `user_id`s; the direct one between two people exists once."""
        reply = await self.ask(
            ConversationReply,
            "create_conversation",
            conversation_type=kind,
            participants=list(participants),
            name=name,
        )
        return reply.conversation

    async def rename_conversation(self, conversation_id: int, name: str) -> None:
        await self.ask(Ok, "rename_conversation", conversation_id=conversation_id, name=name)

    async def add_participants(self, conversation_id: int, participants: Sequence[str]) -> None:
        await self.ask(Ok, "add_participants", conversation_id=conversation_id, participants=list(participants))

    async def remove_participant(self, conversation_id: int, user_id: str) -> None:
        await self.ask(Ok, "remove_participant", conversation_id=conversation_id, user_id=user_id)

    async def leave_conversation(self, conversation_id: int) -> None:
        await self.ask(Ok, "leave_conversation", conversation_id=conversation_id)

    # People

    async def find_people(self, q: str) -> list[Person]:
        """At most 20 people by the beginnings of words of their names."""
        return (await self.ask(PeopleFound, "participants", q=q)).participants

    async def set_status(self, status: Status) -> None:
        """`offline` appears offline on all of one's connections."""
        await self.ask(Ok, "set_status", status=status)

    async def get_status(self, participants: Sequence[str]) -> list[StatusOf]:
        """Of up to 200 `user_id`s, in the order asked for."""
        return (await self.ask(Statuses, "get_status", participants=list(participants))).statuses

    async def get_one_status(self, user_id: str) -> StatusOf:
        return (await self.ask(Statuses, "get_one_status", user_id=user_id)).statuses[0]

    # Notifications

    async def notifications(self, *, limit: int = 50, before: int | None = None) -> NotificationList:
        """The latest first; `before` is the last one of the page before."""
        return await self.ask(NotificationList, "notifications", limit=limit, before=before)

    async def mark_notifications_read(self, notification_ids: Sequence[int] | None = None) -> None:
        """These, or all."""
        ids = None if notification_ids is None else list(notification_ids)
        await self.ask(Ok, "mark_notifications_read", notification_ids=ids)

    # The connection

    async def subscribe_conversation(self, conversation_id: int, after_seq: int | None = None) -> Subscribed:
        """Asks for the events after a seq again. The client does so by itself where it misses some."""
        return await self.ask(
            Subscribed, "subscribe_conversation", conversation_id=conversation_id, after_seq=after_seq
        )

    async def ping(self) -> Pong:
        return await self.ask(Pong, "ping")
