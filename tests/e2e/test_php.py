"""The examples for PHP, under a real PHP, beside a real server."""

import asyncio
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from playwright.async_api import Browser, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import Connect
from tests.e2e.server import SECRET, ServerProcess
from tests.servers import require_program

EXAMPLES = Path(__file__).parent.parent.parent / "examples" / "php"
API_KEY = "the-platforms-own-key"
START_WITHIN_S = 30.0


@pytest.fixture(scope="module")
def address() -> str:
    """Where the platform's site is going to be."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, address: str) -> Iterator[ServerProcess]:
    """A server in token mode, which lets the site's pages in."""
    settings = {"AUTH_SECRET": SECRET, "API_KEY": API_KEY, "ALLOWED_ORIGINS": f"http://{address}"}
    server = ServerProcess(tmp_path_factory.mktemp("php"), **settings)
    server.start()
    yield server
    assert server.stop() == 0


def php_environment(server: ServerProcess) -> dict[str, str]:
    settings = {"BIHAK_URL": server.url, "BIHAK_AUTH_SECRET": SECRET, "BIHAK_API_KEY": API_KEY}
    return {**os.environ, **settings}


@pytest.fixture(scope="module")
def site(server: ServerProcess, address: str) -> Iterator[str]:
    """The address of the platform's site: the examples, served by PHP."""
    command = [require_program("php", "php-cli"), "-S", address, "-t", str(EXAMPLES)]
    site = subprocess.Popen(command, env=php_environment(server), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(address)
        yield f"http://{address}"
    finally:
        site.terminate()
        site.wait(10)


def wait_for(address: str) -> None:
    host, _, port = address.rpartition(":")
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError("PHP does not listen")


async def run_php(server: ServerProcess, code: str) -> str:
    """What that code prints, after `bihak.php`."""
    script = f"require {str(EXAMPLES / 'bihak.php')!r}; {code}"
    running = await asyncio.create_subprocess_exec(
        require_program("php", "php-cli"),
        *("-d", "display_errors=stderr", "-r", script),
        env=php_environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    said, complained = await running.communicate()
    assert (running.returncode, complained) == (0, b""), complained.decode()
    return said.decode()


async def test_a_token_made_in_php_lets_its_participant_in(server: ServerProcess, connect: Connect) -> None:
    token = await run_php(server, "echo bihak_token('user_31', 'Clémence \"Clé\" / O\\'Neil');")
    client = await connect(server)
    reply = await client.ask("auth_success", type="auth", token=token)
    assert (reply["user_id"], reply["name"]) == ("user_31", 'Clémence "Clé" / O\'Neil')


async def test_php_asks_on_behalf_of_somebody(server: ServerProcess, connect: Connect) -> None:
    code = """
        foreach (['user_41', 'user_42'] as $who) bihak_call('PUT', "/api/participants/$who", ['name' => $who]);
        $asked = ['conversation_type' => 'direct', 'participants' => ['user_42']];
        $made = bihak_call('POST', '/api/conversations', $asked, 'user_41')['conversation'];
        $path = "/api/conversations/{$made['conversation_id']}/messages";
        bihak_call('POST', $path, ['content' => 'Bonjour à tous'], 'user_41');
        echo bihak_call('GET', $path, null, 'user_42')['messages'][0]['content'];
    """
    assert await run_php(server, code) == "Bonjour à tous"


async def test_php_hears_what_is_wrong(server: ServerProcess) -> None:
    code = """
        try { bihak_call('GET', '/api/conversations', null, 'user_987654'); }
        catch (RuntimeException $fault) { echo $fault->getMessage(); }
    """
    assert await run_php(server, code) == "not_found: There is no participant user_987654."


async def test_php_ends_the_sessions_of_somebody(server: ServerProcess, connect: Connect) -> None:
    token = await run_php(server, "echo bihak_token('user_51');")
    client = await connect(server)
    await client.ask("auth_success", type="auth", token=token)
    await asyncio.sleep(1.1)  # a token of that very second counts as made before
    await run_php(server, "bihak_call('POST', '/api/sessions/user_51/revoke');")
    assert await client.close_code() == 4403


async def test_the_page_shows_who_is_logged_in_and_holds_no_token(
    site: str, server: ServerProcess, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{site}/") as response:
        page = await response.text()
    assert "Hello, Aline Uwase" in page
    assert "token" not in page
    assert "eyJ" not in page
    async with http.get(f"{site}/chat.php?c=5", allow_redirects=False) as response:
        assert response.status == 303
        assert response.headers["Cache-Control"] == "no-store"
        target = urlsplit(response.headers["Location"])
    assert f"{target.scheme}://{target.netloc}" == server.url
    assert target.query == ""
    assert parse_qs(target.fragment).keys() == {"token", "c"}


async def test_the_widget_gets_a_token_from_php(
    site: str, http: aiohttp.ClientSession, connect: Connect, server: ServerProcess
) -> None:
    async with http.get(f"{site}/token.php") as response:
        assert response.headers["Cache-Control"] == "no-store"
        token = (await response.json())["token"]
    reply = await (await connect(server)).ask("auth_success", type="auth", token=token)
    assert (reply["user_id"], reply["name"]) == ("user_1", "Aline Uwase")


async def test_following_the_link_signs_in_and_leaves_no_token_behind(site: str, browser: Browser) -> None:
    person = await Person.arrive(browser)
    await person.page.goto(f"{site}/")
    async with person.context.expect_page() as opened:
        await person.page.get_by_role("link", name="Open the chat").click()
    chat = await opened.value
    await expect(chat.get_by_role("heading", name="Aline Uwase")).to_be_visible(timeout=45_000)
    assert "token" not in chat.url
    assert not re.search("eyJ", await chat.evaluate("location.href + document.documentElement.outerHTML"))
    await chat.reload()
    await expect(chat.get_by_role("heading", name="Aline Uwase")).to_be_visible(timeout=45_000)
    await chat.close()
    await person.page.get_by_role("link", name="a page with the chat on it").click()
    await expect(person.page.get_by_role("button", name="Messages", exact=True)).to_be_visible(timeout=45_000)
    await person.page.get_by_role("button", name="All messages").click()
    widget = person.page.get_by_role("dialog", name="Messages")
    await expect(widget.get_by_text("Aline Uwase")).to_be_visible(timeout=45_000)
    assert person.complaints == []


async def test_a_token_in_the_address_takes_the_place_of_whoever_was_there(
    server: ServerProcess, browser: Browser
) -> None:
    person = await Person.arrive(browser)
    for user_id, name in (("user_61", "First Person"), ("user_62", "Second Person")):
        token = await run_php(server, f"echo bihak_token('{user_id}', '{name}');")
        await person.page.goto(f"{server.url}/#token={token}")
        if user_id != "user_61":
            await person.page.get_by_role("button", name="Continue").click()
        await expect(person.page.get_by_role("heading", name=name)).to_be_visible(timeout=45_000)
        assert "token" not in person.page.url
    assert person.complaints == []


async def test_a_token_leaves_the_address_before_anything_else(server: ServerProcess, browser: Browser) -> None:
    page = (await Person.arrive(browser)).page
    await page.route("**/config.json", lambda route: route.abort())
    await page.goto(f"{server.url}/#token=some.thing.secret&c=5")
    await expect(page.get_by_role("alert")).to_be_visible(timeout=45_000)
    assert page.url == f"{server.url}/#c=5"
