"""The widget on pages of other people: with a style of their own, of another origin, with another idea of security."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest_asyncio
from aiohttp import web
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, ServerProcess, run_bihak
from tests.servers import free_port
from tests.waiting import until

expect.set_options(timeout=45_000)

ROOT = Path(__file__).parent.parent.parent
WEB = ROOT / "src" / "bihak" / "web"
AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """
async (where) => {
  const { violations } = await axe.run(where ?? document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => [id, target, failureSummary]));
}
"""
PLAIN = ":root { color-scheme: light dark; background: canvas; }"


class Platform:
    """A platform of its own origin, whose page has the widget; `token` is whom its session belongs to."""

    def __init__(self) -> None:
        self.port = free_port()
        self.page = ""
        self.token: str | None = None
        self.headers: dict[str, str] = {}
        self.asked = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    async def answer_page(self, request: web.Request) -> web.Response:
        return web.Response(text=self.page, content_type="text/html", headers=self.headers)

    async def answer_token(self, request: web.Request) -> web.Response:
        self.asked += 1
        return web.json_response({"token": self.token}, status=200 if self.token else 401)


@pytest_asyncio.fixture(loop_scope="session")
async def platform() -> AsyncIterator[Platform]:
    platform = Platform()
    app = web.Application()
    app.add_routes([web.get("/", platform.answer_page), web.get("/chat/token", platform.answer_token)])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "localhost", platform.port).start()
    yield platform
    await runner.cleanup()


@pytest_asyncio.fixture(loop_scope="session")
async def visitor(browser: Browser) -> AsyncIterator[Person]:
    """Somebody with a browser, whose pages must have nothing to complain of."""
    person = await arrive(browser)
    yield person
    assert person.complaints == []


async def arrive(browser: Browser) -> Person:
    return await Person.arrive(browser, viewport={"width": 1100, "height": 760}, locale="en-GB")


def bubble(page: Page) -> Locator:
    return page.get_by_role("button", name=re.compile("^Messages"))


def panel(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Messages")


async def looks(page: Page, selector: str) -> Any:
    """How everything that `selector` finds in the widget looks, in all that a page could spoil."""
    return await page.evaluate(
        """(selector) => {
          const names = ["color", "backgroundColor", "fontFamily", "fontSize", "letterSpacing", "lineHeight",
            "textTransform", "textAlign", "borderTopWidth", "borderTopStyle", "borderRadius", "boxSizing", "padding",
            "opacity", "transform", "filter", "visibility", "width", "height"];
          const root = document.querySelector("bihak-chat").shadowRoot;
          return [...root.querySelectorAll(selector)].map((node) => {
            const style = getComputedStyle(node);
            return Object.fromEntries(names.map((name) => [name, style[name]]));
          });
        }""",
        selector,
    )


async def settle(page: Page) -> None:
    """What moves in the widget has come to rest."""
    await page.mouse.move(5, 5)
    await page.evaluate(
        """() => {
          const moving = document.querySelector("bihak-chat").shadowRoot.getAnimations();
          const ending = moving.filter(({effect}) => effect.getComputedTiming().iterations !== Infinity);
          return Promise.all(ending.map(({finished}) => finished.catch(() => {})));
        }"""
    )


async def looks_of_the_page(page: Page) -> Any:
    return await page.evaluate(
        """() => [...document.querySelectorAll("html, body, main, main *")].map((node) => {
          const style = getComputedStyle(node);
          return Object.fromEntries([...style].map((name) => [name, style.getPropertyValue(name)]));
        })"""
    )


async def test_axe_finds_nothing_closed_or_open_light_or_dark(demo: ServerProcess, visitor: Person) -> None:
    page = visitor.page
    found = {}

    async def look(view: str, where: str | None, ground: str) -> None:
        await settle(page)
        found[view] = await page.evaluate(RUN_AXE, where)
        looks_so = await looks(page, ".widget-body")
        assert [each["color"] for each in looks_so] == [
            {"light": "rgb(16, 34, 44)", "dark": "rgb(230, 240, 245)"}[ground]
        ]

    async def walk(name: str, where: str | None, ground: str) -> None:
        await look(f"{name}, closed", where, ground)
        await bubble(page).click()
        await expect(panel(page).get_by_role("link", name=re.compile("^Grace"))).to_be_visible()
        await look(f"{name}, the list", where, ground)
        await panel(page).get_by_role("link", name=re.compile("^Grace")).click()
        await expect(panel(page).get_by_role("article").first).to_be_visible()
        await look(f"{name}, a conversation", where, ground)

    await page.emulate_media(reduced_motion="reduce", color_scheme="dark")
    await page.goto(f"{demo.url}/demo/widget.html")  # its own looks are for the light alone
    await expect(bubble(page)).to_be_visible()
    await page.evaluate(AXE.read_text())
    await walk("hostile", "bihak-chat", "light")
    await page.evaluate("BihakWidget.start({ participant: 'user_1', colorScheme: 'dark' })")
    await walk("hostile, told to be dark", "bihak-chat", "dark")

    await page.route("**/hostile.css", lambda route: route.fulfill(content_type="text/css", body=PLAIN))
    await page.reload()
    await expect(bubble(page)).to_be_visible()
    await page.evaluate(AXE.read_text())
    await walk("plain and dark", None, "dark")
    await page.get_by_role("button", name="About this conversation").click()
    window = page.get_by_role("dialog", name="About this conversation")
    await expect(window).to_be_visible()
    await look("plain and dark, a window", None, "dark")
    boxes = [await node.bounding_box() for node in (window, page.locator(".widget-panel"))]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert (boxes[0]["x"], boxes[0]["width"]) == (boxes[1]["x"], boxes[1]["width"]), "it covers the panel alone"
    await page.emulate_media(color_scheme="light")
    await look("plain and light, a window", None, "light")
    await page.keyboard.press("Escape")
    await expect(window).to_have_count(0)
    await look("plain and light, a conversation", None, "light")
    await panel(page).get_by_role("button", name="Close").click()
    await look("plain and light, closed", None, "light")
    assert [f"{view}: {told}" for view, told in found.items() if told] == []


async def test_neither_takes_the_style_of_the_other(demo: ServerProcess, visitor: Person) -> None:
    page = visitor.page
    seen = []
    for hostile in (True, False):
        if not hostile:
            await page.route("**/hostile.css", lambda route: route.fulfill(content_type="text/css", body=""))
        await page.goto(f"{demo.url}/demo/widget.html")
        await expect(bubble(page)).to_be_visible()
        before = await looks_of_the_page(page)
        await bubble(page).click()
        await panel(page).get_by_role("link", name=re.compile("^Grace")).click()
        await expect(panel(page).get_by_role("textbox", name="Message")).to_be_visible()
        await page.evaluate("document.activeElement.blur()")
        row = panel(page).locator(".bubble-row").last

        async def has_tools(row: Locator = row) -> bool:
            await row.locator(".bubble").hover()  # again, should the messages have moved
            return await row.locator(".tool").first.is_visible()

        await until(has_tools)
        await settle(page)
        assert await looks_of_the_page(page) == before
        seen.append(
            await looks(page, ".launcher, .widget-panel, .widget-head, .pane-head, .input, .bubble, .icon-button")
        )
    assert seen[0] == seen[1]
    assert len(seen[0]) > 8
    assert await page.title() == "The widget on a page that means no good"


async def test_a_bubble_tells_what_waits_and_opens_by_keyboard(
    demo: ServerProcess, visitor: Person, connect: Connect, pair: tuple[str, str, int]
) -> None:
    ann, bob, conversation_id = pair
    page = visitor.page
    await page.goto(f"{demo.url}/demo/widget.html")
    await expect(bubble(page)).to_be_visible()
    await page.evaluate("(participant) => BihakWidget.start({participant})", ann)
    await expect(bubble(page)).to_have_count(1)
    await page.evaluate("document.addEventListener('bihak:unread', ({detail}) => { globalThis.told = detail.unread; })")
    friend = await connect(demo, bob)
    await friend.send(type="message", conversation_id=conversation_id, content="Are you there?")
    await expect(page.get_by_role("button", name="Messages, 1 unread message")).to_be_visible()
    assert await page.evaluate("told") == 1

    await expect(page.get_by_role("region", name="Messages").get_by_role("status").first).to_have_text(
        "1 unread message"
    )
    assert await page.locator("main").count() == 1, "a page has one main part, and that is not ours"

    await page.get_by_role("textbox", name="A field of the page").focus()
    await page.keyboard.press("Tab")
    await expect(bubble(page)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(bubble(page)).to_have_attribute("aria-expanded", "true")
    await expect(panel(page).get_by_role("link", name=bob)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(panel(page).get_by_role("textbox", name="Message")).to_be_focused()
    await expect(bubble(page)).to_have_attribute("aria-label", "Messages")
    await page.keyboard.type("By keyboard")
    await page.keyboard.press("Enter")
    await friend.hear("new_message", content="By keyboard")
    await page.keyboard.press("Escape")
    await expect(bubble(page)).to_be_focused()
    await friend.send(type="message", conversation_id=conversation_id, content="And now?")
    await expect(page.get_by_role("button", name="Messages, 1 unread message")).to_be_visible()

    await page.get_by_role("button", name="Write to Grace").click()
    await expect(panel(page).get_by_role("heading", name="Grace Mukamana")).to_be_visible()
    await expect(panel(page).get_by_role("textbox", name="Message")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()
    await expect(bubble(page)).to_be_focused()
    await expect(page.get_by_role("button", name="Messages, 1 unread message")).to_be_visible()

    await page.evaluate("(id) => BihakWidget.open(id)", conversation_id)
    await expect(panel(page).get_by_role("article").filter(has_text="Are you there?")).to_be_visible()
    await expect(bubble(page)).to_have_attribute("aria-label", "Messages")
    await page.keyboard.type("I am")
    await page.keyboard.press("Enter")
    assert (await friend.hear("new_message", content="I am"))["sender_name"] == ann
    await page.set_viewport_size({"width": 390, "height": 700})
    box = await panel(page).bounding_box()
    assert box == {"x": 0, "y": 0, "width": 390, "height": 700}
    await panel(page).get_by_role("button", name="Close").click()
    await expect(panel(page)).to_be_hidden()
    await friend.send(type="message", conversation_id=conversation_id, content="While you look elsewhere")
    await expect(page.get_by_role("button", name="Messages, 1 unread message")).to_be_visible()


async def test_it_works_on_a_page_of_another_origin_whose_users_sign_in_there(
    start_server: StartServer, platform: Platform, visitor: Person
) -> None:
    server = start_server(AUTH_SECRET=SECRET, ALLOWED_ORIGINS=platform.url)
    token = run_bihak(server.folder, "token", "user_7", "--name", "Claudine", AUTH_SECRET=SECRET).stdout.strip()
    policy = (
        "default-src 'none'; script-src {scripts}; "
        f"connect-src 'self' {server.url} {server.ws_url}; img-src {server.url}; require-trusted-types-for 'script'"
    )
    platform.headers = {"Content-Security-Policy": policy.format(scripts=server.url)}
    words = f'nonce="n0nce" src="{server.url}/widget.js" data-token-url="/chat/token" data-language="fr-CA"'
    tag = f'<script {words} data-position="left" async></script>'
    platform.page = f"<!doctype html><html lang=fr><title>Plateforme</title>{tag}{tag}<body><h1>Bonjour</h1>"
    page = visitor.page

    async with page.expect_response("**/chat/token") as told:
        await page.goto(platform.url)
    await (await told.value).finished()
    assert await page.locator("bihak-chat").count() == 0
    visitor.complaints[:] = [told for told in visitor.complaints if "401" not in told]

    platform.token, platform.asked = token, 0
    await page.reload()
    await bubble(page).click()
    await expect(panel(page).get_by_text("Claudine")).to_be_visible()
    await expect(panel(page).get_by_role("searchbox")).to_have_attribute("placeholder", "Chercher")
    box = await bubble(page).bounding_box()
    assert box is not None
    assert box["x"] < 100

    # The same script again leaves the widget as it is. But pages that change without being loaded anew throw away what
    # is in them, and run their scripts again.
    kept = await page.evaluate(
        """async () => {
          const tag = document.querySelector("script");
          const trusted = trustedTypes.createPolicy("page", { createScriptURL: (url) => url });
          const src = trusted.createScriptURL(tag.src);
          const again = Object.assign(document.createElement("script"), { src, nonce: tag.nonce });
          Object.assign(again.dataset, tag.dataset);
          const second = again.cloneNode();
          const host = document.querySelector("bihak-chat");
          const loaded = new Promise((resolve) => { second.onload = resolve; });
          document.body.append(second);
          await loaded;
          await BihakWidget.open();
          const kept = host.isConnected;
          document.body.replaceChildren(again);
          return kept;
        }"""
    )
    assert kept, "it was not begun anew"
    await expect(bubble(page)).to_have_count(1)

    # A reader's own choice comes before the page's; and a policy may know scripts by their nonce.
    platform.headers = {"Content-Security-Policy": policy.format(scripts="'nonce-n0nce' 'strict-dynamic'")}
    await page.evaluate("localStorage.setItem('bihak.language', 'en')")
    await page.reload()
    await bubble(page).click()
    await expect(panel(page).get_by_role("searchbox")).to_have_attribute("placeholder", "Search")
    assert visitor.complaints == []

    # Whoever forgot to let the page in is told so.
    async with page.expect_console_message(lambda told: "ALLOWED_ORIGINS" in told.text):
        await page.goto(platform.url.replace("localhost", "127.0.0.1"))
    assert await page.locator("bihak-chat").count() == 0
    await page.goto(platform.url)
    await expect(bubble(page)).to_be_visible()
    visitor.complaints.clear()

    await page.evaluate("BihakWidget.signOut()")
    await expect(page.locator("bihak-chat")).to_have_count(0)
    assert await page.evaluate("indexedDB.databases()") == []
    await page.evaluate("BihakWidget.start({token: () => null})")
    assert await page.locator("bihak-chat").count() == 0


async def test_an_early_click_waits_and_a_whole_screen_holds_the_focus(demo: ServerProcess, visitor: Person) -> None:
    page = visitor.page
    module, words = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        await (module if "widget.js" in route.request.url else words).wait()
        await route.continue_()

    await page.route("**/widget/widget.js", hold)
    await page.route("**/words/en.js", hold)
    await page.set_viewport_size({"width": 390, "height": 700})
    await page.goto(f"{demo.url}/demo/widget.html", wait_until="commit")
    # Not `wait_for_function`: the page's policy forbids what it does.
    await until(lambda: page.evaluate("Boolean(globalThis.BihakWidget)"))
    await page.get_by_role("button", name="Write to Grace").click()
    async with page.expect_request("**/words/en.js"):
        module.set()
    words.set()
    await expect(panel(page).get_by_role("heading", name="Grace Mukamana")).to_be_visible()
    await expect(panel(page).get_by_role("textbox", name="Message")).to_be_focused()

    # From now on Tab goes round in it, with the browser's own buttons where a page begins and ends.
    where = (
        "document.activeElement.localName + ' ' + (document.activeElement.shadowRoot?.activeElement?.className ?? '')"
    )
    for key in ("Tab", "Shift+Tab"):
        seen = []
        for _ in range(14):
            await page.keyboard.press(key)
            seen.append(await page.evaluate(where))
        assert {one.split(" ")[0] for one in seen} <= {"bihak-chat", "body"}, seen
        assert seen.count("bihak-chat widget-close") > 0, seen
    # Turned, or in a wider window, it is a part of the page; but for whoever writes, and where Tab came to varies.
    await panel(page).locator(".widget-close").focus()
    await page.set_viewport_size({"width": 1100, "height": 760})
    await expect(bubble(page)).to_be_visible()
    await page.get_by_role("textbox", name="A field of the page").click()
    await page.set_viewport_size({"width": 390, "height": 700})
    is_modal = "document.querySelector('bihak-chat').shadowRoot.querySelector('dialog').matches(':modal')"
    await until(lambda: page.evaluate(is_modal))
    await page.keyboard.press("Shift+Tab")
    assert await page.evaluate("document.activeElement.localName") != "button"
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()
    await page.get_by_role("textbox", name="A field of the page").click()


async def test_of_two_servers_tags_the_last_one_counts_and_the_console_says_so(
    demo: ServerProcess, start_server: StartServer, platform: Platform, visitor: Person
) -> None:
    other = start_server("--demo", ALLOWED_ORIGINS=platform.url)
    tags = [f'<script src="{at.url}/widget.js" data-participant="user_1"></script>' for at in (demo, other)]
    icon = f'<link rel=icon href="{demo.url}/app/icon.svg">'
    platform.page = f"<!doctype html><html lang=en><title>Two</title>{icon}<body><h1>Two</h1>{''.join(tags)}"
    page = visitor.page
    asked: list[str] = []

    def said() -> int:
        return str(other.log_lines()).count("new_message")

    before = said()  # by the people of the demo
    page.on("request", lambda request: asked.append(request.url))
    async with page.expect_console_message(lambda told: "two servers" in told.text) as told:
        await page.goto(platform.url)
    assert other.url in (await told.value).text
    await bubble(page).click()
    await panel(page).get_by_role("link", name=re.compile("^Grace")).click()
    await panel(page).get_by_role("textbox", name="Message").fill("To the second server")
    await page.keyboard.press("Enter")
    await expect(panel(page).get_by_role("article").filter(has_text="To the second server")).to_be_visible()
    await until(lambda: said() > before)  # it is shown before it is sent
    assert await page.locator("bihak-chat").count() == 1
    # The servers may be of two versions: each one's widget is its own.
    assert [url for url in asked if url.endswith("/app/chat.js")] == [f"{other.url}/app/chat.js"]
    assert f"{other.url}/sdk/sdk.js" in asked
    visitor.complaints[:] = [told for told in visitor.complaints if "two servers" not in told]


def test_the_widget_takes_every_style_sheet_of_the_web_client() -> None:
    sheets = (WEB / "widget" / "sheets.js").read_text()
    named = json.loads(re.search(r"SHEETS = (\[.*?\])", sheets, re.DOTALL)[1])  # type: ignore[index]
    imported = re.findall(r'@import "(\w+)\.css"', (WEB / "app" / "app.css").read_text())
    assert named == [name for name in imported if name != "signin"]


async def test_a_panel_that_cannot_be_filled_says_so_and_is_at_the_next_time(
    demo: ServerProcess, visitor: Person
) -> None:
    page = visitor.page
    await page.route("**/app/chat.js", lambda route: route.abort())
    await page.goto(f"{demo.url}/demo/widget.html")
    await bubble(page).click()
    await expect(panel(page).get_by_role("alert")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_be_hidden()
    await page.unroute_all()
    visitor.complaints.clear()
    await bubble(page).click()
    await expect(panel(page).get_by_role("list", name="Conversations")).to_be_visible()
