"""Who is there before a run: people, their conversations, and what has been said in them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

import sqlalchemy as sa

from bihak.features.deferred import deferred_progress
from bihak.storage.dialect import Database
from bihak.storage.migrate import upgrade
from bihak.storage.schema import conversation_participants, conversations, id_blocks, messages, participants

CHUNK = 5_000
TASKS = ("notify", "search")
"""What is done behind the messages; all of it is done, so that a run finds the server at rest."""
Member = tuple[str, int]
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Conversation:
    """Its members are there from the start; `said` messages are in it, all from its first member."""

    id: int
    kind: str
    members: tuple[Member, ...]
    said: int = 0
    unread_by: Member | None = None


@dataclass(frozen=True)
class Seed:
    """A kind of society and its size. Its people's ids begin after `base`."""

    kind: Literal["pairs", "room", "ring"]
    people: int
    talks: int = 1
    base: int = 0

    @property
    def conversation_count(self) -> int:
        """How many conversations there are."""
        return 1 if self.kind == "room" else self.people * self.talks // 2

    def conversations(self) -> Iterator[Conversation]:
        return {"pairs": self._pairs, "room": self._room, "ring": self._ring}[self.kind]()

    def _pairs(self) -> Iterator[Conversation]:
        """`user_n` and `mentor_n` in `talks` conversations of their own; `people` counts both."""
        for n in range(self.people // 2):
            members = (("user", self.base + n + 1), ("mentor", self.base + n + 1))
            for talk in range(self.talks):
                yield Conversation(n * self.talks + talk + 1, "team" if talk else "direct", members)

    def _room(self) -> Iterator[Conversation]:
        """All in one."""
        yield Conversation(1, "team", tuple(("user", self.base + n + 1) for n in range(self.people)))

    def _ring(self) -> Iterator[Conversation]:
        """Each in `talks` direct conversations with two messages, half of them to either side; one is unread."""
        steps = self.talks // 2
        for n in range(self.people):
            for step in range(1, steps + 1):
                members = (("user", self.base + n + 1), ("user", self.base + (n + step) % self.people + 1))
                yield Conversation(n * steps + step, "direct", members, 2, members[1] if step == 1 else None)


def plant(database: Database, seed: Seed) -> None:
    """Makes the tables, and writes it all."""
    upgrade(database)
    everybody: dict[Member, None] = {}
    last = 0
    left = seed.conversations()
    with database.writer_engine.begin() as connection:
        while chunk := list(islice(left, CHUNK)):
            last = chunk[-1].id
            everybody.update((member, None) for conversation in chunk for member in conversation.members)
            _insert(connection, conversations, (_conversation(c) for c in chunk))
            _insert(connection, conversation_participants, (_membership(c, m) for c in chunk for m in c.members))
            _insert(connection, messages, (_message(c, seq) for c in chunk for seq in range(1, c.said + 1)))
            _insert(connection, deferred_progress, (_done(c, task) for c in chunk if c.said for task in TASKS))
        _insert(connection, participants, (_participant(member) for member in everybody))
        connection.execute(id_blocks.update().where(id_blocks.c.name == "conversations").values(next_id=last + 1))


def _insert(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    left = iter(rows)
    while chunk := list(islice(left, CHUNK)):
        connection.execute(table.insert(), chunk)


def _conversation(conversation: Conversation) -> Row:
    first, *others = sorted(f"{kind}_{number}" for kind, number in conversation.members)
    return {
        "id": conversation.id,
        "conversation_type": conversation.kind,
        "direct_key": f"{first}|{others[0]}" if conversation.kind == "direct" else None,
        "last_seq": conversation.said,
        "member_count": len(conversation.members),
        "created_ms": 1,
    }


def _membership(conversation: Conversation, member: Member) -> Row:
    return {
        "conversation_id": conversation.id,
        "participant_type": member[0],
        "participant_id": member[1],
        "joined_ms": 1,
        "last_read_seq": 0 if member == conversation.unread_by else conversation.said,
    }


def _done(conversation: Conversation, task: str) -> Row:
    return {"task": task, "conversation_id": conversation.id, "seq": conversation.said}


def _message(conversation: Conversation, seq: int) -> Row:
    return {
        "id": (1 << 50) + conversation.id * 100 + seq,
        "conversation_id": conversation.id,
        "seq": seq,
        "sender_type": conversation.members[0][0],
        "sender_id": conversation.members[0][1],
        "content": f"Message number {seq}.",
        "created_ms": seq,
    }


def _participant(member: Member) -> Row:
    name = f"{member[0].capitalize()} {member[1]}"
    return {"participant_type": member[0], "participant_id": member[1], "name": name, "created_ms": 1, "updated_ms": 1}
