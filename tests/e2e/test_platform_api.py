"""What the platform's back end does by API key: people, tokens, the end of sessions, messages of the system's own."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import pytest

from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, ServerProcess
from tests.e2e.test_tokens import token_by_hand

API_KEY = "the-platforms-own-key"

Answer = tuple[int, dict[str, Any]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in token mode."""
    server = ServerProcess(tmp_path_factory.mktemp("platform"), AUTH_SECRET=SECRET, API_KEY=API_KEY)
    server.start()
    yield server
    assert server.is_running(), server.log_lines()[-20:]
    assert server.stop() == 0


class Platform:
    """The platform's back end."""

    def __init__(self, server: ServerProcess, http: aiohttp.ClientSession) -> None:
        self.server = server
        self._http = http

    async def ask(
        self, method: str, path: str, body: object = None, *, on_behalf_of: str | None = None, key: str = API_KEY
    ) -> Answer:
        headers = {"Authorization": f"Bearer {key}"}
        if on_behalf_of is not None:
            headers["X-Participant"] = on_behalf_of
        url = f"{self.server.url}/api{path}"
        async with self._http.request(method, url, json=body, headers=headers) as response:
            return response.status, await response.json()

    async def do(self, method: str, path: str, body: object = None, *, on_behalf_of: str | None = None) -> Any:
        status, answer = await self.ask(method, path, body, on_behalf_of=on_behalf_of)
        assert 200 <= status < 300, answer
        return answer

    async def refused(self, method: str, path: str, body: object = None, **options: Any) -> tuple[int, str]:
        status, answer = await self.ask(method, path, body, **options)
        return status, answer["error"]["code"]

    async def token(self, user_id: str, **fields: Any) -> str:
        answer = await self.do("POST", "/tokens", {"user_id": user_id, **fields})
        return str(answer["token"])

    async def find(self, asker: str, q: str) -> list[dict[str, Any]]:
        reply = await self.do("GET", f"/participants?q={q}", on_behalf_of=asker)
        return list(reply["participants"])

    async def team(self, founder: str, *others: str) -> int:
        """A conversation of people who become known by it."""
        for user_id in (founder, *others):
            await self.do("PUT", f"/participants/{user_id}", {"name": f"Name of {user_id}"})
        asked = {"conversation_type": "team", "participants": list(others), "name": "A team"}
        reply = await self.do("POST", "/conversations", asked, on_behalf_of=founder)
        return int(reply["conversation"]["conversation_id"])


@pytest.fixture
def platform(server: ServerProcess, http: aiohttp.ClientSession) -> Platform:
    return Platform(server, http)


# People


async def test_somebody_put_is_known_under_that_name(platform: Platform, person: Callable[[], str]) -> None:
    ann, bob = person(), person()
    assert await platform.refused("GET", "/conversations", on_behalf_of=ann) == (404, "not_found")
    await platform.do("PUT", f"/participants/{ann}", {"name": " Ann Putting ", "avatar_url": "https://x.example/a.png"})
    await platform.do("PUT", f"/participants/{bob}", {"name": "Bob Putting", "email": "bob@example.org"})
    (found,) = await platform.find(bob, "ann+putting")
    assert (found["user_id"], found["name"], found["avatar_url"]) == (ann, "Ann Putting", "https://x.example/a.png")


async def test_what_is_left_out_stays_and_null_removes(platform: Platform, person: Callable[[], str]) -> None:
    ann, bob = person(), person()
    for user_id in (ann, bob):
        picture = f"https://x.example/{user_id}.png"
        await platform.do("PUT", f"/participants/{user_id}", {"name": f"Stays {user_id}", "avatar_url": picture})
    await platform.do("PUT", f"/participants/{ann}", {"name": f"Changed {ann}"})
    (found,) = await platform.find(bob, f"changed+{ann}")
    assert found["avatar_url"] == f"https://x.example/{ann}.png"
    await platform.do("PUT", f"/participants/{ann}", {"avatar_url": None})
    (found,) = await platform.find(bob, f"changed+{ann}")
    assert found["avatar_url"] is None


async def test_somebody_put_without_a_name_is_called_by_their_user_id(
    platform: Platform, person: Callable[[], str]
) -> None:
    ann, bob = person(), person()
    await platform.do("PUT", f"/participants/{ann}", {})
    await platform.do("PUT", f"/participants/{bob}")
    (found,) = await platform.find(ann, bob)
    assert found["name"] == bob


