"""REDIS_URL: one Redis, or the one that Sentinels point at."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from redis.asyncio.connection import ConnectionPool

SENTINEL_PORT = 26379
SENTINEL_WITHIN_S = 0.8
CONNECT_WITHIN_S = 2.0

FORMS = "redis://[user:password@]host[:port][/db], rediss:// for TLS, or redis+sentinel://host[:port],.../service[/db]"


@dataclass(frozen=True)
class Sentinels:
    """Who knows where the master of a service is. User, password, TLS and db are the master's own."""

    addresses: list[tuple[str, int]]
    service: str
    username: str | None
    password: str | None
    db: int
    tls: bool
    options: dict[str, str]
    """`sentinel_username`, `sentinel_password`."""


def check_redis_url(url: str) -> None:
    """Raises ValueError, with what would be right, for what `open_pool` could not use."""
    try:
        parts = urlsplit(url)
        _ = parts.port if "," not in parts.netloc else None
        if "+sentinel" in parts.scheme:
            _parse_sentinels(parts)
        elif (
            parts.scheme not in ("redis", "rediss")
            or not parts.hostname
            or not (parts.path.strip("/") or "0").isdigit()
        ):
            raise ValueError
    except ValueError:
        raise ValueError(FORMS) from None


def without_secrets(url: str) -> str:
    """`url` as it may be shown."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def open_pool(url: str, *, reply_within_s: float | None = None) -> "ConnectionPool":
    """Makes connections to the Redis that `url` names, with one try each. Connects to nothing yet."""
    # Takes a fifth of a second, and most servers are alone.
    from redis.asyncio.connection import ConnectionPool
    from redis.asyncio.retry import Retry
    from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
    from redis.backoff import NoBackoff

    every: dict[str, Any] = {
        "socket_connect_timeout": CONNECT_WITHIN_S,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # what is published comes the same way from every version
    }
    options = every | {"socket_timeout": reply_within_s, "client_name": "bihak"}
    parts = urlsplit(url)
    if "+sentinel" not in parts.scheme:
        return ConnectionPool.from_url(url, **options)
    asked = _parse_sentinels(parts)
    impatient = every | {"socket_connect_timeout": SENTINEL_WITHIN_S, "socket_timeout": SENTINEL_WITHIN_S}
    for name in ("username", "password"):
        impatient[name] = asked.options.get(f"sentinel_{name}")
        options[name] = getattr(asked, name)
    sentinels = Sentinel(asked.addresses, sentinel_kwargs=impatient)
    return SentinelConnectionPool(asked.service, sentinels, ssl=asked.tls, db=asked.db, **options)


def _parse_sentinels(parts: SplitResult) -> Sentinels:
    """Raises ValueError."""
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if parts.scheme not in ("redis+sentinel", "rediss+sentinel") or not hosts or not service:
        raise ValueError(FORMS)
    user, _, password = credentials.partition(":")
    return Sentinels(
        addresses=[_address(each) for each in hosts.split(",")],
        service=service,
        username=unquote(user) or None,
        password=unquote(password) or None,
        db=int(db or 0),
        tls=parts.scheme == "rediss+sentinel",
        options=dict(parse_qsl(parts.query)),
    )


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):  # a bare name, or a bare address of IPv6
        return text.strip("[]"), SENTINEL_PORT
    return host.strip("[]"), int(port)
