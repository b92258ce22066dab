"""What was written is stored once and in order, whatever becomes of connections, replies and the program."""

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bihak.client.backoff import Backoff
from bihak.client.faults import Closed, Fault, NotFound, Unavailable
from bihak.client.outbox import Draft, NoShelf, Outbox, Outgoing, Sending
from bihak.client.replies import MessageSent
from bihak.client.shelf import FileShelf

UNAVAILABLE = Unavailable("not now", retryable=True)


def draft(key: str, conversation_id: int = 1) -> Draft:
    return Draft(key=key, conversation_id=conversation_id, content=key, reply_to_id=None, created_at="2026")


def sent(seq: int = 1) -> MessageSent:
    return MessageSent(message_id=seq, conversation_id=1, seq=seq, created_at="2026", duplicate=False)


class Memory(NoShelf):
    """A shelf that a crash leaves as it is."""

    def __init__(self) -> None:
        self.drafts: dict[str, Draft] = {}

    def load(self) -> list[Draft]:
        return list(self.drafts.values())

    def put(self, draft: Draft) -> None:
        self.drafts[draft.key] = draft

    def remove(self, key: str) -> None:
        del self.drafts[key]


class World:
    """A program that writes, a server that stores by key, and everything that may go wrong between them."""

    def __init__(self) -> None:
        self.shelf = Memory()
        self.now = 0.0
        self.written: defaultdict[int, list[str]] = defaultdict(list)
        self.stored: defaultdict[int, list[str]] = defaultdict(list)
        self.flying: list[Outgoing] = []
        self.begin()

    def begin(self) -> None:
        self.outbox = Outbox(lambda outgoing: None, lambda: self.now, Backoff(1, 8, lambda: 1.0), self.shelf)
        self.flying.clear()

    def write(self) -> None:
        count = sum(map(len, self.written.values()))
        conversation_id = 1 + count % 2
        self.written[conversation_id].append(f"key-{count}")
        self.outbox.add(draft(f"key-{count}", conversation_id))

    def dispatch(self) -> None:
        self.flying += self.outbox.take_due()

    def _store(self) -> Outgoing | None:
        if not self.flying:
            return None
        outgoing = self.flying.pop(0)
        stored = self.stored[outgoing.draft.conversation_id]
        if outgoing.draft.key not in stored:
            stored.append(outgoing.draft.key)
        return outgoing

    def acknowledge(self) -> None:
        if outgoing := self._store():
            self.outbox.stored(outgoing.draft.key, sent())

    def lose_the_reply(self) -> None:
        if self._store():
            self.cut()

    def refuse_for_now(self) -> None:
        if self.flying:
            self.outbox.refused(self.flying.pop(0).draft.key, UNAVAILABLE)

    def cut(self) -> None:
        self.flying.clear()
        self.outbox.disconnected()

    def crash(self) -> None:
        self.cut()
        self.begin()

    def connect(self) -> None:
        self.outbox.connected()

    def wait(self) -> None:
        self.now += 3


STEPS = (
    World.write,
    World.write,
    World.dispatch,
    World.dispatch,
    World.acknowledge,
    World.lose_the_reply,
    World.refuse_for_now,
    World.cut,
    World.crash,
    World.connect,
    World.connect,
    World.wait,
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_what_was_written_is_stored_once_and_in_order(steps: list[object]) -> None:
    world = World()
    for step in steps:
        step(world)  # type: ignore[operator]
        flying = [outgoing.draft.conversation_id for outgoing in world.flying]
        assert len(flying) == len(set(flying)), "two of one conversation could change places"
    world.connect()
    while world.outbox.unsent():
        world.wait()
        world.dispatch()
        world.acknowledge()
    assert world.stored == world.written
    assert world.shelf.drafts == {}


def make_outbox() -> Outbox:
    outbox = Outbox(lambda outgoing: None, lambda: 0.0, Backoff(1, 8, lambda: 1.0), NoShelf())
    outbox.connected()
    return outbox


async def test_awaiting_a_message_gives_what_the_server_said_or_raises_it() -> None:
    outbox = make_outbox()
    good, bad = outbox.add(draft("good")), outbox.add(draft("bad"))
    assert outbox.take_due() == [good]
    waiting = asyncio.ensure_future(asyncio.gather(good, bad, return_exceptions=True))
    await asyncio.sleep(0)
    outbox.stored("good", sent(4))
    assert outbox.take_due() == [bad]
    outbox.refused("bad", NotFound("gone"))
    first, second = await waiting
    assert isinstance(first, MessageSent)
    assert first.seq == 4
    assert isinstance(second, NotFound)


def test_a_refused_message_lets_the_next_one_go_and_may_be_tried_again_after_it() -> None:
    outbox = make_outbox()
    bad, good = outbox.add(draft("bad")), outbox.add(draft("good"))
    outbox.take_due()
    outbox.refused("bad", NotFound("gone"))
    assert bad.sending is Sending.FAILED
    outbox.retry("bad")
    assert outbox.unsent() == [good, bad]
    assert outbox.take_due() == [good]


def test_the_same_key_is_queued_once() -> None:
    outbox = make_outbox()
    assert outbox.add(draft("one")) is outbox.add(draft("one"))
    assert len(outbox.unsent()) == 1


def test_a_message_given_up_is_forgotten() -> None:
    outbox = make_outbox()
    outbox.add(draft("bad"))
    outbox.take_due()
    outbox.discard("bad")
    assert len(outbox.unsent()) == 1, "it may still be stored"
    outbox.refused("bad", NotFound("gone"))
    outbox.discard("bad")
    assert outbox.unsent() == []


def test_the_server_says_how_long_to_wait() -> None:
    outbox = make_outbox()
    outbox.add(draft("one"))
    outbox.take_due()
    outbox.refused("one", Unavailable("full", retryable=True, retry_after=42))
    assert outbox.next_due_s() == 42
    assert outbox.take_due() == []


async def test_the_end_of_the_client_wakes_those_that_wait() -> None:
    outbox = make_outbox()
    outgoing = outbox.add(draft("one"))
    outbox.abandon(Closed("closed"))
    with pytest.raises(Closed):
        await outgoing


def test_a_file_keeps_what_is_unsent_in_order(tmp_path: Path) -> None:
    path = tmp_path / "state" / "outbox.db"
    shelf = FileShelf(path)
    for key in ("one", "two", "three"):
        shelf.put(draft(key))
    shelf.remove("two")
    shelf.close()
    again = FileShelf(path)
    assert again.load() == [draft("one"), draft("three")]
    assert path.stat().st_mode & 0o077 == 0, "nobody else may read it"
    again.close()


def test_a_fault_tells_whether_to_try_again() -> None:
    fault = Fault("later", code="new_code", retryable=True, retry_after=3)
    assert (fault.code, fault.retryable, fault.retry_after, str(fault)) == ("new_code", True, 3, "later")
