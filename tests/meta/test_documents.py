"""The OpenAPI and AsyncAPI documents say everything that the command table has, and nothing that leads nowhere."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bihak import __version__
from bihak.cluster.local import LocalBackplane
from bihak.core.node import Node, NodeOptions
from bihak.errors import ALL_ERRORS
from bihak.features.catalog import make_features, render_message
from bihak.protocol.envelope import Event
from bihak.protocol.schema import asyncapi, openapi, summary_of, tag_of
from bihak.storage.sqlite import open_sqlite
from bihak.transports.auth import TrustedAuthenticator
from bihak.transports.documents import describe_all, known_events
from bihak.transports.platform import BESIDES_COMMANDS


def make_idle_node() -> Node:
    """A node that is never started, for what its features declare."""
    with tempfile.TemporaryDirectory() as folder:
        database = open_sqlite(Path(folder) / "bihak.db")
        database.close()
    return Node(database, LocalBackplane(), TrustedAuthenticator(), make_features, render_message, NodeOptions())


NODE = make_idle_node()
COMMANDS = [c for c in NODE.dispatcher.commands.values() if not c.internal or c.route is not None]
DESCRIBED = [*describe_all(COMMANDS), *BESIDES_COMMANDS]
EVENTS = known_events()
OPENAPI = openapi(DESCRIBED, version=__version__)
ASYNCAPI = asyncapi(DESCRIBED, EVENTS, version=__version__)


def references(document: Any) -> Iterator[str]:
    """Every `$ref` in it."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(document, list):
        for value in document:
            yield from references(value)


def look_up(document: Any, reference: str) -> Any:
    for step in reference.removeprefix("#/").split("/"):
        document = document[step]
    return document


@pytest.mark.parametrize("command", DESCRIBED, ids=lambda command: command.name)
def test_every_command_is_documented(command: Any) -> None:
    assert summary_of(command.request), f"{command.request.__qualname__} needs a docstring"


@pytest.mark.parametrize("event", EVENTS, ids=tag_of)
def test_every_event_is_documented(event: type[Event]) -> None:
    assert summary_of(event), f"{event.__qualname__} needs a docstring"


def test_every_event_of_a_feature_is_known() -> None:
    declared = {event for feature in NODE.features for event in feature.events}
    assert declared
    assert declared <= set(EVENTS)


@pytest.mark.parametrize("document", [OPENAPI, ASYNCAPI], ids=["openapi", "asyncapi"])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert len(found) > 20
    for reference in found:
        assert isinstance(look_up(document, reference), dict), reference


def test_every_route_is_in_the_openapi_document() -> None:
    routes = {
        (command.route.method.lower(), f"/api{command.route.path}") for command in COMMANDS if command.route is not None
    }
    described = {(method, path) for path, methods in OPENAPI["paths"].items() for method in methods}
    besides = {(c.route.method.lower(), c.route.path) for c in BESIDES_COMMANDS if c.route is not None}
    assert described == routes | besides


def test_every_command_of_a_socket_and_every_event_is_in_the_asyncapi_document() -> None:
    names = {operation["action"]: set[str]() for operation in ASYNCAPI["operations"].values()}
    for operation in ASYNCAPI["operations"].values():
        message = look_up(ASYNCAPI, look_up(ASYNCAPI, operation["messages"][0]["$ref"])["$ref"])
        names[operation["action"]].add(message["name"])
    assert names["receive"] == {command.name for command in COMMANDS if not command.internal}
    assert names["send"] == {tag_of(event) for event in EVENTS}


def test_no_two_frames_share_a_name_in_the_asyncapi_document() -> None:
    kinds = [*(c.request for c in DESCRIBED if c.on_socket), *EVENTS]
    assert len({kind.__name__ for kind in kinds}) == len(kinds)


def test_a_field_is_in_the_path_or_the_query_or_the_body() -> None:
    for command in DESCRIBED:
        if command.route is None:
            continue
        operation = OPENAPI["paths"][command.route.path][command.route.method.lower()]
        parameters = [parameter["name"] for parameter in operation.get("parameters", ())]
        body: dict[str, Any] = {}
        if "requestBody" in operation:
            assert command.route.method not in ("GET", "DELETE")
            body = look_up(OPENAPI, operation["requestBody"]["content"]["application/json"]["schema"]["$ref"])
        fields = [*parameters, *body.get("properties", ())]
        assert sorted(fields) == sorted(set(command.request.__struct_fields__) - {"request_id"}), command.name
        assert set(re.findall(r"{(\w+)}", command.route.path)) <= set(parameters)


def test_the_platforms_own_commands_take_the_api_key_alone() -> None:
    for command in DESCRIBED:
        if command.route is None:
            continue
        security = OPENAPI["paths"][command.route.path][command.route.method.lower()]["security"]
        if command.for_platform:
            assert security == [{"apiKey": []}]
        else:
            assert {"token": []} in security


def test_the_documents_name_every_error_code() -> None:
    for document in (OPENAPI, ASYNCAPI):
        assert [error["code"] for error in document["x-errors"]] == [error.code for error in ALL_ERRORS]
    statuses = {error.http_status for error in ALL_ERRORS}
    for methods in OPENAPI["paths"].values():
        for operation in methods.values():
            assert statuses <= {int(status) for status in operation["responses"]}


def test_the_documents_are_json() -> None:
    for document in (OPENAPI, ASYNCAPI):
        assert json.loads(msgspec.json.encode(document)) == document
