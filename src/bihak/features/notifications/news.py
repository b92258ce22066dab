"""What happened in a conversation, and to whom it is news."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bihak.core.transaction import Transaction
from bihak.features.conversations import ParticipantJoined, ParticipantLeft
from bihak.features.deferred import within
from bihak.features.messages import MessageDeleted, MessageEdited, NewMessage
from bihak.features.messages.mentions import load_mentions
from bihak.features.notifications.rows import Draft
from bihak.protocol.envelope import DurableEvent
from bihak.protocol.types import MAX_ID, Participant
from bihak.storage.dialect import listed
from bihak.storage.statement import run, run_texts

RECENT_MS = 86_400_000
"""What is older when a node starts, or is only then heard of, is no news."""
MAX_SEQS = 1000
"""Further back than this nothing is counted."""

NEWS = (NewMessage, MessageEdited, ParticipantJoined, ParticipantLeft)
_EDITED, _DELETED, _JOINED, _LEFT = (
    str(kind.__struct_config__.tag) for kind in (MessageEdited, MessageDeleted, ParticipantJoined, ParticipantLeft)
)


class Span(NamedTuple):
    """Events after one seq, up to and with another; `done` is None where nobody was told anything yet."""

    done: int | None
    after: int
    through: int


class Member(NamedTuple):
    """Where somebody stands in a conversation."""

    role: str
    joined_seq: int
    last_read_seq: int


class Sent:
    """Messages that are still there, as (seq, message_id, sender), in order."""

    def __init__(self, messages: Sequence[tuple[int, int, Participant]]) -> None:
        self._messages = messages
        self._seqs = [seq for seq, _, _ in messages]
        self._own: dict[Participant, list[int]] = {}
        for seq, _, sender in messages:
            self._own.setdefault(sender, []).append(seq)

    def unread_by(self, who: Participant, joined_seq: int, last_read_seq: int) -> tuple[int, tuple[int, int] | None]:
        """How many of them others sent after that place, and the latest of these: its seq and id."""
        known, mine = max(joined_seq, last_read_seq), self._own.get(who, [])
        count = (len(self._seqs) - bisect_right(self._seqs, known)) - (len(mine) - bisect_right(mine, known))
        if not count:
            return 0, None
        return count, next((seq, message_id) for seq, message_id, by in reversed(self._messages) if by != who)


@dataclass(slots=True)
class News:
    """What happened in a span of a conversation's log, and to whom it may be news."""

    sent: list[tuple[int, int, Participant]] = field(default_factory=list)
    """(seq, message_id, sender) of each message that is still there, in order."""
    mentions: list[tuple[int, int, Participant, list[str], bool]] = field(default_factory=list)
    """(seq, message_id, sender, user_ids, whether an edit says so)"""
    added: dict[Participant, int] = field(default_factory=dict)
    """Those whom somebody else took in, at which seq."""
    left: set[Participant] = field(default_factory=set)
    members: dict[Participant, Member] = field(default_factory=dict)


def read_news(
    tx: Transaction, spans: Mapping[int, Span], events: Mapping[int, Sequence[DurableEvent]]
) -> dict[int, News]:
    """What happened in these spans. `events` are what this node has of them; messages in them are not read again."""
    news = {cid: News() for cid in spans}
    _read_members(tx, news)
    edited: set[int] = set()
    known = {cid: sent for cid, span in spans.items() if (sent := _sent_in(events.get(cid, ()), span)) is not None}
    changes = _read_changes(tx, {cid: span for cid, span in spans.items() if not _is_known_whole(tx, cid, span, known)})
    for cid in {*tx.changed, *(cid for cid, *_ in changes)}:
        known.pop(cid, None)
    for cid, seq, kind, message_id, data in changes:
        if seq > spans[cid].through or kind == _DELETED:
            continue
        if kind == _EDITED:
            edited.add(message_id)
            continue
        told = json.loads(data)
        who = Participant.parse(told["user_id"])
        if kind == _LEFT:
            news[cid].left.add(who)
        elif told["by"] != told["user_id"]:
            news[cid].added[who] = seq
    for cid, messages in known.items():
        for message in messages:
            sender = Participant(message.sender_type, message.sender_id)
            news[cid].sent.append((message.seq, message.message_id, sender))
            if message.mentions:
                news[cid].mentions.append((message.seq, message.message_id, sender, message.mentions, False))
    _read_messages(tx, {cid: span for cid, span in spans.items() if cid not in known}, edited, news)
    _add_founding(tx, (cid for cid, span in spans.items() if span.done is None), news)
    return news


