"""What is not one's own cannot be told from what does not exist, whatever one asks."""

import pytest

from bihak.core.feature import Command
from tests.harness import Cluster, Device, Frame
from tests.samples import sample_fields

HERE = {"conversation_id", "message_id"}
"""Fields that name something which may not be one's own."""


def public(cluster: Cluster) -> list[Command]:
    return [command for command in cluster.nodes[0].dispatcher.commands.values() if not command.internal]


async def place_of_others(cluster: Cluster) -> tuple[Device, int, int]:
    """An owner, and a conversation with a message of hers."""
    owner = await cluster.connect("user_1")
    cid = await cluster.found(owner, "user_2", "user_8")
    sent = await owner.do("message", conversation_id=cid, content="private")
    return owner, cid, sent["message_id"]


async def errors_about(asker: Device, cid: int, message_id: int) -> dict[str, Frame]:
    """What each command answers about this conversation or message, without the echo of its id."""
    errors = {}
    for command in public(asker.cluster):
        if not HERE & set(command.request.__struct_fields__):
            continue
        fields = sample_fields(command.request, conversation_id=cid, message_id=message_id, after_seq=0)
        error = await asker.refused(command.name, request_id=command.name, **fields)
        assert error.pop("conversation_id", None) == fields.get("conversation_id")
        errors[command.name] = error
    return errors


@pytest.mark.parametrize("who", ["never a member", "left", "removed"])
async def test_what_is_not_ones_own_looks_like_what_does_not_exist(cluster: Cluster, who: str) -> None:
    owner, cid, message_id = await place_of_others(cluster)
    asker = await cluster.connect("user_9" if who == "never a member" else "user_8", 1)
    if who == "left":
        await asker.do("leave_conversation", conversation_id=cid)
    elif who == "removed":
        await owner.do("remove_participant", conversation_id=cid, user_id="user_8")
    await cluster.settle()
    before, told = await cluster.snapshot(), len(owner.frames)
    theirs = await errors_about(asker, cid, message_id)
    missing = await errors_about(asker, 2**53 - 1, 2**53 - 1)
    assert theirs == missing
    assert {error["code"] for error in theirs.values()} == {"not_found"}
    await cluster.settle()
    assert await cluster.snapshot() == before
    assert len(owner.frames) == told, owner.frames[told:]


async def test_an_admin_reaches_no_conversation_of_others(cluster: Cluster) -> None:
    _, cid, message_id = await place_of_others(cluster)
    admin = await cluster.connect("admin_1", 1)
    errors = await errors_about(admin, cid, message_id)
    assert {error["code"] for error in errors.values()} == {"not_found"}


async def test_one_who_joined_later_reaches_no_earlier_message(cluster: Cluster) -> None:
    owner, cid, message_id = await place_of_others(cluster)
    late = await cluster.connect("admin_1", 1)
    await owner.do("add_participants", conversation_id=cid, participants=["admin_1"])
    await cluster.settle()
    for verb in (
        "edit_message",
        "delete_message",
        "add_reaction",
        "remove_reaction",
        "pin_message",
        "unpin_message",
        "receipts",
    ):
        command = next(command for command in public(cluster) if command.name == verb)
        fields = sample_fields(command.request, request_id="r")
        theirs = await late.refused(verb, **fields | {"message_id": message_id})
        assert theirs == await late.refused(verb, **fields | {"message_id": 2**53 - 1})
        assert theirs["code"] == "not_found"
    for where in ("before", "after"):
        error = await late.refused("history", conversation_id=cid, **{where: message_id})
        assert error["code"] == "not_found"
    for any_id in (message_id, 2**53 - 1):  # there is nothing that they could read, whatever they name
        await late.do("mark_read", conversation_id=cid, message_id=any_id)
    await owner.quiet("message_read")
    subscribed = await late.do("subscribe_conversation", conversation_id=cid, after_seq=0)
    assert subscribed["last_seq"] == 2
    await cluster.settle()
    assert late.seqs(cid) == []


async def test_an_outsider_cannot_name_a_message_as_the_end_of_a_page(cluster: Cluster) -> None:
    _, _, message_id = await place_of_others(cluster)
    outsider = await cluster.connect("user_9", 1)
    own = await cluster.found(outsider, "user_2")
    for where in ("before", "after"):
        errors = [
            await outsider.refused("history", conversation_id=own, request_id="r", **{where: number})
            for number in (message_id, 2**53 - 1)
        ]
        assert errors[0] == errors[1]


async def test_nothing_is_served_before_authentication_but_ping(cluster: Cluster) -> None:
    _, cid, message_id = await place_of_others(cluster)
    nobody = cluster.open()
    for command in public(cluster):
        if command.needs_auth:
            fields = sample_fields(command.request, conversation_id=cid, message_id=message_id)
            assert (await nobody.refused(command.name, **fields))["code"] == "not_authenticated"
    assert (await nobody.do("ping"))["type"] == "pong"


async def test_the_servers_own_commands_are_unknown_to_clients(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    for command in cluster.nodes[0].dispatcher.commands.values():
        if command.internal:
            assert (await alice.refused(command.name))["code"] == "unknown_type"
