"""Takes the picture of the terminal client from a running demo: `python -m tools.terminal_picture`."""

import asyncio
import re
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from bihak.chat.app import ChatApp
from bihak.chat.composer import Composer
from bihak.client import Client
from tests.e2e.browser import running_chromium
from tests.e2e.server import ServerProcess
from tools.pictures import PICTURES, TALK

SIZE = (100, 30)
CONVERSATION = 1


async def main() -> None:
    """Lets two people of the demo talk, and looks over the shoulder of the one at the terminal."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), "--demo")
        server.start()
        try:
            svg = await take(server)
        finally:
            server.stop()
    async with running_chromium() as browser:
        page = await browser.new_page(device_scale_factor=2)
        await page.set_content(f'<body style="margin:0">{svg}</body>')
        await page.locator("svg").screenshot(path=PICTURES / "terminal-client.png", omit_background=True)


async def take(server: ServerProcess) -> str:
    app = ChatApp(lambda: Client(server.ws_url, participant="user_1"), CONVERSATION)
    async with Client(server.ws_url, participant="mentor_1") as grace, app.run_test(size=SIZE) as pilot:
        while app.store.open_id is None:
            await settled(pilot)
        for who, text in TALK:
            if who == "user_1":
                app.query_one(Composer).insert(text)
                await pilot.press("enter")
            else:
                sent = await grace.send(CONVERSATION, text)
            await settled(pilot)
            newest = (await grace.history(CONVERSATION, limit=1)).messages[0]
            await grace.mark_read(CONVERSATION, newest.message_id)
        await grace.add_reaction(sent.message_id, "❤️")
        grace.typing(CONVERSATION)
        app.query_one(Composer).insert("/re")
        await settled(pilot)
        # Fonts from elsewhere are neither there nor needed.
        return re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="bihak chat user_1"), flags=re.DOTALL)


async def settled(pilot: Pilot[None]) -> None:
    await pilot.pause(0.6)


if __name__ == "__main__":
    asyncio.run(main())
