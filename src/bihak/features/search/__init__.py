"""Search: messages by their words, from an index that follows the log.

Both databases index the same tokens, made here: ASCII letters only, each of four or more and beginning alike, so that
neither their stop words and shortest lengths nor their ideas of a letter matter, and nothing in a query is an operator.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial

import sqlalchemy as sa
import structlog

from bihak.core.context import Call, Query
from bihak.core.feature import Feature, Route, read, write, write_many
from bihak.core.limits import Limit
from bihak.core.node import Node
from bihak.core.transaction import Transaction
from bihak.errors import ChatError, InvalidField
from bihak.features.backlog import AtOnce, Backlog, Due
from bihak.features.deferred import Progress
from bihak.features.fulltext import engine_of, message_words
from bihak.features.messages import (
    MessageDeleted,
    MessageEdited,
    Messages,
    NewMessage,
    read_messages_of,
    require_joined_seq,
)
from bihak.features.search.finding import find
from bihak.features.search.index import Indexed, IndexMessages, Step, index_of, read_changes, save
from bihak.features.search.wire import SearchMessages, SearchResults
from bihak.protocol.envelope import DurableEvent, Request
from bihak.protocol.types import Participant
from bihak.storage.schema import conversations

__all__ = ["INDEX_AFTER_S", "SEQS_AT_ONCE", "Search"]

log = structlog.stdlib.get_logger("bihak")

INDEX_AFTER_S = 0.3
REST_S = 1.0
"""How long a conversation rests between two steps, while more is said in it."""
SEQS_AT_ONCE = 200
CONVERSATIONS_AT_ONCE = AtOnce(20, 64)
PURGE_REST_S = 0.05
CATCH_UP_RETRY_S = 0.05
"""How long to leave the conversations to another step that is at work on them."""
_CHANGES = (NewMessage, MessageEdited, MessageDeleted)


class PurgeWords(Request, tag="purge_words", kw_only=True):
    """The server's own: one step of taking the words of what was deleted out of the index's own tables."""

    is_first: bool


class Search(Feature):
    """Finds messages. The index is written after the reply, within about a second where there is time for it."""

    def __init__(self, node: Node, messages: Messages) -> None:
        self._node = node
        self._messages = messages
        self._backlog = Backlog(INDEX_AFTER_S, _CHANGES, rest_s=REST_S)
        self._progress = Progress("search")
        self._has_stale_words = True  # for all one knows at the start

    @read(SearchMessages, route=Route("GET", "/search"), limit=Limit.SEARCH)
    def search(self, query: Query, request: SearchMessages) -> SearchResults:
        """Whatever the index says, only present text of what the reader's memberships cover is found."""
        if not request.q.strip():
            raise InvalidField("Say what to look for.", field="q")
        if request.conversation_id is not None:
            require_joined_seq(query, request.conversation_id)
        ids = find(query, request)
        page = ids[: request.limit]
        loaded = self._messages.load(query.connection, read_messages_of(query.connection, page))
        found = {message.message_id: message for message in loaded}
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
            request = await asyncio.to_thread(index_of, taken)
            if request.steps:
                done = (await self._node.call(request)).conversation_ids
                behind -= {cid for cid in done if request.steps[cid].through >= taken[cid].through}
        if behind:
            again = await self._read_and_index(behind)
            if again:
                self._backlog.add_due(again)

    async def _read_and_index(self, conversation_ids: Iterable[int]) -> dict[int, int]:
        """As `_index`, where this node has not got the events, or not all of them: where there is more, up to where."""
        request, left_over = await self._node.readers.run(partial(self._prepare, ids=list(conversation_ids)))
        done: set[int] = set()
        if request.steps:
            done = (await self._node.call(request)).conversation_ids
        return left_over | {cid: step.through for cid, step in request.steps.items() if cid not in done}

    async def catch_up(self, who: Participant) -> None:
        """Brings the index to where the log is now in each conversation that somebody is, or was, in.

        No step prepared before, on whichever node, changes the index there afterwards. Raises Unavailable.
        """
        behind = await self._node.readers.run(partial(self._progress.behind_of, who=who))
        while behind:
            some = behind[: CONVERSATIONS_AT_ONCE.most]
            again = await self._read_and_index(some)
            behind = [cid for cid in some if cid in again] + behind[CONVERSATIONS_AT_ONCE.most :]
            if len(again) == len(some):
                await asyncio.sleep(CATCH_UP_RETRY_S)

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
        entries, deleted = read_changes(connection, steps)
        return IndexMessages(steps=steps, entries=entries, deleted=deleted), left_over

    @write_many(IndexMessages, internal=True)
    def index(self, tx: Transaction, calls: Sequence[Call[IndexMessages]]) -> None:
        """A few statements. A conversation in which the index has moved since it was read is left as it is."""
        is_last, tx.is_last = tx.is_last, False
        for call in calls:
            tx.is_last = is_last and call is calls[-1]
            call.outcome = self._take_step(tx, call.request)

    def _take_step(self, tx: Transaction, request: IndexMessages) -> Indexed:
        self._progress.begin(tx, (cid for cid, step in request.steps.items() if step.done is None))
        done = self._progress.lock(tx, request.steps, wait=False)
        seqs = {cid: step.through for cid, step in request.steps.items() if done.get(cid) == (step.done or 0)}
        if request.deleted:
            self.forget(tx, request.deleted)
        save(tx, [entry[1:] for entry in request.entries if entry[0] in seqs])
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
