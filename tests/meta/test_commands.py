"""The command table is whole: documented, in order, and without a name twice."""

import ast
from pathlib import Path

import pytest_asyncio

import bihak.features
from bihak.core.feature import Command
from bihak.core.node import Node
from tests.harness import Changes, Place, running_cluster

FEATURES = Path(str(bihak.features.__file__)).parent


@pytest_asyncio.fixture
async def node(sqlite_place: Place) -> Node:
    async with running_cluster(sqlite_place, 1) as cluster:
        return cluster.nodes[0]


def commands(node: Node) -> list[Command]:
    return [command for command in node.dispatcher.commands.values() if command.name != "change"]


async def test_every_command_says_what_it_does(node: Node) -> None:
    for command in commands(node):
        text = command.request.__dict__.get("__doc__") or ""
        assert text.strip().endswith((".", "?")), f"{command.request.__name__} has no docstring"


async def test_every_event_says_what_happened(node: Node) -> None:
    for feature in node.features:
        for event in feature.events:
            text = event.__dict__.get("__doc__") or ""
            assert text.strip().endswith((".", "?")), f"{event.__name__} has no docstring"


async def test_no_type_and_no_route_means_two_things(node: Node) -> None:
    names = [command.name for command in commands(node)]
    assert len(names) == len(set(names))
    routes = [(command.route.method, command.route.path) for command in commands(node) if command.route is not None]
    assert len(routes) == len(set(routes))


async def test_only_the_platform_s_own_commands_are_internal_and_have_a_route(node: Node) -> None:
    routed = {command.name for command in commands(node) if command.internal and command.route is not None}
    assert routed == {
        *("put_participant", "put_participants", "erase_participant"),
        *("revoke_sessions", "post_system_message"),
    }


async def test_what_the_platform_waits_for_is_no_background_work(node: Node) -> None:
    own = {command.name for command in commands(node) if command.is_the_servers_own}
    assert {"notify", "index_messages"} <= own
    assert own.isdisjoint({"put_participants", "revoke_sessions", "post_system_message", "message"})


async def test_the_fields_in_a_route_are_fields_of_its_request(node: Node) -> None:
    for command in commands(node):
        if command.route is not None:
            named = {part[1:-1] for part in command.route.path.split("/") if part.startswith("{")}
            assert named <= set(command.request.__struct_fields__), command.name


async def test_each_feature_is_there_once(node: Node) -> None:
    kinds = [type(feature) for feature in node.features if not isinstance(feature, Changes)]
    assert len(kinds) == len(set(kinds))


def test_every_feature_in_the_folder_is_in_the_catalog() -> None:
    catalog = ast.parse((FEATURES / "catalog.py").read_text())
    imported = {
        alias.name
        for statement in ast.walk(catalog)
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    for path in FEATURES.rglob("*.py"):
        for statement in ast.parse(path.read_text()).body:
            if isinstance(statement, ast.ClassDef) and any(
                isinstance(base, ast.Name) and base.id == "Feature" for base in statement.bases
            ):
                assert statement.name in imported, f"{statement.name} of {path.name} is not in catalog.py"
