"""Requests, replies, events and errors: what they have in common, and how they are decoded and encoded."""

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any, Union

import msgspec
from msgspec import Meta

from bihak.errors import ChatError, InvalidField, InvalidFrame, UnknownType
from bihak.protocol.types import MAX_ID, Scalar

REQUEST_ID_MAX_BYTES = 64


class Request(msgspec.Struct, tag_field="type", kw_only=True):
    """What a client sends. Subclasses are tagged with the frame's `type`; fields that nobody declared are ignored."""

    request_id: Annotated[str, Meta(max_length=REQUEST_ID_MAX_BYTES)] | None = None

    def __post_init__(self) -> None:
        """Checks what a type cannot say. Raises ValueError, which decoding turns into `invalid_field`."""
        if self.request_id is not None:
            require_bytes("request_id", self.request_id, 0, REQUEST_ID_MAX_BYTES)


class Reply(msgspec.Struct, tag_field="type", kw_only=True, omit_defaults=True):
    """The answer to one request, on the connection that asked."""

    request_id: str | None = None


class Event(msgspec.Struct, tag_field="type", kw_only=True, gc=False):
    """Something that happened, in the same bytes for everyone who hears of it. Nothing in it leads back to it."""


class DurableEvent(Event, kw_only=True):
    """An event in a conversation's log: it has the conversation's next `seq` and is replayed on resume."""

    conversation_id: int
    seq: int

    def left(self) -> tuple[str, ...]:
        """The `user_id`s whose membership ends with this event: they hear it, and nothing after it."""
        return ()

    def joined(self) -> tuple[str, ...]:
        """The `user_id`s whose membership begins with this event: they hear what comes after it."""
        return ()

    def wrote(self) -> str:
        """The `user_id` whose new message it is; empty: it is none."""
        return ""


class ErrorReply(Reply, tag="error", kw_only=True, omit_defaults=True):
    """What a client sees of a `ChatError`."""

    # `retryable` has no default, so that false is sent too.
    message: str
    code: str
    retryable: bool
    field: str | None = None
    retry_after: float | None = None
    temp_id: Scalar = None
    conversation_id: int | None = None


class Echo(msgspec.Struct):
    """What an error gives back of the request it answers, as far as that could be read."""

    request_id: str | None = None
    temp_id: Scalar = None
    conversation_id: int | None = None


NO_ECHO = Echo()

_encoder = msgspec.json.Encoder()


def encode(message: Reply | Event) -> bytes:
    """`message` as JSON in UTF-8."""
    return _encoder.encode(message)


def error_reply(error: ChatError, echo: Echo = NO_ECHO) -> ErrorReply:
    """The frame that tells a client of `error`, bound to the request it answers."""
    return ErrorReply(
        message=error.message,
        code=error.code,
        retryable=error.retryable,
        field=error.field,
        retry_after=error.retry_after,
        request_id=echo.request_id,
        temp_id=echo.temp_id,
        conversation_id=echo.conversation_id,
    )


def echo_of(request: Request) -> Echo:
    """What an error about the decoded `request` gives back."""
    return Echo(
        request_id=request.request_id,
        temp_id=getattr(request, "temp_id", None),
        conversation_id=getattr(request, "conversation_id", None),
    )


def require_bytes(field: str, text: str, at_least: int, at_most: int) -> None:
    """Raises ValueError unless `text` takes that many bytes in UTF-8. For use in a request's `__post_init__`."""
    if not at_least <= len(text.encode()) <= at_most:
        raise ValueError(f"{field} takes {at_least} to {at_most} bytes")


class DecodeFailure(Exception):
    """A frame that is no valid request: the error to answer with, and what to echo in it."""

    def __init__(self, error: ChatError, echo: Echo) -> None:
        self.error = error
        self.echo = echo
        super().__init__(error.message)


