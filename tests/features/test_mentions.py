"""Mentions: `@` and the name or the `user_id` of somebody in the conversation."""

import unicodedata

from bihak.features.participants import SaveParticipant
from bihak.protocol.types import Participant
from tests.harness import Cluster, Device

NAMES = {
    "user_1": "Aline Uwase",
    "user_2": "Grace",
    "user_3": "Grace Mukamana",
    "user_4": "Zoé d'Arc",
    "user_5": "İlker",
    "user_6": "🦊 Fox",
    "user_7": "(Bob)",
    "user_8": "阿明",
    "user_9": "Twin",
    "user_10": "Twin",
    "user_11": "user_2",
    "user_12": "José",
}


async def team(cluster: Cluster) -> tuple[Device, int]:
    """All of `NAMES` but İlker in one conversation, as the first of them sees it."""
    for user_id, name in NAMES.items():
        await cluster.nodes[0].call(SaveParticipant(participant=Participant.parse(user_id), name=name))
    aline = await cluster.connect("user_1")
    reply = await aline.do(
        "create_conversation", conversation_type="team", participants=sorted(NAMES.keys() - {"user_5"})
    )
    return aline, int(reply["conversation"]["conversation_id"])


CASES = [
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
    ("hi @🦊 Fox!", ["user_6"]),
    ("@(Bob)", ["user_7"]),
    ("你好@阿明你好", ["user_8"]),
    ("@Twin", ["user_9", "user_10"]),
    ("@user_2", ["user_2"]),
    ("@user_2_x", []),
    (unicodedata.normalize("NFD", "@José"), ["user_12"]),
    ("@JOSÉ", ["user_12"]),
]


async def test_who_is_in_the_conversation_is_mentioned_by_name_or_user_id(cluster: Cluster) -> None:
    aline, cid = await team(cluster)
    grace = await cluster.connect("user_2", 1)
    for content, mentioned in CASES:
        sent = await aline.do("message", conversation_id=cid, content=content)
        event = await grace.expect("new_message", message_id=sent["message_id"])
        assert (content, event.get("mentions", [])) == (content, mentioned)
    page = (await grace.do("history", conversation_id=cid))["messages"]
    assert [(message["content"], message["mentions"]) for message in page] == CASES


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
    await aline.do("message", conversation_id=cid, content="@Grace @user_2 and all")
    assert (await aline.expect("new_message")).get("mentions", []) == ["user_11"], "whose name that happens to be"