async def test_many_are_put_at_once(platform: Platform) -> None:
    crowd = [{"user_id": f"mentor_{n}", "name": f"Crowd {n:04}", "email": "x" * 300} for n in range(1, 1001)]
    await platform.do("PUT", "/participants", {"participants": crowd})
    crowd[6]["name"] = "Crowdsecond 0007"
    await platform.do("PUT", "/participants", {"participants": crowd})
    assert [found["user_id"] for found in await platform.find("mentor_1", "crowdsecond")] == ["mentor_7"]
    assert len(await platform.find("mentor_1", "crowd")) == 20
    status, _ = await platform.ask("PUT", "/participants", {"participants": [*crowd, {"user_id": "mentor_1001"}]})
    assert status == 422


async def test_of_many_either_all_or_none_are_put(platform: Platform, person: Callable[[], str]) -> None:
    ann = person()
    asked = {"participants": [{"user_id": ann, "name": "Halfway"}, {"user_id": "robot_1", "name": "A robot"}]}
    assert await platform.refused("PUT", "/participants", asked) == (422, "invalid_field")
    assert await platform.refused("GET", "/unread", on_behalf_of=ann) == (404, "not_found")


@pytest.mark.parametrize(
    ("user_id", "fields"),
    [
        ("robot_1", {"name": "No such type"}),
        ("system_1", {"name": "The system"}),
        ("user_0", {"name": "No such id"}),
        ("user_9999999999999999", {"name": "An id past 2^53"}),
        ("somebody", {"name": "No user_id"}),
        ("user_1", {"name": ""}),
        ("user_1", {"name": "   "}),
        ("user_1", {"name": "a\0b"}),
        ("user_1", {"name": None}),
        ("user_1", {"name": "x" * 201}),
        ("user_1", {"avatar_url": 5}),
    ],
)
async def test_what_is_wrong_about_somebody_is_told(platform: Platform, user_id: str, fields: dict[str, Any]) -> None:
    assert await platform.refused("PUT", f"/participants/{user_id}", fields) == (422, "invalid_field")


# Who may


PATHS = [
    ("PUT", "/participants/user_1", {"name": "Taken over"}),
    ("PUT", "/participants", {"participants": [{"user_id": "user_1", "name": "Taken over"}]}),
    ("POST", "/tokens", {"user_id": "admin_1"}),
    ("POST", "/sessions/user_1/revoke", {}),
    ("POST", "/conversations/1/system-messages", {"content": "Send money"}),
]


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_only_the_api_key_may(platform: Platform, method: str, path: str, body: dict[str, Any]) -> None:
    admin = token_by_hand({"sub": "admin_1", "exp": int(time.time()) + 60})
    for key in (admin, "another-key", SECRET):
        assert await platform.refused(method, path, body, key=key) == (403, "forbidden")
    async with aiohttp.request(method, f"{platform.server.url}/api{path}", json=body) as response:
        assert response.status == 401


@pytest.mark.parametrize(("method", "path", "body"), PATHS)
async def test_without_an_api_key_set_nobody_may(
    demo: ServerProcess, method: str, path: str, body: dict[str, Any]
) -> None:
    for headers in ({}, {"X-Participant": "admin_1"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x"}):
        async with aiohttp.request(method, f"{demo.url}/api{path}", json=body, headers=headers) as response:
            assert response.status in (401, 403)


# Tokens


async def test_a_token_lets_its_participant_in(platform: Platform, connect: Connect, person: Callable[[], str]) -> None:
    ann = person()
    client = await connect(platform.server)
    reply = await client.ask("auth_success", type="auth", token=await platform.token(ann, name="Ann Token", hours=0.5))
    assert (reply["user_id"], reply["name"]) == (ann, "Ann Token")


async def test_a_token_expires_when_it_was_asked_to(platform: Platform, person: Callable[[], str]) -> None:
    ann = person()
    for fields, valid_s in (({"hours": 2}, 7200), ({"expires_in": 90}, 90), ({}, 86400)):
        answer = await platform.do("POST", "/tokens", {"user_id": ann, **fields})
        expires = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + valid_s))
        later = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(time.time() + valid_s - 5))
        assert answer["expires_at"][:16] in (expires, later)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"user_id": "robot_1"},
        {"user_id": "system_1"},
        {"user_id": "user_1", "hours": 0},
        {"user_id": "user_1", "hours": -1},
        {"user_id": "user_1", "expires_in": 0},
        {"user_id": "user_1", "hours": 1, "expires_in": 60},
        {"user_id": "user_1", "hours": 1e9},
        {"user_id": "user_1", "name": " "},
    ],
)
async def test_a_token_that_makes_no_sense_is_refused(platform: Platform, fields: dict[str, Any]) -> None:
    assert await platform.refused("POST", "/tokens", fields) == (422, "invalid_field")


