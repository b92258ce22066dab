"""The web client where things go wrong, come late, or look otherwise than usual: nothing said is lost or made up."""

import asyncio
import json
import re
from typing import Any

import aiohttp
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from tests.e2e.browser import People
from tests.e2e.conftest import make_conversation
from tests.e2e.server import ServerProcess

expect.set_options(timeout=45_000)

Pair = tuple[str, str, int]


class Wire:
    """Stands between a page and the server: refuses, and holds answers back, as it is told."""

    def __init__(self) -> None:
        self.refused: set[str] = set()
        """Types of requests."""
        self.held: set[str] = set()
        """Types of frames to the page, that wait for `release`."""
        self.holds = asyncio.Event()
        """Something is being held."""
        self._waiting: list[str] = []
        self._socket: WebSocketRoute | None = None

    async def watch(self, page: Page) -> None:
        await page.route_web_socket(re.compile(r"^ws:"), self._pass_on)

    def release(self) -> None:
        self.held.clear()
        assert self._socket is not None
        for frame in self._waiting:
            self._socket.send(frame)
        self._waiting.clear()
        self.holds.clear()

    def _pass_on(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        server = socket.connect_to_server()

        def to_server(sent: str | bytes) -> None:
            frame = json.loads(sent)
            if frame["type"] in self.refused:
                error = {"type": "error", "code": "forbidden", "message": "Not now.", "retryable": False}
                self._to_page(json.dumps(error | {"request_id": frame["request_id"]}))
            else:
                server.send(sent)

        socket.on_message(to_server)
        server.on_message(lambda sent: self._to_page(str(sent)))

    def _to_page(self, frame: str) -> None:
        assert self._socket is not None
        if json.loads(frame)["type"] in self.held:
            self._waiting.append(frame)
            self.holds.set()
        else:
            self._socket.send(frame)


def message(page: Page, text: str) -> Locator:
    return page.get_by_role("log", name="Messages").get_by_role("article").filter(has_text=text)


async def top_of(row: Locator) -> float:
    box = await row.bounding_box()
    assert box is not None
    return box["y"]


async def ask(http: aiohttp.ClientSession, server: ServerProcess, who: str, how: str, path: str, **body: Any) -> Any:
    # Between two requests the page may be watched for longer than a server keeps an idle connection.
    headers = {"X-Participant": who, "Connection": "close"}
    async with http.request(how, f"{server.url}/api{path}", json=body, headers=headers) as response:
        assert response.status < 300, await response.text()
        return await response.json() if response.status != 204 else None


async def test_what_is_refused_is_taken_back_and_what_comes_late_is_not_forgotten(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession
) -> None:
    ann, bob, conversation_id = pair
    said = f"/conversations/{conversation_id}/messages"
    ids = [(await ask(http, demo, ann, "POST", said, content=f"No {at}"))["message_id"] for at in range(3)]
    for at in range(60):
        quoted = {"reply_to_id": ids[2]} if at == 59 else {}
        ids.append((await ask(http, demo, bob, "POST", said, content=f"then {at}.", **quoted))["message_id"])
    person, wire = await people.arrive(), Wire()
    page = person.page
    await wire.watch(page)

    # What the page asked for is on its way from the server, and older than what happens meanwhile.
    wire.held = {"history"}
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await wire.holds.wait()
    newest = (await ask(http, demo, bob, "POST", said, content="No 3"))["message_id"]
    await ask(http, demo, bob, "PATCH", f"/messages/{newest}", content="Number three")
    await ask(http, demo, bob, "PATCH", f"/messages/{ids[-2]}", content="then fifty-eight")
    await ask(http, demo, bob, "DELETE", f"/messages/{ids[-3]}")
    await expect(page.get_by_role("list", name="Conversations").get_by_text("Number three")).to_be_visible()
    wire.release()
    await expect(message(page, "Number three")).to_have_count(1)
    await expect(message(page, "then fifty-eight")).to_have_count(1)
    await expect(message(page, "then 56.")).to_have_count(1)
    await expect(message(page, "then 57.")).to_have_count(0)
    await expect(message(page, "then 59.").get_by_role("button", name="No 2")).to_be_visible()

    row = message(page, "then 59.")
    await expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    wire.refused, wire.held = {"add_reaction"}, {"error"}
    await row.hover()
    await row.get_by_role("button", name="React").click()
    await page.get_by_role("button", name="👍", exact=True).first.click()
    await expect(row.locator(".reaction")).to_have_text(re.compile("👍1"))
    await wire.holds.wait()
    wire.release()
    await expect(row.locator(".reaction")).to_have_count(0)
    await expect(page.get_by_text("That did not work. You may not do that.")).to_be_visible()

    wire.refused = {"edit_message"}
    box = page.get_by_role("textbox", name="Message", exact=True)
    await box.fill("mine")
    await page.keyboard.press("Enter")
    await expect(message(page, "mine").get_by_role("img", name="Sent")).to_be_visible()
    await page.keyboard.press("ArrowUp")
    editor = page.get_by_role("textbox", name="Edit message")
    await editor.fill("mine, but better")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert").filter(has_text="Not saved. You may not do that.")).to_be_visible()
    await expect(editor).to_have_value("mine, but better")
    await expect(editor).to_be_focused()
    wire.refused = set()
    await page.keyboard.press("Enter")
    await expect(editor).to_have_count(0)
    await expect(message(page, "mine, but better")).to_be_visible()


async def test_one_comes_back_to_where_one_was_reading(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession
) -> None:
    ann, bob, long = pair
    other = await make_conversation(demo, http, ann, bob, kind="team")
    for at in range(120):
        await ask(http, demo, ann, "POST", f"/conversations/{long}/messages", content=f"No {at}.\n\nand more")
    await ask(http, demo, bob, "POST", f"/conversations/{other}/messages", content="elsewhere")
    page = await people.open(f"{demo.url}/#as={ann}&c={long}")
    await expect(message(page, "No 119.")).to_be_in_viewport()
    # Far enough for a page that is not loaded at first.
    await page.get_by_role("log").hover()
    wanted = message(page, "No 30.")
    while not await wanted.count():
        await page.mouse.wheel(0, -2000)
        await page.wait_for_timeout(50)
    await wanted.scroll_into_view_if_needed()
    top = await top_of(wanted)
    for _ in range(2):
        await page.goto(f"{demo.url}/#as={ann}&c={other}")
        await expect(message(page, "elsewhere")).to_be_in_viewport()
        await ask(http, demo, bob, "POST", f"/conversations/{long}/messages", content="meanwhile")
        await page.go_back()
        await expect(wanted).to_be_in_viewport()
        assert abs(await top_of(wanted) - top) <= 1
    await page.get_by_role("button", name=re.compile("^Jump to")).click()
    await expect(message(page, "meanwhile").last).to_be_in_viewport()
    await page.goto(f"{demo.url}/#as={ann}&c={other}")
    await expect(message(page, "elsewhere")).to_be_in_viewport()
    await page.go_back()
    await expect(message(page, "meanwhile").last).to_be_in_viewport()


SEEN = """
(selector) => {
  const style = getComputedStyle(document.querySelector(selector));
  return `${style.borderTopStyle} ${style.outlineStyle}`;
}
"""

KNOB = "(it) => [null, '::before'].map((part) => getComputedStyle(it, part).backgroundColor)"


async def test_forced_colours_keep_what_is_told_by_colour_and_less_motion_is_none(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    quiet = {"forced_colors": "active", "reduced_motion": "reduce"}
    page = await people.open(f"{demo.url}/#as={ann}&c={conversation_id}", **quiet)
    second = await people.open(f"{demo.url}/#as={bob}&c={conversation_id}")
    await page.evaluate(
        "addEventListener('animationstart', ({ animationName }) => { globalThis.moved = animationName; }, true)"
    )
    for sender in (page, second):
        await sender.get_by_role("textbox", name="Message", exact=True).fill("Hello")
        await sender.keyboard.press("Enter")
    await expect(message(page, "Hello")).to_have_count(2)
    await page.get_by_role("button", name="Your status and settings").click()
    for selector in (".bubble", ".avatar", ".button", ".choice:has(:checked)", ".conversation[aria-current]"):
        await expect(page.locator(selector).first).to_be_attached()  # the panel comes, and then what is chosen in it
        assert "solid" in await page.evaluate(SEEN, selector), selector
    assert "solid" not in await page.evaluate(SEEN, ".choice:not(:has(:checked))")
    knob = page.get_by_role("switch").first
    on = await knob.evaluate(KNOB)
    await knob.uncheck()
    off = await knob.evaluate(KNOB)
    assert on != off
    assert all(line != ground for line, ground in (on, off))
    moving = "document.getAnimations().filter((it) => it.effect.getComputedTiming().duration > 1).length"
    assert await page.evaluate(moving) == 0
    assert await page.evaluate("globalThis.moved ?? null") is None


async def test_that_there_is_nothing_is_said_once_it_is_known(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, _, conversation_id = pair
    person, wire = await people.arrive(), Wire()
    await wire.watch(person.page)
    wire.held = {"notifications"}
    await person.page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await person.page.get_by_role("button", name="Notifications").click()
    dialog = person.page.get_by_role("dialog", name="Notifications")
    await expect(dialog.get_by_role("button", name="Mark all as read")).to_be_visible()
    await wire.holds.wait()
    await expect(dialog.get_by_role("heading", level=3)).to_be_hidden()
    wire.release()
    await expect(dialog.get_by_role("heading", level=3)).to_be_visible()


async def test_a_language_that_cannot_be_had_is_not_chosen(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, _, _ = pair
    person = await people.arrive()
    page = person.page
    await page.route("**/app/words/fr.js", lambda route: route.abort())
    await page.goto(f"{demo.url}/#as={ann}")
    await page.get_by_role("button", name="Your status and settings").click()
    dialog = page.get_by_role("dialog", name="You")
    language = dialog.get_by_label("Language")
    await language.select_option("fr")
    await expect(dialog.get_by_role("alert")).not_to_be_empty()
    await expect(language).to_have_value("en")
    await page.unroute_all()
    await language.select_option("fr")
    await expect(page.get_by_role("dialog", name="Vous")).to_be_visible()
    person.complaints.clear()
