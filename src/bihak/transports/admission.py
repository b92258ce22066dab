"""Which handshakes are let in: by their form, by the page they come from, and as long as there is room."""

import re
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address

import structlog
from aiohttp import web

from bihak.core.limits import network_of
from bihak.core.node import Node
from bihak.transports.auth import Origins
from bihak.transports.gate import Gate
from bihak.transports.proxies import TrustedProxies
from bihak.transports.upgrade import Upgrade, asks_to_upgrade

log = structlog.stdlib.get_logger("bihak")

_KEY = re.compile("[A-Za-z0-9+/]{22}==")
"""16 bytes in base64 (RFC 6455 §4.1)."""
RETRY_AFTER = {"Retry-After": "2"}


@dataclass(frozen=True)
class Refusal:
    """The answer to a handshake that is not let in."""

    status: HTTPStatus
    text: str
    headers: dict[str, str] = field(default_factory=dict)
    warning: str = ""
    """What the operator is told, where it concerns them, with `details`."""
    details: dict[str, object] = field(default_factory=dict)

    def as_response(self) -> web.Response:
        if self.warning:
            log.warning(self.warning, **self.details)
        response = web.Response(status=self.status, text=f"{self.text}\n", headers=self.headers)
        response.force_close()  # whatever else it sent is not read as a request
        return response


class Admission:
    """Refuses before the upgrade, and counts those that are let in."""

    def __init__(
        self, node: Node, origins: Origins, proxies: TrustedProxies, *, max_connections: int, max_per_address: int
    ) -> None:
        """`max_per_address`: 0 for any number."""
        self._node = node
        self._origins = origins
        self._proxies = proxies
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._inside: Counter[str] = Counter()

    def enter(self, request: web.Request | Upgrade) -> str | Refusal:
        """Counts a connection and gives the address it comes from, unless it is refused. `leave` must follow its end.

        The form of an `Upgrade` was looked at when it was read, but for its key and its version.
        """
        refused = self._malformed(request) or self._foreign(request)
        if refused is not None:
            return refused
        address = self._proxies.client_address(request)
        network = network_of(address)
        refused = self._crowded(address, network)
        if refused is not None:
            return refused
        self._inside[network] += 1
        return address

    def leave(self, address: str) -> None:
        network = network_of(address)
        self._inside[network] -= 1
        if not self._inside[network]:
            del self._inside[network]

    def _malformed(self, request: web.Request | Upgrade) -> Refusal | None:
        if request.headers.get("Sec-WebSocket-Version") != "13":
            headers = {"Sec-WebSocket-Version": "13"}
            return Refusal(HTTPStatus.UPGRADE_REQUIRED, "WebSocket is spoken here in version 13.", headers)
        keys = request.headers.getall("Sec-WebSocket-Key", ())
        if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
            return Refusal(HTTPStatus.BAD_REQUEST, "An upgrade is a GET with a Sec-WebSocket-Key of 16 bytes.")
        if isinstance(request, Upgrade):
            return None
        if request.method != "GET" or request.headers.get("Upgrade", "").strip().lower() != "websocket":
            return Refusal(HTTPStatus.BAD_REQUEST, "An upgrade is a GET with `Upgrade: websocket`.")
        if not asks_to_upgrade(",".join(request.headers.getall("Connection", ()))):
            return Refusal(HTTPStatus.BAD_REQUEST, "An upgrade has a header `Connection: Upgrade`.")
        assert request.transport is not None
        # RFC 6455 §4.1: no body, and nothing before the server's answer. A proxy may see another request in it.
        if request.can_read_body or not Gate.of(request.transport).ends_with_a_head:
            return Refusal(HTTPStatus.BAD_REQUEST, "Nothing may follow the headers of an upgrade.")
        return None

    def _foreign(self, request: web.Request | Upgrade) -> Refusal | None:
        origins = request.headers.getall("Origin", ())
        if not origins:
            return None  # no browser
        scheme = self._proxies.scheme(request)
        if all(self._origins.allows(origin, request.host, scheme) for origin in origins):
            return None
        origin = ", ".join(origins)
        return Refusal(
            HTTPStatus.FORBIDDEN,
            f"Pages from {origin!r} may not connect; ALLOWED_ORIGINS lists those that may.",
            warning="origin refused",
            details={"origin": origin, "address": self._proxies.client_address(request)},
        )

    def _crowded(self, address: str, network: str) -> Refusal | None:
        if self._node.draining or len(self._node.sessions) >= self._max_connections:
            return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a moment.", RETRY_AFTER)
        if not self._max_per_address or self._inside[network] < self._max_per_address or _is_this_machine(address):
            return None
        return Refusal(
            HTTPStatus.TOO_MANY_REQUESTS,
            "Too many connections are open.",
            RETRY_AFTER,
            warning="too many connections of one address",
            details={"address": address, "most": self._max_per_address},
        )


@lru_cache(maxsize=4096)
def _is_this_machine(address: str) -> bool:
    """It is not limited: a proxy on it that TRUSTED_PROXIES does not name would make everybody one address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
