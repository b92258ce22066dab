"""What a request costs the database, in statements: the same however much there is."""

import gc

import pytest
import sqlalchemy as sa

from bihak.features.presence.leases import presence_leases, presence_nodes
from bihak.protocol.types import Participant
from bihak.storage.schema import conversation_participants, conversations, messages, participants
from tests.harness import Cluster, Place, running_cluster
from tests.servers import MariaDb
from tests.statements import OF_THE_NODE, counted

WORD = {"sender_type": "user", "sender_id": 2, "content": "a word", "created_ms": 1}


def fill(place: Place, ids: range, length: int) -> None:
    """Conversations of user_1 and user_2, each with so many messages of user_2."""
    people = [Participant("user", 1), Participant("user", 2)]
    with place.handles(3)[2].writer_engine.begin() as connection:
        connection.execute(
            conversations.insert(),
            [{"id": cid, "conversation_type": "team", "created_ms": 1, "last_seq": length} for cid in ids],
        )
        connection.execute(
            conversation_participants.insert(),
            [
                {"conversation_id": cid, "participant_type": who.type, "participant_id": who.id, "joined_ms": 1}
                for cid in ids
                for who in people
            ],
        )
        rows = [
            {"id": cid * 10_000 + seq, "conversation_id": cid, "seq": seq, **WORD}
            for cid in ids
            for seq in range(1, length + 1)
        ]
        connection.execute(messages.insert(), rows)


def clear(place: Place) -> None:
    with place.handles(3)[2].writer_engine.begin() as connection:
        for table in (conversations, conversation_participants, messages):
            connection.execute(table.delete())
        assert connection.execute(sa.select(sa.func.count()).select_from(participants)).scalar_one()


async def test_listing_a_hundred_conversations_takes_no_more_queries_than_listing_two(
    place: Place, cluster: Cluster
) -> None:
    await cluster.introduce("user_2")
    cluster.die(0)  # or what it asks by itself every second counted, where a request takes that long
    needed = []
    for ids, length in ((range(1, 3), 1), (range(1, 101), 1), (range(1, 101), 60)):
        fill(place, ids, length)
        device = await cluster.connect("user_1")
        await cluster.settle()
        with counted(OF_THE_NODE) as statements:
            page = await device.do("conversations", limit=100)
        assert len(page["conversations"]) == len(ids)
        assert {conversation["unread"] for conversation in page["conversations"]} == {length}
        needed.append(len(statements))
        device.drop()
        await cluster.settle()
        clear(place)
    assert needed[0] == needed[1] == needed[2] <= 10


async def test_marking_a_thousand_messages_as_read_takes_what_marking_one_takes(place: Place, cluster: Cluster) -> None:
    await cluster.introduce("user_2")
    cluster.die(0)  # or what it asks by itself every second counted, where a request takes that long
    fill(place, range(1, 3), 1000)
    device = await cluster.connect("user_1")
    await cluster.settle()
    needed = []
    for cid, seq in ((1, 1), (2, 1000)):
        with counted(OF_THE_NODE) as statements:
            await device.do("mark_read", conversation_id=cid, message_id=cid * 10_000 + seq)
        needed.append(statements)
    assert needed[0] == needed[1], "the same statements, to the letter"
    assert len(needed[1]) == 6
    moved = [sql for sql in needed[1] if sql.startswith(("UPDATE", "INSERT", "DELETE"))]
    assert len(moved) == 2, "the cursor, and one step of it"
    seen = await device.do("conversations")
    assert {each["conversation_id"]: each["unread"] for each in seen["conversations"]} == {1: 999, 2: 0}


@pytest.mark.parametrize("command", ["add_reaction", "remove_reaction"])
async def test_twenty_reactions_in_a_transaction_take_the_statements_of_one(
    place: Place, cluster: Cluster, command: str
) -> None:
    await cluster.introduce("user_2")
    cluster.die(0)
    fill(place, range(1, 2), 40)
    device = await cluster.connect("user_1", 1)
    await cluster.settle()
    if command == "remove_reaction":
        for seq in range(1, 41):
            await device.do("add_reaction", message_id=10_000 + seq, emoji="👍")
    needed = []
    for seqs in ([1], range(2, 22)):
        with counted((*OF_THE_NODE, "SELECT id_blocks", "UPDATE id_blocks")) as statements:
            with cluster.one_batch(1):
                sent = [device.send(command, message_id=10_000 + seq, emoji="👍") for seq in seqs]
            for request_id in sent:
                assert (await device.answer(request_id))["type"] == "ok"
        needed.append(len(statements))
    # SQLite inserts 16 rows by one statement and four by another: of the events, and of the reactions.
    inserted = (2 if command == "add_reaction" else 1) if place.is_sqlite else 0
    assert needed == [7, 7 + inserted]


async def test_a_node_at_rest_reads_no_more_of_many_conversations_and_people_than_of_few(
    mariadb: MariaDb, mariadb_place: Place
) -> None:
    many = 20_000
    async with running_cluster(mariadb_place) as cluster:
        await cluster.connect("user_1")
        await cluster.settle()
        rows = [{"id": at, "conversation_type": "team", "created_ms": 1, "changed_ms": at} for at in range(1, many + 1)]
        held = {"participant_type": "user", "status": "online", "renewed_ms": 1}
        with mariadb_place.handles(3)[2].writer_engine.begin() as connection:
            connection.execute(conversations.insert(), rows)
            node_id = connection.execute(sa.select(presence_nodes.c.node_id)).scalars().first()
            people = range(100, 100 + many)
            leases = [{"participant_id": number, "node_id": node_id, **held} for number in people]
            connection.execute(presence_leases.insert(), leases)
        with mariadb.connect(mariadb_place.url.split("?")[0].rsplit("/", 1)[1]) as connection:
            connection.query("ANALYZE TABLE presence_leases")  # which InnoDB does by itself some seconds later
        before = rows_read(mariadb)
        for _ in range(10):
            await cluster.clock.advance(1.0)
            await cluster.settle()
        assert rows_read(mariadb) - before < many


def rows_read(mariadb: MariaDb) -> int:
    """How many rows that server has read since it started, one after another."""
    one_by_one = "'Handler_read_next', 'Handler_read_rnd_next'"
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"SHOW GLOBAL STATUS WHERE Variable_name IN ({one_by_one})")
        return sum(int(value) for _, value in cursor.fetchall())


async def test_messages_leave_next_to_nothing_for_the_garbage_collector(cluster: Cluster) -> None:
    """It stops everything while it looks. What the node does by itself leaves a few objects, too."""
    device = await cluster.connect("user_1")
    cid = await cluster.found(device, "user_2")
    count = 100
    gc.collect()
    gc.disable()
    try:
        for number in range(count):
            await device.do("message", conversation_id=cid, content=f"message {number}")
        await cluster.settle()
        assert gc.collect() < 5 * count
    finally:
        gc.enable()
