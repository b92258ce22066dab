"""What is due, and the events that come with it."""

import asyncio

import pytest

from bihak.features import backlog
from bihak.features.backlog import AtOnce, Backlog, Due
from bihak.features.messages import MessageDeleted, NewMessage
from bihak.protocol.envelope import DurableEvent


def message(conversation_id: int, seq: int, content: str = "") -> NewMessage:
    return NewMessage(
        conversation_id=conversation_id,
        seq=seq,
        message_id=seq,
        sender_type="user",
        sender_id=1,
        sender_name="A",
        content=content,
        created_at="",
    )


def deletion(conversation_id: int, seq: int) -> MessageDeleted:
    return MessageDeleted(conversation_id=conversation_id, seq=seq, message_id=1, deleted_at="", deleted_by="user_1")


async def taken(work: Backlog, *, times: int = 1, events: int = 1_000_000) -> list[dict[int, Due]]:
    """What it hands over in its first so many times."""
    found: list[dict[int, Due]] = []
    enough = asyncio.Event()

    async def take(due: dict[int, Due]) -> None:
        found.append(due)
        if len(found) == times:
            enough.set()
            await asyncio.sleep(3600)

    running = asyncio.create_task(work.run(take, AtOnce(10, 15), events))
    await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return found


def log_of(work: Backlog, *events: DurableEvent) -> None:
    for event in events:
        work.follow([event])


async def test_what_was_followed_comes_with_its_events_of_all_kinds() -> None:
    work = Backlog(0, (NewMessage,))
    log_of(work, message(1, 1), deletion(1, 2), message(1, 3), message(2, 7))
    (due,) = await taken(work)
    assert {cid: (each.through, [event.seq for event in each.events]) for cid, each in due.items()} == {
        1: (3, [1, 2, 3]),
        2: (7, [7]),
    }


async def test_what_nobody_wants_makes_no_work_and_is_not_kept() -> None:
    work = Backlog(0, (NewMessage,))
    log_of(work, deletion(1, 1), message(2, 1))
    assert await taken(work) == [{2: Due(1, [message(2, 1)])}]
    assert not work._held


async def test_events_before_a_gap_are_let_go() -> None:
    work = Backlog(0, (NewMessage,))
    log_of(work, message(1, 1), message(1, 3), message(1, 4))
    assert await taken(work) == [{1: Due(4, [message(1, 3), message(1, 4)])}]


async def test_what_is_told_of_in_another_order_is_due_up_to_the_latest() -> None:
    work = Backlog(0, (NewMessage,))
    log_of(work, message(1, 1), message(1, 3), message(1, 2))
    ((due,),) = [found.values() for found in await taken(work)]
    assert due.through == 3


async def test_what_comes_later_than_is_due_waits_with_its_events() -> None:
    work = Backlog(3600, (NewMessage,))
    log_of(work, message(1, 1), message(1, 2), message(1, 3))
    work.add_due({1: 2})
    assert await taken(work) == [{1: Due(2, [message(1, 1), message(1, 2)])}]
    work.add_due({1: 3})
    assert await taken(work) == [{1: Due(3, [message(1, 3)])}]


async def test_many_events_are_handed_over_in_steps() -> None:
    work = Backlog(0, (NewMessage,))
    log_of(work, *(message(1, seq) for seq in range(1, 6)), message(2, 1))
    steps = await taken(work, times=3, events=2)
    assert [{cid: [event.seq for event in due.events] for cid, due in step.items()} for step in steps] == [
        {1: [1, 2]},
        {2: [1], 1: [3]},
        {1: [4, 5]},
    ]
    assert [step[1].through for step in steps] == [2, 3, 5]
    assert work._held_bytes == 0


async def test_what_is_due_beyond_the_events_is_due_all_the_same() -> None:
    work = Backlog(0, (NewMessage,))
    log_of(work, message(1, 1))
    work.add_due({1: 9})
    assert await taken(work) == [{1: Due(9, [message(1, 1)])}]


async def test_events_that_would_fill_the_memory_are_let_go_and_the_work_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "MAX_HELD_BYTES", 10_000)
    work = Backlog(0, (NewMessage,))
    log_of(work, message(1, 1, "x" * 10_000))
    assert await taken(work) == [{1: Due(1, [])}]


async def test_a_conversation_rests_between_two_steps_unless_one_left_something_over() -> None:
    work = Backlog(0, (NewMessage,), rest_s=3600)
    log_of(work, *(message(1, seq) for seq in range(1, 4)))
    assert [step[1].through for step in await taken(work, times=2, events=2)] == [2, 3]
    log_of(work, message(1, 4), message(2, 1))
    assert await taken(work) == [{2: Due(1, [message(2, 1)])}]


async def test_a_step_takes_the_more_conversations_the_more_are_due() -> None:
    for due, sizes in ((25, [10, 10, 5]), (52, [13, 10, 10, 10, 9]), (200, [15, 15])):
        work = Backlog(0, (NewMessage,))
        log_of(work, *(message(cid, 1) for cid in range(due)))
        assert [len(step) for step in await taken(work, times=len(sizes))] == sizes
