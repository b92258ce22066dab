"""The web client for everybody: axe finds nothing in any main view, and the keyboard alone is enough."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import aiohttp
from playwright.async_api import Page, expect

from tests.e2e.browser import People
from tests.e2e.conftest import make_conversation
from tests.e2e.server import ServerProcess

expect.set_options(timeout=45_000)

Pair = tuple[str, str, int]

AXE = Path(__file__).parent.parent.parent / "node_modules" / "axe-core" / "axe.min.js"
RUN = """
async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const told = (id) => ({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`;
  return violations.flatMap(({ id, nodes }) => nodes.map(told(id)));
}
"""
FOCUSED = """
(({ activeElement: it }) => it.getAttribute("aria-label") || it.labels?.[0]?.innerText || it.innerText)(document)
"""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


async def findings(page: Page) -> dict[str, Any]:
    """What axe objects to in the view as it is, in light and in dark, once everything has come to rest."""
    found: dict[str, Any] = {}
    for scheme in SCHEMES:
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.evaluate("Promise.all(document.getAnimations().map(({ finished }) => finished))")
        if told := await page.evaluate(RUN):
            found[scheme] = told
    return found


async def test_axe_finds_nothing_in_any_view(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession, person: Callable[[], str]
) -> None:
    ann, bob, conversation_id = pair
    team = await make_conversation(demo, http, ann, bob, person(), kind="team")
    for number, text in enumerate(("Hello", "See https://example.org", "😅", "@" + ann)):
        url = f"{demo.url}/api/conversations/{(team, conversation_id)[number % 2]}/messages"
        async with http.post(url, json={"content": text}, headers={"X-Participant": bob}) as response:
            assert response.status == 201
    visitor = await people.arrive()
    page = visitor.page
    await page.goto(demo.url)
    await page.evaluate(AXE.read_text())
    await expect(page.get_by_role("list", name="People")).to_be_visible()
    found = {"sign in": await findings(page)}

    listed = page.get_by_role("list", name="Conversations")

    async def look(view: str) -> None:
        await expect(listed.get_by_role("link")).to_have_count(2)
        found[view] = await findings(page)

    await page.goto(f"{demo.url}/#as={ann}")
    await look("list")
    await page.goto(f"{demo.url}/#as={ann}&c={team}")
    await expect(page.get_by_role("article")).to_have_count(2)
    await look("conversation")
    await expect(page.get_by_role("button", name=re.compile("unread notification"))).to_be_visible()
    for button in (
        "New conversation",
        re.compile("unread notification"),
        "About this conversation",
        "Your status and settings",
    ):
        await page.get_by_role("button", name=button).click()
        await look(str(button))
        await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New conversation").click()
    await page.get_by_text("A group").click()
    await page.get_by_role("list", name="People").get_by_role("button", name=bob).click()
    await look("new group")
    await page.keyboard.press("Escape")
    await listed.get_by_role("link").first.focus()
    await page.keyboard.press("?")
    await look("keyboard")
    await page.keyboard.press("Escape")
    await page.get_by_role("searchbox").fill(bob)
    await expect(page.get_by_role("search").get_by_role("link", name=bob).first).to_be_visible()
    found["search"] = await findings(page)
    await page.keyboard.press("Escape")
    await page.goto(f"{demo.url}/#as={ann}&c=999999")
    await look("nothing there")
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await expect(page.get_by_role("article")).to_have_count(2)
    found["phone"] = await findings(page)
    await page.context.set_offline(True)
    await expect(page.get_by_text("You are offline.")).to_be_visible()
    found["offline"] = await findings(page)
    visitor.complaints[:] = visitor.own_complaints
    assert [f"{view}, {told}" for view, told in found.items() if told] == []


async def focused(page: Page) -> str:
    """What is said of the element that has the focus."""
    said: str = await page.evaluate(FOCUSED)
    return said


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


async def tab_to(page: Page, name: str) -> None:
    """By Tab alone, as far as it takes."""
    for _ in range(15):
        await page.keyboard.press("Tab")
        if name in await focused(page):
            return
    raise AssertionError(f"Tab never comes to {name}")


async def test_the_keyboard_alone_is_enough(
    demo: ServerProcess, people: People, pair: Pair, person: Callable[[], str], http: aiohttp.ClientSession
) -> None:
    ann, bob, _ = pair
    carol = person()
    await make_conversation(demo, http, carol, ann)
    page = await people.open(demo.url)
    await expect(page.get_by_role("list", name="People")).to_be_visible()
    await tab_to(page, "Somebody else")
    await page.keyboard.type(ann)
    await press(page, "Enter")
    listed = page.get_by_role("list", name="Conversations")
    await expect(listed.get_by_role("link")).to_have_count(2)
    await expect(listed.locator("a[tabindex='-1']")).to_have_count(1)

    # One stop for the whole list; the arrows move in it.
    await tab_to(page, carol)
    await press(page, "ArrowDown")
    assert bob in await focused(page)
    await press(page, "ArrowDown", "Home", "End", "Enter")
    box = page.get_by_role("textbox", name="Message", exact=True)
    await expect(box).to_be_focused()
    await page.keyboard.type("Written with ten fingers?")
    await press(page, "Enter")
    await expect(page.get_by_role("article").get_by_role("img", name="Sent")).to_be_visible()
    await press(page, "Alt+ArrowDown")
    await expect(page.get_by_role("heading", name=carol)).to_be_visible()

    # A group, by its shortcut; the search box of the dialog has the focus, Enter takes the first.
    await press(page, "Alt+n")
    await expect(page.get_by_role("searchbox", name="Search people")).to_be_focused()
    await press(page, "Shift+Tab", "ArrowRight")
    await tab_to(page, "Name of the conversation")
    await page.keyboard.type("By keyboard")
    await tab_to(page, "Search people")
    await page.keyboard.type(bob)
    await expect(page.get_by_role("list", name="People").get_by_role("button")).to_have_count(1)
    await press(page, "Enter")
    await tab_to(page, "Create")
    await press(page, "Enter")
    await expect(page.get_by_role("heading", name="By keyboard")).to_be_visible()
    await expect(box).to_be_focused()

    await press(page, "Control+k")
    await expect(page.get_by_role("searchbox", name=re.compile("^Search conv"))).to_be_focused()
    await page.keyboard.type(carol)
    await expect(page.get_by_role("search").get_by_role("link")).to_have_count(1)
    await press(page, "ArrowDown", "Enter")
    await expect(page.get_by_role("heading", name=carol)).to_be_visible()
    await press(page, "Control+k", "Escape", "Alt+l")
    assert carol in await focused(page)
    await press(page, "?")
    await expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    await press(page, "Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert carol in await focused(page)
    await press(page, "Alt+m")
    await page.keyboard.type("?")
    await expect(box).to_have_value("?")
