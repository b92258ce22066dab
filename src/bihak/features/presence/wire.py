"""The frames of presence."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from bihak.protocol.envelope import Event, Reply, Request
from bihak.protocol.types import UserId

Status = Literal["online", "away", "offline"]


class SetStatus(Request, tag="set_status", kw_only=True):
    """Sets one's status on this connection: online or away; `offline` appears offline on every one, until set again."""

    status: Status


class GetStatus(Request, tag="get_status", kw_only=True):
    """The status of some people. Whoever is unknown is offline."""

    participants: Annotated[list[UserId], Meta(min_length=1, max_length=200)]


class GetOneStatus(Request, tag="get_one_status", kw_only=True):
    """The status of one person."""

    user_id: UserId


class SavePresence(Request, tag="save_presence", kw_only=True):
    """The server's own: stores what a participant's connections here amount to, and tells those it concerns."""

    status: Status
    conversations: tuple[int, ...] = ()
    appears_offline: bool | None = None
    """None: as before."""


class RenewPresence(Request, tag="renew_presence", kw_only=True):
    """The server's own: this node is still there, and with it everyone it has a lease for."""


class LeavePresence(Request, tag="leave_presence", kw_only=True):
    """The server's own: this node ends."""


class SweepPresence(Request, tag="sweep_presence", kw_only=True):
    """The server's own: whoever a dead node left behind is offline."""


class StatusOf(msgspec.Struct, kw_only=True):
    user_id: str
    status: str
    last_seen_at: str | None


class Statuses(Reply, tag="statuses", kw_only=True):
    statuses: list[StatusOf]


class StatusChange(Event, tag="status_change", kw_only=True):
    """Somebody came, went or turned away; once to each who shares a conversation with them."""

    user_id: str
    participant_type: str
    participant_id: int
    status: str
    timestamp: str
    last_seen_at: str
