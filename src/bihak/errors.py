"""Every error a client can meet: its code, HTTP status, close code, and whether to try again.

Three kinds of failure exist. A `ChatError` becomes one error reply and the connection stays. A `Disconnect` closes
the connection. Anything else is a bug: it is logged with an id, and the client sees `internal` with that id.
"""

import uuid
from enum import IntEnum
from typing import ClassVar


class ChatError(Exception):
    """A request that cannot be served; the client is told `code` and `message`.

    Subclasses fix the code. `retryable` promises that the same request, unchanged, may succeed later.
    """

    code: ClassVar[str]
    http_status: ClassVar[int]
    retryable: ClassVar[bool] = False
    default_message: ClassVar[str]

    def __init__(
        self,
        message: str | None = None,
        *,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.message = message or self.default_message
        self.field = field
        self.retry_after = retry_after
        super().__init__(self.message)


class InvalidFrame(ChatError):
    code = "invalid_frame"
    http_status = 400
    default_message = "The frame is not a JSON object."


class UnknownType(ChatError):
    code = "unknown_type"
    http_status = 404
    default_message = "Unknown message type"  # the first server's words, which its clients may compare


class InvalidField(ChatError):
    code = "invalid_field"
    http_status = 422
    default_message = "A field has a wrong type or value."


class NotAuthenticated(ChatError):
    code = "not_authenticated"
    http_status = 401
    default_message = "Send `auth` first."


class AlreadyAuthenticated(ChatError):
    code = "already_authenticated"
    http_status = 409
    default_message = "This connection belongs to another participant; open a new one."


class InvalidToken(ChatError):
    code = "invalid_token"
    http_status = 401
    default_message = "The token is missing or was not signed for this server."


class TokenExpired(ChatError):
    code = "token_expired"
    http_status = 401
    default_message = "The token has expired; authenticate again with a new one."


class NotFound(ChatError):
    """Also for what exists but is not the asker's: the two must not be told apart."""

    code = "not_found"
    http_status = 404
    default_message = "There is no such thing, or it is not yours."


class Forbidden(ChatError):
    code = "forbidden"
    http_status = 403
    default_message = "You may not do this."


class TooLarge(ChatError):
    code = "too_large"
    http_status = 413
    default_message = "This is larger than the server takes."


class Conflict(ChatError):
    code = "conflict"
    http_status = 409
    default_message = "This contradicts something that is already stored."


class RateLimited(ChatError):
    code = "rate_limited"
    http_status = 429
    retryable = True
    default_message = "Too many requests; wait a moment."


class TooManyConnections(ChatError):
    code = "too_many_connections"
    http_status = 429
    retryable = True
    default_message = "Too many connections are open."


class SlowConsumer(ChatError):
    code = "slow_consumer"
    http_status = 503
    retryable = True
    default_message = "The connection reads too slowly; reconnect and resume."


class Unavailable(ChatError):
    code = "unavailable"
    http_status = 503
    retryable = True
    default_message = "The server cannot do this just now; try again."


class Internal(ChatError):
    code = "internal"
    http_status = 500
    default_message = "Something went wrong on the server."

    def __init__(self) -> None:
        self.error_id = uuid.uuid4().hex[:12]
        """What the log has it under."""
        super().__init__(f"{self.default_message} It is logged as error {self.error_id}.")


ALL_ERRORS: tuple[type[ChatError], ...] = (
    InvalidFrame,
    UnknownType,
    InvalidField,
    NotAuthenticated,
    AlreadyAuthenticated,
    InvalidToken,
    TokenExpired,
    NotFound,
    Forbidden,
    TooLarge,
    Conflict,
    RateLimited,
    TooManyConnections,
    SlowConsumer,
    Unavailable,
    Internal,
)


class CloseCode(IntEnum):
    """WebSocket close codes (RFC 6455 §7.4; 4000 and up are the application's own).

    4401 and 4403 tell a client not to reconnect as it is; after the others it should, with jitter.
    """

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL = 1002
    LOST = 1006  # never on the wire: no close frame came
    INVALID_PAYLOAD = 1007
    POLICY = 1008
    TOO_LARGE = 1009
    INTERNAL = 1011
    TRY_AGAIN_LATER = 1013
    TOKEN = 4401
    REVOKED = 4403
    SLOW_CONSUMER = 4408
    TOO_MANY_CONNECTIONS = 4429


class Disconnect(Exception):
    """The connection must end with this close code, after `error` was told if there is one.

    `reason` goes into the close frame and the log.
    """

    def __init__(self, code: CloseCode, reason: str, error: ChatError | None = None) -> None:
        self.code = code
        self.reason = reason
        self.error = error
        super().__init__(f"{int(code)} {reason}")


class SettingsError(Exception):
    """A setting or the environment forbids to start; the text names it, its value and what would be right."""
