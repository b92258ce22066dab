"""Who gets as far as a connection: what is refused before the upgrade, and what is closed for taking its time."""

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator

import aiohttp
import pytest

from bihak.protocol.types import Participant
from bihak.transports.auth import make_token
from tests.e2e.raw import CLOSE, TEXT, RawSocket, connected, frame, handshake, upgraded
from tests.e2e.server import SECRET, ServerProcess
from tests.e2e.status import metric, open_sockets

PAGE = "https://platform.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Behind a proxy on this machine, which tells who connects."""
    server = ServerProcess(
        tmp_path_factory.mktemp("handshake"),
        AUTH_SECRET=SECRET,
        ALLOWED_ORIGINS=PAGE,
        TRUSTED_PROXIES="127.0.0.1,10.0.0.0/8",
        MAX_CONNECTIONS_PER_ADDRESS="2",
        MAX_CONNECTIONS_PER_PARTICIPANT="2",
        LOG_FORMAT="json",
    )
    server.start()
    yield server
    assert server.stop() == 0


def token(user_id: str = "user_1") -> str:
    return make_token(SECRET, Participant.parse(user_id), name=None, expires_at=int(time.time()) + 3600)


async def answer(server: ServerProcess, request: bytes) -> int:
    async with connected(server) as socket:
        await socket.send(request)
        return await socket.status()


async def sign_in(socket: RawSocket, user_id: str = "user_1") -> dict[str, object]:
    await socket.send(frame(TEXT, json.dumps({"type": "auth", "token": token(user_id)}).encode()))
    return await socket.reply()


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://platform.example.evil.example",
        "https://evil.example/https://platform.example",
        "https://notplatform.example",
        "https://sub.platform.example",
        "http://platform.example",
        "https://platform.example:8443",
        "https://platform.example/",
        "HTTPS://PLATFORM.EXAMPLE",
        "https://platform.example, https://evil.example",
        "http://localhost",
        "file://",
    ],
)
async def test_a_page_from_anywhere_else_is_refused_before_the_upgrade(server: ServerProcess, origin: str) -> None:
    assert await answer(server, handshake(server, Origin=origin)) == 403


async def test_an_origin_is_not_believed_twice(server: ServerProcess) -> None:
    request = handshake(server, Origin=PAGE).replace(b"\r\n\r\n", b"\r\nOrigin: https://evil.example\r\n\r\n")
    assert await answer(server, request) in (400, 403)
    assert await answer(server, handshake(server, Origin=PAGE)) == 101
    own = f"http://localhost:{server.port}"
    assert await answer(server, handshake(server, Origin=own)) == 101
    assert await answer(server, handshake(server, Origin=own.replace("http", "https"))) == 403


MALFORMED = {
    "another version": ({"Sec_WebSocket_Version": "8"}, 426),
    "no version": ({"Sec_WebSocket_Version": None}, 426),
    "no key": ({"Sec_WebSocket_Key": None}, 400),
    "a short key": ({"Sec_WebSocket_Key": "c2hvcnQ="}, 400),
    "a key that is no base64": ({"Sec_WebSocket_Key": "é" * 24}, 400),
    "no Connection: Upgrade": ({"Connection": "keep-alive"}, 400),
    "a body": ({"Content_Length": "5"}, 400),
    "a chunked body": ({"Transfer_Encoding": "chunked"}, 400),
    "two kinds of length": ({"Transfer_Encoding": "chunked", "Content_Length": "5"}, 400),
    "a huge header": ({"Cookie": "x" * 20_000}, 400),
    "a header with a line break": ({"X_Break": "a\r\n b"}, 400),
}


@pytest.mark.parametrize(("headers", "status"), MALFORMED.values(), ids=MALFORMED)
async def test_a_handshake_of_a_wrong_form_is_refused(
    server: ServerProcess, headers: dict[str, str | None], status: int
) -> None:
    request = handshake(server, **headers)
    async with connected(server) as socket:
        await socket.send(request)
        if "Content_Length" in headers or "Transfer_Encoding" in headers:
            await socket.send(b"5\r\nhello\r\n0\r\n\r\n")
        assert await socket.status() == status
        socket.send_end()
        assert b"101 Switching" not in await socket.everything()


async def test_a_handshake_that_comes_in_pieces_is_as_good(server: ServerProcess) -> None:
    """aiohttp reads it then; the connection is the same afterwards, and is gone with its client."""
    before = open_sockets(server)
    request = handshake(server)
    async with connected(server) as whole, connected(server) as cut, connected(server) as unusual:
        await whole.send(request)
        await cut.send(request[:40])
        await asyncio.sleep(0.05)
        await cut.send(request[40:])
        await unusual.send(handshake(server, Cookie="x" * 8000))
        for socket in (whole, cut, unusual):
            assert await socket.status() == 101
            await socket.send(frame(TEXT, b'{"type": "ping"}') * 3)
            assert [(await socket.reply())["type"] for _ in range(3)] == ["pong"] * 3
            assert (await sign_in(socket, f"user_{id(socket)}"))["type"] == "auth_success"
        await cut.send(frame(CLOSE))
        assert await cut.close_code() == 1000
        assert await cut.everything() == b""
    while open_sockets(server) > before:
        await asyncio.sleep(0.01)


async def test_idle_connections_are_no_tasks(server: ServerProcess) -> None:
    async with contextlib.AsyncExitStack() as stack:
        before = metric(server, "bihak_tasks")
        for number in range(20):
            socket = await stack.enter_async_context(upgraded(server))
            assert (await sign_in(socket, f"user_{100 + number}"))["type"] == "auth_success"
        assert metric(server, "bihak_connections") >= 20
        assert metric(server, "bihak_tasks") <= before + 5


