"""Stopping and dying: what was acknowledged stays."""

import signal

import aiohttp

from tests.e2e.conftest import Connect, StartServer


async def test_sigterm_ends_it_cleanly(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", LOG_FORMAT="json")
    client = await connect(server, "user_1")
    assert server.stop(signal.SIGTERM) == 0
    assert await client.close_code() == 1001
    assert [event["finished"] for event in server.log_events("stopped")] == [True]


async def test_ctrl_c_ends_it_cleanly(start_server: StartServer) -> None:
    server = start_server("--demo")
    assert server.stop(signal.SIGINT) == 0
    assert not [line for line in server.log_lines() if "Traceback" in line]


async def test_what_is_under_way_at_sigterm_is_answered(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo", RATE_LIMIT_MESSAGES="off")
    client = await connect(server, "user_1")
    for number in range(100):
        await client.send(type="message", conversation_id=1, content="at the end", temp_id=number)
    await client.hear("message_sent", temp_id=0)
    server.stop()
    await client.close_code()
    answers = [frame for frame in client.unheard if frame["type"] in ("message_sent", "error")]
    acknowledged = {frame["message_id"] for frame in answers if frame["type"] == "message_sent"}
    assert all(frame["retryable"] for frame in answers if frame["type"] == "error")
    server.start()
    again = await connect(server, "user_1")
    page = await again.ask("history", type="history", conversation_id=1, limit=100)
    assert acknowledged <= {message["message_id"] for message in page["messages"]}


async def test_an_acknowledged_message_survives_sigkill(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo")
    client = await connect(server, "user_1")
    for number in range(3):
        content = f"before kill {number}"
        sent = await client.ask("message_sent", type="message", conversation_id=1, content=content)
        server.kill()
        server.start()
        client = await connect(server, "user_1")
        page = await client.ask("history", type="history", conversation_id=1, limit=1)
        assert page["messages"][0]["message_id"] == sent["message_id"]
        assert page["messages"][0]["content"] == content


async def test_nobody_is_online_after_a_crash(
    start_server: StartServer, connect: Connect, http: aiohttp.ClientSession
) -> None:
    server = start_server("--demo")
    watcher = await connect(server, "user_1")
    await connect(server, "mentor_1")
    await watcher.hear("status_change", user_id="mentor_1", status="online")
    server.kill()
    server.start()
    async with http.get(f"{server.url}/api/conversations/1", headers={"X-Participant": "user_1"}) as response:
        people = (await response.json())["conversation"]["participants"]
    assert {person["user_id"]: person["status"] for person in people} == {"mentor_1": "offline", "user_1": "offline"}


async def test_a_message_sent_again_after_a_crash_is_stored_once(start_server: StartServer, connect: Connect) -> None:
    server = start_server("--demo")
    request = {"type": "message", "conversation_id": 1, "content": "once", "idempotency_key": "after-a-crash"}
    client = await connect(server, "user_1")
    first = await client.ask("message_sent", **request)
    server.kill()
    server.start()
    client = await connect(server, "user_1")
    again = await client.ask("message_sent", **request)
    assert (again["message_id"], again["duplicate"]) == (first["message_id"], True)
