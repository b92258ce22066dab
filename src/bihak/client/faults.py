"""What can go wrong for a user of the client library: one class for each code, so that a program may tell them apart.

The codes are those of the protocol, and a few that arise on this side.
"""

from typing import ClassVar

from bihak.client.replies import ErrorReply


class Fault(Exception):
    """A request that was not carried out.

    `retryable`: the same request may succeed later; `retry_after`, if known, says in how many seconds. `field` names
    what is wrong with the request.
    """

    CODE: ClassVar[str] = ""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        retryable: bool = False,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.CODE
        self.retryable = retryable
        self.field = field
        self.retry_after = retry_after


class InvalidFrame(Fault):
    CODE = "invalid_frame"


class UnknownType(Fault):
    """The server is older than this library."""

    CODE = "unknown_type"


class InvalidField(Fault):
    CODE = "invalid_field"


class NotAuthenticated(Fault):
    CODE = "not_authenticated"


class AlreadyAuthenticated(Fault):
    CODE = "already_authenticated"


class InvalidToken(Fault):
    CODE = "invalid_token"


class TokenExpired(Fault):
    CODE = "token_expired"


class NotFound(Fault):
    """It does not exist, or is not yours: which one is not told."""

    CODE = "not_found"


class Forbidden(Fault):
    CODE = "forbidden"


class TooLarge(Fault):
    CODE = "too_large"


class Conflict(Fault):
    CODE = "conflict"


class RateLimited(Fault):
    CODE = "rate_limited"


class TooManyConnections(Fault):
    CODE = "too_many_connections"


class SlowConsumer(Fault):
    CODE = "slow_consumer"


class Unavailable(Fault):
    CODE = "unavailable"


class Internal(Fault):
    CODE = "internal"


class Disconnected(Fault):
    """There is no connection, or it was lost before the answer: the request may have been carried out or not."""

    CODE = "disconnected"


class TimedOut(Fault):
    """No answer came in time: the request may have been carried out or not."""

    CODE = "timed_out"


class Closed(Fault):
    """The client was closed before the answer."""

    CODE = "closed"


class SessionRevoked(Fault):
    """The platform has ended this participant's sessions."""

    CODE = "session_revoked"


class Unreadable(Fault):
    """The answer is not what the protocol says."""

    CODE = "unreadable"


_BY_CODE: dict[str, type[Fault]] = {kind.CODE: kind for kind in Fault.__subclasses__()}


def fault_of(reply: ErrorReply) -> Fault:
    """The exception for an `error` frame; a plain Fault where the code is not known here."""
    return _BY_CODE.get(reply.code, Fault)(
        reply.message,
        code=reply.code,
        retryable=reply.retryable,
        field=reply.field,
        retry_after=reply.retry_after,
    )


def disconnected() -> Disconnected:
    return Disconnected("The connection was lost.", retryable=True)
