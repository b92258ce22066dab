"""Messages in the web client: what people do with them, and how they find their way among a hundred thousand."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Locator, Page, Route, WebSocket, WebSocketRoute, expect

from tests.e2e.browser import LATER_MS, LONG_PRESS_MS, PRESSED_MS, People, hold, without_timers
from tests.e2e.conftest import make_conversation, post_message
from tests.e2e.longtalk import COUNT, QUOTED, QUOTING, READ_BY_SECOND, write_long_talk
from tests.e2e.server import ServerProcess

expect.set_options(timeout=45_000)

Pair = tuple[str, str, int]

PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 800}, "has_touch": True, "is_mobile": True}


def log(page: Page) -> Locator:
    return page.get_by_role("log", name="Messages")


def message(page: Page, text: str) -> Locator:
    return log(page).get_by_role("article").filter(has_text=text)


def box(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message", exact=True)


async def say(page: Page, text: str) -> None:
    await box(page).fill(text)
    await page.get_by_role("button", name="Send", exact=True).click()


async def send(page: Page, text: str) -> Locator:
    """As `say`, and waits until it is stored; its row."""
    await say(page, text)
    row = message(page, text)
    await expect(row.get_by_role("img", name="Sent")).to_be_visible()
    return row


async def open_both(people: People, server: ServerProcess, pair: Pair, **options: Any) -> tuple[Page, Page]:
    ann, bob, conversation_id = pair
    first = await people.open(f"{server.url}/#as={ann}&c={conversation_id}")
    second = await people.open(f"{server.url}/#as={bob}&c={conversation_id}", **options)
    for page in (first, second):
        await expect(box(page)).to_be_visible()
    return first, second


async def choose(page: Page, row: Locator, item: str) -> None:
    """From the menu of a message."""
    await row.hover()
    await row.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name=item).click()


async def test_a_message_is_answered_reacted_to_edited_and_deleted(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    first, second = await open_both(people, demo, pair)
    ann, bob, _ = pair
    await say(first, "The very first words")
    await expect(message(first, "very first").get_by_role("img", name="Read")).to_be_visible()
    for page in (first, second):
        await expect(log(page).get_by_role("separator", name="Today")).to_be_visible()
    heard = second.get_by_role("status").get_by_text(f"{ann}: The very first words")
    await expect(heard).to_have_count(1)

    row = message(second, "very first")
    await row.hover()
    await row.get_by_role("button", name="React").click()
    await second.get_by_role("searchbox", name="Search, or type any emoji").fill("fete")
    await second.keyboard.press("Enter")
    await message(first, "very first").get_by_role("button", name=f"🎉 1 from {bob}").click()
    await expect(message(second, "very first").get_by_role("button", name=f"🎉 2 from You and {ann}")).to_be_visible()
    await message(first, "very first").get_by_role("button", name="🎉").click()
    await expect(message(second, "very first").get_by_role("button", name="🎉 1 from You")).to_be_visible()
    await choose(second, row, "React")
    await second.get_by_role("searchbox", name="Search, or type any emoji").fill("🦩")
    await second.keyboard.press("Enter")
    await expect(message(first, "very first").get_by_role("button", name=f"🦩 1 from {bob}")).to_be_visible()

    await row.hover()
    await row.get_by_role("button", name="Reply").click()
    await expect(second.get_by_text(f"Replying to {ann}")).to_be_visible()
    await second.keyboard.type("An answer")
    await second.keyboard.press("Enter")
    await message(first, "An answer").get_by_role("button", name="Reply to You The very first words").click()
    await expect(message(first, "very first").first).to_be_focused()

    await box(first).press("ArrowUp")
    await expect(first.get_by_role("textbox", name="Edit message")).to_have_value("The very first words")
    await first.keyboard.type(", changed")
    await first.keyboard.press("Enter")
    await expect(box(first)).to_be_focused()
    await expect(message(second, "The very first words, changed").first).to_contain_text("edited")
    await expect(message(second, "An answer").get_by_role("button", name="words, changed")).to_be_visible()

    await choose(first, message(first, "words, changed").first, "Delete")
    await first.get_by_role("alertdialog").get_by_role("button", name="Keep it").click()
    await expect(message(first, "words, changed").first).to_be_focused()
    await first.keyboard.press("Delete")
    await first.get_by_role("alertdialog").get_by_role("button", name="Delete").click()
    for page in (first, second):
        await expect(message(page, "Message deleted").first).to_be_visible()
        await expect(log(page).get_by_text("very first")).to_have_count(0)
        await expect(log(page).get_by_role("button", name="🎉")).to_have_count(0)
    await expect(heard).to_have_count(1)


async def test_all_of_it_by_keyboard(demo: ServerProcess, people: People, pair: Pair) -> None:
    first, second = await open_both(people, demo, pair)
    for text in ("one", "two", "three"):
        await say(first, text)
    await expect(message(second, "three")).to_be_visible()
    await box(second).press("Shift+Tab")
    await expect(message(second, "three")).to_be_focused()
    for key, text in (("ArrowUp", "two"), ("Home", "one"), ("ArrowDown", "two"), ("End", "three"), ("PageUp", "one")):
        await second.keyboard.press(key)
        await expect(message(second, text)).to_be_focused()
    await second.keyboard.press("Enter")
    await expect(second.get_by_role("menu")).to_be_visible()
    await expect(second.get_by_role("menuitem", name="Edit")).to_have_count(0)
    await second.keyboard.press("p")
    await expect(second.get_by_role("menuitem", name="Pin")).to_be_focused()
    await second.keyboard.press("Escape")
    await expect(message(second, "one")).to_be_focused()
    await second.keyboard.press("+")
    await expect(second.get_by_role("searchbox", name="Search, or type any emoji")).to_be_focused()
    await second.keyboard.press("ArrowDown")
    await second.keyboard.press("ArrowRight")
    await second.keyboard.press("Enter")
    await expect(message(second, "one").get_by_role("button", name="👎 1 from You")).to_be_visible()
    await expect(message(second, "one")).to_be_focused()
    await second.keyboard.press("Tab")
    await expect(message(second, "one").get_by_role("button", name="React")).to_be_focused()
    await second.keyboard.press("r")
    await expect(box(second)).to_be_focused()
    await expect(second.get_by_text("Replying to")).to_be_visible()
    await second.keyboard.press("Escape")
    await expect(second.get_by_text("Replying to")).to_be_hidden()
    await second.keyboard.press("Shift+Tab")
    await second.keyboard.press("Escape")
    await expect(box(second)).to_be_focused()


async def test_what_is_written_is_helped_kept_and_shown_as_meant(
    demo: ServerProcess, people: People, pair: Pair, http: Any, person: Any
) -> None:
    first, second = await open_both(people, demo, pair)
    ann, bob, conversation_id = pair
    await box(first).press_sequentially(f"Look, @{bob[:6]}")
    await expect(first.get_by_role("option", name=bob)).to_be_visible()
    await first.keyboard.press("Escape")
    await expect(first.get_by_role("option")).to_have_count(0)
    await first.keyboard.press("Backspace")
    await first.keyboard.press("Enter")
    await expect(box(first)).to_have_value(f"Look, @{bob} ")
    await first.keyboard.press("Shift+Enter")
    await first.keyboard.type("at https://example.org/a_(b). javascript:alert(1)")
    await first.keyboard.press("Enter")
    row = message(second, "Look")
    await expect(row.locator(".mention.is-me")).to_have_text(f"@{bob}")
    await expect(row.locator(".words")).to_have_text(
        re.compile(rf"Look, @{bob} \nat https://example.org/a_\(b\)\. javascript:alert\(1\)$")
    )
    await expect(row.get_by_role("link")).to_have_count(1)
    await expect(row.get_by_role("link")).to_have_attribute("href", "https://example.org/a_(b)")
    await expect(row.get_by_role("link")).to_have_attribute("rel", re.compile("noopener noreferrer"))

    await box(first).fill("@")
    await first.get_by_role("option", name=bob).click()
    await expect(box(first)).to_have_value(f"@{bob} ")
    await expect(box(first)).to_be_focused()

    carol = person()
    other = await make_conversation(demo, http, ann, carol)
    await choose(first, message(first, "Look"), "Reply")
    await box(first).fill("not sent yet")
    await first.goto(f"{demo.url}/#as={ann}&c={other}")
    await expect(first.get_by_role("heading", name=carol)).to_be_visible()
    await expect(box(first)).to_have_value("")
    await first.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await expect(box(first)).to_have_value("not sent yet")
    await first.reload()
    await expect(box(first)).to_have_value("not sent yet")
    await expect(first.get_by_text("Replying to")).to_be_visible()
    await box(first).press("Enter")
    await expect(message(second, "not sent yet").get_by_role("button", name="Reply to")).to_be_visible()
    await first.reload()
    await expect(box(first)).to_have_value("")

    await box(first).fill("x" * 10_001)
    await expect(first.get_by_text("1 character too long")).to_be_visible()
    await expect(first.get_by_role("button", name="Send", exact=True)).to_be_disabled()


async def test_pins_and_readers_are_shown_also_on_a_phone(demo: ServerProcess, people: People, pair: Pair) -> None:
    first, phone = await open_both(people, demo, pair, **PHONE)
    _, bob, _ = pair
    for text in ("To be pinned", "Another one", "The last"):
        await say(first, text)
    await choose(first, message(first, "To be pinned"), "Pin")
    bar = phone.get_by_role("region", name="Pinned messages")
    await bar.get_by_role("button", name="1 pinned message To be pinned").tap()
    await expect(message(phone, "To be pinned")).to_be_focused()
    await expect(message(phone, "To be pinned").get_by_role("img", name="Pinned")).to_be_visible()

    await press_long(phone, message(phone, "Another one"))
    await phone.get_by_role("menuitem", name="Pin").tap()
    await expect(bar).to_contain_text("2 pinned messages")
    await first.get_by_role("button", name="All pinned messages").click()
    await first.get_by_role("dialog", name="Pinned messages").get_by_role("button", name="To be pinned").click()
    await expect(message(first, "To be pinned")).to_be_focused()

    await message(phone, "Another one").tap()
    await message(phone, "Another one").get_by_role("button", name="More").tap()
    await phone.get_by_role("menuitem", name="Take the pin off").tap()
    await expect(bar).to_contain_text("1 pinned message")
    width = await phone.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["viewport"]["width"]

    await choose(first, message(first, "The last"), "Details")
    await expect(first.get_by_role("dialog", name="Details")).to_contain_text(re.compile(f"Read by.*{bob}"))
    await first.keyboard.press("Escape")
    await expect(first.get_by_role("dialog", name="Details")).to_have_count(0)


async def test_a_finger_may_stay_on_a_message_before_all_is_loaded(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, _, conversation_id = pair
    phone = (await people.arrive(**PHONE)).page
    touched = await hold(phone, "/app/messagetools.js")
    await phone.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await send(phone, "Pressed at once")
    async with finger_on(phone, message(phone, "Pressed at once")):
        touched.set()
        await expect(phone.get_by_role("menu")).to_be_visible()


async def test_a_mouse_that_was_among_the_messages_before_all_was_loaded_finds_their_tools(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, _, conversation_id = pair
    page = (await people.arrive()).page
    may_come = await hold(page, "/app/logtools.js")
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    row = await send(page, "Pointed at")
    place = await page.locator(".log-list").bounding_box()
    assert place is not None
    await page.mouse.move(place["x"] + 1, place["y"] + 1)
    may_come.set()
    await expect(row).to_have_attribute("tabindex", "0")
    await row.locator(".bubble").hover()
    await expect(row.get_by_role("button", name="More")).to_be_visible()


STAYS = (
    f"const [wait, stay] = [setTimeout, {LONG_PRESS_MS}];"
    + """
