"""What is stored about somebody: in which tables, and how it is read, a page at a time."""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from bihak.features.conversations import ParticipantJoined
from bihak.features.notifications.rows import notifications
from bihak.features.participants import session_revocations
from bihak.features.pins import message_pins
from bihak.features.presence.leases import presence_leases
from bihak.features.reactions import message_reactions
from bihak.protocol.types import Participant, time_or_none
from bihak.storage.schema import (
    conversation_events,
    conversation_participants,
    conversations,
    message_read_receipts,
    messages,
    typing_indicators,
    user_online_status,
)

PAGE_ROWS = 500
WALK = 20_000
"""Ids looked at for one page, where no index leads to what is somebody's."""


class Section(NamedTuple):
    """Rows about somebody, in the order of `keys`, which tell them apart and of which the first is a number."""

    name: str
    columns: Sequence[sa.ColumnElement[Any]]
    whose: Callable[[Participant], sa.ColumnElement[bool]]
    keys: Sequence[sa.ColumnElement[Any]]
    source: sa.FromClause
    walks: bool = False
    """Whether a page looks at `WALK` ids only, because every row of the table has to be looked at."""


Mark = tuple[Any, ...]
"""Where a page ended: the keys of its last row, or the last id that it looked at."""
START: Mark = (0,)


def read_page(
    connection: sa.Connection, section: Section, who: Participant, after: Mark
) -> tuple[list[Any], Mark | None]:
    """Some rows of that section after that mark, perhaps none, and where to read on; None: there is no more."""
    first = section.keys[0]
    labels = [f"{_KEY}{at}" for at in range(len(section.keys))]
    query = (
        sa.select(*section.columns, *(key.label(label) for key, label in zip(section.keys, labels, strict=True)))
        .select_from(section.source)
        .where(section.whose(who), _beyond(section.keys, after))
        .order_by(*section.keys)
        .limit(PAGE_ROWS)
    )
    end = after[0] + WALK
    if section.walks:
        query = query.where(first <= end)
    rows = list(connection.execute(query))
    if len(rows) == PAGE_ROWS:
        return rows, tuple(getattr(rows[-1], label) for label in labels)
    if section.walks and end < (connection.execute(sa.select(sa.func.max(first))).scalar() or 0):
        return rows, (end,)
    return rows, None


_KEY = "page_key_"


def _beyond(keys: Sequence[sa.ColumnElement[Any]], after: Mark) -> sa.ColumnElement[bool]:
    if len(after) == 1:
        return sa.and_(keys[0] > after[0])
    # A comparison of pairs would not let MariaDB enter the index.
    return sa.and_(keys[0] >= after[0], sa.or_(keys[0] > after[0], keys[1] > after[1]))


def shown(row: Any) -> dict[str, Any]:
    """A row for people: times as on the wire, JSON as what it says."""
    found: dict[str, Any] = {}
    for name, value in row._mapping.items():
        if name.startswith(_KEY):
            continue
        if name.endswith("_ms"):
            found[f"{name.removesuffix('_ms')}_at"] = time_or_none(value)
        elif name in ("mentions", "data"):
            found[name] = json.loads(value) if value is not None else None
        else:
            found[name] = value.decode() if isinstance(value, bytes) else value
    return found


def of(table: sa.Table, kind: str = "participant") -> Callable[[Participant], sa.ColumnElement[bool]]:
    """Whether a row of that table is somebody's, by its columns of that kind."""
    return lambda who: sa.and_(table.c[f"{kind}_type"] == who.type, table.c[f"{kind}_id"] == who.id)


def _but(table: sa.Table, *names: str) -> list[sa.ColumnElement[Any]]:
    """The columns of a table, without whose row it is and without those named."""
    return [column for column in table.c if column.name not in (*_WHOSE, *names)]


_WHOSE = ("participant_type", "participant_id", "sender_type", "sender_id")
_m, _e, _p, _r = messages.c, conversation_events.c, conversation_participants.c, message_read_receipts.c


def names_in_log(who: Participant) -> sa.ColumnElement[bool]:
    """Whether an event of the log tells of somebody in `data`; a few others may as well."""
    return _e.data.contains(f'"user_id": "{who.user_id}"', autoescape=True)


def _mentions(who: Participant) -> sa.ColumnElement[bool]:
    return _m.mentions.contains(f'"{who.user_id}"', autoescape=True)


_their_receipts = conversation_participants.join(
    message_read_receipts,
    sa.and_(
        _r.conversation_id == _p.conversation_id,
        _r.participant_type == _p.participant_type,
        _r.participant_id == _p.participant_id,
    ),
)

JOINED = str(ParticipantJoined.__struct_config__.tag)
REACTIONS = Section(
    "reactions",
    _but(message_reactions),
    of(message_reactions),
    (message_reactions.c.message_id, message_reactions.c.emoji),
    message_reactions,
    walks=True,
)
MEMBERSHIPS = Section(
    "memberships",
    [conversations.c.conversation_type, conversations.c.name, *_but(conversation_participants)],
    of(conversation_participants),
    (_p.conversation_id,),
    conversation_participants.join(conversations, conversations.c.id == _p.conversation_id),
)
SECTIONS = (
    MEMBERSHIPS,
    Section("messages", _but(messages, "body_digest"), of(messages, "sender"), (_m.id,), messages, walks=True),
    Section(
        "mentions",
        (_m.id, _m.conversation_id, _m.seq, _m.sender_type, _m.sender_id, _m.created_ms),
        _mentions,
        (_m.id,),
        messages,
        walks=True,
    ),
    REACTIONS,
    Section("pins", _but(message_pins), of(message_pins), (message_pins.c.message_id,), message_pins, walks=True),
    Section(
        "receipts",
        _but(message_read_receipts),
        of(conversation_participants),
        (_p.conversation_id, _r.seq),
        _their_receipts,
    ),
    Section("notifications", _but(notifications), of(notifications), (notifications.c.id,), notifications),
    Section(
        "presence",
        _but(user_online_status),
        of(user_online_status),
        (user_online_status.c.participant_id,),
        user_online_status,
    ),
    Section("connections", _but(presence_leases), of(presence_leases), (presence_leases.c.node_id,), presence_leases),
    Section(
        "typing",
        _but(typing_indicators),
        of(typing_indicators),
        (typing_indicators.c.conversation_id,),
        typing_indicators,
    ),
    Section(
        "revocations",
        _but(session_revocations),
        of(session_revocations),
        (session_revocations.c.participant_id,),
        session_revocations,
    ),
    Section(
        "events",
        _but(conversation_events),
        lambda who: sa.or_(of(conversation_events, "actor")(who), names_in_log(who)),
        (_e.id,),
        conversation_events,
        walks=True,
    ),
)
"""All there is but the profile. The index of words is made of the messages and says nothing more."""
