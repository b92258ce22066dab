"""The files of the browser side: compressed once, and sent again only when they have changed.

Comments that have lines of their own stay here: they are two fifths of a script, and nobody reads them in a browser.
Line numbers stay as they are.
"""

import gzip
import hashlib
import mimetypes
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from aiohttp import ETag, hdrs, web

Handler = Callable[[web.Request], Awaitable[web.Response]]

WORTH_COMPRESSING = 512
"""Bytes; what is smaller fits into one packet anyway."""
_LEVEL = 9
_COMMENTED = {".js", ".css"}
_COMMENT = re.compile(rb"^[ \t]*(?:/\*(?:(?!\*/).)*\*/|//[^\n]*)[ \t]*(?=\n)", re.MULTILINE | re.DOTALL)
FOR_ALL_PAGES = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Pages of other origins import the modules; there is nothing secret in them."""


class Packed(NamedTuple):
    """A file as it goes over the wire."""

    changed_ns: int
    content_type: str
    etag: str
    plain: bytes
    zipped: bytes | None
    """None where it would not be smaller."""


class Files:
    """What lies in one folder. A file that is edited while the server runs is read again."""

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
        headers = {hdrs.VARY: hdrs.ACCEPT_ENCODING, hdrs.ETAG: f'"{packed.etag}"', **FOR_ALL_PAGES}
        if ETag(packed.etag) in (request.if_none_match or ()):
            return web.Response(status=304, headers=headers)
        headers[hdrs.CONTENT_TYPE] = packed.content_type
        if packed.zipped is not None and "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            headers[hdrs.CONTENT_ENCODING] = "gzip"
            return web.Response(body=packed.zipped, headers=headers)
        return web.Response(body=packed.plain, headers=headers)

    def _pack(self, path: Path) -> Packed:
        changed_ns = path.stat().st_mtime_ns
        known = self._packed.get(path)
        if known is None or known.changed_ns != changed_ns:
            known = self._packed[path] = _read(path, changed_ns)
        return known


def _read(path: Path, changed_ns: int) -> Packed:
    plain = path.read_bytes()
    if path.suffix in _COMMENTED:
        plain = _COMMENT.sub(lambda found: b"\n" * found.group().count(b"\n"), plain)
    kind, _ = mimetypes.guess_type(path.name)
    content_type = kind or "application/octet-stream"
    if content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    zipped = gzip.compress(plain, _LEVEL, mtime=0) if len(plain) >= WORTH_COMPRESSING else plain
    return Packed(
        changed_ns=changed_ns,
        content_type=content_type,
        etag=hashlib.sha256(plain).hexdigest()[:20],
        plain=plain,
        zipped=zipped if len(zipped) < len(plain) else None,
    )
