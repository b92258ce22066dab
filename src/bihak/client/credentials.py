"""Who one is, and how the server comes to believe it."""

from collections.abc import Awaitable, Callable
from typing import Any

from bihak.protocol.types import Participant

Token = str | Callable[[], Awaitable[str]]


class Credentials:
    """Either a token, or in trusted mode a participant such as `user_1`. Raises ValueError for neither or both."""

    def __init__(self, token: Token | None, participant: str | None) -> None:
        if (token is None) == (participant is None):
            raise ValueError("a client needs either a token or, in trusted mode, a participant")
        self._token = token
        self._participant = None if participant is None else Participant.parse(participant)
        self._refused = 0

    @property
    def renewable(self) -> bool:
        """Whether there is a function that gives fresh tokens."""
        return callable(self._token)

    async def fields(self) -> dict[str, Any]:
        """What `auth` takes; a function is asked for a fresh token each time. Raises whatever that raises."""
        if self._participant is not None:
            return {"participant_type": self._participant.type, "participant_id": self._participant.id}
        return {"token": self._token if isinstance(self._token, str) or self._token is None else await self._token()}

    def accepted(self) -> None:
        self._refused = 0

    def may_try_again(self) -> bool:
        """After a refusal. A fresh token is worth one try; a second refusal in a row is the server's answer."""
        self._refused += 1
        return self.renewable and self._refused == 1
