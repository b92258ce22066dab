"""The bot of examples/python, killed between what it is told and what it says."""

import asyncio
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

from bihak.client import Client, NewMessage
from tests.e2e.server import ServerProcess

ROOT = Path(__file__).parent.parent.parent
GREETER = ROOT / "examples" / "python" / "greeter.py"
PAGE = ROOT / "docs" / "python-client.md"


async def start(server: ServerProcess, bot: str, folder: Path) -> asyncio.subprocess.Process:
    """Runs until it is killed; it has signed in."""
    command = (sys.executable, str(GREETER), server.ws_url, bot)
    running = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    assert b"is here" in await running.stdout.readline()
    return running


async def test_the_greeter_answers_everything_once_also_what_was_said_while_it_was_dead(
    demo: ServerProcess, person: Callable[[], str], tmp_path: Path
) -> None:
    bot, ann = person(), person()
    greeter = await start(demo, bot, tmp_path)
    async with Client(demo.ws_url, participant=ann) as client:
        where = (await client.create_conversation("direct", [bot])).conversation_id

        async def hear(answers: int) -> list[str]:
            heard: list[str] = []
            async for event in client:
                if isinstance(event, NewMessage) and event.sender == bot:
                    heard.append(event.content)
                    if len(heard) == answers:
                        break
            return heard

        await client.send(where, "one")
        assert await hear(2) == ["Hello! I say back what you say.", f"{ann} said: one"]
        client.send(where, "two")
        greeter.kill()
        await greeter.wait()
        await client.send(where, "three")
        (tmp_path / "greeter.json").write_text(json.dumps({where: 0}))  # it died before it noted anything
        greeter = await start(demo, bot, tmp_path)
        assert await hear(2) == [f"{ann} said: two", f"{ann} said: three"]
        greeter.kill()
        await greeter.wait()
        said = [message.content for message in (await client.history(where)).messages if message.sender == bot]
        assert said == ["Hello! I say back what you say.", *(f"{ann} said: {each}" for each in ("one", "two", "three"))]


async def test_the_lines_of_the_page_work_as_they_stand_there(demo: ServerProcess) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    program = program.replace("ws://localhost:8080", demo.ws_url)
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    out, _ = await running.communicate()
    assert running.returncode == 0
    assert re.fullmatch(r"stored as message \d+\nAline Uwase says Hello!\n", out.decode())
