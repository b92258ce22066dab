"""The example of a bot, in Node, beside a real server."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.client import Client
from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, ServerProcess, run_bihak
from tests.servers import require_program

BOT = Path(__file__).parent.parent.parent / "examples" / "bot" / "bot.js"
API_KEY = "an-api-key-of-the-platforms"


@contextmanager
def running_bot(server: ServerProcess, number: int, *options: str) -> Iterator[None]:
    """The bot as user_`number`, until it has ended by itself when asked to."""
    command = [require_program("node", "nodejs"), *options, str(BOT)]
    settings = {"BIHAK_URL": server.url, "BIHAK_API_KEY": API_KEY, "BIHAK_USER": f"user_{number}"}
    bot = subprocess.Popen(
        command, env=os.environ | settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert bot.stdout is not None
    try:
        lines = iter(bot.stdout)
        assert "ready\n" in lines
        yield
    finally:
        bot.terminate()
        said, _ = bot.communicate()
    assert bot.returncode == 0, said


async def meet(client: Client, number: int) -> int:
    """A conversation with the bot, which has introduced itself."""
    asked = {"conversation_type": "direct", "participants": [f"user_{number}"]}
    created = await client.ask("conversation", type="create_conversation", **asked)
    assert "!roll" in (await client.hear("new_message", sender_id=number))["content"]
    conversation_id: int = created["conversation"]["conversation_id"]
    return conversation_id


async def test_a_bot_answers_and_comes_back_after_a_restart_of_the_server(
    start_server: StartServer, connect: Connect
) -> None:
    server = start_server(AUTH_SECRET=SECRET, API_KEY=API_KEY)
    token = run_bihak(server.folder, "token", "user_1", AUTH_SECRET=SECRET).stdout.strip()
    # With Node's own WebSocket, and with that of the package `ws`.
    with running_bot(server, 900, "--experimental-websocket"), running_bot(server, 901, "--no-experimental-websocket"):
        client = await connect(server)
        await client.ask("auth_success", type="auth", token=token)
        places = {number: await meet(client, number) for number in (900, 901)}
        for number, here in places.items():
            await client.send(type="message", conversation_id=here, content="!roll 3d1")
            assert (await client.hear("new_message", sender_id=number))["content"] == "🎲 1 + 1 + 1 = 3"

        server.stop()
        server.start()
        client = await connect(server)
        await client.ask("auth_success", type="auth", token=token)
        for number, here in places.items():
            await client.send(type="message", conversation_id=here, content="!poll Lunch?")
            answer = await client.hear("new_message", sender_id=number)
            assert answer["content"] == "📊 Lunch?"
            for thumb in ("👍", "👎"):
                await client.hear("reaction_added", message_id=answer["message_id"], emoji=thumb)
