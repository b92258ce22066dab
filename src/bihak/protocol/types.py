"""Ids, names and timestamps, each constrained once."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, NamedTuple

from msgspec import Meta

MAX_ID = 2**53 - 1
"""The largest integer that JavaScript holds exactly."""

Id = Annotated[int, Meta(ge=1, le=MAX_ID)]
ConversationId = Id
MessageId = Id
Seq = Annotated[int, Meta(ge=0, le=MAX_ID)]
ParticipantType = Annotated[str, Meta(pattern="^[a-z]{1,16}$")]
UserId = Annotated[str, Meta(pattern="^[a-z]{1,16}_[1-9][0-9]{0,15}$")]
Scalar = str | int | float | bool | None

_USER_ID = re.compile(r"([a-z]{1,16})_([1-9][0-9]{0,15})")


class Participant(NamedTuple):
    """Somebody who may take part in conversations: a type of the platform's, and its id there."""

    type: str
    id: int

    @property
    def user_id(self) -> str:
        """Both in one string: `user_123`."""
        return f"{self.type}_{self.id}"

    @classmethod
    def parse(cls, user_id: str) -> "Participant":
        """The participant that `user_id` names. Raises ValueError for anything else."""
        match = _USER_ID.fullmatch(user_id)
        if match is None or int(match[2]) > MAX_ID:
            raise ValueError(f"not a user_id such as user_123: {user_id!r}")
        return cls(match[1], int(match[2]))


@lru_cache(maxsize=1024)
def format_time(ms: int) -> str:
    """RFC 3339 in UTC with milliseconds, from milliseconds since the epoch."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def is_web_address(text: str) -> bool:
    """Whether it is an http or https URL with a host, without blanks, controls, quotes and angle brackets."""
    return re.fullmatch(r"(?i:https?)://[^\s\x00-\x1f\x7f\"<>/?#][^\s\x00-\x1f\x7f\"<>]*", text) is not None


def time_or_none(ms: int | None) -> str | None:
    """As `format_time`; None stays None."""
    return None if ms is None else format_time(ms)
