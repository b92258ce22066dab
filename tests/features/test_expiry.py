"""A token that expires while its connection is open."""

from collections.abc import AsyncIterator

import pytest_asyncio

from bihak.errors import CloseCode
from bihak.features.sync import TOKEN_GRACE_S
from bihak.protocol.types import Participant
from bihak.tasks import EARLY_S
from bihak.transports.auth import TokenAuthenticator, make_token
from tests.harness import Cluster, Device, Place, running_cluster

SECRET = "a-secret-of-the-platform-of-32-bytes"
VALID_S = 600
CHECK_S = 1.0 + EARLY_S


class Hands:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Night:
    """A node, a wall clock, and somebody signed in with a token."""

    def __init__(self, cluster: Cluster, hands: Hands) -> None:
        self.cluster = cluster
        self.hands = hands

    def token(self, user_id: str = "user_1") -> str:
        now, who = self.hands.now, Participant.parse(user_id)
        return make_token(SECRET, who, name=None, expires_at=int(now) + VALID_S, issued_at=now)

    async def sign_in(self) -> Device:
        device = self.cluster.open("user_1")
        await device.do("auth", token=self.token())
        return device

    async def passes(self, seconds: float) -> None:
        self.hands.now += seconds
        await self.cluster.clock.advance(CHECK_S)
        await self.cluster.settle()


@pytest_asyncio.fixture
async def night(sqlite_place: Place) -> AsyncIterator[Night]:
    hands = Hands()
    tokens = TokenAuthenticator(secrets=[SECRET], clock=hands)
    async with running_cluster(sqlite_place, 1, authenticator=tokens, wall_clock=hands) as cluster:
        yield Night(cluster, hands)


async def test_an_expired_connection_is_told_once_and_closed_after_its_grace(night: Night) -> None:
    device = await night.sign_in()
    await night.passes(VALID_S - 1)
    assert device.heard("error") == []
    for _ in range(3):
        await night.passes(5)
    assert [error["code"] for error in device.heard("error")] == ["token_expired"]
    assert (await device.do("conversations"))["conversations"] == []
    await night.passes(TOKEN_GRACE_S)
    assert device.tape.closed == (CloseCode.TOKEN, "token_expired")


async def test_a_new_token_keeps_the_connection_and_one_for_somebody_else_does_not(night: Night) -> None:
    device = await night.sign_in()
    await night.passes(VALID_S + 1)
    assert (await device.refused("auth", token=night.token("user_2")))["code"] == "already_authenticated"
    assert (await device.do("auth", token=night.token()))["user_id"] == "user_1"
    await night.passes(TOKEN_GRACE_S + 1)
    assert device.is_open
    codes = ["token_expired", "already_authenticated"]
    assert [error["code"] for error in device.heard("error")] == codes
    await night.passes(VALID_S - TOKEN_GRACE_S)
    assert [error["code"] for error in device.heard("error")] == [*codes, "token_expired"]


async def test_a_bad_token_in_the_time_of_grace_ends_the_connection_at_once(night: Night) -> None:
    device = await night.sign_in()
    await night.passes(VALID_S + 1)
    assert (await device.refused("auth", token="nonsense"))["code"] == "invalid_token"
    await night.cluster.settle()
    assert device.tape.closed == (CloseCode.TOKEN, "invalid_token")
