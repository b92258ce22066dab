"""What others write stays text in a browser, and no page may do with another what it likes."""

import re
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from playwright.async_api import Browser, Error, Page, expect

from tests.e2e.browser import Person
from tests.e2e.conftest import StartServer
from tests.e2e.server import ServerProcess
from tests.e2e.test_platform_api import API_KEY, Platform

WEB = Path(__file__).parents[2] / "src" / "bihak" / "web"

# Ways out of a text, an attribute, an address, a script and a style, and around filters; OWASP's cheat sheet has more.
CORPUS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    '"><svg onload=alert(1)>',
    "' autofocus onfocus=alert(1) x='",
    '" onmouseover=alert(1) "',
    "</title><script>alert(1)</script>",
    "</textarea><img src=x onerror=alert(1)>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'></iframe>",
    "<a href=javascript:alert(1)>here</a>",
    "javascript:alert(1)",
    'https://example.org/"onmouseover=alert(1)',
    "[x](javascript:alert(1))",
    "data:text/html,<script>alert(1)</script>",
    "<math><mtext></p><style><img src=x onerror=alert(1)>",
    "<template><script>alert(1)</script></template>",
    "<style>@import 'javascript:alert(1)'</style>",
    "{{constructor.constructor('alert(1)')()}} ${alert(1)} #{alert(1)}",
    "&lt;img src=x onerror=alert(1)&gt; &#60;script&#62;alert(1)",
    "\u202e<script>alert(1)</script>\u2066",
    "<scr\u0131pt>alert(1)</scr\u0131pt>",
    "__proto__",
    "constructor",
)
HOSTILE_ADDRESSES = (
    *("javascript:alert(1)", "data:text/html,<script>alert(1)</script>", "data:image/svg+xml,<svg onload=alert(1)/>"),
    *("vbscript:x", "//evil.example/x.png", "/x.png", "https://", 'https://a.example/"onerror=alert(1)', "file:///x"),
    *(" javascript:alert(1)", "https://a.example/<script>", "https://a.example/\nx", "JAVASCRIPT:alert(1)"),
)


async def fill(server: ServerProcess, http: aiohttp.ClientSession) -> int:
    """People, conversations, messages and notifications of nothing but the corpus; a conversation with all of it."""
    platform = Platform(server, http)
    picture = f"{server.url}/app/icon.svg?x='onerror='alert(1)//"
    people = {f"user_{100 + at}": {"name": text[:200], "avatar_url": picture} for at, text in enumerate(CORPUS)}
    await platform.do("PUT", "/participants", {"participants": [{"user_id": who} | of for who, of in people.items()]})
    await platform.do("PUT", "/participants/user_1", {"name": CORPUS[0]})
    first = 0
    for at, (who, text) in enumerate(zip(people, CORPUS, strict=True)):
        group = {"conversation_type": "team", "participants": ["user_1", *people], "name": text[:200]}
        if at < 8:
            made = await platform.do("POST", "/conversations", group, on_behalf_of=who)
            first = first or made["conversation"]["conversation_id"]
        said = {"content": f"{text} @{CORPUS[0]} @user_1"}
        sent = await platform.do("POST", f"/conversations/{first}/messages", said, on_behalf_of=who)
        reaction = f"/messages/{sent['message_id']}/reactions/"
        await platform.do("PUT", f"{reaction}👍", {}, on_behalf_of=who)
        if not set("/{}") & set(text):  # which no path of ours has
            refused = await platform.refused("PUT", reaction + quote(text, safe=""), {}, on_behalf_of=who)
            assert refused == (422, "invalid_field"), "a reaction is one emoji"
    for address in HOSTILE_ADDRESSES:
        refused = await platform.refused("PUT", "/participants/user_100", {"avatar_url": address})
        assert refused == (422, "invalid_field"), address
    return first


async def type_everywhere(page: Page, text: str) -> None:
    """Into every field that is there, whatever it is for."""
    for role in ("searchbox", "textbox", "combobox"):
        for field in await page.get_by_role(role).all():
            if await field.is_visible() and await field.is_editable():
                await field.fill(text[:100])


