"""Server frames as they stand on the wire, so that one event is framed once for all its recipients."""

import struct


def text_frame(body: bytes) -> bytes:
    """One final, unmasked text frame around `body` (RFC 6455 §5.2; server frames carry no mask, §5.1)."""
    size = len(body)
    if size < 126:
        return bytes((0x81, size)) + body
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + body
    return struct.pack("!BBQ", 0x81, 127, size) + body
