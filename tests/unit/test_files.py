"""The browser's files on the wire: without comments, line for line, compressed, and known by their content."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from bihak.transports.files import Files

SCRIPT = """/**
 * A module.
 */
// and a line
const held = /** @type {any} */ (globalThis); // stays
  /** @type {string} */ (held.name).trim();
/* one */ const more = 1; /* two */
export const address = "https://example.org/*", end = "*/";
"""
SERVED = """



const held = /** @type {any} */ (globalThis); // stays
  /** @type {string} */ (held.name).trim();
/* one */ const more = 1; /* two */
export const address = "https://example.org/*", end = "*/";
"""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "a.js").write_text(SCRIPT)
    (tmp_path / "served" / "long.css").write_text("a { color: red }\n" * 100)
    (tmp_path / "secret.txt").write_text("no")
    app = web.Application()
    app.add_routes([web.get("/{path:.+}", Files(tmp_path / "served").serve)])
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_comments_stay_and_lines_keep_their_numbers(
    client: TestClient[web.Request, web.Application],
) -> None:
    async with client.get("/a.js") as response:
        assert await response.text() == SERVED
        assert response.content_type in ("text/javascript", "application/javascript")


async def test_what_the_browser_has_is_not_sent_again_until_it_changes(
    client: TestClient[web.Request, web.Application], tmp_path: Path
) -> None:
    async with client.get("/long.css", headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await response.read()).startswith(b"a { color: red }\n")
        known = {"If-None-Match": response.headers["ETag"]}
    async with client.get("/long.css", headers={**known, "Accept-Encoding": "identity"}) as response:
        assert (response.status, await response.read()) == (304, b"")
    (tmp_path / "served" / "long.css").write_text("b { color: blue }\n")
    async with client.get("/long.css", headers={**known, "Accept-Encoding": "identity"}) as response:
        assert (response.status, await response.text()) == (200, "b { color: blue }\n")


async def test_nothing_outside_of_the_folder_is_served(client: TestClient[web.Request, web.Application]) -> None:
    for path in ("/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2fetc%2fpasswd", "/", "/absent.js"):
        async with client.get(URL(path, encoded=True)) as response:
            assert response.status == 404, path
