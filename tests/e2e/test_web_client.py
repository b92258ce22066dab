"""The web client in a real browser: two people who talk to each other."""

import re

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.e2e.browser import People, Person
from tests.e2e.conftest import StartServer
from tests.e2e.server import SECRET, ServerProcess, run_bihak

expect.set_options(timeout=15_000)

Pair = tuple[str, str, int]


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
    await expect(first.get_by_text("Online", exact=True)).to_be_visible()
    await expect(second.get_by_text("Online", exact=True)).to_be_visible()
    await first.get_by_role("textbox", name="Message").press_sequentially("Hm")
    await expect(second.get_by_text(f"{ann} is typing…")).to_be_visible()
    await say(first, "Hm, yes")
    await expect(second.get_by_text(f"{ann} is typing…")).not_to_be_visible()
    await second.close()
    await expect(first.get_by_text("Online", exact=True)).not_to_be_visible()
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


async def test_it_goes_on_after_the_server_was_away(start_server: StartServer, browser: Browser) -> None:
    server = start_server("--demo")
    person = await Person.arrive(browser)
    page = person.page
    await page.goto(f"{server.url}/#as=user_1&c=1")
    await say(page, "before")
    await expect(message(page, "before")).to_have_count(1)
    server.kill()
    await say(page, "while it is away")
    server.start()
    await expect(message(page, "while it is away").get_by_role("img", name="Sent")).to_be_visible()
    await page.reload()
    await expect(message(page, "while it is away")).to_have_count(1)
    # The browser itself tells of each connection that failed meanwhile.
    assert [told for told in person.complaints if "ERR_CONNECTION_REFUSED" not in told] == []


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


@pytest.mark.parametrize("size", [(390, 844), (1280, 800)], ids=["phone", "desk"])
async def test_nothing_is_wider_than_the_screen(
    demo: ServerProcess, people: People, pair: Pair, size: tuple[int, int]
) -> None:
    ann, _, conversation_id = pair
    page = await people.open("about:blank")
    await page.set_viewport_size({"width": size[0], "height": size[1]})
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    await say(page, "long" * 200)
    await expect(message(page, "long")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
