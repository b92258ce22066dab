"""The platform's own commands, across nodes."""

import time
from collections.abc import AsyncIterator

import pytest_asyncio

from bihak.errors import CloseCode
from bihak.features.participants import WATCH_EVERY_S
from bihak.features.platform import Platform, PostSystemMessage, Revoked, RevokeSessions
from bihak.protocol.types import Participant
from bihak.tasks import EARLY_S
from bihak.transports.auth import TokenAuthenticator, make_token
from tests.harness import Cluster, Device, Place, running_cluster

SECRET = "a-secret-of-the-platform-of-32-bytes"


@pytest_asyncio.fixture
async def by_token(place: Place) -> AsyncIterator[Cluster]:
    """Two nodes that take tokens only."""
    async with running_cluster(place, authenticator=TokenAuthenticator(secrets=[SECRET])) as two_nodes:
        yield two_nodes


async def sign_in(cluster: Cluster, node: int = 0, made_s_ago: float = 60.0) -> Device:
    """A device of user_1 whose token was made that long ago."""
    now = time.time()
    token = make_token(SECRET, Participant("user", 1), name=None, expires_at=int(now) + 600, issued_at=now - made_s_ago)
    device = cluster.open("user_1", node)
    await device.do("auth", token=token)
    return device


async def revoke(cluster: Cluster, node: int = 0) -> Revoked:
    reply = await cluster.nodes[node].feature(Platform).serve(RevokeSessions(user_id="user_1"))
    assert isinstance(reply, Revoked)
    return reply


async def test_a_revocation_is_about_all_tokens_made_before_it_in_its_own_millisecond_too(cluster: Cluster) -> None:
    for _ in range(50):
        made_ms = int(time.time() * 1000)
        before_ms = (await revoke(cluster)).revoked_before_ms
        assert made_ms < before_ms <= int(time.time() * 1000) + 1


async def test_revoking_on_one_node_ends_the_sessions_on_every_node(cluster: Cluster) -> None:
    devices = [await cluster.connect("user_1", node) for node in (0, 1)]
    other = await cluster.connect("user_2", 1)
    await revoke(cluster)
    await cluster.settle()
    assert [device.tape.closed for device in devices] == [(CloseCode.REVOKED, "session revoked")] * 2
    assert other.tape.closed is None


async def test_a_session_whose_token_is_newer_stays(by_token: Cluster) -> None:
    old, new = await sign_in(by_token, 0), await sign_in(by_token, 1, made_s_ago=-2)
    await revoke(by_token)
    await by_token.settle()
    assert old.tape.closed == (CloseCode.REVOKED, "session revoked")
    assert new.tape.closed is None


async def test_a_revocation_whose_signal_was_lost_ends_sessions_within_a_second(by_token: Cluster) -> None:
    device = await sign_in(by_token, 1)
    await by_token.clock.advance(WATCH_EVERY_S + EARLY_S)
    await by_token.settle()
    for plane in by_token.planes:
        plane.misbehave(drop=1.0, topics="p")
    await revoke(by_token)
    await by_token.settle()
    assert device.tape.closed is None
    await by_token.clock.advance(WATCH_EVERY_S + EARLY_S)
    await by_token.settle()
    assert device.tape.closed == (CloseCode.REVOKED, "session revoked")


async def test_a_system_message_is_heard_at_once_on_every_node(cluster: Cluster) -> None:
    ann, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(ann, "user_2")
    await cluster.nodes[0].feature(Platform).serve(PostSystemMessage(conversation_id=cid, content="Hello"))
    for device in (ann, bob):
        heard = await device.expect("new_message", conversation_id=cid)
        assert (heard["sender_type"], heard["sender_name"], heard["content"]) == ("system", "System", "Hello")
