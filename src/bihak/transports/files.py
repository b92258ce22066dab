"""The files of the browser side: assembled and compressed once, and sent again only when they have changed."""

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from aiohttp import ETag, hdrs, web

from bihak.transports.assembly import assemble

Handler = Callable[[web.Request], Awaitable[web.Response]]

WORTH_COMPRESSING = 512
"""Bytes; what is smaller fits into one packet anyway."""
_LEVEL = 9
_SUBRESOURCES = {".js", ".css", ".svg"}
_WORKERS = {"service.js"}
_WITHOUT_CORS = {".svg"}
_CLASSIC = {"widget.js"}
FOR_ALL_PAGES = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}
"""Pages of other origins import the modules; there is nothing secret in them."""
PART_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "no-cache",
}
"""Of what is part of a page. The policy of the page counts for it there; should a browser be made to show it by itself,
it does nothing. It sends nobody anywhere, so it has no say in what is told of where one comes from."""


class Packed(NamedTuple):
    """A file as it goes over the wire."""

    changed_ns: dict[Path, int]
    """When each of the files that it was made of was changed last."""
    headers: dict[str, str]
    etag: str
    plain: bytes
    zipped: bytes | None
    """None where it would not be smaller."""


class Files:
    """What lies in one folder. A file that is edited while the server runs is read again.

    A page, and what runs on its own like a service worker, gets the headers of pages from whoever serves; what is a
    part of pages brings its own, which are shorter.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()
        self._packed: dict[Path, Packed] = {}

    async def serve(self, request: web.Request) -> web.Response:
        """The file that the route's `path` names. Raises HTTPNotFound."""
        path = (self._folder / request.match_info["path"]).resolve()
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise web.HTTPNotFound
        return self._respond(request, path)

    def serve_one(self, name: str) -> Handler:
        """Serves the file of that name, whatever the route."""

        async def serve(request: web.Request) -> web.Response:
            return self._respond(request, self._folder / name)

        return serve

    def _respond(self, request: web.Request, path: Path) -> web.Response:
        """That file, or 304 for a browser that has it."""
        packed = self._pack(path)
        headers = {**packed.headers, hdrs.VARY: hdrs.ACCEPT_ENCODING, hdrs.ETAG: f'"{packed.etag}"', **FOR_ALL_PAGES}
        if ETag(packed.etag) in (request.if_none_match or ()):
            del headers[hdrs.CONTENT_TYPE]
            return web.Response(status=304, headers=headers)
        if packed.zipped is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(body=packed.zipped, headers=headers)
        return web.Response(body=packed.plain, headers=headers)

    def _pack(self, path: Path) -> Packed:
        known = self._packed.get(path)
        if known is None or any(_changed_ns(part) != then for part, then in known.changed_ns.items()):
            known = self._packed[path] = _read(path, self._folder)
        return known


def _changed_ns(path: Path) -> int:
    """0 for one that is gone."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _read(path: Path, root: Path) -> Packed:
    plain, parts = assemble(path, root)
    zipped = gzip.compress(plain, _LEVEL, mtime=0) if len(plain) >= WORTH_COMPRESSING else plain
    return Packed(
        changed_ns={part: _changed_ns(part) for part in parts},
        headers=_headers_of(path),
        etag=hashlib.sha256(plain).hexdigest()[:12],
        plain=plain,
        zipped=zipped if len(zipped) < len(plain) else None,
    )


def _headers_of(path: Path) -> dict[str, str]:
    kind, _ = mimetypes.guess_type(path.name)
    content_type = kind or "application/octet-stream"
    # A module is UTF-8 whatever is said of it, and there are many of them; a classic script is as its page.
    if content_type.startswith("text/") and (path.suffix != ".js" or path.name in _CLASSIC):
        content_type += "; charset=utf-8"
    headers: dict[str, str] = {hdrs.CONTENT_TYPE: content_type}
    if path.suffix in _SUBRESOURCES and path.name not in _WORKERS:
        headers |= PART_HEADERS
    if path.suffix in _WITHOUT_CORS or path.name in _CLASSIC:
        # These a page of another origin loads without asking; one that is isolated wants to be told that it may.
        headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return headers
