"""Erasing what somebody has left, a bounded number of rows in a transaction."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from bihak.core.feature import Feature, write
from bihak.core.locking import LockedConversation
from bihak.core.transaction import Transaction
from bihak.features.conversations import end_membership
from bihak.features.messages import MessageDeleted, Messages
from bihak.features.notifications.rows import notifications
from bihak.features.participants import revoke_tokens
from bihak.features.presence.leases import presence_leases
from bihak.features.privacy.sections import JOINED, MEMBERSHIPS, REACTIONS, Section, names_in_log, of
from bihak.features.reactions import ReactionRemoved, message_reactions
from bihak.features.search import Search
from bihak.protocol.envelope import Request
from bihak.protocol.types import Participant, format_time
from bihak.storage.schema import (
    conversation_events,
    conversation_participants,
    message_read_receipts,
    messages,
    participants,
    typing_indicators,
    user_online_status,
)

_m, _e, _p, _r = messages.c, conversation_events.c, conversation_participants.c, message_read_receipts.c


class ErasePerson(Request, tag="erase_person", kw_only=True):
    """The server's own: forgets who asks, and refuses their tokens."""


class ErasePlaces(Request, tag="erase_places", kw_only=True):
    """The server's own: takes who asks out of these conversations, if they are groups, and forgets what they read."""

    conversation_ids: list[int]


class EraseMessages(Request, tag="erase_messages", kw_only=True):
    """The server's own: deletes these messages of who asks."""

    message_ids: list[int]


class EraseReactions(Request, tag="erase_reactions", kw_only=True):
    """The server's own: takes back these reactions, (message_id, emoji), of who asks."""

    reactions: list[tuple[int, bytes]]


class EraseNames(Request, tag="erase_names", kw_only=True):
    """The server's own: takes the name and the picture of who asks out of these events of the log."""

    event_ids: list[int]


class EraseNotifications(Request, tag="erase_notifications", kw_only=True):
    """The server's own: deletes these notifications."""

    notification_ids: list[int]


class Erasure(Feature):
    """Each of these commands leaves what it does not find as it is, and is asked in the name of the one erased."""

    def __init__(self, messages: Messages, search: Search) -> None:
        self._messages = messages
        self._search = search

    @write(ErasePerson, internal=True)
    def erase_person(self, tx: Transaction, request: ErasePerson) -> int:
        """Since when, in milliseconds since the epoch, their tokens are refused."""
        for table in (participants, user_online_status, presence_leases, typing_indicators):
            tx.connection.execute(table.delete().where(of(table)(tx.actor.participant)))
        return revoke_tokens(tx, tx.actor.participant)

    @write(ErasePlaces, internal=True)
    def erase_places(self, tx: Transaction, request: ErasePlaces) -> None:
        """Records `participant_left` where they were in a group."""
        who = tx.actor.participant
        tx.lock((cid, who) for cid in request.conversation_ids)
        for cid in request.conversation_ids:
            place = tx.find_place(cid, who)
            if place is not None and place[0].type != "direct":
                end_membership(tx, place[0], who)
        tx.connection.execute(
            message_read_receipts.delete().where(
                _r.conversation_id.in_(request.conversation_ids), of(message_read_receipts)(who)
            )
        )
        tx.connection.execute(
            conversation_participants.update()
            .where(_p.conversation_id.in_(request.conversation_ids), of(conversation_participants)(who))
            .values(last_read_seq=_p.joined_seq, last_read_message_id=None, shown_read_message_id=None)
        )

    @write(EraseMessages, internal=True)
    def erase_messages(self, tx: Transaction, request: EraseMessages) -> None:
        """Records `message_deleted` for those that were still there."""
        which = _m.id.in_(request.message_ids)
        for row, conversation in _locked(tx, request.message_ids):
            if row.deleted_ms is None:
                self._messages.take_away(tx, conversation.id, row)
                tx.record(
                    conversation,
                    MessageDeleted(
                        conversation_id=conversation.id,
                        seq=conversation.next_seq(),
                        message_id=row.id,
                        deleted_at=format_time(tx.now_ms),
                        deleted_by=tx.actor.user_id,
                    ),
                )
        deleted_ms = sa.func.coalesce(_m.deleted_ms, tx.now_ms)
        nothing = {"content": "", "body_digest": None, "mentions": None, "idempotency_key": None}
        tx.connection.execute(messages.update().where(which).values(**nothing, deleted_ms=deleted_ms))
        self._search.forget(tx, request.message_ids)

    @write(EraseReactions, internal=True)
    def erase_reactions(self, tx: Transaction, request: EraseReactions) -> None:
        """Records `reaction_removed` for each that was still there."""
        conversations = {row.id: c for row, c in _locked(tx, {message_id for message_id, _ in request.reactions})}
        theirs = of(message_reactions)(tx.actor.participant)
        for message_id, emoji in request.reactions:
            one = sa.and_(message_reactions.c.message_id == message_id, message_reactions.c.emoji == emoji)
            gone = tx.connection.execute(message_reactions.delete().where(theirs, one))
            conversation = conversations.get(message_id)
            if gone.rowcount and conversation is not None:
                tx.record(
                    conversation,
                    ReactionRemoved(
                        conversation_id=conversation.id,
                        seq=conversation.next_seq(),
                        message_id=message_id,
                        emoji=emoji.decode(),
                        user_id=tx.actor.user_id,
                    ),
                )

    @write(EraseNames, internal=True)
    def erase_names(self, tx: Transaction, request: EraseNames) -> None:
        """Who was taken in is called by their `user_id` from now on, in every replay as well."""
        rows = tx.connection.execute(sa.select(_e.id, _e.data).where(_e.id.in_(request.event_ids)))
        for event_id, data in rows.all():
            told = json.loads(data)
            if told["user_id"] == tx.actor.user_id:
                without = json.dumps(told | {"name": tx.actor.user_id, "avatar_url": None}, ensure_ascii=False)
                tx.connection.execute(conversation_events.update().where(_e.id == event_id).values(data=without))

    @write(EraseNotifications, internal=True)
    def erase_notifications(self, tx: Transaction, request: EraseNotifications) -> None:
        tx.connection.execute(notifications.delete().where(notifications.c.id.in_(request.notification_ids)))


