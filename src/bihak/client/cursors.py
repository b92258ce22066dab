"""Every conversation's durable events applied exactly once, in the order of their `seq`. No I/O.

The wire is at-least-once: a live event may overtake a replay, come twice after a reconnect, or be missing. What was
seen is dropped; what is early is held while the events before it are asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bihak.client.objects import Head


class Sequenced(Protocol):
    """An event that has its place in a conversation's log."""

    @property
    def conversation_id(self) -> int: ...

    @property
    def seq(self) -> int: ...


@dataclass(slots=True)
class Cursor:
    """Where we stand in a conversation."""

    seq: int
    """The last one applied."""
    replay_to: int = 0
    """The server is sending the events up to here, in order; 0 when it is not."""
    repairing: bool = False
    """Asked for, and no `subscribed` yet."""
    is_met: bool = False
    """Asked for because it is new to us; a resume that has just ended did not replay it."""
    held: dict[int, Sequenced] = field(default_factory=dict)


class Cursors:
    """`apply` is called once for each event, in order; `repair` asks for a conversation's events after a seq.

    `seqs` are those to resume from, if there are any.
    """

    def __init__(
        self,
        apply: Callable[[Sequenced], None],
        repair: Callable[[int, int], None],
        seqs: Mapping[int, int] | None = None,
    ) -> None:
        self._apply = apply
        self._repair = repair
        self._cursors = {conversation_id: Cursor(seq) for conversation_id, seq in (seqs or {}).items()}
        self._goes_on = False
        """Whether we were signed in before, and knew all conversations, so that what is new has come since."""

    def seqs(self) -> dict[int, int] | None:
        """The last seq applied in each conversation: what `auth` takes as `resume`; None: nothing."""
        seqs = {conversation_id: cursor.seq for conversation_id, cursor in self._cursors.items()}
        return seqs if seqs or self._goes_on else None

    def begin(self, heads: Iterable[Head]) -> None:
        """After `auth_success`. What is resumed is replayed up to its head; at first the others start at theirs.

        Later on the server tells of those that we do not know, and `meet` is for them.
        """
        for head in heads:
            cursor = self._cursors.get(head.conversation_id)
            if cursor is not None:
                cursor.replay_to = head.last_seq
            elif not self._goes_on:
                self._cursors[head.conversation_id] = Cursor(head.last_seq)
        self._goes_on = True

    def meet(self, head: Head) -> None:
        """A conversation that is new to us: asks for what has happened in it, as far as that is for us."""
        cursor = self._cursors.setdefault(head.conversation_id, Cursor(0))
        if head.last_seq > cursor.seq:
            cursor.is_met = True
            self._ask(head.conversation_id, cursor)

    def restart(self, head: Head) -> None:
        """Starts over at `head`, backwards too: a server restored from a backup counts on from what it has."""
        self._cursors[head.conversation_id] = Cursor(head.last_seq)

    def receive(self, event: Sequenced) -> None:
        """Takes an event as it comes from the wire."""
        conversation_id, seq = event.conversation_id, event.seq
        cursor = self._cursors.setdefault(conversation_id, Cursor(seq - 1))
        if seq <= cursor.seq:
            return
        if cursor.replay_to >= seq:
            # A replay shows only what one's membership covers, so what it leaves out is not missing.
            cursor = self._pass_over(conversation_id, cursor, seq - 1)
            # Else what was held ended a membership before the one that is replayed.
            self._cursors[conversation_id] = cursor
        cursor.held[seq] = event
        self._drain(conversation_id, cursor)
        if cursor.held and self._cursors.get(conversation_id) is cursor:
            self._ask(conversation_id, cursor)

    def replayed(self, head: Head) -> None:
        """After `resumed`: there is no more of the replay."""
        cursor = self._cursors.get(head.conversation_id)
        if cursor is None or cursor.is_met:
            return  # one that was left while we were away is not to come back to life
        # How far the replay goes is not said of one that we are out of again: what came of it is held, and has gaps.
        self._pass_over(head.conversation_id, cursor, head.last_seq)

    def replaying(self, conversation_id: int, last_seq: int) -> None:
        """After `subscribed`: the events up to `last_seq` follow."""
        cursor = self._cursors.get(conversation_id)
        if cursor is not None:
            cursor.repairing = cursor.is_met = False
            cursor.replay_to = last_seq

    def repair_failed(self, conversation_id: int) -> None:
        """The next event or heartbeat asks again."""
        cursor = self._cursors.get(conversation_id)
        if cursor is not None:
            cursor.repairing = cursor.is_met = False

    def refused(self, conversation_id: int) -> None:
        """We are not in it any more: what came while we were is all there is for us."""
        cursor = self._cursors.get(conversation_id)
        if cursor is not None:
            self._pass_over(conversation_id, cursor, max(cursor.held, default=0))
            self.forget(conversation_id)

    def compare(self, heads: Iterable[Head]) -> None:
        """Asks for what these conversations have and we do not."""
        for head in heads:
            cursor = self._cursors.get(head.conversation_id)
            if cursor is not None and head.last_seq > cursor.seq:
                self._ask(head.conversation_id, cursor)

    def forget(self, conversation_id: int) -> None:
        self._cursors.pop(conversation_id, None)

    def disconnected(self) -> None:
        """What was held or asked for on the lost connection comes again with the resume."""
        for cursor in self._cursors.values():
            cursor.held.clear()
            cursor.repairing = cursor.is_met = False
            cursor.replay_to = 0

    def _ask(self, conversation_id: int, cursor: Cursor) -> None:
        if not cursor.repairing:
            cursor.repairing = True
            self._repair(conversation_id, cursor.seq)

    def _pass_over(self, conversation_id: int, cursor: Cursor, through: int) -> Cursor:
        """Applies what is held up to there although it has gaps, which are not for us; where we stand then.

        What is applied may end the membership, and with it this cursor; what follows is of one that came since.
        """
        for seq in sorted(seq for seq in cursor.held if seq <= through):
            if seq not in cursor.held:
                continue  # it followed the one before without a gap
            if self._cursors.get(conversation_id) is not cursor:
                cursor = self._cursors[conversation_id] = Cursor(seq - 1, cursor.replay_to, held=cursor.held)
            cursor.seq = max(cursor.seq, seq - 1)
            self._drain(conversation_id, cursor)
        if self._cursors.get(conversation_id) is not cursor:
            return Cursor(through, cursor.replay_to, held=cursor.held)
        cursor.seq = max(cursor.seq, through)
        self._drain(conversation_id, cursor)
        return cursor

    def _drain(self, conversation_id: int, cursor: Cursor) -> None:
        # What is applied may end the membership, and with it this cursor.
        while self._cursors.get(conversation_id) is cursor and (event := cursor.held.pop(cursor.seq + 1, None)):
            cursor.seq = event.seq
            self._apply(event)
        cursor.held = {seq: event for seq, event in cursor.held.items() if seq > cursor.seq}
