"""Role by command, over the socket: who may, who may not, and who cannot even find out."""

from typing import Any

import pytest

from bihak.core.feature import Command
from tests.authorisation import BYSTANDER, MATRIX, MISSING, OUTSIDERS, ROLES, SILENT, About, expected
from tests.harness import Cluster, Device, Frame
from tests.samples import sample_fields
from tests.statements import counted


def public(cluster: Cluster) -> dict[str, Command]:
    return {command.name: command for command in cluster.nodes[0].dispatcher.commands.values() if not command.internal}


async def make_place(cluster: Cluster) -> tuple[dict[str, Device], int, int]:
    """Everybody, a conversation, and the author's message in it."""
    people = {role: await cluster.connect(user_id, at % 2) for at, (role, user_id) in enumerate(ROLES.items())}
    inside = [ROLES[role] for role in ("admin", "author", "member", "former")]
    cid = await cluster.found(people["owner"], *inside, BYSTANDER)
    sent = await people["author"].do("message", conversation_id=cid, content="private")
    await people["former"].do("leave_conversation", conversation_id=cid)
    await cluster.settle()
    return people, cid, sent["message_id"]


def fields_of(command: Command, cid: int, message_id: int) -> dict[str, Any]:
    given = {"conversation_id": cid, "message_id": message_id, "user_id": BYSTANDER, "participants": [BYSTANDER]}
    return sample_fields(command.request, **given)


async def outcome(device: Device, command: Command, fields: dict[str, Any]) -> str:
    """`ok` or the code of the error."""
    request_id = device.send(command.name, **fields)
    if command.name in SILENT:
        await device.settle()
        answers = [frame for frame in device.frames if frame.get("request_id") == request_id]
    else:
        answers = [await device.answer(request_id)]
    return next((answer["code"] for answer in answers if answer["type"] == "error"), "ok")


async def test_every_command_has_a_row_in_the_matrix(cluster: Cluster) -> None:
    assert public(cluster).keys() == MATRIX.keys(), "say in tests/authorisation.py who may use a new command"


@pytest.mark.parametrize("role", [*(role for role in ROLES if role not in OUTSIDERS), "anonymous"])
async def test_each_role_may_do_what_the_matrix_says(cluster: Cluster, role: str) -> None:
    people, cid, message_id = await make_place(cluster)
    device = people.get(role) or cluster.open()
    commands = public(cluster)
    kind, _, number = device.user_id.partition("_")
    for name in MATRIX:
        fields = fields_of(commands[name], cid, message_id)
        if name == "auth":
            if role == "anonymous":
                continue
            fields |= {"participant_type": kind, "participant_id": int(number)}
        assert await outcome(device, commands[name], fields) == expected(name, role), name


# Those outside


@pytest.mark.parametrize("role", OUTSIDERS)
async def test_those_outside_cannot_tell_what_is_there_from_what_is_not(cluster: Cluster, role: str) -> None:
    people, cid, message_id = await make_place(cluster)
    device = people[role]
    for node in cluster.nodes:  # nothing is to be asked of the database but what this test asks
        for task in node._background:
            task.cancel()
    await cluster.clock.advance(1.0)  # what was put off until those who were taken in have heard of it
    await cluster.settle()
    before, told = await cluster.snapshot(), {name: len(each.frames) for name, each in people.items()}
    for name, command in public(cluster).items():
        if MATRIX[name].about is About.NOTHING:
            continue
        seen: list[tuple[Frame, list[str]]] = []
        for places in ((cid, message_id), (MISSING, MISSING)):
            with counted(("SELECT id_blocks", "UPDATE id_blocks")) as statements:
                error = await device.refused(name, request_id="same", **fields_of(command, *places))
            error.pop("conversation_id", None)
            seen.append((error, statements))
        assert seen[0] == seen[1], name
        assert seen[0][0]["code"] == expected(name, role) == "not_found", name
    await cluster.settle()
    assert await cluster.snapshot() == before
    told_since = {name: each.frames[told[name] :] for name, each in people.items() if each is not device}
    assert all(not frames for frames in told_since.values()), told_since
