"""What stands behind a new connection until its first bytes tell what it is: a WebSocket, or any other HTTP."""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from bihak.transports.heartbeat import Watch, Watched
from bihak.transports.upgrade import HEAD_END, Upgrade, read_upgrade


class Door(Protocol):
    """Lets WebSocket connections in."""

    watch: Watch

    def let_in(self, request: Upgrade, transport: asyncio.Transport) -> Watched | None:
        """Answers, and has the connection from then on. None if it is not to be let in; nothing was said then."""
        ...


class Gate(asyncio.Protocol):
    """Gives upgrades to the door, whole ones that it lets in; everything else to aiohttp, which can do it all.

    A connection that becomes a WebSocket at once never had what aiohttp keeps of a request. Implements `Newcomer`, and
    `Watched` until something comes.
    """

    __slots__ = ("_door", "_http", "_make_http", "_tail", "_transport", "watched")

    def __init__(self, make_http: Callable[[], asyncio.Protocol], door: Door) -> None:
        self._make_http = make_http
        self._door = door
        self._http: asyncio.Protocol | None = None
        self._tail = b""
        self._transport: asyncio.Transport
        self.watched: Watched | None = self

    @classmethod
    def of(cls, transport: asyncio.BaseTransport) -> "Gate":
        """The one that a request of aiohttp's came through."""
        gate = transport.get_protocol()
        assert isinstance(gate, cls)
        return gate

    @property
    def ends_with_a_head(self) -> bool:
        """Whether nothing was sent behind the headers of a request without a body."""
        return self._tail == HEAD_END

    @property
    def http(self) -> asyncio.Protocol:
        """aiohttp's side of it."""
        assert self._http is not None
        return self._http

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._door.watch.add(self)

    def look(self) -> float:
        """Nothing came."""
        self._transport.abort()
        return 0.0

    def data_received(self, data: bytes) -> None:
        if self._http is None:
            request = read_upgrade(data, self._transport)
            self.watched = self._door.let_in(request, self._transport) if request is not None else None
            if self.watched is not None:
                del self._transport  # the watch keeps the gate for a while
                return
            self._http = self._make_http()
            self._http.connection_made(self._transport)
        self._tail = (self._tail + data[-len(HEAD_END) :])[-len(HEAD_END) :]
        self._http.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.watched = None
        if self._http is not None:
            self._http.connection_lost(exc)

    def eof_received(self) -> bool | None:
        return self._http.eof_received() if self._http is not None else None

    def pause_writing(self) -> None:
        if self._http is not None:
            self._http.pause_writing()

    def resume_writing(self) -> None:
        if self._http is not None:
            self._http.resume_writing()
