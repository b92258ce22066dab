"""What is stored about somebody: handed out whole, and erased to the last byte."""

import asyncio
import json
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from bihak.core.identity import Actor
from bihak.core.node import SYSTEM
from bihak.errors import NotFound
from bihak.features.messages import SendMessage
from bihak.features.participants import SaveParticipant
from bihak.features.privacy import Erased, EraseParticipant, Privacy, sections
from bihak.features.privacy.erasure import EraseMessages
from bihak.features.privacy.sections import SECTIONS
from bihak.features.search import Search
from bihak.protocol.envelope import Request
from bihak.protocol.types import Participant
from bihak.storage.schema import metadata
from bihak.transports.export import ParticipantExport
from tests.harness import Cluster, Device, Place

NAME, PICTURE, ADDRESS, WORD, EDIT, KEY = (f"zqcanary{what}" for what in ("name", "pic", "mail", "word", "edit", "key"))


async def a_life(cluster: Cluster) -> tuple[Device, Device, int, int]:
    """Ann, who has left a trace of every kind; Bob, who has met her; a group of both, and a conversation of the two."""
    await cluster.introduce("user_2", "user_3")
    bob = await cluster.connect("user_2", 1)
    known = {"name": NAME, "avatar_url": f"https://{PICTURE}.example/", "email": f"{ADDRESS}@example.org"}
    await cluster.nodes[0].call(SaveParticipant(participant=Participant("user", 1), **known))
    ann = await cluster.connect("user_1")
    cid = await cluster.found(bob, "user_3")
    await bob.do("add_participants", conversation_id=cid, participants=["user_1"])
    direct = await cluster.found(ann, "user_2", kind="direct")
    sent = await ann.do("message", conversation_id=cid, content=f"{WORD} first", idempotency_key=f"{KEY}-1")
    await ann.do("edit_message", message_id=sent["message_id"], content=f"{EDIT} second")
    await ann.do("message", conversation_id=direct, content=f"{WORD} for two")
    gone = await ann.do("message", conversation_id=cid, content=f"{WORD} deleted", idempotency_key=f"{KEY}-2")
    await ann.do("delete_message", message_id=gone["message_id"])
    theirs = await bob.do("message", conversation_id=cid, content="hello @user_1")
    for emoji in ("👍", "🎉"):
        await ann.do("add_reaction", message_id=theirs["message_id"], emoji=emoji)
    await ann.do("pin_message", message_id=theirs["message_id"])
    for _ in range(3):  # so that she is notified of everything
        await cluster.clock.advance(3)
        await cluster.settle()
        await asyncio.sleep(0.05)  # what the work rests in real time
    await ann.do("mark_read", conversation_id=cid, message_id=theirs["message_id"])
    ann.send("typing_start", conversation_id=direct)
    await cluster.settle()
    return ann, bob, cid, direct


async def export(cluster: Cluster, user_id: str = "user_1") -> ParticipantExport:
    pieces = [piece async for piece in cluster.nodes[0].feature(Privacy).export(user_id)]
    return msgspec.json.decode(b"".join(pieces), type=ParticipantExport)


async def erase(cluster: Cluster, user_id: str = "user_1") -> Erased:
    erased: Erased = await cluster.nodes[0].call(EraseParticipant(user_id=user_id))
    await cluster.settle()
    return erased


async def indexed(cluster: Cluster) -> None:
    """Waits until the index of words has come to everything."""
    while await cluster.stored(
        "SELECT 1 FROM conversations c LEFT JOIN deferred_progress d ON d.task = 'search' AND d.conversation_id = c.id "
        "WHERE c.last_seq > COALESCE(d.seq, 0)"
    ):
        await cluster.clock.advance(1)
        await cluster.settle()


def stored_bytes(place: Place) -> bytes:
    """All that the database has: on SQLite its files as they are, else every table."""
    database = place.handles(1)[0]
    if place.is_sqlite:
        path = database.reader_engine.url.database
        return b"".join(Path(f"{path}{end}").read_bytes() for end in ("", "-wal"))
    with database.reader_engine.connect() as connection:
        tables = connection.exec_driver_sql("SHOW TABLES").scalars().all()
        return repr([connection.exec_driver_sql(f"SELECT * FROM {table}").all() for table in tables]).encode()


