"""The requests of one transaction: how they are served, and tried again."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from bihak.core.context import Call, Result
from bihak.core.feature import Command, Kind
from bihak.core.heads import Heads
from bihak.core.locking import Place
from bihak.core.transaction import Transaction
from bihak.errors import ChatError
from bihak.protocol.envelope import Request
from bihak.storage.dialect import Dialect
from bihak.storage.ids import IdBlocks
from bihak.storage.writer import BACKGROUND


class WriteBatch:
    """The calls of one transaction. Implements the writer's `Batch`."""

    def __init__(self, calls: Sequence[Call[Request]], dialect: Dialect, ids: IdBlocks, heads: Heads) -> None:
        self._runs = _runs(calls)
        self.calls = [call for _, run in self._runs for call in run]
        """In the order in which they are served, which is the order of their seqs."""
        self._dialect = dialect
        self._ids = ids
        self._heads = heads
        self._tx: Transaction | None = None
        """Of the latest run; None: it is not known what the database has of it."""
        self._doubts: list[_Doubt] = []
        self._may_presume = len(self._runs) == 1 and self._runs[0][0].may_presume
        self._refused: Transaction | None = None
        """By the database, before the next run: for what it presumed, or for a key that was used before."""
        self._was_run = False
        self._is_careful = False

    @property
    def is_in_doubt(self) -> bool:
        return bool(self._doubts)

    def run(self, connection: sa.Connection) -> None:
        refused, self._refused = self._refused, None
        if self._was_run and refused is None:
            self._heads.forget_all()  # there was a fault
        places = {
            (conversation_id, call.actor.participant)
            for call in self.calls
            if (conversation_id := getattr(call.request, "conversation_id", None)) is not None
        }
        may_presume = self._may_presume and not self._was_run
        self._was_run = True
        if may_presume and self._run_presuming(connection, places):
            return
        tx = self._tx = Transaction(connection, self._dialect, self._ids)
        tx.lock(places)
        if refused is not None and refused.is_presumed:
            self._tell_if_moved(refused, tx)
        self._serve(tx)
        tx.flush()

    def _run_presuming(self, connection: sa.Connection, places: Collection[Place]) -> bool:
        tx = self._tx = Transaction(connection, self._dialect, self._ids)
        if not self._heads.presume(tx, places):
            return False
        self._serve(tx)
        # Whoever is refused something is refused it by the database, not by what is remembered of it.
        if any(isinstance(call.outcome, ChatError) for call in self.calls):
            return False
        tx.flush()
        return True

    def _tell_if_moved(self, presumed: Transaction, tx: Transaction) -> None:
        """It may also have been a key that was used before, or the time, which is asked for then, not reckoned."""
        locked = tx.conversations
        if any(cid in locked and locked[cid].found_seq != c.found_seq for cid, c in presumed.conversations.items()):
            self._heads.have_moved()
        else:
            self._heads.forget_clock()

    def _serve(self, tx: Transaction) -> None:
        for call in self.calls:
            call.forget()
        for at, (command, calls) in enumerate(self._runs, 1):
            if command.kind is Kind.WRITE_MANY:
                tx.is_last = at == len(self._runs) and not self._is_careful
                command.handler(tx, calls)
            else:
                for call in calls:
                    _run_one(tx, call, is_only=len(self.calls) == 1)

    def take_care(self) -> bool:
        if self._is_careful:
            return False
        self._is_careful = True
        self._refused = self._tx
        return True

    def doubt(self) -> None:
        if self._tx is not None and self._tx.witness is not None:  # else a second run would double nothing
            self._doubts.append(_Doubt(self._tx.witness, [call.result() for call in self.calls]))

    def was_committed(self, connection: sa.Connection) -> bool:
        for doubt in self._doubts:
            table, row_id, conversation_id = doubt.witness
            # Waits for the lock that the run may still hold, so that its fate is known.
            connection.exec_driver_sql(
                f"SELECT id FROM conversations WHERE id = {conversation_id:d} {self._dialect.for_update}"
            )
            if connection.exec_driver_sql(f"SELECT 1 FROM {table} WHERE id = {row_id:d}").first() is not None:
                for call, result in zip(self.calls, doubt.results, strict=True):
                    call.restore(result)
                self._tx = None
                return True
        return False

    def fail(self, error: ChatError) -> None:
        self._tx = None
        for call in self.calls:
            call.forget()
            call.outcome = error

    def remember(self) -> None:
        """Once it is over, one way or the other, and before another one has the same conversations."""
        if self._tx is not None:
            self._heads.learn(self._tx)
        else:
            self._heads.forget(getattr(call.request, "conversation_id", 0) for call in self.calls)


class _Doubt(NamedTuple):
    """A run whose COMMIT was sent and not answered."""

    witness: tuple[str, int, int]
    results: list[Result]


def claims_of(call: Call[Request]) -> list[object]:
    """Its connection, whose calls are served in order, and its conversation, whose row it would have to wait for."""
    claims: list[object] = [BACKGROUND] if call.command.is_the_servers_own else []
    if call.connection is not None:
        claims.append(call.connection)
    conversation_id = getattr(call.request, "conversation_id", None)
    if conversation_id is not None:
        claims.append(conversation_id)
    return claims


def _run_one(tx: Transaction, call: Call[Request], *, is_only: bool) -> None:
    try:
        with tx.savepoint(call, is_only=is_only):
            call.outcome = call.command.handler(tx, call.request)
    except ChatError as error:
        call.outcome = error


def _runs(calls: Sequence[Call[Request]]) -> list[tuple[Command, list[Call[Request]]]]:
    """`calls` in runs of one command, as few as the order of each connection's own calls allows."""
    runs: list[tuple[Command, list[Call[Request]]]] = []
    latest: dict[object, int] = {}
    for call in calls:
        at = latest.get(call.connection, 0) if call.connection is not None else 0
        while at < len(runs) and runs[at][0] is not call.command:
            at += 1
        if at == len(runs):
            runs.append((call.command, []))
        runs[at][1].append(call)
        latest[call.connection] = at
    return runs
