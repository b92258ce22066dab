"""Mentions: `@` and the name or the `user_id` of somebody in the conversation."""

import pytest

from bihak.features.participants import SaveParticipant
from bihak.protocol.types import Participant
from tests.harness import Cluster, Device

NAMES = {
    "user_1": "Aline Uwase",
    "user_2": "Grace",
    "user_3": "Grace Mukamana",
    "user_4": "Zoé d'Arc",
    "user_5": "İlker",
}


async def team(cluster: Cluster) -> tuple[Device, int]:
    """All of `NAMES` but user_5 in one conversation, as the first of them sees it."""
    for user_id, name in NAMES.items():
        await cluster.nodes[0].call(SaveParticipant(participant=Participant.parse(user_id), name=name))
    aline = await cluster.connect("user_1")
    reply = await aline.do("create_conversation", conversation_type="team", participants=["user_2", "user_3", "user_4"])
    return aline, int(reply["conversation"]["conversation_id"])


@pytest.mark.parametrize(
    ("content", "mentioned"),
    [
        ("@Grace, are you there?", ["user_2"]),
        ("@Grace Mukamana and @grace", ["user_3", "user_2"]),
        ("@GRACE MUKAMANA!", ["user_3"]),
        ("@zoé d'arc", ["user_4"]),
        ("@user_2 @user_2 @user_3", ["user_2", "user_3"]),
        ("(@Aline Uwase)", ["user_1"]),
        ("write to grace@Grace.example", []),
        ("@Graceful", []),
        ("@user_22", []),
        ("@@Grace", []),
        ("@ Grace", []),
        ("@İlker @user_5", []),
        ("@Nobody", []),
    ],
)
async def test_who_is_in_the_conversation_is_mentioned_by_name_or_user_id(
    cluster: Cluster, content: str, mentioned: list[str]
) -> None:
    aline, cid = await team(cluster)
    grace = await cluster.connect("user_2", 1)
    sent = await aline.do("message", conversation_id=cid, content=content)
    event = await grace.expect("new_message", message_id=sent["message_id"])
    assert event.get("mentions", []) == mentioned
    (message,) = (await grace.do("history", conversation_id=cid))["messages"]
    assert message["mentions"] == mentioned


async def test_an_edit_mentions_anew(cluster: Cluster) -> None:
    aline, cid = await team(cluster)
    message_id = (await aline.do("message", conversation_id=cid, content="@Grace"))["message_id"]
    await aline.do("edit_message", message_id=message_id, content="@user_4")
    assert (await aline.expect("message_edited"))["mentions"] == ["user_4"]
    (message,) = (await aline.do("history", conversation_id=cid))["messages"]
    assert message["mentions"] == ["user_4"]


async def test_whoever_has_left_is_mentioned_no_more(cluster: Cluster) -> None:
    aline, cid = await team(cluster)
    await aline.do("remove_participant", conversation_id=cid, user_id="user_2")
    await aline.do("message", conversation_id=cid, content="@user_2 @Grace")
    assert (await aline.expect("new_message")).get("mentions", []) == []
