"""Role by command, over HTTP: the same matrix, and those whose tokens are missing or revoked."""

import re
from typing import Any

import aiohttp

from bihak.core.feature import Command
from tests.authorisation import BYSTANDER, MATRIX, MISSING, OUTSIDERS, ROLES, About, expected
from tests.e2e.conftest import StartServer
from tests.e2e.server import SECRET
from tests.e2e.test_platform_api import API_KEY, Platform
from tests.meta.test_documents import make_idle_node
from tests.samples import sample_fields

Said = tuple[int, Any, dict[str, str]]


def routed() -> dict[str, Command]:
    """The commands of clients that have a path."""
    commands = make_idle_node().dispatcher.commands.values()
    found = {command.name: command for command in commands if command.route is not None and not command.internal}
    return {name: found[name] for name in MATRIX if name in found}


class Visitor:
    """Somebody who asks with a token, or without."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str | None) -> None:
        self._http = http
        self._url = url
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    async def ask(self, command: Command, cid: int, message_id: int) -> Said:
        """The status, the body and the headers but for the date."""
        route = command.route
        assert route is not None
        given = {"conversation_id": cid, "message_id": message_id, "user_id": BYSTANDER, "participants": [BYSTANDER]}
        fields = sample_fields(command.request, **given)
        path = re.sub(r"{(\w+)}", lambda name: str(fields.pop(name[1])), route.path)
        told: dict[str, Any] = {"params": fields} if route.method in ("GET", "DELETE") else {"json": fields}
        url = f"{self._url}/api{path}"
        async with self._http.request(route.method, url, headers=self._headers, **told) as response:
            body = await response.json() if response.status != 204 else None
            headers = {name: value for name, value in response.headers.items() if name != "Date"}
            return response.status, body, headers

    async def outcome(self, command: Command, cid: int, message_id: int) -> str:
        status, body, _ = await self.ask(command, cid, message_id)
        return "ok" if status < 300 else str(body["error"]["code"])


async def test_each_role_may_do_over_http_what_the_matrix_says(
    start_server: StartServer, http: aiohttp.ClientSession
) -> None:
    server = start_server(AUTH_SECRET=SECRET, API_KEY=API_KEY, LOG_LEVEL="warning")
    platform = Platform(server, http)
    commands = routed()
    revoked = "user_9"
    for user_id in (*ROLES.values(), BYSTANDER, revoked):
        await platform.do("PUT", f"/participants/{user_id}", {"name": user_id})
    visitors = {role: Visitor(http, server.url, await platform.token(user_id)) for role, user_id in ROLES.items()}
    visitors["anonymous"] = Visitor(http, server.url, None)
    visitors["revoked"] = Visitor(http, server.url, await platform.token(revoked))
    await platform.do("POST", f"/sessions/{revoked}/revoke")

    async def make_place() -> tuple[int, int]:
        inside = [*(ROLES[role] for role in ("admin", "author", "member", "former")), BYSTANDER, revoked]
        asked = {"conversation_type": "team", "participants": inside, "name": "A team"}
        made = await platform.do("POST", "/conversations", asked, on_behalf_of=ROLES["owner"])
        cid = made["conversation"]["conversation_id"]
        said = await platform.do(
            "POST", f"/conversations/{cid}/messages", {"content": "private"}, on_behalf_of=ROLES["author"]
        )
        former = ROLES["former"]
        await platform.do("DELETE", f"/conversations/{cid}/participants/{former}", on_behalf_of=former)
        return cid, said["message_id"]

    for role, visitor in visitors.items():
        cid, message_id = await make_place()
        for name, command in commands.items():
            code = "invalid_token" if role == "revoked" else expected(name, role)
            assert await visitor.outcome(command, cid, message_id) == code, f"{role} {name}"
            if role in OUTSIDERS and MATRIX[name].about is not About.NOTHING:
                theirs = await visitor.ask(command, cid, message_id)
                assert theirs == await visitor.ask(command, MISSING, MISSING), f"{role} {name}"
    assert server.stop() == 0
