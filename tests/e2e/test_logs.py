"""What the server logs: lines that a machine can read, and never what people say."""

import asyncio
import contextlib
import re
import sqlite3
from typing import Any

import aiohttp
import pytest

from tests.e2e.client import Client
from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, ServerProcess
from tests.e2e.test_platform_api import API_KEY, Platform

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


CANARY = "zqcanary"
FORGED = "\r\n2026-01-01T00:00:00Z [info     ] forged \x1b[2K\x9b2K\u202e\u2028"


async def a_broad_run(server: ServerProcess, connect: Connect, http: aiohttp.ClientSession) -> None:
    """Everything that can be said, right and wrong, with the canary in it; then with the tables gone."""
    platform = Platform(server, http)
    for user_id in ("user_1", "user_2"):
        about = {
            "name": f"{CANARY}{FORGED}",
            "email": f"{CANARY}@example.org",
            "avatar_url": f"https://{CANARY}.example",
        }
        await platform.do("PUT", f"/participants/{user_id}", about)
    group = {"conversation_type": "team", "participants": ["user_2"], "name": f"{CANARY}{FORGED}"}
    made = await platform.do("POST", "/conversations", group, on_behalf_of="user_1")
    cid = made["conversation"]["conversation_id"]
    client = await connect(server)
    await client.ask("auth_success", type="auth", token=await platform.token("user_1", name=f"{CANARY} again"))
    words = f"{CANARY}{FORGED}@{CANARY}"
    sent = await client.ask("message_sent", type="message", conversation_id=cid, content=words, idempotency_key=CANARY)
    await client.ask("ok", type="edit_message", message_id=sent["message_id"], content=f"{words}!")
    await client.ask("search_results", type="search", q=CANARY)
    for wrong in (
        {"type": "message", "conversation_id": cid, "content": CANARY, "idempotency_key": CANARY},
        {"type": "set_status", "status": CANARY},
        {"type": "get_status", "participants": [CANARY]},
        {"type": f"{CANARY}{FORGED}"},
        {"type": "add_reaction", "message_id": sent["message_id"], "emoji": CANARY},
        {"type": "auth", "token": await platform.token("user_2")},
    ):
        await client.ask("error", **wrong)
    await client.socket.send_str(CANARY)
    await client.hear("error", code="invalid_frame")
    stranger = await connect(server)
    await stranger.send(type="auth", token=f"{CANARY}.{CANARY}.{CANARY}")
    await stranger.close_code()
    for key in (CANARY, f"{API_KEY}{CANARY}"):
        await platform.ask("PUT", "/participants/user_1", {"name": CANARY}, key=key)
    await platform.ask("GET", f"/search?q={CANARY}&limit={CANARY}", on_behalf_of="user_1")
    for raw in (
        f"GET /api/{CANARY}%0d%0a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://\xff\x9b\u202e\r\n\r\n",
        f"{CANARY} / HTTP/9.9\r\n{CANARY}\r\n\r\n",
    ):
        await ask_raw(server, raw)
    rename(server, "message_words")
    await client.ask("message_sent", type="message", conversation_id=cid, content=f"{words} for the index")
    while "OperationalError" not in (server.folder / "stderr.txt").read_text():
        await asyncio.sleep(0.05)
    rename(server, "messages", "participants")
    await client.ask("error", type="message", conversation_id=cid, content=f"{words} lost")
    await client.ask("error", type="history", conversation_id=cid)
    await platform.ask("PUT", "/participants/user_3", {"name": CANARY})
    await client.close()


def rename(server: ServerProcess, *tables: str) -> None:
    """Takes tables away from under a server."""
    with contextlib.closing(sqlite3.connect(server.folder / "bihak.db", isolation_level=None)) as database:
        for table in tables:
            database.execute(f"ALTER TABLE {table} RENAME TO lost_{table}")


async def ask_raw(server: ServerProcess, request: str) -> None:
    reader, writer = await asyncio.open_connection("localhost", server.port)
    writer.write(request.encode())
    await reader.read()
    writer.close()


@pytest.mark.parametrize("log_format", ["console", "json"])
async def test_no_line_has_what_people_write_or_a_secret_and_none_is_forged(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession, log_format: str
) -> None:
    server = start_server(AUTH_SECRET=SECRET, API_KEY=API_KEY, LOG_FORMAT=log_format, LOG_LEVEL="debug")
    await a_broad_run(server, connect, http)
    server.stop()
    output = (server.folder / "stderr.txt").read_bytes().decode() + server.said()
    assert not re.search(r"eyJ\w+\.", output), "a token"
    for secret in (CANARY, SECRET, API_KEY):
        assert secret not in output, [line for line in output.splitlines() if secret in line]
    assert re.findall(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", output) == []
    lines = output.split("\n")
    assert not [line for line in lines if line.startswith("2026-01-01")]
    if log_format == "json":
        assert "OperationalError" in output
        (refused,) = server.log_events("origin refused")
        assert refused["origin"] == r"http://ÿ\u009b\u202e"
    else:
        starts = (re.match(r"\d{4}-\d\d-\d\dT[\d:.]+Z \[\w+ *\] |    |$", line) for line in server.log_lines())
        assert all(starts)
