"""The Python client library with real servers: killed, cut off, and with people whose tokens end."""

import asyncio
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bihak.client import (
    Client,
    ConversationCreated,
    Disconnected,
    Forbidden,
    InvalidToken,
    NewMessage,
    NotFound,
    Resync,
    SessionRevoked,
    State,
    StateChanged,
    TimedOut,
    Timing,
    TokenExpired,
    TooLarge,
    Trouble,
    UnknownDurableEvent,
)
from bihak.protocol.types import Participant
from bihak.transports.auth import make_token
from tests.e2e.conftest import StartServer
from tests.e2e.server import SECRET, ServerProcess
from tests.faults.proxy import Proxy

HASTY = Timing(retry_base_s=0.05, retry_cap_s=0.2, patience_s=0.1, answer_within_s=10)
API_KEY = "an-api-key-of-the-platforms"
SENT_BY_EACH = 120


class Listener:
    """What one device heard of messages, by conversation, in the order it heard them."""

    def __init__(self, client: Client) -> None:
        self.heard: defaultdict[int, list[NewMessage]] = defaultdict(list)
        self.met: list[int] = []
        """Conversations that were new to it."""
        self._client = client
        self._arrived = asyncio.Condition()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for event in self._client:
            assert not isinstance(event, Resync | Trouble), event
            async with self._arrived:
                if isinstance(event, NewMessage):
                    self.heard[event.conversation_id].append(event)
                elif isinstance(event, ConversationCreated):
                    assert event.conversation_id not in self.heard
                    self.met.append(event.conversation_id)
                self._arrived.notify_all()

    async def until(self, count: int) -> None:
        async with self._arrived:
            await self._arrived.wait_for(lambda: sum(map(len, self.heard.values())) >= count)

    async def end(self) -> None:
        """Once its client is closed."""
        await self._task


async def test_over_kills_and_cuts_nothing_is_lost_doubled_or_out_of_order(start_server: StartServer) -> None:
    server = start_server("--demo", RATE_LIMIT_MESSAGES="off")
    rng = random.Random(5)
    async with (
        Proxy(server.port, rng) as proxy,
        Client(f"ws://127.0.0.1:{proxy.port}", participant="user_1", timing=HASTY) as ann,
        Client(f"ws://127.0.0.1:{proxy.port}", participant="user_2", timing=HASTY) as bob,
    ):
        direct = (await ann.create_conversation("direct", ["user_2"])).conversation_id
        team = (await ann.create_conversation("team", ["user_2"], "Both")).conversation_id
        listeners = [Listener(ann), Listener(bob)]

        async def talk(client: Client) -> None:
            for number in range(SENT_BY_EACH):
                client.send(rng.choice([direct, team]), f"{client.me.user_id} {number:04}")
                await asyncio.sleep(rng.random() * 0.01)

        async def break_things() -> None:
            for _ in range(2):
                for _ in range(3):
                    proxy.cut()
                    await asyncio.sleep(0.15)
                server.kill()
                await asyncio.to_thread(server.start)
                await asyncio.sleep(0.2)

        async with asyncio.timeout(60):
            await asyncio.gather(talk(ann), talk(bob), break_things())
            await asyncio.gather(ann.all_sent(), bob.all_sent())
            assert ann.unsent() == bob.unsent() == []
            for listener in listeners:
                await listener.until(2 * SENT_BY_EACH)
        for listener in listeners:
            assert sum(map(len, listener.heard.values())) == 2 * SENT_BY_EACH
        for conversation_id in (direct, team):  # which may have been new to them only after they had come back
            seqs = [event.seq for event in listeners[0].heard[conversation_id]]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
            assert listeners[0].heard[conversation_id] == listeners[1].heard[conversation_id]
            for who in ("user_1", "user_2"):
                said = [event.content for event in listeners[0].heard[conversation_id] if event.sender == who]
                assert said == sorted(said)
    for listener in listeners:
        await listener.end()


async def test_what_happened_since_one_is_in_a_conversation_is_told_also_to_whoever_was_away_meanwhile(
    demo: ServerProcess,
) -> None:
    async with (
        Proxy(demo.port, random.Random(5)) as proxy,
        Client(demo.ws_url, participant="user_1") as ann,
        Client(f"ws://127.0.0.1:{proxy.port}", participant="user_2", timing=HASTY) as bob,
        Client(f"ws://127.0.0.1:{proxy.port}", participant="user_3", timing=HASTY) as carol,
    ):
        listeners = [Listener(bob), Listener(carol)]
        proxy.is_severed = True
        proxy.cut()
        team = (await ann.create_conversation("team", ["user_2"], "New")).conversation_id
        await ann.send(team, "one")
        await ann.add_participants(team, ["user_3"])
        await ann.send(team, "two")
        await ann.send(team, "three")
        proxy.is_severed = False
        async with asyncio.timeout(30):
            for listener, count in zip(listeners, (3, 2), strict=True):
                await listener.until(count)
        await ann.send(team, "four")
        async with asyncio.timeout(30):
            for listener, count in zip(listeners, (4, 3), strict=True):
                await listener.until(count)
        assert [event.content for event in listeners[0].heard[team]] == ["one", "two", "three", "four"]
        assert [event.content for event in listeners[1].heard[team]] == ["two", "three", "four"]
        assert all(listener.met == [team] for listener in listeners)
    for listener in listeners:
        await listener.end()


