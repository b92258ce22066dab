"""From frames to events: each conversation's in order and once, and those that the server repeats left out."""

from collections.abc import Callable, Mapping

from bihak.client.cursors import Cursors, Sequenced
from bihak.client.events import (
    ConversationCreated,
    DurableEvent,
    Heard,
    NewMessage,
    ParticipantLeft,
    Resync,
    UnknownDurableEvent,
)
from bihak.client.faults import Unreadable
from bihak.client.frames import Label, decode_event, decode_reply
from bihak.client.objects import Head
from bihak.client.replies import AuthSuccess, MessageSent, Pong, Resumed, Subscribed


class Hearing:
    """`tell` gets each event; `repair` asks for what is missing; `stored` hears that a message of one's own is."""

    def __init__(
        self,
        *,
        tell: Callable[[Heard], None],
        repair: Callable[[int, int], None],
        stored: Callable[[str, MessageSent], None],
        seqs: Mapping[int, int] | None,
    ) -> None:
        self.me: AuthSuccess | None = None
        self.cursors = Cursors(self._apply, repair, seqs)
        self._tell = tell
        self._stored = stored

    def welcomed(self, welcome: AuthSuccess) -> None:
        self.me = welcome
        self.cursors.begin(welcome.heads)

    def received(self, label: Label, frame: bytes) -> None:
        """Takes any frame; of replies, those that say where a conversation stands."""
        try:
            match label.type:
                case "auth_success":  # again, with a fresh token: nothing is replayed
                    self.cursors.compare(decode_reply(frame, AuthSuccess).heads)
                case "subscribed":
                    reply = decode_reply(frame, Subscribed)
                    self.cursors.replaying(reply.conversation_id, reply.last_seq)
                case "resumed":
                    self._resumed(decode_reply(frame, Resumed))
                case "pong":
                    self.cursors.compare(decode_reply(frame, Pong).heads or ())
                case _ if label.request_id is None:
                    self._happened(label, frame)
        except Unreadable:
            return  # a server that speaks otherwise; whoever asked is told

    def _resumed(self, resumed: Resumed) -> None:
        for head in resumed.conversations:
            if head.resync:
                self.cursors.restart(head)
                self._tell(Resync(conversation_id=head.conversation_id))
            else:
                self.cursors.replayed(head)

    def _happened(self, label: Label, frame: bytes) -> None:
        event = decode_event(frame, label)
        if isinstance(event, DurableEvent | UnknownDurableEvent):
            self.cursors.receive(event)
            return
        self._tell(event)
        if isinstance(event, ConversationCreated):
            self.cursors.meet(Head(conversation_id=event.conversation_id, last_seq=event.conversation.last_seq))

    def _apply(self, event: Sequenced) -> None:
        assert isinstance(event, DurableEvent | UnknownDurableEvent)
        assert self.me is not None
        if isinstance(event, NewMessage) and event.idempotency_key and event.sender == self.me.user_id:
            sent = MessageSent(
                message_id=event.message_id,
                conversation_id=event.conversation_id,
                seq=event.seq,
                created_at=event.created_at,
                duplicate=False,
            )
            self._stored(event.idempotency_key, sent)
        if isinstance(event, ParticipantLeft) and event.user_id == self.me.user_id:
            self.cursors.forget(event.conversation_id)
        self._tell(event)
