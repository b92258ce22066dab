"""The client library's own types say what the server's say."""

import re
from inspect import getsource
from typing import Any

import msgspec
import pytest

from bihak.client import commands, events, faults, objects, replies
from bihak.errors import ALL_ERRORS
from bihak.features import (
    catalog,  # noqa: F401 - makes every request, reply and event known
    conversations,
    messages,
    notifications,
    people,
    receipts,
)
from bihak.features.presence import wire as presence_wire
from bihak.protocol.envelope import Event, Reply, Request

Struct = type[msgspec.Struct]

FOR_THE_PLATFORM = {"saved", "token", "revoked", "erased", "participant_export"}
"""Replies to what its back end asks over HTTP."""
PLATFORM_COMMANDS = {
    "put_participant",
    "put_participants",
    "create_token",
    "revoke_sessions",
    "post_system_message",
    "erase_participant",
    "export_participant",
}
BY_THE_CLIENT_ITSELF = {"auth", "message", "typing_start", "typing_stop"}
ECHOES = {"request_id", "temp_id", "conversation_id"}
"""What a reply gives back of its request; the client knows what it asked for."""

OBJECTS: list[tuple[Struct, Struct]] = [
    (objects.Message, messages.Message),
    (objects.Conversation, conversations.Conversation),
    (objects.Member, conversations.Member),
    (objects.Person, people.Person),
    (objects.Notification, notifications.Notification),
    (objects.StatusOf, presence_wire.StatusOf),
    (objects.Receipt, receipts.Receipt),
]


def told_by_the_server(base: Struct) -> dict[str, Struct]:
    """What travels of that kind, by its `type`."""
    found: dict[str, Struct] = {}
    for kind in base.__subclasses__():
        found |= told_by_the_server(kind)
        internal = (kind.__doc__ or "").startswith("The server's own")
        if kind.__module__.startswith("bihak.") and not kind.__subclasses__() and not internal:
            found[str(kind.__struct_config__.tag)] = kind
    return found


def known_to_the_client(module: Any, base: Struct) -> dict[str, Struct]:
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, base)]
    return {str(kind.__struct_config__.tag): kind for kind in kinds if isinstance(kind.__struct_config__.tag, str)}


def fields(kind: Struct) -> dict[str, str]:
    """Names and types, by which name a type is imported left out."""
    return {field.name: re.sub(r"bihak\.[\w.]+\.", "", str(field.type)) for field in msgspec.structs.fields(kind)}


def test_events_have_the_same_types_and_fields() -> None:
    served, known = told_by_the_server(Event), known_to_the_client(events, events.Event)
    assert known.keys() - {"DurableEvent", "Event"} == served.keys()
    for name, kind in served.items():
        assert fields(known[name]).keys() == fields(kind).keys(), name


def test_replies_have_the_same_types_and_fields() -> None:
    served, known = told_by_the_server(Reply), known_to_the_client(replies, replies.Reply)
    assert known.keys() - {"Reply"} == served.keys() - FOR_THE_PLATFORM - {"indexed"}
    for name in known.keys() & served.keys():
        assert fields(known[name]).keys() - ECHOES == fields(served[name]).keys() - ECHOES, name


@pytest.mark.parametrize(("known", "served"), OBJECTS, ids=lambda kind: kind.__name__)
def test_objects_have_the_same_fields_of_the_same_types(known: Struct, served: Struct) -> None:
    assert fields(known) == fields(served)


def test_there_is_a_method_for_every_command() -> None:
    asked = set(re.findall(r'self\.ask\(\s*\w+,\s*"(\w+)"', getsource(commands)))
    assert asked | BY_THE_CLIENT_ITSELF == told_by_the_server(Request).keys() - PLATFORM_COMMANDS


def test_there_is_an_exception_for_every_code() -> None:
    here = {"disconnected", "timed_out", "closed", "session_revoked", "unreadable"}
    assert {kind.CODE for kind in faults.Fault.__subclasses__()} == {kind.code for kind in ALL_ERRORS} | here
