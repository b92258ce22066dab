"""REDIS_URL: one Redis, or the one that Sentinels point at."""

from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis.asyncio.connection import ConnectionPool
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff

SENTINEL_PORT = 26379
CONNECT_WITHIN_S = 2.0
SENTINEL_WITHIN_S = 0.8

FORMS = "redis://[user:password@]host[:port][/db], rediss:// for TLS, or redis+sentinel://host[:port],.../service[/db]"


def check_redis_url(url: str) -> None:
    """Raises ValueError, with what would be right, for what `open_pool` could not use."""
    try:
        open_pool(url)
    except (ValueError, TypeError):
        raise ValueError(FORMS) from None


def is_sentinel(url: str) -> bool:
    return urlsplit(url).scheme in ("redis+sentinel", "rediss+sentinel")


def open_pool(url: str, *, reply_within_s: float | None = None) -> ConnectionPool:
    """Makes connections to the Redis that `url` names, one try each. Connects to nothing yet. Raises ValueError."""
    options: dict[str, Any] = {
        "socket_timeout": reply_within_s,
        "socket_connect_timeout": CONNECT_WITHIN_S,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,  # what is published comes the same way from every version
        "client_name": "bihak",
    }
    parts = urlsplit(url)
    if is_sentinel(url):
        return _sentinel_pool(parts, options)
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError(FORMS)
    if parts.path.strip("/") and not parts.path.strip("/").isdigit():
        raise ValueError(FORMS)
    return ConnectionPool.from_url(url, **options)


def _sentinel_pool(parts: SplitResult, options: dict[str, Any]) -> ConnectionPool:
    """User, password and TLS are Redis' own; `?sentinel_password=` and `?sentinel_username=` are the Sentinels'."""
    credentials, _, hosts = parts.netloc.rpartition("@")
    service, _, db = parts.path.strip("/").partition("/")
    if not hosts or not service or (db and not db.isdigit()):
        raise ValueError(FORMS)
    user, _, password = credentials.partition(":")
    options |= {"username": unquote(user) or None, "password": unquote(password) or None, "db": int(db or 0)}
    asked = dict(parse_qsl(parts.query))
    sentinels = Sentinel(
        [_address(each) for each in hosts.split(",")],
        sentinel_kwargs={
            "username": asked.get("sentinel_username"),
            "password": asked.get("sentinel_password"),
            "socket_timeout": SENTINEL_WITHIN_S,
            "socket_connect_timeout": SENTINEL_WITHIN_S,
            "retry": Retry(NoBackoff(), 0),
            "protocol": 2,
        },
    )
    return SentinelConnectionPool(service, sentinels, ssl=parts.scheme == "rediss+sentinel", **options)


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or port.endswith("]"):  # a bare name, or a bare address of IPv6
        return text.strip("[]"), SENTINEL_PORT
    return host.strip("[]"), int(port)
