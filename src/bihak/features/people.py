"""Finding people by name: whom one may write to."""

from typing import Annotated

import msgspec
import sqlalchemy as sa
from msgspec import Meta

from bihak.core.context import Query
from bihak.core.feature import Feature, Route, read
from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.features.presence import shown_status
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, participants, user_online_status

MOST_FOUND = 20
MAX_WORDS = 8
BEFORE_WORDS = (" ", "-", "'", "\u2019", ".", "(", '"', ",", "/")
"""What a word of a name may follow, besides the name's beginning."""


class FindPeople(Request, tag="participants", kw_only=True):
    """Finds people by name: every word of `q` begins a word of it, in capitals or not; at most 20, by name."""

    q: Annotated[str, Meta(max_length=200)]


class Person(msgspec.Struct, kw_only=True):
    """Somebody one may write to."""

    user_id: str
    participant_type: str
    participant_id: int
    name: str
    avatar_url: str | None
    status: str


class PeopleFound(Reply, tag="participants", kw_only=True):
    """Those found, without the one who asks."""

    participants: list[Person]


class People(Feature):
    """The directory. Who is in it, the setting DIRECTORY says."""

    def __init__(self, node: Node) -> None:
        self._types = node.options.participant_types
        self._only_shared = node.options.directory == "shared"

    @read(FindPeople, route=Route("GET", "/participants"), limit=Limit.SEARCH)
    def find(self, query: Query, request: FindPeople) -> PeopleFound:
        """One query, which looks at every name there is."""
        who, status, me = participants.c, user_online_status.c, query.actor.participant
        words = request.q.split()[:MAX_WORDS]
        wanted = (
            sa.select(
                *(who.participant_type, who.participant_id, who.name, who.avatar_url), shown_status().label("status")
            )
            .select_from(
                participants.outerjoin(
                    user_online_status,
                    sa.and_(
                        status.participant_type == who.participant_type, status.participant_id == who.participant_id
                    ),
                )
            )
            .where(
                who.participant_type.in_(self._types),
                sa.not_(sa.and_(who.participant_type == me.type, who.participant_id == me.id)),
                *(_has_word(who.name, word) for word in words),
            )
            .order_by(sa.func.lower(who.name), who.participant_type, who.participant_id)
            .limit(MOST_FOUND)
        )
        if self._only_shared:
            wanted = wanted.where(_shares_a_conversation(me))
        return PeopleFound(
            participants=[
                Person(
                    user_id=Participant(row.participant_type, row.participant_id).user_id,
                    participant_type=row.participant_type,
                    participant_id=row.participant_id,
                    name=row.name,
                    avatar_url=row.avatar_url,
                    status=row.status or "offline",
                )
                for row in query.connection.execute(wanted)
            ]
        )


def _has_word(name: sa.ColumnElement[str], beginning: str) -> sa.ColumnElement[bool]:
    """Whether a word of `name` begins so.

    SQLite folds only the letters a to z, so other letters are looked for as written, small and in capitals as well.
    """
    lowered = sa.func.lower(name)
    spellings = {beginning.lower(), *((beginning.upper(), beginning.title()) if not beginning.isascii() else ())}
    return sa.or_(
        *(
            lowered.like(f"{before}{_plain(_lower_ascii(spelling))}%", escape="!")
            for spelling in sorted(spellings)
            for before in ("", *(f"%{mark}" for mark in BEFORE_WORDS))
        )
    )


def _plain(text: str) -> str:
    """`text` in a LIKE pattern whose escape is `!`."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def _lower_ascii(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def _shares_a_conversation(me: Participant) -> sa.ColumnElement[bool]:
    mine, theirs = conversation_participants.alias("mine"), conversation_participants.alias("theirs")
    who = participants.c
    return sa.exists(
        sa.select(1)
        .select_from(theirs.join(mine, mine.c.conversation_id == theirs.c.conversation_id))
        .where(
            theirs.c.participant_type == who.participant_type,
            theirs.c.participant_id == who.participant_id,
            theirs.c.left_seq.is_(None),
            mine.c.participant_type == me.type,
            mine.c.participant_id == me.id,
            mine.c.left_seq.is_(None),
        )
    ).correlate(participants)
