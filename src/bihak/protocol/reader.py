"""Reads a client's WebSocket frames (RFC 6455 §5) from the bytes of a connection, however the network cuts them."""

from collections.abc import Iterator

from bihak.errors import CloseCode

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

MAX_FRAGMENTS = 4096
"""Frames that one message may come in."""

_OPCODES = frozenset((CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG))
_CLOSE_CODES = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)))
"""Those that may stand in a close frame (§7.4.1, and what IANA has added)."""

Message = tuple[int, bytes]
"""An opcode, and the whole body without its mask: of a message, or of a control frame."""


class FrameFault(Exception):
    """What came breaks the rules, and nothing behind it can be read."""

    def __init__(self, code: CloseCode, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


def short_messages(stream: bytes) -> Iterator[tuple[bytes, int]]:
    """The whole text messages that `stream` begins with, each of at most 64 KiB and not empty: its body, and its end.

    Nearly every read is nothing but one, or a few.
    """
    at, size = 0, len(stream)
    while at + 6 < size and stream[at] == 0x81:
        mark = stream[at + 1]
        if 0x80 < mark < 0xFE:
            head, end = at + 6, at + mark - 0x7A
        elif mark == 0xFE and at + 8 < size and (length := stream[at + 2] << 8 | stream[at + 3]) > 125:
            head, end = at + 8, at + 8 + length
        else:
            return
        if end > size:
            return
        yield unmask(stream[head:end], stream[head - 4 : head]), end
        at = end


def unmask(body: bytes | bytearray, key: bytes | bytearray) -> bytes:
    """§5.3, on the whole body as one number: what takes a loop over the bytes in any other language."""
    size = len(body)
    mask = (bytes(key) * (size // 4 + 1))[:size]
    return (int.from_bytes(body, "little") ^ int.from_bytes(mask, "little")).to_bytes(size, "little")


class FrameReader:
    """Takes bytes, gives messages; a client must mask (§5.1), and write a length in the fewest bytes (§5.2).

    What it holds is bounded: `feed` as much as it may hold, and take with `next` what is whole before more.
    """

    __slots__ = ("_fragments", "_message", "_most_bytes", "_opcode", "_unread")

    def __init__(self, most_bytes: int) -> None:
        """`most_bytes`: of one message."""
        self._most_bytes = most_bytes
        self._unread = bytearray()
        self._message = bytearray()
        self._opcode = 0
        self._fragments = 0
        """Frames of the current message so far; 0: there is none."""

    @property
    def is_between(self) -> bool:
        """Whether nothing is begun and not finished."""
        return not self._unread and not self._fragments

    @property
    def unread_bytes(self) -> int:
        return len(self._unread)

    def feed(self, stream: bytes) -> None:
        self._unread += stream

    def next(self) -> Message | None:
        """The next message or control frame; None while it is not whole. Raises FrameFault."""
        while True:
            frame = self._next_frame()
            if frame is None:
                return None
            first, body = frame
            opcode = first & 0x0F
            if opcode >= CLOSE:
                if opcode == CLOSE:
                    _check_close(body)
                return opcode, body
            if first & 0x80 and not self._fragments:
                return opcode, body
            self._fragments += 1
            self._opcode = opcode or self._opcode
            self._message += body
            if self._fragments > MAX_FRAGMENTS or len(self._message) > self._most_bytes:
                raise FrameFault(CloseCode.TOO_LARGE, "a message too large")
            if first & 0x80:
                whole, self._message, self._fragments = bytes(self._message), bytearray(), 0
                return self._opcode, whole

    def _next_frame(self) -> tuple[int, bytes] | None:
        """The first byte of the next frame, and its body."""
        unread = self._unread
        if len(unread) < 2:
            return None
        first, mark = unread[0], unread[1] & 0x7F
        self._check_head(first, unread[1], mark)
        at = 2 if mark < 126 else 4 if mark == 126 else 10
        if len(unread) < at:
            return None
        length = mark if mark < 126 else int.from_bytes(unread[2:at])
        if mark > 125 and length < (126 if mark == 126 else 65536):
            raise FrameFault(CloseCode.PROTOCOL, "a length in more bytes than it takes")
        if length > self._most_bytes:
            raise FrameFault(CloseCode.TOO_LARGE, "a frame too large")
        end = at + 4 + length
        if len(unread) < end:
            return None
        body = unmask(unread[at + 4 : end], unread[at : at + 4])
        del unread[:end]
        return first, body

    def _check_head(self, first: int, second: int, mark: int) -> None:
        opcode = first & 0x0F
        if first & 0x70 or opcode not in _OPCODES:
            raise FrameFault(CloseCode.PROTOCOL, "reserved bits or a reserved opcode")
        if not second & 0x80:
            raise FrameFault(CloseCode.PROTOCOL, "a frame without a mask")
        if opcode >= CLOSE:
            if not first & 0x80 or mark > 125:
                raise FrameFault(CloseCode.PROTOCOL, "a control frame that is long or in fragments")
        elif (opcode == CONTINUATION) is not (self._fragments > 0):
            raise FrameFault(CloseCode.PROTOCOL, "a message within another, or continued without one")


def _check_close(body: bytes) -> None:
    """§5.5.1."""
    if body and (len(body) == 1 or int.from_bytes(body[:2]) not in _CLOSE_CODES):
        raise FrameFault(CloseCode.PROTOCOL, "a close code that must not be sent")
    try:
        body[2:].decode()
    except UnicodeDecodeError:
        raise FrameFault(CloseCode.INVALID_PAYLOAD, "a reason that is not UTF-8") from None
