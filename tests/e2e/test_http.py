"""HTTP: history, errors, and what an operator's machines ask."""

from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from tests.e2e.conftest import Connect
from tests.e2e.server import ServerProcess

Pair = tuple[str, str, int]


@pytest_asyncio.fixture(loop_scope="session")
async def talk(demo: ServerProcess, connect: Connect, pair: Pair) -> Pair:
    """A conversation with the messages "1" to "7"."""
    ann, bob, conversation_id = pair
    client = await connect(demo, ann)
    for number in range(1, 8):
        await client.ask("message_sent", type="message", conversation_id=conversation_id, content=str(number))
    return ann, bob, conversation_id


async def get(http: aiohttp.ClientSession, url: str, who: str, **query: int) -> tuple[int, dict[str, Any]]:
    async with http.get(url, params=query, headers={"X-Participant": who}) as response:
        assert response.content_type == "application/json"
        return response.status, await response.json()


async def test_history_pages_back_to_the_first_message(
    demo: ServerProcess, http: aiohttp.ClientSession, talk: Pair
) -> None:
    _, bob, conversation_id = talk
    url = f"{demo.url}/api/conversations/{conversation_id}/messages"
    seen: list[list[str]] = []
    query: dict[str, int] = {"limit": 3}
    while True:
        status, page = await get(http, url, bob, **query)
        assert status == 200
        seen.append([message["content"] for message in page["messages"]])
        if not page["has_more"]:
            break
        query["before"] = page["messages"][0]["message_id"]
    assert seen == [["5", "6", "7"], ["2", "3", "4"], ["1"]]


async def test_history_pages_forward_too(demo: ServerProcess, http: aiohttp.ClientSession, talk: Pair) -> None:
    _, bob, conversation_id = talk
    url = f"{demo.url}/api/conversations/{conversation_id}/messages"
    _, latest = await get(http, url, bob)
    first = latest["messages"][0]["message_id"]
    _, page = await get(http, url, bob, after=first, limit=2)
    assert [message["content"] for message in page["messages"]] == ["2", "3"]
    assert page["has_more"]


async def test_the_demos_first_conversation_has_a_history(demo: ServerProcess, http: aiohttp.ClientSession) -> None:
    status, page = await get(http, f"{demo.url}/api/conversations/1/messages", "user_1")
    assert status == 200
    assert [message["sender_type"] for message in page["messages"][:3]] == ["mentor", "user", "mentor"]


async def test_a_message_posted_over_http_reaches_the_socket(
    demo: ServerProcess, http: aiohttp.ClientSession, connect: Connect, pair: Pair
) -> None:
    ann, bob, conversation_id = pair
    reader = await connect(demo, bob)
    url = f"{demo.url}/api/conversations/{conversation_id}/messages"
    async with http.post(url, json={"content": "by post"}, headers={"X-Participant": ann}) as response:
        assert response.status == 201
        sent = await response.json()
    heard = await reader.hear("new_message")
    assert (heard["message_id"], heard["content"]) == (sent["message_id"], "by post")


@pytest.mark.parametrize(
    ("path", "query", "status", "code"),
    [
        ("/api/conversations/987654321/messages", {}, 404, "not_found"),
        ("/api/conversations/zero/messages", {}, 422, "invalid_field"),
        ("/api/conversations/1/messages", {"limit": 0}, 422, "invalid_field"),
        ("/api/conversations/1/messages", {"limit": 101}, 422, "invalid_field"),
        ("/api/conversations/1/messages", {"before": 999_999_999}, 404, "not_found"),
        ("/api/no/such/path", {}, 404, "not_found"),
    ],
)
async def test_an_error_is_json_with_its_status(
    demo: ServerProcess, http: aiohttp.ClientSession, path: str, query: dict[str, int], status: int, code: str
) -> None:
    found, body = await get(http, f"{demo.url}{path}", "user_1", **query)
    assert (found, body["error"]["code"]) == (status, code)
    assert body["error"]["message"]
    assert body["error"]["retryable"] is False


async def test_a_method_that_is_not_for_the_path_is_refused(demo: ServerProcess, http: aiohttp.ClientSession) -> None:
    async with http.delete(f"{demo.url}/api/conversations", headers={"X-Participant": "user_1"}) as response:
        assert response.status == 405
        assert (await response.json())["error"]["code"] == "not_found"
        assert "GET" in response.headers["Allow"]


