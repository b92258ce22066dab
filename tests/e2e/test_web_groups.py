"""Conversations, people and search in the web client: pages of several people who look at the same thing."""

import re
from collections.abc import Callable

import aiohttp
import pytest_asyncio
from playwright.async_api import Locator, Page, expect

from tests.e2e.browser import PRESSED_MS, People, hold, without_timers
from tests.e2e.conftest import make_conversation, post_message
from tests.e2e.server import ServerProcess, until_found

expect.set_options(timeout=45_000)

Pair = tuple[str, str, int]


@pytest_asyncio.fixture(loop_scope="session")
async def three(demo: ServerProcess, http: aiohttp.ClientSession, person: Callable[[], str]) -> tuple[str, str, str]:
    """Three people whom the server knows, and who share no conversation."""
    found = person(), person(), person()
    for user_id in found:
        async with http.get(f"{demo.url}/api/unread", headers={"X-Participant": user_id}) as response:
            assert response.status == 200
    return found


def conversation(page: Page, name: str) -> Locator:
    return page.get_by_role("list", name="Conversations").get_by_role("link", name=re.compile(f"^{name}"))


async def pick(page: Page, dialog: str, user_id: str) -> None:
    """In a dialog's search for people."""
    opened = page.get_by_role("dialog", name=dialog)
    await opened.get_by_role("searchbox", name="Search people").fill(user_id)
    await opened.get_by_role("list", name="People").get_by_role("button", name=user_id).click()


async def start_group(page: Page, kind: str, name: str, *others: str) -> None:
    await page.get_by_role("button", name="New conversation").first.click()
    dialog = page.get_by_role("dialog", name="New conversation")
    await dialog.get_by_text(kind).click()
    await dialog.get_by_label("Name of the conversation").fill(name)
    for user_id in others:
        await pick(page, "New conversation", user_id)
    await dialog.get_by_role("button", name="Create").click()
    await expect(page.get_by_role("heading", name=name)).to_be_visible()


async def open_details(page: Page) -> Locator:
    await page.get_by_role("button", name="About this conversation").click()
    return page.get_by_role("dialog", name="About this conversation")


async def test_a_group_is_made_renamed_joined_and_left(
    demo: ServerProcess, people: People, three: tuple[str, str, str], http: aiohttp.ClientSession
) -> None:
    ann, bob, carol = three
    first, second, third = [await people.open(f"{demo.url}/#as={user_id}") for user_id in three]
    await expect(second.get_by_role("heading", name="No conversations yet")).to_be_visible()
    await start_group(first, "A group", "Dryers", bob)
    await conversation(second, "Dryers").click()

    owner = await open_details(first)
    await owner.get_by_label("Name of the conversation").fill("Solar dryers")
    await owner.get_by_role("button", name="Save").click()
    await expect(second.get_by_role("heading", name="Solar dryers")).to_be_visible()
    await owner.get_by_role("button", name="Add people").click()
    await pick(first, "About this conversation", carol)
    await owner.get_by_role("button", name="Add", exact=True).click()
    await conversation(third, "Solar dryers").click()

    member = await open_details(third)
    members = member.get_by_role("list", name="Members").get_by_role("listitem")
    await expect(members).to_have_count(3)
    await expect(members.filter(has_text=ann)).to_contain_text("owner")
    await expect(member.get_by_role("button", name=re.compile("Remove|Save|Add"))).to_have_count(0)

    await owner.get_by_role("button", name=f"Remove {bob}").click()
    async with http.put(f"{demo.url}/api/status", json={"status": "away"}, headers={"X-Participant": bob}) as response:
        assert response.status == 200
    await expect(owner.get_by_role("listitem").filter(has_text=bob)).to_contain_text("Away")
    await expect(owner.get_by_role("button", name="Cancel")).to_be_focused()
    await owner.get_by_role("button", name="Remove", exact=True).click()
    await expect(second.get_by_text("Nothing to see here")).to_be_visible()
    await expect(conversation(second, "Solar dryers")).to_have_count(0)

    await member.get_by_role("button", name="Leave the conversation").click()
    await member.get_by_role("button", name="Cancel").click()
    await member.get_by_role("button", name="Leave the conversation").click()
    await member.get_by_role("button", name="Leave the conversation").click()
    await expect(third.get_by_role("heading", name="No conversations yet")).to_be_visible()
    await expect(owner.get_by_role("list", name="Members").get_by_role("listitem")).to_have_count(1)


async def test_an_audience_reads_and_does_not_write(
    demo: ServerProcess, people: People, three: tuple[str, str, str]
) -> None:
    _, bob, _ = three
    first, second = [await people.open(f"{demo.url}/#as={user_id}") for user_id in three[:2]]
    await start_group(first, "An audience", "Announcements", bob)
    await first.get_by_role("textbox", name="Message", exact=True).fill("The workshop is open.")
    await first.keyboard.press("Enter")
    await conversation(second, "Announcements").click()
    await expect(second.get_by_role("article")).to_contain_text("The workshop is open.")
    await expect(second.get_by_text("Only those who lead this conversation write here.")).to_be_visible()
    await expect(second.get_by_role("textbox", name="Message", exact=True)).to_have_count(0)