window.setTimeout = (act, ms, ...rest) => (ms === stay ? (window.haveStayed = act) && 0 : wait(act, ms, ...rest));
"""
)
"""A finger has stayed when the test says so."""


async def test_a_finger_may_stay_on_a_message_that_changes_under_it(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    first = await people.open(f"{demo.url}/#as={ann}&c={conversation_id}")
    person = await people.arrive(**PHONE)
    await person.context.add_init_script(STAYS)
    phone = person.page
    await phone.goto(f"{demo.url}/#as={bob}&c={conversation_id}")
    await say(first, "Before")
    async with finger_on(phone, message(phone, "Before").get_by_text("Before")):
        await box(first).press("ArrowUp")
        editor = first.get_by_role("textbox", name="Edit message")
        await editor.fill("After")
        await editor.press("Enter")
        await expect(message(phone, "After")).to_be_visible()
        await phone.evaluate("haveStayed()")
        await expect(phone.get_by_role("menu")).to_be_visible()
    await expect(phone.get_by_role("menu")).to_be_visible()


async def reacted_to(page: Page, server: ServerProcess, who: str, text: str) -> None:
    """By somebody elsewhere: its row is drawn anew."""
    message_id = await log(page).locator(f".editing, article:has-text('{text}')").first.get_attribute("data-row")
    url = f"{server.url}/api/messages/{message_id}/reactions/%F0%9F%91%8D"
    async with aiohttp.ClientSession(headers={"X-Participant": who}) as http, http.put(url) as response:
        assert response.status < 300


async def test_what_is_written_in_an_editor_outlasts_that_it_is_asked_for_again(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    page = (await people.arrive()).page
    editor_may_come = await hold(page, "/app/editor.js")
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await send(page, "one")
    await box(page).press("ArrowUp")
    await box(page).press("ArrowUp")
    editor_may_come.set()
    editor = page.get_by_role("textbox", name="Edit message")
    await expect(editor).to_be_focused()
    await page.keyboard.type(", two")
    await box(page).press("ArrowUp")
    await expect(editor).to_be_focused()
    await page.keyboard.type(", three")
    await reacted_to(page, demo, bob, "one")
    await page.wait_for_timeout(1000)
    await expect(editor).to_have_value("one, two, three")
    await expect(editor).to_be_focused()


async def test_an_editor_that_comes_late_takes_nothing_from_what_is_written_meanwhile(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, _, conversation_id = pair
    page = (await people.arrive()).page
    editor_may_come = await hold(page, "/app/editor.js")
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await send(page, "one")
    await box(page).press("ArrowUp")
    await page.keyboard.type("he")
    async with page.expect_event("requestfinished", lambda request: "editor.js" in request.url):
        editor_may_come.set()
    await page.evaluate("import('/app/editor.js').then(() => new Promise(requestAnimationFrame))")
    await page.keyboard.type("llo")
    await expect(box(page)).to_have_value("hello")


@pytest.mark.parametrize("module", ["messagetools", "editor"])
async def test_what_is_typed_while_something_opens_does_nothing_to_the_message(
    demo: ServerProcess, people: People, pair: Pair, module: str
) -> None:
    ann, _, conversation_id = pair
    page = (await people.arrive()).page
    may_come = await hold(page, f"/app/{module}.js")
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await send(page, "one")
    await expect(page.locator(".jump")).to_have_count(1)
    await message(page, "one").focus()
    if module == "editor":
        await expect(message(page, "one").get_by_role("button", name="More")).to_be_visible()
    await page.keyboard.type("ep")
    may_come.set()
    await expect(page.get_by_role("textbox", name="Edit message")).to_be_focused()
    await page.keyboard.press("Escape")
    await send(page, "two")
    await expect(page.get_by_role("img", name="Pinned")).to_have_count(0)


async def test_a_message_drawn_anew_is_pressed_and_keeps_the_focus_where_it_was(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession, person: Callable[[], str]
) -> None:
    ann, bob, conversation_id = pair
    carol = person()
    other_id = await make_conversation(demo, http, carol, ann)
    page = (await people.arrive()).page
    await page.add_init_script(without_timers(PRESSED_MS))
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    row = await send(page, "one")
    await row.hover()
    await row.get_by_role("button", name="Reply").hover()
    await page.mouse.down()
    await reacted_to(page, demo, bob, "one")
    # What comes after it has come.
    await post_message(demo, http, carol, other_id, "Hello")
    await expect(page).to_have_title(re.compile(r"^\(1\)"))
    await page.mouse.up()
    await expect(page.get_by_text("Replying to")).to_be_visible()
    await expect(row.get_by_role("button", name=f"👍 1 from {bob}")).to_be_visible()

    react = row.get_by_role("button", name="React")
    await row.focus()
    await page.keyboard.press("Tab")
    await expect(react).to_be_focused()
    await reacted_to(page, demo, ann, "one")
    await expect(row.get_by_role("button", name="👍 2")).to_be_visible()
    await expect(react).to_be_focused()


async def test_what_could_not_be_fetched_is_asked_for_again(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    person = await people.arrive()
    page = person.page
    await page.add_init_script(without_timers(LATER_MS))
    lazy = re.compile(r"/app/(messagetools|mentionlist)\.js")
    await page.route(lazy, lambda route: route.abort())
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await say(page, "one")
    await expect(page.locator(".jump")).to_have_count(1)
    async with page.expect_event("requestfailed"):
        await message(page, "one").hover()
    async with page.expect_event("requestfailed"):
        await box(page).press_sequentially("@")
    await page.unroute_all()
    await box(page).press_sequentially("us")
    await expect(page.get_by_role("option", name=bob)).to_be_visible()
    await page.mouse.move(2, 2)
    await message(page, "one").hover()
    await expect(message(page, "one").get_by_role("button", name="More")).to_be_visible()
    person.complaints.clear()


async def test_whom_to_mention_is_not_offered_where_one_no_longer_writes(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, _, conversation_id = pair
    page = (await people.arrive()).page
    list_may_come = await hold(page, "/app/mentionlist.js")
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await box(page).press_sequentially("@")
    await page.get_by_role("searchbox").click()
    list_may_come.set()
    await expect(page.locator(".mention-list")).to_have_count(1)
    await expect(page.locator(".mention-list")).to_be_hidden()
    await box(page).press_sequentially("u")
    await expect(page.locator(".mention-list")).to_be_visible()


async def test_what_is_edited_is_what_it_says_by_then(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, _, conversation_id = pair
    page, other = [await people.open(f"{demo.url}/#as={ann}&c={conversation_id}") for _ in range(2)]
    await say(page, "Before")
    await message(page, "Before").hover()
    await message(page, "Before").get_by_role("button", name="More").click()
    await expect(message(other, "Before")).to_be_visible()
    await box(other).press("ArrowUp")
    await other.get_by_role("textbox", name="Edit message").fill("After")
    await other.keyboard.press("Enter")
    await expect(message(page, "After")).to_be_visible()
    await page.get_by_role("menuitem", name="Edit").click()
    await expect(page.get_by_role("textbox", name="Edit message")).to_have_value("After")


async def press_long(page: Page, target: Locator) -> None:
    """A finger that stays until something opens."""
    async with finger_on(page, target):
        await expect(page.get_by_role("menu")).to_be_visible()


@asynccontextmanager
async def finger_on(page: Page, target: Locator) -> AsyncIterator[None]:
    place = await target.bounding_box()
    assert place is not None
    point = {"x": place["x"] + place["width"] / 2, "y": place["y"] + place["height"] / 2}
    touch = await page.context.new_cdp_session(page)
    await touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    yield
    await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


async def test_what_the_server_refuses_can_be_sent_again_or_given_up(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    person = await people.arrive()
    refused = ["Take this", "Never mind", "Never mind"]

    def pass_on(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_server(sent: str | bytes) -> None:
            frame = json.loads(sent)
            if frame["type"] == "message" and frame["content"] in refused:
                refused.remove(frame["content"])
                error = {"type": "error", "code": "forbidden", "message": "Not now.", "retryable": False}
                socket.send(json.dumps(error | {"request_id": frame["request_id"]}))
            else:
                server.send(sent)

        socket.on_message(to_server)

    await person.page.route_web_socket(re.compile(r"^ws:"), pass_on)
    await person.page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    second = await people.open(f"{demo.url}/#as={bob}&c={conversation_id}")
    page = person.page
    for text in ("Take this", "Never mind"):
        await say(page, text)
        await expect(message(page, text).get_by_role("alert")).to_contain_text("Not sent. You may not do that.")
        await expect(message(page, text).get_by_role("img", name="Not sent")).to_be_visible()
        await message(page, text).get_by_role("button", name="Try again").click()
    await expect(message(second, "Take this")).to_have_count(1)
    await expect(message(page, "Take this").get_by_role("alert")).to_have_count(0)
    await message(page, "Never mind").get_by_role("button", name="Discard").click()
    await expect(message(page, "Never mind")).to_have_count(0)


@pytest.fixture(scope="module")
def long_talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server whose one conversation has a hundred thousand messages, said by two people."""
    folder = tmp_path_factory.mktemp("long")
    write_long_talk(folder)
    server = ServerProcess(folder, AUTH_MODE="trusted")
    server.start()
    yield server
    server.kill()


