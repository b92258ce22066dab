"""What happened in a conversation, and to whom it is news."""

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from bihak.core.context import Transaction
from bihak.features.conversations import ParticipantJoined, ParticipantLeft
from bihak.features.deferred import within
from bihak.features.messages import MessageEdited, NewMessage
from bihak.features.messages.mentions import load_mentions
from bihak.features.notifications.rows import Draft
from bihak.protocol.types import Participant
from bihak.storage.schema import conversations
from bihak.storage.statement import run

RECENT_MS = 86_400_000
"""What is older when a node starts, or is only then heard of, is no news."""
MAX_SEQS = 1000
"""Further back than this nothing is counted."""

NEWS = (NewMessage, MessageEdited, ParticipantJoined, ParticipantLeft)
_EDITED, _JOINED, _LEFT = (
    str(kind.__struct_config__.tag) for kind in (MessageEdited, ParticipantJoined, ParticipantLeft)
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


def read_news(tx: Transaction, spans: dict[int, Span]) -> dict[int, News]:
    news = {cid: News() for cid in spans}
    seqs = [(cid, span.after + 1, span.through) for cid, span in spans.items()]
    members = run(
        tx.connection,
        "SELECT conversation_id, participant_type, participant_id, role, joined_seq, last_read_seq "
        f"FROM conversation_participants WHERE conversation_id IN ({_listed(spans)}) AND left_seq IS NULL",
    )
    for cid, kind, number, *where in members:
        news[cid].members[Participant(kind, number)] = Member(*where)
    edited: set[int] = set()
    events = run(
        tx.connection,
        "SELECT e.conversation_id, e.seq, e.kind, e.message_id, e.data FROM conversation_events e "
        f"WHERE ({within('e', seqs)}) AND e.kind IN ('{_EDITED}', '{_JOINED}', '{_LEFT}') ORDER BY e.seq",
    )
    for cid, seq, kind, message_id, data in events:
        if kind == _EDITED:
            edited.add(message_id)
            continue
        told = json.loads(data)
        who = Participant.parse(told["user_id"])
        if kind == _LEFT:
            news[cid].left.add(who)
        elif told["by"] != told["user_id"]:
            news[cid].added[who] = seq
    also = f" OR m.id IN ({_listed(edited)})" if edited else ""
    sent = run(
        tx.connection,
        "SELECT m.id, m.conversation_id, m.seq, m.sender_type, m.sender_id, m.mentions FROM messages m "
        f"WHERE ({within('m', seqs)}{also}) AND m.deleted_ms IS NULL ORDER BY m.seq",
    )
    for message_id, cid, seq, kind, number, mentions in sent:
        sender, is_new = Participant(kind, number), seq > spans[cid].after
        if is_new:
            news[cid].sent.append((seq, message_id, sender))
        if mentions is not None:
            news[cid].mentions.append((seq, message_id, sender, load_mentions(mentions), not is_new))
    _add_founding(tx, [cid for cid, span in spans.items() if span.done is None], news)
    return news


def _listed(numbers: Iterable[int]) -> str:
    return ",".join(f"{number:d}" for number in numbers)


def _add_founding(tx: Transaction, conversation_ids: Sequence[int], news: dict[int, News]) -> None:
    """Those who are in a new group since it was made, but for its owner. A direct one is news once it has a message."""
    if not conversation_ids:
        return
    c = conversations.c
    groups = tx.connection.execute(
        sa.select(c.id).where(
            c.id.in_(conversation_ids), c.conversation_type != "direct", c.created_ms > tx.now_ms - RECENT_MS
        )
    ).scalars()
    for cid in groups:
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
