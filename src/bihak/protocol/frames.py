"""WebSocket frames as they stand on the wire: the server's own, and what is wrong with a client's (RFC 6455 §5)."""

import struct

MAX_FRAGMENTS = 4096
"""Frames that one message may come in."""

_FAILS_AS_PROTOCOL_ERROR = b"\xf0\x80\0\0\0\0"  # with reserved bits: 1002
_FAILS_AS_TOO_LARGE = b"\x80\xff" + b"\xff" * 8 + b"\0\0\0\0"  # longer than anything: 1009


def text_frame(body: bytes) -> bytes:
    """One final, unmasked text frame around `body` (RFC 6455 §5.2; server frames carry no mask, §5.1)."""
    size = len(body)
    if size < 126:
        return bytes((0x81, size)) + body
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + body
    return struct.pack("!BBQ", 0x81, 127, size) + body


def pong_frame(body: bytes) -> bytes:
    """The answer to a ping with that body, of at most 125 bytes (§5.5.3)."""
    return bytes((0x8A, len(body))) + body


def close_frame(code: int, reason: str) -> bytes:
    """The first or the last word of a closing handshake (§5.5.1); a reason past 120 bytes is cut."""
    body = code.to_bytes(2) + reason.encode()[:120]
    return bytes((0x88, len(body))) + body


PING_FRAME = b"\x89\x00"


class ClientFrames:
    """Follows a client's frames and ends the stream where a server must and aiohttp's reader does not.

    That is: no mask (§5.1), a length in more bytes than it takes (§5.2), a message begun within another or continued
    without one (§5.4), and no end of fragments. Bodies are not looked at.
    """

    def __init__(self) -> None:
        self._skip = 0
        """Bytes of the current frame that are still to come."""
        self._held = b""
        """The beginning of a header."""
        self._fragments = 0
        """Frames of the current message so far; 0: there is none."""
        self._failed = False

    def receive(self, stream: bytes) -> bytes:
        """What of it may go on to the reader: whole headers, and bodies as they come.

        In place of a frame that is at fault, one that the reader fails the connection for with the right close code;
        nothing after it.
        """
        if _is_one_short_message(stream) and not (self._skip or self._held or self._fragments or self._failed):
            return stream  # as nearly every read is
        if self._failed:
            return b""
        if self._held:
            stream, self._held = self._held + stream, b""
        at, end = self._skip, len(stream)
        while at < end:
            size = _header_size(stream, at)
            if at + size > end:
                self._held = stream[at:]
                self._skip = 0
                return stream[:at]
            length = _length(stream, at)
            failure = self._failure(stream[at], stream[at + 1], length)
            if failure:
                self._failed = True
                return stream[:at] + failure
            at += size + length
        self._skip = at - end
        return stream

    def _failure(self, first: int, second: int, length: int) -> bytes:
        marked = second & 0x7F
        if second < 0x80 or (marked > 125 and length < (126 if marked == 126 else 65536)):
            return _FAILS_AS_PROTOCOL_ERROR
        if first & 0x08:
            return b""  # a control frame, which may stand between fragments
        if (first & 0x0F == 0) is not (self._fragments > 0):
            return _FAILS_AS_PROTOCOL_ERROR
        self._fragments = 0 if first & 0x80 else self._fragments + 1
        return _FAILS_AS_TOO_LARGE if self._fragments > MAX_FRAGMENTS else b""


def _is_one_short_message(stream: bytes) -> bool:
    return len(stream) > 6 and stream[0] == 0x81 and 0x80 <= stream[1] < 0xFE and len(stream) == stream[1] - 0x7A


def _header_size(stream: bytes, at: int) -> int:
    """Of the frame at `at`, as far as its beginning tells."""
    if at + 1 == len(stream):
        return 2
    mark = stream[at + 1]
    return (2, 4, 10)[max(0, (mark & 0x7F) - 125)] + (4 if mark & 0x80 else 0)


def _length(stream: bytes, at: int) -> int:
    """Of the body of the frame at `at`, whose header is complete."""
    marked = stream[at + 1] & 0x7F
    if marked < 126:
        return marked
    return int.from_bytes(stream[at + 2 : at + (4 if marked == 126 else 10)])