async def test_what_was_written_survives_a_crash_of_the_program(demo: ServerProcess, tmp_path: Path) -> None:
    outbox = tmp_path / "outbox.db"
    program = f"""
import asyncio, os, signal
from bihak.client import Client
async def main():
    client = Client("ws://127.0.0.1:9", participant="user_1", outbox={str(outbox)!r})
    client.start()
    for number in range(3):
        client.send(1, f"before the crash {{number}}")
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    crashed = await asyncio.create_subprocess_exec(sys.executable, "-c", program)
    assert await crashed.wait() == -signal.SIGKILL
    async with Client(demo.ws_url, participant="user_1", outbox=outbox) as client:
        await client.all_sent()
        page = await client.history(1, limit=3)
        assert [message.content for message in page.messages] == [f"before the crash {n}" for n in range(3)]
    async with Client(demo.ws_url, participant="user_1", outbox=outbox) as client:
        assert client.unsent() == []


async def test_events_after_given_seqs_are_told(demo: ServerProcess) -> None:
    async with Client(demo.ws_url, participant="user_1") as writer:
        start = (await writer.ping(), await writer.get_conversation(2))[1].last_seq
        sent = await writer.send(2, "while you were away")
    async with Client(demo.ws_url, participant="user_2", resume={2: start}) as reader:
        async for event in reader:
            if isinstance(event, NewMessage) and event.conversation_id == 2:
                assert (event.message_id, event.content) == (sent.message_id, "while you were away")
                break


async def test_what_the_server_refuses_is_an_exception_of_its_own_class(demo: ServerProcess) -> None:
    async with Client(demo.ws_url, participant="user_1", listen=False) as client:
        with pytest.raises(NotFound) as raised:
            await client.edit_message(999_999, "?")
        assert (raised.value.code, raised.value.retryable) == ("not_found", False)
        with pytest.raises(NotFound):
            await client.send(999_999, "Anybody?")
        with pytest.raises(TooLarge):
            await client.send(1, "x" * 200_000)
        with pytest.raises(Forbidden):
            await client.rename_conversation(2, "Mine now")


@pytest.fixture(scope="module")
def token_server(tmp_path_factory: pytest.TempPathFactory) -> object:
    server = ServerProcess(tmp_path_factory.mktemp("tokens"), AUTH_SECRET=SECRET, API_KEY=API_KEY)
    server.start()
    yield server
    server.kill()


def token(seconds: float, user_id: str = "user_1") -> str:
    made = make_token(SECRET, Participant.parse(user_id), name="Ann", expires_at=int(time.time() + seconds))
    assert isinstance(made, str)
    return made


async def test_a_token_that_ends_is_replaced_and_the_connection_stays(token_server: ServerProcess) -> None:
    given: list[str] = []

    async def fetch() -> str:
        given.append(token(2 if not given else 3600))
        return given[-1]

    async with Client(token_server.ws_url, token=fetch) as client:
        async for event in client:
            assert not (isinstance(event, StateChanged) and event.state is State.WAITING)
            if isinstance(event, Trouble):
                assert isinstance(event.fault, TokenExpired)
                break
        await client.ping()
        assert len(given) == 2


async def test_a_stale_token_is_fetched_anew_and_a_second_refusal_is_final(token_server: ServerProcess) -> None:
    tokens = iter([token(-60), token(3600), "nonsense", "nonsense"])

    async def fetch() -> str:
        return next(tokens)

    async with Client(token_server.ws_url, token=fetch, timing=HASTY) as client:
        assert client.me.name == "Ann"
    with pytest.raises(InvalidToken):
        async with Client(token_server.ws_url, token=fetch, timing=HASTY):
            pass
    assert list(tokens) == []


async def test_whose_session_is_revoked_stays_away(token_server: ServerProcess, http: aiohttp.ClientSession) -> None:
    async with Client(token_server.ws_url, token=token(3600, "user_9"), timing=HASTY) as client:
        url = f"{token_server.url}/api/sessions/user_9/revoke"
        async with http.post(url, headers={"Authorization": f"Bearer {API_KEY}"}) as response:
            assert response.status == 200
        with pytest.raises(SessionRevoked):
            async for _ in client:
                pass
        with pytest.raises(SessionRevoked):
            await client.ping()
        outgoing = client.send(1, "in vain")
        assert outgoing in client.unsent()


Script = Callable[[int, web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[str]:
    """The address of a server that does with each connection what `script` says; it gets the connection's number."""
    numbers = iter(range(1, 100))

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await script(next(numbers), socket)
        return socket

    app = web.Application()
    app.router.add_get("/", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


async def welcome(socket: web.WebSocketResponse, last_seq: int = 0) -> dict[str, object]:
    """Signs it in; the `auth` frame."""
    auth: dict[str, object] = await socket.receive_json()
    await socket.send_json(
        {
            "type": "auth_success",
            "request_id": auth["request_id"],
            "user_id": "user_1",
            "conversations": [1],
            "participant_type": "user",
            "participant_id": 1,
            "name": "Ann",
            "heads": [{"conversation_id": 1, "last_seq": last_seq, "last_read_message_id": None, "unread": 0}],
            "server": {"name": "scripted", "version": "0"},
            "limits": {"max_frame_bytes": 1000, "max_content_chars": 1000, "resume_events": 1000},
        }
    )
    return auth


def said(seq: int) -> dict[str, object]:
    message = {"type": "new_message", "conversation_id": 1, "seq": seq, "message_id": seq, "content": str(seq)}
    return message | {"sender_type": "user", "sender_id": 2, "sender_name": "Bob", "created_at": "2026"}


async def test_gaps_are_asked_for_repeats_dropped_and_unknown_events_keep_their_place() -> None:
    asked = []

    async def script(number: int, socket: web.WebSocketResponse) -> None:
        await welcome(socket)
        for frame in (said(1), said(1), said(4), {"type": "poll", "conversation_id": 1, "seq": 5}):
            await socket.send_json(frame)
        request = await socket.receive_json()
        asked.append((request["type"], request["conversation_id"], request["after_seq"]))
        reply = {"type": "subscribed", "request_id": request["request_id"], "conversation_id": 1, "last_seq": 4}
        for frame in (reply, said(2), said(3), said(4), said(6)):
            await socket.send_json(frame)
        async for _ in socket:
            pass

    async with scripted(script) as url, Client(url, participant="user_1", timing=HASTY) as client:
        seqs: list[int] = []
        async for event in client:
            if isinstance(event, NewMessage | UnknownDurableEvent):
                seqs.append(event.seq)
                if event.seq == 6:
                    break
    assert seqs == [1, 2, 3, 4, 5, 6]
    assert asked == [("subscribe_conversation", 1, 1)]


async def test_what_is_missing_is_asked_for_again_where_the_server_has_no_time() -> None:
    asked = []

    async def script(number: int, socket: web.WebSocketResponse) -> None:
        await welcome(socket)
        await socket.send_json(said(3))
        request = await socket.receive_json()
        error = {"type": "error", "code": "rate_limited", "message": "later", "retryable": True, "retry_after": 0.2}
        asked.append(time.monotonic())
        await socket.send_json(error | {"request_id": request["request_id"]})
        request = await socket.receive_json()
        asked.append(time.monotonic())
        reply = {"type": "subscribed", "request_id": request["request_id"], "conversation_id": 1, "last_seq": 3}
        for frame in (reply, said(1), said(2), said(3)):
            await socket.send_json(frame)
        async for _ in socket:
            pass

    async with scripted(script) as url, Client(url, participant="user_1", timing=HASTY) as client:
        seqs: list[int] = []
        async with asyncio.timeout(30):
            async for event in client:
                if isinstance(event, NewMessage):
                    seqs.append(event.seq)
                    if event.seq == 3:
                        break
    assert seqs == [1, 2, 3]
    assert asked[1] - asked[0] >= 0.2


async def test_it_comes_back_after_each_kind_of_closing_and_resumes_until_it_is_told_to_resync() -> None:
    codes = [1001, 1011, 1013, 4408, 4429, 1000]
    resumed = []

    async def script(number: int, socket: web.WebSocketResponse) -> None:
        auth = await welcome(socket, last_seq=number - 1)
        resumed.append(auth.get("resume"))
        if number <= len(codes):
            await socket.send_json(said(number))
            await socket.close(code=codes[number - 1])
            return
        await socket.send_json(
            {"type": "resumed", "conversations": [{"conversation_id": 1, "last_seq": 3000, "resync": True}]}
        )
        await socket.send_json(said(3001))
        async for _ in socket:
            pass

    async with scripted(script) as url, Client(url, participant="user_1", timing=HASTY) as client:
        seen: list[object] = []
        async for event in client:
            if isinstance(event, NewMessage):
                seen.append(event.seq)
            if isinstance(event, Resync):
                seen.append("resync")
            if seen and seen[-1] == 3001:
                break
    assert seen == [1, 2, 3, 4, 5, 6, "resync", 3001]
    assert resumed == [None, *({"1": seq} for seq in range(1, 7))]


async def test_a_dead_network_is_noticed_and_a_request_lost_in_it_says_so() -> None:
    over = asyncio.Event()

    async def script(number: int, socket: web.WebSocketResponse) -> None:
        await welcome(socket)
        await over.wait()  # reads nothing and says nothing

    impatient = Timing(retry_base_s=0.01, retry_cap_s=0.01, quiet_s=0.05, answer_within_s=0.3)
    async with scripted(script) as url:
        async with Client(url, participant="user_1", timing=impatient) as client:
            with pytest.raises((Disconnected, TimedOut)) as raised:
                await client.unread()
            assert raised.value.retryable
            async for event in client:
                if isinstance(event, StateChanged) and event.state is State.WAITING:
                    break
        over.set()
