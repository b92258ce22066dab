"""Frames as bytes: what is sent is encoded, what comes is decoded in two steps, first what kind it is."""

from typing import Any, TypeVar, Union

import msgspec

from bihak.client import events
from bihak.client.events import Event, UnknownDurableEvent, UnknownEvent
from bihak.client.faults import Unreadable, fault_of
from bihak.client.replies import ErrorReply, Reply

R = TypeVar("R", bound=Reply)


class Label(msgspec.Struct):
    """What every frame may say of itself."""

    type: str
    request_id: str | None = None
    conversation_id: int | None = None
    seq: int | None = None


_encode = msgspec.json.Encoder().encode
_label = msgspec.json.Decoder(Label).decode
_EVENTS: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, Event) and isinstance(kind.__struct_config__.tag, str)
}
# A union made at run time is beyond what a static checker can name.
_KNOWN: Any = Union[tuple(_EVENTS.values())]  # noqa: UP007
_event = msgspec.json.Decoder(_KNOWN).decode


def encode_frame(fields: dict[str, Any]) -> bytes:
    """A frame of the fields that are not None."""
    return _encode({name: value for name, value in fields.items() if value is not None})


def label_of(frame: bytes) -> Label | None:
    """None for what is no frame of this protocol, which is to be ignored."""
    try:
        return _label(frame)
    except (msgspec.DecodeError, UnicodeError):
        return None


def decode_event(frame: bytes, label: Label) -> Event | UnknownEvent | UnknownDurableEvent:
    """An event this library does not know, or no longer understands, is an unknown one: its `seq` still counts."""
    if label.type in _EVENTS:
        try:
            known: Event = _event(frame)
        except msgspec.ValidationError:
            pass
        else:
            return known
    fields = msgspec.json.decode(frame)
    if label.conversation_id is not None and label.seq is not None:
        return UnknownDurableEvent(type=label.type, fields=fields, conversation_id=label.conversation_id, seq=label.seq)
    return UnknownEvent(type=label.type, fields=fields)


def decode_reply(frame: bytes, kind: type[R]) -> R:
    """Raises the Fault that an error frame tells of, and Unreadable for anything but `kind`."""
    try:
        reply: R | ErrorReply = msgspec.json.decode(frame, type=kind | ErrorReply)
    except msgspec.ValidationError as fault:
        raise Unreadable(f"The server's answer is not understood: {fault}") from None
    if isinstance(reply, ErrorReply):
        raise fault_of(reply)
    return reply
