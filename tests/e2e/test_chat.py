"""`bihak chat`: two people at their terminals, one in a real one; and scripts that send and follow."""

import asyncio
import json
import os
import pty
import re
import signal
import struct
import sys
import termios
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fcntl import ioctl
from functools import partial
from pathlib import Path

from click.testing import CliRunner
from textual.pilot import Pilot

from bihak.chat.app import ChatApp
from bihak.chat.composer import Composer
from bihak.chat.transcript import Transcript
from bihak.cli import main
from bihak.client import Client, Timing
from tests.e2e.conftest import StartServer
from tests.e2e.server import SECRET, ServerProcess, clean_environment

HASTY = Timing(retry_base_s=0.05, retry_cap_s=0.2)


def text_of(app: ChatApp) -> str:
    """What is on the screen, as text."""
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in line) for line in lines)


async def sees(pilot: Pilot[None], pattern: str) -> str:
    """Waits until the screen shows it; the screen."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    for _ in range(2000):
        screen = text_of(app)
        if re.search(pattern, screen):
            return screen
        await pilot.pause(0.02)
    raise AssertionError(f"no {pattern!r} in:\n{text_of(app)}")


async def sees_no_more(pilot: Pilot[None], pattern: str) -> None:
    """Waits until nothing on the screen is so."""
    app = pilot.app
    assert isinstance(app, ChatApp)
    while re.search(pattern, text_of(app)):
        await pilot.pause(0.02)


@asynccontextmanager
async def terminal(
    server: ServerProcess, user_id: str, size: tuple[int, int] = (80, 24), start_with: int | str | None = None
) -> AsyncIterator[Pilot[None]]:
    app = ChatApp(lambda: Client(server.ws_url, participant=user_id, timing=HASTY), start_with)
    async with app.run_test(size=size) as pilot:
        await sees(pilot, "● ")
        yield pilot


async def write(pilot: Pilot[None], text: str) -> None:
    pilot.app.query_one(Composer).insert(text)
    await pilot.press("enter")


async def test_two_people_chat_on_their_screens(demo: ServerProcess, pair: tuple[str, str, int]) -> None:
    ann, bob, conversation_id = pair
    async with (
        terminal(demo, ann, start_with=conversation_id) as here,
        terminal(demo, bob, (130, 40), start_with=ann) as there,
    ):
        await sees(here, rf"{bob}  ● online")
        here.app.query_one(Composer).insert("Mura")
        await sees(there, rf"{ann} is typing…")
        await write(here, "ho 日本語 👋🏽")
        await sees(there, rf"── Today ──[\s\S]*{ann}  \d\d:\d\d[\s\S]*Muraho 日本語")
        await sees(here, r"Muraho 日本語 .*✓✓")

        await write(there, "/reply I am\x1b[31m well")
        screen = await sees(here, r"▎you: Muraho")
        assert "I am\N{REPLACEMENT CHARACTER}[31m well" in screen, "what others write must not command the terminal"

        await write(there, "/edit I am very well")
        await sees(here, r"I am very well \(edited\)")
        await write(here, "/react 🎉")
        await sees(there, r"🎉 1")
        await write(here, "/react 🎉")
        await write(there, "/delete")
        screen = await sees(here, r"This message was deleted")
        assert "🎉" not in screen

        await write(here, "/nonsense")
        await sees(here, r"There is no command /nonsense")
        await here.press("f1")
        await sees(here, r"Ctrl\+J begins a new line")
        await here.press("escape")
        await here.resize_terminal(40, 12)
        await sees(here, rf"^ ?{bob}  ● online")
        await write(there, "And on a small screen?")
        await sees(here, r"And on a small screen\?")


async def test_a_team_is_led_from_the_screen(
    demo: ServerProcess, pair: tuple[str, str, int], person: Callable[[], str]
) -> None:
    ann, bob, conversation_id = pair
    eve = person()
    async with Client(demo.ws_url, participant=eve):
        pass
    async with terminal(demo, ann, (100, 24)) as here, terminal(demo, bob, (100, 24), conversation_id) as there:
        await sees(here, rf"{bob}  ●")
        await write(here, f"/new {bob}: Solar dryers")
        await sees(here, r"Solar dryers  2 people, 2 here")
        await write(here, "First of all")
        await sees(here, r"First of all .*✓")
        await write(here, "/pin")
        await sees(here, r"First of all.*\n?.*pinned|📌")
        await write(here, "/pin")
        await sees_no_more(here, r"pinned|📌")
        await write(here, f"/add {eve}")
        await sees(here, r"Solar dryers  3 people")
        await write(here, f"/remove {eve}")
        await sees(here, r"Solar dryers  2 people")
        await write(here, "/rename Fruit dryers")
        await sees(here, r"Fruit dryers  2 people")

        # What is written for one conversation does not go to another.
        await there.press("ctrl+n")
        await sees(there, r"Fruit dryers  2 people")
        there.app.query_one(Composer).insert("for the team")
        await there.press("ctrl+n")
        await sees(there, rf"{ann}  ● online")
        assert there.app.query_one(Composer).text == ""
        await there.press("ctrl+n")
        await sees(there, r"▌for the team")
        await write(here, f"/remove {bob}")
        await sees(there, r"You are no longer in this conversation; Ctrl\+N goes to the next")
        await there.press("ctrl+n")
        await sees(there, rf"{ann}  ● online")
        assert there.app.query_one(Composer).text == ""

        await write(here, "/leave")
        await sees(here, rf"{bob}  ● online[\s\S]*You have left Fruit dryers")
        await write(there, "Still here?")
        await sees(here, r"Still here\?")


async def test_names_and_commands_are_completed(demo: ServerProcess, pair: tuple[str, str, int]) -> None:
    ann, bob, conversation_id = pair
    async with terminal(demo, ann, start_with=conversation_id) as here:
        composer = here.app.query_one(Composer)
        await sees(here, bob)
        await here.press("/", "r", "e", "a", "tab")
        assert composer.text == "/react "
        await here.press("tab")
        assert composer.text == "/react 👍"
        composer.clear()
        await here.press("@", "u", "s", "tab")
        assert composer.text == f"@{bob} "
        await here.press("ctrl+j", "x")
        assert composer.text == f"@{bob} \nx"


async def test_a_long_history_is_read_by_scrolling_up(demo: ServerProcess, pair: tuple[str, str, int]) -> None:
    ann, bob, conversation_id = pair
    async with Client(demo.ws_url, participant=bob) as client:
        for number in range(120):
            client.send(conversation_id, f"line {number:03}")
        await client.all_sent()
        while not (await client.search("line 050", conversation_id=conversation_id)).messages:
            await asyncio.sleep(0.1)  # the index comes after
    async with terminal(demo, ann, start_with=conversation_id) as here:
        transcript = here.app.query_one(Transcript)
        await sees(here, r"line 119")
        while "line 000" not in text_of(here.app):  # type: ignore[arg-type]
            before = text_of(here.app)  # type: ignore[arg-type]
            await here.press("pageup")
            await here.pause(0.02)
            top = re.findall(r"line (\d+)", before)[0]
            assert top in re.findall(r"line (\d+)", text_of(here.app)) or transcript.scroll_y == 0  # type: ignore[arg-type]
        await write(here, "/search 'line 050'")
        await sees(here, r"Found: ")
        await here.press("enter")
        await sees(here, r"line 050")
        await here.press("ctrl+end")
        await sees(here, r"line 119")


async def test_what_is_written_without_a_server_is_sent_when_it_is_back(start_server: StartServer) -> None:
    server = start_server("--demo")
    async with terminal(server, "user_1", start_with=1) as here:
        await sees(here, "Grace Mukamana")
        server.kill()
        await sees(here, "No connection")
        await write(here, "Are you there?")
        await sees(here, r"Are you there\? .*…")
        await asyncio.to_thread(server.start)
        await sees(here, r"Are you there\? .*✓ ")
        await sees(here, r"● Aline Uwase")


async def bihak(*arguments: str, **environment: str | None) -> tuple[int, str]:
    """`bihak` in this process, without a terminal: its exit status and what it complained of."""
    own = {"BIHAK_TOKEN": None, "AUTH_SECRET": None, "AUTH_MODE": None}
    done = await asyncio.to_thread(CliRunner().invoke, main, arguments, env=own | environment)
    return done.exit_code, done.stderr


async def test_scripts_send_and_follow(demo: ServerProcess, pair: tuple[str, str, int], tmp_path: Path) -> None:
    ann, bob, conversation_id = pair
    start = partial(
        asyncio.create_subprocess_exec,
        *(sys.executable, "-m", "bihak", "chat"),
        env=clean_environment({}),
        cwd=tmp_path,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    follower = await start(bob, "--url", demo.ws_url, "--follow", "--json")
    assert follower.stdout is not None
    async with Client(demo.ws_url, participant=ann) as client:
        while (await client.get_one_status(bob)).status != "online":
            await asyncio.sleep(0.05)
    sender = await start(ann, "--url", demo.ws_url, "--to", bob)
    assert (await sender.communicate(b"hi\nthere\n"))[0] == b""
    assert sender.returncode == 0
    heard = json.loads(await follower.stdout.readline())
    assert (heard["conversation_id"], heard["content"]) == (conversation_id, "hi\nthere")
    assert f"user_{heard['sender_id']}" == ann
    follower.send_signal(signal.SIGINT)
    await follower.communicate()
    assert follower.returncode == 0


async def test_a_script_that_cannot_send_says_why_and_fails(demo: ServerProcess, pair: tuple[str, str, int]) -> None:
    ann, bob, _ = pair
    who = ("chat", ann, "--trusted", "--url")
    unknown = await bihak(*who, demo.ws_url, "--to", "user_987654", "-m", "hi")
    assert unknown == (1, "bihak: There is no participant user_987654.\n")
    status, words = await bihak(*who, demo.ws_url, "--to", bob)
    assert (status, "nothing to send" in words) == (2, True)
    status, words = await bihak(*who, demo.ws_url)
    assert (status, "say where to" in words) == (2, True)
    away = await bihak(*who, "ws://127.0.0.1:9", "--to", bob, "-m", "hi", "--within", "0.3")
    assert away == (1, "bihak: no answer within 0.3 s\n")
    assert (await bihak("chat", "nobody"))[0] == 2


async def test_a_token_is_given_or_made_of_the_secret(demo: ServerProcess, start_server: StartServer) -> None:
    server = start_server(AUTH_SECRET=SECRET)
    send = ("--to", "user_2", "-m", "hi")
    made = await bihak("chat", "user_1", "--url", server.ws_url, *send, AUTH_SECRET=SECRET)
    assert made == (1, "bihak: There is no participant user_2.\n"), "it was let in"
    status, words = await bihak("chat", "user_1", "--url", server.ws_url, *send, BIHAK_TOKEN="not.a.token")
    assert (status, "token" in words) == (1, True)
    status, words = await bihak("chat", "user_1", "--url", demo.ws_url, *send, AUTH_SECRET=SECRET)
    assert (status, "--trusted" in words) == (1, True)


async def test_in_a_real_terminal_it_starts_talks_and_leaves_cleanly(
    demo: ServerProcess, pair: tuple[str, str, int], tmp_path: Path
) -> None:
    ann, bob, conversation_id = pair
    near, far = pty.openpty()
    ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(far)
    environment = clean_environment({"TERM": "xterm-256color", "XDG_STATE_HOME": str(tmp_path)})
    command = (sys.executable, "-m", "bihak", "chat", ann, "--url", demo.ws_url, "--to", bob)
    running = await asyncio.create_subprocess_exec(*command, env=environment, stdin=far, stdout=far, stderr=far)
    said = await asyncio.get_running_loop().run_in_executor(None, _until, near, rb"online|offline|nothing said")
    async with Client(demo.ws_url, participant=bob) as client:
        os.write(near, b"Muraho!\r")
        page = await client.history(conversation_id)
        while not page.messages:
            page = await client.history(conversation_id)
        assert page.messages[0].content == "Muraho!"
    os.write(near, b"\x04")
    said += await asyncio.get_running_loop().run_in_executor(None, _until, near, rb"\x1b\[\?1049l")
    assert await running.wait() == 0
    assert termios.tcgetattr(far) == before, "the terminal is as it was"
    os.close(far)
    os.close(near)


def _until(descriptor: int, pattern: bytes) -> bytes:
    """Reads what a terminal is told until that comes."""
    read = b""
    while not re.search(pattern, read):
        read += os.read(descriptor, 65536)
    return read
