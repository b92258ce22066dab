"""For every durable command: the state before, plus the events it recorded, is the state fetched afresh."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from bihak.core.feature import Kind
from tests import law
from tests.harness import Cluster, Device


@dataclass
class World:
    """A conversation in use: its owner, an admin and a member, and somebody who is not in it."""

    owner: Device
    admin: Device
    member: Device
    stranger: Device
    cid: int
    ids: list[int]
    """Messages, oldest first: the owner's, the member's, the admin's, and a deleted one of the owner's."""

    @property
    def everyone(self) -> list[Device]:
        return [self.owner, self.admin, self.member, self.stranger]


async def make_world(cluster: Cluster) -> World:
    owner, admin = await cluster.connect("user_1", 0), await cluster.connect("admin_1", 1)
    member, stranger = await cluster.connect("user_2", 1), await cluster.connect("user_9", 0)
    await cluster.found(member, "user_9", name="Elsewhere")
    cid = await cluster.found(owner, "admin_1", "user_2")
    ids = [
        (await who.do("message", conversation_id=cid, content=f"{at} from {who.user_id}"))["message_id"]
        for at, who in enumerate((owner, member, admin, owner))
    ]
    await owner.do("delete_message", message_id=ids[3])
    await cluster.introduce("user_7")
    return World(owner, admin, member, stranger, cid, ids)


Case = Callable[[World], Awaitable[object]]
CASES: dict[str, Case] = {}


def case(command: str) -> Callable[[Case], Case]:
    """Registers what is done in the case of a command."""

    def register(act: Case) -> Case:
        CASES[command] = act
        return act

    return register


@case("message")
async def send(world: World) -> None:
    fields = {"conversation_id": world.cid, "idempotency_key": "key-0001", "reply_to_id": world.ids[0]}
    for _ in range(2):
        await world.member.do("message", content="hello 👍 @user_1", **fields)
    await world.owner.do("message", conversation_id=world.cid, content="and again")


@case("edit_message")
async def edit(world: World) -> None:
    for content in ("once", "twice", "twice", "with @user_2"):
        await world.owner.do("edit_message", message_id=world.ids[0], content=content)


@case("delete_message")
async def delete(world: World) -> None:
    for message_id in (world.ids[2], world.ids[0], world.ids[0]):
        await world.admin.do("delete_message", message_id=message_id)


@case("add_reaction")
async def react(world: World) -> None:
    for who, emoji in ((world.owner, "👍"), (world.member, "👍"), (world.member, "🎉"), (world.owner, "👍")):
        await who.do("add_reaction", message_id=world.ids[0], emoji=emoji)
    await world.owner.do("add_reaction", message_id=world.ids[2], emoji="👍")
    await world.owner.do("delete_message", message_id=world.ids[0])


@case("remove_reaction")
async def take_back(world: World) -> None:
    for who in (world.owner, world.member):
        await who.do("add_reaction", message_id=world.ids[1], emoji="👍🏽")
    for who in (world.owner, world.owner, world.admin):
        await who.do("remove_reaction", message_id=world.ids[1], emoji="👍🏽")


@case("pin_message")
async def pin(world: World) -> None:
    for message_id in (world.ids[0], world.ids[1], world.ids[0]):
        await world.member.do("pin_message", message_id=message_id)
    await world.owner.do("delete_message", message_id=world.ids[0])


@case("unpin_message")
async def unpin(world: World) -> None:
    await world.member.do("pin_message", message_id=world.ids[1])
    for message_id in (world.ids[1], world.ids[1], world.ids[0]):
        await world.owner.do("unpin_message", message_id=message_id)


@case("mark_read")
async def read_on(world: World) -> None:
    for who, at in ((world.member, 0), (world.owner, 2), (world.owner, 1), (world.member, 3)):
        await who.do("mark_read", conversation_id=world.cid, message_id=world.ids[at])


@case("update_settings")
async def keep_private(world: World) -> None:
    await world.member.do("update_settings", read_receipts=False)
    await world.member.do("mark_read", conversation_id=world.cid, message_id=world.ids[0])
    await world.owner.do("mark_read", conversation_id=world.cid, message_id=world.ids[1])


@case("mark_notifications_read")
async def see_notifications(world: World) -> None:
    await world.owner.do("mark_notifications_read")


@case("create_conversation")
async def create(world: World) -> None:
    for kind, people in (("direct", ["user_9"]), ("direct", ["user_9"]), ("broadcast", ["user_2", "user_9"])):
        await world.owner.do("create_conversation", conversation_type=kind, participants=people)


@case("rename_conversation")
async def rename(world: World) -> None:
    for name in ("Another name", "Another name ", "A third 👍"):
        await world.owner.do("rename_conversation", conversation_id=world.cid, name=name)


@case("add_participants")
async def add(world: World) -> None:
    for people in (["user_9", "user_7"], ["user_7"]):
        await world.owner.do("add_participants", conversation_id=world.cid, participants=people)
    await world.stranger.do("message", conversation_id=world.cid, content="hello")


@case("remove_participant")
async def remove(world: World) -> None:
    await world.admin.do("remove_participant", conversation_id=world.cid, user_id="user_2")
    await world.owner.do("message", conversation_id=world.cid, content="without user_2")


@case("leave_conversation")
async def leave(world: World) -> None:
    await world.member.do("leave_conversation", conversation_id=world.cid)
    await world.owner.do("add_participants", conversation_id=world.cid, participants=["user_2"])
    await world.member.do("message", conversation_id=world.cid, content="back")


DESTRUCTIVE = ("remove_participant", "leave_conversation", "delete_message", "pin_message", "add_reaction")
"""Commands in whose cases something ends that other cases need."""


@pytest.mark.parametrize("command", CASES)
async def test_state_and_events_make_the_state_fetched_afresh(cluster: Cluster, command: str) -> None:
    world = await make_world(cluster)
    await law.check(world.everyone, lambda: CASES[command](world))


async def test_every_durable_command_has_a_case(cluster: Cluster) -> None:
    durable = {
        command.name
        for command in cluster.nodes[0].dispatcher.commands.values()
        if command.kind in (Kind.WRITE, Kind.WRITE_MANY) and not command.internal
    }
    assert durable == CASES.keys()


async def test_a_conversation_written_to_by_every_command_at_once_obeys_the_law(cluster: Cluster) -> None:
    world = await make_world(cluster)

    async def all_at_once() -> None:
        for command, act in CASES.items():
            if command not in DESTRUCTIVE:
                await act(world)
        for command in ("add_reaction", "remove_participant"):
            await CASES[command](world)

    await law.check(world.everyone, all_at_once)
