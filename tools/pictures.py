"""Takes the pictures of the README from a running demo: `python -m tools.pictures`."""

import asyncio
import tempfile
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from tests.e2e.browser import Person, running_chromium
from tests.e2e.server import ServerProcess

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"

TALK = (
    ("user_1", "Yes! I have the receipts for the first one: wood, glass and a small fan."),
    ("user_1", "The fan was the dearest part 😅"),
    ("mentor_1", "That is good to know. What would ten of them cost?"),
    ("user_1", "Less than half each, if we buy the glass together with the team from Huye."),
    ("mentor_1", "Then let us write exactly that into the plan."),
)


async def main() -> None:
    """Lets two people of the demo talk, and looks over the shoulder of one of them."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), "--demo")
        server.start()
        try:
            async with running_chromium() as browser:
                await take(server, browser)
        finally:
            server.stop()


async def take(server: ServerProcess, browser: Browser) -> None:
    desk = await open_page(browser, f"{server.url}/#as=user_1&c=1", 1200, 720)
    other = await open_page(browser, f"{server.url}/#as=mentor_1&c=1", 1200, 720)
    pages = {"user_1": desk, "mentor_1": other}
    for who, text in TALK:
        await pages[who].get_by_role("textbox", name="Message").fill(text)
        await pages[who].get_by_role("button", name="Send").click()
        await expect(desk.get_by_role("article").filter(has_text=text)).to_be_visible()
    phone = await open_page(browser, f"{server.url}/#as=user_1&c=1", 390, 720)
    await other.get_by_role("textbox", name="Message").press_sequentially("And")
    for page, name in ((desk, "web-client.png"), (phone, "web-client-phone.png")):
        await expect(page.locator(".pane").get_by_text("is typing…")).to_be_visible()
        await page.wait_for_timeout(600)  # what moves has come to rest
        await page.screenshot(path=PICTURES / name)


async def open_page(browser: Browser, url: str, width: int, height: int) -> Page:
    person = await Person.arrive(
        browser, viewport={"width": width, "height": height}, locale="en-GB", timezone_id="Africa/Kigali"
    )
    await person.page.goto(url)
    await expect(person.page.get_by_role("textbox", name="Message")).to_be_visible()
    return person.page


if __name__ == "__main__":
    asyncio.run(main())
