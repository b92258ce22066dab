"""Who is signed in on a browser: nobody becomes somebody else unasked, and nothing of whoever left is found."""

import time

import aiohttp
from playwright.async_api import Browser, Page, expect

from bihak.protocol.types import Participant
from bihak.transports.auth import make_token
from tests.e2e.browser import People, Person
from tests.e2e.conftest import StartServer
from tests.e2e.server import SECRET, ServerProcess

expect.set_options(timeout=45_000)

# Which of these the browser keeps, in databases or in storage, once it has had time to forget.
STILL_KEPT = """
async (words) => {
  let found = words;
  for (let look = 0; found.length > 0 && look < 500; look++) {
    const kept = JSON.stringify([await indexedDB.databases(), Object.entries(localStorage)]);
    found = words.filter((word) => kept.includes(word));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return found;
}
"""
KEPT = "JSON.stringify(Object.entries(localStorage)) + sessionStorage.getItem('bihak.token')"


def token_of(user_id: str, name: str, secret: str = SECRET) -> str:
    return make_token(secret, Participant.parse(user_id), name=name, expires_at=int(time.time()) + 600)


async def follow(page: Page, token: str, conversation_id: int) -> None:
    """A link to the page that is open already, as anybody can send one."""
    await page.evaluate(f"location.hash = 'token={token}&c={conversation_id}'")


async def test_a_link_makes_nobody_somebody_else_unasked_and_whoever_leaves_leaves_nothing(
    start_server: StartServer, browser: Browser, http: aiohttp.ClientSession
) -> None:
    server = start_server(AUTH_SECRET=SECRET)
    ann, bob = token_of("user_1", "Ann"), token_of("user_2", "Bob")
    for token in (ann, bob):
        async with http.get(f"{server.url}/api/unread", headers={"Authorization": f"Bearer {token}"}) as response:
            assert response.status == 200
    asked = {"conversation_type": "direct", "participants": ["user_2"]}
    authorised = {"Authorization": f"Bearer {ann}"}
    async with http.post(f"{server.url}/api/conversations", json=asked, headers=authorised) as response:
        conversation_id = (await response.json())["conversation"]["conversation_id"]

    person = await Person.arrive(browser)
    page = person.page
    await page.goto(f"{server.url}/#token={ann}&c={conversation_id}")
    box = page.get_by_role("textbox", name="Message", exact=True)
    signed_in, question = page.locator(".me-name"), page.get_by_role("dialog", name="Somebody else?")
    await box.fill("a secret draft")
    await expect(signed_in).to_have_text("Ann")
    assert ann not in page.url

    fresh = token_of("user_1", "Ann")
    async with page.expect_websocket():
        await follow(page, fresh, conversation_id)
    await expect(box).to_have_value("a secret draft")
    for forged in (token_of("user_2", "Bob", "x" * 32), token_of("user_1", "Ann", "x" * 32)):
        async with page.expect_response("**/api/settings") as answered:
            await follow(page, forged, conversation_id)
        assert (await answered.value).status == 401
    await follow(page, "no token", conversation_id)
    await follow(page, bob, conversation_id)
    await expect(question).to_contain_text("You are about to sign in as Bob (user_2). Continue?")
    await expect(question.get_by_role("button", name="Stay Ann")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(question).to_have_count(0)
    await expect(signed_in).to_have_text("Ann")
    kept = await page.evaluate(KEPT)
    assert "a secret draft" in kept
    assert fresh in kept

    other = await page.context.new_page()
    await other.goto(f"{server.url}/#token={bob}&c={conversation_id}")
    question = other.get_by_role("dialog", name="Somebody else?")
    await expect(question).to_contain_text("Ann (user_1)")
    await question.get_by_role("button", name="Continue").click()
    await expect(other.locator(".me-name")).to_have_text("Bob")
    await expect(other.get_by_role("textbox", name="Message", exact=True)).to_have_value("")
    await page.close()
    assert await other.evaluate(STILL_KEPT, ["user_1", "Ann", "secret"]) == []

    await other.get_by_role("textbox", name="Message", exact=True).fill("another secret")
    await other.get_by_role("button", name="Your status and settings").click()
    await other.get_by_role("link", name="Sign out").click()
    await expect(other.get_by_label("Token")).to_be_visible()
    assert await other.evaluate(STILL_KEPT, ["user_2", "Bob", "secret"]) == []
    # The browser itself tells of each credential that is refused.
    assert [told for told in person.complaints if "401" not in told] == []


async def test_who_cannot_be_let_in_yet_may_try_again(demo: ServerProcess, people: People) -> None:
    person = await people.arrive()
    page = person.page
    await page.route("**/app/signin.js", lambda route: route.abort())
    await page.goto(demo.url)
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.unroute_all()
    person.complaints.clear()
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("list", name="People")).to_be_visible()
