"""Who is on a connection, and the seam to whoever can tell."""

import math
from dataclasses import dataclass, field
from typing import Protocol

from bihak.protocol.types import Participant


@dataclass(slots=True, unsafe_hash=True)
class Identity:
    """What a credential says. None: it says nothing of that, and what is stored stays.

    Not changed once it is made; a frozen class takes three times as long.
    """

    participant: Participant
    name: str | None = None
    avatar_url: str | None = None
    email: str | None = None
    expires_at: float | None = None
    """Seconds since the epoch; None: never."""
    issued_at: float | None = None
    """When its token was made, seconds since the epoch; 0: the token does not tell; None: there is no token."""


def is_revoked(issued_at: float, revoked_before_ms: int) -> bool:
    """Whether a token made then (see `Identity`) falls under a revocation of all that were made before that time."""
    return millisecond_of(issued_at) < revoked_before_ms


def millisecond_of(at_s: float) -> int:
    """The one that a time in seconds falls in. A float is off by less than a thousandth of one."""
    return math.floor(at_s * 1000 + 0.001)


@dataclass(slots=True, unsafe_hash=True)
class Actor:
    """On whose behalf a request is served. Not changed once it is made."""

    participant: Participant
    name: str
    is_moderator: bool = False
    """Whether it is one of the platform's admins."""
    user_id: str = field(init=False)

    def __post_init__(self) -> None:
        self.user_id = self.participant.user_id


class Authenticator(Protocol):
    """Tells who somebody is."""

    trusting: bool
    """Whether a participant's own word is enough."""

    def recall(self, token: str | None) -> Identity | None:
        """As `verify`, of a token that was found good before; None: look at it."""
        ...

    async def verify(self, token: str | None) -> Identity:
        """Who the token was made for. Raises InvalidToken or TokenExpired."""
        ...
