"""What the server logs: lines that a machine can read, and never what people say."""

from typing import Any

import aiohttp
import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import ServerProcess

WORDS = "a confidential remark about solar dryers"


async def a_short_visit(server: ServerProcess, connect: Connect) -> None:
    client: Client = await connect(server, "user_1")
    await client.ask("message_sent", type="message", conversation_id=1, content=WORDS)
    await client.ask("error", type="message", conversation_id=99, content=WORDS)
    await client.close()
    assert server.stop() == 0


def only(events: list[dict[str, Any]], user_id: str | None = None) -> dict[str, Any]:
    (event,) = [event for event in events if user_id in (None, event.get("user_id"))]
    return event


async def test_every_line_is_json_with_time_level_and_event(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="json", LOG_LEVEL="debug")
    await a_short_visit(server, connect)
    for event in server.log_events():
        assert {"event", "level", "timestamp"} <= event.keys()


async def test_a_visit_is_told_from_its_connection_to_its_end(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="json")
    await a_short_visit(server, connect)
    connected = only(server.log_events("connected"))
    authenticated = only(server.log_events("authenticated"))
    disconnected = only(server.log_events("disconnected"))
    assert authenticated["user_id"] == disconnected["user_id"] == "user_1"
    assert connected["session"] == authenticated["session"] == disconnected["session"]
    assert (disconnected["code"], disconnected["reason"]) == (1000, "closed by the client")


async def test_a_message_is_told_without_its_content(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="json", LOG_LEVEL="debug")
    await a_short_visit(server, connect)
    told = [event for event in server.log_events() if event.get("message_id") and event.get("user_id") == "user_1"]
    assert told[-1]["conversation_id"] == 1
    assert WORDS not in "\n".join(server.log_lines())


async def test_lines_for_people_say_the_same(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="console")
    await a_short_visit(server, connect)
    lines = server.log_lines()
    for word in ("connected", "authenticated", "disconnected", "draining", "stopped"):
        assert [line for line in lines if word in line], lines
    assert WORDS not in "\n".join(lines)


async def test_a_refused_page_is_told(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="json")
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await connect(server, origin="https://evil.example")
    assert only(server.log_events("origin refused"))["origin"] == "https://evil.example"


async def test_the_reason_of_an_end_is_told(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="json")
    client = await connect(server, "user_2")
    server.stop()
    assert await client.close_code() == 1001
    assert only(server.log_events("disconnected"), "user_2")["reason"] == "server is draining"
