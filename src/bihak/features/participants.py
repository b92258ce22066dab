"""People: who they are, as the platform tells, and whose tokens it has revoked."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
import structlog

from bihak.core.feature import Feature, write
from bihak.core.identity import Actor, Identity, is_revoked
from bihak.core.node import SYSTEM, Node
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, InvalidField, InvalidToken, NotFound
from bihak.protocol.envelope import Request
from bihak.protocol.types import Participant
from bihak.storage.dialect import listed, word, word_literal
from bihak.storage.readers import GroupedRead
from bihak.storage.schema import big, participant_type, participants, table
from bihak.storage.statement import run_packed
from bihak.tasks import beat

log = structlog.stdlib.get_logger("bihak")

MODERATOR_TYPE = "admin"
PROFILES_AT_ONCE = 100
"""In one value of a row, which must stay far below what a database sends as one packet."""
WATCH_EVERY_S = 1.0
WATCH_BACK_MS = 10_000
"""How far before its last look the watch for revocations looks; no transaction is open that long."""

session_revocations = table(
    "session_revocations",
    participant_type(key=True),
    big("participant_id", key=True),
    # Tokens made before this, by the database's clock, are refused.
    big("revoked_before_ms"),
    sa.Index(None, "revoked_before_ms"),
)


class SaveParticipant(Request, tag="save_participant", kw_only=True):
    """The server's own: creates a participant, or takes over what changed."""

    participant: Participant
    name: str | None = None
    avatar_url: str | None = None
    email: str | None = None


class Profile(NamedTuple):
    """What is stored of a participant."""

    name: str | None = None
    """None where nobody has told of them yet."""
    avatar_url: str | None = None
    email: str | None = None
    revoked_before_ms: int = 0
    """Tokens made before then are refused; 0: none is."""


class Participants(Feature):
    """Keeps the `participants` table, and ends the sessions whose token was revoked."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._profiles: GroupedRead[Participant, Profile] = GroupedRead(node.readers, load_profiles)

    async def admit(self, identity: Identity) -> Actor:
        """Whoever a credential was accepted from, known from now on.

        Raises InvalidField for an unknown type, InvalidToken for a token that was revoked.
        """
        self.require_type(identity.participant, "participant_type")
        stored = await self._profiles.load(identity.participant)
        actor = recognise(identity, stored)
        if needs_saving(identity, stored):
            await self.save_told(identity)
        return actor

    async def save_told(self, identity: Identity) -> None:
        """Stores what a credential tells, of somebody who was recognised by it."""
        told = {"avatar_url": identity.avatar_url, "email": identity.email}
        await self._node.call(SaveParticipant(participant=identity.participant, name=identity.name, **told))

    async def require(self, who: Participant) -> Actor:
        """Somebody whom the platform has told of. Raises NotFound."""
        stored = await self._profiles.load(who)
        if stored.name is None or who.type not in self._node.options.participant_types:
            raise NotFound(f"There is no participant {who.user_id}.")
        return _actor(who, stored.name)

    async def load_profile(self, who: Participant) -> Profile:
        """What is stored of somebody."""
        return await self._profiles.load(who)

    def require_type(self, who: Participant, field: str) -> None:
        """Raises InvalidField for a type that is not in PARTICIPANT_TYPES."""
        if who.type not in self._node.options.participant_types:
            known = ", ".join(self._node.options.participant_types)
            raise InvalidField(f"The participant_type must be one of {known}.", field=field)

    @write(SaveParticipant, internal=True)
    def save(self, tx: Transaction, request: SaveParticipant) -> None:
        """Creates or updates; what the request leaves open stays as it is."""
        given = {"name": request.name, "avatar_url": request.avatar_url, "email": request.email}
        save_people(tx, {request.participant: {key: value for key, value in given.items() if value is not None}})

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (self._watch,)

    async def _watch(self) -> None:
        """Brings open sessions in step with what the platform tells, on whichever node it was told.

        They go on under a new name, and end where a revocation's own signal missed them: it was lost, or they were
        just signing in.
        """
        seen_ms: int | None = None
        while True:
            try:
                if seen_ms is None:
                    seen_ms = await self._node.readers.run(self._node.clock_ms)
                if self._node.hub.participants:
                    changes = _recent_changes(self._node, seen_ms)
                    seen_ms, renamed, revoked = await self._node.readers.run_shared(changes)
                    for who, name in renamed:
                        self._rename(who, name)
                    for who, before_ms in revoked:
                        self._node.hub.end_revoked(who.user_id, before_ms)
                else:
                    seen_ms = None
            except ChatError as error:
                log.debug("watch for what the platform tells failed", error=error.message)
            await beat(WATCH_EVERY_S)

    def _rename(self, who: Participant, name: str) -> None:
        for session in self._node.hub.participants.get(who.user_id, ()):
            if session.actor is not None and session.actor.name != name:
                session.actor = _actor(who, name)


Changes = tuple[int, list[tuple[Participant, str]], list[tuple[Participant, int]]]


def _recent_changes(node: Node, seen_ms: int) -> Callable[[sa.Connection], Changes]:
    """Reads the database's clock, and who was named anew, and revoked, since shortly before `seen_ms`."""

    def read(connection: sa.Connection) -> Changes:
        sql = _CHANGES.format(clock_ms=node.database.dialect.clock_ms, since_ms=seen_ms - WATCH_BACK_MS)
        now_ms = 0
        renamed, revoked = [], []
        for kind, number, name, ms in run_packed(connection, sql, _changes):
            if name is not None:
                renamed.append((Participant(kind, number), name))
            elif number:
                revoked.append((Participant(kind, number), ms))
            else:
                now_ms = ms
        return now_ms, renamed, revoked

    return read


