"""The bot of examples/python, killed between what it is told and what it says."""

import asyncio
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import bihak.client
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


async def run(program: str) -> str:
    """What it prints."""
    running = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE)
    out, _ = await running.communicate()
    assert running.returncode == 0
    return out.decode()


async def test_the_lines_of_the_page_work_as_they_stand_there(demo: ServerProcess) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    out = await run(program.replace("ws://localhost:8080", demo.ws_url))
    assert re.fullmatch(r"stored as message \d+\nAline Uwase says Hello!\n", out)


async def test_the_fragments_and_the_names_of_the_page_are_as_it_says(
    demo: ServerProcess, person: Callable[[], str], tmp_path: Path
) -> None:
    page, ann = PAGE.read_text(), person()
    fragments = re.findall(r"(?:^    .*\n)+", re.sub(r"```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)
    assert len(fragments) == 2
    async with Client(demo.ws_url, participant=ann, outbox=tmp_path / "bot.db") as client:
        where = (await client.create_conversation("direct", ["user_1"])).conversation_id
        lines = textwrap.dedent(fragments[0]) + "message_id = sent.message_id\n" + textwrap.dedent(fragments[1])
        out = await run(
            "import asyncio\n"
            "from bihak.client import Client, Disconnected, NotFound, RateLimited\n"
            "async def main():\n"
            f"  async with Client({demo.ws_url!r}, participant={ann!r}, listen=False) as client:\n"
            f"{textwrap.indent(lines, '    ').replace('send(1,', f'send({where},')}"
            "    print(sent.seq, sent.duplicate)\n"
            "asyncio.run(main())\n"
        )
        assert out == "1 False\n"
        assert [message.content for message in (await client.history(where)).messages] == ["better"]
        again = [await client.send(where, "Once", key="reply-to-4711") for _ in range(2)]
        assert again[0].message_id == again[1].message_id
        assert len((await client.history(where)).messages) == 2
        await client.all_sent()
    async with Client(demo.ws_url, participant=ann, resume={where: again[0].seq}) as back:
        assert (await back.ping()) is not None

    _, _, commands = page.partition("## Commands")
    listed = re.findall(r"`([a-z_]+)`", commands.partition("##")[0])
    assert len(listed) > 25
    assert [name for name in listed if not inspect.iscoroutinefunction(getattr(Client, name, None))] == []
    classes = re.findall(r"`([A-Z][A-Za-z]+)`", page)
    assert [name for name in classes if not inspect.isclass(getattr(bihak.client, name, None))] == []
