"""The heads of the conversations this process wrote to last: what a transaction may presume in place of asking.

A head that is remembered may have moved since, so whoever presumes it lets the database refuse the COMMIT if it has
(`Transaction.presume`). Who is in a conversation, and as what, changes only with an event, so what was read beside a
head holds for as long as that head does.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from bihak.core.locking import LockedConversation, Membership, Place
from bihak.core.transaction import Transaction
from bihak.protocol.types import Participant

MAX_CONVERSATIONS = 10_000
MAX_MEMBERS = 100
"""Remembered of one conversation; those who write are few."""
CLOCK_HOLDS_S = 60.0
"""How long after the database was asked for the time its clock is taken to go as ours does."""
REST = 20
"""After a head that had moved so many transactions ask: where several nodes write to the same, most would fail."""
SET_BACK_MS = 1000
"""Our reckonings of the database's clock differ by less; one that is further behind was set."""
SUSPENDED_S = 1.0
"""What `time.monotonic` counts falls behind other clocks by more than this only if the machine was suspended."""


@dataclass(slots=True)
class _Head:
    """Of a conversation, as it was committed."""

    kind: str
    created_ms: int
    last_seq: int
    last_message_ms: int
    members: dict[Participant, Membership] = field(default_factory=dict)
    """Who is known to be in it. How far they have read may be long past."""


class Heads:
    """For the threads of one writer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heads: OrderedDict[int, _Head] = OrderedDict()
        """The one written to longest ago comes first."""
        self._resting = 0
        self._ahead_ms = 0
        """Of the database's clock, over ours."""
        self._asked_at = float("-inf")
        self._wall_ahead_s = 0.0
        """Of our other clock, then."""
        self._latest_ms = 0
        self.presumed = 0
        """Transactions that were committed with what is remembered."""
        self.wrong = 0
        """Transactions that the database refused, since a head had moved."""

    def presume(self, tx: Transaction, places: Collection[Place]) -> bool:
        """Gives `tx` these places as they are remembered. False, and nothing, where that cannot be."""
        with self._lock:
            if self._resting:
                self._resting -= 1
                return False
            now = time.monotonic()
            if now > self._asked_at + CLOCK_HOLDS_S or abs(time.time() - now - self._wall_ahead_s) > SUSPENDED_S:
                return False
            conversations: dict[int, LockedConversation] = {}
            memberships: dict[Place, Membership | None] = {}
            for place in places:
                cid, who = place
                head = self._heads.get(cid)
                membership = None if head is None else head.members.get(who)
                if head is None or membership is None:
                    return False
                memberships[place] = membership
                if cid not in conversations:
                    seq = head.last_seq
                    conversations[cid] = LockedConversation(
                        cid, head.kind, head.created_ms, seq, head.last_message_ms, seq, seq
                    )
            tx.presume(conversations, memberships, self._now_ms(now))
            return True

    def _now_ms(self, now: float) -> int:
        """The database's clock as reckoned from ours. It does not go back because an answer took longer to come."""
        reckoned = int(now * 1000) + self._ahead_ms
        if not self._latest_ms - SET_BACK_MS < reckoned < self._latest_ms:
            self._latest_ms = reckoned
        return self._latest_ms

    def learn(self, tx: Transaction) -> None:
        """Remembers the conversations that a transaction wrote to, and who it was told is in them. It is committed."""
        changed = tx.changed
        with self._lock:
            self.presumed += tx.is_presumed
            if tx.asked_at is not None:
                self._asked_at = tx.asked_at
                self._ahead_ms = tx.now_ms - int(tx.asked_at * 1000)
                self._wall_ahead_s = time.time() - time.monotonic()
                self._now_ms(tx.asked_at)
            heads = self._heads
            written: dict[int, _Head] = {}
            for c in tx.written:
                if c.id in changed:
                    heads.pop(c.id, None)
                    continue
                head = heads.get(c.id)
                if head is None or head.last_seq != c.found_seq:
                    head = heads[c.id] = _Head(c.type, c.created_ms, c.last_seq, c.last_message_ms)
                else:
                    head.last_seq, head.last_message_ms = c.last_seq, c.last_message_ms
                heads.move_to_end(c.id)
                written[c.id] = head
            if not tx.is_presumed:
                _learn_members(tx, written)
            while len(heads) > MAX_CONVERSATIONS:
                heads.popitem(last=False)

    def forget(self, conversation_ids: Iterable[int]) -> None:
        """What became of them is not known."""
        with self._lock:
            for cid in conversation_ids:
                self._heads.pop(cid, None)

    def forget_all(self) -> None:
        """The database may not be the one it was: after a failover seqs can come again, with other events."""
        with self._lock:
            self._heads.clear()

    def forget_clock(self) -> None:
        """The database's clock may have been set."""
        with self._lock:
            self._asked_at = float("-inf")

    def have_moved(self) -> None:
        """The database refused what was presumed of some."""
        with self._lock:
            self.wrong += 1
            self._resting = REST


def _learn_members(tx: Transaction, written: Mapping[int, _Head]) -> None:
    """Those that `tx` was told of. Of too many to remember, those that come now count."""
    for place, membership in tx.memberships.items():
        cid, who = place
        head = written.get(cid)
        if head is None or membership is None or place in tx.set_here:
            continue
        if len(head.members) >= MAX_MEMBERS and who not in head.members:
            head.members.clear()
        head.members[who] = membership