# Few rows, since a crowd of new people may have come; of those, too, somebody may be here under another name.
_CHANGES = """
    SELECT JSON_ARRAY('', 0, NULL, {clock_ms})
    UNION ALL
    SELECT GROUP_CONCAT(JSON_ARRAY(participant_type, participant_id, name, 0))
    FROM participants WHERE updated_ms > {since_ms:d} GROUP BY participant_id >> 7
    UNION ALL
    SELECT GROUP_CONCAT(JSON_ARRAY(participant_type, participant_id, NULL, revoked_before_ms))
    FROM session_revocations WHERE revoked_before_ms > {since_ms:d} GROUP BY participant_id >> 7
"""
_changes = msgspec.json.Decoder(list[tuple[str, int, str | None, int]])


def _actor(who: Participant, name: str) -> Actor:
    return Actor(who, name, is_moderator=who.type == MODERATOR_TYPE)


def load_profiles(connection: sa.Connection, people: Sequence[Participant]) -> list[Profile]:
    """What is stored of each; one query for all."""
    found: dict[Participant, Profile] = {}
    for start in range(0, len(people), PROFILES_AT_ONCE):
        some = among_literal("p", people[start : start + PROFILES_AT_ONCE])
        for kind, number, name, avatar, email, before_ms in run_packed(
            connection, _PROFILES.format(people=some), _profiles
        ):
            who = Participant(kind, number)
            if before_ms:
                found[who] = found.get(who, Profile())._replace(revoked_before_ms=before_ms)
            else:
                found[who] = Profile(name, avatar, email, found.get(who, Profile()).revoked_before_ms)
    return [found.get(person, Profile()) for person in people]


# The second part by itself: a token may be revoked before anybody came with it.
_PROFILES = """
    SELECT GROUP_CONCAT(JSON_ARRAY(p.participant_type, p.participant_id, p.name, p.avatar_url, p.email, 0))
    FROM participants p WHERE {people}
    UNION ALL
    SELECT GROUP_CONCAT(JSON_ARRAY(p.participant_type, p.participant_id, NULL, NULL, NULL, p.revoked_before_ms))
    FROM session_revocations p WHERE {people}
"""
_profiles = msgspec.json.Decoder(list[tuple[str, int, str | None, str | None, str | None, int]])


def revoke_tokens(tx: Transaction, who: Participant) -> int:
    """Refuses, after COMMIT, the tokens of `who` that were made up to now; from when on one is good, in milliseconds.

    Connections are the caller's to close.
    """
    before_ms = tx.read_clock() + 1
    key = {"participant_type": who.type, "participant_id": who.id}
    row = sa.and_(*(session_revocations.c[name] == value for name, value in key.items()))
    tx.connection.execute(session_revocations.delete().where(row))
    tx.connection.execute(session_revocations.insert().values(**key, revoked_before_ms=before_ms))
    return before_ms


