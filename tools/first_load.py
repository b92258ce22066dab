"""How long the web client takes from an empty cache to the first message, and what that costs on the wire.

`python -m tools.first_load [TIMES]` starts a demo and a Chromium, and opens a conversation that often.
"""

import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from playwright.async_api import Browser

from tests.e2e.browser import PICTURE_WITHIN_MS, Person, running_chromium, without_timers
from tests.e2e.server import ServerProcess

TIMES = 10
# The clock of the page begins with the navigation; a frame later it is on the screen.
FIRST_MESSAGE = """
globalThis.firstMessageMs = new Promise((resolve) => {
  const seen = new MutationObserver(() => {
    if (!document.querySelector("article")) return;
    seen.disconnect();
    requestAnimationFrame(() => resolve(performance.now()));
  });
  seen.observe(document, { childList: true, subtree: true });
});
"""


class FirstLoad(NamedTuple):
    """One visit with an empty cache."""

    first_message_ms: float
    files: dict[str, tuple[int, int]]
    """By path: bytes on the wire with headers, and those of the headers alone; without pictures, and without what was
    asked for later than the first message was there."""
    late_scripts: list[str]
    """Those of them that the page did not name itself, but a script did."""

    @property
    def bytes(self) -> int:
        return sum(whole for whole, _ in self.files.values())

    @property
    def header_bytes(self) -> int:
        return sum(head for _, head in self.files.values())


async def load_first(browser: Browser, url: str, *, patient: bool = False) -> FirstLoad:
    """Opens `url` with a new profile, up to the first message. `patient`: that comes first, however slow it is."""
    person = await Person.arrive(browser)
    page = person.page
    wire = await person.context.new_cdp_session(page)
    await wire.send("Network.enable")
    answers: dict[str, tuple[str, int]] = {}
    files: dict[str, tuple[int, int]] = {}
    asked_s: dict[str, float] = {}
    named_by_scripts: list[str] = []

    def asked(told: dict[str, Any]) -> None:
        path = path_of(told["request"]["url"])
        asked_s[path] = told["wallTime"]
        if told["initiator"]["type"] == "script" and path.endswith(".js"):
            named_by_scripts.append(path)

    def answered(told: dict[str, Any]) -> None:
        if not told["response"]["mimeType"].startswith("image/"):
            response = told["response"]
            answers[told["requestId"]] = (path_of(response["url"]), int(response["encodedDataLength"]))

    def finished(told: dict[str, Any]) -> None:
        if told["requestId"] in answers:
            path, head = answers[told["requestId"]]
            files[path] = (int(told["encodedDataLength"]), head)

    wire.on("Network.requestWillBeSent", asked)
    wire.on("Network.responseReceived", answered)
    wire.on("Network.loadingFinished", finished)
    await page.add_init_script(FIRST_MESSAGE)
    if patient:
        await page.add_init_script(without_timers(PICTURE_WITHIN_MS))
    await page.goto(url)
    first_message_ms, at_ms = await page.evaluate(
        "globalThis.firstMessageMs.then((ms) => [ms, performance.timeOrigin + ms])"
    )
    await person.context.close()
    assert person.complaints == [], person.complaints
    first = {path: sizes for path, sizes in files.items() if asked_s[path] * 1000 <= at_ms}
    return FirstLoad(first_message_ms, first, [path for path in named_by_scripts if path in first])


def path_of(url: str) -> str:
    """Of an address of the server's, without the first slash."""
    return url.split("/", 3)[-1].partition("#")[0]


async def main(times: int) -> None:
    """Prints the figures of each visit, and their median."""
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), "--demo")
        server.start()
        try:
            async with running_chromium() as browser:
                loads = [await load_first(browser, f"{server.url}/#as=user_1&c=2") for _ in range(times)]
        finally:
            server.stop()
    for path, (whole, head) in sorted(loads[-1].files.items()):
        print(f"{whole:7} {head:5}  {path or '(the page)'}")
    for load in loads:
        weight = f"{load.bytes} bytes, {load.header_bytes} of headers"
        print(f"{load.first_message_ms:7.0f} ms, {len(load.files)} files, {weight}")
    print(f"median: {statistics.median(load.first_message_ms for load in loads):.0f} ms")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else TIMES))
