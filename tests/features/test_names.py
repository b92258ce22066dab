"""Names that the platform changes while people are connected."""

from bihak.core.identity import Actor, Identity
from bihak.features.participants import WATCH_EVERY_S, Participants, SaveParticipant
from bihak.protocol.types import Participant
from bihak.tasks import EARLY_S
from tests.harness import Cluster


async def test_a_changed_name_is_in_the_next_live_event_on_every_node(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await cluster.nodes[1].call(SaveParticipant(participant=Participant("user", 1), name="Alice the Second"))
    await cluster.settle()
    await cluster.clock.advance(WATCH_EVERY_S + EARLY_S)
    await cluster.settle()
    assert alice.session.actor == Actor(Participant("user", 1), "Alice the Second")
    await alice.do("message", conversation_id=cid, content="It is me")
    event = await bob.expect("new_message")
    (message,) = (await bob.do("history", conversation_id=cid))["messages"]
    assert event["sender_name"] == message["sender_name"] == "Alice the Second"


async def test_a_name_that_comes_while_somebody_signs_in_for_the_first_time_is_theirs(cluster: Cluster) -> None:
    """They were not known when the credential, which tells no name, was looked at; and then they were."""
    alice = await cluster.connect("user_1")
    await cluster.settle()
    clock = cluster.nodes[0].database.dialect.clock_ms
    await cluster.write(f"UPDATE participants SET name = 'Alice', created_ms = {clock}")
    await cluster.write("UPDATE participants SET updated_ms = created_ms")
    participants = cluster.nodes[0].feature(Participants)
    await participants.save_told(Identity(Participant("user", 1)))
    assert await cluster.stored("SELECT name FROM participants") == [("Alice",)]
    await cluster.clock.advance(WATCH_EVERY_S + EARLY_S)
    await cluster.settle()
    assert alice.session.actor == Actor(Participant("user", 1), "Alice")