def save_people(tx: Transaction, told: dict[Participant, dict[str, str | None]]) -> None:
    """Creates or updates each; fields that are not told stay as they are, a new participant is called by its user_id.

    A few statements, however many people.
    """
    c = participants.c
    now = tx.read_clock()
    rows = tx.connection.execute(
        sa.select(c.participant_type, c.participant_id, *(c[field] for field in _FIELDS))
        .where(among(c.participant_type, c.participant_id, told))
        .with_for_update()
    )
    stored = {
        Participant(row.participant_type, row.participant_id): {field: getattr(row, field) for field in _FIELDS}
        for row in rows
    }
    values: list[tuple[object, ...]] = []
    for who in sorted(told):
        before = stored.get(who)
        after = {"name": who.user_id, "avatar_url": None, "email": None, **(before or {}), **told[who]}
        if after != before:
            values.append((word(who.type), who.id, *(after[field] for field in _FIELDS), now, now))
    if values:
        columns = ("participant_type", "participant_id", *_FIELDS, "created_ms", "updated_ms")
        clause = tx.dialect.upsert_clause("participant_type, participant_id", (*_FIELDS, "updated_ms"))
        tx.insert("participants", columns, values, clause)


_FIELDS = ("name", "avatar_url", "email")


def parse_people(user_ids: Iterable[str], field: str) -> list[Participant]:
    """The participants named, each once, in order. Raises InvalidField naming `field`."""
    people: dict[Participant, None] = {}
    for user_id in user_ids:
        try:
            people[Participant.parse(user_id)] = None
        except ValueError as fault:
            raise InvalidField(f"This is {fault}.", field=field) from None
    return list(people)


def require_people(connection: sa.Connection, people: Sequence[Participant]) -> dict[Participant, Any]:
    """A row with name and avatar_url for each. Raises NotFound if the platform has not told of one of them."""
    c = participants.c
    rows = connection.execute(
        sa.select(c.participant_type, c.participant_id, c.name, c.avatar_url).where(
            among(c.participant_type, c.participant_id, people)
        )
    )
    found = {Participant(row.participant_type, row.participant_id): row for row in rows}
    for person in people:
        if person not in found or person == SYSTEM.participant:
            raise NotFound(f"There is no participant {person.user_id}.")
    return {person: found[person] for person in people}


def recognise(identity: Identity, stored: Profile) -> Actor:
    """Whoever a credential was accepted from. Raises InvalidToken if it was revoked."""
    if identity.issued_at is not None and is_revoked(identity.issued_at, stored.revoked_before_ms):
        raise InvalidToken("The token was revoked; sign in again.")
    who = identity.participant
    return _actor(who, identity.name or stored.name or who.user_id)


def needs_saving(identity: Identity, stored: Profile) -> bool:
    """Whether a credential tells something of its participant that is not stored."""
    if stored.name is None:
        return True
    return (
        (identity.name is not None and identity.name != stored.name)
        or (identity.avatar_url is not None and identity.avatar_url != stored.avatar_url)
        or (identity.email is not None and identity.email != stored.email)
    )


def among(
    type_column: sa.ColumnElement[str], id_column: sa.ColumnElement[int], people: Iterable[Participant]
) -> sa.ColumnElement[bool]:
    """Whether a row is one of these people's. By type, because MariaDB looks each pair of a row IN up by itself."""
    by_type: dict[str, set[int]] = {}
    for kind, number in people:
        by_type.setdefault(kind, set()).add(number)
    return sa.or_(
        sa.false(), *(sa.and_(type_column == kind, id_column.in_(sorted(ids))) for kind, ids in by_type.items())
    )


def among_literal(table: str, people: Iterable[Participant]) -> str:
    """As `among`, of a table or its alias in a statement given as text."""
    by_type: dict[str, set[int]] = {}
    for kind, number in people:
        by_type.setdefault(kind, set()).add(number)
    either = (
        f"{table}.participant_type = {word_literal(kind)} AND {table}.participant_id IN ({listed(ids)})"
        for kind, ids in by_type.items()
    )
    return f"({' OR '.join(either)})" if by_type else "(1 = 0)"
