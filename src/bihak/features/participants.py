"""People: who they are, as the platform's tokens tell."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from bihak.core.context import Transaction
from bihak.core.feature import Feature, write
from bihak.core.identity import Actor, Identity
from bihak.core.node import Node
from bihak.errors import InvalidField, NotFound
from bihak.protocol.envelope import Request
from bihak.protocol.types import Participant
from bihak.storage.readers import GroupedRead
from bihak.storage.schema import participants

MODERATOR_TYPE = "admin"


class SaveParticipant(Request, tag="save_participant", kw_only=True):
    """The server's own: creates a participant, or takes over what changed."""

    participant: Participant
    name: str
    avatar_url: str | None = None
    email: str | None = None


class Participants(Feature):
    """Keeps the `participants` table."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._profiles: GroupedRead[Participant, Any] = GroupedRead(node.readers, _load_profiles)

    async def admit(self, identity: Identity) -> Actor:
        """Whoever a credential was accepted from, known from now on. Raises InvalidField for an unknown type."""
        who = identity.participant
        if who.type not in self._node.options.participant_types:
            known = ", ".join(self._node.options.participant_types)
            raise InvalidField(f"The participant_type must be one of {known}.", field="participant_type")
        stored = await self._profiles.load(who)
        name = identity.name or (stored.name if stored is not None else who.user_id)
        if needs_saving(identity, stored):
            await self._node.call(
                SaveParticipant(participant=who, name=name, avatar_url=identity.avatar_url, email=identity.email)
            )
        return Actor(who, name, is_moderator=who.type == MODERATOR_TYPE)

    @write(SaveParticipant, internal=True)
    def save(self, tx: Transaction, request: SaveParticipant) -> None:
        """Creates or updates; what the request leaves open stays as it is."""
        given = {"name": request.name, "avatar_url": request.avatar_url, "email": request.email}
        changed = {key: value for key, value in given.items() if value is not None}
        row = _is(request.participant)
        now = tx.read_clock()
        updated = tx.connection.execute(participants.update().where(row).values(**changed, updated_ms=now))
        if not updated.rowcount:
            kind, number = request.participant
            tx.connection.execute(
                participants.insert().values(
                    participant_type=kind, participant_id=number, **given, created_ms=now, updated_ms=now
                )
            )


def _load_profiles(connection: sa.Connection, people: Sequence[Participant]) -> list[Any]:
    c = participants.c
    rows = connection.execute(
        sa.select(c.participant_type, c.participant_id, c.name, c.avatar_url, c.email).where(
            among(c.participant_type, c.participant_id, people)
        )
    )
    found = {(row.participant_type, row.participant_id): row for row in rows}
    return [found.get(person) for person in people]


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
        if person not in found:
            raise NotFound(f"There is no participant {person.user_id}.")
    return {person: found[person] for person in people}


def needs_saving(identity: Identity, stored: Any) -> bool:
    """Whether a credential tells something of its participant that the row `stored` does not have."""
    if stored is None:
        return True
    told = {"name": identity.name, "avatar_url": identity.avatar_url, "email": identity.email}
    return any(new is not None and new != getattr(stored, field) for field, new in told.items())


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


def _is(who: Participant) -> sa.ColumnElement[bool]:
    return sa.and_(participants.c.participant_type == who.type, participants.c.participant_id == who.id)