def left_of(place: Place, *words: str) -> list[str]:
    found = stored_bytes(place)
    return [word for word in words if word.encode() in found]


def test_every_table_that_names_a_participant_is_in_an_export() -> None:
    tables = {table.name for table in metadata.sorted_tables if {"participant_id", "sender_id"} & set(table.c.keys())}
    read = {
        table.name
        for section in SECTIONS
        for table in sa.sql.visitors.iterate(section.source)
        if isinstance(table, sa.Table)
    }
    assert tables - read == {"participants"}, "which is the profile"


async def test_an_export_has_a_trace_of_every_kind_and_is_read_page_by_page(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, cid, direct = await a_life(cluster)
    whole = await export(cluster)
    counts = {name: len(rows) for name, rows in msgspec.to_builtins(whole).items() if isinstance(rows, list)}
    assert counts == {
        **{"memberships": 2, "messages": 3, "mentions": 1, "reactions": 2, "pins": 1, "receipts": 1},
        **{"notifications": 3, "presence": 1, "connections": 1, "typing": 1, "revocations": 0, "events": 6},
    }
    while True:
        whole = await export(cluster)
        with monkeypatch.context() as small:
            small.setattr(sections, "PAGE_ROWS", 1)
            small.setattr(sections, "WALK", 500)  # ids of two nodes are a block of some thousands apart
            paged = await export(cluster)
        again = await export(cluster)
        paged.exported_at = again.exported_at = whole.exported_at
        if again == whole:
            break  # nothing was written or ended meanwhile, such as that she types
    assert msgspec.to_builtins(paged) == msgspec.to_builtins(whole)
    assert whole.profile is not None
    assert (whole.profile["name"], whole.profile["email"]) == (NAME, f"{ADDRESS}@example.org")
    assert PICTURE in whole.profile["avatar_url"]
    assert [row["content"] for row in whole.messages] == [f"{EDIT} second", f"{WORD} for two", ""]
    assert [row["conversation_id"] for row in whole.memberships] == sorted((cid, direct))
    assert sorted(row["emoji"] for row in whole.reactions) == sorted(("👍", "🎉"))
    assert not (await export(cluster, "user_3")).messages


async def test_what_was_erased_is_in_no_byte_of_the_database_and_everyone_is_told(
    place: Place, cluster: Cluster
) -> None:
    ann, bob, cid, direct = await a_life(cluster)
    third = await cluster.connect("user_3", 1)
    await indexed(cluster)
    everything = (NAME, PICTURE, ADDRESS, WORD, EDIT, KEY)
    assert left_of(place, *everything) == list(everything)
    bob.take()
    erased = await erase(cluster)
    assert (erased.messages, erased.reactions) == (3, 2)
    assert ann.tape.closed is not None
    assert ann.tape.closed[0] == 4403
    for device, conversations in ((bob, (cid, direct)), (third, (cid,))):
        for conversation_id in conversations:
            seqs = device.seqs(conversation_id)
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert [frame["type"] for frame in bob.take() if "seq" in frame] == [
        *("participant_left", "message_deleted", "message_deleted", "reaction_removed", "reaction_removed")
    ]
    await cluster.clock.advance(10)  # what her leaving still had to write
    await cluster.settle()
    assert left_of(place, *everything) == []
    left = await export(cluster)
    assert left.profile is None
    kept = {name for name, rows in msgspec.to_builtins(left).items() if isinstance(rows, list) and rows}
    assert kept == {"memberships", "messages", "mentions", "pins", "revocations", "events"}
    page = await bob.do("history", conversation_id=direct)
    assert [(m["content"], m["sender_name"], m["deleted_at"] is None) for m in page["messages"]] == [
        ("", "user_1", False)
    ]
    assert (await bob.do("search", q=WORD))["messages"] == []
    listed = (await bob.do("conversations"))["conversations"]
    people = {c["conversation_id"]: [p["name"] for p in c["participants"]] for c in listed}
    assert people == {cid: ["user_2", "user_3"], direct: ["user_1", "user_2"]}


async def test_no_step_of_the_index_that_was_under_way_brings_erased_words_back(place: Place, cluster: Cluster) -> None:
    ann, *_ = await a_life(cluster)
    cid = await cluster.found(ann, "user_3")
    await indexed(cluster)
    await ann.do("message", conversation_id=cid, content=f"{WORD} last")
    node = cluster.nodes[0]
    late, _ = await node.readers.run(partial(node.feature(Search)._prepare, ids=[cid]))
    assert any(WORD in words for *_, words in late.entries)
    await erase(cluster)
    assert (await node.call(late)).conversation_ids == set()
    assert left_of(place, WORD) == []


async def test_a_replay_after_an_erasure_brings_no_name(cluster: Cluster) -> None:
    _, bob, cid, _ = await a_life(cluster)
    await erase(cluster)
    late = await cluster.connect("user_3", 0, resume={cid: 0})
    await cluster.settle()
    assert late.seqs(cid) == list(range(1, bob.seqs(cid)[-1] + 1))
    assert NAME not in json.dumps(late.frames)


async def test_erasing_twice_finds_nothing_more_and_nobody_is_not_found(cluster: Cluster) -> None:
    await a_life(cluster)
    await erase(cluster)
    assert await erase(cluster) == Erased(user_id="user_1", messages=0, reactions=0)
    for ask in (erase, export):
        with pytest.raises(NotFound):
            await ask(cluster, "user_999")


async def test_what_is_sent_while_one_is_erased_is_erased_as_well(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob, cid, direct = await a_life(cluster)
    node, call, late = cluster.nodes[0], cluster.nodes[0].call, [f"{WORD} in between"]

    async def call_and_say(request: Request, actor: Actor = SYSTEM) -> Any:
        """Once messages have been erased, one more comes in, as one that was under way would."""
        outcome = await call(request, actor)
        if isinstance(request, EraseMessages) and late:
            await call(SendMessage(conversation_id=direct, content=late.pop()), actor)
        return outcome

    monkeypatch.setattr(node, "call", call_and_say)
    for number in range(300):
        ann.send("message", conversation_id=cid, content=f"{WORD} {number}")
    await erase(cluster)
    assert not late
    page = await bob.do("history", conversation_id=cid, limit=100)
    assert {m["content"] for m in page["messages"] if m["sender_id"] == 1} == {""}
    assert await cluster.stored("SELECT COUNT(*) FROM messages WHERE content LIKE :word", word=f"%{WORD}%") == [(0,)]


async def test_the_words_of_a_deleted_message_leave_the_files_within_a_clean_up(place: Place, cluster: Cluster) -> None:
    ann = await cluster.connect("user_1")
    cid = await cluster.found(ann, "user_2")
    sent: list[Any] = []
    for number in range(30):
        sent.append(await ann.do("message", conversation_id=cid, content=f"zqsecret{number}x among others"))
        await indexed(cluster)  # each is a piece of the index by itself
    await ann.do("edit_message", message_id=sent[1]["message_id"], content="zqharmless")
    await ann.do("delete_message", message_id=sent[2]["message_id"])
    await indexed(cluster)
    secrets = ("zqsecret1x", "zqsecret2x")
    assert left_of(place, *secrets) == (list(secrets) if place.is_sqlite else []), "marked as deleted, no more"
    await cluster.clock.advance(3601)
    for _ in range(100):  # steps of it, each of which rests a little
        if left_of(place, *secrets):
            await cluster.clock.advance(1)
            await cluster.settle()
    assert left_of(place, *secrets) == []
    assert left_of(place, "zqsecret3x", "zqharmless") == ["zqsecret3x", "zqharmless"]
    found = await ann.do("search", q="zqsecret3x")
    assert [message["message_id"] for message in found["messages"]] == [sent[3]["message_id"]]
