"""Finding people by name: whom, and whom not."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bihak.core.node import NodeOptions
from bihak.features.participants import SaveParticipant
from bihak.features.people import MOST_FOUND
from bihak.protocol.types import Participant
from tests.harness import Cluster, Device, Frame, Place, running_cluster

NAMES = {
    "user_1": "Aline Uwase",
    "user_2": "Éric Mugisha",
    "user_3": "ERICA Uwimana",
    "mentor_1": "Grace Mukamana-Éloi",
    "mentor_2": "100% Sure",
    "admin_1": "Jean_Bosco Nkurunziza",
    "admin_2": "D'Arc (Admin)",
}


async def name_everyone(cluster: Cluster) -> None:
    for user_id, name in NAMES.items():
        who = Participant.parse(user_id)
        await cluster.nodes[0].call(SaveParticipant(participant=who, name=name, email=f"{user_id}@example.org"))


@pytest_asyncio.fixture
async def aline(cluster: Cluster) -> Device:
    """Somebody on a platform with a few people."""
    await name_everyone(cluster)
    return await cluster.connect("user_1")


@pytest_asyncio.fixture
async def shared(place: Place) -> AsyncIterator[Cluster]:
    """Two nodes whose directory is of those one shares a conversation with."""
    async with running_cluster(place, options=NodeOptions(directory="shared")) as two_nodes:
        await name_everyone(two_nodes)
        yield two_nodes


async def search(device: Device, q: str) -> list[Frame]:
    reply = await device.do("participants", q=q)
    assert reply["type"] == "participants"
    found: list[Frame] = reply["participants"]
    return found


async def names(device: Device, q: str) -> list[str]:
    return [person["name"] for person in await search(device, q)]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("gra", ["Grace Mukamana-Éloi"]),
        ("MUK", ["Grace Mukamana-Éloi"]),
        ("eri", ["ERICA Uwimana"]),
        ("éri", ["Éric Mugisha"]),
        ("ÉRI", ["Éric Mugisha"]),
        ("élo", ["Grace Mukamana-Éloi"]),
        ("arc", ["D'Arc (Admin)"]),
        ("adm", ["D'Arc (Admin)"]),
        ("mug é", ["Éric Mugisha"]),
        ("  uwi   erica ", ["ERICA Uwimana"]),
        ("uwi grace", []),
        ("ugisha", []),
        ("zzz", []),
    ],
)
async def test_every_word_must_begin_a_word_of_the_name(aline: Device, q: str, found: list[str]) -> None:
    assert await names(aline, q) == found


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("%", []),
        ("_", []),
        ("100%", ["100% Sure"]),
        ("10%", []),
        ("jean_b", ["Jean_Bosco Nkurunziza"]),
        ("jeanxb", []),
        ("jea_", []),
        ("!", []),
        ("'", []),
        ("\\", []),
    ],
)
async def test_signs_that_mean_something_to_the_database_are_plain_text(
    aline: Device, q: str, found: list[str]
) -> None:
    assert await names(aline, q) == found


async def test_somebody_found_can_be_written_to(aline: Device) -> None:
    (found,) = await search(aline, "grace")
    assert found == {
        "user_id": "mentor_1",
        "participant_type": "mentor",
        "participant_id": 1,
        "name": NAMES["mentor_1"],
        "avatar_url": None,
        "status": "offline",
    }
    reply = await aline.do("create_conversation", conversation_type="direct", participants=[found["user_id"]])
    assert reply["type"] == "conversation"


async def test_an_email_address_neither_finds_nor_is_told(aline: Device) -> None:
    assert await names(aline, "mentor_1@example.org") == []
    assert await names(aline, "example") == []
    everybody = await search(aline, "")
    assert "example.org" not in str(everybody)


async def test_whoever_is_here_is_shown_as_online(cluster: Cluster, aline: Device) -> None:
    await cluster.connect("mentor_1", 1)
    await cluster.settle()
    (found,) = await search(aline, "grace")
    assert found["status"] == "online"


async def test_whoever_appears_offline_is_found_as_offline(cluster: Cluster, aline: Device) -> None:
    grace = await cluster.connect("user_2", 1)
    await grace.do("set_status", status="offline")
    await cluster.settle()
    found = {person["user_id"]: person["status"] for person in (await aline.do("participants", q=""))["participants"]}
    assert found["user_2"] == "offline"


async def test_one_does_not_find_oneself(aline: Device) -> None:
    assert await names(aline, "aline") == []
    assert NAMES["user_1"] not in await names(aline, "")


async def test_nothing_to_look_for_shows_the_first_by_name(cluster: Cluster, aline: Device) -> None:
    assert len(await search(aline, "  ")) == len(NAMES) - 1
    for number in range(100, 100 + MOST_FOUND + 5):
        who = Participant("user", number)
        await cluster.nodes[0].call(SaveParticipant(participant=who, name=f"many {number}"))
    assert await names(aline, "many") == [f"many {number}" for number in range(100, 100 + MOST_FOUND)]


async def test_people_of_types_that_the_platform_does_not_have_are_not_found(cluster: Cluster, aline: Device) -> None:
    await cluster.nodes[0].call(SaveParticipant(participant=Participant("system", 1), name="Systema"))
    assert await names(aline, "systema") == []


async def test_in_a_shared_directory_only_those_of_ones_conversations_are_found(shared: Cluster) -> None:
    aline = await shared.connect("user_1")
    assert await names(aline, "") == []
    cid = await shared.found(aline, "user_2", "mentor_1")
    for user_id in ("user_2", "mentor_1"):  # `found` calls those it introduces by their user_id
        who = Participant.parse(user_id)
        await shared.nodes[0].call(SaveParticipant(participant=who, name=NAMES[user_id]))
    assert await names(aline, "") == [NAMES["mentor_1"], NAMES["user_2"]]
    assert await names(aline, "erica") == []
    grace = await shared.connect("mentor_1", 1)
    assert await names(grace, "aline") == [NAMES["user_1"]]
    await aline.do("remove_participant", conversation_id=cid, user_id="mentor_1")
    assert await names(aline, "grace") == []
    assert await names(grace, "") == []


async def test_without_a_word_to_look_for_it_is_an_error(aline: Device) -> None:
    assert (await aline.refused("participants"))["code"] == "invalid_field"
    assert (await aline.refused("participants", q="x" * 201))["field"] == "q"
