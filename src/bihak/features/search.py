"""Search: messages by their words, from an index that follows the log.

Both databases index the same tokens, made here: ASCII letters only, each of four or more and beginning alike, so that
neither their stop words and shortest lengths nor their ideas of a letter matter, and nothing in a query is an operator.
"""

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Annotated, Any, NamedTuple

import sqlalchemy as sa
import structlog
from msgspec import Meta

from bihak.core.context import Query, Transaction
from bihak.core.feature import Feature, Route, read, write
from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.errors import ChatError, InvalidField, NotFound
from bihak.features.backlog import Backlog, Due
from bihak.features.deferred import Progress, listed, within
from bihak.features.fulltext import engine_of, message_words
from bihak.features.messages import (
    Message,
    MessageDeleted,
    MessageEdited,
    Messages,
    NewMessage,
    require_joined_seq,
    select_messages,
)
from bihak.protocol.envelope import DurableEvent, Reply, Request
from bihak.protocol.types import ConversationId, MessageId, Participant, UserId
from bihak.storage.schema import conversation_participants, conversations, messages
from bihak.storage.statement import run

log = structlog.stdlib.get_logger("bihak")

MAX_QUERY = 200
SEARCH_LIMIT = 50
SEARCH_MAX = 100

INDEX_AFTER_S = 0.3
SEQS_AT_ONCE = 400
CONVERSATIONS_AT_ONCE = 100
INSERT_BYTES = 500_000
PURGE_REST_S = 0.05
NAMED_CONVERSATIONS = 200
"""Up to so many conversations of the reader's are named in the query; for more, the index answers for everyone's."""


class SearchMessages(Request, tag="search", kw_only=True):
    """Messages that have each word of `q`, or a word that begins with it, in one's conversations; the latest first.

    Case and accents make no difference. `before` is the oldest message of the page before.
    """

    q: Annotated[str, Meta(min_length=1, max_length=MAX_QUERY)]
    conversation_id: ConversationId | None = None
    sender: UserId | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    """Sent at this time or later."""
    until: Annotated[datetime, Meta(tz=True)] | None = None
    """Sent before this time."""
    limit: Annotated[int, Meta(ge=1, le=SEARCH_MAX)] = SEARCH_LIMIT
    before: MessageId | None = None


class SearchResults(Reply, tag="search_results", kw_only=True):
    """The latest of what was found."""

    conversation_id: int | None
    messages: list[Message]
    """Oldest first."""
    has_more: bool
    """Whether there are older ones."""


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


class PurgeWords(Request, tag="purge_words", kw_only=True):
    """The server's own: one step of taking the words of what was deleted out of the index's own tables."""

    is_first: bool


class Indexed(Reply, tag="indexed", kw_only=True):
    """The server's own: in which conversations the index moved."""

    conversation_ids: set[int]


