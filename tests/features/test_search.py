"""Messages are found by their words: present text only, in one's own conversations only."""

import asyncio
from typing import Any

import pytest

from bihak.core.node import Node
from bihak.features.backlog import Due
from bihak.features.search import INDEX_AFTER_S, SEQS_AT_ONCE
from bihak.features.search.words import words_of
from bihak.storage.schema import metadata
from tests.harness import Cluster, Device, Place, running_cluster


async def indexed(cluster: Cluster) -> None:
    """Lets the index of every node catch up with the log."""
    await cluster.settle()
    for _ in range(50):
        await cluster.clock.advance(INDEX_AFTER_S * 2)
        await cluster.settle()
        behind = await cluster.stored(
            "SELECT m.id FROM messages m LEFT JOIN message_words w ON w.message_id = m.id "
            "WHERE CASE WHEN m.deleted_ms IS NULL THEN COALESCE(w.edited_ms, -1) <> COALESCE(m.edited_ms, 0) "
            "ELSE w.message_id IS NOT NULL END"
        )
        if not behind:
            return
    raise AssertionError(f"the index does not catch up: {behind}")


async def say(device: Device, conversation_id: int, *texts: str) -> list[int]:
    """Sends these; their ids."""
    return [(await device.do("message", conversation_id=conversation_id, content=text))["message_id"] for text in texts]


async def search(device: Device, q: str, **fields: Any) -> list[str]:
    """The contents of what is found, oldest first."""
    reply = await device.do("search", q=q, **fields)
    assert reply["type"] == "search_results"
    assert reply["conversation_id"] == fields.get("conversation_id")
    return [message["content"] for message in reply["messages"]]


