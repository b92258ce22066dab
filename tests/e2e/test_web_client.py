"""The web client in a real browser: two people who talk to each other."""

import asyncio
import json
import re
from pathlib import Path

import aiohttp
from playwright.async_api import Browser, Locator, Page, Route, WebSocket, expect

from tests.e2e.browser import People, Person
from tests.e2e.conftest import StartServer
from tests.e2e.server import SECRET, ServerProcess, run_bihak, until_found
from tools.first_load import load_first

expect.set_options(timeout=45_000)

Pair = tuple[str, str, int]

LATER = Path(__file__).parents[2] / "src" / "bihak" / "web" / "app" / "later.js"
# The client's own files are kept aside in the background, and those that are not needed yet, too.
FILES_ARE_KEPT = """
async (later) => {
  await navigator.serviceWorker.ready;
  const files = ["", "config.json", "app/app.js", "sdk/sdk.js", ...later.map((name) => `app/${name}.js`)];
  const kept = async () => (await Promise.all(files.map((file) => caches.match(file)))).every(Boolean);
  while (!(await kept())) await new Promise((resolve) => setTimeout(resolve, 20));
}
"""


def message(page: Page, text: str) -> Locator:
    return page.get_by_role("log", name="Messages").get_by_role("article").filter(has_text=text)


async def say(page: Page, text: str) -> None:
    await page.get_by_role("textbox", name="Message").fill(text)
    await page.get_by_role("button", name="Send").click()


async def open_both(people: People, server: ServerProcess, pair: Pair) -> tuple[Page, Page]:
    ann, bob, conversation_id = pair
    first = await people.open(f"{server.url}/#as={ann}&c={conversation_id}")
    second = await people.open(f"{server.url}/#as={bob}&c={conversation_id}")
    for page in (first, second):
        await expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    return first, second


async def test_one_picks_a_person_and_a_conversation(demo: ServerProcess, people: People) -> None:
    page = await people.open(demo.url)
    await page.get_by_role("list", name="People").get_by_role("link", name="Grace Mukamana").click()
    await page.get_by_role("list", name="Conversations").get_by_role("link", name=re.compile("^Aline")).click()
    await expect(message(page, "a solar dryer for fruit")).to_be_visible()
    await expect(page.get_by_role("heading", name="Aline Uwase")).to_be_visible()


async def test_two_people_talk_at_once_in_both_directions(demo: ServerProcess, people: People, pair: Pair) -> None:
    first, second = await open_both(people, demo, pair)
    for number in range(5):
        await say(first, f"from the first, {number}")
        await say(second, f"from the second, {number}")
    for page in (first, second):
        for number in range(5):
            await expect(message(page, f"from the first, {number}")).to_have_count(1)
            await expect(message(page, f"from the second, {number}")).to_have_count(1)
    texts = [await page.get_by_role("article").locator(".words").all_inner_texts() for page in (first, second)]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 10


async def test_typing_and_presence_are_shown(demo: ServerProcess, people: People, pair: Pair) -> None:
    ann, bob, _ = pair
    first, second = await open_both(people, demo, pair)
    for page in (first, second):
        await expect(page.get_by_role("main").get_by_text("Online")).to_be_visible()
    await first.get_by_role("textbox", name="Message").press_sequentially("Hm")
    await expect(second.get_by_text(f"{ann} is typing…")).to_be_visible()
    await say(first, "Hm, yes")
    await expect(second.get_by_text(f"{ann} is typing…")).not_to_be_visible()
    await second.close()
    await expect(first.get_by_role("main").get_by_text("Online")).not_to_be_visible()
    assert bob in await first.title()


async def test_a_reload_keeps_what_was_said(demo: ServerProcess, people: People, pair: Pair) -> None:
    first, second = await open_both(people, demo, pair)
    await say(first, "Remember this")
    await expect(message(second, "Remember this")).to_be_visible()
    await second.reload()
    await expect(message(second, "Remember this")).to_have_count(1)
    await say(first, "and this")
    await expect(message(second, "and this")).to_have_count(1)


async def test_what_is_said_stays_text(demo: ServerProcess, people: People, pair: Pair) -> None:
    first, second = await open_both(people, demo, pair)
    for text in ("<img src=x onerror=alert(1)>", "<script>alert(2)</script>", "&lt;b&gt; {{7*7}} ${8*8}"):
        await say(first, text)
        await expect(message(second, text)).to_have_count(1)
    assert await second.get_by_role("log", name="Messages").locator("script, img[src='x']").count() == 0