WALK = """
async ([steps, by]) => {
  const log = document.querySelector("[role=log]");
  const rows = () => [...log.querySelectorAll("article")];
  const numbers = () => rows().map((row) => Number(/No (\\d+)\\./.exec(row.querySelector(".words").textContent)[1]));
  const inView = () => rows()
    .map((row) => [row, row.getBoundingClientRect().top])
    .filter(([row, top]) => top > -row.offsetHeight && top < innerHeight);
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const told = { jump: 0, gaps: 0, nodes: 0, first: Infinity, last: 0 };
  for (let step = 0; step < steps; step++) {
    log.scrollTop += by;
    const before = inView();
    do await frame(); while (log.getAttribute("aria-busy") === "true");
    await frame();
    for (const [row, top] of before)
      told.jump = Math.max(told.jump, row.isConnected ? Math.abs(row.getBoundingClientRect().top - top) : 1e6);
    const shown = numbers();
    told.gaps += shown.filter((number, at) => at > 0 && number !== shown[at - 1] + 1).length;
    told.nodes = Math.max(told.nodes, log.querySelectorAll("*").length);
    told.first = Math.min(told.first, shown[0]);
    told.last = Math.max(told.last, shown.at(-1));
  }
  return told;
}
"""
"""Scrolls in steps. After each, whatever the page adds and takes away, what is in view must stay where it is."""

