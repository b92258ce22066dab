"""Who is at the other end when proxies stand in between, by the headers of those that are trusted."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp import web

from bihak.errors import SettingsError
from bihak.transports.upgrade import Upgrade


class TrustedProxies:
    """Reads X-Forwarded-For from the right, as far as the addresses are those of trusted proxies."""

    def __init__(self, networks: Sequence[str]) -> None:
        """Raises SettingsError for what is no address or network."""
        self._networks: list[IPv4Network | IPv6Network] = []
        for network in networks:
            try:
                self._networks.append(ip_network(network, strict=False))
            except ValueError:
                raise SettingsError(
                    f"TRUSTED_PROXIES={network} is not usable; it takes addresses or networks such as 10.0.0.0/8"
                ) from None

    def client_address(self, request: web.Request | Upgrade) -> str:
        """The first address from the right that is no trusted proxy's."""
        address = request.remote or ""
        if not self._networks:
            return address
        hops = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
        while self._trusts(address) and hops:
            hop = hops.pop().strip()
            if not hop:
                break
            address = hop
        return address

    def scheme(self, request: web.Request | Upgrade) -> str:
        """http or https, as the client sees it."""
        told = request.headers.get("X-Forwarded-Proto", "").strip().lower()
        return told if told in ("http", "https") and self._trusts(request.remote or "") else request.scheme

    def _trusts(self, address: str) -> bool:
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)
