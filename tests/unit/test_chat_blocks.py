"""How a conversation is laid out: days, groups, ticks; and that no line is wider than the terminal."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bihak.chat.blocks import Block, BlockMaker, Tick
from bihak.chat.paint import paint
from bihak.chat.state import State
from bihak.client.events import Heard, MessageEdited, MessageRead, NewMessage, ReactionAdded, UserTyping
from bihak.client.faults import NotFound
from bihak.client.objects import Message
from bihak.client.outbox import Draft, Outgoing, Sending

NOON = datetime(2025, 6, 3, 12, 0).astimezone()
ME, ERIC = "user_1", "user_2"


def said(seq: int, sender: str = ERIC, minutes: int = 0, **fields: Any) -> NewMessage:
    kind, _, number = sender.partition("_")
    defaults = {"content": f"words {seq}", "sender_name": sender, "created_at": at(minutes)}
    facts: dict[str, Any] = {"conversation_id": 1, "seq": seq, "message_id": 100 + seq, **defaults, **fields}
    return NewMessage(sender_type=kind, sender_id=int(number), **facts)


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def after(*events: Heard) -> State:
    state = State(lambda: 0.0)
    state.my_id = ME
    for event in events:
        state.fold(event)
    return state


def lay_out(state: State, unsent: list[Outgoing] | None = None, unread_after: int | None = None) -> list[Block]:
    return BlockMaker(state, 1, NOON.date(), unread_after).make(unsent or [])


def test_messages_of_one_person_within_minutes_are_a_group_and_days_divide() -> None:
    earlier, group = said(1, minutes=-1440), (said(2), said(3, minutes=1))
    state = after(earlier, *group, said(4, ME, 2), said(5, minutes=3), said(6, minutes=30))
    blocks = lay_out(state)
    assert [block.day for block in blocks] == ["Yesterday", "Today", None, None, None, None]
    assert [block.begins for block in blocks] == [True, True, False, True, True, True]


def test_what_is_new_is_divided_once_and_not_before_one_s_own() -> None:
    state = after(said(1), said(2, ME), said(3), said(4))
    assert [block.first_unread for block in lay_out(state, unread_after=1)] == [False, False, True, False]


def test_a_tick_tells_sending_sent_read_and_failed() -> None:
    draft = Draft(key="k" * 8, conversation_id=1, content="later", reply_to_id=None, created_at=at(9))
    going, failed = Outgoing(draft), Outgoing(draft)
    failed.sending, failed.fault = Sending.FAILED, NotFound("There is no such conversation.")
    read = MessageRead(
        conversation_id=1, user_id=ERIC, participant_type="user", participant_id=2, message_id=101, read_at=at(5)
    )
    state = after(said(1, ME), said(2, ME), read)
    blocks = lay_out(state, [going, failed])
    assert [block.tick for block in blocks] == [Tick.READ, Tick.SENT, Tick.SENDING, Tick.FAILED]
    assert blocks[-1].problem == "There is no such conversation."


def test_a_message_that_was_heard_is_no_longer_shown_as_unsent() -> None:
    draft = Draft(key="k" * 8, conversation_id=1, content="once", reply_to_id=None, created_at=at(0))
    state = after(said(1, ME, content="once", idempotency_key="k" * 8))
    assert len(lay_out(state, [Outgoing(draft)])) == 1


def test_a_change_that_overtakes_the_page_it_is_on_is_not_lost() -> None:
    state = after()
    timeline = state.timeline(1)
    timeline.loading = True
    state.fold(MessageEdited(conversation_id=1, seq=9, message_id=101, content="new words", edited_at=at(1)))
    state.fold(ReactionAdded(conversation_id=1, seq=10, message_id=101, emoji="👍", user_id=ERIC))
    stale = said(1)
    page = [Message(**{name: getattr(stale, name) for name in NewMessage.__struct_fields__ if name != "type"})]
    timeline.loading = False
    timeline.add_page(page, has_older=False)
    (block,) = lay_out(state)
    assert (block.text, block.edited, block.reactions) == ("new words", True, (("👍", 1, False),))


def test_typing_ends_by_itself_and_with_the_message() -> None:
    now = 0.0
    state = State(lambda: now)
    typing = UserTyping(
        conversation_id=1, user_id=ERIC, participant_type="user", participant_id=2, name="Eric", is_typing=True
    )
    state.fold(typing)
    assert state.people.writing_in(1) == [ERIC]
    state.fold(said(1))
    assert state.people.writing_in(1) == []
    state.fold(typing)
    now = 10.5
    assert state.people.writing_in(1) == []


TEXTS = st.text(st.sampled_from("ab 日本\n👍🏽é\u200d\u200c\ufe0f☎\u0301"), max_size=80)


@settings(max_examples=150)
@example("\u200d\u200d日aa日", "a \u200d\u200d日", 20, ME)
@given(TEXTS, TEXTS, st.integers(20, 130), st.sampled_from([ME, ERIC]))
def test_no_line_is_wider_than_the_screen(text: str, quoted: str, width: int, sender: str) -> None:
    state = after(said(1, content=quoted), said(2, sender, content=text, reply_to_id=101))
    console = Console(width=width, color_system=None)
    for block in lay_out(state, unread_after=0):
        for line in paint(block, width, console):
            assert line.cell_len <= width
            assert "\n" not in line.plain
