"""What waits for somebody, how they appear, and what they choose: in the list, the tab, the desktop, a second tab."""

import json
import re
from collections.abc import Callable
from functools import partial

import aiohttp
from playwright.async_api import Locator, Page, WebSocketRoute, expect

from tests.e2e.browser import People
from tests.e2e.server import ServerProcess
from tests.waiting import until

expect.set_options(timeout=45_000)

Pair = tuple[str, str, int]

# Chromium's own notifications, with the user's permission; what becomes of each is noted for the test to read.
DESKTOP = """
window.told = [];
const asked = Notification.requestPermission.bind(Notification);
window.Notification = class extends Notification {
  static requestPermission() {
    window.told.push("asked");
    return asked();
  }
  constructor(title, options) {
    super(title, options);
    for (const type of ["show", "close", "error"])
      this.addEventListener(type, () => window.told.push(`${type} ${this.title}: ${this.body}`));
    window.lastTold = this;
  }
};
document.hasFocus = () => false;
"""
WITHOUT_CONSTRUCTOR = """
() => {
  window.Notification = class {
    static permission = "granted";
    constructor() { throw new TypeError("Illegal constructor"); }
  };
}
"""
TOLD = (
    "async (count) => { while (told.length < count) await new Promise((done) => setTimeout(done, 20)); return told; }"
)

# What the head of the conversation says of the other one, whenever that changes.
WATCH_PRESENCE = """
const presence = document.querySelector(".pane-presence");
globalThis.presences = [];
new MutationObserver(() => presences.push(presence.textContent)).observe(presence, { childList: true });
"""


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Conversations").get_by_role("link", name=re.compile(f"^{name}"))


