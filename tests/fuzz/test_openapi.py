"""Whatever is asked over HTTP, the answer is one that the OpenAPI document tells of, and never a fault of the server's.

Cases come from the document that a real server process serves, so a new command is fuzzed without a line here.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.e2e.server import SECRET, ServerProcess

API_KEY = "the-fuzzers-own-key"
PEOPLE = ("user_1", "user_2", "admin_1")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6
"""Of each operation; about half of them break the schema somewhere."""
KNOWN_IDS = {"conversation_id": 1, "message_id": 1, "user_id": "user_2"}
"""What exists, and is tried in place of what was made up, so that not everything ends with `not_found`."""


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
    schema = schemathesis.openapi.from_url(f"{server.url}/api/openapi.json")
    schema.validate()
    operations: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 20
    statuses: dict[str, set[int]] = {}
    with requests.Session() as session:
        for operation in operations:
            statuses[operation.label] = fuzz(operation, server.url, session)
    assert all(statuses.values())
    served = [label for label, seen in statuses.items() if any(status < 300 for status in seen)]
    # The rest needs more luck than a few tries have.
    assert len(served) > len(operations) / 2, statuses


def fuzz(operation: Any, url: str, session: requests.Session) -> set[int]:
    """Asks one operation many things; the statuses that came. Fails with the request that was answered wrongly."""
    statuses: set[int] = set()
    modes = [GenerationMode.POSITIVE]
    if operation.body or operation.query or operation.path_parameters:
        modes.append(GenerationMode.NEGATIVE)
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])
    is_platforms = operation.definition.raw["security"] == [{"apiKey": []}]

    @given(case=cases, use_known=st.booleans(), somebody=st.sampled_from(PEOPLE))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, use_known: bool, somebody: str) -> None:
        if use_known:
            case.path_parameters |= {name: KNOWN_IDS[name] for name in case.path_parameters if name in KNOWN_IDS}
        headers = {"Authorization": f"Bearer {API_KEY}"} | ({} if is_platforms else {"X-Participant": somebody})
        response = case.call_and_validate(base_url=url, session=session, headers=headers, checks=CHECKS)
        statuses.add(response.status_code)

    ask()
    return statuses


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
