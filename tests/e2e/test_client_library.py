"""The client library in a real browser: what lies in IndexedDB outlives a page, and is shared by its tabs."""

from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page

from tests.e2e.conftest import Connect
from tests.e2e.server import ServerProcess

# Any page of the server's will do, for only its origin matters.
PAGE = "/health"
ARRIVE = """async ([number, connects]) => {
  const { Bihak } = await import("/sdk.js");
  globalThis.bihak = new Bihak({
    url: location.origin,
    participant: { participant_type: "user", participant_id: number },
  });
  globalThis.told = [];
  for (const type of ["outbox", "new_message", "resync"]) {
    bihak.on(type, (detail) => told.push([type, detail.state ?? "", detail.content ?? ""].join(" ").trim()));
  }
  globalThis.until = (type, isIt) => new Promise((resolve, reject) => {
    const off = bihak.on(type, (detail) => isIt(detail) && (off(), resolve(detail)));
    setTimeout(() => reject(new Error(`no ${type}; told: ${told}`)), 15_000);
  });
  const { me, conversations } = await bihak.cache.load();
  if (connects) {
    const ready = until("ready", () => true);
    bihak.connect();
    await ready;
  }
  return { me, conversations };
}"""


@pytest_asyncio.fixture(loop_scope="session")
async def profile(browser: Browser) -> BrowserContext:
    """Whose tabs share what they keep."""
    return await browser.new_context()


async def arrive(page: Page, server: ServerProcess, user_id: str, *, connects: bool = True) -> Any:
    """A fresh page with the library, signed in; what it could show before the server had answered."""
    await page.goto(server.url + PAGE)
    return await page.evaluate(ARRIVE, [int(user_id.rpartition("_")[2]), connects])


async def history(server: ServerProcess, http: aiohttp.ClientSession, who: str, here: int) -> list[str]:
    headers = {"X-Participant": who}
    async with http.get(f"{server.url}/api/conversations/{here}/messages?limit=100", headers=headers) as response:
        return [message["content"] for message in (await response.json())["messages"]]


@pytest.mark.parametrize("locks", [True, False], ids=["with Web Locks", "without, as on plain http"])
async def test_what_two_tabs_write_offline_is_sent_once_and_in_order_even_over_a_reload(
    demo: ServerProcess, http: aiohttp.ClientSession, profile: BrowserContext, pair: tuple[str, str, int], locks: bool
) -> None:
    ann, _, here = pair
    if not locks:
        await profile.add_init_script("Object.defineProperty(navigator, 'locks', { value: undefined })")
    tabs = [await profile.new_page() for _ in range(3)]
    for tab in tabs[:2]:
        await arrive(tab, demo, ann, connects=False)
    for number in range(12):
        await tabs[number % 2].evaluate("([here, content]) => void bihak.send(here, content)", [here, str(number)])
        # Each tab is told of what the other has written.
        written = f"bihak.unsent().length > {number} || until('outbox', () => bihak.unsent().length > {number})"
        for tab in tabs[:2]:
            await tab.evaluate(written)
    await tabs[0].close()
    await arrive(tabs[1], demo, ann)  # a reload
    await arrive(tabs[2], demo, ann)
    for tab in tabs[1:]:
        await tab.evaluate("bihak.unsent().length && until('outbox', () => bihak.unsent().length === 0)")
    assert await history(demo, http, ann, here) == [str(number) for number in range(12)]


async def test_a_page_starts_from_what_was_seen_and_hears_what_it_missed(
    demo: ServerProcess, profile: BrowserContext, connect: Connect, pair: tuple[str, str, int]
) -> None:
    ann, bob, here = pair
    page = await profile.new_page()
    friend = await connect(demo, bob)
    first = await friend.ask("message_sent", type="message", conversation_id=here, content="one")
    assert await arrive(page, demo, ann) == {"me": None, "conversations": []}
    await page.evaluate("(here) => bihak.conversations().then(() => bihak.history(here))", here)
    await friend.ask("message_sent", type="message", conversation_id=here, content="two")
    await page.evaluate("told.includes('new_message  two') || until('new_message', ({content}) => content === 'two')")
    await page.evaluate("bihak.cache.flush()")
    await page.goto("about:blank")
    await friend.ask("ok", type="edit_message", message_id=first["message_id"], content="one, corrected")
    await friend.ask("message_sent", type="message", conversation_id=here, content="three")

    seen = await arrive(page, demo, ann, connects=False)
    assert seen["me"]["user_id"] == ann
    assert [each["last_message"]["content"] for each in seen["conversations"]] == ["two"]
    assert await contents(page, here) == ["one", "two"]
    await arrive(page, demo, ann)
    await page.evaluate("told.includes('new_message  three') || until('new_message', () => true)")
    assert await page.evaluate("told") == ["new_message  three"]
    await page.evaluate("bihak.cache.flush()")
    assert await contents(page, here) == ["one, corrected", "two", "three"]

    assert await arrive(page, demo, bob, connects=False) == {"me": None, "conversations": []}
    await arrive(page, demo, ann)
    await page.evaluate("bihak.signOut()")
    assert await arrive(page, demo, ann, connects=False) == {"me": None, "conversations": []}
    assert await contents(page, here) == []


async def contents(page: Page, here: int) -> Any:
    return await page.evaluate(
        "(here) => bihak.cache.messages(here).then((all) => all.map(({content}) => content))", here
    )
