"""What a client does after its connection was closed, by the code it was closed with (docs/protocol.md)."""

from enum import Enum, auto

from bihak.errors import CloseCode


class After(Enum):
    """What follows the end of a connection."""

    RECONNECT = auto()
    """After a random moment."""
    RECONNECT_LATER = auto()
    """Not at once, whatever chance says: the server asks for patience, or this side has done something wrong."""
    FRESH_TOKEN = auto()
    """With a new token, if there is a way to get one; else not at all."""
    NEVER = auto()


_AFTER: dict[int, After] = {
    # The server has no reason of its own to end a session normally; a proxy in between may have one.
    CloseCode.NORMAL: After.RECONNECT,
    CloseCode.GOING_AWAY: After.RECONNECT,
    CloseCode.LOST: After.RECONNECT,
    CloseCode.PROTOCOL: After.RECONNECT_LATER,
    CloseCode.INVALID_PAYLOAD: After.RECONNECT_LATER,
    CloseCode.POLICY: After.RECONNECT_LATER,
    CloseCode.TOO_LARGE: After.RECONNECT_LATER,
    CloseCode.INTERNAL: After.RECONNECT,
    CloseCode.TRY_AGAIN_LATER: After.RECONNECT_LATER,
    CloseCode.TOKEN: After.FRESH_TOKEN,
    CloseCode.REVOKED: After.NEVER,
    CloseCode.SLOW_CONSUMER: After.RECONNECT,
    CloseCode.TOO_MANY_CONNECTIONS: After.RECONNECT_LATER,
}


def after_close(code: int | None) -> After:
    """None is a connection that was lost without a word."""
    return After.RECONNECT if code is None else _AFTER.get(code, After.RECONNECT)


def after_refusal(code: str, *, retryable: bool) -> After:
    """The same for the code of an error that answered `auth`."""
    if code in ("invalid_token", "token_expired"):
        return After.FRESH_TOKEN
    return After.RECONNECT_LATER if retryable else After.NEVER
