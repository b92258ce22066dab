"""Token mode: who gets in, and from which pages."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.e2e.conftest import Connect
from tests.e2e.server import SECRET, ServerProcess, run_bihak

OLD_SECRET = "the-secret-before-that-which-goes-on-for-a-day"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in token mode."""
    server = ServerProcess(
        tmp_path_factory.mktemp("tokens"),
        AUTH_SECRET=f"{SECRET},{OLD_SECRET}",
        API_KEY="the-platforms-own-key",
        ALLOWED_ORIGINS="https://platform.example",
        LOG_FORMAT="json",
    )
    server.start()
    yield server
    assert server.stop() == 0


def token_by_hand(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    """A JSON Web Token as RFC 7515 says, with nothing but the standard library."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    head = encoded(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    signed = f"{head}.{encoded(json.dumps(claims).encode())}"
    signature = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{encoded(signature) if algorithm != 'none' else ''}"


def in_an_hour() -> int:
    return int(time.time()) + 3600


async def test_a_token_of_the_platforms_is_accepted(server: ServerProcess, connect: Connect) -> None:
    token = token_by_hand({"sub": "user_7", "exp": in_an_hour(), "name": "Diane"})
    client = await connect(server)
    reply = await client.ask("auth_success", type="auth", token=token)
    assert (reply["user_id"], reply["name"], reply["conversations"]) == ("user_7", "Diane", [])


async def test_while_secrets_are_exchanged_tokens_of_both_are_accepted(server: ServerProcess, connect: Connect) -> None:
    for secret in (SECRET, OLD_SECRET):
        client = await connect(server)
        token = token_by_hand({"sub": "user_7", "exp": in_an_hour()}, secret=secret)
        assert (await client.ask("auth_success", type="auth", token=token))["user_id"] == "user_7"


async def test_a_token_of_the_command_line_is_accepted(server: ServerProcess, connect: Connect, tmp_path: Path) -> None:
    done = run_bihak(tmp_path, "token", "mentor_3", "--name", "Paul", AUTH_SECRET=SECRET)
    assert done.returncode == 0, done.stderr
    client = await connect(server)
    reply = await client.ask("auth_success", type="auth", token=done.stdout.strip())
    assert (reply["user_id"], reply["name"]) == ("mentor_3", "Paul")


REFUSED = {
    "another secret": (token_by_hand({"sub": "user_1", "exp": in_an_hour()}, secret="x" * 40), "invalid_token"),
    "both secrets in one": (
        token_by_hand({"sub": "user_1", "exp": in_an_hour()}, secret=f"{SECRET},{OLD_SECRET}"),
        "invalid_token",
    ),
    "not valid yet": (
        token_by_hand({"sub": "user_1", "exp": in_an_hour(), "nbf": in_an_hour() - 60}),
        "invalid_token",
    ),
    "no signature": (token_by_hand({"sub": "user_1", "exp": in_an_hour()}, algorithm="none"), "invalid_token"),
    "no exp": (token_by_hand({"sub": "user_1"}), "invalid_token"),
    "no sub": (token_by_hand({"exp": in_an_hour()}), "invalid_token"),
    "a sub that is nobody": (token_by_hand({"sub": "admin", "exp": in_an_hour()}), "invalid_token"),
    "expired": (token_by_hand({"sub": "user_1", "exp": int(time.time()) - 60}), "token_expired"),
    "an iat that is no time": (token_by_hand({"sub": "user_1", "exp": in_an_hour(), "iat": "now"}), "invalid_token"),
    "an iat of null": (token_by_hand({"sub": "user_1", "exp": in_an_hour(), "iat": None}), "invalid_token"),
    "an exp that is no time": (token_by_hand({"sub": "user_1", "exp": "tomorrow"}), "invalid_token"),
    "nonsense": ("nonsense", "invalid_token"),
    "empty": ("", "invalid_token"),
}


@pytest.mark.parametrize(("token", "code"), REFUSED.values(), ids=REFUSED)
async def test_any_other_token_is_refused_and_the_connection_closed(
    server: ServerProcess, connect: Connect, token: str, code: str
) -> None:
    client = await connect(server)
    error = await client.ask("error", type="auth", token=token)
    assert error["code"] == code
    assert await client.close_code() == 4401


async def test_ones_own_word_is_not_enough(server: ServerProcess, connect: Connect) -> None:
    client = await connect(server)
    error = await client.ask("error", type="auth", participant_type="user", participant_id=1)
    assert error["code"] == "invalid_token"
    assert await client.close_code() == 4401


async def test_an_origin_that_is_allowed_may_connect(server: ServerProcess, connect: Connect) -> None:
    for origin in ("https://platform.example", server.url):
        client = await connect(server, origin=origin)
        await client.ask("pong", type="ping")


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://localhost:1", "null", "https://platform.example.evil.example"]
)
async def test_any_other_origin_is_refused(server: ServerProcess, connect: Connect, origin: str) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await connect(server, origin=origin)
    assert refused.value.status == 403


async def test_pages_from_this_machine_may_connect_in_trusted_mode(demo: ServerProcess, connect: Connect) -> None:
    for origin in ("http://localhost", "http://127.0.0.1:5173"):
        await (await connect(demo, origin=origin)).ask("pong", type="ping")
    for origin in ("null", "https://evil.example"):
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await connect(demo, origin=origin)


async def test_http_takes_the_same_tokens(server: ServerProcess, http: aiohttp.ClientSession) -> None:
    async def status(headers: dict[str, str]) -> tuple[int, Any]:
        async with http.get(f"{server.url}/api/conversations", headers=headers) as response:
            return response.status, await response.json()

    good = token_by_hand({"sub": "user_8", "exp": in_an_hour()})
    assert (await status({"Authorization": f"Bearer {good}"}))[0] == 200
    for refused in ({}, {"Authorization": "Bearer nonsense"}, {"X-Participant": "user_8"}):
        code, body = await status(refused)
        assert code == 401
        assert body["error"]["code"] in ("invalid_token", "not_authenticated")


async def test_the_platform_asks_on_behalf_of_a_participant(server: ServerProcess, http: aiohttp.ClientSession) -> None:
    token = token_by_hand({"sub": "user_9", "exp": in_an_hour()})
    async with http.get(f"{server.url}/api/conversations", headers={"Authorization": f"Bearer {token}"}) as response:
        assert response.status == 200  # known from now on
    headers = {"Authorization": "Bearer the-platforms-own-key", "X-Participant": "user_9"}
    async with http.get(f"{server.url}/api/conversations", headers=headers) as response:
        assert response.status == 200
    async with http.get(f"{server.url}/api/conversations", headers={**headers, "X-Participant": "me"}) as response:
        assert response.status == 422