async def test_nothing_is_lost_or_doubled_without_network_or_without_server(
    start_server: StartServer, browser: Browser
) -> None:
    server = start_server("--demo")
    ann, eric = await Person.arrive(browser), await Person.arrive(browser)
    for person, user_id in ((ann, "user_1"), (eric, "user_2")):
        await person.page.goto(f"{server.url}/#as={user_id}&c=2")
        await expect(message(person.page, "I can help with the drawings")).to_be_visible()

    later = re.findall(r'import\("\./(\w+)\.js"\)', LATER.read_text())
    assert len(later) > 10
    await ann.page.evaluate(FILES_ARE_KEPT, ["words/fr", *later])
    await ann.context.set_offline(True)
    await expect(ann.page.get_by_text("You are offline.")).to_be_visible()
    for number in range(3):
        await say(ann.page, f"from the valley, {number}")
        await say(eric.page, f"from the town, {number}")
    await expect(message(eric.page, "from the town, 2").get_by_role("img", name="Sent")).to_be_visible()
    await ann.context.set_offline(False)
    await expect(ann.page.get_by_text("You are offline.")).not_to_be_visible()
    for page in (ann.page, eric.page):
        await expect(message(page, "from the valley")).to_have_count(3)
        await expect(message(page, "from the town")).to_have_count(3)

    server.kill()
    for number in range(3):
        await say(ann.page, f"while it is away, {number}")
    await expect(ann.page.get_by_role("button", name="Try now")).to_be_visible()
    await ann.page.reload()
    await expect(message(ann.page, "I can help with the drawings")).to_be_visible()
    await expect(message(ann.page, "while it is away").get_by_role("img", name="Sending")).to_have_count(3)
    server.start()
    # Whoever writes wants the connection now.
    await say(ann.page, "after a reload")
    # Eric may have read it by then.
    await expect(message(ann.page, "after a reload").get_by_role("img", name=re.compile("Sent|Read"))).to_be_visible()
    await expect(ann.page.get_by_role("button", name="Try now")).not_to_be_visible()

    await expect(message(eric.page, "after a reload")).to_be_visible()
    texts = [await person.page.locator(".words").all_inner_texts() for person in (ann, eric)]
    assert texts[0] == texts[1]
    mine = [text for text in texts[0] if re.match("from the valley|while it is away|after", text)]
    written = [f"{where}, {number}" for where in ("from the valley", "while it is away") for number in range(3)]
    assert mine == [*written, "after a reload"]
    assert ann.own_complaints + eric.own_complaints == []


async def test_a_token_lets_one_in_and_a_wrong_one_does_not(start_server: StartServer, people: People) -> None:
    server = start_server(AUTH_SECRET=SECRET)
    token = run_bihak(server.folder, "token", "user_5", "--name", "Claudine", AUTH_SECRET=SECRET).stdout.strip()
    page = await people.open(server.url)
    await page.get_by_label("Token").fill("a.wrong.one")
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.get_by_label("Token").fill(token)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("heading", name="Claudine")).to_be_visible()


