"""What a conversation keeps at hand."""

from tests.harness import Cluster, Device


async def pinned(device: Device, cid: int) -> list[str]:
    reply = await device.do("pins", conversation_id=cid)
    assert all(message["pinned"] for message in reply["messages"])
    return [message["content"] for message in reply["messages"]]


async def test_what_is_pinned_is_listed_to_those_who_may_see_it_the_last_one_first(cluster: Cluster) -> None:
    owner, other = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    await cluster.connect("user_3")
    cid = await cluster.found(owner, "user_2")
    assert await pinned(other, cid) == []
    ids = [(await owner.do("message", conversation_id=cid, content=word))["message_id"] for word in "abcd"]
    for message_id in ids:
        await other.do("pin_message", message_id=message_id)
    await owner.do("unpin_message", message_id=ids[3])
    await owner.do("delete_message", message_id=ids[2])
    assert await pinned(other, cid) == await pinned(owner, cid) == ["b", "a"]
    await owner.do("add_participants", conversation_id=cid, participants=["user_3"])
    late = await cluster.connect("user_3")
    assert await pinned(late, cid) == []
