"""What a client may ask over HTTP, made from the OpenAPI document; apart, as what reads that is slow to import."""

from typing import Any

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

from tests.fuzz.test_openapi import API_KEY, PEOPLE

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6
"""Of each operation; about half of them break the schema somewhere."""
KNOWN_IDS = {"conversation_id": 1, "message_id": 1, "user_id": "user_2"}
"""What exists, and is tried in place of what was made up, so that not everything ends with `not_found`."""


def fuzz_every_operation(url: str) -> dict[str, set[int]]:
    """Asks each operation of the server there many things; the statuses that came. Fails at a wrong answer."""
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json")
    schema.validate()
    operations: list[Any] = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    with requests.Session() as session:
        return {operation.label: fuzz(operation, url, session) for operation in operations}


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