class RequestDecoder:
    """Decodes frames into the given request types, told apart by `type`."""

    def __init__(self, request_types: Iterable[type[Request]]) -> None:
        types = tuple(request_types)
        self._known = {str(t.__struct_config__.tag) for t in types}
        # A union made at run time is beyond what a static checker can name.
        union: Any = Union[types]  # noqa: UP007
        self._decode = msgspec.json.Decoder(union).decode

    def decode(self, frame: bytes | str) -> Request:
        """The request in `frame`. Raises `DecodeFailure`, and nothing else, for any other bytes."""
        try:
            request: Request = self._decode(frame)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as fault:
            raise self._failure(frame, fault) from None
        return request

    def echo(self, frame: bytes | str) -> Echo:
        """What an error about `frame`, whatever is wrong with it, gives back."""
        try:
            fields = json.loads(frame)
        except (ValueError, RecursionError):
            return NO_ECHO
        return _readable_echo(fields) if isinstance(fields, dict) else NO_ECHO

    def _failure(self, frame: bytes | str, fault: Exception) -> DecodeFailure:
        """Second look at a frame that did not decode: which error is it, and what can be echoed?"""
        try:
            fields = json.loads(frame)
        except (ValueError, RecursionError):
            return DecodeFailure(InvalidFrame("The frame is not JSON."), NO_ECHO)
        if not isinstance(fields, dict):
            return DecodeFailure(InvalidFrame(), NO_ECHO)
        echo = _readable_echo(fields)
        kind = fields.get("type")
        if not isinstance(kind, str):
            return DecodeFailure(InvalidFrame("The frame has no `type`."), echo)
        if kind not in self._known:
            return DecodeFailure(UnknownType(), echo)
        if isinstance(fault, msgspec.ValidationError):
            return DecodeFailure(_field_error(str(fault)), echo)
        # The standard library took what strict JSON forbids: NaN, a lone surrogate, or bytes that are not UTF-8.
        field = next((name for name, value in fields.items() if not _is_strict(value)), None)
        if field is not None:
            return DecodeFailure(InvalidField("Text must be valid Unicode, numbers finite.", field=field), echo)
        return DecodeFailure(InvalidFrame("The frame is not valid JSON."), echo)


def field_error(fault: msgspec.ValidationError) -> InvalidField:
    """The error for a value that msgspec refused, naming the field."""
    return _field_error(str(fault))


# msgspec says either "Object missing required field `x`" or "... - at `$.x[...].y`".
_MISSING = re.compile(r"missing required field `([^`]+)`")
_PATH = re.compile(r" - at `(?:key` in `)?\$\.?([^`]*)`$")


def _field_error(text: str) -> InvalidField:
    path = _PATH.search(text)
    missing = _MISSING.search(text)
    own_words = re.match(r"(\w+) takes \d+ to \d+ bytes", text)
    field = path[1] if path else ""
    if missing:
        field = f"{field}.{missing[1]}" if field else missing[1]
    elif own_words and not field:
        field = own_words[1]
    return InvalidField(_PATH.sub("", text) + ".", field=field or None)


def _readable_echo(fields: dict[str, Any]) -> Echo:
    request_id = fields.get("request_id")
    temp_id = fields.get("temp_id")
    conversation_id = fields.get("conversation_id")
    return Echo(
        request_id=request_id
        if isinstance(request_id, str) and _is_strict(request_id) and len(request_id.encode()) <= REQUEST_ID_MAX_BYTES
        else None,
        temp_id=temp_id if isinstance(temp_id, str | int | float | bool) and _is_strict(temp_id) else None,
        conversation_id=conversation_id if type(conversation_id) is int and 1 <= conversation_id <= MAX_ID else None,
    )


def _is_strict(value: object) -> bool:
    """Whether `value`, read by the standard library, can be written as strict JSON."""
    try:
        _encoder.encode(value)
        json.dumps(value, allow_nan=False)
    except (ValueError, TypeError, OverflowError, UnicodeError, RecursionError):
        return False
    return True
