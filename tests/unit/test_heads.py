"""What a process remembers of conversations: how much, for how long, and by whose clock."""

from collections.abc import Iterable
from typing import Any, cast

import pytest

from bihak.core import heads
from bihak.core.heads import CLOCK_HOLDS_S, MAX_CONVERSATIONS, MAX_MEMBERS, REST, SET_BACK_MS, Heads
from bihak.core.locking import LockedConversation, Membership
from bihak.core.transaction import Transaction
from bihak.protocol.types import Participant


class Clock:
    """Stands in for `time`."""

    def __init__(self) -> None:
        self.now_s = 1000.0

        self.wall_ahead_s = 1e9

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s + self.wall_ahead_s


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(heads, "time", made)
    return made


def transaction() -> Transaction:
    return Transaction(cast("Any", None), cast("Any", None), cast("Any", None))


def wrote(
    conversation_ids: Iterable[int], who: int = 1, *, found: int = 1, head: int = 2, at: float = 1000.0, now_ms: int = 5
) -> Transaction:
    """A transaction that found these conversations at one seq and left them at another."""
    tx = transaction()
    for cid in conversation_ids:
        tx.conversations[cid] = LockedConversation(cid, "team", 1, head, 1, head, found)
        tx.memberships[cid, Participant("user", who)] = Membership("member", 0, 0)
        tx._touched[cid] = tx.conversations[cid]
    tx.asked_at, tx.now_ms = at, now_ms
    return tx


def knows(known: Heads, conversation_id: int, who: int = 1) -> bool:
    return known.presume(transaction(), [(conversation_id, Participant("user", who))])


def test_the_conversations_written_to_longest_ago_are_forgotten(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote(range(MAX_CONVERSATIONS)))
    known.learn(wrote([0], found=2, head=3))
    known.learn(wrote([MAX_CONVERSATIONS]))
    assert len(known._heads) == MAX_CONVERSATIONS
    assert knows(known, 0)
    assert not knows(known, 1)
    assert knows(known, 2)


def test_of_one_conversation_a_bounded_number_of_people_is_known(clock: Clock) -> None:
    known = Heads()
    for who in range(10 * MAX_MEMBERS):
        known.learn(wrote([1], who, found=who, head=who + 1))
        assert len(known._heads[1].members) <= MAX_MEMBERS
        assert knows(known, 1, who)
    assert not knows(known, 1, 0)
    crowd = wrote([1], found=10 * MAX_MEMBERS, head=10 * MAX_MEMBERS + 1)
    for who in range(4 * MAX_MEMBERS):
        crowd.memberships[1, Participant("user", who)] = Membership("member", 0, 0)
    known.learn(crowd)
    assert len(known._heads[1].members) == MAX_MEMBERS


def test_a_conversation_that_was_only_looked_at_is_not_remembered(clock: Clock) -> None:
    known = Heads()
    tx = wrote([1])
    tx._touched.clear()
    known.learn(tx)
    assert not knows(known, 1)


def test_a_membership_that_was_not_read_is_not_remembered(clock: Clock) -> None:
    known = Heads()
    tx = wrote([1])
    tx.set_membership(1, Participant("user", 2), Membership("owner", 0, 0))
    known.learn(tx)
    assert knows(known, 1, 1)
    assert not knows(known, 1, 2)


def test_people_are_known_together_as_long_as_nobody_else_wrote(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote([1], 1, found=4, head=5))
    known.learn(wrote([1], 2, found=5, head=7))
    assert knows(known, 1, 1)
    assert knows(known, 1, 2)
    known.learn(wrote([1], 2, found=8, head=9))
    assert not knows(known, 1, 1)
    assert knows(known, 1, 2)


def test_what_is_presumed_is_a_copy(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote([1]))
    for _ in range(2):
        tx = transaction()
        assert known.presume(tx, [(1, Participant("user", 1))])
        conversation = tx.conversations[1]
        assert (conversation.last_seq, conversation.found_seq, conversation.recorded_seq) == (2, 2, 2)
        conversation.next_seq()


def test_nothing_is_presumed_of_several_unless_all_are_known(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote([1]))
    tx = transaction()
    assert not known.presume(tx, [(1, Participant("user", 1)), (2, Participant("user", 1))])
    assert not tx.conversations
    assert not tx.is_presumed


def test_after_a_head_that_moved_some_ask(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote([1, 2]))
    known.have_moved()
    assert [knows(known, 2) for _ in range(REST + 1)] == [False] * REST + [True]


def test_the_databases_clock_is_reckoned_from_ours_and_asked_again_after_a_while(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote([1], at=clock.now_s, now_ms=777_000))
    tx = transaction()
    clock.now_s += CLOCK_HOLDS_S
    assert known.presume(tx, [(1, Participant("user", 1))])
    assert tx.now_ms == 777_000 + CLOCK_HOLDS_S * 1000
    clock.now_s += 0.1
    assert not knows(known, 1)


def test_an_answer_that_took_long_does_not_set_the_time_back_and_a_clock_that_was_set_does(clock: Clock) -> None:
    known = Heads()

    def now_ms() -> int:
        tx = transaction()
        assert known.presume(tx, [(1, Participant("user", 1))])
        return tx.now_ms

    known.learn(wrote([1], at=clock.now_s, now_ms=777_000))
    assert now_ms() == 777_000
    known.learn(wrote([1], found=2, at=clock.now_s, now_ms=777_000 - 50))
    assert now_ms() == 777_000
    clock.now_s += 0.06
    assert now_ms() == 777_010
    known.learn(wrote([1], found=2, at=clock.now_s, now_ms=777_000 - SET_BACK_MS))
    assert now_ms() == 777_000 - SET_BACK_MS


def test_a_machine_that_was_suspended_asks_for_the_time(clock: Clock) -> None:
    known = Heads()
    known.learn(wrote([1], at=clock.now_s, now_ms=777_000))
    clock.wall_ahead_s += 5.0
    assert not knows(known, 1)
    known.learn(wrote([1], found=2, at=clock.now_s, now_ms=782_000))
    assert knows(known, 1)
