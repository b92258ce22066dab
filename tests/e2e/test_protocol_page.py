"""The transcript in docs/protocol.md is what a client and the demo really say to each other."""

import json
import re
from pathlib import Path
from typing import Any

import aiohttp

from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import ServerProcess

PAGE = Path(__file__).parent.parent.parent / "docs" / "protocol.md"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def shows(written: Any, said: Any) -> bool:
    """Whether what is written is what was said; the page may leave fields out, and any time stands for any other."""
    if isinstance(written, dict) and isinstance(said, dict):
        return all(name in said and shows(value, said[name]) for name, value in written.items())
    if isinstance(written, str) and isinstance(said, str) and TIME.fullmatch(written):
        return TIME.fullmatch(said) is not None
    return bool(written == said)


async def test_the_transcript_happens_as_it_is_written(start_server: StartServer, connect: Connect) -> None:
    (transcript,) = re.findall(r"```transcript\n(.*?)```", PAGE.read_text(), re.DOTALL)
    client = await connect(start_server("--demo"))
    for line in transcript.splitlines():
        side, _, frame = line.partition(" ")
        if side == ">":
            await client.socket.send_str(frame)
        else:
            written, said = json.loads(frame), await client.socket.receive_json(timeout=10)
            assert shows(written, said), f"written: {written}\nsaid: {said}"


async def test_every_http_path_of_the_page_is_served(demo: ServerProcess, http: aiohttp.ClientSession) -> None:
    rows = re.findall(r"\| ((?:`[A-Z]+`(?:, )?)+) \| `(/api/[^`]*)`", PAGE.read_text())
    assert len(rows) > 10
    for methods, path in rows:
        url = demo.url + path.format(conversation_id=1, message_id=1, user_id="user_2", emoji="👍")
        for method in re.findall(r"\w+", methods):
            async with http.request(method, url) as response:
                assert response.status == 401, f"{method} {path}"
