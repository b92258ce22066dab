"""Upgrade requests as browsers and libraries write them, read without the machinery for all of HTTP."""

import asyncio
import re
from binascii import b2a_base64
from functools import lru_cache
from hashlib import sha1
from typing import TypeVar

PATHS = ("/", "/ws")
MOST_BYTES = 8190
"""Of a head that is read here."""
HEAD_END = b"\r\n\r\n"

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_HEAD = re.compile(r"GET (/[!-~]*) HTTP/1\.1((?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~]*)+)\r\n\r\n")
_BODY = frozenset(("content-length", "transfer-encoding", "expect"))

D = TypeVar("D")


class Headers:
    """As aiohttp's, as far as they are asked for here; each stands there once."""

    __slots__ = ("_values",)

    def __init__(self, values: dict[str, str]) -> None:
        """By their names in lower case."""
        self._values = values

    def __getitem__(self, name: str) -> str:
        return self._values[name.lower()]

    def get(self, name: str, default: str = "") -> str:
        return self._values.get(name.lower(), default)

    def getall(self, name: str, default: D) -> list[str] | D:
        found = self._values.get(name.lower())
        return default if found is None else [found]


class Upgrade:
    """A request to become a WebSocket connection; has what aiohttp's requests have, as far as it is asked for here."""

    __slots__ = ("headers", "host", "remote", "scheme")

    def __init__(self, headers: Headers, host: str, remote: str | None) -> None:
        self.headers = headers
        self.host = host
        self.remote = remote
        self.scheme = "http"


def read_upgrade(stream: bytes, transport: asyncio.Transport) -> Upgrade | None:
    """The upgrade that `stream` is, wholly and beyond doubt; None for anything else, be it an upgrade or not."""
    if len(stream) > MOST_BYTES or not stream.startswith(b"GET /") or not stream.isascii():
        return None
    head = _HEAD.fullmatch(stream.decode())
    if head is None or head[1].partition("?")[0] not in PATHS:
        return None
    values: dict[str, str] = {}
    lines = head[2].split("\r\n")
    for line in lines[1:]:
        name, _, value = line.partition(":")
        values[name.lower()] = value.strip(" \t")
    host = values.get("host")
    is_plain = len(values) == len(lines) - 1 and host and _BODY.isdisjoint(values)
    if not is_plain or values.get("upgrade", "").lower() != "websocket":
        return None
    if not asks_to_upgrade(values.get("connection", "")):
        return None
    assert host is not None
    peer = transport.get_extra_info("peername")
    return Upgrade(Headers(values), host, peer[0] if isinstance(peer, tuple) else None)


@lru_cache(maxsize=64)
def asks_to_upgrade(connection: str) -> bool:
    """Whether a Connection header says so (RFC 6455 §4.2.1)."""
    return "upgrade" in [token.strip() for token in connection.lower().split(",")]


def switching_protocols(key: str) -> bytes:
    """The answer that lets in whoever sent that Sec-WebSocket-Key (§4.2.2). No extension and no subprotocol."""
    accepted = b2a_base64(sha1(key.encode() + _GUID, usedforsecurity=False).digest(), newline=False)
    return b"".join((_ANSWER, accepted, HEAD_END))


_ANSWER = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
