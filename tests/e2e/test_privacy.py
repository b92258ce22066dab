"""What is stored about somebody, handed out and erased by the platform's back end and by the operator."""

import json

import aiohttp

from tests.e2e.conftest import Connect, StartServer
from tests.e2e.server import SECRET, ServerProcess, run_bihak
from tests.e2e.test_platform_api import API_KEY, Platform

WORDS = ("zqcanaryname", "zqcanarymail", "zqcanaryword")


def left_in_files(server: ServerProcess) -> set[str]:
    """Which of the words are in any file of the database."""
    stored = b"".join(path.read_bytes() for path in server.folder.glob("bihak.db*"))
    return {word for word in WORDS if word.encode() in stored}


async def test_the_platform_and_the_operator_hand_out_and_erase_all_there_is(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession
) -> None:
    server = start_server(AUTH_SECRET=SECRET, API_KEY=API_KEY)
    platform = Platform(server, http)
    cid = await platform.team("user_1", "user_2", "user_3")
    bob = await connect(server)
    await bob.ask("auth_success", type="auth", token=await platform.token("user_2"))
    for user_id in ("user_1", "user_3"):
        about = {"name": f"{WORDS[0]} {user_id}", "email": f"{WORDS[1]}@example.org"}
        await platform.do("PUT", f"/participants/{user_id}", about)
        said = {"content": f"{WORDS[2]} of {user_id}"}
        await platform.do("POST", f"/conversations/{cid}/messages", said, on_behalf_of=user_id)
    old_token = await platform.token("user_1")

    exported = await platform.do("GET", "/participants/user_1/export")
    assert [row["content"] for row in exported["messages"]] == [f"{WORDS[2]} of user_1"]
    assert exported["profile"]["email"] == f"{WORDS[1]}@example.org"
    for method, path in (("GET", "/participants/user_1/export"), ("DELETE", "/participants/user_1")):
        assert await platform.refused(method, path, key=old_token) == (403, "forbidden")
        assert await platform.refused(method, path.replace("user_1", "user_9")) == (404, "not_found")
        assert await platform.refused(method, path.replace("user_1", "nobody")) == (422, "invalid_field")

    assert await platform.do("DELETE", "/participants/user_1") == {
        **{"type": "erased", "user_id": "user_1", "messages": 1, "reactions": 0}
    }
    left = await bob.hear("participant_left")
    deleted = await bob.hear("message_deleted")
    assert (left["user_id"], deleted["message_id"]) == ("user_1", exported["messages"][0]["id"])
    assert await platform.refused("GET", "/conversations", key=old_token) == (401, "invalid_token")
    assert await platform.refused("GET", "/conversations", on_behalf_of="user_1") == (404, "not_found")

    await bob.close()
    refused = run_bihak(server.folder, "participant", "erase", "user_3", "--yes")
    assert (refused.returncode, "in use by another bihak process" in refused.stderr) == (2, True)
    assert server.stop() == 0
    by_operator = run_bihak(server.folder, "participant", "export", "user_3")
    assert [row["content"] for row in json.loads(by_operator.stdout)["messages"]] == [f"{WORDS[2]} of user_3"]
    assert left_in_files(server) == set(WORDS)
    erased = run_bihak(server.folder, "participant", "erase", "user_3", "--yes")
    assert (erased.returncode, erased.stdout) == (0, "erased user_3: 1 messages, 0 reactions\n"), erased.stderr
    assert left_in_files(server) == set()
    server.start()
    page = await platform.do("GET", f"/conversations/{cid}/messages", on_behalf_of="user_2")
    assert [(message["content"], message["seq"]) for message in page["messages"]] == [("", 1), ("", 2)]
