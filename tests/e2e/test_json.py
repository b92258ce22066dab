"""Whatever JSON comes: one answer, nothing stored, nobody else hears. The fields come from the command table."""

import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from bihak.app import make_node, open_database
from bihak.core.feature import Command
from bihak.settings import load_settings
from bihak.transports.auth import TrustedAuthenticator
from tests.e2e.client import Client, Frame
from tests.e2e.conftest import Connect, make_conversation
from tests.e2e.server import ServerProcess
from tests.fuzz.test_frames import wrong_values
from tests.samples import sample_fields

AT_ONCE = 50
"""Fewer than the bad frames in a row that close a connection; a good one follows them."""
RESTLESS = ("user_online_status", "presence_nodes", "deferred_progress", "message_words", "notifications")
"""Beginnings of the names of tables that are written in the background."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(
        tmp_path_factory.mktemp("json"), AUTH_MODE="trusted", RATE_LIMIT_MESSAGES="off", RATE_LIMIT_REQUESTS="off"
    )
    server.start()
    yield server
    assert server.stop() == 0


@pytest_asyncio.fixture(loop_scope="session")
async def room(
    server: ServerProcess, connect: Connect, http: aiohttp.ClientSession
) -> AsyncIterator[tuple[Client, int, int]]:
    """Somebody in a conversation, its id and a message in it; nothing may have changed, nobody heard, afterwards."""
    conversation_id = await make_conversation(server, http, "user_1", "user_2", kind="team")
    sender, bystander = await connect(server, "user_1"), await connect(server, "user_2")
    sent = await sender.ask("message_sent", type="message", conversation_id=conversation_id, content="x")
    heard = await bystander.hear("new_message")
    # Or a notification came to them two seconds later.
    await bystander.ask("ok", type="mark_read", conversation_id=conversation_id, message_id=heard["message_id"])
    for client in (sender, bystander):
        await client.everything_so_far()
    before = checksum(server)
    yield sender, conversation_id, sent["message_id"]
    assert checksum(server) == before
    assert await bystander.everything_so_far() == []


def checksum(server: ServerProcess) -> dict[str, str]:
    """Of what each table holds."""
    with sqlite3.connect(f"file:{server.folder / 'bihak.db'}?mode=ro", uri=True) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        sums = {}
        for name in tables:
            if not name.startswith(RESTLESS):
                rows = sorted(map(repr, connection.execute(f'SELECT * FROM "{name}"')))
                sums[name] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    connection.close()
    return sums


async def answers(client: Client, frames: Sequence[str | bytes]) -> list[Frame]:
    """Everything that comes back for these frames, sent without waiting between them."""
    heard: list[Frame] = []
    for at in range(0, len(frames), AT_ONCE):
        for frame in frames[at : at + AT_ONCE]:
            await client.socket.send_frame(frame.encode() if isinstance(frame, str) else frame, aiohttp.WSMsgType.TEXT)
        await client.ask("conversations", type="conversations")  # which waits for what is still being written
        heard += await client.everything_so_far()
    return heard


def command_table(folder: Path) -> list[Command]:
    """What clients can send."""
    database = open_database(load_settings(None, database_url=f"sqlite:///{folder / 'table.db'}"))
    node = make_node(load_settings(None), database, TrustedAuthenticator())
    database.close()
    return [command for command in node.dispatcher.commands.values() if not command.internal]


async def test_every_field_of_every_command_with_every_wrong_type_gives_one_error_and_changes_nothing(
    room: tuple[Client, int, int], tmp_path: Path
) -> None:
    client, conversation_id, message_id = room
    sent: dict[str, str] = {}
    frames: list[str] = []
    for command in command_table(tmp_path):
        right = sample_fields(command.request, conversation_id=conversation_id, message_id=message_id)
        for field, value in wrong_values(command):
            number = f"w{len(frames)}"
            fields = {"type": command.name, "request_id": number, "temp_id": number, **right, field: value}
            sent[number] = field
            frames.append(json.dumps(fields))
    assert len(frames) > 1000
    heard = await answers(client, frames)
    assert len(heard) == len(frames)
    for frame, error in zip(frames, heard, strict=True):
        assert (error["type"], error["code"]) == ("error", "invalid_field"), (frame, error)
        if "request_id" in error:
            assert error["field"].startswith(sent.pop(error["request_id"]))
    assert set(sent.values()) == {"request_id"}, "each error tells which request it answers, where that can be read"


HOSTILE = {
    "NaN": '{"type": "message", "conversation_id": %d, "content": "x", "temp_id": NaN}',
    "Infinity": '{"type": "message", "conversation_id": %d, "content": "x", "temp_id": -Infinity}',
    "1e999": '{"type": "message", "conversation_id": %d, "content": "x", "temp_id": 1e999}',
    "1e999 as id": '{"type": "message", "conversation_id": 1e999, "content": "x"}',
    "a fraction that is whole": '{"type": "message", "conversation_id": %d.0, "content": "x"}',
    "an id in quotes with a blank": '{"type": "message", "conversation_id": "%d ", "content": "x"}',
    "a boolean as id": '{"type": "message", "conversation_id": true, "content": "x"}',
    "an id past 2^53": '{"type": "message", "conversation_id": 9007199254740993, "content": "x"}',
    "an id of thousands of digits": '{"type": "message", "conversation_id": ' + "9" * 50_000 + ', "content": "x"}',
    "a reply to thousands of digits": '{"type": "message", "conversation_id": %d, "content": "x", "reply_to_id": '
    + "1" * 4000
    + "}",
    "a lone surrogate": '{"type": "message", "conversation_id": %d, "content": "\\ud800"}',
    "two halves in the wrong order": '{"type": "message", "conversation_id": %d, "content": "\\udc00\\ud800"}',
    "a surrogate in request_id": '{"type": "ping", "request_id": "\\udfff"}',
    "NUL": '{"type": "message", "conversation_id": %d, "content": "a\\u0000b"}',
    "a raw line break in a text": '{"type": "message", "conversation_id": %d, "content": "a\nb"}',
    "a field twice, first wrong": '{"type": "message", "conversation_id": "1", "conversation_id": %d, "content": "x"}',
    "a field twice, last wrong": '{"type": "message", "conversation_id": %d, "conversation_id": "1", "content": "x"}',
    "two types": '{"type": "ping", "type": "message", "conversation_id": %d, "content": "x"}',
    "the same two types, turned": '{"type": "message", "type": "ping", "conversation_id": %d, "content": "x"}',
    "deep": '{"type": "message", "content": "x", "conversation_id": %d, "x": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "deep objects": '{"type": "message", "content": "x", "x": ' + '{"a":' * 9000 + "1" + "}" * 9000 + "}",
    "deep and never closed": '{"type": ' + '{"a":[' * 9000,
    "as __proto__": '{"type": "message", "__proto__": {"conversation_id": %d, "content": "x"}}',
    "as constructor": '{"type": "message", "constructor": {"prototype": {"conversation_id": %d}}, "content": "x"}',
    "an object with a number's method": '{"type": "message", "conversation_id": {"valueOf": %d}, "content": "x"}',
    "an array of one id": '{"type": "message", "conversation_id": [%d], "content": "x"}',
    "a type that is a list": '{"type": ["message"], "conversation_id": %d, "content": "x"}',
    "a type with a blank": '{"type": "message ", "conversation_id": %d, "content": "x"}',
    "a type in capitals": '{"TYPE": "message", "conversation_id": %d, "content": "x"}',
    "the server's own command": '{"type": "save_participant", "participant": ["user", 1], "name": "x"}',
    "the platform's command": '{"type": "revoke_sessions", "user_id": "user_2"}',
    "two objects": '{"type": "ping"}{"type": "message", "conversation_id": %d, "content": "x"}',
    "a comment": '{"type": "message", "conversation_id": %d, "content": "x" /* hello */}',
    "a comma at the end": '{"type": "message", "conversation_id": %d, "content": "x",}',
    "single quotes": "{'type': 'message', 'conversation_id': %d, 'content': 'x'}",
    "a byte order mark": '\ufeff{"type": "message", "conversation_id": %d, "content": "x"}',
    "NUL behind": '{"type": "message", "conversation_id": %d, "content": "x"}\0',
    "UTF-16": '{"type": "ping"}'.encode("utf-16-le").decode("latin-1"),
    "too large": '{"type": "message", "conversation_id": %d, "content": "' + "x" * 102_400 + '"}',
}


async def test_hostile_json_gives_one_error_each_and_changes_nothing(room: tuple[Client, int, int]) -> None:
    client, conversation_id, _ = room
    frames = [text.replace("%d", str(conversation_id)) for text in HOSTILE.values()]
    heard = await answers(client, frames)
    codes = dict(zip(HOSTILE, (frame.get("code", frame["type"]) for frame in heard), strict=True))
    assert set(codes.values()) <= {"invalid_frame", "invalid_field", "unknown_type", "too_large"}, codes


async def test_the_last_of_two_values_counts_and_keys_with_a_meaning_elsewhere_have_none(
    room: tuple[Client, int, int],
) -> None:
    client, conversation_id, message_id = room
    frames = [
        '{"type": "history", "conversation_id": 987654321, "conversation_id": %d}',
        '{"type": "history", "conversation_id": %d, "__proto__": {"limit": 0}}',
        '{"t\\u0079pe": "histor\\u0079", "conversation_id": %d}',
    ]
    for frame in await answers(client, [text.replace("%d", str(conversation_id)) for text in frames]):
        assert [message["message_id"] for message in frame["messages"]] == [message_id]


async def test_the_same_over_http(server: ServerProcess, room: tuple[Client, int, int]) -> None:
    _, conversation_id, _ = room
    url = f"{server.url}/api/conversations/{conversation_id}/messages"
    bodies = ["NaN", "[1]", '"x"', "[" * 90_000, '{"content": "\\ud800"}', '{"content": 1e999}', '{"content": true}']
    bodies += ['{"content": ["x"]}', '{"content": "x", "reply_to_id": "1"}', '{"content": "x', "\0", '{"content": ""}']
    bodies += ['{"content": "x", "reply_to_id": ' + "9" * 5000 + "}"]
    async with aiohttp.ClientSession(headers={"X-Participant": "user_1"}) as http:
        for body in bodies:
            async with http.post(url, data=body.encode()) as response:
                assert response.status in (400, 422), body
                assert (await response.json())["error"]["code"] in ("invalid_frame", "invalid_field"), body
        for headers in ({"Content-Encoding": "gzip"}, {"Content-Encoding": "deflate"}):
            async with http.post(url, data=b'{"content": "x"}', headers=headers, compress=False) as response:
                assert response.status == 400
        async with http.post(url, data=b'{"content": "' + b"x" * 102_400 + b'"}') as response:
            assert response.status == 413
        for wrong in ("0", "01", "1.0", "1e0", "true", "9007199254740993", "%31%20", "-1", "\u0661"):
            async with http.get(f"{server.url}/api/conversations/{wrong}/messages") as response:
                assert response.status in (404, 422), wrong
