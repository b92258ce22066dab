"""The requests of one transaction: how they are served, and tried again."""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from bihak.core.context import Call, Result
from bihak.core.feature import Command, Kind
from bihak.core.heads import Heads
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
        self._is_careful = False

    def run(self, connection: sa.Connection) -> None:
        places = {
            (conversation_id, call.actor.participant)
            for call in self.calls
            if (conversation_id := getattr(call.request, "conversation_id", None)) is not None
        }
        tx = self._tx = Transaction(connection, self._dialect, self._ids)
        if self._may_presume:
            self._may_presume = False
            if self._heads.presume(tx, places):
                self._serve(tx)
                # Whoever is refused something is refused it by the database, not by what is remembered of it.
                if not any(isinstance(call.outcome, ChatError) for call in self.calls):
                    tx.flush()
                    return
                tx = self._tx = Transaction(connection, self._dialect, self._ids)
        tx.lock(places)
        self._serve(tx)
        tx.flush()

    def _serve(self, tx: Transaction) -> None:
        for call in self.calls:
            call.forget()
        for at, (command, calls) in enumerate(self._runs, 1):
            if command.kind is Kind.WRITE_MANY:
                tx.is_last = at == len(self._runs) and not self._is_careful
                command.handler(tx, calls)
            else:
                for call in calls:
                    _run_one(tx, call)

    def take_care(self) -> bool:
        before, self._is_careful = self._is_careful, True
        if self._tx is not None and self._tx.is_presumed:
            self._heads.have_moved(self._tx.conversations)
        return not before

    def doubt(self) -> None:
        tx = self._tx
        if tx is None:
            return
        self._heads.forget(tx.conversations)
        if tx.witness is not None:  # else a second run would double nothing
            self._doubts.append(_Doubt(tx.witness, [call.result() for call in self.calls]))

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


def _run_one(tx: Transaction, call: Call[Request]) -> None:
    try:
        with tx.savepoint(call):
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
