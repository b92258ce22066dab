"""Mentions: `@` and the name or the `user_id` of somebody in the conversation."""

import json
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import regex
import sqlalchemy as sa

from bihak.core.transaction import Transaction
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, participants

# What goes on in a word; scripts that are written without spaces have no words to be in the middle of.
_IN_A_WORD = r"[\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]"
_AT = regex.compile(rf"(?<!{_IN_A_WORD}|@)@(?=[^\s@])", regex.V1)  # not in the middle of a word, as in an address
_GOES_ON = regex.compile(_IN_A_WORD, regex.V1)
LONGEST_NAME = 200


class Answer(NamedTuple):
    """What somebody answers to, folded. Their `user_id`, whose rank is 0, beats somebody else's name."""

    name: str
    user_id: str
    rank: int


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


def _names_in(connection: sa.Connection, conversation_ids: Iterable[int]) -> dict[int, list[Answer]]:
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
    names: dict[int, list[Answer]] = {}
    for conversation_id, kind, number, name in rows:
        user_id = Participant(kind, number).user_id
        names.setdefault(conversation_id, []).extend((Answer(user_id, user_id, 0), Answer(_folded(name), user_id, 1)))
    for known in names.values():
        known.sort(key=lambda answer: (-len(answer.name), answer.rank))
    return names


def _mentioned(content: str, names: Sequence[Answer]) -> list[str]:
    """By the longest name that stands there; where several people bear it, all of them."""
    content = _folded(content)
    found: dict[str, None] = {}
    for at in _AT.finditer(content):
        rest = content[at.end() : at.end() + LONGEST_NAME + 1]
        best: Answer | None = None
        for answer in names:
            if best is not None and (answer.name, answer.rank) != (best.name, best.rank):
                break
            if _begins_with(rest, answer.name):
                best = answer
                found[answer.user_id] = None
    return list(found)


def _begins_with(rest: str, name: str) -> bool:
    goes_on = rest[len(name) : len(name) + 1]
    ends = not goes_on or not _GOES_ON.match(goes_on) or not _GOES_ON.match(name[-1])
    return rest.startswith(name) and ends


def _folded(text: str) -> str:
    """Without the differences of case, and of how an accent is put together."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