class Search(Feature):
    """Finds messages. The index is written after the reply, within about half a second where there is time for it."""

    def __init__(self, node: Node, messages: Messages) -> None:
        self._node = node
        self._messages = messages
        self._backlog = Backlog(INDEX_AFTER_S, _CHANGES)
        self._progress = Progress("search")
        self._has_stale_words = True  # for all one knows at the start

    @read(SearchMessages, route=Route("GET", "/search"), limit=Limit.SEARCH)
    def search(self, query: Query, request: SearchMessages) -> SearchResults:
        """Whatever the index says, only present text of what the reader's memberships cover is found."""
        if not request.q.strip():
            raise InvalidField("Say what to look for.", field="q")
        if request.conversation_id is not None:
            require_joined_seq(query, request.conversation_id)
        ids = _find(query, request)
        page = ids[: request.limit]
        rows = query.connection.execute(select_messages().where(messages.c.id.in_(page))).all()
        found = {message.message_id: message for message in self._messages.load(query.connection, rows)}
        return SearchResults(
            conversation_id=request.conversation_id,
            messages=[found[message_id] for message_id in reversed(page)],
            has_more=len(ids) > request.limit,
        )

    def committed(self, events: Sequence[DurableEvent]) -> None:
        self._backlog.follow(events)

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        return (self._index_what_is_behind, self._follow, self._purge_now_and_then)

    async def _follow(self) -> None:
        await self._backlog.run(self._index, CONVERSATIONS_AT_ONCE, SEQS_AT_ONCE)

    async def _index_what_is_behind(self) -> None:
        """At start: what a crash, or another node that is no more, left. In a new database that is nothing."""
        after_id: int | None = 0
        while after_id is not None:
            found, after_id = await self._node.readers.run(partial(self._progress.behind, after_id=after_id))
            self._backlog.add_due(found)

    async def _index(self, taken: dict[int, Due]) -> None:
        """Brings these conversations a step further. Raises Unavailable."""
        behind = set(taken)
        if any(due.events for due in taken.values()):
            # On a thread: making words of text is most of the work.
            request = await asyncio.to_thread(_index_of, taken)
            if request.steps:
                done = (await self._node.call(request)).conversation_ids
                behind -= {cid for cid in done if request.steps[cid].through >= taken[cid].through}
        if behind:
            await self._read_and_index(behind)

    async def _read_and_index(self, conversation_ids: Iterable[int]) -> None:
        """As `_index`, where this node has not got the events, or not all of them."""
        request, left_over = await self._node.readers.run(partial(self._prepare, ids=list(conversation_ids)))
        done: set[int] = set()
        if request.steps:
            done = (await self._node.call(request)).conversation_ids
        again = left_over | {cid: step.through for cid, step in request.steps.items() if cid not in done}
        if again:
            self._backlog.add_due(again)

    def _prepare(self, connection: sa.Connection, ids: Sequence[int]) -> tuple[IndexMessages, dict[int, int]]:
        """What the index lacks of these conversations, some seqs of it, and in which there is more.

        Done on a reader's thread: making words of text is most of the work, and the writer must not wait for it.
        """
        steps: dict[int, Step] = {}
        left_over: dict[int, int] = {}
        room = SEQS_AT_ONCE
        for row in connection.execute(self._progress.select().where(conversations.c.id.in_(ids))):
            after = row.done or 0
            through = min(row.last_seq, after + room)
            if through > after:
                steps[row.id] = Step(row.done, through)
                room -= through - after
            if through < row.last_seq:
                left_over[row.id] = row.last_seq
        entries, deleted = _read_changes(connection, steps)
        return IndexMessages(steps=steps, entries=entries, deleted=deleted), left_over

    @write(IndexMessages, internal=True)
    def index(self, tx: Transaction, request: IndexMessages) -> Indexed:
        """A few statements. A conversation in which the index has moved since it was read is left as it is."""
        self._progress.begin(tx, (cid for cid, step in request.steps.items() if step.done is None))
        done = self._progress.lock(tx, request.steps, wait=False)
        seqs = {cid: step.through for cid, step in request.steps.items() if done.get(cid) == (step.done or 0)}
        _save(tx, [entry[1:] for entry in request.entries if entry[0] in seqs])
        if request.deleted:
            self.forget(tx, request.deleted)
        self._has_stale_words |= any(edited_ms for _, _, edited_ms, _ in request.entries)
        self._progress.advance(tx, seqs)
        return Indexed(conversation_ids=set(seqs))

    # Forgetting

    def forget(self, tx: Transaction, message_ids: Sequence[int]) -> None:
        """Takes messages out at once, without waiting for the index to come to them."""
        self._has_stale_words = True
        tx.connection.execute(message_words.delete().where(message_words.c.message_id.in_(message_ids)))

    async def purge(self) -> None:
        """Leaves no word of what was deleted, or edited, in the files of the index. Raises Unavailable."""
        self._has_stale_words = False
        step = PurgeWords(is_first=True)
        while await self._node.call(step):
            step = PurgeWords(is_first=False)
            await asyncio.sleep(PURGE_REST_S)
        await asyncio.to_thread(self._node.database.scrub)

    @write(PurgeWords, internal=True)
    def purge_words(self, tx: Transaction, request: PurgeWords) -> bool:
        """Whether there is more to do."""
        return engine_of(tx.connection).purge(tx.connection, is_first=request.is_first)

    async def _purge_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._node.options.periods_s["deleted"])
            if not self._has_stale_words:
                continue
            try:
                await self.purge()
            except ChatError as error:
                self._has_stale_words = True
                log.warning("cleanup failed", task="deleted", error=error.message)
            else:
                log.info("cleanup", task="deleted")


_CHANGES = (NewMessage, MessageEdited, MessageDeleted)
_REWRITES = (MessageEdited, MessageDeleted)
_REWRITE_KINDS = ", ".join(f"'{kind.__struct_config__.tag}'" for kind in _REWRITES)


# The index


def _index_of(taken: Mapping[int, Due]) -> IndexMessages:
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
    words = " xqw".join(("", *_plain_words(content)))  # as `words_of`, without a string for each
    return conversation_id, message_id, edited_ms, f"{in_conversation(conversation_id)} {sent_by(sender)}{words}"


