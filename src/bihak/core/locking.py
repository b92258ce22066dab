"""Conversations as a transaction holds them, with the memberships beside them, and the statement that locks both."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import sqlalchemy as sa

from bihak.protocol.types import Participant
from bihak.storage.dialect import Dialect, word_literal
from bihak.storage.statement import run_texts


@dataclass(slots=True)
class LockedConversation:
    """A conversation to whose log nobody else can add until COMMIT: its row is locked, or presumed unmoved."""

    id: int
    type: str
    created_ms: int
    last_seq: int
    last_message_ms: int
    recorded_seq: int = 0
    """The last seq that has its event; behind `last_seq` only between taking a seq and recording its event."""
    found_seq: int = 0
    """The last seq before this transaction."""

    def next_seq(self) -> int:
        """Takes the next seq; the caller must record an event with it."""
        self.last_seq += 1
        return self.last_seq

    def become(self, before: "LockedConversation") -> None:
        """Takes back what happened since that copy was made."""
        for each in fields(self):
            setattr(self, each.name, getattr(before, each.name))


class Membership(NamedTuple):
    """A participant's place in a conversation it is in now."""

    role: str
    joined_seq: int
    last_read_seq: int


Place = tuple[int, Participant]


class Locked(NamedTuple):
    """A place, its conversation, and the membership in it if there is one, as of `now_ms` by the database's clock."""

    place: Place
    conversation: LockedConversation
    membership: Membership | None
    now_ms: int


def lock_places(connection: sa.Connection, dialect: Dialect, places: Sequence[Place]) -> list[Locked]:
    """Locks the conversations of these places, which must be in the order of their ids; those that there are."""
    sql = _select_place(dialect, *places[0]) if len(places) == 1 else _select_places(dialect, places)
    found = []
    for row in run_texts(connection, sql):
        at, kind, created, last_seq, last_message, role, joined, last_read, now = dialect.unpack(row)
        place, seq = places[int(at)], int(last_seq)
        conversation = LockedConversation(place[0], kind, int(created), seq, int(last_message), seq, seq)
        membership = None if role == "-" else Membership(role, int(joined), int(last_read))
        found.append(Locked(place, conversation, membership, int(now)))
    return found


_LOCK_COLUMNS = (
    *("c.conversation_type", "c.created_ms", "c.last_seq", "c.last_message_ms"),
    *("COALESCE(p.role, '-')", "COALESCE(p.joined_seq, 0)", "COALESCE(p.last_read_seq, 0)"),
)


def _select_places(dialect: Dialect, places: Sequence[Place]) -> str:
    rows = [f"{at},{cid:d},{word_literal(who.type)},{who.id:d}" for at, (cid, who) in enumerate(places)]
    return f"""
        WITH {dialect.values_table("v", ("n", "c", "t", "i"), rows)}
        SELECT {dialect.packed(("v.n", *_LOCK_COLUMNS, dialect.clock_ms))}
        FROM v {dialect.straight_join} conversations c ON c.id = v.c
        LEFT JOIN conversation_participants p
          ON p.conversation_id = v.c AND p.participant_type = v.t AND p.participant_id = v.i AND p.left_seq IS NULL
        {dialect.for_update}
    """


def _select_place(dialect: Dialect, conversation_id: int, who: Participant) -> str:
    """As `_select_places`, for one, as it mostly is where little is said: no table of constants has to be made."""
    return f"""
        SELECT {dialect.packed(("0", *_LOCK_COLUMNS, dialect.clock_ms))}
        FROM conversations c LEFT JOIN conversation_participants p ON p.conversation_id = {conversation_id:d}
          AND p.participant_type = {word_literal(who.type)} AND p.participant_id = {who.id:d} AND p.left_seq IS NULL
        WHERE c.id = {conversation_id:d}
        {dialect.for_update}
    """
