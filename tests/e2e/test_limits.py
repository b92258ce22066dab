"""Rate limits and refused credentials, as they are met from outside."""

import time
from collections.abc import Iterator

import aiohttp
import pytest

from bihak.protocol.types import Participant
from bihak.transports.auth import make_token
from tests.e2e.client import Client
from tests.e2e.conftest import Connect
from tests.e2e.server import SECRET, ServerProcess

API_KEY, OLD_API_KEY = "the-platforms-new-key-of-32-bytes", "the-platforms-old-key-of-32-bytes"
TRIES = 5


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(
        tmp_path_factory.mktemp("limits"),
        AUTH_SECRET=SECRET,
        API_KEY=f"{API_KEY},{OLD_API_KEY}",
        TRUSTED_PROXIES="127.0.0.1",
        RATE_LIMIT_MESSAGES="3/60",
        RATE_LIMIT_AUTH=f"{TRIES}/60",
    )
    server.start()
    yield server
    assert server.stop() == 0


def token(user_id: str, secret: str = SECRET) -> str:
    return make_token(secret, Participant.parse(user_id), name=None, expires_at=int(time.time()) + 3600)


def bearer(credential: str, address: str, **headers: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}", "X-Forwarded-For": address, **headers}


async def test_over_http_a_limit_is_429_with_retry_after(server: ServerProcess, http: aiohttp.ClientSession) -> None:
    mine = bearer(token("user_1"), "203.0.113.1")
    statuses = []
    for _ in range(4):
        async with http.get(f"{server.url}/api/search?q=x", headers=mine) as response:
            statuses.append(response.status)
            headers, body = response.headers, await response.json()
    assert statuses == [200, 200, 200, 429]
    assert body["error"]["code"] == "rate_limited"
    assert body["error"]["retryable"] is True
    assert 0 < body["error"]["retry_after"] <= 20
    assert 1 <= int(headers["Retry-After"]) <= 20
    # Neither other things nor other people are concerned.
    async with http.get(f"{server.url}/api/conversations", headers=mine) as response:
        assert response.status == 200
    async with http.get(f"{server.url}/api/search?q=x", headers=bearer(token("user_2"), "203.0.113.1")) as response:
        assert response.status == 200


async def test_nobody_is_locked_out_by_what_others_try(
    server: ServerProcess, connect: Connect, http: aiohttp.ClientSession
) -> None:
    """Refused tokens count against where they come from; a good one is taken even from there."""

    async def attempt(credential: str, address: str) -> tuple[str, int | None]:
        client: Client = await connect(server, headers={"X-Forwarded-For": address})
        await client.send(type="auth", token=credential)
        heard = await client.next_frame()
        code = str(heard.get("code", heard["type"]))
        if code == "rate_limited":
            assert heard["retryable"] is True
            assert heard["retry_after"] > 0
        return code, await client.close_code() if heard["type"] == "error" else None

    forged = token("user_3", "x" * 32)
    verdicts = [await attempt(forged, "203.0.113.3") for _ in range(TRIES + 2)]
    assert verdicts == [("invalid_token", 4401)] * TRIES + [("rate_limited", 1013)] * 2
    # The same over HTTP, and with the keys of the platform: it is one count.
    for path in ("/api/conversations", "/api/participants/user_3"):
        method = "GET" if path == "/api/conversations" else "PUT"
        async with http.request(method, server.url + path, headers=bearer(forged, "203.0.113.3"), json={}) as response:
            assert response.status == 429
            assert int(response.headers["Retry-After"]) > 0
    # From elsewhere it is only wrong, and what is right is taken from everywhere.
    assert await attempt(forged, "203.0.113.4") == ("invalid_token", 4401)
    assert await attempt(token("user_3"), "203.0.113.3") == ("auth_success", None)
    async with http.get(f"{server.url}/api/conversations", headers=bearer(token("user_3"), "203.0.113.3")) as response:
        assert response.status == 200
    for key in (API_KEY, OLD_API_KEY):
        headers = bearer(key, "203.0.113.3", **{"X-Participant": "user_3"})
        async with http.get(f"{server.url}/api/conversations", headers=headers) as response:
            assert response.status == 200


async def test_an_expired_token_is_no_attack(server: ServerProcess, connect: Connect) -> None:
    """After a night in a suitcase every laptop of an office has one."""
    expired = make_token(SECRET, Participant("user", 1), name=None, expires_at=int(time.time()) - 60)
    for _ in range(TRIES + 2):
        client = await connect(server, headers={"X-Forwarded-For": "203.0.113.5"})
        assert (await client.ask("error", type="auth", token=expired))["code"] == "token_expired"
