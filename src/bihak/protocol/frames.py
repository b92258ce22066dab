"""The server's own WebSocket frames as they stand on the wire (RFC 6455 §5)."""

import struct


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