async def test_no_other_method_is_upgraded(server: ServerProcess) -> None:
    for method in (b"POST", b"HEAD", b"PUT"):
        assert await answer(server, handshake(server).replace(b"GET", method, 1)) != 101


async def test_nothing_may_follow_an_upgrade_that_is_not_answered_yet(server: ServerProcess) -> None:
    """What a proxy may take for a second request, and what this server took for frames."""
    smuggled = f"GET /config.json HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode()[:-1]
    for behind in (smuggled, frame(TEXT, b'{"type": "ping"}')):
        async with connected(server) as socket:
            await socket.send(handshake(server) + behind)
            assert await socket.status() == 400
            rest = await socket.everything()
            assert rest.count(b"HTTP/1.1") == 0
            assert b"pong" not in rest


async def test_more_headers_than_anybody_needs_are_refused(server: ServerProcess) -> None:
    many = "".join(f"X-{number}: x\r\n" for number in range(1000)).encode()
    request = handshake(server).removesuffix(b"\r\n") + many + b"\r\n"
    assert await answer(server, request) == 400
    assert await answer(server, handshake(server, "/" + "x" * 20_000)) == 400


async def test_a_token_in_an_address_counts_for_nothing_and_is_not_logged(server: ServerProcess) -> None:
    secret = token()
    async with connected(server) as socket:
        await socket.send(handshake(server, f"/?token={secret}&access_token={secret}", Sec_WebSocket_Protocol=secret))
        assert await socket.status() == 101
        await socket.send(frame(TEXT, b'{"type": "conversations"}'))
        assert (await socket.reply())["code"] == "not_authenticated"
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"{server.url}/api/conversations?token={secret}&access_token={secret}") as response,
    ):
        assert response.status == 401
    assert secret not in "".join(server.log_lines())


async def test_connections_are_counted_by_the_address_that_trusted_proxies_tell(server: ServerProcess) -> None:
    """From the right, as far as the addresses are trusted: what a client put there itself does not count."""

    def via(*hops: str) -> bytes:
        return handshake(server, X_Forwarded_For=", ".join(hops))

    async with contextlib.AsyncExitStack() as stack:

        async def opened(request: bytes) -> int:
            socket = await stack.enter_async_context(connected(server))
            await socket.send(request)
            return await socket.status()

        assert await opened(via("203.0.113.1")) == 101
        assert await opened(via("1.2.3.4", "203.0.113.1", "10.1.1.1")) == 101
        assert await opened(via("5.6.7.8", "203.0.113.1")) == 429
        assert await opened(via("203.0.113.1", "203.0.113.2")) == 101
        # An IPv6 customer has a whole /64 to come from.
        assert await opened(via("2001:db8::1")) == 101
        assert await opened(via("2001:db8::2")) == 101
        assert await opened(via("2001:db8::3")) == 429
        assert await opened(via("2001:db8:0:1::1")) == 101
        # This machine's own are not limited: it may be a proxy that nobody told of.
        for _ in range(3):
            assert await opened(handshake(server)) == 101
    for _ in range(3):  # who leaves makes room
        assert await answer(server, via("203.0.113.1")) == 101


async def test_a_participant_has_so_many_connections_and_no_more_however_fast_they_come(server: ServerProcess) -> None:
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(upgraded(server)) for _ in range(8)]
        replies = await asyncio.gather(*(sign_in(socket, "user_5") for socket in sockets))
        assert sorted(str(reply.get("code", reply["type"])) for reply in replies) == (
            ["auth_success"] * 2 + ["too_many_connections"] * 6
        )
        refused = next(s for s, reply in zip(sockets, replies, strict=True) if reply["type"] == "error")
        assert await refused.close_code() == 4429
        assert (await sign_in(await stack.enter_async_context(upgraded(server)), "user_6"))["type"] == "auth_success"


async def test_whoever_takes_too_long_is_closed(server: ServerProcess) -> None:
    """All at once, since each takes its time."""
    before = open_sockets(server)

    async def says(*pieces: bytes, every_s: float = 0.5) -> bytes:
        async with connected(server) as socket:

            async def dribble() -> None:
                for piece in pieces:
                    await socket.send(piece)
                    await asyncio.sleep(every_s)

            talking = asyncio.create_task(dribble())
            try:
                return await socket.everything()
            finally:
                talking.cancel()

    async def never_signs_in() -> int | None:
        async with upgraded(server) as socket:
            await socket.send(frame(TEXT, b"[" * 1000, fin=False))  # nor finishes what it says
            return await socket.close_code()

    head = f"Host: localhost:{server.port}\r\nAuthorization: Bearer {token()}\r\n".encode()
    patch = b"PATCH /api/conversations/1 HTTP/1.1\r\n" + head + b"Content-Length: 400\r\n\r\n"
    line = [f"X-{number}: x\r\n".encode() for number in range(80)]
    silent, slow_head, slow_second_head, slow_body, unread_body, code = await asyncio.gather(
        says(),
        says(b"GET / HTTP/1.1\r\n", *line),
        says(b"GET /health HTTP/1.1\r\n" + head + b"\r\n", b"GET /health HTTP/1.1\r\n", *line),
        says(patch, *[b" "] * 80),
        says(patch.replace(b"/api/conversations/1", b"/no/such/path"), *[b" "] * 80),
        never_signs_in(),
    )
    assert silent == slow_head == b""
    assert slow_second_head.count(b"HTTP/1.1 200") == 1
    assert slow_body.count(b"HTTP/1.1 400") == 1
    assert b"too slowly" in slow_body
    assert unread_body.count(b"HTTP/1.1 40") == 1
    assert code == 1008
    while open_sockets(server) > before:
        await asyncio.sleep(0.01)