async def test_a_message_is_found_by_its_words_on_every_node_within_half_a_second(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    await say(alice, cid, "The solar dryer is ready", "Nothing of the kind")
    await cluster.settle()
    await cluster.clock.advance(0.5)
    await cluster.settle()
    for device in (alice, bob):
        assert await search(device, "dryer solar") == ["The solar dryer is ready"]
        assert await search(device, "dryer nothing") == []
    (message,) = (await bob.do("search", q="dryer"))["messages"]
    history = await bob.do("history", conversation_id=cid)
    assert message == history["messages"][0]


async def test_the_beginning_of_a_word_finds_it_and_its_end_does_not(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await say(alice, cid, "mangoes")
    await indexed(cluster)
    assert await search(alice, "mang") == ["mangoes"]
    assert await search(alice, "goes") == []


@pytest.mark.parametrize(
    ("text", "q"),
    [
        ("Crème brûlée à la carte", "creme BRULEE"),
        ("creme brulee", "Crème BRÛLÉE"),
        ("STRASSE", "straße"),
        ("İstanbul", "istanbul"),
        ("Привет, мир", "привет МИР"),
        ("a b c", "b"),
        ("it is to be the one", "the be is"),
        ("C3 x", "c3"),
        ("the price is 100% of it", "100%"),
        ("don't 'quote' \"me\"", 'don\'t "quote"'),
        ("foo_bar", "bar"),
        ("北京大学", "京"),
        ("हिन्दी में", "हिन्दी"),
        ("well done \N{THUMBS UP SIGN}", "\N{THUMBS UP SIGN}"),
        ("Donaudampfschifffahrtsgesellschaftskapitän" * 3, "Donaudampfschifffahrtsgesellschaftskapitän" * 3),
        ("word AND other NOT (third) near", "AND NOT (near)"),
    ],
)
async def test_words_are_found_whatever_their_case_accents_length_and_script(
    cluster: Cluster, text: str, q: str
) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await say(alice, cid, text, "unrelated")
    await indexed(cluster)
    assert await search(alice, q) == [text]


@pytest.mark.parametrize(
    "q",
    [
        "%",
        "_",
        "*",
        "'",
        '"',
        "\\",
        "unrelat%d",
        "unrelat*d",
        "+",
        "-unrelated2",
        "x OR unrelated",
        "(((",
        "a* OR 1=1 --",
    ],
)
async def test_operators_are_plain_text(cluster: Cluster, q: str) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    await say(alice, cid, "unrelated")
    await indexed(cluster)
    assert await search(alice, q) == []


async def test_edited_away_and_deleted_text_is_not_found_from_that_moment_on(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    edited, deleted = await say(alice, cid, "secret plans", "secret recipe")
    await indexed(cluster)
    assert len(await search(bob, "secret")) == 2
    await alice.do("edit_message", message_id=edited, content="public plans")
    await alice.do("delete_message", message_id=deleted)
    assert await search(bob, "secret") == []
    await indexed(cluster)
    assert await search(bob, "secret") == []
    assert await search(bob, "public") == ["public plans"]
    assert await cluster.stored("SELECT message_id FROM message_words") == [(edited,)]


async def test_only_what_ones_memberships_cover_is_found(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    late, gone, never = [await cluster.connect(f"user_{n}", 1) for n in (2, 3, 4)]
    cid = await cluster.found(alice, "user_3")
    own = await cluster.found(never, "user_5")
    await say(alice, cid, "pear one")
    await alice.do("add_participants", conversation_id=cid, participants=["user_2"])
    await gone.do("leave_conversation", conversation_id=cid)
    await say(alice, cid, "pear two")
    await say(never, own, "pear three")
    await indexed(cluster)
    assert await search(alice, "pear") == ["pear one", "pear two"]
    assert await search(late, "pear") == ["pear two"]
    assert await search(gone, "pear") == []
    assert await search(never, "pear") == ["pear three"]
    for outsider in (gone, never):
        theirs = await outsider.refused("search", q="pear", conversation_id=cid, request_id="r")
        missing = await outsider.refused("search", q="pear", conversation_id=2**53 - 1, request_id="r")
        assert theirs.pop("conversation_id") == cid
        del missing["conversation_id"]
        assert theirs == missing
        assert theirs["code"] == "not_found"


async def test_a_page_ends_where_the_next_one_begins(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    one, two = await cluster.found(alice, "user_2"), await cluster.found(alice, "user_2")
    texts = [f"pear {n}" for n in range(7)]
    for n, text in enumerate(texts):  # ids of two nodes do not tell the order
        await say((alice, bob)[n % 2], (one, two)[n % 3 == 0], text)
        await asyncio.sleep(0.002)
    await indexed(cluster)
    found: list[str] = []
    before: dict[str, int] = {}
    pages = []
    while True:
        page = await alice.do("search", q="pear", limit=3, **before)
        pages.append((len(page["messages"]), page["has_more"]))
        found = [message["content"] for message in page["messages"]] + found
        if not page["has_more"]:
            break
        before = {"before": page["messages"][0]["message_id"]}
    assert found == texts
    assert pages == [(3, True), (3, True), (1, False)]
    outsider = await cluster.connect("user_9")
    await cluster.found(outsider, "user_8")
    errors = [
        await outsider.refused("search", q="pear", before=n, request_id="r") for n in (before["before"], 2**53 - 1)
    ]
    assert errors[0] == errors[1]
    assert errors[0]["code"] == "not_found"


async def test_conversation_person_and_time_narrow_what_is_found(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    one, two = await cluster.found(alice, "user_2"), await cluster.found(alice, "user_2")
    await say(alice, one, "pear of alice")
    await say(bob, two, "pear of bob")
    await asyncio.sleep(0.005)
    await say(bob, one, "late pear of bob")
    await indexed(cluster)
    (at,) = [m["created_at"] for m in (await bob.do("search", q="late"))["messages"]]
    assert await search(bob, "pear", conversation_id=one) == ["pear of alice", "late pear of bob"]
    assert await search(alice, "pear", sender="user_2") == ["pear of bob", "late pear of bob"]
    assert await search(alice, "pear", sender="user_2", conversation_id=two) == ["pear of bob"]
    assert await search(alice, "pear", since=at) == ["late pear of bob"]
    assert await search(alice, "pear", until=at) == ["pear of alice", "pear of bob"]
    assert await search(alice, "pear", since=at.replace("Z", "+00:00"), until=at) == []


async def test_a_query_that_asks_nothing_is_refused(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    for fields in ({"q": ""}, {"q": "  "}, {"q": "x" * 201}, {}):
        assert (await alice.refused("search", **fields))["field"] == "q"
    assert (await alice.refused("search", q="x", limit=101))["field"] == "limit"
    assert (await alice.refused("search", q="x", since="yesterday"))["field"] == "since"
    assert (await alice.refused("search", q="x", since="2026-01-01T00:00:00"))["field"] == "since"
    assert (await alice.refused("search", q="x", sender="user_9999999999999999"))["field"] == "sender"
    assert await search(alice, "x") == []


async def test_what_a_crash_left_out_of_the_index_is_found_after_the_next_start(place: Place) -> None:
    async with running_cluster(place) as cluster:
        alice = await cluster.connect("user_1")
        cid = await cluster.found(alice, "user_2")
        changed, *_ = await say(alice, cid, "old words", "indexed in time")
        await indexed(cluster)
        await say(alice, cid, *(f"left out {n}" for n in range(5)))
        await alice.do("edit_message", message_id=changed, content="new words")
    assert not await words_stored(place, "left")
    again = Cluster(place.handles(1))
    await again.start()
    try:
        await indexed(again)
        alice = await again.connect("user_1")
        assert len(await search(alice, "left out")) == 5
        assert await search(alice, "new") == ["new words"]
        assert await search(alice, "old") == []
    finally:
        await again.stop()


async def words_stored(place: Place, word: str) -> bool:
    with place.handles(1)[0].reader_engine.begin() as connection:
        rows = connection.execute(metadata.tables["message_words"].select())
        return any(token in row.words for row in rows for token in words_of(word))


async def test_a_step_read_before_an_edit_does_not_bring_the_old_text_back(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    (message_id,) = await say(alice, cid, "first draft")
    await cluster.settle()
    slow, fast = (_search_of(node) for node in cluster.nodes)
    read_early, _ = await cluster.nodes[0].readers.run(lambda c: slow._prepare(c, [cid]))
    await alice.do("edit_message", message_id=message_id, content="second draft")
    await fast._index({cid: Due(2)})
    assert (await cluster.nodes[0].call(read_early)).conversation_ids == set()
    assert await search(bob, "second") == ["second draft"]
    assert await search(bob, "first") == []


async def test_two_nodes_that_index_the_same_conversation_at_once_both_finish(cluster: Cluster) -> None:
    alice, bob = await cluster.connect("user_1", 0), await cluster.connect("user_2", 1)
    cid = await cluster.found(alice, "user_2")
    for n in range(5):
        alice.send("message", conversation_id=cid, content=f"pear a{n}")
        bob.send("message", conversation_id=cid, content=f"pear b{n}")
    await indexed(cluster)
    assert len(await search(alice, "pear")) == 10


async def test_a_long_conversation_is_indexed_in_steps(cluster: Cluster) -> None:
    alice = await cluster.connect("user_1")
    cid = await cluster.found(alice, "user_2")
    for n in range(900):
        alice.send("message", conversation_id=cid, content=f"pear {n}")
    await cluster.settle()
    step, left_over = await cluster.nodes[0].readers.run(lambda c: _search_of(cluster.nodes[0])._prepare(c, [cid]))
    assert len(step.entries) <= SEQS_AT_ONCE
    assert left_over or not step.steps
    await indexed(cluster)
    assert (await alice.do("search", q="pear"))["has_more"]
    assert await search(alice, "0") == ["pear 0"]
    assert await cluster.stored("SELECT seq FROM deferred_progress WHERE task = 'search'") == [(900,)]


def _search_of(node: Node) -> Any:
    return next(feature for feature in node.features if type(feature).__name__ == "Search")


@pytest.mark.parametrize("char", ["a", "z", "0", "é", "я", "字", "ก", "\N{THUMBS UP SIGN}", "\U0001e900", "ि"])
def test_every_token_is_of_what_both_databases_take_for_one_word(char: str) -> None:
    for token in words_of(f"{char} {char * 100}"):
        assert token.isascii()
        assert token.replace("_", "a").isalnum()
        assert 4 <= len(token) <= 84
        assert token == token.lower()


async def test_messages_that_this_node_has_just_stored_are_not_read_again(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = await cluster.connect("user_1", 0)
    cid = await cluster.found(alice, "user_2")
    await indexed(cluster)
    reads: list[Any] = []
    monkeypatch.setattr(_search_of(cluster.nodes[0]), "_read_and_index", reads.append)
    await say(alice, cid, "pear one", "pear two")
    await indexed(cluster)
    assert await search(alice, "pear") == ["pear one", "pear two"]
    assert reads == []
