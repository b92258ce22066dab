"""Any bytes, on any command: exactly one reply or error, never `internal`, and the connection stays."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from bihak.core.feature import Command
from tests.harness import Cluster, Device, Place
from tests.samples import sample_fields

SILENT = {"typing_start", "typing_stop"}
"""Commands that have no reply (protocol, table of requests); a refusal is answered all the same."""

JSON_KINDS: dict[str, list[Any]] = {
    "null": [None],
    "boolean": [True, False],
    "integer": [0, -1, 1, 2**53 - 1, 2**53, 2**63, 2**64, -(2**63), 10**40],
    "number": [1.5, -0.5, 1e300],
    "string": ["", "1", "x", "true", "null", "user_2", "\u0000", "x" * 300],
    "array": [[], [1], [None], ["user_2"], [[]], [{}]],
    "object": [{}, {"a": 1}, {"1": 1}, {"type": "ping"}],
}


def public(cluster: Cluster) -> list[Command]:
    return [command for command in cluster.nodes[0].dispatcher.commands.values() if not command.internal]


def accepted_kinds(kind: inspect.Type) -> set[str]:
    """The JSON kinds that a field's declared type takes, if not with every value."""
    match kind:
        case inspect.IntType():
            return {"integer"}
        case inspect.FloatType():
            return {"integer", "number"}
        case inspect.BoolType():
            return {"boolean"}
        case inspect.NoneType():
            return {"null"}
        case inspect.StrType() | inspect.LiteralType() | inspect.DateTimeType():
            return {"string"}
        case inspect.ListType():
            return {"array"}
        case inspect.DictType():
            return {"object"}
        case inspect.UnionType():
            return set().union(*(accepted_kinds(each) for each in kind.types))
        case _:
            raise NotImplementedError(f"which JSON is a {kind}?")


def wrong_values(command: Command) -> Iterator[tuple[str, Any]]:
    """Every field of a command with values of every JSON kind that it does not take."""
    info = inspect.type_info(command.request)
    assert isinstance(info, inspect.StructType)
    for field in info.fields:
        for kind, values in JSON_KINDS.items():
            if kind not in accepted_kinds(field.type):
                for value in values:
                    yield field.encode_name, value


async def test_every_field_of_every_command_with_every_wrong_type_gives_one_error(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    sent = await alice.do("message", conversation_id=cid, content="x")
    await cluster.settle()
    before = await cluster.snapshot()
    count = 0
    for command in public(cluster):
        right = sample_fields(command.request, conversation_id=cid, message_id=sent["message_id"])
        for field, value in wrong_values(command):
            alice.take()
            fields = {"request_id": f"w{count}", **right, field: value}
            alice.send_bytes(json.dumps({"type": command.name, **fields}))
            await asyncio.sleep(0)  # an outbox is flushed once per turn
            (error,) = alice.take()
            assert (error["type"], error["code"]) == ("error", "invalid_field"), (command.name, field, value, error)
            assert error["field"].startswith(field), (command.name, field, value, error)
            assert ("request_id" in error) == (field != "request_id")
            count += 1
    assert count > 100
    await cluster.settle()
    assert await cluster.snapshot() == before


async def test_every_required_field_is_missed(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    for command in public(cluster):
        right = sample_fields(command.request, conversation_id=cid)
        info = inspect.type_info(command.request)
        assert isinstance(info, inspect.StructType)
        for field in info.fields:
            if field.required:
                rest = {name: value for name, value in right.items() if name != field.encode_name}
                error = await alice.refused(command.name, **rest)
                assert (error["code"], error["field"]) == ("invalid_field", field.encode_name)


# Anything at all

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
plausible = st.sampled_from(
    [
        "HERE",
        "MESSAGE",
        1,
        2**53 - 1,
        "user_1",
        "user_2",
        "user_404",
        ["user_2"],
        ["user_1", "user_3"],
        "team",
        "direct",
        "x" * 9000,
        "👍",
        "hello @user_2",
        "key-0001",
        "online",
        50,
        True,
        {"1": 0},
    ]
)


class Target:
    """A running cluster and a signed-in device to throw frames at, on a loop of its own."""

    def __init__(self, place: Place) -> None:
        self.loop = asyncio.new_event_loop()
        self.loop.run_until_complete(self._begin(place))

    async def _begin(self, place: Place) -> None:
        place.wipe()
        self.cluster = Cluster(place.handles(1))
        await self.cluster.start()
        await self.cluster.introduce("user_2", "user_3")
        self.device = await self.cluster.connect("user_1")
        self.cid = await self.cluster.found(self.device, "user_2")
        self.message_id = (await self.device.do("message", conversation_id=self.cid, content="x"))["message_id"]

    def close(self) -> None:
        self.loop.run_until_complete(self.cluster.stop())
        self.loop.close()

    def throw(self, frame: bytes, device: Device | None = None) -> list[dict[str, Any]]:
        """Sends that; all frames that are answers to it."""
        return self.loop.run_until_complete(self._throw(frame, device or self.device))

    async def _throw(self, frame: bytes, device: Device) -> list[dict[str, Any]]:
        device.take()
        device.send_bytes(frame)
        answers = [each for each in await device.settle() if is_answer(each)]
        if not self.device.is_open:
            self.device = await self.cluster.connect("user_1")
        return answers


def is_answer(frame: dict[str, Any]) -> bool:
    """Whether it is a reply or an error, not an event. `resumed` comes behind a reply."""
    return (
        ("request_id" in frame or "seq" not in frame)
        and frame["type"]
        not in (
            "resumed",
            "user_typing",
            "status_change",
            "message_read",
            "notification",
            "conversation_created",
        )
        and not ("seq" in frame and "content" in frame)
    )


@pytest.fixture
def target(place: Place) -> Iterator[Target]:
    made = Target(place)
    yield made
    made.close()


BOUNDED = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@BOUNDED
@given(
    frame=st.binary(max_size=200)
    | st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    | anything.map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_give_one_error(target: Target, frame: bytes) -> None:
    (error,) = target.throw(frame)
    if error["type"] == "pong":  # Hypothesis also tries constants of our own code, where it is loaded
        assert json.loads(frame)["type"] == "ping"
        return
    assert error["type"] == "error"
    assert error["code"] in ("invalid_frame", "unknown_type", "invalid_field")


@BOUNDED
@given(data=st.data(), signed_in=st.booleans())
def test_any_fields_of_any_command_give_one_answer(target: Target, data: st.DataObject, signed_in: bool) -> None:
    command = data.draw(st.sampled_from(public(target.cluster)), label="command")
    fields = data.draw(
        st.dictionaries(st.sampled_from(sorted(command.request.__struct_fields__)), anything | plausible, max_size=5),
        label="fields",
    )
    fields = {**sample_fields(command.request), **fields, "type": command.name, "request_id": "fuzz"}
    for name, value in fields.items():
        fields[name] = (
            {"HERE": target.cid, "MESSAGE": target.message_id}.get(value, value) if isinstance(value, str) else value
        )
    fields.setdefault("conversation_id", target.cid)
    device = target.device if signed_in else target.loop.run_until_complete(anonymous(target))
    answers = target.throw(json.dumps(fields).encode(), device)
    if command.name in SILENT and not answers:
        return
    assert len(answers) == 1, answers
    assert answers[0].get("code") != "internal"


async def anonymous(target: Target) -> Device:
    return target.cluster.open("user_7")
