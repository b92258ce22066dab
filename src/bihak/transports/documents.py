"""`/api/openapi.json`, `/api/asyncapi.json`, and `/api/docs`, the page that shows them."""

import typing
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import Any

import msgspec
from aiohttp import web

from bihak.core.feature import Command
from bihak.protocol.envelope import Event, Reply
from bihak.protocol.schema import CommandDescription, HttpRoute, asyncapi, openapi

PAGE = Path(__file__).parent.parent / "web" / "docs"
PREFIX = "/api"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def reply_of(command: Command) -> type[Reply] | None:
    """What a command is answered with, by its declaration or its handler's return annotation; None: by nothing."""
    if command.reply is not None:
        return command.reply
    returned = typing.get_type_hints(command.handler).get("return", NoneType)
    kinds = [kind for kind in typing.get_args(returned) or (returned,) if kind is not NoneType]
    if not kinds:
        return None
    (kind,) = kinds
    if not (isinstance(kind, type) and issubclass(kind, Reply)):
        raise TypeError(f"{command.name}: neither `reply` nor the return annotation names one type of reply")
    return kind


def describe(command: Command) -> CommandDescription:
    """A row of the command table as the documents need it."""
    route = command.route
    return CommandDescription(
        command.request,
        reply_of(command),
        on_socket=not command.internal,
        route=HttpRoute(route.method, PREFIX + route.path, route.status) if route is not None else None,
        needs_auth=command.needs_auth,
        for_platform=command.internal,
    )


def describe_all(commands: Iterable[Command]) -> list[CommandDescription]:
    """Those that somebody outside can call."""
    return [describe(command) for command in commands if not command.internal or command.route is not None]


def known_events(base: type[Event] = Event) -> list[type[Event]]:
    """Every event of this product that is loaded, without those that others are made of."""
    found: list[type[Event]] = []
    for kind in base.__subclasses__():
        if kind.__module__.startswith("bihak.") and not kind.__subclasses__():
            found.append(kind)
        found += known_events(kind)
    return found


class Documents:
    """Serves the documents of a command table, which are made once."""

    def __init__(
        self, descriptions: Iterable[CommandDescription], page_headers: Mapping[str, str], *, version: str
    ) -> None:
        described = list(descriptions)
        self._page_headers = page_headers
        self._openapi = openapi(described, version=version)
        self._asyncapi = asyncapi(described, known_events(), version=version)

    def routes(self) -> list[web.AbstractRouteDef]:
        """Their paths, and the page's own files."""
        return [
            web.get(f"{PREFIX}/openapi.json", _serve(self._openapi)),
            web.get(f"{PREFIX}/asyncapi.json", _serve(self._asyncapi)),
            web.get(f"{PREFIX}/docs", self._page),
            web.static("/docs", PAGE),
        ]

    async def _page(self, request: web.Request) -> web.FileResponse:
        return web.FileResponse(PAGE / "index.html", headers=dict(self._page_headers))


def _serve(document: dict[str, Any]) -> Handler:
    body = msgspec.json.encode(document)
    headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json", headers=headers)

    return serve
