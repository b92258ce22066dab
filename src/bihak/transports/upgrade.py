"""Upgrade requests as browsers and libraries write them, read without the machinery for all of HTTP."""

import asyncio
import re
from base64 import b64encode
from hashlib import sha1

from multidict import CIMultiDict, CIMultiDictProxy

PATHS = ("/", "/ws")
MOST_BYTES = 8190
"""Of a head that is read here."""
HEAD_END = b"\r\n\r\n"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD = re.compile(
    rb"GET (/[!-~]*) HTTP/1\.1\r\n((?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[ -~]*\r\n)+)\r\n",
)
_BODY = ("Content-Length", "Transfer-Encoding", "Expect")
_ONCE = ("Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version")


class Upgrade:
    """A request to become a WebSocket connection; has what aiohttp's requests have, as far as it is asked for here."""

    __slots__ = ("headers", "host", "remote", "scheme")

    def __init__(self, headers: CIMultiDictProxy[str], remote: str | None) -> None:
        self.headers = headers
        self.host = headers["Host"]
        self.remote = remote
        self.scheme = "http"


def read_upgrade(stream: bytes, transport: asyncio.Transport) -> Upgrade | None:
    """The upgrade that `stream` is, wholly and beyond doubt; None for anything else, be it an upgrade or not."""
    if len(stream) > MOST_BYTES or not stream.startswith(b"GET /"):
        return None
    head = _HEAD.fullmatch(stream)
    if head is None or head[1].decode().partition("?")[0] not in PATHS:
        return None
    lines = head[2].decode().split("\r\n")
    lines.pop()
    headers = CIMultiDict[str]()
    for line in lines:
        name, _, value = line.partition(":")
        headers.add(name, value.strip(" \t"))
    if any(len(headers.getall(name, ())) != 1 for name in _ONCE) or any(name in headers for name in _BODY):
        return None
    if headers["Upgrade"].lower() != "websocket" or not asks_to_upgrade(headers["Connection"]):
        return None
    peer = transport.get_extra_info("peername")
    return Upgrade(CIMultiDictProxy(headers), str(peer[0]) if isinstance(peer, tuple) else None)


def asks_to_upgrade(connection: str) -> bool:
    """Whether a Connection header says so (RFC 6455 §4.2.1)."""
    return "upgrade" in (token.strip() for token in connection.lower().split(","))


def switching_protocols(key: str) -> bytes:
    """The answer that lets in whoever sent that Sec-WebSocket-Key (§4.2.2). No extension and no subprotocol."""
    accepted = b64encode(sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
        + accepted
        + HEAD_END
    )
