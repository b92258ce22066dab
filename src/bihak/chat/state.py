"""What this person can see: conversations, their messages, the people in them. No I/O.

State fetched plus events folded equals state fetched afresh.
"""

from collections.abc import Callable, Iterable

from bihak.chat.people import People
from bihak.chat.timeline import Timeline
from bihak.client.events import (
    ConversationCreated,
    ConversationRenamed,
    Heard,
    MessageDeleted,
    MessageEdited,
    MessagePinned,
    MessageRead,
    MessageUnpinned,
    NewMessage,
    ParticipantJoined,
    ParticipantLeft,
    ReactionAdded,
    ReactionRemoved,
    StatusChange,
    UserTyping,
)
from bihak.client.objects import Conversation, Member, Message


class State:
    """`now` is a clock in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.my_id = ""
        self.people = People(now)
        self._conversations: dict[int, Conversation] = {}
        self._timelines: dict[int, Timeline] = {}
        self._readers: dict[int, dict[str, int]] = {}

    @property
    def conversations(self) -> list[Conversation]:
        """The one with the latest message first."""
        return sorted(self._conversations.values(), key=_activity, reverse=True)

    def find(self, conversation_id: int | None) -> Conversation | None:
        return None if conversation_id is None else self._conversations.get(conversation_id)

    def timeline(self, conversation_id: int) -> Timeline:
        return self._timelines.setdefault(conversation_id, Timeline())

    def others_in(self, conversation: Conversation) -> list[Member]:
        return [member for member in conversation.participants if member.user_id != self.my_id]

    def title_of(self, conversation: Conversation) -> str:
        names = [self.people.name_of(member.user_id) for member in self.others_in(conversation)]
        return conversation.name or ", ".join(names) or "Just you"

    def unread_after(self, known: Conversation) -> int | None:
        """The seq after which what is new begins; None where nothing is."""
        if not known.unread or known.last_message is None:
            return None
        read = self.timeline(known.conversation_id).find(known.last_read_message_id)
        return read.seq if read else max(0, known.last_message.seq - known.unread)

    def is_read(self, message: Message) -> bool:
        """Whether somebody else is known to have read it."""
        timeline = self.timeline(message.conversation_id)
        read = [timeline.find(message_id) for message_id in self._readers.get(message.conversation_id, {}).values()]
        return any(each is not None and each.seq >= message.seq for each in read)

    def replace_all(self, conversations: Iterable[Conversation]) -> None:
        """All there are, as fetched."""
        known, self._conversations = self._conversations, {}
        for fresh in conversations:
            self._put(fresh, known.get(fresh.conversation_id))

    def put(self, fresh: Conversation) -> None:
        self._put(fresh, self.find(fresh.conversation_id))

    def _put(self, fresh: Conversation, known: Conversation | None) -> None:
        for member in fresh.participants:
            self.people.meet(member.user_id, member.name)
            self.people.seen(member.user_id, member.status, member.last_seen_at)
            if member.last_read_message_id is not None and member.user_id != self.my_id:
                self._read_by(fresh.conversation_id, member.user_id, member.last_read_message_id)
        if known is not None and known.last_seq > fresh.last_seq:
            # It was read from the database before an event that has come already.
            fresh.last_seq, fresh.last_message, fresh.unread = known.last_seq, known.last_message, known.unread
        self._conversations[fresh.conversation_id] = fresh

    def said(self, message: Message) -> None:
        """A message of one's own was acknowledged, or one of anybody's was heard; whichever comes first."""
        self.timeline(message.conversation_id).add(message)
        known = self.find(message.conversation_id)
        if known is not None and (known.last_message is None or known.last_message.seq < message.seq):
            known.last_message = message

    def fold(self, event: Heard) -> bool:
        """Takes an event in. False where it tells less than must be known: fetch the conversations."""
        known = self.find(getattr(event, "conversation_id", None))
        seq = getattr(event, "seq", None)
        if known is not None and isinstance(seq, int):
            known.last_seq = max(known.last_seq, seq)
        match event:
            case NewMessage():
                return self._new_message(event, known)
            case MessageEdited():
                self.timeline(event.conversation_id).edit(event)
                if known and known.last_message and known.last_message.message_id == event.message_id:
                    known.last_message.content, known.last_message.edited_at = event.content, event.edited_at
            case MessageDeleted():
                self.timeline(event.conversation_id).delete(event)
                if known and known.last_message and known.last_message.message_id == event.message_id:
                    known.last_message.content, known.last_message.deleted_at = "", event.deleted_at
                # Whether it was one of the unread is for the server to say: it may lie before what is known here.
                return known is None or known.unread == 0
            case ReactionAdded() | ReactionRemoved():
                added = isinstance(event, ReactionAdded)
                self.timeline(event.conversation_id).react(event.message_id, event.emoji, event.user_id, added=added)
            case MessagePinned() | MessageUnpinned():
                self.timeline(event.conversation_id).pin(event.message_id, pinned=isinstance(event, MessagePinned))
            case MessageRead():
                return self._message_read(event, known)
            case ConversationRenamed():
                if known:
                    known.name = event.name
            case ConversationCreated():
                self.timeline(event.conversation_id).clear()
                self.put(event.conversation)
            case ParticipantJoined():
                return False
            case ParticipantLeft():
                if event.user_id == self.my_id:
                    self._conversations.pop(event.conversation_id, None)
                return False
            case UserTyping():
                self.people.typed(event)
            case StatusChange():
                self.people.status_changed(event)
        return True

    def _new_message(self, event: NewMessage, known: Conversation | None) -> bool:
        self.people.meet(event.sender, event.sender_name)
        self.people.stopped_writing(event.conversation_id, event.sender)
        message = Message(
            **{name: getattr(event, name) for name in NewMessage.__struct_fields__ if name in Message.__struct_fields__}
        )
        self.said(message)
        if known is None:
            return False
        if event.sender != self.my_id:
            known.unread += 1
        return True

    def _message_read(self, event: MessageRead, known: Conversation | None) -> bool:
        if event.user_id != self.my_id:
            self._read_by(event.conversation_id, event.user_id, event.message_id)
            return True
        if known is None or known.unread == 0:
            return True
        read = self.timeline(event.conversation_id).find(event.message_id)
        if read is None:
            return False
        later = [each for each in self.timeline(event.conversation_id).messages if each.seq > read.seq]
        known.unread = sum(each.sender != self.my_id and each.deleted_at is None for each in later)
        known.last_read_message_id = event.message_id
        return True

    def _read_by(self, conversation_id: int, user_id: str, message_id: int) -> None:
        self._readers.setdefault(conversation_id, {})[user_id] = message_id


def _activity(conversation: Conversation) -> str:
    return conversation.last_message.created_at if conversation.last_message else conversation.created_at