async def say(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Message", exact=True).fill(text)
    await page.keyboard.press("Enter")


async def settings(page: Page) -> Locator:
    await page.get_by_role("button", name="Your status and settings").click()
    return page.get_by_role("dialog", name="You", exact=True)


async def test_what_waits_is_told_in_the_list_the_tab_and_on_the_desktop(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    first = await people.open(f"{demo.url}/#as={ann}&c={conversation_id}")
    person = await people.arrive(permissions=["notifications"])
    await person.context.add_init_script(DESKTOP)
    second = person.page
    await second.goto(f"{demo.url}/#as={bob}")
    await expect(row(second, ann)).to_be_visible()
    assert await second.evaluate("told") == []
    dialog = await settings(second)
    await dialog.get_by_role("button", name="Switch on").click()
    await expect(dialog.get_by_role("button", name="Switch off")).to_be_visible()
    await second.keyboard.press("Escape")

    await say(first, "Are you there?")
    await expect(row(second, ann)).to_contain_text("Are you there?1")
    await expect(second).to_have_title("(1) Bihak Messaging")
    await expect(second.locator("link[rel=icon]")).to_have_attribute("href", "app/icon-unread.svg")
    bell = second.get_by_role("button", name="1 unread notification")
    await expect(bell).to_be_visible()
    assert await second.evaluate(TOLD, 2) == ["asked", f"show {ann}: Are you there?"]

    await bell.click()
    notices = second.get_by_role("dialog", name="Notifications")
    await expect(notices.get_by_role("listitem")).to_contain_text(["Are you there?"])
    await notices.get_by_role("button", name="Mark all as read").click()
    await expect(notices.get_by_role("button", name="Mark all as read")).to_be_disabled()
    await second.keyboard.press("Escape")
    await expect(second.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
    assert (await second.evaluate(TOLD, 3))[2] == f"close {ann}: Are you there?"

    await say(first, "Hello?")
    await expect(second.get_by_role("button", name="1 unread notification")).to_be_visible()
    await second.evaluate("lastTold.dispatchEvent(new Event('click'))")
    await expect(second.get_by_role("article").filter(has_text="Hello?")).to_be_in_viewport()
    await expect(second).to_have_title(f"{ann} · Bihak Messaging")
    await expect(second.locator("link[rel=icon]")).to_have_attribute("href", "app/icon.svg")
    await expect(second.get_by_role("button", name="Notifications", exact=True)).to_be_visible()

    # As on Android, where the class is there and nobody may make one: what was chosen is taken back.
    await second.evaluate(WITHOUT_CONSTRUCTOR)
    await second.evaluate("(user) => { location.hash = `as=${user}`; }", bob)
    await say(first, "And now?")
    await expect(second.get_by_role("button", name="1 unread notification")).to_be_visible()
    dialog = await settings(second)
    await expect(dialog.get_by_role("button", name="Switch on")).to_be_disabled()


async def test_settings_that_are_open_follow_what_the_server_says_of_them(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession
) -> None:
    ann, _, _ = pair
    headers = {"X-Participant": ann}
    for method, path, asked in (
        ("PATCH", "settings", {"read_receipts": False}),
        ("PUT", "status", {"status": "offline"}),
    ):
        async with http.request(method, f"{demo.url}/api/{path}", json=asked, headers=headers) as response:
            assert response.status == 200
    answers: list[Callable[[], None]] = []

    def pass_on(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def to_page(frame: str | bytes) -> None:
            is_theirs = json.loads(frame)["type"] == "settings"
            answers.append(partial(socket.send, frame)) if is_theirs else socket.send(frame)

        server.on_message(to_page)

    page = (await people.arrive()).page
    await page.route_web_socket(re.compile(r"^ws:"), pass_on)
    await page.goto(f"{demo.url}/#as={ann}")
    dialog = await settings(page)
    receipts, invisible = dialog.get_by_role("switch"), dialog.get_by_role("radio", name="Appear offline")
    await expect(receipts).to_be_checked()
    await until(lambda: bool(answers))
    answers.pop()()
    await expect(receipts).not_to_be_checked()
    await expect(invisible).to_be_checked()


async def test_two_tabs_of_one_person_stay_in_step(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    first = await people.open(f"{demo.url}/#as={ann}&c={conversation_id}")
    person = await people.arrive()
    tab, other = person.page, await person.context.new_page()
    for page in (tab, other):
        await page.goto(f"{demo.url}/#as={bob}")
        await expect(row(page, ann)).to_be_visible()
    await say(first, "for both tabs")
    for page in (tab, other):
        await expect(row(page, ann)).to_contain_text("1 unread message")
    await row(tab, ann).click()
    await expect(row(other, ann)).not_to_contain_text("unread")
    await say(tab, "from one tab")
    await expect(row(other, ann)).to_contain_text("You: from one tab")

    dialog = await settings(tab)
    await dialog.get_by_text("Away").click()
    await expect(other.locator(".me-status")).to_have_text("Away")
    await expect(first.get_by_role("main").get_by_text("Away")).to_be_visible()
    await first.evaluate(WATCH_PRESENCE)
    await tab.reload()
    await expect(tab.locator(".me-status")).to_have_text("Away")
    await say(tab, "not here, really")
    await expect(first.get_by_role("article").filter(has_text="not here, really")).to_be_visible()
    await expect(first.get_by_role("main").get_by_text("Away")).to_be_visible()
    assert await first.evaluate("presences") == [], "nobody came and went"

    await tab.get_by_role("button", name="About this conversation").click()
    await tab.get_by_role("switch", name="Mute").check()
    await tab.goto(f"{demo.url}/#as={bob}")
    await expect(row(other, ann).get_by_role("img", name="Muted")).to_be_visible()
    await say(first, "psst")
    for page in (tab, other):
        await expect(row(page, ann)).to_contain_text("psst1")
        await expect(page).to_have_title("Bihak Messaging")


async def test_one_appears_offline_and_keeps_to_oneself_what_one_has_read(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    first = await people.open(f"{demo.url}/#as={ann}&c={conversation_id}")
    second = await people.open(f"{demo.url}/#as={bob}")
    await expect(first.get_by_role("main").get_by_text("Online")).to_be_visible()
    dialog = await settings(second)
    await dialog.get_by_text("Appear offline").click()
    await dialog.get_by_role("switch", name=re.compile("^Tell others")).uncheck()
    await expect(first.get_by_role("main").get_by_text(re.compile("Last seen|Offline"))).to_be_visible()
    await second.goto(f"{demo.url}/#as={bob}&c={conversation_id}")
    await second.reload()
    await expect(second.locator(".me-status")).to_have_text("Appear offline")

    await say(first, "read in silence")
    await expect(second.get_by_role("article").filter(has_text="read in silence")).to_be_visible()
    await say(second, "and answered")
    answered = first.get_by_role("article").filter(has_text="and answered")
    await expect(answered).to_be_visible()
    mine = first.get_by_role("article").filter(has_text="read in silence")
    await expect(mine.get_by_role("img", name="Sent")).to_be_visible()
    dialog = await settings(second)
    await expect(dialog.get_by_role("switch", name=re.compile("^Tell others"))).not_to_be_checked()
    await dialog.get_by_role("switch", name=re.compile("^Tell others")).check()
    await dialog.get_by_text("Online").click()
    await second.keyboard.press("Escape")
    await expect(first.get_by_role("main").get_by_text("Online")).to_be_visible()
    await say(first, "read aloud")
    aloud = first.get_by_role("article").filter(has_text="read aloud")
    await expect(aloud.get_by_role("img", name="Read")).to_be_visible()


async def test_the_language_is_the_browsers_until_one_chooses(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, bob, conversation_id = pair
    page = await people.open(f"{demo.url}/#as={ann}&c={conversation_id}", locale="fr-CA")
    other = await people.open(f"{demo.url}/#as={bob}&c={conversation_id}", locale="en-GB")
    await page.get_by_role("textbox", name="Message", exact=True).fill("un brouillon")
    await other.get_by_role("textbox", name="Message", exact=True).press_sequentially("H")
    await expect(page.get_by_text(f"{bob} écrit…")).to_be_visible()
    await expect(page.locator("html")).to_have_attribute("lang", "fr")
    await page.get_by_role("button", name="Votre statut et vos réglages").click()
    await page.get_by_role("combobox", name="Langue").select_option("English")
    await expect(page.get_by_role("combobox", name="Language")).to_be_visible()
    await page.get_by_role("combobox", name="Appearance").select_option("Dark")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("textbox", name="Message", exact=True)).to_have_value("un brouillon")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    dark = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    await page.reload()
    await expect(page.get_by_role("button", name="New conversation")).to_be_visible()
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == dark == "rgb(10, 20, 26)"
