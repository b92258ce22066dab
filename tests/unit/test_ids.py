"""Ids from blocks: no two processes hand out the same one."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from bihak.storage.ids import BLOCKS, LARGEST, LASTS_S, IdBlocks, IdsExhausted
from tests.harness import Place

BLOCK, LOW_WATER = BLOCKS["messages"]


def next_free(connection: sa.Connection) -> int:
    with connection.begin():
        found: int = connection.exec_driver_sql("SELECT next_id FROM id_blocks WHERE name = 'messages'").scalar_one()
    return found


def test_ids_go_up_one_by_one_and_a_block_is_reserved_ahead(place: Place) -> None:
    with place.handles(1)[0].writer_engine.connect() as connection:
        ids = IdBlocks()
        ids.refill(connection)
        first = ids.take("messages")
        taken = [first]
        while len(taken) < 2 * BLOCK:
            ids.refill(connection)
            taken += [ids.take("messages") for _ in range(300)]
        assert taken == list(range(first, first + len(taken)))
        assert next_free(connection) > taken[-1]
        ids.give_back(connection)


def test_a_transaction_that_takes_too_many_is_told_to_run_again(place: Place) -> None:
    with place.handles(1)[0].writer_engine.connect() as connection:
        ids = IdBlocks()
        ids.refill(connection)
        for _ in range(BLOCK):
            ids.take("messages")
        with pytest.raises(IdsExhausted):
            ids.take("messages")
        ids.refill(connection)
        ids.take("messages")


def test_a_transaction_of_any_size_gets_its_ids_after_a_few_tries(place: Place) -> None:
    """What it took stays taken when it is run again, so a block of the same size would never do."""
    with place.handles(1)[0].writer_engine.connect() as connection:
        ids = IdBlocks()
        tries = 0
        taken: list[int] = []
        while len(taken) < 10 * BLOCKS["conversations"].block:
            ids.refill(connection)
            taken, tries = [], tries + 1
            assert tries <= 5
            try:
                while len(taken) < 10 * BLOCKS["conversations"].block:
                    taken.append(ids.take("conversations"))
            except IdsExhausted:
                continue
        ids.give_back(connection)


def test_what_was_not_used_is_given_back(place: Place) -> None:
    with place.handles(1)[0].writer_engine.connect() as connection:
        ids = IdBlocks()
        ids.refill(connection)
        last = ids.take("messages")
        ids.give_back(connection)
        assert next_free(connection) == last + 1


def test_two_processes_never_hand_out_the_same_id(place: Place) -> None:
    with place.handles(1)[0].writer_engine.connect() as connection:
        one, two = IdBlocks(), IdBlocks()
        taken: list[int] = []
        for ids, count in ((one, 1), (two, 1), (one, BLOCK - LOW_WATER)):
            for _ in range(count):
                ids.refill(connection)
                taken.append(ids.take("messages"))
        # `one` has now ids before and behind the block that `two` is still using.
        one.refill(connection)
        one.give_back(connection)
        three = IdBlocks()
        for ids in (two, three, two, three):
            for _ in range(BLOCK):
                ids.refill(connection)
                taken.append(ids.take("messages"))
        assert len(taken) == len(set(taken))


def test_the_faster_ids_are_used_the_more_are_reserved_at_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr("bihak.storage.ids.time.monotonic", lambda: clock[0])

    def reserved(connection: sa.Connection, ids: IdBlocks, after_s: float) -> Iterator[int]:
        """How many at once, whenever so much time has passed and few were left."""
        while True:
            clock[0] += after_s
            while len(ids._free["messages"]) > LOW_WATER:
                ids.take("messages")
            before = next_free(connection)
            ids.refill(connection)
            yield next_free(connection) - before

    with place.handles(1)[0].writer_engine.connect() as connection:
        ids = IdBlocks()
        fast, slow = reserved(connection, ids, LASTS_S / 2), reserved(connection, ids, LASTS_S * 2)
        assert [next(fast) for _ in range(6)] == [BLOCK, 2 * BLOCK, 4 * BLOCK, LARGEST, LARGEST, LARGEST]
        assert [next(slow) for _ in range(2)] == [BLOCK, BLOCK]
        ids.give_back(connection)