MOST_NODES = 6_000


async def walk(page: Page, steps: int, by: int) -> dict[str, float]:
    """Where it has been; that nothing jumped, was missing or came twice, and that the page stayed light."""
    told: dict[str, float] = await page.evaluate(WALK, [steps, by])
    assert told["jump"] <= 1, told
    assert told["gaps"] == 0, told
    assert told["nodes"] < MOST_NODES, told
    return told


async def test_a_hundred_thousand_messages_are_scrolled_without_a_jump(
    long_talk: ServerProcess, people: People
) -> None:
    # What moves by way of a greeting is no jump.
    page = await people.open(f"{long_talk.url}/#as=user_1&c=1", reduced_motion="reduce")
    await expect(message(page, f"No {COUNT}.")).to_be_in_viewport()
    up = await walk(page, 70, -900)
    assert up["first"] < COUNT - 600
    seen, top = await page.evaluate(FIRST_IN_VIEW)
    await page.set_viewport_size({"width": 700, "height": 720})
    _, narrow_top = await page.evaluate(FIRST_IN_VIEW, seen)
    assert abs(narrow_top - top) <= 1
    down = await walk(page, 30, 900)
    assert up["first"] <= down["first"] < down["last"] < COUNT

    await page.get_by_role("button", name="Jump to latest").click()
    await expect(message(page, f"No {COUNT}.")).to_be_in_viewport()
    await message(page, f"No {QUOTING}.").get_by_role("button", name=f"No {QUOTED}.").click()
    await expect(message(page, f"No {QUOTED}.")).to_be_focused()
    await expect(message(page, f"No {QUOTED}.")).to_be_in_viewport()
    above = await walk(page, 20, -900)
    below = await walk(page, 40, 900)
    assert above["first"] < QUOTED - 100
    assert below["last"] > QUOTED + 100

    await say(page, f"No {COUNT + 1}.")
    await expect(message(page, f"No {COUNT + 1}.")).to_be_in_viewport()
    end = await walk(page, 1, 10)
    assert end["last"] == COUNT + 1


