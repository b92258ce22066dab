"""The messages of a conversation as they are to be read: grouped, dated, with ticks."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from bihak.chat.clean import clean, clean_line
from bihak.chat.state import State
from bihak.chat.when import clock, day_name, moment_of
from bihak.client import Message, Outgoing, Sending

GROUPED_WITHIN = timedelta(minutes=5)


class Tick(Enum):
    """What became of a message of one's own."""

    NONE = ""
    SENDING = "…"
    SENT = "✓"
    READ = "✓✓"
    FAILED = "✗"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One message, with what stands above it. Two that are equal look the same."""

    key: str
    message_id: int | None
    sender: str
    name: str
    mine: bool
    text: str
    time: str
    tick: Tick
    day: str | None
    """A divider with the day stands above it."""
    first_unread: bool
    """So does one that says that what follows is new."""
    begins: bool
    """It is the first of a few by the same person."""
    edited: bool = False
    deleted: bool = False
    pinned: bool = False
    quote: tuple[str, str] | None = None
    """Whom it answers, and what they said."""
    reactions: tuple[tuple[str, int, bool], ...] = ()
    """Each emoji, how often, and whether one's own is among them."""
    mentions_me: bool = False
    problem: str | None = None
    """Why it was not sent."""


class BlockMaker:
    """Makes the blocks of one conversation, from top to bottom."""

    def __init__(self, state: State, conversation_id: int, today: date, unread_after: int | None) -> None:
        """`unread_after`: the seq after which others' messages were unread when the conversation was opened."""
        self._state = state
        self._timeline = state.timeline(conversation_id)
        self._today = today
        self._unread_after = unread_after
        self._day: date | None = None
        self._last: tuple[str, datetime] | None = None

    def make(self, unsent: Iterable[Outgoing]) -> list[Block]:
        messages = self._timeline.messages
        shown = {message.idempotency_key for message in messages[-200:] if message.idempotency_key}
        blocks = [self._stored(message) for message in messages]
        return blocks + [self._unsent(each) for each in unsent if each.draft.key not in shown]

    def _stored(self, message: Message) -> Block:
        moment = moment_of(message.created_at)
        mine = message.sender == self._state.my_id
        first_unread = self._unread_after is not None and not mine and message.seq > self._unread_after
        if first_unread:
            self._unread_after = None
        divider, begins = self._place(message.sender, moment, first_unread)
        return Block(
            key=f"m{message.message_id}",
            message_id=message.message_id,
            sender=message.sender,
            name=clean_line(self._state.people.names.get(message.sender, message.sender_name)),
            mine=mine,
            text=clean(message.content),
            time=clock(moment),
            tick=self._tick(message) if mine else Tick.NONE,
            day=divider,
            first_unread=first_unread,
            begins=begins,
            edited=message.edited_at is not None,
            deleted=message.deleted_at is not None,
            pinned=message.pinned,
            quote=self._quote(message.reply_to_id),
            reactions=tuple(
                (clean_line(each.emoji), len(each.user_ids), self._state.my_id in each.user_ids)
                for each in message.reactions
            ),
            mentions_me=self._state.my_id in message.mentions,
        )

    def _tick(self, message: Message) -> Tick:
        if message.deleted_at is not None:
            return Tick.NONE
        return Tick.READ if self._state.is_read(message) else Tick.SENT

    def _unsent(self, outgoing: Outgoing) -> Block:
        draft = outgoing.draft
        moment = moment_of(draft.created_at)
        divider, begins = self._place(self._state.my_id, moment, False)
        failed = outgoing.sending is Sending.FAILED
        return Block(
            key=f"o{draft.key}",
            message_id=None,
            sender=self._state.my_id,
            name=self._state.people.name_of(self._state.my_id),
            mine=True,
            text=clean(draft.content),
            time=clock(moment),
            tick=Tick.FAILED if failed else Tick.SENDING,
            day=divider,
            first_unread=False,
            begins=begins,
            quote=self._quote(draft.reply_to_id),
            problem=clean_line(outgoing.fault.message) if failed and outgoing.fault else None,
        )

    def _place(self, sender: str, moment: datetime, first_unread: bool) -> tuple[str | None, bool]:
        """The divider above a message, and whether it begins a group."""
        divider = None if moment.date() == self._day else day_name(moment.date(), self._today)
        grouped = self._last is not None and self._last[0] == sender and moment - self._last[1] < GROUPED_WITHIN
        self._day = moment.date()
        self._last = (sender, moment)
        return divider, first_unread or divider is not None or not grouped

    def _quote(self, message_id: int | None) -> tuple[str, str] | None:
        if message_id is None:
            return None
        answered = self._timeline.find(message_id)
        if answered is None:
            return "an earlier message", ""
        who = "you" if answered.sender == self._state.my_id else self._state.people.name_of(answered.sender)
        return clean_line(who), clean_line(answered.content) or "a deleted message"