def _read_changes(
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


def _save(tx: Transaction, entries: Iterable[tuple[int, int, str]]) -> None:
    """Writes entries, over those there are; one statement for about so many bytes."""
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
        # The words are ASCII letters, digits and `_`, which need no escaping anywhere.
        rows = ",".join(f"({message_id:d},{edited_ms:d},'{words}')" for message_id, edited_ms, words in entries)
        run(
            tx.connection,
            f"INSERT INTO message_words (message_id, edited_ms, words) VALUES {rows} "
            + tx.dialect.upsert_clause("message_id", ("edited_ms", "words")),
        )


# Words

LONGEST_WORD = 77
"""MariaDB leaves out tokens of more than 84 characters, so of a longer word the beginning stands for it."""
MAX_KNOWN_LETTERS = 20_000
_UNSPACED = (
    *((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF)),  # Thai and Lao, Myanmar, Khmer
    *((0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x9FFF), (0x20000, 0x3FFFF)),  # Han, kana
)


class _Letters(dict[int, str]):
    """For `str.translate`: what becomes of each character of a text whose accents stand by themselves."""

    def __missing__(self, code: int) -> str:
        letter = _letter(chr(code))
        if len(self) < MAX_KNOWN_LETTERS:
            self[code] = letter
        return letter


def _letter(char: str) -> str:
    code, category = ord(char), unicodedata.category(char)
    if char.isascii():
        return char if char.isalnum() else " "
    if any(first <= code <= last for first, last in _UNSPACED):
        return f" {_escaped(code)} "  # written without spaces, so each letter is a word
    if unicodedata.combining(char) or category == "Cf" or 0xFE00 <= code <= 0xFE0F:
        return ""  # accents, and what only changes how others look
    if category == "So":
        return f" {_escaped(code)} "  # an emoji is a word
    return _escaped(code) if category[0] in "LMN" else " "


def _escaped(code: int) -> str:
    """In letters, digits and `_`, of a length that shows where the next one begins: so prefixes stay prefixes."""
    return f"_{_base36(code, 3)}" if code < 36**3 else f"__{_base36(code, 4)}"


def _base36(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits


_LETTERS = _Letters()
_ASCII = "".join(_letter(chr(code)).lower() for code in range(128)).encode().ljust(256)
"""The same, for text that is nothing else."""


def words_of(text: str) -> list[str]:
    """The tokens of `text`, each once: its words without case and accents, each letter of unspaced scripts, emoji."""
    return [f"xqw{word}" for word in _plain_words(text)]


def _plain_words(text: str) -> dict[str, None]:
    if text.isascii():
        text = text.encode().translate(_ASCII).decode()
    else:
        text = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    words = dict.fromkeys(text.split())
    if len(text) > LONGEST_WORD and any(len(word) > LONGEST_WORD for word in words):
        words = dict.fromkeys(word[:LONGEST_WORD] for word in words)
    return words


def in_conversation(conversation_id: int) -> str:
    """The token of every message in it: in one conversation the index then looks at no other."""
    return f"xqc{conversation_id}"


def sent_by(who: Participant) -> str:
    """The token of everything that somebody sent."""
    return f"xqs{who.type}{who.id}"


# Finding


def _find(query: Query, request: SearchMessages) -> list[int]:
    """The ids of what was found, newest first, one more than asked for if there are more."""
    sender = _parse_sender(request.sender) if request.sender is not None else None
    words = words_of(request.q)
    if not words:
        return []  # nothing but punctuation, of which there is no index
    m, p, who = messages.c, conversation_participants.c, query.actor.participant
    mine = (p.participant_type == who.type, p.participant_id == who.id, p.left_seq.is_(None))
    whole, any_of, conditions = [], [], []
    if request.conversation_id is not None:
        whole.append(in_conversation(request.conversation_id))
        conditions.append(m.conversation_id == request.conversation_id)
    else:
        ids = query.connection.execute(sa.select(p.conversation_id).where(*mine).limit(NAMED_CONVERSATIONS + 1))
        any_of = [in_conversation(conversation_id) for conversation_id in ids.scalars()]
        if not any_of:
            return []
        if len(any_of) > NAMED_CONVERSATIONS:
            any_of = []
    if sender is not None:
        whole.append(sent_by(sender))
        conditions += [m.sender_type == sender.type, m.sender_id == sender.id]
    if request.since is not None:
        conditions.append(m.created_ms >= _ms(request.since))
    if request.until is not None:
        conditions.append(m.created_ms < _ms(request.until))
    visible = (
        message_words.join(messages, m.id == message_words.c.message_id)
        .join(conversation_participants, sa.and_(p.conversation_id == m.conversation_id, *mine, m.seq > p.joined_seq))
    )  # fmt: skip
    order = (m.created_ms, m.conversation_id, m.seq)
    if request.before is not None:
        conditions.append(sa.tuple_(*order) < sa.tuple_(*_mark(query, request, mine)))
    statement = (
        sa.select(m.id)
        .select_from(visible)
        .where(
            engine_of(query.connection).matches(words, whole, any_of),
            m.deleted_ms.is_(None),
            sa.func.coalesce(m.edited_ms, 0) == message_words.c.edited_ms,
            *conditions,
        )
        .order_by(*(column.desc() for column in order))
        .limit(request.limit + 1)
    )
    return list(query.connection.execute(statement).scalars())


def _mark(query: Query, request: SearchMessages, mine: Sequence[sa.ColumnElement[bool]]) -> Any:
    """Where the message `before` stands in the order. Raises NotFound unless the reader can see it where it looks."""
    m, p = messages.c, conversation_participants.c
    here = [m.id == request.before]
    if request.conversation_id is not None:
        here.append(m.conversation_id == request.conversation_id)
    mark = query.connection.execute(
        sa.select(m.created_ms, m.conversation_id, m.seq)
        .join(conversation_participants, sa.and_(p.conversation_id == m.conversation_id, m.seq > p.joined_seq))
        .where(*here, *mine)
    ).first()
    if mark is None:
        raise NotFound("There is no such message, or it is not in your conversations.")
    return mark


def _parse_sender(user_id: str) -> Participant:
    try:
        return Participant.parse(user_id)
    except ValueError as fault:
        raise InvalidField(f"This is {fault}.", field="sender") from None


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