FIRST_IN_VIEW = """
async (seen) => {
  // A new size is seen by whoever asks, before the page has had the frame in which it is told.
  for (let frame = 0; frame < 3; frame++) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
  const log = document.querySelector("[role=log]");
  const edge = log.getBoundingClientRect().top;
  const topOf = (row) => row.getBoundingClientRect().top - edge;
  const isWanted = (row) => (seen ? row.dataset.row === seen : topOf(row) >= 0);
  const row = [...log.querySelectorAll("article")].find(isWanted);
  return [row.dataset.row, topOf(row)];
}
"""
"""The first message that begins on the screen, or the one named, and how far down it begins."""


async def test_many_unread_begin_where_one_left_off_and_are_counted(long_talk: ServerProcess, people: People) -> None:
    page = (await people.arrive()).page
    asked: list[dict[str, Any]] = []
    answered: list[str] = []
    screens = asyncio.Event()

    def sent(text: str | bytes) -> None:
        frame = json.loads(text)
        if frame["type"] == "history":
            asked.append(frame)

    def received(text: str | bytes) -> None:
        answered.append(json.loads(text)["type"])
        if answered.count("history") == 2:
            screens.set()

    def connected(socket: WebSocket) -> None:
        socket.on("framesent", sent)
        socket.on("framereceived", received)

    async def hold(route: Route) -> None:
        await screens.wait()
        await route.continue_()

    page.on("websocket", connected)
    await page.route("**/app/chat.js", hold)
    await page.goto(f"{long_talk.url}/#as=user_2&c=1", wait_until="commit")
    divider = log(page).get_by_role("separator", name="New messages")
    await expect(divider).to_be_in_viewport()
    # What comes after the last that was read, and what before, once; the rest as one scrolls.
    assert [frame.get("after") for frame in asked].count(READ_BY_SECOND) == 1
    await expect(message(page, f"No {READ_BY_SECOND}.")).to_be_in_viewport()
    jump = page.get_by_role("button", name=re.compile(r"Jump to \d+ new messages"))
    before = await jump.inner_text()
    other = await people.open(f"{long_talk.url}/#as=user_1&c=1")
    await say(other, "One more, No 1.")
    await expect(message(other, "One more").get_by_role("img", name="Sent")).to_be_visible()
    await expect(jump).to_have_text(str(int(before) + 1))
    await expect(divider).to_be_in_viewport()
    await jump.click()
    await expect(message(page, "One more")).to_be_in_viewport()
    await expect(jump).to_be_hidden()
    await expect(message(other, "One more").get_by_role("img", name="Read")).to_be_visible()
