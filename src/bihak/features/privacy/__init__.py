"""Privacy: all that is stored about somebody, handed out or erased."""

from collections import Counter
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import msgspec
import sqlalchemy as sa

from bihak.core.feature import Feature, Route, task
from bihak.core.identity import Actor
from bihak.core.node import Node
from bihak.core.session import Session
from bihak.errors import NotFound
from bihak.features.participants import parse_people, session_revocations
from bihak.features.privacy.erasure import STEPS, ErasePerson
from bihak.features.privacy.sections import SECTIONS, START, Mark, Section, of, read_page, shown
from bihak.features.search import Search
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.types import Participant, UserId, format_time
from bihak.storage.schema import conversation_participants, participants


class EraseParticipant(Request, tag="erase_participant", kw_only=True):
    """Ends a participant's sessions and erases what they said and what is known of them; safe to ask again.

    Their messages are deleted, which everyone is told of; they leave every group.
    """

    user_id: UserId


class Erased(Reply, tag="erased", kw_only=True):
    """Nothing is left but numbers: that somebody with this `user_id` was there."""

    user_id: str
    messages: int
    reactions: int


class Privacy(Feature):
    """Reads and erases in steps of bounded size, whatever somebody has left."""

    def __init__(self, node: Node, search: Search) -> None:
        self._node = node
        self._search = search

    # Handing out

    async def export(self, user_id: str) -> AsyncIterator[bytes]:
        """All that is stored about somebody, as JSON, in pieces. Raises NotFound before the first one, and Unavailable.

        Each piece is a page that is read then: what changes meanwhile may be in it or not.
        """
        (who,) = parse_people([user_id], "user_id")
        now_ms, profile = await self._node.readers.run(partial(self._read_head, who=who))
        head = {"type": "participant_export", "user_id": who.user_id, "exported_at": format_time(now_ms)}
        yield msgspec.json.encode(head | {"profile": profile})[:-1]
        for section in SECTIONS:
            yield f',"{section.name}":['.encode()
            between = b""
            async for rows in self._pages(section, who):
                yield between + b",".join(msgspec.json.encode(shown(row)) for row in rows)
                between = b","
            yield b"]"
        yield b"}"

    def _read_head(self, connection: sa.Connection, who: Participant) -> tuple[int, dict[str, Any] | None]:
        """The time, and the profile. Raises NotFound for somebody who has left no trace."""
        row = connection.execute(sa.select(participants).where(of(participants)(who))).first()
        if row is None:
            for table in (conversation_participants, session_revocations):
                if connection.execute(sa.select(sa.literal(1)).where(of(table)(who)).limit(1)).first():
                    break
            else:
                raise NotFound(f"There is no participant {who.user_id}.")
        return self._node.clock_ms(connection), None if row is None else shown(row)

    async def _pages(self, section: Section, who: Participant) -> AsyncIterator[list[Any]]:
        """The rows of a section, page by page, without empty pages."""
        after: Mark | None = START
        while after is not None:
            rows, after = await self._node.readers.run(partial(read_page, section=section, who=who, after=after))
            if rows:
                yield rows

    # Erasing

    @task(EraseParticipant, route=Route("DELETE", "/participants/{user_id}"), internal=True)
    async def erase(self, _session: Session, request: EraseParticipant) -> Erased:
        """Goes on until a whole round finds nothing, because what was under way may still have come in."""
        (who,) = parse_people([request.user_id], "user_id")
        await self._node.readers.run(partial(self._read_head, who=who))
        actor = Actor(who, who.user_id)
        revoked_ms = await self._node.call(ErasePerson(), actor)
        # After COMMIT. Should this process end before, every node finds it in the table within a second.
        self._node.hub.revoke(who.user_id, revoked_ms)
        total = Counter[str]()
        while found := await self._erase_round(actor):
            total += found
        # What was read for the index before may otherwise be written into it afterwards.
        await self._search.catch_up(who)
        await self._search.purge()
        return Erased(user_id=who.user_id, messages=total["messages"], reactions=total["reactions"])

    async def _erase_round(self, actor: Actor) -> Counter[str]:
        """How much of each kind there was."""
        found = Counter[str]()
        for step in STEPS:
            async for rows in self._pages(step.section, actor.participant):
                for start in range(0, len(rows), step.at_once):
                    await self._node.call(step.erase(rows[start : start + step.at_once]), actor)
                found[step.section.name] += len(rows)
        return found
