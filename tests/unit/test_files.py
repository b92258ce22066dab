"""The browser's files on the wire: bare, whole, compressed, and known by their content."""

import gzip
import re
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



const held = (globalThis); // stays
  (held.name).trim();
/* one */ const more = 1; /* two */
export const address = "https://example.org/*", end = "*/";
"""
PAGE = """<head>
    <script type="module" src="app/first.js"></script>
  </head>
"""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    (tmp_path / "served").mkdir()
    for name in ("a.js", "widget.js"):
        (tmp_path / "served" / name).write_text(SCRIPT)
    (tmp_path / "served" / "long.css").write_text("a { color: red }\n" * 100)
    (tmp_path / "secret.txt").write_text("no")
    app = web.Application()
    app.add_routes([web.get("/{path:.+}", Files(tmp_path / "served").serve)])
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        yield client


async def test_comments_and_casts_stay_here_and_lines_keep_their_numbers(
    client: TestClient[web.Request, web.Application],
) -> None:
    async with client.get("/a.js") as response:
        assert await response.text() == SERVED
        assert response.content_type in ("text/javascript", "application/javascript")
        assert response.charset is None, "a module is UTF-8 in any case"
    async with client.get("/widget.js") as response:
        assert response.charset == "utf-8", "a page may be in another one, and its scripts with it"


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


async def test_a_style_sheet_holds_those_that_it_imports_as_they_are_now(
    client: TestClient[web.Request, web.Application], tmp_path: Path
) -> None:
    served = tmp_path / "served"
    (served / "all.css").write_text('/* Both. */\n@import "b.css";\n@import "c.css";\n')
    (served / "b.css").write_text("b { color: red }\n")
    (served / "c.css").write_text("c { color: red }\n")
    async with client.get("/all.css") as response:
        assert await response.text() == "\nb { color: red }\nc { color: red }\n"
    (served / "c.css").write_text("c { color: green }\n")
    async with client.get("/all.css") as response:
        assert "b { color: red }\nc { color: green }\n" in await response.text()


async def test_a_page_names_all_modules_that_it_needs_and_none_that_may_come_later(
    client: TestClient[web.Request, web.Application], tmp_path: Path
) -> None:
    app = tmp_path / "served" / "app"
    app.mkdir()
    (tmp_path / "served" / "page.html").write_text(PAGE)
    (app / "first.js").write_text(
        'import {\n  b,\n} from "./b.js";\nimport "../c.js";\nconst d = () => import("./d.js");\n'
    )
    (app / "b.js").write_text('// import { e } from "./e.js";\nexport { c } from "../c.js";\n')
    (tmp_path / "served" / "c.js").write_text('import { b } from "./app/b.js";\nexport const f = "./f.js";\n')
    async with client.get("/page.html") as response:
        named = re.findall(r'<link rel="modulepreload" href="([^"]+)">', await response.text())
        assert named == ["app/first.js", "app/b.js", "c.js"]
        known = {"If-None-Match": response.headers["ETag"]}
    (app / "b.js").write_text('import "./e.js";\n')
    (app / "e.js").write_text("")
    async with client.get("/page.html", headers=known) as response:
        assert "app/e.js" in await response.text()


async def test_nothing_outside_of_the_folder_is_served(client: TestClient[web.Request, web.Application]) -> None:
    for path in ("/%2e%2e/secret.txt", "/..%2fsecret.txt", "/%2fetc%2fpasswd", "/", "/absent.js"):
        async with client.get(URL(path, encoded=True)) as response:
            assert response.status == 404, path