async def test_a_press_on_a_conversation_opens_it_whatever_comes_meanwhile(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession, person: Callable[[], str]
) -> None:
    """What comes changes the row that is pressed, and puts another one above it."""
    ann, bob, conversation_id = pair
    carol = person()
    other_id = await make_conversation(demo, http, carol, ann)

    page = (await people.arrive()).page
    await page.add_init_script(without_timers(PRESSED_MS))
    await page.goto(f"{demo.url}/#as={ann}")
    row = conversation(page, bob)
    await row.hover()
    await page.mouse.down()
    await post_message(demo, http, bob, conversation_id, "Are you there?")
    await post_message(demo, http, carol, other_id, "Are you there?")
    await expect(page).to_have_title(re.compile(r"^\(2\)"))
    await page.mouse.up()
    await expect(page.get_by_role("article")).to_contain_text("Are you there?")
    await expect(page.get_by_role("heading", name=bob)).to_be_visible()
    # Then the list is as it would have been.
    first = page.get_by_role("list", name="Conversations").get_by_role("link").first
    await expect(first).to_contain_text(carol)
    await post_message(demo, http, bob, conversation_id, "Are you there?")
    await expect(first).to_contain_text(bob)


async def test_the_search_finds_people_conversations_and_what_was_said(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession, person: Callable[[], str]
) -> None:
    ann, bob, conversation_id = pair
    stranger = person()
    await make_conversation(demo, http, stranger, person())
    for number in range(60):
        body = {"content": "The Kigali générateur hums" if number == 0 else f"and then {number}"}
        url = f"{demo.url}/api/conversations/{conversation_id}/messages"
        async with http.post(url, json=body, headers={"X-Participant": bob}) as response:
            assert response.status == 201
    page = await people.open(f"{demo.url}/#as={ann}")
    search = page.get_by_role("searchbox", name=re.compile("^Search"))
    results = page.get_by_role("search")

    await search.fill(bob)
    await expect(results.get_by_role("list", name="Conversations").get_by_role("link", name=bob)).to_be_visible()
    await search.fill("nothing-of-that-kind")
    await expect(results.get_by_text("Nothing found for")).to_be_visible()
    await until_found(demo, http, ann, "generat kigali")
    await search.fill("generat kigali")
    found = results.get_by_role("list", name="Messages").get_by_role("link")
    await expect(found.locator("mark")).to_have_text(["Kigali", "générateur"])
    await found.click()
    await expect(page.get_by_role("article").filter(has_text="générateur")).to_be_in_viewport()

    await search.fill(stranger)
    await results.get_by_role("list", name="People").get_by_role("button", name=stranger).click()
    await expect(page.get_by_role("heading", name=stranger)).to_be_visible()
    await search.press("Escape")
    await expect(conversation(page, stranger)).to_have_attribute("aria-current", "true")


async def test_what_is_asked_for_twice_before_it_is_here_opens_once(
    demo: ServerProcess, people: People, pair: Pair
) -> None:
    ann, _, conversation_id = pair
    page = (await people.arrive()).page
    names = {
        "creation": "New conversation",
        "details": "About this conversation",
        "noticelist": "Notifications",
        "keyhelp": "",
        "settings": "Your status and settings",
    }
    held = {module: await hold(page, f"/app/{module}.js") for module in names}
    await page.goto(f"{demo.url}/#as={ann}&c={conversation_id}")
    for module, name in names.items():
        for _ in range(2):
            if name:
                await page.get_by_role("button", name=name).click()
            else:
                await page.keyboard.press("?")
        held[module].set()
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.locator("dialog")).to_have_count(0)


async def test_the_focus_stays_on_a_conversation_that_moves_or_changes(
    demo: ServerProcess, people: People, pair: Pair, http: aiohttp.ClientSession, person: Callable[[], str]
) -> None:
    ann, bob, conversation_id = pair
    carol = person()
    other_id = await make_conversation(demo, http, carol, ann)

    await post_message(demo, http, carol, other_id, "Above")
    page = (await people.arrive()).page
    await page.add_init_script(without_timers(PRESSED_MS))
    await page.goto(f"{demo.url}/#as={ann}")
    await conversation(page, bob).focus()
    await post_message(demo, http, bob, conversation_id, "On top now")
    await expect(page.get_by_role("list", name="Conversations").get_by_role("link").first).to_contain_text("On top")
    await expect(conversation(page, bob)).to_be_focused()

    await page.get_by_role("searchbox").fill(bob)
    found = page.get_by_role("search").get_by_role("list", name="Conversations").get_by_role("link", name=bob)
    await expect(found).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await expect(found).to_be_focused()
    await post_message(demo, http, bob, conversation_id, "Found")
    await expect(found).to_contain_text("Found")
    await expect(found).to_be_focused()
    await found.hover()
    await page.mouse.down()
    await post_message(demo, http, bob, conversation_id, "Pressed")
    await expect(page).to_have_title(re.compile(r"^\(4\)"))
    await page.mouse.up()
    await expect(page.get_by_role("heading", name=bob)).to_be_visible()
