"""The page at /api/docs, in a real browser."""

from typing import Literal

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import Person
from tests.e2e.server import ServerProcess


async def test_the_page_lists_what_the_documents_say_and_finds_it(demo: ServerProcess, browser: Browser) -> None:
    async with aiohttp.request("GET", f"{demo.url}/api/asyncapi.json") as response:
        operations = (await response.json())["operations"]
    person = await Person.arrive(browser)
    page = person.page
    await page.goto(f"{demo.url}/api/docs")
    for key in operations:
        await expect(page.locator(f"[id='{key}']")).to_be_visible()
    for text in ("new_message", "slow_consumer", "4403", "/api/tokens"):
        await expect(page.get_by_text(text, exact=True).first).to_be_visible()
    await page.get_by_role("searchbox", name="Search").fill("idempotency_key temp_id message_sent")
    await expect(page.get_by_role("article")).to_have_count(1)
    await page.get_by_role("searchbox", name="Search").fill("nothing-like-this")
    await expect(page.get_by_role("status")).to_be_visible()
    await page.get_by_role("searchbox", name="Search").fill("history")
    await page.locator("summary").first.click()
    await expect(page.get_by_text("sender_name", exact=True)).to_be_visible()
    assert person.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
async def test_nothing_is_wider_than_the_screen(
    demo: ServerProcess, browser: Browser, scheme: Literal["light", "dark"], width: int
) -> None:
    person = await Person.arrive(browser, color_scheme=scheme, viewport={"width": width, "height": 800})
    await person.page.goto(f"{demo.url}/api/docs#message")
    await expect(person.page.locator("[id='message']")).to_be_in_viewport()
    assert await person.page.evaluate("document.documentElement.scrollWidth") <= width
    assert person.complaints == []