async def test_without_a_secret_no_token_is_made(start_server: StartServer, http: aiohttp.ClientSession) -> None:
    platform = Platform(start_server("--demo", API_KEY=API_KEY), http)
    status, answer = await platform.ask("POST", "/tokens", {"user_id": "user_1"})
    assert (status, answer["error"]["code"]) == (403, "forbidden")
    assert "AUTH_SECRET" in answer["error"]["message"]


# Revoking


async def test_revoking_closes_every_connection(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    ann, bob = person(), person()
    await platform.team(ann, bob)
    clients = [await connect(platform.server) for _ in range(3)]
    for client, who in zip(clients, (ann, ann, bob), strict=True):
        await client.ask("auth_success", type="auth", token=await platform.token(who))
    await platform.do("POST", f"/sessions/{ann}/revoke")
    assert [await client.close_code() for client in clients[:2]] == [4403, 4403]
    await clients[2].ask("pong", type="ping")


async def test_a_token_made_before_a_revocation_is_refused_and_a_new_one_is_good(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    ann = person()
    await platform.do("PUT", f"/participants/{ann}", {"name": "Ann"})
    for _ in range(3):  # each new one is good at once, within the same second
        old = await platform.token(ann)
        assert (await platform.ask("GET", "/conversations", key=old))[0] == 200
        await platform.do("POST", f"/sessions/{ann}/revoke")
        assert await platform.refused("GET", "/conversations", key=old) == (401, "invalid_token")
        client = await connect(platform.server)
        error = await client.ask("error", type="auth", token=old)
        assert error["code"] == "invalid_token"
        assert await client.close_code() == 4401
    client = await connect(platform.server)
    await client.ask("auth_success", type="auth", token=await platform.token(ann))


async def test_a_token_that_does_not_tell_when_it_was_made_is_good_until_a_revocation(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    ann = person()
    undated = token_by_hand({"sub": ann, "exp": int(time.time()) + 3600})
    client = await connect(platform.server)
    await client.ask("auth_success", type="auth", token=undated)
    await platform.do("POST", f"/sessions/{ann}/revoke")
    assert await client.close_code() == 4403
    assert await platform.refused("GET", "/conversations", key=undated) == (401, "invalid_token")
    later = token_by_hand({"sub": ann, "exp": int(time.time()) + 3600, "iat": int(time.time()) + 1})
    assert (await platform.ask("GET", "/conversations", key=later))[0] == 200


async def test_a_revoked_token_does_not_refresh_a_connection(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    ann = person()
    await platform.do("PUT", f"/participants/{ann}", {"name": "Ann"})
    old = await platform.token(ann)
    await platform.do("POST", f"/sessions/{ann}/revoke")
    client = await connect(platform.server)
    await client.ask("auth_success", type="auth", token=await platform.token(ann))
    await client.ask("error", type="auth", token=old)
    assert await client.close_code() == 4401


async def test_a_token_made_a_moment_before_a_revocation_is_refused_and_one_made_right_after_is_not(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    """Of both in the same millisecond as the revocation, too: it takes one to answer."""
    ann = person()
    await platform.do("PUT", f"/participants/{ann}", {"name": "Ann"})
    for _ in range(30):
        before = await platform.token(ann)
        await platform.do("POST", f"/sessions/{ann}/revoke")
        after = await platform.token(ann)
        client = await connect(platform.server)
        await client.ask("auth_success", type="auth", token=after)
        await client.ask("error", type="auth", token=before)
        assert await client.close_code() == 4401


async def test_whoever_signs_in_while_being_revoked_does_not_stay(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    ann = person()
    await platform.do("PUT", f"/participants/{ann}", {"name": "Ann"})
    for _ in range(5):
        token = await platform.token(ann)
        clients = [await connect(platform.server) for _ in range(6)]

        async def sign_in(client: Any, token: str = token) -> None:
            await client.send(type="auth", token=token)

        revoking = asyncio.create_task(platform.do("POST", f"/sessions/{ann}/revoke"))
        await asyncio.gather(*(sign_in(client) for client in clients))
        await revoking
        async with asyncio.timeout(3):
            assert {await client.close_code() for client in clients} <= {4401, 4403}


async def test_a_revocation_outlives_a_restart(
    start_server: StartServer, http: aiohttp.ClientSession, person: Callable[[], str]
) -> None:
    server = start_server(AUTH_SECRET=SECRET, API_KEY=API_KEY)
    platform = Platform(server, http)
    ann = person()
    await platform.do("PUT", f"/participants/{ann}", {"name": "Ann"})
    token = await platform.token(ann)
    await platform.do("POST", f"/sessions/{ann}/revoke")
    server.kill()
    server.start()
    assert await platform.refused("GET", "/conversations", key=token) == (401, "invalid_token")


async def test_a_token_can_be_revoked_before_it_was_ever_used(platform: Platform) -> None:
    token = await platform.token("user_987654")
    await platform.do("POST", "/sessions/user_987654/revoke")
    status, answer = await platform.ask("GET", "/conversations", key=token)
    assert (status, answer["error"]["code"]) == (401, "invalid_token")


async def test_sessions_of_what_is_no_participant_cannot_be_revoked(platform: Platform) -> None:
    assert await platform.refused("POST", "/sessions/alien_1/revoke") == (422, "invalid_field")
    assert await platform.refused("POST", "/sessions/nobody/revoke") == (422, "invalid_field")


# Messages of the system's own


async def test_a_system_message_reaches_everyone_in_the_conversation(
    platform: Platform, connect: Connect, person: Callable[[], str]
) -> None:
    ann, bob = person(), person()
    cid = await platform.team(ann, bob)
    clients = []
    for who in (ann, bob):
        clients.append(await connect(platform.server))
        await clients[-1].ask("auth_success", type="auth", token=await platform.token(who))
    sent = await platform.do("POST", f"/conversations/{cid}/system-messages", {"content": " Welcome "})
    for client in clients:
        heard = await client.hear("new_message")
        assert (heard["message_id"], heard["seq"], heard["content"]) == (sent["message_id"], sent["seq"], "Welcome")
        assert (heard["sender_type"], heard["sender_id"], heard["sender_name"]) == ("system", 1, "System")
    page = await platform.do("GET", f"/conversations/{cid}/messages", on_behalf_of=bob)
    assert [message["sender_name"] for message in page["messages"]] == ["System"]
    seen = await platform.do("GET", f"/conversations/{cid}", on_behalf_of=bob)
    assert seen["conversation"]["unread"] == 1
    assert {member["user_id"] for member in seen["conversation"]["participants"]} == {ann, bob}


async def test_a_system_message_sent_twice_is_stored_once(platform: Platform, person: Callable[[], str]) -> None:
    ann, bob = person(), person()
    cid = await platform.team(ann, bob)
    message = {"content": "Once", "idempotency_key": "welcome-0001"}
    first, again = [await platform.do("POST", f"/conversations/{cid}/system-messages", message) for _ in range(2)]
    assert (first["message_id"], again["duplicate"]) == (again["message_id"], True)
    page = await platform.do("GET", f"/conversations/{cid}/messages", on_behalf_of=bob)
    assert len(page["messages"]) == 1


async def test_the_system_posts_only_where_there_is_a_conversation_and_something_to_say(
    platform: Platform, person: Callable[[], str]
) -> None:
    cid = await platform.team(person(), person())
    assert await platform.refused("POST", "/conversations/987654/system-messages", {"content": "x"}) == (
        404,
        "not_found",
    )
    for body in ({}, {"content": " "}, {"content": "x", "idempotency_key": "short"}):
        assert await platform.refused("POST", f"/conversations/{cid}/system-messages", body) == (422, "invalid_field")


async def test_the_system_is_nobody_one_could_write_to(platform: Platform, person: Callable[[], str]) -> None:
    ann, bob = person(), person()
    cid = await platform.team(ann, bob)
    await platform.do("POST", f"/conversations/{cid}/system-messages", {"content": "Hello"})
    assert await platform.find(ann, "system") == []
    asked = {"conversation_type": "direct", "participants": ["system_1"]}
    assert await platform.refused("POST", "/conversations", asked, on_behalf_of=ann) == (404, "not_found")
    assert await platform.refused("GET", "/conversations", on_behalf_of="system_1") == (404, "not_found")