@pytest.mark.parametrize("body", [b"not json", b"[1]", b'{"content": 7}', b"\xff"])
async def test_a_body_that_cannot_be_read_is_refused(
    demo: ServerProcess, http: aiohttp.ClientSession, body: bytes
) -> None:
    url = f"{demo.url}/api/conversations/1/messages"
    async with http.post(url, data=body, headers={"X-Participant": "user_1"}) as response:
        assert response.status in (400, 422)
        assert (await response.json())["error"]["code"] in ("invalid_frame", "invalid_field")


async def test_a_body_that_is_too_large_is_refused(demo: ServerProcess, http: aiohttp.ClientSession) -> None:
    url = f"{demo.url}/api/conversations/1/messages"
    async with http.post(url, json={"content": "x" * 120_000}, headers={"X-Participant": "user_1"}) as response:
        assert response.status == 413
        assert (await response.json())["error"]["code"] == "too_large"


async def test_nobody_is_asked_for_a_name(demo: ServerProcess, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{demo.url}/api/conversations") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == "Bearer"
        assert (await response.json())["error"]["code"] == "not_authenticated"


async def test_health_says_that_it_lives_and_ready_that_it_serves(
    demo: ServerProcess, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{demo.url}/health") as response:
        assert (response.status, (await response.json())["status"]) == (200, "ok")
    async with http.get(f"{demo.url}/ready") as response:
        assert response.status == 200
        assert await response.json() == {"status": "ok", "database": "ok", "backplane": "ok"}


async def test_metrics_count_the_connections(
    demo: ServerProcess, http: aiohttp.ClientSession, connect: Connect, pair: Pair
) -> None:
    await connect(demo, pair[0])
    figures = await read_metrics(demo, http)
    assert figures["bihak_connections"] >= 1
    assert figures["bihak_participants"] >= 1


async def test_metrics_count_errors_by_code_and_how_long_transactions_take(
    demo: ServerProcess, http: aiohttp.ClientSession, connect: Connect, pair: Pair
) -> None:
    client = await connect(demo, pair[0])
    before = await read_metrics(demo, http)
    await client.ask("error", type="no_such_type")
    async with http.post(
        f"{demo.url}/api/conversations/999999999/messages", headers={"X-Participant": pair[0]}
    ) as said:
        assert said.status == 422
    async with http.get(f"{demo.url}/api/nowhere") as said:
        assert said.status == 404
    async with http.put(f"{demo.url}/api/nowhere") as said:
        assert said.status == 404
    await client.ask("message_sent", type="message", conversation_id=pair[2], content="counted")
    after = await read_metrics(demo, http)
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    refused = {name: count for name, count in grown.items() if name.startswith("bihak_errors_total")}
    assert refused == {
        'bihak_errors_total{code="unknown_type"}': 1,
        'bihak_errors_total{code="invalid_field"}': 1,
        'bihak_errors_total{code="not_found"}': 2,
    }
    assert grown["bihak_batches_total"] >= 1
    assert grown["bihak_batch_seconds_total"] > 0
    assert before.keys() == after.keys(), "what is not there yet cannot be seen to grow"


async def read_metrics(server: ServerProcess, http: aiohttp.ClientSession) -> dict[str, float]:
    async with http.get(f"{server.url}/metrics") as response:
        assert response.status == 200
        page = await response.text()
    lines = [line.rsplit(" ", 1) for line in page.splitlines()]
    kinds = {line.split()[2]: line.split()[3] for line in page.splitlines() if line.startswith("# TYPE")}
    assert {kind for name, kind in kinds.items() if name.endswith("_total")} == {"counter"}
    return {name: float(value) for name, value in lines if not name.startswith("#")}


async def test_the_web_client_is_served_with_a_strict_policy(demo: ServerProcess, http: aiohttp.ClientSession) -> None:
    async with http.get(demo.url) as response:
        assert response.status == 200
        assert response.content_type == "text/html"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    async with http.get(f"{demo.url}/sdk.js") as response:
        assert response.status == 200
        assert response.content_type in ("text/javascript", "application/javascript")
    async with http.get(f"{demo.url}/app/../../app.py") as response:
        assert response.status == 404
