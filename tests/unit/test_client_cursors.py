"""Events are applied once and in order, whatever becomes of what the server sends."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from bihak.client.cursors import Cursors, Sequenced
from bihak.client.objects import Head

CONVERSATION = 7


@dataclass(frozen=True)
class Said:
    seq: int
    conversation_id: int = CONVERSATION


Frame = tuple[str, int]


@dataclass
class Wire:
    """A server with the log of one conversation, and what is under way to a client. Replays are in one piece."""

    head: int = 0
    frames: list[Frame] = field(default_factory=list)
    applied: list[int] = field(default_factory=list)
    repairs: int = 0
    last_seq: int | None = None
    """Of one's membership, as one's own `participant_left` says."""

    def __post_init__(self) -> None:
        self.cursors = Cursors(self.apply, self.repair, {CONVERSATION: 0})

    def apply(self, event: Sequenced) -> None:
        self.applied.append(event.seq)
        if event.seq == self.last_seq:
            self.cursors.forget(CONVERSATION)

    def repair(self, conversation_id: int, after_seq: int) -> None:
        self.repairs += 1
        self.frames.append(("subscribed", self.head))
        self.replay(after_seq)

    def replay(self, after_seq: int) -> None:
        self.frames += [("replayed", seq) for seq in range(after_seq + 1, self.head + 1)]

    def say(self) -> None:
        self.head += 1
        self.frames.append(("live", self.head))

    def say_unheard(self) -> None:
        """Its publication is lost."""
        self.head += 1

    def repeat(self) -> None:
        if self.frames and self.frames[-1][0] == "live":
            self.frames.append(self.frames[-1])

    def swap(self) -> None:
        if len(self.frames) > 1 and all(kind == "live" for kind, _ in self.frames[-2:]):
            self.frames[-2:] = reversed(self.frames[-2:])

    def reconnect(self) -> None:
        self.frames.clear()
        self.cursors.disconnected()
        self.frames.append(("signed in", self.head))
        self.replay((self.cursors.seqs() or {})[CONVERSATION])
        self.frames.append(("resumed", self.head))

    def heartbeat(self) -> None:
        self.frames.append(("pong", self.head))

    def deliver(self) -> None:
        if not self.frames:
            return
        kind, seq = self.frames.pop(0)
        head = Head(conversation_id=CONVERSATION, last_seq=seq)
        match kind:
            case "live" | "replayed":
                self.cursors.receive(Said(seq))
            case "signed in":
                self.cursors.begin([head])
            case "subscribed":
                self.cursors.replaying(CONVERSATION, seq)
            case "resumed":
                self.cursors.replayed(head)
            case "pong":
                self.cursors.compare([head])


STEPS = (Wire.say, Wire.say_unheard, Wire.repeat, Wire.swap, Wire.reconnect, Wire.heartbeat, Wire.deliver, Wire.deliver)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(STEPS), max_size=60))
def test_each_event_is_applied_once_and_in_order(steps: list[object]) -> None:
    wire = Wire()
    for step in steps:
        step(wire)  # type: ignore[operator]
        assert wire.applied == list(range(1, len(wire.applied) + 1))
    wire.heartbeat()
    while wire.frames:
        wire.deliver()
    assert wire.applied == list(range(1, wire.head + 1))


def test_what_was_held_until_the_end_of_a_replay_is_applied_although_it_has_gaps() -> None:
    """Of a conversation that one was taken out of, in and out again while away: its head is not told beforehand."""
    wire = Wire()
    wire.cursors.begin([])
    for seq in (3, 4, 6, 9):
        wire.cursors.receive(Said(seq))
    assert wire.applied == []
    wire.cursors.replayed(Head(conversation_id=CONVERSATION, last_seq=6))
    assert wire.applied == [3, 4, 6]
    assert wire.cursors.seqs() == {CONVERSATION: 6}


def test_what_ends_the_membership_in_a_replay_ends_the_cursor() -> None:
    wire = Wire(last_seq=4)
    wire.cursors.receive(Said(3))
    wire.cursors.receive(Said(4))
    wire.cursors.replayed(Head(conversation_id=CONVERSATION, last_seq=4))
    assert wire.applied == [3, 4]
    assert not wire.cursors.seqs()


def test_a_gap_is_asked_for_once() -> None:
    wire = Wire(head=5)
    for seq in (3, 4, 5):
        wire.cursors.receive(Said(seq))
    assert (wire.applied, wire.repairs) == ([], 1)


def test_what_a_replay_leaves_out_is_not_missing() -> None:
    wire = Wire()
    wire.cursors.begin([Head(conversation_id=CONVERSATION, last_seq=9)])
    wire.cursors.receive(Said(8))
    assert (wire.applied, wire.repairs) == ([8], 0)


def test_starting_over_may_go_backwards() -> None:
    wire = Wire()
    wire.cursors = Cursors(wire.apply, wire.repair, {CONVERSATION: 50})
    wire.cursors.restart(Head(conversation_id=CONVERSATION, last_seq=3, resync=True))
    wire.cursors.receive(Said(4))
    assert wire.applied == [4]


def test_a_conversation_that_was_left_does_not_come_back_to_life() -> None:
    wire = Wire()
    wire.cursors.forget(CONVERSATION)
    wire.cursors.replayed(Head(conversation_id=CONVERSATION, last_seq=3))
    assert not wire.cursors.seqs()


def met(wire: Wire, last_seq: int) -> Head:
    """It is new to a client that was here before."""
    wire.head, wire.cursors = last_seq, Cursors(wire.apply, wire.repair)
    wire.cursors.begin([])
    return Head(conversation_id=CONVERSATION, last_seq=last_seq)


def test_what_was_said_in_a_conversation_before_one_hears_of_it_is_asked_for() -> None:
    wire = Wire()
    head = met(wire, 3)
    wire.cursors.meet(head)
    wire.say()
    while wire.frames:
        wire.deliver()
    assert (wire.applied, wire.repairs) == ([1, 2, 3, 4], 1)


def test_nothing_is_asked_for_where_nothing_was_said() -> None:
    wire = Wire()
    head = met(wire, 0)
    wire.cursors.meet(head)
    wire.say()
    wire.deliver()
    assert (wire.applied, wire.repairs) == ([1], 0)


def test_what_came_while_one_was_away_is_no_part_of_the_resume_that_tells_of_it() -> None:
    wire = Wire()
    head = met(wire, 3)
    wire.cursors.begin([head])
    wire.cursors.meet(head)
    wire.cursors.replayed(head)
    while wire.frames:
        wire.deliver()
    assert (wire.applied, wire.repairs) == ([1, 2, 3], 1)


def test_one_that_the_server_has_not_told_of_yet_is_new_at_the_next_resume_too() -> None:
    wire = Wire()
    head = met(wire, 3)
    wire.cursors.begin([head])
    wire.cursors.disconnected()
    assert (wire.repairs, wire.cursors.seqs()) == (0, {})


def test_what_was_there_when_a_program_starts_is_history() -> None:
    heads = [Head(conversation_id=CONVERSATION, last_seq=3), Head(conversation_id=8, last_seq=900)]
    for resume in (None, {8: 890}):
        wire = Wire()
        wire.cursors = Cursors(wire.apply, wire.repair, resume)
        assert wire.cursors.seqs() == resume
        wire.cursors.begin(heads)
        wire.cursors.meet(heads[0])
        assert (wire.repairs, wire.cursors.seqs()) == (0, {8: 900, CONVERSATION: 3} | (resume or {}))


def test_whoever_was_here_says_so_even_if_there_was_nothing() -> None:
    wire = Wire()
    met(wire, 0)
    assert wire.cursors.seqs() == {}


def test_what_came_before_the_server_says_that_one_is_out_is_applied() -> None:
    wire = Wire()
    head = met(wire, 2)
    wire.cursors.meet(head)
    for seq in (3, 4, 6):
        wire.cursors.receive(Said(seq))
    wire.cursors.refused(CONVERSATION)
    assert wire.applied == [3, 4, 6]
    assert wire.cursors.seqs() == {}
    wire.cursors.refused(CONVERSATION)


def test_a_membership_that_ended_before_the_one_that_is_replayed_is_told_to_its_end() -> None:
    """Taken in at 2, out at 5, in again at 6, and only then answered."""
    wire = Wire()
    head = met(wire, 2)
    wire.cursors.meet(head)
    wire.last_seq = 5
    for seq in (3, 4, 5, 8):
        wire.cursors.receive(Said(seq))
    wire.cursors.replaying(CONVERSATION, 8)
    for seq in (7, 8):
        wire.cursors.receive(Said(seq))
    wire.cursors.replayed(Head(conversation_id=CONVERSATION, last_seq=8))
    wire.cursors.receive(Said(9))
    assert (wire.applied, wire.repairs) == ([3, 4, 5, 7, 8, 9], 1)
    assert wire.cursors.seqs() == {CONVERSATION: 9}


def test_of_two_memberships_that_are_held_both_are_told() -> None:
    wire = Wire()
    head = met(wire, 2)
    wire.cursors.meet(head)
    wire.last_seq = 4
    for seq in (3, 4, 7, 8):
        wire.cursors.receive(Said(seq))
    wire.cursors.replaying(CONVERSATION, 8)
    wire.cursors.replayed(Head(conversation_id=CONVERSATION, last_seq=8))
    assert wire.applied == [3, 4, 7, 8]
    assert wire.cursors.seqs() == {CONVERSATION: 8}
