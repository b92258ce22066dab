"""A transaction as a writing handler sees it: what is locked or presumed, what is recorded, and written in the end."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from operator import attrgetter
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from bihak.core.context import Call, Signal
from bihak.core.identity import Actor
from bihak.core.locking import LockedConversation, Membership, Place, lock_places
from bihak.core.log import stored_fields
from bihak.errors import ChatError, NotFound
from bihak.protocol.envelope import DurableEvent, Request
from bihak.protocol.types import Participant
from bihak.storage.dialect import Dialect, Plain, Statement, word
from bihak.storage.ids import IdBlocks
from bihak.storage.statement import run, run_all, run_at_commit

R = TypeVar("R", bound=Request)
K = TypeVar("K")
V = TypeVar("V")


CHANGED_GRAIN_MS = 2000
"""`changed_ms` is rounded down to this: a conversation that is busy seldom gets another place in the index."""
LATE_MS = 3000
"""What is presumed at one time must reach the database within this and the rounding, or it is refused."""
PROMPT_S = 0.25
"""An answer that took longer tells little of the database's clock: it, or we, may have stood still."""


class Transaction:
    """What a writing handler works with: one transaction for many calls, of which `call` is the one being served."""

    def __init__(self, connection: sa.Connection, dialect: Dialect, ids: IdBlocks) -> None:
        self.connection = connection
        self.dialect = dialect
        self.call: Call[Request]
        self.now_ms = 0
        """The database's clock, milliseconds since the epoch; 0 until it was asked for, or presumed."""
        self.witness: tuple[str, int, int] | None = None
        """A row that exists if and only if this transaction was committed: table, id, its conversation."""
        self.is_last = False
        """Whether nothing else is served in this transaction, so that a last statement can go with the COMMIT.

        Should that be refused, all is served again, and then this is false.
        """
        self.asked_at: float | None = None
        """By `time.monotonic()`, seconds: when `now_ms` was read; None: it was not, or the answer took too long."""
        self.conversations: dict[int, LockedConversation] = {}
        """Those that are locked or presumed, for the server's own parts; handlers find theirs by `find_place`."""
        self.memberships: dict[Place, Membership | None] = {}
        """As `conversations`."""
        self.set_here: set[Place] = set()
        """Those of `memberships` that are not as they were read."""
        self.is_presumed = False
        """Whether its conversations are what was remembered of them, and not locked."""
        self._ids = ids
        self._last: list[Statement] = []
        self._touched: dict[int, LockedConversation] = {}
        self._event_rows: list[tuple[object, ...]] = []
        """As `_EVENT` names their columns."""
        self._undo: list[Callable[[], object]] | None = None
        """What takes back, last first, what this object learnt since the savepoint; None: outside of one."""

    @property
    def actor(self) -> Actor:
        """Who asks, in the call being served."""
        return self.call.actor

    # Locks and membership

    def lock(self, places: Iterable[Place]) -> None:
        """Locks the conversations, in the order of their ids, and reads these people's memberships under the lock.

        One statement for all that are not locked yet.
        """
        missing = sorted({place for place in places if place not in self.memberships})
        if not missing:
            return
        memberships, conversations = self.memberships, self.conversations
        memberships.update(dict.fromkeys(missing))
        new = {cid for cid, _ in missing if cid not in conversations}
        self._on_undo(partial(_drop, memberships, missing), partial(_drop, conversations, new))
        asked_at = time.monotonic()
        found = lock_places(self.connection, self.dialect, missing)
        answered_at = time.monotonic()
        if found:
            self.asked_at = answered_at if answered_at - asked_at < PROMPT_S else None
        for place, conversation, membership, now_ms in found:
            conversations.setdefault(conversation.id, conversation)
            memberships[place] = membership
            self.now_ms = max(self.now_ms, now_ms)

    def presume(
        self, conversations: dict[int, LockedConversation], memberships: dict[Place, Membership | None], now_ms: int
    ) -> None:
        """Takes this for true in place of locking anything.

        Should one of these conversations have another head when it is written, or should that be late, `flush` or the
        COMMIT raises IntegrityError, and nothing is stored. So it is for what records something in each of them alone.
        """
        self.conversations, self.memberships, self.now_ms = conversations, memberships, now_ms
        self.is_presumed = True

    def find_place(self, conversation_id: int, who: Participant) -> tuple[LockedConversation, Membership] | None:
        """The conversation and `who`'s membership in it; None where there is no such conversation or place."""
        place = (conversation_id, who)
        if place not in self.memberships:
            self.lock([place])
        membership = self.memberships[place]
        if membership is None:
            return None
        return self._lend(self.conversations[conversation_id]), membership

    def require_place(
        self, conversation_id: int, who: Participant | None = None
    ) -> tuple[LockedConversation, Membership]:
        """As `find_place`; None: of the one who asks. Raises NotFound."""
        place = self.find_place(conversation_id, who or self.actor.participant)
        if place is None:
            raise NotFound("There is no such conversation, or you are not in it.")
        return place

    def find_conversation(self, conversation_id: int) -> LockedConversation | None:
        """The conversation, locked, whoever is in it; None where there is none."""
        self.lock([(conversation_id, self.actor.participant)])
        conversation = self.conversations.get(conversation_id)
        return None if conversation is None else self._lend(conversation)

    def set_membership(self, conversation_id: int, who: Participant, membership: Membership | None) -> None:
        """Tells this transaction of a membership that it has just written."""
        place = (conversation_id, who)
        if place in self.memberships:
            self._on_undo(partial(self.memberships.__setitem__, place, self.memberships[place]))
        else:
            self._on_undo(partial(self.memberships.pop, place))
        self.memberships[place] = membership
        self.set_here.add(place)

    def open_conversation(self, conversation: LockedConversation) -> None:
        """Tells this transaction of a conversation that it has just inserted."""
        self._on_undo(partial(self.conversations.pop, conversation.id))
        self.conversations[conversation.id] = conversation
        self.witness = ("conversations", conversation.id, conversation.id)

    def read_clock(self) -> int:
        """The database's clock, for handlers that lock nothing."""
        if not self.now_ms:
            ((self.now_ms,),) = run(self.connection, f"SELECT {self.dialect.clock_ms}")
        return self.now_ms

    @property
    def changed(self) -> set[int]:
        """The conversations with an event here that is no message; until `flush` it is not in the tables."""
        return {cast(int, row[0]) for row in self._event_rows}

    @property
    def written(self) -> Iterable[LockedConversation]:
        """The conversations with any event here."""
        return self._touched.values()

    # Effects

    def take_id(self, table: str) -> int:
        """An id for a new row of that table."""
        return self._ids.take(table)

    def record(self, conversation: LockedConversation, event: DurableEvent, call: Call[Any] | None = None) -> None:
        """Puts `event` into the log; it is delivered after COMMIT. Its seq must be the one taken last.

        `call`: of several that are served together, the one that does it.
        """
        event_id, call = self.take_id("conversation_events"), call or self.call
        actor = call.actor.participant
        self._event_rows.append(
            (
                *(conversation.id, event.seq, event_id, Plain(event.__struct_config__.tag), word(actor.type), actor.id),
                getattr(event, "message_id", None),
                json.dumps(stored_fields(event), ensure_ascii=False),
                self.now_ms,
            )
        )
        self.witness = ("conversation_events", event_id, conversation.id)
        self._tell(call, conversation, event)

    def record_message(self, call: Call[R], conversation: LockedConversation, event: DurableEvent, row_id: int) -> None:
        """As `record`, for an event that is its own row of `messages`, which the caller inserts."""
        self.witness = ("messages", row_id, conversation.id)
        conversation.last_message_ms = max(conversation.last_message_ms, self.now_ms)
        self._tell(call, conversation, event)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], clause: str = "") -> None:
        """Inserts rows, all or none. For `rows` and `clause` see `Dialect.insert`."""
        run_all(self.connection, self.dialect.insert(table, columns, rows, clause))

    def insert_last(
        self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]], clause: str = ""
    ) -> None:
        """As `insert`, but after the heads are written, as `run_at_commit` does, if nothing else is served before."""
        if self.is_last:
            self._last += self.dialect.insert(table, columns, rows, clause)
        else:
            self.insert(table, columns, rows, clause)

    def signal(self, signal: Signal) -> None:
        """Sends an event, after COMMIT, to whoever listens then."""
        self.call.signals.append(signal)

    def _tell(self, call: Call[R], conversation: LockedConversation, event: DurableEvent) -> None:
        if event.seq != conversation.recorded_seq + 1:
            raise AssertionError(f"seq {event.seq} recorded after {conversation.recorded_seq}")
        conversation.recorded_seq = event.seq
        if conversation.id not in self._touched:
            self._touched[conversation.id] = conversation
            self._on_undo(partial(self._touched.pop, conversation.id))
        call.recorded.append(event)

    # The batch's own steps

    @contextmanager
    def savepoint(self, call: Call[Request], *, is_only: bool) -> Iterator[None]:
        """Serves `call` inside; if that raises a ChatError, the database and this object are as if it had not been.

        After any other fault the transaction must end. `is_only`: nothing else is served in it, so all of it can go,
        and two round trips are saved.
        """
        self.call = call
        rows, witness = len(self._event_rows), self.witness
        undo: list[Callable[[], object]] = []
        self._undo = undo
        try:
            if not is_only:
                run(self.connection, "SAVEPOINT one_call")
            yield
            if not is_only:
                run(self.connection, "RELEASE SAVEPOINT one_call")
        except ChatError:
            run(self.connection, "ROLLBACK" if is_only else "ROLLBACK TO SAVEPOINT one_call")
            for take_back in reversed(undo):
                take_back()
            self.witness = witness
            del self._event_rows[rows:]
            call.recorded.clear()
            call.signals.clear()
            raise
        finally:
            self._undo = None

    def _on_undo(self, *steps: Callable[[], object]) -> None:
        if self._undo is not None:
            self._undo += steps

    def _lend(self, conversation: LockedConversation) -> LockedConversation:
        """`conversation`, for a handler to change."""
        if self._undo is not None:
            self._undo.append(partial(conversation.become, replace(conversation)))
        return conversation

    def flush(self) -> None:
        """Writes what was recorded: the events, the new heads, and what was to be last."""
        for sql, parameters in self.dialect.insert("conversation_events", _EVENT, self._event_rows):
            run_at_commit(self.connection, sql, parameters)
        if self._touched:
            self._write_heads()
        for sql, parameters in self._last:
            run_at_commit(self.connection, sql, parameters)

    def _write_heads(self) -> None:
        """First of what goes with the COMMIT: where nothing is locked yet, this locks, and finds a head that moved."""
        rows: list[Sequence[object]] = []
        changed_ms = self.now_ms - self.now_ms % CHANGED_GRAIN_MS
        for at, c in enumerate(sorted(self._touched.values(), key=_id_of)):
            if c.recorded_seq != c.last_seq:
                raise AssertionError(f"conversation {c.id}: seq {c.last_seq} was taken and has no event")
            # What a row brings for two columns is never stored: where it is presumed, what `_if_unmoved` compares with.
            unused = (c.found_seq, int(at == 0)) if self.is_presumed else (c.created_ms, 0)
            rows.append((c.id, word(c.type), *unused, c.last_seq, c.last_message_ms, changed_ms))
        # The rows exist, so this only ever updates; as an UPDATE it would be one statement for each.
        clause = self.dialect.upsert_clause("id", _HEADS, _if_unmoved(self.dialect) if self.is_presumed else {})
        for sql, parameters in self.dialect.insert("conversations", _HEAD_KEY + _HEADS, rows, clause):
            run_at_commit(self.connection, sql, parameters)


_id_of = attrgetter("id")
_EVENT = (
    *("conversation_id", "seq", "id", "kind", "actor_type", "actor_id"),
    *("message_id", "data", "created_ms"),
)


def _if_unmoved(dialect: Dialect) -> Mapping[str, str]:
    """The new head where the row's is the one that comes as `created_ms`; else NULL, which is refused.

    So is what comes too late. The first row finds that out for all, since reading the clock takes a while.
    """
    new = dialect.incoming
    is_in_time = f"{dialect.clock_ms} < {new('changed_ms')} + {CHANGED_GRAIN_MS + LATE_MS:d}"
    holds = f"last_seq = {new('created_ms')} AND ({new('member_count')} = 0 OR {is_in_time})"
    return {"last_seq": f"CASE WHEN {holds} THEN {new('last_seq')} END"}


_HEAD_KEY = ("id", "conversation_type", "created_ms", "member_count")
_HEADS = ("last_seq", "last_message_ms", "changed_ms")


def _drop(entries: dict[K, V], keys: Iterable[K]) -> None:
    for key in keys:
        entries.pop(key, None)