async def test_what_others_write_stays_text_wherever_it_is_shown(
    start_server: StartServer, http: aiohttp.ClientSession, browser: Browser
) -> None:
    server = start_server("--demo", API_KEY=API_KEY)
    cid = await fill(server, http)
    person = await Person.arrive(browser)
    page = person.page
    await page.goto(f"{server.url}/#as=user_1&c={cid}")
    log = page.get_by_role("log", name="Messages")
    for text in CORPUS:
        await expect(log.get_by_role("article").filter(has_text=text.strip()).first).to_be_attached()
    for text in CORPUS:
        await type_everywhere(page, text)
        await page.goto(f"{server.url}/#as=user_1&c={quote(text, safe='<>')}&m={text}")
    await page.goto(f"{server.url}/#{CORPUS[1]}")
    await page.goto(f"{server.url}/?{quote(CORPUS[0])}#as={CORPUS[1]}")
    await page.goto(f"{server.url}/#as=user_1&c={cid}")
    await page.reload()
    await expect(log.get_by_role("article").first).to_be_attached()
    for hostile in ("script:not([src])", "iframe", "[onerror]", "[onload]", "[href^='javascript']", "[style*=import]"):
        assert await page.locator(f"body {hostile}").count() == 0, hostile
    await page.goto(f"{server.url}/api/docs#{CORPUS[1]}")
    await type_everywhere(page, CORPUS[1])
    assert person.complaints == []
    # That it would be noticed.
    with pytest.raises(Error, match="TrustedHTML"):
        await page.evaluate("document.body.innerHTML = '<p>'")
    async with page.expect_console_message(lambda message: "policy violated: img-src" in message.text):
        await page.evaluate("document.body.append(Object.assign(new Image(), {src: 'data:image/png,x'}))")
    await page.evaluate("alert(1)")
    assert "dialog: 1" in person.complaints


async def test_every_answer_tells_browsers_what_it_may_be_used_for(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    """A document and a worker live by the policy that they come with, so theirs is the whole one.

    A module or a style sheet does as the page may that it is part of; shown by itself it is a text that may do nothing,
    and a picture is still, without scripts. They lead nowhere, and what they ask for is told of by the page's referrer
    policy, so they have none.
    """
    server = start_server("--demo", TRUSTED_PROXIES="127.0.0.1,::1")
    pages = ("/", "/service.js", "/api/docs", "/docs/docs.js", "/demo/widget.html", "/nowhere", "/app/nowhere.js")
    parts = (
        "/sdk.js",
        "/widget.js",
        "/app/app.js",
        "/app/app.css",
        "/app/icon.svg",
        "/sdk/sdk.js",
        "/widget/widget.css",
    )
    data = ("/api/conversations", "/api/nowhere", "/api/openapi.json", "/config.json")
    for path in (*pages, *parts, *data):
        for proto in ("http", "https"):
            async with http.get(server.url + path, headers={"X-Forwarded-Proto": proto}) as response:
                headers = response.headers
            policy = dict(part.strip().partition(" ")[::2] for part in headers["Content-Security-Policy"].split(";"))
            assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
            assert "unsafe" not in headers["Content-Security-Policy"]
            if path in pages:
                assert policy["script-src"] == policy["style-src"] == "'self'"
                assert policy["require-trusted-types-for"] == "'script'"
                assert policy["base-uri"] == policy["form-action"] == "'none'"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert path in parts or headers["Referrer-Policy"] == "no-referrer"
            assert "Server" not in headers, "which version of what answers is nobody's business"
            assert ("Strict-Transport-Security" in headers) == (proto == "https"), path
            assert "Set-Cookie" not in headers
            # The client's own files are for pages of any site, which the widget stands on; what is said is not.
            assert (path in pages + parts) or "Access-Control-Allow-Origin" not in headers, path
            no_cors = path in ("/widget.js", "/app/icon.svg")
            assert (headers.get("Cross-Origin-Resource-Policy") == "cross-origin") == no_cors, path


async def test_a_cookie_or_another_sites_form_is_nobody(start_server: StartServer, http: aiohttp.ClientSession) -> None:
    server = start_server(AUTH_SECRET="a-secret-of-the-platform-of-32-bytes", API_KEY=API_KEY)
    platform = Platform(server, http)
    await platform.do("PUT", "/participants/user_1", {"name": "Ann"})
    token = await platform.token("user_1")
    url = f"{server.url}/api/conversations"
    body = {"conversation_type": "team", "participants": ["user_1"]}
    for headers in ({"Cookie": f"token={token}; Authorization=Bearer {token}"}, {"Origin": "https://evil.example"}):
        async with http.post(url, json=body, headers=headers, params={"token": token}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (401, "not_authenticated")
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    async with http.options(url, headers=preflight) as response:
        assert response.status == 405
        assert not [name for name in response.headers if name.startswith("Access-Control")]


def test_no_file_of_the_browser_side_makes_markup_or_code_of_a_text() -> None:
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc")
    for path in WEB.rglob("*.js"):
        found = [word for word in forbidden if word in path.read_text()]
        assert found == [], f"{path.name}: {found}"
    for path in WEB.rglob("*.html"):
        page = path.read_text()
        assert not re.search(r"<[^>]*\son\w+\s*=", page), f"{path.name} has a handler"
        assert "<style" not in page
        assert " style=" not in page
