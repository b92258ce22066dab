"""HTTP: the commands under /api, and the files of the web client."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import structlog
from aiohttp import web

from bihak.core.feature import Command
from bihak.core.identity import Actor, Identity
from bihak.core.node import Node
from bihak.errors import (
    ChatError,
    Disconnect,
    InvalidField,
    InvalidFrame,
    NotAuthenticated,
    NotFound,
    TooLarge,
)
from bihak.protocol.envelope import encode, field_error
from bihak.protocol.types import Participant
from bihak.transports.auth import ApiKeys
from bihak.transports.health import Health
from bihak.transports.websocket import WebSocketEndpoint

log = structlog.stdlib.get_logger("bihak")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; font-src 'self'; "
    "connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

WEB = Path(__file__).parent.parent / "web"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class HttpApi:
    """Runs each command that has a route, on behalf of the bearer."""

    def __init__(self, node: Node, admit: Callable[[Identity], Awaitable[Actor]], api_keys: ApiKeys) -> None:
        self._node = node
        self._admit = admit
        self._authenticator = node.authenticator
        self._api_keys = api_keys

    def routes(self) -> list[web.RouteDef]:
        """One for each command with a route."""
        found = []
        for command in self._node.dispatcher.commands.values():
            if command.route is not None:
                path = re.sub(r"{(\w+_id)}", r"{\1:[^/]+}", f"/api{command.route.path}")
                found.append(web.route(command.route.method, path, self._handler(command)))
        return found

    def _handler(self, command: Command) -> Handler:
        route = command.route
        assert route is not None
        numeric = _numeric_fields(command.request)

        async def handle(request: web.Request) -> web.Response:
            actor = await self._actor(request)
            body = await _body(request, self._node.options.max_frame_bytes)
            asked = _convert(body, {**request.query, **request.match_info}, command, numeric)
            reply = await self._node.call(asked, actor)
            if reply is None:
                return web.Response(status=204)
            return web.Response(
                body=encode(reply), status=route.status, content_type="application/json",
                headers={"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
            )

        return handle

    async def _actor(self, request: web.Request) -> Actor:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            if self._api_keys.match(token):
                return await self._admit(Identity(_named(request)))
            return await self._admit(await self._authenticator.verify(token.strip()))
        if self._authenticator.trusting and "X-Participant" in request.headers:
            return await self._admit(Identity(_named(request)))
        raise NotAuthenticated("Send `Authorization: Bearer <token>`.")


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Whatever goes wrong under /api is said as `{"error": {...}}` with the matching status."""
    if not request.path.startswith("/api/"):
        return await handler(request)
    try:
        return await handler(request)
    except ChatError as error:
        return _error(error)
    except Disconnect as end:
        return _error(end.error or NotAuthenticated(end.reason))
    except web.HTTPNotFound:
        return _error(NotFound("There is no such path."))
    except web.HTTPMethodNotAllowed as fault:
        response = _error(NotFound(f"{request.method} is not for this path."), status=405)
        response.headers["Allow"] = fault.headers["Allow"]
        return response
    except web.HTTPRequestEntityTooLarge:
        return _error(TooLarge())


def _error(error: ChatError, status: int | None = None) -> web.Response:
    said: dict[str, object] = {"code": error.code, "message": error.message, "retryable": error.retryable}
    headers = {"Cache-Control": "no-store"}
    if error.field is not None:
        said["field"] = error.field
    if error.retry_after is not None:
        said["retry_after"] = error.retry_after
        headers["Retry-After"] = str(max(1, round(error.retry_after)))
    if error.http_status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=msgspec.json.encode({"error": said}),
        status=status or error.http_status,
        content_type="application/json",
        headers=headers,
    )


def _named(request: web.Request) -> Participant:
    try:
        return Participant.parse(request.headers.get("X-Participant", ""))
    except ValueError:
        raise InvalidField(
            "X-Participant must be the user_id on whose behalf this is, such as user_123.", field="X-Participant"
        ) from None


async def _body(request: web.Request, max_bytes: int) -> dict[str, Any]:
    """The fields of a JSON body; none without a body."""
    if not request.can_read_body:
        return {}
    body = b""
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > max_bytes:
            raise TooLarge(f"A body has at most {max_bytes} bytes.")
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise InvalidFrame("The body is not JSON.") from None
    if not isinstance(fields, dict):
        raise InvalidFrame("The body is not a JSON object.")
    return fields


def _convert(body: dict[str, Any], words: dict[str, str], command: Command, numeric: frozenset[str]) -> Any:
    """The request. Paths and queries know only text, so there a whole number in digits will do for a number."""
    fields: dict[str, Any] = dict(body)
    for name, text in words.items():
        fields[name] = int(text) if name in numeric and re.fullmatch(r"0|[1-9][0-9]{0,15}", text) else text
    fields["type"] = command.name
    try:
        return msgspec.convert(fields, command.request)
    except msgspec.ValidationError as fault:
        raise field_error(fault) from None


def _numeric_fields(request: type) -> frozenset[str]:
    info = msgspec.inspect.type_info(request)
    assert isinstance(info, msgspec.inspect.StructType)
    return frozenset(field.name for field in info.fields if _is_number(field.type))


def _is_number(kind: msgspec.inspect.Type) -> bool:
    if isinstance(kind, msgspec.inspect.UnionType):
        kinds = [part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType)]
        return all(_is_number(part) for part in kinds)
    return isinstance(kind, msgspec.inspect.IntType)


def make_app(
    endpoint: WebSocketEndpoint, api: HttpApi, health: Health, api_keys: ApiKeys, client_config: dict[str, object]
) -> web.Application:
    """Everything that is served on the port."""

    async def root(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await endpoint.serve(request)
        return web.FileResponse(WEB / "app" / "index.html", headers=PAGE_HEADERS)

    async def config(request: web.Request) -> web.Response:
        return web.json_response(client_config, headers={"Cache-Control": "no-store"})

    async def metrics(request: web.Request) -> web.Response:
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        if not api_keys.match(key) and request.remote not in ("127.0.0.1", "::1"):
            raise web.HTTPForbidden(text="From this machine, or with the API key, only.\n")
        return await health.metrics(request)

    app = web.Application(middlewares=[errors_as_json])
    app.add_routes(
        [
            web.get("/", root),
            web.get("/ws", endpoint.serve),
            web.get("/config.json", config),
            web.get("/health", health.health),
            web.get("/ready", health.ready),
            web.get("/metrics", metrics),
            *api.routes(),
            web.get("/sdk.js", _file(WEB / "sdk" / "sdk.js")),
            web.static("/sdk", WEB / "sdk"),
            web.static("/app", WEB / "app"),
        ]
    )

    async def protect(request: web.Request, response: web.StreamResponse) -> None:
        if not request.path.startswith("/api/"):
            for name, value in PAGE_HEADERS.items():
                response.headers.setdefault(name, value)

    app.on_response_prepare.append(protect)
    return app


def _file(path: Path) -> Handler:
    async def serve(request: web.Request) -> web.FileResponse:
        return web.FileResponse(path)

    return serve
