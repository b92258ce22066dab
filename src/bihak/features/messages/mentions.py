"""Mentions: `@` and the name or the `user_id` of somebody in the conversation."""

import json
import re
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from bihak.core.context import Transaction
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, participants

_AT = re.compile(r"(?<![\w@])@(?=\w)")  # not in the middle of a word, as in an address


def resolve_mentions(tx: Transaction, texts: Sequence[tuple[int, str]]) -> list[list[str]]:
    """For each (conversation_id, content) the `user_id`s it mentions, each once, in order.

    One query for all; none where no text has an `@`.
    """
    wanted = {conversation_id for conversation_id, content in texts if _AT.search(content)}
    if not wanted:
        return [[] for _ in texts]
    names = _names_in(tx.connection, wanted)
    return [_mentioned(content, names.get(conversation_id, [])) for conversation_id, content in texts]


def dump_mentions(user_ids: Sequence[str]) -> str | None:
    """As they are stored."""
    return json.dumps(user_ids) if user_ids else None


def load_mentions(stored: str | None) -> list[str]:
    """What `dump_mentions` stored."""
    return [str(user_id) for user_id in json.loads(stored)] if stored else []


def _names_in(connection: sa.Connection, conversation_ids: Iterable[int]) -> dict[int, list[tuple[str, str]]]:
    """For each conversation what its people answer to, longest first, with their `user_id`."""
    p, who = conversation_participants.c, participants.c
    rows = connection.execute(
        sa.select(p.conversation_id, p.participant_type, p.participant_id, who.name)
        .select_from(
            conversation_participants.join(
                participants,
                sa.and_(who.participant_type == p.participant_type, who.participant_id == p.participant_id),
            )
        )
        .where(p.conversation_id.in_(conversation_ids), p.left_seq.is_(None))
        .order_by(p.joined_ms, p.participant_type, p.participant_id)
    )
    names: dict[int, list[tuple[str, str]]] = {}
    for conversation_id, kind, number, name in rows:
        user_id = Participant(kind, number).user_id
        names.setdefault(conversation_id, []).extend(((name.casefold(), user_id), (user_id, user_id)))
    for known in names.values():
        known.sort(key=lambda entry: len(entry[0]), reverse=True)
    return names


def _mentioned(content: str, names: Sequence[tuple[str, str]]) -> list[str]:
    found: dict[str, None] = {}
    for at in _AT.finditer(content):
        rest = content[at.end() : at.end() + 200].casefold()
        for name, user_id in names:
            if rest.startswith(name) and not rest[len(name) : len(name) + 1].isalnum():
                found[user_id] = None
                break
    return list(found)
