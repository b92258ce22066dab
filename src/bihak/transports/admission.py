"""Which handshakes are let in: by their form, by the page they come from, and as long as there is room."""

import binascii
from base64 import b64decode
from collections import Counter
from http import HTTPStatus
from ipaddress import ip_address

import structlog
from aiohttp import web

from bihak.core.limits import network_of
from bihak.core.node import Node
from bihak.transports.auth import Origins
from bihak.transports.gate import Gate
from bihak.transports.proxies import TrustedProxies

log = structlog.stdlib.get_logger("bihak")

RETRY_AFTER = {"Retry-After": "2"}


class Admission:
    """Answers those that are refused before the upgrade, and counts the others."""

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

    def refusal(self, request: web.Request) -> web.Response | None:
        """The answer to a handshake that is not let in."""
        return self._malformed(request) or self._foreign(request) or self._crowded(request)

    def enter(self, request: web.Request) -> str:
        """Counts a connection; the address it comes from. `leave` must follow its end."""
        address = self._proxies.client_address(request)
        self._inside[network_of(address)] += 1
        return address

    def leave(self, address: str) -> None:
        network = network_of(address)
        self._inside[network] -= 1
        if not self._inside[network]:
            del self._inside[network]

    def _malformed(self, request: web.Request) -> web.Response | None:
        if request.headers.get("Sec-WebSocket-Version") != "13":
            headers = {"Sec-WebSocket-Version": "13"}
            return _refused(HTTPStatus.UPGRADE_REQUIRED, "WebSocket is spoken here in version 13.", headers)
        if request.method != "GET" or not _is_key(request.headers.get("Sec-WebSocket-Key", "")):
            return _refused(HTTPStatus.BAD_REQUEST, "An upgrade is a GET with a Sec-WebSocket-Key of 16 bytes.")
        assert request.transport is not None
        # RFC 6455 §4.1: no body, and nothing before the server's answer. A proxy may see another request in it.
        if request.can_read_body or not Gate.of(request.transport).ends_with_a_head:
            return _refused(HTTPStatus.BAD_REQUEST, "Nothing may follow the headers of an upgrade.")
        return None

    def _foreign(self, request: web.Request) -> web.Response | None:
        origins = request.headers.getall("Origin", [None])
        if all(self._origins.allows(origin, request.host, self._proxies.scheme(request)) for origin in origins):
            return None
        origin = ", ".join(map(str, origins))
        log.warning("origin refused", origin=origin, address=self._proxies.client_address(request))
        text = f"Pages from {origin!r} may not connect; ALLOWED_ORIGINS lists those that may."
        return _refused(HTTPStatus.FORBIDDEN, text)

    def _crowded(self, request: web.Request) -> web.Response | None:
        if self._node.draining or len(self._node.sessions) >= self._max_connections:
            return _refused(HTTPStatus.SERVICE_UNAVAILABLE, "Try again in a moment.", RETRY_AFTER)
        address = self._proxies.client_address(request)
        if (
            not self._max_per_address
            or self._inside[network_of(address)] < self._max_per_address
            or _is_this_machine(address)
        ):
            return None
        log.warning("too many connections of one address", address=address, most=self._max_per_address)
        return _refused(HTTPStatus.TOO_MANY_REQUESTS, "Too many connections are open.", RETRY_AFTER)


def _is_key(text: str) -> bool:
    """RFC 6455 §4.1."""
    try:
        return len(b64decode(text, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def _is_this_machine(address: str) -> bool:
    """It is not limited: a proxy on it that TRUSTED_PROXIES does not name would make everybody one address."""
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _refused(status: HTTPStatus, text: str, headers: dict[str, str] | None = None) -> web.Response:
    response = web.Response(status=status, text=f"{text}\n", headers=headers)
    response.force_close()  # whatever else it sent is not read as a request
    return response
