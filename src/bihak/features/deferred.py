"""How far work that was put off until after the reply has come in each conversation.

That is durable and moves in the transaction that does the work. So after a crash, or with two nodes at it, each event
is still worked on, and once.
"""

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from bihak.core.transaction import Transaction
from bihak.protocol.types import Participant
from bihak.storage.dialect import listed, word, word_literal
from bihak.storage.schema import big, conversation_participants, conversations, table
from bihak.storage.statement import run_texts

IDS_AT_ONCE = 5000

deferred_progress = table(
    "deferred_progress",
    # Up to which seq of a conversation the task of that name is done; no row: it has not begun.
    sa.Column("task", sa.String(16), primary_key=True),
    big("conversation_id", key=True),
    big("seq"),
)


def within(table: str, seqs: Iterable[tuple[int, int, int]]) -> str:
    """SQL: whether a row of `table` is in one of these (conversation_id, first seq, last seq).

    As text, because putting it together takes SQLAlchemy longer than the query; by constants for each conversation,
    because MariaDB enters an index by a range in no other way.
    """
    return " OR ".join(
        f"({table}.conversation_id = {cid:d} AND {table}.seq BETWEEN {first:d} AND {last:d})"
        for cid, first, last in seqs
    )


class Progress:
    """How far the task of that name has come."""

    def __init__(self, task: str) -> None:
        self.task = task
        here = sa.and_(deferred_progress.c.task == task, deferred_progress.c.conversation_id == conversations.c.id)
        self._joined = conversations.outerjoin(deferred_progress, here)

    def select(self, *more: sa.ColumnElement[int]) -> sa.Select[tuple[int, int, int | None]]:
        """Rows of a conversation's `id`, its `last_seq` and its `done`, which is None where the task has not begun."""
        c = conversations.c
        return sa.select(c.id, c.last_seq, deferred_progress.c.seq.label("done"), *more).select_from(self._joined)

    def behind(self, connection: sa.Connection, after_id: int) -> tuple[dict[int, int], int | None]:
        """Conversations with events that the task has not come to, with their heads, and where to look on.

        Looks at so many conversations after that id; None: there are no more.
        """
        c = conversations.c
        ids = sa.select(c.id).where(c.id > after_id).order_by(c.id).limit(IDS_AT_ONCE).subquery()
        last, count = connection.execute(sa.select(sa.func.max(ids.c.id), sa.func.count()).select_from(ids)).one()
        if not count:
            return {}, None
        rows = connection.execute(
            self.select().where(
                c.id.between(after_id + 1, last), c.last_seq > sa.func.coalesce(deferred_progress.c.seq, 0)
            )
        )
        return {row.id: row.last_seq for row in rows}, last if count == IDS_AT_ONCE else None

    def behind_of(self, connection: sa.Connection, who: Participant) -> list[int]:
        """The conversations that somebody is, or was, in, and that have events which the task has not come to."""
        c, p = conversations.c, conversation_participants.c
        theirs = sa.select(p.conversation_id).where(p.participant_type == who.type, p.participant_id == who.id)
        rows = connection.execute(
            self.select().where(c.id.in_(theirs), c.last_seq > sa.func.coalesce(deferred_progress.c.seq, 0))
        )
        return [row.id for row in rows]

    def lock(self, tx: Transaction, conversation_ids: Iterable[int], *, wait: bool) -> dict[int, int]:
        """How far each has come, locked until COMMIT. Without `wait`, what another node works on is left out."""
        ids = listed(sorted(conversation_ids))
        if not ids:
            return {}
        locking = tx.dialect.for_update
        if locking and not wait:
            locking += " SKIP LOCKED"
        rows = run_texts(
            tx.connection,
            f"SELECT {tx.dialect.packed(('conversation_id', 'seq'))} FROM deferred_progress "
            f"WHERE task = {word_literal(self.task)} AND conversation_id IN ({ids}) {locking}",
        )
        return {int(cid): int(seq) for cid, seq in map(tx.dialect.unpack, rows)}

    def begin(self, tx: Transaction, conversation_ids: Iterable[int]) -> None:
        """Makes rows for conversations in which the task has not begun; those that have one stay as they are."""
        if new := dict.fromkeys(conversation_ids, 0):
            tx.insert(*self._upsert(tx, new, "task"))

    def advance(self, tx: Transaction, seqs: Mapping[int, int]) -> None:
        """The task has come to that seq in each of these conversations. The last that its transaction does for it."""
        if seqs:
            tx.insert_last(*self._upsert(tx, seqs, "seq"))

    def _upsert(
        self, tx: Transaction, seqs: Mapping[int, int], column: str
    ) -> tuple[str, Sequence[str], Sequence[Sequence[object]], str]:
        """What `Transaction.insert` takes."""
        rows = [(word(self.task), cid, seq) for cid, seq in sorted(seqs.items())]
        clause = tx.dialect.upsert_clause("task, conversation_id", (column,))
        return "deferred_progress", ("task", "conversation_id", "seq"), rows, clause