async def test_a_phone_shows_one_pane_at_a_time_and_nothing_wider_than_itself(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, bob, _ = pair
    page = await people.open(f"{demo.url}/#as={ann}", viewport={"width": 390, "height": 844}, color_scheme="dark")
    main, listed = page.get_by_role("main"), page.get_by_role("list", name="Conversations")
    await expect(main).not_to_be_visible()
    await listed.get_by_role("link", name=re.compile(f"^{bob}")).click()
    await expect(listed).not_to_be_visible()
    await say(page, "long" * 200)
    await expect(message(page, "long")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    # A phone's own way back leads to the list, also from where a link led.
    with_open = page.url
    await page.go_back()
    await expect(listed).to_be_visible()
    await page.goto("about:blank")
    await page.goto(with_open)
    await expect(message(page, "long")).to_be_visible()
    await page.reload()
    await expect(message(page, "long")).to_be_visible()
    await page.go_back()
    await expect(listed).to_be_visible()
    assert page.url == f"{demo.url}/#as={ann}"
    await page.go_forward()
    await expect(message(page, "long")).to_be_visible()
    await main.get_by_role("link", name="Back to conversations").click()
    await expect(listed).to_be_visible()
    for button in ("New conversation", "Notifications", "Your status and settings"):
        await page.get_by_role("button", name=button).first.click()
        assert await page.get_by_role("dialog").evaluate("(dialog) => dialog.scrollWidth <= 390"), button
        await page.keyboard.press("Escape")
    await page.set_viewport_size({"width": 1280, "height": 800})
    await page.go_back()
    await expect(message(page, "long")).to_be_visible()
    await expect(listed).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 1280


async def test_the_first_load_is_small_and_nothing_is_asked_for_late(
    demo: ServerProcess, browser: Browser, pair: Pair
) -> None:
    """Less than 100 kB on the wire, HTTP's own headers included; the pictures are not."""
    ann, _, conversation_id = pair
    async with aiohttp.ClientSession(headers={"X-Participant": ann}) as http:
        url = f"{demo.url}/api/conversations/{conversation_id}/messages"
        assert (await http.post(url, json={"content": "Hello"})).status == 201
    load = await load_first(browser, f"{demo.url}/#as={ann}&c={conversation_id}", patient=True)
    # Each costs a browser some five milliseconds, however small it is.
    assert 30 < len(load.files) <= 45
    assert load.bytes < 82_000
    # All modules are asked for by the page itself; only the language is for the client to choose.
    assert load.late_scripts == ["app/words/en.js"]


LAID_OUT = "header, h1, .finder, [role=list], .conversation, [role=log], article, form, textarea"
REST = re.compile(r"/app/(connection|finder|logtools|notices|roving|shortcuts|telling)\.js")


async def test_what_follows_the_first_picture_moves_nothing_and_nobody_waits_for_it(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession
) -> None:
    ann, bob, conversation_id = pair
    held, completed = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        held.set()
        await completed.wait()
        await route.continue_()

    # Few: what does not fill the screen shows best whether it has its place.
    for number in range(3):
        url = f"{demo.url}/api/conversations/{conversation_id}/messages"
        said = {"content": f"before, {number}"}
        async with http.post(url, json=said, headers={"X-Participant": ann}) as response:
            assert response.status == 201
    page = (await people.arrive()).page
    await page.route(REST, hold)
    await page.goto(f"{demo.url}/#as={ann}", wait_until="commit")
    await page.get_by_role("list", name="Conversations").get_by_role("link", name=re.compile(f"^{bob}")).click()
    await expect(message(page, "before, 2")).to_be_in_viewport()
    await held.wait()
    await say(page, "early")
    await expect(message(page, "early").get_by_role("img", name="Sent")).to_be_visible()
    await page.get_by_role("textbox", name="Message").fill("a draft")
    was = await page.evaluate_handle(
        """(wanted) =>
          [...document.querySelectorAll(wanted)].map((node) => [node, node.getBoundingClientRect().toJSON()])""",
        LAID_OUT,
    )
    assert await was.evaluate("(was) => was.length") > 10
    await message(page, "early").hover()
    await page.get_by_role("searchbox").fill("early")
    await until_found(demo, http, ann, "early")
    completed.set()
    # What was written to search with is looked for now.
    await expect(page.get_by_role("search").get_by_role("link", name="early")).to_be_visible()
    await page.keyboard.press("Escape")
    moved = await was.evaluate(
        """(was) => was.filter(([node, then]) => {
          const now = node.getBoundingClientRect();
          return Object.entries(then).some(([name, value]) => now[name] !== value);
        }).map(([node]) => node.outerHTML.slice(0, 200))"""
    )
    assert moved == []
    # Nor need the mouse move again.
    await expect(message(page, "early").get_by_role("button", name="React")).to_be_visible()
    await page.keyboard.press("Alt+M")
    await expect(page.get_by_role("textbox", name="Message")).to_be_focused()


async def test_the_connection_does_not_wait_for_the_screens(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession
) -> None:
    """What was said, and is said meanwhile, is there before anything can show it; the screens take it over."""
    ann, bob, conversation_id = pair
    sockets: list[WebSocket] = []
    heard: set[str] = set()
    told, screens = asyncio.Event(), asyncio.Event()

    def frame(text: str | bytes) -> None:
        heard.add(json.loads(text)["type"])
        if heard >= {"conversations", "history", "new_message"}:
            told.set()

    def connected(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framereceived", frame)

    async def hold(route: Route) -> None:
        await screens.wait()
        await route.continue_()

    async def write(content: str) -> None:
        url = f"{demo.url}/api/conversations/{conversation_id}/messages"
        async with http.post(url, json={"content": content}, headers={"X-Participant": bob}) as response:
            assert response.status == 201

    await write("before")
    page = (await people.arrive()).page
    page.on("websocket", connected)
    await page.route("**/app/chat.js", hold)
    async with page.expect_event("websocket") as first:
        await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}", wait_until="commit")
    await (await first.value).wait_for_event("framereceived", lambda text: json.loads(text)["type"] == "history")
    await write("meanwhile")
    await told.wait()
    await expect(page.get_by_role("article")).to_have_count(0)
    screens.set()
    await expect(page.get_by_role("article")).to_have_count(2)
    await expect(message(page, "meanwhile")).to_be_visible()
    await expect(page).to_have_title(re.compile("Bihak"))
    assert len(sockets) == 1
