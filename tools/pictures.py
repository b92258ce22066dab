"""Takes the pictures of the README from a running demo: `python -m tools.pictures`."""

import asyncio
import struct
import tempfile
import zlib
from pathlib import Path

from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.browser import Person, running_chromium
from tests.e2e.server import ServerProcess

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"

TALK = (
    ("mentor_1", "How is the second dryer coming along?"),
    ("user_1", "Good! The frame stands. I have the receipts: wood, glass and a small fan."),
    ("user_2", "The drawings are done too. @Aline Uwase could you check the height of the door?"),
    ("user_1", "62 cm, and it closes 🎉"),
    ("mentor_1", "Wonderful. What would ten of them cost?"),
    ("user_1", "Less than half each, if we buy the glass together with the team from Huye."),
)
ALONE = ("mentor_1", "One more thing for Thursday: bring a photo of the first one.")


async def main() -> None:
    """Lets a team of the demo talk, and looks over the shoulder of one of them."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), "--demo")
        server.start()
        try:
            async with running_chromium() as browser:
                await take(server, browser)
        finally:
            server.stop()


async def take(server: ServerProcess, browser: Browser) -> None:
    pages = {
        user_id: await open_page(browser, f"{server.url}/#as={user_id}&c=2")
        for user_id in ("user_1", "user_2", "mentor_1")
    }
    desk, other = pages["user_1"], pages["mentor_1"]
    for who, text in TALK:
        await say(pages[who], text)
        for page in pages.values():
            await expect(page.get_by_role("article").filter(has_text=text.partition("@")[0])).to_be_visible()
    for who, emoji in (("user_2", "👏"), ("mentor_1", "👏")):
        await react(pages[who], "and it closes", emoji)
    await other.goto(f"{server.url}/#as=mentor_1&c=1")
    await say(other, ALONE[1])
    await other.goto(f"{server.url}/#as=mentor_1&c=2")
    phone = await open_page(browser, f"{server.url}/#as=user_1&c=2", (390, 780), color_scheme="dark")
    await box(other).press_sequentially("And")
    for page, name in ((desk, "web-client.png"), (phone, "web-client-phone.png")):
        await expect(page.locator(".pane").get_by_text("is typing…")).to_be_visible()
        await page.mouse.move(0, 0)
        await page.wait_for_timeout(600)  # what moves has come to rest
        (PICTURES / name).write_bytes(smaller(await page.screenshot()))


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


async def say(page: Page, text: str) -> None:
    await box(page).fill(text)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Send", exact=True).click()


async def react(page: Page, text: str, emoji: str) -> None:
    row = page.get_by_role("article").filter(has_text=text)
    await row.hover()
    await row.get_by_role("button", name="React").click()
    await page.get_by_role("button", name=emoji).first.click()
    await page.mouse.move(0, 0)


async def open_page(browser: Browser, url: str, size: tuple[int, int] = (1200, 720), **options: str) -> Page:
    viewport = {"width": size[0], "height": size[1]}
    person = await Person.arrive(browser, viewport=viewport, locale="en-GB", timezone_id="Africa/Kigali", **options)
    await person.page.goto(url)
    await expect(box(person.page)).to_be_visible()
    return person.page


def smaller(png: bytes) -> bytes:
    """The same picture, packed as tightly as deflate can."""
    chunks: list[tuple[bytes, bytes]] = []
    at = 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        chunks.append((png[at + 4 : at + 8], png[at + 8 : at + 8 + length]))
        at += length + 12
    pixels = zlib.decompress(b"".join(body for kind, body in chunks if kind == b"IDAT"))
    kept = [(kind, body) for kind, body in chunks if kind in (b"IHDR", b"PLTE")]
    packed = [*kept, (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return png[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in packed
    )


if __name__ == "__main__":
    asyncio.run(main())
