"""How a feature declares its commands, and the kinds of command there are."""

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, ClassVar, TypeVar

from bihak.cluster.envelope import Envelope
from bihak.core.lane import Turn
from bihak.core.limits import Limit
from bihak.core.session import Session
from bihak.protocol.envelope import DurableEvent, Reply, Request

R = TypeVar("R", bound=Request)


class Kind(Enum):
    """Where a command's handler runs, and what it may touch."""

    LIVE = auto()
    """On the event loop, at once, over what is in memory."""
    TASK = auto()
    """A coroutine on the event loop; the connection's later requests wait for it."""
    LATER = auto()
    """On the event loop, at once; it sees to it that its visit is finished, and may wait first. A TASK that may not."""
    READ = auto()
    """On a reader thread, over one snapshot of the database."""
    WRITE = auto()
    """On the writer thread, in a transaction shared with other requests."""
    WRITE_MANY = auto()
    """As WRITE; the handler takes all such requests of the transaction at once."""


_TURNS = {
    Kind.LIVE: Turn.LIVE,
    Kind.TASK: Turn.ALONE,
    Kind.LATER: Turn.ALONE,
    Kind.READ: Turn.ALONE,
    Kind.WRITE: Turn.WRITE,
    Kind.WRITE_MANY: Turn.WRITE,
}


@dataclass(frozen=True)
class Route:
    """The HTTP twin of a command. `path` is below /api; its `{names}` are the request's fields."""

    method: str
    path: str
    status: int = 200


@dataclass(frozen=True)
class Command:
    """One row of the command table."""

    request: type[Request]
    kind: Kind
    handler: Callable[..., Any]
    route: Route | None = None
    needs_auth: bool = True
    limit: Limit = Limit.REQUESTS
    """What it counts against, unless it is internal."""
    internal: bool = False
    """Whether it is the server's own, which no client can send; one with a route is for the platform's back end."""
    is_activity: bool = True
    """Whether it shows that somebody is at the device."""
    reply: type[Reply] | None = None
    """What answers it, where the handler's return annotation does not tell."""
    may_presume: bool = False
    """Whether its places may be presumed, not locked: for each request that it does not refuse it records an event."""
    turn: Turn = field(init=False)
    """How it shares its connection with other requests."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "turn", _TURNS[self.kind])

    @property
    def is_the_servers_own(self) -> bool:
        """Whether nobody outside asks for it: neither a client nor the platform's back end."""
        return self.internal and self.route is None

    @property
    def name(self) -> str:
        """The `type` of its frames."""
        return str(self.request.__struct_config__.tag)


_DECLARED = "__bihak_command__"


def _declare(kind: Kind, request: type[Request], **options: Any) -> Callable[[Any], Any]:
    def decorate(handler: Any) -> Any:
        setattr(handler, _DECLARED, (kind, request, options))
        return handler

    return decorate


def live(
    request: type[R],
    *,
    route: Route | None = None,
    needs_auth: bool = True,
    is_activity: bool = True,
    limit: Limit = Limit.REQUESTS,
) -> Callable[[Any], Any]:
    """Declares `handler(self, session, request) -> Reply | None`, a `Kind.LIVE` command.

    Asked over HTTP, the session is one without a connection.
    """
    return _declare(Kind.LIVE, request, route=route, needs_auth=needs_auth, is_activity=is_activity, limit=limit)


def task(
    request: type[R],
    *,
    route: Route | None = None,
    needs_auth: bool = True,
    internal: bool = False,
    is_activity: bool = True,
    limit: Limit = Limit.REQUESTS,
) -> Callable[[Any], Any]:
    """Declares `async handler(self, session, request) -> Reply | None`, a `Kind.TASK` command; else as `live`."""
    return _declare(
        Kind.TASK,
        request,
        route=route,
        needs_auth=needs_auth,
        internal=internal,
        is_activity=is_activity,
        limit=limit,
    )


def later(request: type[R], *, reply: type[Reply], needs_auth: bool = True) -> Callable[[Any], Any]:
    """Declares `handler(self, visit) -> None`, a `Kind.LATER` command, of connections only."""
    return _declare(Kind.LATER, request, reply=reply, needs_auth=needs_auth)


def read(request: type[R], *, route: Route | None = None, limit: Limit = Limit.HISTORY) -> Callable[[Any], Any]:
    """Declares `handler(self, query, request) -> Reply`, a `Kind.READ` command."""
    return _declare(Kind.READ, request, route=route, limit=limit)


def write(
    request: type[R], *, route: Route | None = None, internal: bool = False, limit: Limit = Limit.CHANGES
) -> Callable[[Any], Any]:
    """Declares `handler(self, tx, request) -> Reply | None`, a `Kind.WRITE` command."""
    return _declare(Kind.WRITE, request, route=route, internal=internal, limit=limit)


def write_many(
    request: type[R],
    *,
    route: Route | None = None,
    internal: bool = False,
    limit: Limit = Limit.CHANGES,
    reply: type[Reply] | None = None,
    may_presume: bool = False,
) -> Callable[[Any], Any]:
    """Declares `handler(self, tx, calls) -> None`, a `Kind.WRITE_MANY` command; it sets each call's outcome.

    `reply` says what that is when it is no error; `may_presume`: as in `Command`.
    """
    return _declare(
        Kind.WRITE_MANY, request, route=route, internal=internal, limit=limit, reply=reply, may_presume=may_presume
    )


class Feature:
    """One slice of the product. A subclass declares commands with the decorators above and overrides what it needs.

    `catalog.py` makes each with the node it belongs to.
    """

    events: ClassVar[Sequence[type[DurableEvent]]] = ()
    """The durable events it records, so that they can be replayed."""

    def commands(self) -> Iterator[Command]:
        """Its rows of the command table, in the order they are written."""
        for name in vars(type(self)):
            declared = getattr(getattr(type(self), name), _DECLARED, None)
            if declared:
                kind, request, options = declared
                yield Command(request, kind, getattr(self, name), **options)

    def session_opened(self, session: Session) -> None:
        """Called on the event loop once a session is authenticated and in its rooms."""

    def session_closed(self, session: Session) -> None:
        """Called on the event loop when such a session is lost, before it leaves its rooms."""

    def session_returned(self, session: Session) -> None:
        """Called on the event loop when a session that `is_idle` shows that somebody is there."""

    def draining(self) -> None:
        """Called on the event loop when every connection is closed and the writer still serves: the last word."""

    def committed(self, events: Sequence[DurableEvent]) -> None:
        """Called on the event loop after a transaction of this node, with all it recorded; on the hot path."""

    def delivered(self, conversation_id: int, envelopes: Sequence[Envelope]) -> None:
        """Called on the event loop with what was delivered in a room, whichever node it is from; on the hot path."""

    def background(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Coroutine functions that run as long as the node does."""
        return ()