def _locked(tx: Transaction, message_ids: Iterable[int]) -> list[tuple[Any, LockedConversation]]:
    """Each message, read under its conversation's lock, and that."""
    rows = sa.select(messages).where(_m.id.in_(message_ids)).order_by(_m.id)
    cids = {row.conversation_id for row in tx.connection.execute(rows)}
    tx.lock((cid, tx.actor.participant) for cid in cids)
    conversations = {cid: tx.find_conversation(cid) for cid in cids}
    found = []
    for row in tx.connection.execute(rows):
        conversation = conversations[row.conversation_id]
        if conversation is not None:
            found.append((row, conversation))
    return found


# What there is to erase


def _places(who: Participant) -> sa.ColumnElement[bool]:
    has_read = sa.exists(
        sa.select(1).where(_r.conversation_id == _p.conversation_id, of(message_read_receipts)(who))
    ).correlate(conversation_participants)
    in_group = sa.and_(_p.left_seq.is_(None), MEMBERSHIPS.columns[0] != "direct")
    return sa.and_(of(conversation_participants)(who), sa.or_(in_group, _p.last_read_message_id.is_not(None), has_read))


def _messages(who: Participant) -> sa.ColumnElement[bool]:
    left = (_m.deleted_ms.is_(None), _m.content != "", _m.idempotency_key.is_not(None))
    return sa.and_(of(messages, "sender")(who), sa.or_(*left))


def _names(who: Participant) -> sa.ColumnElement[bool]:
    is_called_so = _e.data.contains(f'"name": "{who.user_id}"', autoescape=True)
    return sa.and_(_e.kind == JOINED, names_in_log(who), sa.not_(is_called_so))


class Step(NamedTuple):
    """What of a section is erased by one request."""

    section: Section
    erase: Callable[[Sequence[Any]], Request]
    at_once: int = 100
    """Rows in one transaction; the writer serves others in between."""


STEPS = (
    Step(
        Section("places", (_p.conversation_id,), _places, (_p.conversation_id,), MEMBERSHIPS.source),
        lambda rows: ErasePlaces(conversation_ids=[row.conversation_id for row in rows]),
        at_once=20,
    ),
    Step(
        Section("messages", (_m.id,), _messages, (_m.id,), messages, walks=True),
        lambda rows: EraseMessages(message_ids=[row.id for row in rows]),
    ),
    Step(
        REACTIONS,
        lambda rows: EraseReactions(reactions=[(row.message_id, row.emoji) for row in rows]),
    ),
    Step(
        Section("names", (_e.id,), _names, (_e.id,), conversation_events, walks=True),
        lambda rows: EraseNames(event_ids=[row.id for row in rows]),
    ),
    Step(
        Section("notifications", (notifications.c.id,), of(notifications), (notifications.c.id,), notifications),
        lambda rows: EraseNotifications(notification_ids=[row.id for row in rows]),
    ),
)
