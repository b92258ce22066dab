"""The system's Chromium, without a window, and pages that must have nothing to complain of."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Dialog, Page, Route, async_playwright

import bihak
from tests.servers import require_program

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync"]

# A violated policy is an event on the page, whatever the console makes of it.
_TELL_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
});
"""


@asynccontextmanager
async def running_chromium() -> AsyncIterator[Browser]:
    """A browser of its own, ended afterwards."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=require_program("chromium", "chromium"), args=ARGUMENTS
        )
        try:
            yield browser
        finally:
            await browser.close()


APP = Path(bihak.__file__).parent / "web" / "app"


def timer_of(module: str, name: str) -> int:
    """Milliseconds, as that module of the client says."""
    found = re.search(rf"^const {name} = ([\d_]+);$", (APP / module).read_text(), re.MULTILINE)
    assert found is not None, f"{module} has no {name}"
    return int(found[1])


PRESSED_MS = timer_of("dom.js", "PRESSED_MS")
"""For how long a press keeps a list as it is."""
LATER_MS = timer_of("chat.js", "LATER_MS")
"""How long after the first picture a page fetches what nobody has asked for yet."""
PICTURE_WITHIN_MS = timer_of("chat.js", "PICTURE_WITHIN_MS")
"""For so long the page waits for its first picture before it fetches what completes that."""
LONG_PRESS_MS = timer_of("touch.js", "LONG_PRESS_MS")
"""For so long a finger must stay to mean what the right button of a mouse does."""


def without_timers(ms: int) -> str:
    """A script for a page in which timers of that length never go off: a busy machine may be slower than they are."""
    return f"""{{
      const wait = setTimeout;
      window.setTimeout = (act, ms, ...rest) => (ms === {ms} ? 0 : wait(act, ms, ...rest));
    }}"""


UNREACHABLE = re.compile(
    r"net::ERR_(CONNECTION_(REFUSED|RESET) |INTERNET_DISCONNECTED |FAILED \(http\S+/app/icon\.svg\))"
)
"""Reset is what was still connecting as the server was killed. The last is what the service worker's fetch fails with;
nothing else than the page's icon may need the network."""


class Person:
    """Somebody with a browser profile of their own, and what their pages complained of."""

    def __init__(self, context: BrowserContext, page: Page) -> None:
        self.page = page
        self.context = context
        self.complaints: list[str] = []
        page.on("console", self._heard)
        page.on("dialog", self._asked)
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))

    @classmethod
    async def arrive(cls, browser: Browser, **options: Any) -> "Person":
        context = await browser.new_context(**options)
        await context.add_init_script(_TELL_VIOLATIONS)
        return cls(context, await context.new_page())

    @property
    def own_complaints(self) -> list[str]:
        """Without what the browser tells of each connection that failed: for who was without network or server."""
        return [told for told in self.complaints if not UNREACHABLE.search(told)]

    async def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} ({message.location['url']})")


async def hold(page: Page, path: str) -> asyncio.Event:
    """A file that the page gets once the event is set."""
    may_come = asyncio.Event()

    async def wait(route: Route) -> None:
        await may_come.wait()
        await route.continue_()

    await page.route(f"**{path}", wait)
    return may_come


class People:
    """Those who visit in one test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self.all: list[Person] = []

    async def arrive(self, **options: Any) -> Person:
        """Somebody new, with a profile of their own."""
        person = await Person.arrive(self._browser, **options)
        self.all.append(person)
        return person

    async def open(self, url: str, **options: Any) -> Page:
        """Somebody new, at that address."""
        person = await self.arrive(**options)
        await person.page.goto(url)
        return person.page