def _sent_in(events: Sequence[DurableEvent], span: Span) -> list[NewMessage] | None:
    """The messages among the events of that span; None if some of the events are not there."""
    if not events or events[0].seq > span.after + 1 or events[-1].seq != span.through:
        return None
    return [event for event in events if isinstance(event, NewMessage) and event.seq > span.after]


def _read_members(tx: Transaction, news: Mapping[int, News]) -> None:
    columns = ("conversation_id", "participant_type", "participant_id", "role", "joined_seq", "last_read_seq")
    rows = run_texts(
        tx.connection,
        f"SELECT {tx.dialect.packed(columns)} FROM conversation_participants "
        f"WHERE conversation_id IN ({listed(news)}) AND left_seq IS NULL",
    )
    for row in rows:
        cid, kind, number, role, joined_seq, last_read_seq = tx.dialect.unpack(row)
        news[int(cid)].members[Participant(kind, int(number))] = Member(role, int(joined_seq), int(last_read_seq))


def _is_known_whole(
    tx: Transaction, conversation_id: int, span: Span, known: Mapping[int, Sequence[NewMessage]]
) -> bool:
    """Whether the span is nothing but messages that are known, and nothing has happened since."""
    conversation, sent = tx.conversations.get(conversation_id), known.get(conversation_id, ())
    is_still = conversation is not None and conversation.last_seq == span.through
    return is_still and len(sent) == span.through - span.after


def _read_changes(tx: Transaction, spans: Mapping[int, Span]) -> Sequence[tuple[int, int, str, int, str]]:
    """What happened in these spans beside messages, and after them up to now: what is deleted is no news.

    As (conversation_id, seq, kind, message_id, data).
    """
    if not spans:
        return ()
    kinds = f"'{_EDITED}', '{_DELETED}', '{_JOINED}', '{_LEFT}'"
    return run(
        tx.connection,
        "SELECT e.conversation_id, e.seq, e.kind, e.message_id, e.data FROM conversation_events e "
        f"WHERE ({within('e', [(cid, span.after + 1, MAX_ID) for cid, span in spans.items()])}) "
        f"AND e.kind IN ({kinds}) ORDER BY e.seq",
    )


def _read_messages(tx: Transaction, spans: Mapping[int, Span], edited: set[int], news: dict[int, News]) -> None:
    """Those in these spans, and those edited in them."""
    if not spans:
        return
    also = f" OR m.id IN ({listed(edited)})" if edited else ""
    sent = run(
        tx.connection,
        "SELECT m.id, m.conversation_id, m.seq, m.sender_type, m.sender_id, m.mentions FROM messages m "
        f"WHERE ({within('m', [(cid, span.after + 1, span.through) for cid, span in spans.items()])}{also}) "
        "AND m.deleted_ms IS NULL ORDER BY m.seq",
    )
    for message_id, cid, seq, kind, number, mentions in sent:
        sender, is_new = Participant(kind, number), seq > spans[cid].after
        if is_new:
            news[cid].sent.append((seq, message_id, sender))
        if mentions is not None:
            news[cid].mentions.append((seq, message_id, sender, load_mentions(mentions), not is_new))


def _add_founding(tx: Transaction, conversation_ids: Iterable[int], news: Mapping[int, News]) -> None:
    """Those who are in a new group since it was made, but for its owner. A direct one is news once it has a message."""
    for cid in conversation_ids:
        conversation = tx.conversations.get(cid)
        if conversation is None or conversation.type == "direct" or conversation.created_ms <= tx.now_ms - RECENT_MS:
            continue
        for who, member in news[cid].members.items():
            if member.joined_seq == 0 and member.role != "owner":
                news[cid].added.setdefault(who, 0)


def drafts_of(conversation_id: int, news: News) -> Iterator[Draft]:
    told = Sent(news.sent)
    for who, member in news.members.items():
        count, latest = told.unread_by(who, member.joined_seq, member.last_read_seq)
        if latest is not None:
            seq, message_id = latest
            yield Draft(conversation_id, who, "message", 0, message_id, seq, count)
    for who, seq in news.added.items():
        member_now = news.members.get(who)
        if member_now is not None and member_now.last_read_seq <= member_now.joined_seq:
            yield Draft(conversation_id, who, "added", 0, None, seq, 1)
    for seq, message_id, sender, user_ids, is_edit in news.mentions:
        for who in map(Participant.parse, user_ids):
            mentioned = news.members.get(who)
            if mentioned is None or who == sender or seq <= mentioned.joined_seq:
                continue
            if is_edit or seq > mentioned.last_read_seq:
                yield Draft(conversation_id, who, "mention", message_id, message_id, seq, 1)
