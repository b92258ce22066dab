"""REDIS_URL, taken apart."""

import pytest
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.sentinel import SentinelConnectionPool, SentinelManagedSSLConnection

from bihak.cluster.redis_url import FORMS, check_redis_url, open_pool, without_secrets


@pytest.mark.parametrize(
    ("url", "kind", "host", "port", "db", "password"),
    [
        ("redis://cache", Connection, "cache", None, None, None),
        ("redis://:p%40ss@cache:7000/3", Connection, "cache", 7000, 3, "p@ss"),
        ("rediss://user:pass@cache", SSLConnection, "cache", None, None, "pass"),
    ],
)
def test_one_redis_is_named_by_an_ordinary_url(
    url: str, kind: type, host: str, port: int | None, db: int | None, password: str | None
) -> None:
    check_redis_url(url)
    pool = open_pool(url)
    assert pool.connection_class is kind
    found = [pool.connection_kwargs.get(name) for name in ("host", "port", "db", "password")]
    assert found == [host, port, db, password]


def test_sentinels_are_listed_before_their_service() -> None:
    url = "rediss+sentinel://user:pass@one,two:5000,[::1]:6000/chat/2?sentinel_password=other"
    check_redis_url(url)
    pool = open_pool(url)
    assert isinstance(pool, SentinelConnectionPool)
    assert pool.connection_class is SentinelManagedSSLConnection
    assert pool.service_name == "chat"
    known = [each.connection_pool.connection_kwargs for each in pool.sentinel_manager.sentinels]
    assert [(each["host"], each["port"]) for each in known] == [("one", 26379), ("two", 5000), ("::1", 6000)]
    assert {each["password"] for each in known} == {"other"}
    assert [pool.connection_kwargs[name] for name in ("username", "password", "db")] == ["user", "pass", 2]


@pytest.mark.parametrize(
    "url",
    [
        "localhost",
        "http://localhost",
        "redis://",
        "redis://host:port",
        "redis://host/name",
        "redis+sentinel://host",
        "redis+sentinel:///service",
        "redis+sentinel://host:port/service",
        "redis+sentinel://host/service/name",
        "other+sentinel://host/service",
    ],
)
def test_what_cannot_be_used_is_refused_with_what_can(url: str) -> None:
    with pytest.raises(ValueError, match="redis") as refused:
        check_redis_url(url)
    assert str(refused.value) == FORMS


def test_a_password_is_not_shown() -> None:
    assert without_secrets("redis://user:secret@cache:1/2") == "redis://cache:1/2"
    assert "secret" not in without_secrets("redis+sentinel://a,b/chat?sentinel_password=secret")
