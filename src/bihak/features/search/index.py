"""The index of messages: what goes into it, and how it is written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from bihak.core.transaction import Transaction
from bihak.features.backlog import Due
from bihak.features.deferred import within
from bihak.features.messages import MessageDeleted, MessageEdited, NewMessage
from bihak.features.search.words import in_conversation, plain_words, sent_by
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.types import Participant
from bihak.storage.dialect import Plain, listed
from bihak.storage.statement import run

INSERT_BYTES = 500_000
_REWRITES = (MessageEdited, MessageDeleted)
_REWRITE_KINDS = ", ".join(f"'{kind.__struct_config__.tag}'" for kind in _REWRITES)


class Step(NamedTuple):
    """How far the index comes in one conversation; `done` is None where nothing of it may be indexed yet."""

    done: int | None
    through: int


class IndexMessages(Request, tag="index_messages", kw_only=True):
    """The server's own: puts messages into the index, and takes the deleted ones out."""

    steps: dict[int, Step]
    entries: list[tuple[int, int, int, str]]
    """(conversation_id, message_id, edited_ms, words)"""
    deleted: list[int]


class Indexed(Reply, tag="indexed", kw_only=True):
    """The server's own: in which conversations the index moved."""

    conversation_ids: set[int]


def index_of(taken: Mapping[int, Due]) -> IndexMessages:
    """What the index lacks of conversations in which messages were sent, and nothing else that changes it."""
    steps: dict[int, Step] = {}
    entries: list[tuple[int, int, int, str]] = []
    for cid, due in taken.items():
        if not due.events or any(isinstance(event, _REWRITES) for event in due.events):
            continue
        after = due.events[0].seq - 1
        steps[cid] = Step(after or None, due.events[-1].seq)
        entries += [
            _entry(cid, event.message_id, 0, event.content, Participant(event.sender_type, event.sender_id))
            for event in due.events
            if isinstance(event, NewMessage)
        ]
    return IndexMessages(steps=steps, entries=entries, deleted=[])


def _entry(
    conversation_id: int, message_id: int, edited_ms: int, content: str, sender: Participant
) -> tuple[int, int, int, str]:
    words = " xqw".join(("", *plain_words(content)))  # as `words_of`, without a string for each
    return conversation_id, message_id, edited_ms, f"{in_conversation(conversation_id)} {sent_by(sender)}{words}"


def read_changes(
    connection: sa.Connection, steps: dict[int, Step]
) -> tuple[list[tuple[int, int, int, str]], list[int]]:
    """The entries of the messages that were sent or edited in these steps, and the ids of those deleted."""
    if not steps:
        return [], []
    seqs = [(cid, (step.done or 0) + 1, step.through) for cid, step in steps.items()]
    rewritten = run(
        connection,
        f"SELECT e.message_id FROM conversation_events e WHERE ({within('e', seqs)}) AND e.kind IN ({_REWRITE_KINDS})",
    )
    ids = listed({message_id for (message_id,) in rewritten})
    also = f" OR m.id IN ({ids})" if ids else ""
    changed = run(
        connection,
        "SELECT m.id, m.conversation_id, m.sender_type, m.sender_id, m.content, m.edited_ms, m.deleted_ms "
        f"FROM messages m WHERE {within('m', seqs)}{also}",
    )
    entries, deleted = [], []
    for message_id, cid, kind, number, content, edited_ms, deleted_ms in changed:
        if deleted_ms is not None:
            deleted.append(message_id)
        else:
            entries.append(_entry(cid, message_id, edited_ms or 0, content, Participant(kind, number)))
    return entries, deleted


def save(tx: Transaction, entries: Iterable[tuple[int, int, str]]) -> None:
    """Writes entries, over those there are; about so many bytes at once. Nothing in `tx` may read them."""
    some: list[tuple[int, int, str]] = []
    size = 0
    for entry in entries:
        some.append(entry)
        size += len(entry[2])
        if size > INSERT_BYTES:
            _save_some(tx, some)
            some, size = [], 0
    _save_some(tx, some)


def _save_some(tx: Transaction, entries: Sequence[tuple[int, int, str]]) -> None:
    if entries:
        rows = [(message_id, edited_ms, Plain(words)) for message_id, edited_ms, words in entries]
        clause = tx.dialect.upsert_clause("message_id", ("edited_ms", "words"))
        tx.insert_last("message_words", ("message_id", "edited_ms", "words"), rows, clause)
