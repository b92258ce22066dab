"""Whatever is asked over HTTP, the answer is one that the OpenAPI document tells of, and never a fault of the server's.

Cases come from the document that a real server process serves, so a new command is fuzzed without a line here.
"""

from collections.abc import Iterator

import pytest
import requests

from tests.e2e.server import SECRET, ServerProcess

API_KEY = "the-fuzzers-own-key"
PEOPLE = ("user_1", "user_2", "admin_1")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server in token mode, with a conversation and a message in it."""
    server = ServerProcess(
        tmp_path_factory.mktemp("openapi"), AUTH_SECRET=SECRET, API_KEY=API_KEY, RATE_LIMIT_MESSAGES="off"
    )
    server.start()
    as_platform = {"Authorization": f"Bearer {API_KEY}"}
    for user_id in PEOPLE:
        url = f"{server.url}/api/participants/{user_id}"
        assert requests.put(url, json={"name": user_id}, headers=as_platform, timeout=10).status_code == 200
    as_somebody = {**as_platform, "X-Participant": "user_1"}
    asked = {"conversation_type": "team", "participants": list(PEOPLE), "name": "Fuzzers"}
    assert requests.post(f"{server.url}/api/conversations", json=asked, headers=as_somebody, timeout=10).ok
    url = f"{server.url}/api/conversations/1/messages"
    assert requests.post(url, json={"content": "Hello"}, headers=as_somebody, timeout=10).ok
    yield server
    assert server.is_running(), server.log_lines()[-20:]
    assert server.stop() == 0


def test_every_answer_is_as_the_document_says(server: ServerProcess) -> None:
    from tests.fuzz.over_http import fuzz_every_operation  # a second of CPU, in each process that collects tests

    statuses = fuzz_every_operation(server.url)
    assert len(statuses) > 20
    assert all(statuses.values())
    served = [label for label, seen in statuses.items() if any(status < 300 for status in seen)]
    # The rest needs more luck than a few tries have.
    assert len(served) > len(statuses) / 2, statuses


@pytest.mark.parametrize("authorization", [None, "Bearer nonsense", "Bearer ", "Basic dXNlcjpwYXNz"])
def test_without_a_good_credential_everything_is_refused(server: ServerProcess, authorization: str | None) -> None:
    document = requests.get(f"{server.url}/api/openapi.json", timeout=10).json()
    headers = {} if authorization is None else {"Authorization": authorization}
    for path, methods in document["paths"].items():
        for method in methods:
            url = server.url + path.format(conversation_id=1, message_id=1, user_id="user_1", emoji="x")
            answer = requests.request(method, url, headers=headers, json={}, timeout=10)
            assert answer.status_code in (401, 403), f"{method} {path}"
            assert answer.json()["error"]["code"] in ("not_authenticated", "invalid_token", "forbidden")
