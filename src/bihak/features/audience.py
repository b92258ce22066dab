"""What is told to everyone in a conversation as long as there are few of them: who is here, and who has read what.

Of each such change everybody hears, and everybody makes them: with the people in it the deliveries grow by the square.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from bihak.storage.dialect import listed
from bihak.storage.statement import run

MOST_TOLD = 200
"""Participants of the largest such conversation; whoever is in a larger one asks."""


def small_conversations(connection: sa.Connection, ids: Iterable[int]) -> set[int]:
    """Those of these conversations in which everyone is told. At most one statement."""
    wanted = set(ids)
    if not wanted:
        return set()
    # The large ones are asked for: there are few, and a driver takes longer over a row than over its id in a list.
    large = f"SELECT c.id FROM conversations c WHERE c.id IN ({listed(wanted)}) AND {is_large('c')}"
    return wanted - {conversation_id for (conversation_id,) in run(connection, large)}


def is_large(conversations: str) -> str:
    """SQL: whether a row of that table, or alias of it, is of a conversation in which not everyone is told."""
    return f"{conversations}.member_count > {MOST_TOLD:d}"
