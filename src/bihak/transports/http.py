"""HTTP: the commands under /api, and the files of the web client."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bihak.core.feature import Command
from bihak.core.identity import Actor, Identity
from bihak.core.node import Node
from bihak.errors import (
    ChatError,
    Disconnect,
    Internal,
    InvalidField,
    InvalidToken,
    NotAuthenticated,
    NotFound,
    TooLarge,
)
from bihak.protocol.types import Participant
from bihak.transports.auth import ApiKeys, FailedAttempts
from bihak.transports.bodies import RequestReader, bearer, error_response, path_pattern, reply_response
from bihak.transports.documents import Documents, describe_all
from bihak.transports.files import Files
from bihak.transports.health import Health
from bihak.transports.platform import BESIDES_COMMANDS, PlatformApi
from bihak.transports.websocket import WebSocketEndpoint

log = structlog.stdlib.get_logger("bihak")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https: http:; font-src 'self'; "
    "connect-src 'self' ws: wss:; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)
PAGE_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}

DATA_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Of what is no page: should a browser be made to show it, it does nothing."""
HSTS = "max-age=31536000"

WEB = Path(__file__).parent.parent / "web"


class HttpApi:
    """Runs each command of clients that has a route, on behalf of the bearer.

    `admit` lets in whoever a credential names, `require` whoever the platform has told of; the API key makes nobody up.
    """

    def __init__(
        self,
        node: Node,
        admit: Callable[[Identity], Awaitable[Actor]],
        require: Callable[[Participant], Awaitable[Actor]],
        api_keys: ApiKeys,
        attempts: FailedAttempts,
    ) -> None:
        self._node = node
        self._admit = admit
        self._require = require
        self._authenticator = node.authenticator
        self._api_keys = api_keys
        self._attempts = attempts

    @property
    def commands(self) -> Collection[Command]:
        """The command table."""
        return self._node.dispatcher.commands.values()

    def routes(self) -> list[web.RouteDef]:
        """One for each command of clients with a route."""
        found = []
        for command in self.commands:
            if command.route is not None and not command.internal:
                path = path_pattern(f"/api{command.route.path}")
                found.append(web.route(command.route.method, path, self._handler(command)))
        return found

    def _handler(self, command: Command) -> Handler:
        route = command.route
        assert route is not None
        reader = RequestReader(command.request, self._node.options.max_frame_bytes)

        async def handle(request: web.Request) -> web.Response:
            actor = await self._actor(request)
            reply = await self._node.call(await reader.read(request), actor)
            return reply_response(reply, route.status)

        return handle

    async def _actor(self, request: web.Request) -> Actor:
        token = bearer(request)
        if token:
            if self._api_keys.match(token):
                return await self._require(_named(request))
            try:
                return await self._admit(await self._authenticator.verify(token))
            except InvalidToken:
                self._attempts.count(request)
                raise
        if self._authenticator.trusting and "X-Participant" in request.headers:
            return await self._admit(Identity(_named(request)))
        raise NotAuthenticated("Send `Authorization: Bearer <token>`.")


def errors_as_json(errors: Counter[str]) -> Middleware:
    """Says whatever goes wrong under /api as `{"error": {...}}` with the matching status, and counts it by code."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith("/api/"):
            return await handler(request)
        status, headers = None, {}
        try:
            return await handler(request)
        except web.HTTPMethodNotAllowed as fault:
            error: ChatError = NotFound(f"{request.method} is not for this path.")
            status, headers = 405, {"Allow": fault.headers["Allow"]}
        except Exception as fault:
            error = _error_of(fault, request.path)
        errors[error.code] += 1
        response = error_response(error, status)
        response.headers.update(headers)
        return response

    return answer


def _error_of(fault: Exception, path: str) -> ChatError:
    match fault:
        case ChatError():
            return fault
        case Disconnect():
            return fault.error or NotAuthenticated(fault.reason)
        case web.HTTPNotFound():
            return NotFound("There is no such path.")
        case web.HTTPRequestEntityTooLarge():
            return TooLarge()
        case web.HTTPException():
            raise fault
    unforeseen = Internal()
    log.error("error", error_id=unforeseen.error_id, path=path, exc_info=fault)
    return unforeseen


def _named(request: web.Request) -> Participant:
    try:
        return Participant.parse(request.headers.get("X-Participant", ""))
    except ValueError:
        raise InvalidField(
            "X-Participant must be the user_id on whose behalf this is, such as user_123.", field="X-Participant"
        ) from None


def make_app(
    endpoint: WebSocketEndpoint,
    api: HttpApi,
    platform: PlatformApi,
    health: Health,
    api_keys: ApiKeys,
    client_config: dict[str, object],
    scheme_of: Callable[[web.Request], str],
    errors: Counter[str],
) -> web.Application:
    """Everything that is served on the port. `errors` counts what clients are refused over HTTP, by code."""

    async def root(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await endpoint.serve(request)
        return await index(request)

    async def config(request: web.Request) -> web.Response:
        return web.json_response(client_config, headers={**DATA_HEADERS, "Cache-Control": "no-store"})

    async def metrics(request: web.Request) -> web.Response:
        _, _, key = request.headers.get("Authorization", "").partition(" ")
        if not api_keys.match(key) and not _is_local(request):
            raise web.HTTPForbidden(text="From this machine, or with the API key, only.\n")
        return await health.metrics(request)

    files = Files(WEB)
    folders = ("app", "sdk", "widget", *(("demo",) if client_config["people"] else ()))
    index = files.serve_one("app/index.html")
    described = [*describe_all(api.commands), *BESIDES_COMMANDS]
    documents = Documents(described, PAGE_HEADERS, version=str(client_config["version"]))
    app = web.Application(middlewares=[errors_as_json(errors)])
    app.add_routes(
        [
            web.get("/", root),
            web.get("/ws", endpoint.serve),
            web.get("/config.json", config),
            web.get("/health", health.health),
            web.get("/ready", health.ready),
            web.get("/metrics", metrics),
            *api.routes(),
            *platform.routes(api.commands),
            *documents.routes(),
            web.get("/sdk.js", files.serve_one("sdk.js")),
            # A service worker answers for the folder that it comes from.
            web.get("/service.js", files.serve_one("app/service.js")),
            web.get("/widget.js", files.serve_one("widget.js")),
            web.get(f"/{{path:(?:{'|'.join(folders)})/.+}}", files.serve),
        ]
    )

    async def protect(request: web.Request, response: web.StreamResponse) -> None:
        # What is only part of a page brings a policy of its own.
        if "Content-Security-Policy" not in response.headers:
            for name, value in (DATA_HEADERS if request.path.startswith("/api/") else PAGE_HEADERS).items():
                response.headers.setdefault(name, value)
        # Which version of what answers is nobody's business.
        response.headers.pop("Server", None)
        if scheme_of(request) == "https":
            response.headers["Strict-Transport-Security"] = HSTS

    app.on_response_prepare.append(protect)
    return app


def _is_local(request: web.Request) -> bool:
    """Whether it comes from this machine itself, and not through a proxy on it."""
    return request.remote in ("127.0.0.1", "::1") and "X-Forwarded-For" not in request.headers
