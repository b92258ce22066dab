"""Which handshakes are read without aiohttp: those that are wholly there and beyond doubt, and no others."""

import asyncio

import pytest

from bihak.transports.upgrade import MOST_BYTES, read_upgrade, switching_protocols

USUAL = {
    "Host": "chat.example",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept-Language": "rw,fr;q=0.8,en;q=0.5",
    "Sec-WebSocket-Version": "13",
    "Origin": "https://chat.example",
    "Sec-WebSocket-Extensions": "permessage-deflate",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Connection": "keep-alive, Upgrade",
    "Upgrade": "websocket",
}


class Line(asyncio.Transport):
    """The edge of the network."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.7", 40000)})


def head(start: str = "GET / HTTP/1.1", extra: str = "", **headers: str) -> bytes:
    fields = {**USUAL, **{name.replace("_", "-"): value for name, value in headers.items()}}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{start}\r\n{lines}{extra}\r\n".encode()


@pytest.mark.parametrize("start", ["GET / HTTP/1.1", "GET /ws HTTP/1.1", "GET /?token=x&y=%20 HTTP/1.1"])
def test_what_a_browser_sends_is_read(start: str) -> None:
    request = read_upgrade(head(start, extra="x-tabs:\t a\tb \r\n"), Line())
    assert request is not None
    assert (request.host, request.remote, request.scheme) == ("chat.example", "192.0.2.7", "http")
    assert request.headers.getall("ORIGIN", ()) == ["https://chat.example"]
    assert request.headers["sec-websocket-key"] == USUAL["Sec-WebSocket-Key"]
    assert request.headers.get("X-Tabs") == "a\tb"
    assert request.headers.getall("X-Forwarded-For", ()) == ()


DOUBTFUL = {
    "an end that has not come": head()[:-1],
    "something behind it": head() + b"\x81",
    "two requests": head() + head(),
    "another path": head("GET /api/docs HTTP/1.1"),
    "another method": head("POST / HTTP/1.1"),
    "another version of HTTP": head("GET / HTTP/1.0"),
    "a whole address": head("GET http://chat.example/ HTTP/1.1"),
    "blanks": head("GET  / HTTP/1.1"),
    "a body": head(Content_Length="0"),
    "a chunked body": head(Transfer_Encoding="chunked"),
    "something expected": head(Expect="100-continue"),
    "a header twice": head(extra="host: chat.example\r\n"),
    "an Origin twice": head(extra="Origin: https://evil.example\r\n"),
    "a line that goes on": head(extra="X-Folded: a\r\n b\r\n"),
    "a name with a blank": head(extra="X-Blank : a\r\n"),
    "no name": head(extra=": a\r\n"),
    "a bare line feed": head(extra="X-Feed: a\nHost: evil.example\r\n"),
    "a bare carriage return": head(extra="X-Return: a\rb\r\n"),
    "a control character": head(extra="X-Null: a\0b\r\n"),
    "a letter that is not ASCII": head(extra="X-Letter: é\r\n"),
    "more than anybody needs": head(Cookie="x" * MOST_BYTES),
    "no upgrade": head(Upgrade="h2c"),
    "no wish to upgrade": head(Connection="keep-alive"),
    "no host": head().replace(b"Host: chat.example\r\n", b""),
    "nothing": b"",
}


@pytest.mark.parametrize("stream", DOUBTFUL.values(), ids=DOUBTFUL)
def test_whatever_is_doubtful_is_left_to_aiohttp(stream: bytes) -> None:
    assert read_upgrade(stream, Line()) is None


def test_the_answer_is_that_of_the_standard() -> None:
    """RFC 6455 §1.3."""
    assert b"\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n" in switching_protocols(
        USUAL["Sec-WebSocket-Key"]
    )
