"""What may be said, and who may see and do what: shared with the features that build on messages."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import regex

from bihak.core.context import Query
from bihak.core.identity import Actor
from bihak.core.locking import LockedConversation, Membership
from bihak.core.transaction import Transaction
from bihak.errors import InvalidField, NotFound, TooLarge
from bihak.features.messages.pages import PageRow, read_messages_of
from bihak.features.messages.wire import MAX_CONTENT
from bihak.protocol.types import Participant
from bihak.storage.dialect import listed, word_literal
from bihak.storage.statement import run_texts

# Spaces, controls and fillers show nothing (https://www.unicode.org/reports/tr44/: Default_Ignorable_Code_Point).
_VISIBLE = regex.compile(r"[^\s\p{C}\p{DI}\u2800]")


def clean_content(content: str) -> str:
    """`content` as it is stored: trimmed. Raises InvalidField or TooLarge."""
    content = content.strip()
    if not content or not (content.isascii() or _VISIBLE.search(content)):
        raise InvalidField("A message needs content.", field="content")
    if len(content) > MAX_CONTENT:
        raise TooLarge(f"A message has at most {MAX_CONTENT} characters.", field="content")
    if "\0" in content:
        raise InvalidField("A message cannot contain NUL.", field="content")
    return content


def may_lead(actor: Actor, membership: Membership) -> bool:
    """Whether somebody may change a conversation's membership and post to a broadcast."""
    return membership.role == "owner" or actor.is_moderator


class SeenMessage(NamedTuple):
    """A message, as it is under its conversation's lock."""

    conversation: LockedConversation
    row: PageRow


def find_messages(tx: Transaction, asked: Sequence[tuple[int, Participant]]) -> list[SeenMessage | None]:
    """Each of these messages, as far as that person can see it.

    What does not exist takes the same three statements as what is not theirs, or the time would tell the two apart.
    """
    places = places_of(tx, (message_id for message_id, _ in asked))
    where = [(places.get(message_id, (0, 0))[0], who) for message_id, who in asked]
    tx.lock(where)
    rows = {row.id: row for row in read_messages_of(tx.connection, {message_id for message_id, _ in asked})}
    found: list[SeenMessage | None] = []
    for (message_id, who), (conversation_id, _) in zip(asked, where, strict=True):
        place, row = tx.find_place(conversation_id, who), rows.get(message_id)
        if place is None or row is None or row.seq <= place[1].joined_seq:
            found.append(None)
        else:
            found.append(SeenMessage(place[0], row))
    return found


def require_message(tx: Transaction, message_id: int) -> SeenMessage:
    """As `find_messages`, of one and the one who asks. Raises NotFound."""
    (found,) = find_messages(tx, [(message_id, tx.actor.participant)])
    return require_seen(found)


def require_seen(found: SeenMessage | None) -> SeenMessage:
    """Raises NotFound for None."""
    if found is None:
        raise NotFound("There is no such message, or it is not in your conversations.")
    return found


def require_joined_seq(query: Query, conversation_id: int) -> int:
    """The seq after which the reader sees a conversation it is in. Raises NotFound."""
    who = query.actor.participant
    packed = query.dialect.packed(("joined_seq",))
    found = run_texts(
        query.connection,
        f"SELECT {packed} FROM conversation_participants WHERE conversation_id = {conversation_id:d} "
        f"AND participant_type = {word_literal(who.type)} AND participant_id = {who.id:d} AND left_seq IS NULL",
    )
    if not found:
        raise NotFound("There is no such conversation, or you are not in it.")
    (joined_seq,) = query.dialect.unpack(found[0])
    return int(joined_seq)


def places_of(tx: Transaction, message_ids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Conversation and seq of each that there is."""
    wanted = listed(set(message_ids))
    if not wanted:
        return {}
    packed = tx.dialect.packed(("id", "conversation_id", "seq"))
    rows = run_texts(tx.connection, f"SELECT {packed} FROM messages WHERE id IN ({wanted})")
    return {int(message_id): (int(cid), int(seq)) for message_id, cid, seq in map(tx.dialect.unpack, rows)}
