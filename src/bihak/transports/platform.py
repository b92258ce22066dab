"""The platform's back end: its commands under /api, by API key, and tokens made on its behalf."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Protocol

from aiohttp import web
from msgspec import Meta

from bihak.core.feature import Command
from bihak.errors import Forbidden, InvalidField, NotAuthenticated
from bihak.protocol.envelope import Reply, Request
from bihak.protocol.schema import CommandDescription, HttpRoute
from bihak.protocol.types import Participant, UserId, format_time
from bihak.transports.auth import ApiKeys, FailedAttempts, make_token
from bihak.transports.bodies import RequestReader, bearer, path_pattern, reply_response
from bihak.transports.export import EXPORT_PARTICIPANT, Export, ExportParticipant, stream

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

MAX_BODY_BYTES = 4 << 20
"""A thousand participants with long addresses."""
DEFAULT_S = 24 * 3600
LONGEST_S = 366 * 24 * 3600


class CreateToken(Request, tag="create_token", kw_only=True):
    """Makes a token for a participant, valid for `hours`, or for `expires_in` seconds; else for a day.

    Needs AUTH_SECRET: with AUTH_PUBLIC_KEY or AUTH_JWKS_URL the platform alone can sign.
    """

    user_id: UserId
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    hours: Annotated[float, Meta(gt=0, le=LONGEST_S / 3600)] | None = None
    expires_in: Annotated[int, Meta(ge=1, le=LONGEST_S)] | None = None


class TokenCreated(Reply, tag="token", kw_only=True):
    """The token, and when it expires."""

    token: str
    expires_at: str


CREATE_TOKEN = CommandDescription(
    CreateToken,
    TokenCreated,
    on_socket=False,
    route=HttpRoute("POST", "/api/tokens", 201),
    for_platform=True,
)
BESIDES_COMMANDS = (CREATE_TOKEN, EXPORT_PARTICIPANT)
"""What the platform's back end can ask that is in no command table."""


class PlatformCommands(Protocol):
    """Where the platform's requests are served."""

    async def serve(self, request: Request) -> Reply | None:
        """Raises ChatError."""
        ...

    async def token_may_be_from(self, who: Participant) -> float:
        """The earliest time, in seconds since the epoch, at which a good token of `who` can have been made.

        Raises InvalidField where there is no such type of participant.
        """
        ...


class PlatformApi:
    """Every internal command that has a route, tokens and exports. The bearer is an API key, nothing else."""

    def __init__(
        self,
        platform: PlatformCommands,
        api_keys: ApiKeys,
        attempts: FailedAttempts,
        *,
        export: Export,
        token_secret: str | None,
        clock: Callable[[], float],
    ) -> None:
        self._platform = platform
        self._api_keys = api_keys
        self._attempts = attempts
        self._export = export
        self._token_secret = token_secret
        self._clock = clock

    def routes(self, commands: Iterable[Command]) -> list[web.RouteDef]:
        """For the internal ones of `commands`, and for `BESIDES_COMMANDS`."""
        export = EXPORT_PARTICIPANT.route
        assert export is not None
        found = [
            web.post("/api/tokens", self._serve(CreateToken, self._create_token, 201)),
            web.route(export.method, path_pattern(export.path), self._send_export),
        ]
        for command in commands:
            if command.internal and command.route is not None:
                path = path_pattern(f"/api{command.route.path}")
                handler = self._serve(command.request, self._platform.serve, command.route.status)
                found.append(web.route(command.route.method, path, handler))
        return found

    def _serve(self, kind: type[Request], serve: Callable[..., Awaitable[Reply | None]], status: int) -> Handler:
        reader = RequestReader(kind, MAX_BODY_BYTES)

        async def handle(request: web.Request) -> web.Response:
            self._require_key(request)
            return reply_response(await serve(await reader.read(request)), status)

        return handle

    async def _send_export(self, request: web.Request) -> web.StreamResponse:
        self._require_key(request)
        asked = await RequestReader(ExportParticipant, MAX_BODY_BYTES).read(request)
        return await stream(request, self._export(asked.user_id))

    def _require_key(self, request: web.Request) -> None:
        presented = bearer(request)
        if not presented:
            raise NotAuthenticated("Send `Authorization: Bearer <API_KEY>`.")
        if not self._api_keys.match(presented):
            self._attempts.count(request)
            raise Forbidden("This is for the platform's back end, by API_KEY.")

    async def _create_token(self, request: CreateToken) -> TokenCreated:
        if self._token_secret is None:
            raise Forbidden("This server has no AUTH_SECRET to sign tokens with; the platform signs them itself.")
        if request.hours is not None and request.expires_in is not None:
            raise InvalidField("Give `hours` or `expires_in`, not both.", field="expires_in")
        try:
            who = Participant.parse(request.user_id)
        except ValueError as fault:
            raise InvalidField(f"This is {fault}.", field="user_id") from None
        if request.name is not None and (not request.name.strip() or "\0" in request.name):
            raise InvalidField("A name needs at least one character, and none of them NUL.", field="name")
        valid_s = request.expires_in or (request.hours * 3600 if request.hours is not None else DEFAULT_S)
        issued_at = max(self._clock(), await self._platform.token_may_be_from(who))
        expires_at = int(issued_at + max(valid_s, 1))
        token = make_token(self._token_secret, who, name=request.name, expires_at=expires_at, issued_at=issued_at)
        return TokenCreated(token=token, expires_at=format_time(expires_at * 1000))
